/* SPDX-License-Identifier: ISC
 * btree: an ordered set of 32-bit handles (slab.h), as a B+tree: some five
 * bytes an item where a tree of pointers takes 32, growth never copies the
 * whole set, and a small set takes few bytes. The caller owns the keys of
 * items; a key must not change while its item is in a set. A set owns only its
 * nodes. All operations are O(log n). Not for sharing between threads. */
#ifndef MX_BASE_BTREE_H
#define MX_BASE_BTREE_H

#include "base/defs.h"
#include "base/slab.h"

struct btree {
	struct btree_node *root; /* NULL: empty */
};

struct btree_key {
	int64_t at; /* primary order... */
	uint64_t id; /* ...and tie-breaker, unique */
};

/* The order of a set: the key of an item. Sets of one order share the slab of
 * their full leaves, also with other orders. */
struct btree_order {
	struct btree_key (*key)(const void *arg, uint32_t item);
	const void *arg;
	struct slab *leaves; /* of btree_leaves_init(); must outlive the sets */
};

static inline bool
btree_key_less(struct btree_key a, struct btree_key b)
{
	return a.at != b.at ? a.at < b.at : a.id < b.id;
}

void btree_init(struct btree *);
/* frees the nodes; O(n) */
void btree_fini(struct btree *, const struct btree_order *);
void btree_leaves_init(struct slab *); /* to be freed with slab_fini() */
/* The key must not be in the set. Items are never 0. */
void btree_insert(struct btree *, const struct btree_order *, uint32_t item);
/* Removes and returns the item with that key; 0: none. */
uint32_t
btree_remove(struct btree *, const struct btree_order *, struct btree_key);

/* Calls fn for each item, ascending; `fn` must not change the set. */
void btree_each(const struct btree *, void (*fn)(uint32_t item, void *arg),
    void *arg);

/* 0 for an empty set. */
uint32_t btree_min(const struct btree *);
uint32_t btree_max(const struct btree *);
uint32_t
btree_get(const struct btree *, const struct btree_order *, struct btree_key);
/* The first item not below the key; the first above it; the last below it. */
uint32_t
btree_from(const struct btree *, const struct btree_order *, struct btree_key);
uint32_t
btree_after(const struct btree *, const struct btree_order *, struct btree_key);
uint32_t btree_before(const struct btree *, const struct btree_order *,
    struct btree_key);

#endif
