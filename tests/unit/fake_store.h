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
unsigned fake_store_updates(const struct store *); /* that worked */

#endif
