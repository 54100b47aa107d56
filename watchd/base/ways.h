/* SPDX-License-Identifier: ISC
 * ways: a table of bounded size for memories of peers. An entry may be in one
 * of a few places after its hash; all of them are examined each time, so that
 * nothing is ever moved or deleted, and a new entry replaces the least valuable
 * one. The hash is seeded, so that a peer cannot choose its neighbours. Not for
 * sharing between threads.
 *
 *	struct seen { uint64_t key; int64_t last; };	key first
 *	ways_init(&w, 65536, 8, sizeof(struct seen));
 *	e = ways_take(&w, key, worth, NULL);	existing, or new: zeroes */
#ifndef MX_BASE_WAYS_H
#define MX_BASE_WAYS_H

#include "base/defs.h"

struct ways {
	uint64_t seed;
	uint32_t mask; /* places - 1 */
	unsigned ways;
	size_t size; /* of an entry */
	char *entry; /* NULL: never used */
};

/* The value of an entry when another wants its place; `arg` is the caller's,
 * such as the time. */
#define WAYS_FREE INT64_MIN /* empty (returned for an entry of zeroes) */
#define WAYS_KEEP INT64_MAX /* not to be replaced */
typedef int64_t ways_worth(const void *entry, const void *arg);

/* `places` is a power of two; entries begin with their uint64_t key. */
void ways_init(struct ways *, uint32_t places, unsigned ways, size_t size);
void ways_fini(struct ways *);

/* The entry of the key, or NULL. */
void *
ways_find(const struct ways *, uint64_t key, ways_worth *, const void *arg);
/* The same, or a new entry: all zeroes except the key. NULL: all places for the
 * key have entries that must stay. */
void *ways_take(struct ways *, uint64_t key, ways_worth *, const void *arg);

#endif
