/* SPDX-License-Identifier: ISC
 * writer_int: shared by writer.c (the thread and its queue) and group.c (one
 * group on its way to the disk). Never leaves this folder. */
#ifndef MX_STORE_WRITER_INT_H
#define MX_STORE_WRITER_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "relay/store/applier.h"
#include "relay/store/space.h"
#include "relay/store/store_int.h"
#include "relay/store/writer.h"

#define GROUP_OPS   8192 /* requests of one group */
#define GROUP_BYTES (256u << 20) /* bodies of one group */

struct large { /* a body with a segment of its own */
	struct segment seg;
	uint32_t crc;
	int rc; /* of the first chunk that failed */
};

struct group {
	struct store_req **reqs;
	struct tail_entry **entries; /* of each; NULL: not written */
	unsigned n, size;
	unsigned commits;
	uint64_t bytes; /* of bodies */
};

struct store_writer {
	pthread_t thread;
	struct spool *sp;
	struct applier *applier;
	struct mailbox *in, *out, *reader;
	struct mail_list queue; /* taken, not yet in a group */
	struct mail_list answers;
	struct space space;
	struct segment cur; /* current file of the log */
	uint64_t seq; /* of the last durable record */
	struct idmap larges; /* message id -> struct large */
	struct buf record; /* being encoded */
	struct group group;
	unsigned group_max;
	uint64_t segment_size;
	/* changed by the applier, too */
	_Atomic uint64_t segments, segment_bytes;
	struct store_info told;
	char failed_why[160];
	bool failed; /* no new mail until a restart */
	bool unwritable; /* the log did not even take a removal */
	int64_t try_next; /* monotonic */
	bool quit;
};

/* Executes w->group: each request gets its rc and is moved to w->out. */
void group_run(struct store_writer *);
/* Tests whether the log can be written again. */
void group_try(struct store_writer *);
/* False when the request has to wait for the next group. */
bool writer_into_group(struct store_writer *, struct store_req *);
/* Latches the failure and reports it. Uses errno. */
void writer_fail(struct store_writer *, enum store_op, const char *what);
void writer_error(struct store_writer *, enum store_op, int error);
/* The owner is told before the next answers. */
void writer_tell(struct store_writer *, bool looked);
void writer_drop_large(struct store_writer *, struct large *, bool unlink_it);

#endif
