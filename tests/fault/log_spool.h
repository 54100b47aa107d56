/* SPDX-License-Identifier: ISC
 * log_spool: a spool whose log has everything in it: records of all kinds,
 * bodies that lie there and large ones beside it, a part that the database has
 * and a tail that it has not. That ends with messages, or with a group whose
 * sync failed and the file behind it that voids it. And where each of that
 * lies. One thread. */
#ifndef MX_TESTS_LOG_SPOOL_H
#define MX_TESTS_LOG_SPOOL_H

#include "relay/store/journal_files.h"
#include "tests/unit/store_kit.h"

#define SPOOL_MESSAGES 60
#define SPOOL_APPLIED  24 /* of them */
#define SPOOL_REFUSED  2 /* others, of the group that failed */
#define SPOOL_CHANGES  2 /* of a message, at most */

struct extent_of { /* of a record, or of a body */
	size_t file; /* index */
	uint64_t from, to;
};

struct record {
	uint64_t seq; /* 0: none, or not in the tail */
	struct extent_of at;
};

struct message {
	uint64_t id, removed_seq; /* 0: not in the tail */
	size_t len;
	bool removed;
	struct extent_of body;
	struct record commit;
	unsigned attempts; /* how often it was changed: each time one more */
	struct record change[SPOOL_CHANGES];
};

struct log_spool {
	struct kit kit;
	char dir[300];
	uint64_t seed;
	struct message msgs[SPOOL_MESSAGES];
	uint64_t refused[SPOOL_REFUSED]; /* ids */
	unsigned nrefused; /* 0: nothing is void */
	struct record *tail; /* ascending, without what is void */
	size_t ntail;
	uint64_t *numbers; /* of the files: those of the log, then bodies */
	size_t nlogs, nfiles;
	uint64_t first_tail; /* file that a start reads first */
	struct record void_head; /* of the last file, which voids */
};

/* Makes it below an empty folder's name; ends the program when it cannot. */
void
log_spool_make(struct log_spool *, const char *dir, uint64_t seed, bool voids);
void log_spool_free(struct log_spool *);

#endif
