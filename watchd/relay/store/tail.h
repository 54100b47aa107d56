/* SPDX-License-Identifier: ISC
 * tail: the entries of the log that the database does not have yet. The writer
 * thread adds what it has synced; the applier thread removes it when the
 * database has committed it. Readers look here first and then in the database:
 * an entry is in the database before it leaves the tail, so a reader that
 * begins its transaction after it has looked here misses nothing. Bounded: the
 * writer waits for room before it appends (tail_wait()). Any thread; one lock,
 * held for a look-up or a slice of 256 entries. */
#ifndef MX_STORE_TAIL_H
#define MX_STORE_TAIL_H

#include <sys/queue.h>

#include <pthread.h>

#include "base/idmap.h"
#include "relay/store/journal.h"

struct tail_part { /* a change of one record or state */
	uint64_t id; /* 0: a state */
	const char *key; /* of a state, klen bytes */
	size_t klen;
	const char *data; /* NULL: removed */
	size_t len;
};

/* One record of the log, its bytes and parts in one allocation; owned by the
 * writer until tail_add(). */
struct tail_entry {
	STAILQ_ENTRY(tail_entry) link;
	struct journal_record r; /* r.rest is stored behind the parts */
	uint64_t segment, end; /* where it ends */
	uint64_t size; /* in the log */
	unsigned nparts; /* those with an effect */
	struct tail_part parts[];
};
STAILQ_HEAD(tail_list, tail_entry);

struct tail_limits {
	uint64_t bytes_max; /* of the log that a start would read again */
	unsigned records_max;
	unsigned delay_ms; /* longest delay of the database */
};

struct tail {
	pthread_mutex_t lock;
	pthread_cond_t added, room;
	struct tail_list entries; /* by sequence */
	struct idmap records; /* id -> newest struct tail_part */
	struct tail_part **states; /* the newest of each, by key */
	size_t nstates, states_room;
	uint64_t bytes, nentries; /* in the log */
	/* bytes of records among them, as the database gets them */
	uint64_t rest;
	struct tail_limits limits;
	/* when the oldest was added to an empty tail; monotonic */
	int64_t oldest;
	int stuck; /* why the database cannot follow; 0: it does */
	bool hurry, quit;
};

struct tail *tail_create(void);
void tail_destroy(struct tail **);
void tail_limit(struct tail *, const struct tail_limits *);

/* Copies a record, and decodes its parts. NULL: malformed. */
struct tail_entry *tail_entry(const struct journal_record *);
void tail_entry_free(struct tail_entry **);

/* Writer: true when there is room for `records` more; waits for it as long as
 * the database follows. With `beyond` the limit is doubled: for changes that
 * must get through. */
bool tail_wait(struct tail *, unsigned records, uint64_t bytes, bool beyond);
void tail_add(struct tail *, struct tail_entry *);
/* Writer: waits until it is empty; false when the database does not follow. */
bool tail_drain(struct tail *);

/* Applier: waits until entries are due, up to timeout_ms; false when the thread
 * has to end and none are left. The next entries are those behind `after`
 * (NULL: the first); they stay owned by the tail. */
bool tail_due(struct tail *, int timeout_ms);
struct tail_entry *tail_next(struct tail *, struct tail_entry *after);
/* Waits that long, or until tail_quit() or tail_hurry(); false when the thread
 * has to end. */
bool tail_pause(struct tail *, int ms);
/* The first `n` are in the database: removes and frees them. */
void tail_applied(struct tail *, unsigned n);
void tail_stuck(struct tail *, int rc); /* 0: it follows again */
void tail_hurry(struct tail *); /* do not wait for delay_ms */
void tail_quit(struct tail *); /* ends the applier when none are left */

/* Readers: the newest version of a record or state, appended to *copy (unless
 * NULL). TAIL_NONE: ask the database. */
enum tail_found { TAIL_NONE, TAIL_HERE, TAIL_REMOVED };
enum tail_found tail_get(struct tail *, uint64_t id, struct buf *copy);
/* The state with the least key above `after` (or equal, with `same`): its key
 * in *key, its value in *value. */
enum tail_found tail_state_next(struct tail *, const char *after, bool same,
    struct buf *key, struct buf *value);
uint64_t tail_rest(struct tail *);
void tail_behind(struct tail *, uint64_t *records, uint64_t *bytes);
int tail_is_stuck(struct tail *);

#endif
