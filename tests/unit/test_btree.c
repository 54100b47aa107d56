/* SPDX-License-Identifier: ISC
 * test_btree: the ordered set and the slab below it against plain arrays: random
 * work, what ascends, what drains; and what they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <malloc.h>

#include <cmocka.h>

#include "base/btree.h"
#include "base/mem.h"
#include "base/slab.h"

#define N 4000u

static uint32_t seed = 1;

static uint32_t
draw(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

/* An item is its number + 1, its key is key[number]; in pairs by time. */
static uint32_t key[N];

static struct btree_key
key_at(int64_t k)
{
	return (struct btree_key){ k / 2, (uint64_t)k };
}

static struct btree_key
key_of(const void *arg, uint32_t item)
{
	(void)arg;
	return key_at(key[item - 1]);
}

static struct slab leaves;
static const struct btree_order order = { key_of, NULL, &leaves };

/* key[] is a permutation: item i + 1 has key[i]; held by key. */
static bool held[N];

static uint32_t
plain(int64_t from, int step)
{
	while (from >= 0 && from < N && !held[from])
		from += step;
	return from >= 0 && from < N ? (uint32_t)from : UINT32_MAX;
}

static void
assert_key(uint32_t item, uint32_t want)
{
	if (want == UINT32_MAX)
		assert_int_equal(item, 0);
	else
		assert_int_equal(key[item - 1], want);
}

static void
look(const struct btree *t, uint32_t k)
{
	assert_key(btree_min(t), plain(0, 1));
	assert_key(btree_max(t), plain(N - 1, -1));
	assert_key(btree_from(t, &order, key_at(k)), plain(k, 1));
	assert_key(btree_after(t, &order, key_at(k)), plain((int64_t)k + 1, 1));
	assert_key(btree_before(t, &order, key_at(k)),
	    plain((int64_t)k - 1, -1));
	assert_key(btree_get(t, &order, key_at(k)), held[k] ? k : UINT32_MAX);
}

/* All of them, one after the other. */
static void
walk(const struct btree *t)
{
	uint32_t item = btree_min(t), n = 0, k = plain(0, 1);

	while (item != 0) {
		assert_key(item, k);
		item = btree_after(t, &order, key_at(k));
		k = plain((int64_t)k + 1, 1);
		n++;
	}
	assert_int_equal(k, UINT32_MAX);
	for (uint32_t i = 0; i < N; i++)
		n -= held[i];
	assert_int_equal(n, 0);
}

static void
shuffle(void)
{
	uint32_t j, t;

	for (uint32_t i = 0; i < N; i++)
		key[i] = i;
	for (uint32_t i = N - 1; i > 0; i--) {
		j = draw(i + 1);
		t = key[i];
		key[i] = key[j];
		key[j] = t;
	}
	memset(held, 0, sizeof(held));
}

/* In waves: mostly in, mostly out, so that nodes split, join and go. */
static void
test_random(void **state)
{
	struct btree t;
	uint32_t i, in, out;

	(void)state;
	shuffle();
	btree_init(&t);
	for (unsigned n = 0; n < 200000; n++) {
		i = draw(N);
		in = n / 20000 % 2 == 0 ? 7 : 2;
		if (!held[key[i]] && draw(10) < in) {
			btree_insert(&t, &order, i + 1);
			held[key[i]] = true;
		} else if (draw(10) >= in) {
			out = btree_remove(&t, &order, key_at(key[i]));
			assert_int_equal(out, held[key[i]] ? i + 1 : 0);
			held[key[i]] = false;
		}
		if (n % 7 == 0)
			look(&t, draw(N));
		if (n % 10000 == 0)
			walk(&t);
	}
	for (i = 0; i < N; i++) {
		assert_int_equal(btree_remove(&t, &order, key_at(key[i])) != 0,
		    held[key[i]]);
		held[key[i]] = false;
		if (i % 100 == 0)
			walk(&t);
	}
	assert_null(t.root);
}

/* Ascending in, and out at either end, as a queue has it. */
static void
test_ends(void **state)
{
	struct btree t;
	uint32_t low = 0, high = N;

	(void)state;
	btree_init(&t);
	memset(held, 0, sizeof(held));
	for (uint32_t i = 0; i < N; i++) {
		key[i] = i;
		btree_insert(&t, &order, i + 1);
		held[i] = true;
	}
	walk(&t);
	while (low < high) {
		assert_int_equal(btree_min(&t), low + 1);
		assert_int_equal(btree_max(&t), high);
		if (low % 3 == 0) {
			high--;
			assert_int_equal(btree_remove(&t, &order, key_at(high)),
			    high + 1);
			held[high] = false;
			if (low == high)
				break;
		}
		assert_int_equal(btree_remove(&t, &order, key_at(low)),
		    low + 1);
		held[low] = false;
		low++;
		look(&t, draw(N));
	}
	assert_null(t.root);
}

static size_t
in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	size_t heap = m.uordblks + m.hblkhd;

	return heap > 0 ? heap + leaves.len * leaves.size : 0;
}

/* What it takes, malloc's words included: of what ascends, of what comes as it
 * likes, of what is left of much, and of very few. */
static void
test_bytes(void **state)
{
	struct btree t, small[100];
	size_t before = in_use();
	uint32_t i;

	(void)state;
	if (before == 0)
		skip(); /* the sanitizers' malloc does not tell */
	btree_init(&t);
	for (i = 0; i < N; i++) {
		key[i] = i;
		btree_insert(&t, &order, i + 1);
	}
	assert_in_range(in_use() - before, 1, N * 5);
	/* Nine of ten go: what is left does not keep the room of all. */
	for (i = 0; i < N; i++)
		if (i % 10 != 0)
			(void)btree_remove(&t, &order, key_at(i));
	assert_in_range(in_use() - before, 1, N / 10 * 12);
	btree_fini(&t, &order);
	shuffle();
	for (i = 0; i < N; i++)
		btree_insert(&t, &order, i + 1);
	assert_in_range(in_use() - before, 1, N * 8);
	btree_fini(&t, &order);
	before = in_use(); /* malloc keeps some of what it got back */
	for (i = 0; i < 100; i++) {
		btree_init(&small[i]);
		btree_insert(&small[i], &order, i + 1);
	}
	assert_in_range(in_use() - before, 1, 100 * 32);
	for (i = 0; i < 100; i++)
		btree_fini(&small[i], &order);
	assert_int_equal(leaves.len, 0);
}

/* ---- slab */

#define THINGS (SLAB_CHUNK * 5 + 7)

struct thing {
	uint64_t number;
	char rest[40];
};

static void
test_slab(void **state)
{
	static uint32_t handle[THINGS];
	struct slab s;
	struct thing *t;
	unsigned n = 0;

	(void)state;
	slab_init(&s, sizeof(struct thing));
	memset(handle, 0, sizeof(handle));
	for (uint64_t i = 0; i < 300000; i++) {
		uint32_t at = draw(THINGS);
		bool fill = i / 50000 % 2 == 0;

		if (handle[at] == 0 && draw(10) < (fill ? 8u : 2u)) {
			handle[at] = slab_take(&s);
			assert_int_not_equal(handle[at], 0);
			t = slab_at(&s, handle[at]);
			assert_int_equal(t->number, 0); /* zeroed */
			assert_int_equal(t->rest[39], 0);
			t->number = at + 1;
			memset(t->rest, 0xff, sizeof(t->rest));
			n++;
		} else if (handle[at] != 0 && draw(10) >= (fill ? 8u : 2u)) {
			t = slab_at(&s, handle[at]);
			assert_int_equal(t->number, at + 1); /* nobody else's */
			slab_give(&s, handle[at]);
			handle[at] = 0;
			n--;
		}
		assert_int_equal(s.len, n);
	}
	for (unsigned i = 0; i < THINGS; i++)
		if (handle[i] != 0)
			slab_give(&s, handle[i]);
	assert_int_equal(s.len, 0);
	/* One is kept for the next; the others went back. */
	assert_true(slab_bytes(&s) < 2 * SLAB_CHUNK * sizeof(struct thing));
	assert_true(s.nchunks <= THINGS / SLAB_CHUNK + 1);
	slab_fini(&s);
}

/* What does not move: a pointer stays good as others come and go. */
static void
test_slab_stays(void **state)
{
	struct slab s;
	uint32_t first;
	struct thing *t;

	(void)state;
	slab_init(&s, sizeof(struct thing));
	first = slab_take(&s);
	t = slab_at(&s, first);
	for (unsigned i = 0; i < SLAB_CHUNK * 3; i++)
		(void)slab_take(&s);
	assert_ptr_equal(slab_at(&s, first), t);
	/* What was given back is taken again before there is more. */
	slab_give(&s, first);
	assert_ptr_equal(slab_at(&s, slab_take(&s)), t);
	slab_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_slab),
		cmocka_unit_test(test_slab_stays),
	};

	btree_leaves_init(&leaves);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
