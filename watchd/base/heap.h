/* SPDX-License-Identifier: ISC
 * heap: an intrusive binary min-heap over int64 keys. The element embeds a
 * struct heap_node; the heap never owns elements. O(log n) insert, remove,
 * change; O(1) minimum. */
#ifndef MX_BASE_HEAP_H
#define MX_BASE_HEAP_H

#include "base/defs.h"

struct heap_node {
	int64_t key;
	uint32_t slot; /* 1-based position in the heap; 0: in none */
};

struct heap {
	struct heap_node **nodes;
	uint32_t len;
	uint32_t size;
};

#define HEAP_ENTRY(node, type, field)                                          \
	((type *)(void *)((char *)(node)-offsetof(type, field)))

void heap_init(struct heap *);
void heap_fini(struct heap *); /* frees the array, not the elements */
void heap_insert(struct heap *, struct heap_node *, int64_t key);
void heap_change(struct heap *, struct heap_node *, int64_t key);
void heap_remove(struct heap *, struct heap_node *); /* no-op when in none */
struct heap_node *heap_min(const struct heap *); /* NULL when empty */
static inline bool
heap_holds(const struct heap_node *n)
{
	return n->slot != 0;
}

#endif
