/* SPDX-License-Identifier: ISC
 * btree: an ordered set of 32-bit handles (slab.h), a B+tree: some five bytes an
 * item where a tree of pointers takes 32, no growth that copies all, and one that
 * is small takes a few bytes. An item's key is the caller's and must not change
 * while it is in a set. It owns nothing but its nodes. All is O(log n). Not for
 * sharing between threads. */
#ifndef MX_BASE_BTREE_H
#define MX_BASE_BTREE_H

#include "base/defs.h"
#include "base/slab.h"

struct btree {
	struct btree_node *root; /* NULL: empty */
};

struct btree_key {
	int64_t at; /* what they are ordered by... */
	uint64_t id; /* ...and what no two have in common */
};

/* An order: where an item belongs. And what the sets in it share: the slab of their
 * full leaves, which other orders may share as well. */
struct btree_order {
	struct btree_key (*key)(const void *arg, uint32_t item);
	const void *arg;
	struct slab *leaves; /* of btree_leaves_init(); outlives the sets */
};

static inline bool
btree_key_less(struct btree_key a, struct btree_key b)
{
	return a.at != b.at ? a.at < b.at : a.id < b.id;
}

void btree_init(struct btree *);
void btree_fini(struct btree *, const struct btree_order *); /* nodes; O(n) */
void btree_leaves_init(struct slab *); /* slab_fini() ends it */
/* It is not there yet. Items are never 0. */
void btree_insert(struct btree *, const struct btree_order *, uint32_t item);
/* Takes out what has that key; 0: there was none. */
uint32_t
btree_remove(struct btree *, const struct btree_order *, struct btree_key);

/* Each of them, ascending; `fn` does not change the set. */
void btree_each(const struct btree *, void (*fn)(uint32_t item, void *arg),
    void *arg);

/* 0 when there is none. */
uint32_t btree_min(const struct btree *);
uint32_t btree_max(const struct btree *);
uint32_t
btree_get(const struct btree *, const struct btree_order *, struct btree_key);
/* The first that is not before the key; the first behind it; the last before. */
uint32_t
btree_from(const struct btree *, const struct btree_order *, struct btree_key);
uint32_t
btree_after(const struct btree *, const struct btree_order *, struct btree_key);
uint32_t btree_before(const struct btree *, const struct btree_order *,
    struct btree_key);

#endif
