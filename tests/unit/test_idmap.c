/* SPDX-License-Identifier: ISC
 * test_idmap: random puts and takes against a plain array, with ids that are
 * dense, far apart, and the extremes; and what one call moves of many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/idmap.h"

#define N 300

static uint32_t seed = 7;

static uint32_t
draw(uint32_t bound)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % bound;
}

static uint64_t
id_of(unsigned i)
{
	switch (i % 3) {
	case 0:
		return i; /* 0 is an id like any other */
	case 1:
		return UINT64_MAX - i;
	default:
		return (uint64_t)i << 40;
	}
}

static void
count(uint64_t id, void *value, void *arg)
{
	size_t *n = arg;

	assert_int_equal(id, id_of((unsigned)*(const int *)value));
	(*n)++;
}

static void
test_random(void **state)
{
	static int index_of[N];
	void *plain[N] = { NULL };
	unsigned i, k;
	size_t held = 0, seen;
	struct idmap m;

	(void)state;
	for (k = 0; k < N; k++)
		index_of[k] = (int)k;
	idmap_init(&m);
	assert_null(idmap_get(&m, 0));
	assert_null(idmap_take(&m, 0));
	for (i = 0; i < 30000; i++) {
		k = draw(N);
		if (draw(3) > 0) {
			held += plain[k] == NULL;
			plain[k] = &index_of[k];
			idmap_put(&m, id_of(k), plain[k]);
		} else {
			assert_ptr_equal(idmap_take(&m, id_of(k)), plain[k]);
			held -= plain[k] != NULL;
			plain[k] = NULL;
		}
		assert_int_equal(idmap_len(&m), held);
		if (i % 50 != 0)
			continue;
		for (k = 0; k < N; k++)
			assert_ptr_equal(idmap_get(&m, id_of(k)), plain[k]);
		seen = 0;
		idmap_each(&m, count, &seen);
		assert_int_equal(seen, held);
	}
	for (k = 0; k < N; k++)
		assert_ptr_equal(idmap_take(&m, id_of(k)), plain[k]);
	assert_int_equal(idmap_len(&m), 0);
	idmap_fini(&m);
}

static void
test_replace(void **state)
{
	struct idmap m;
	int a, b;

	(void)state;
	idmap_init(&m);
	idmap_put(&m, 5, &a);
	idmap_put(&m, 5, &b);
	assert_int_equal(idmap_len(&m), 1);
	assert_ptr_equal(idmap_take(&m, 5), &b);
	assert_null(idmap_get(&m, 5));
	idmap_fini(&m);
}

#define MANY 200000u

static const struct idmap none;

/* One call has put one in, or taken one out, and moved so many besides. */
static void
assert_step(const struct idmap *was, const struct idmap *m)
{
	size_t here = m->len - m->old_len, before = was->len - was->old_len;

	if (m->slots != was->slots)
		assert_in_range(here, 0, IDMAP_STEP + 1);
	else
		assert_in_range(here + IDMAP_STEP + 1, before,
		    before + 2 * (IDMAP_STEP + 1));
	if (m->old != NULL)
		assert_in_range(m->old_at, 0, m->old_size - 1);
}

/* All are found on the way up and down, wherever the move is, and no call moves
 * more than a few. */
static void
test_moves(void **state)
{
	static int value[MANY];
	unsigned resized = 0, moving = 0, i;
	struct idmap m, was = none;
	uint64_t id;

	(void)state;
	idmap_init(&m);
	for (i = 0; i < MANY; i++) {
		idmap_put(&m, (uint64_t)i << 8, &value[i]);
		assert_step(&was, &m);
		was = m;
		id = draw(i + 1);
		assert_ptr_equal(idmap_get(&m, id << 8), &value[id]);
		assert_null(idmap_get(&m, (id << 8) + 1));
		/* in the old one, or the new: replaced, and not twice */
		idmap_put(&m, id << 8, &value[id]);
		assert_int_equal(idmap_len(&m), i + 1);
		assert_step(&was, &m);
		moving += m.old != NULL;
		resized += m.slots != was.slots;
		was = m;
	}
	assert_in_range(resized, 10, 20);
	assert_in_range(moving, MANY / IDMAP_STEP / 2, MANY);
	moving = 0;
	for (i = 0; i < MANY; i++) {
		assert_ptr_equal(idmap_take(&m, (uint64_t)i << 8), &value[i]);
		assert_step(&was, &m);
		moving += m.old != NULL;
		was = m;
		assert_null(idmap_take(&m, (uint64_t)i << 8));
		was = m;
		if (i + 1 == MANY)
			break;
		id = i + 1 + draw(MANY - i - 1);
		assert_ptr_equal(idmap_get(&m, id << 8), &value[id]);
	}
	assert_in_range(moving, 100, MANY);
	/* Nothing is left of what a crowd took. */
	assert_int_equal(idmap_len(&m), 0);
	assert_in_range(m.size + (m.old != NULL ? m.old_size : 0), 1, 64);
	idmap_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
