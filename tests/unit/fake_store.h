/* SPDX-License-Identifier: ISC
 * fake_store: relay/store/store.h in memory, for tests, by link-time
 * substitution. Nothing completes before the test says so; any kind of change
 * can be made to fail. What is durable is a list of envelopes, which survives
 * fake_store_restart(), so a crash is: drop the queue, restart, load again. */
#ifndef MX_TESTS_FAKE_STORE_H
#define MX_TESTS_FAKE_STORE_H

#include "relay/store/store.h"

struct store *fake_store_create(void);
void fake_store_destroy(struct store *);
/* Completes what was handed in so far; returns how much that was. */
unsigned fake_store_pump(struct store *);
/* Drops what was not completed, as a crash does. */
void fake_store_restart(struct store *);

/* What commits, updates and removals answer from now on (0: they work). */
void fake_store_fail(struct store *, int commit, int update, int remove);

/* What the next scan finds besides: records that do not decode. Borrowed. */
void fake_store_damage(struct store *, const uint64_t *ids, unsigned n,
    uint64_t all);
/* Puts a record there as if it had been there at the start; copies it. */
void fake_store_put(struct store *, const struct envelope *);
/* The durable record; NULL: none. Borrowed. */
const struct envelope *fake_store_get(struct store *, uint64_t id);
size_t fake_store_count(const struct store *);
void fake_store_each(const struct store *,
    void (*)(uint64_t id, const struct envelope *, void *arg), void *arg);
void fake_store_take(struct store *, uint64_t id); /* another removed it */
unsigned fake_store_updates(const struct store *); /* that worked */
/* The small state of that key; NULL: none. */
const void *
fake_store_state(const struct store *, const char *key, size_t *len);

/* Shared with others: a record of a domain that is not `ours` (NULL: all are) is
 * not to be changed. It is asked when a change is handed in, which is a mistake
 * then, and (`now`) when it is done, which is not: then it is not there.
 * store_scan() tells of what landed here only. */
void fake_store_share(struct store *,
    bool (*ours)(void *arg, const char *domain, bool now), void *arg);
/* Called when all that was handed in before is done: for what is a change, too. */
void
fake_store_call(struct store *, store_done_cb *, void *arg, uint64_t token);
void fake_store_away(struct store *, bool); /* what comes lands here */
void fake_store_land(struct store *, uint64_t id); /* it did */
void fake_store_lose(struct store *, bool); /* store_holds() is false */
void fake_store_fail_sharing(struct store *, int move, int scan);
struct fake_sharing {
	unsigned scans, moves, puts; /* calls; those that worked; calls */
	size_t local; /* is here now */
};
void fake_store_sharing(const struct store *, struct fake_sharing *);

#endif
