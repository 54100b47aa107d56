/* SPDX-License-Identifier: ISC
 * tail: what is in the log and not yet in the database. The writer thread
 * adds what it has synced, the applier thread takes it out when the database
 * has committed it; in between, whoever reads looks here first and in the
 * database then: what leaves the tail is in the database before, so a reader
 * that began its transaction after it had looked here misses nothing.
 * Bounded: the writer waits for room before it appends (tail_wait()).
 * Any thread; one lock, held for a look-up or a slice of 256 entries. */
#ifndef MX_STORE_TAIL_H
#define MX_STORE_TAIL_H

#include <sys/queue.h>

#include <pthread.h>

#include "base/idmap.h"
#include "relay/store/journal.h"

struct tail_part { /* one change, of the record or the state it names */
	uint64_t id; /* 0: a state */
	const char *key; /* of a state, klen bytes */
	size_t klen;
	const char *data; /* NULL: it is removed */
	size_t len;
};

/* One record of the log, its bytes and its parts in one piece of memory; the
 * writer's until tail_add(). */
struct tail_entry {
	STAILQ_ENTRY(tail_entry) link;
	struct journal_record r; /* r.rest lies behind the parts */
	uint64_t segment, end; /* it ends here */
	uint64_t size; /* in the log */
	unsigned nparts; /* those that change something */
	struct tail_part parts[];
};
STAILQ_HEAD(tail_list, tail_entry);

struct tail_limits {
	uint64_t bytes_max; /* of the log that a start has to read again */
	unsigned records_max;
	unsigned delay_ms; /* the database follows at most so late */
};

struct tail {
	pthread_mutex_t lock;
	pthread_cond_t added, room;
	struct tail_list entries; /* by sequence */
	struct idmap records; /* id -> newest struct tail_part */
	struct tail_part **states; /* the newest of each, by key */
	size_t nstates, states_room;
	uint64_t bytes, nentries; /* in the log */
	uint64_t rest; /* bytes of records among them: for the database */
	struct tail_limits limits;
	int64_t oldest; /* when it was added to an empty tail; monotonic */
	int stuck; /* what keeps the database from following; 0: nothing */
	bool hurry, quit;
};

struct tail *tail_create(void);
void tail_destroy(struct tail **);
void tail_limit(struct tail *, const struct tail_limits *);

/* A copy of a record, with its parts read out. NULL: it does not hold. */
struct tail_entry *tail_entry(const struct journal_record *);
void tail_entry_free(struct tail_entry **);

/* Writer: true when there is room for `records` more; waits for it as long as
 * the database follows. With `beyond` there is room for twice as much: for
 * what must get through. */
bool tail_wait(struct tail *, unsigned records, uint64_t bytes, bool beyond);
void tail_add(struct tail *, struct tail_entry *);
/* Writer: waits until it is empty; false when the database does not follow. */
bool tail_drain(struct tail *);

/* Applier: waits until there is something to be done, up to timeout_ms; false
 * when it is to end and nothing is left. The next entries are those behind
 * `after` (NULL: the first) and stay the tail's. */
bool tail_due(struct tail *, int timeout_ms);
struct tail_entry *tail_next(struct tail *, struct tail_entry *after);
/* Waits that long, or until it is to end, or somebody hurries; false when it is
 * to end. */
bool tail_pause(struct tail *, int ms);
/* The first `n` are in the database: they leave, and are freed. */
void tail_applied(struct tail *, unsigned n);
void tail_stuck(struct tail *, int rc); /* 0: it follows again */
void tail_hurry(struct tail *); /* do not wait for delay_ms */
void tail_quit(struct tail *); /* ends when nothing is left */

/* Readers: the newest state of a record or of a state, appended to *copy
 * (unless NULL). TAIL_NONE: the database knows. */
enum tail_found { TAIL_NONE, TAIL_HERE, TAIL_REMOVED };
enum tail_found tail_get(struct tail *, uint64_t id, struct buf *copy);
/* The state with the least key above `after` (not below it, when `same`): its key
 * in *key, what it holds in *value. */
enum tail_found tail_state_next(struct tail *, const char *after, bool same,
    struct buf *key, struct buf *value);
uint64_t tail_rest(struct tail *);
void tail_behind(struct tail *, uint64_t *records, uint64_t *bytes);
int tail_is_stuck(struct tail *);

#endif
