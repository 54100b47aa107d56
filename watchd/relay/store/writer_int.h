/* SPDX-License-Identifier: ISC
 * writer_int: shared by writer.c (the thread and its queue), group.c (one group
 * from bodies to commit) and reclaim.c (the segments that it changes).
 * Never leaves this folder. */
#ifndef MX_STORE_WRITER_INT_H
#define MX_STORE_WRITER_INT_H

#include <pthread.h>

#include "relay/store/store_int.h"

#define GROUP_OPS   8192 /* requests of one transaction */
#define GROUP_BYTES (256u << 20) /* bodies of one transaction */

struct large { /* a body that has a segment of its own */
	struct segment seg;
	uint32_t crc;
	int rc; /* of the first chunk that failed */
};

struct group {
	struct store_req **reqs;
	unsigned n, size;
	unsigned commits;
	uint64_t bytes;
};

struct store_writer {
	pthread_t thread;
	struct spool *sp;
	struct mailbox *in, *out, *reader;
	struct mail_list queue; /* taken, not yet in a group */
	struct mail_list answers;
	struct space space;
	struct segment cur; /* small bodies go here */
	uint64_t retired; /* was current; nothing may be alive in it */
	struct idmap larges; /* id of part 0 -> struct large */
	struct idmap touched; /* of the running transaction (reclaim.c) */
	struct buf record;
	struct group group;
	unsigned group_max;
	uint64_t segment_size;
	uint64_t segments, segment_bytes;
	struct store_info told;
	char failed_why[160];
	bool failed; /* nothing is accepted until a restart */
	bool unwritable; /* the database took not even a removal */
	int64_t try_next; /* monotonic */
	bool quit;
};

/* Does w->group: each request gets its rc and goes to w->out. */
void group_run(struct store_writer *);
/* Tries whether the database can be written again. */
void group_try(struct store_writer *);
/* The record of a segment, to be changed; all that were touched are written
 * by reclaim_settle(), within the same transaction. */
int reclaim_touch(struct store_writer *, struct db_txn *, uint64_t number,
    struct db_segment **) MX_NODISCARD;
int reclaim_settle(struct store_writer *, struct db_txn *) MX_NODISCARD;
void reclaim_run(struct store_writer *); /* after the commit; clears */
void reclaim_clear(struct store_writer *); /* the transaction failed */
/* Latches the failure and tells the owner. Uses errno. */
void writer_fail(struct store_writer *, enum store_op, const char *what);
void writer_error(struct store_writer *, enum store_op, int error);
/* The owner hears of it before what is answered next. */
void writer_tell(struct store_writer *, bool looked);
void writer_drop_large(struct store_writer *, struct large *, bool unlink_it);
void writer_unlink(struct store_writer *, uint64_t number, uint64_t size);

#endif
