/* SPDX-License-Identifier: ISC
 * heap: an intrusive binary min-heap. Each node knows its slot (1-based, so
 * that a zeroed node is in no heap), which makes removal and change of key
 * O(log n) without a search. Used by the scheduler and other modules with
 * deadlines. Not for sharing between threads. */
#include <stdlib.h>

#include "base/heap.h"
#include "base/mem.h"

void
heap_init(struct heap *h)
{
	*h = (struct heap){ NULL, 0, 0 };
}

void
heap_fini(struct heap *h)
{
	uint32_t i;

	for (i = 0; i < h->len; i++)
		h->nodes[i]->slot = 0;
	free(h->nodes);
	heap_init(h);
}

static void
heap_place(struct heap *h, struct heap_node *n, uint32_t slot)
{
	h->nodes[slot - 1] = n;
	n->slot = slot;
}

/* Moves n, which is to be placed near `slot`, to the position of its key. */
static void
heap_settle(struct heap *h, struct heap_node *n, uint32_t slot)
{
	struct heap_node *other;
	uint32_t child;

	while (slot > 1) {
		other = h->nodes[slot / 2 - 1];
		if (other->key <= n->key)
			break;
		heap_place(h, other, slot);
		slot /= 2;
	}
	while (slot <= h->len / 2) {
		child = slot * 2;
		if (child < h->len &&
		    h->nodes[child]->key < h->nodes[child - 1]->key)
			child++;
		other = h->nodes[child - 1];
		if (n->key <= other->key)
			break;
		heap_place(h, other, slot);
		slot = child;
	}
	heap_place(h, n, slot);
}

void
heap_insert(struct heap *h, struct heap_node *n, int64_t key)
{
	MX_ASSERT(n->slot == 0);
	MX_ASSERT(h->len < UINT32_MAX / 2); /* slot * 2 must not wrap */
	if (h->len == h->size) {
		h->size = h->size == 0 ? 64 : h->size * 2;
		h->nodes = mem_grow(h->nodes, h->size, sizeof(*h->nodes));
	}
	n->key = key;
	h->len++;
	heap_settle(h, n, h->len);
}

void
heap_change(struct heap *h, struct heap_node *n, int64_t key)
{
	MX_ASSERT(n->slot > 0 && n->slot <= h->len);
	MX_ASSERT(h->nodes[n->slot - 1] == n);
	n->key = key;
	heap_settle(h, n, n->slot);
}

void
heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *last;
	uint32_t slot = n->slot;

	if (slot == 0)
		return;
	MX_ASSERT(slot <= h->len && h->nodes[slot - 1] == n);
	n->slot = 0;
	last = h->nodes[--h->len];
	if (last != n)
		heap_settle(h, last, slot);
}

struct heap_node *
heap_min(const struct heap *h)
{
	return h->len > 0 ? h->nodes[0] : NULL;
}
