/* SPDX-License-Identifier: ISC
 * test_heap: random inserts, changes and removals against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"

#define N 200

struct item {
	int payload;
	struct heap_node node;
};

static uint32_t seed = 1;

static uint32_t
draw(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

static const struct item *
plain_min(const struct item *items)
{
	const struct item *min = NULL;
	unsigned i;

	for (i = 0; i < N; i++) {
		if (heap_holds(&items[i].node) &&
		    (min == NULL || items[i].node.key < min->node.key))
			min = &items[i];
	}
	return min;
}

static void
test_random(void **state)
{
	struct item items[N];
	struct item *it;
	const struct item *want;
	struct heap_node *min;
	struct heap h;
	unsigned i, held = 0;

	(void)state;
	memset(items, 0, sizeof(items));
	heap_init(&h);
	assert_null(heap_min(&h));
	for (i = 0; i < 20000; i++) {
		it = &items[draw(N)];
		if (!heap_holds(&it->node)) {
			heap_insert(&h, &it->node, draw(500));
			held++;
		} else if (draw(2) == 0)
			heap_change(&h, &it->node, (int64_t)draw(500) - 100);
		else {
			heap_remove(&h, &it->node);
			heap_remove(&h, &it->node);
			held--;
		}
		want = plain_min(items);
		min = heap_min(&h);
		assert_int_equal(h.len, held);
		assert_int_equal(want == NULL, min == NULL);
		if (min != NULL)
			assert_int_equal(min->key, want->node.key);
	}
	heap_fini(&h);
	for (i = 0; i < N; i++)
		assert_false(heap_holds(&items[i].node));
}

static void
test_order(void **state)
{
	struct item items[N], *it;
	int64_t last = INT64_MIN;
	struct heap h;
	unsigned i;

	(void)state;
	memset(items, 0, sizeof(items));
	heap_init(&h);
	for (i = 0; i < N; i++) {
		items[i].payload = (int)draw(50);
		heap_insert(&h, &items[i].node, items[i].payload);
	}
	for (i = 0; i < N; i++) {
		it = HEAP_ENTRY(heap_min(&h), struct item, node);
		assert_int_equal(it->payload, it->node.key);
		assert_true(it->node.key >= last);
		last = it->node.key;
		heap_remove(&h, &it->node);
	}
	assert_null(heap_min(&h));
	heap_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
