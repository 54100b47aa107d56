/* SPDX-License-Identifier: ISC
 * ways: a table of bounded size for what is remembered of peers. An entry may
 * sit in any of a few places behind its hash; all of them are looked at each
 * time, so that nothing is ever moved or deleted, and a new entry takes the
 * place of the one that is missed least. The hash is seeded: nobody can choose
 * whose neighbour he is. Not for sharing between threads.
 *
 *	struct seen { uint64_t key; int64_t last; };	key first
 *	ways_init(&w, 65536, 8, sizeof(struct seen));
 *	e = ways_take(&w, key, worth, NULL);	of this key, or anew: zeroes */
#ifndef MX_BASE_WAYS_H
#define MX_BASE_WAYS_H

#include "base/defs.h"

struct ways {
	uint64_t seed;
	uint32_t mask; /* places - 1 */
	unsigned ways;
	size_t size; /* of an entry */
	char *entry; /* NULL: none was taken yet */
};

/* How much an entry is missed when another takes its place; of `arg` the
 * caller's, such as the time. */
#define WAYS_FREE INT64_MIN /* it holds nothing (an entry of zeroes must) */
#define WAYS_KEEP INT64_MAX /* it must stay */
typedef int64_t ways_worth(const void *entry, const void *arg);

/* `places` is a power of two; the entries begin with their uint64_t key. */
void ways_init(struct ways *, uint32_t places, unsigned ways, size_t size);
void ways_fini(struct ways *);

/* The entry of the key, or NULL. */
void *
ways_find(const struct ways *, uint64_t key, ways_worth *, const void *arg);
/* The same, or a new one: all zeroes but the key. NULL: all places that the
 * key may have hold what must stay. */
void *ways_take(struct ways *, uint64_t key, ways_worth *, const void *arg);

#endif
