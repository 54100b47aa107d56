/* SPDX-License-Identifier: ISC
 * Retry times, extensions of lifetimes, and ages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rnd.h"
#include "relay/queue/ages.h"
#include "relay/queue/backoff.h"
#include "relay/queue/extend.h"

static const struct {
	int64_t first, max;
	unsigned n;
	int64_t delay;
} delays[] = {
	{ 300000, 7200000, 0, 300000 },
	{ 300000, 7200000, 1, 300000 },
	{ 300000, 7200000, 2, 600000 },
	{ 300000, 7200000, 5, 4800000 },
	{ 300000, 7200000, 6, 7200000 },
	{ 300000, 7200000, 4000000000u, 7200000 },
	{ 300000, 1000, 1, 1000 },
	{ 0, 0, 3, 1 },
	{ 1, INT64_MAX, 4000000000u, INT64_MAX },
};

static void
doubling(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(delays); i++)
		assert_int_equal(
		    backoff_delay(delays[i].first, delays[i].max, delays[i].n),
		    delays[i].delay);
}

static void
due_is_jittered_and_bounded(void **state)
{
	const int64_t now = 1700000000000, never = INT64_MAX;

	(void)state;
	assert_int_equal(backoff_due(now, 100000, 0, never), now + 80000);
	assert_int_equal(backoff_due(now, 100000, 500, never), now + 100000);
	assert_int_equal(backoff_due(now, 100000, 1000, never), now + 120000);
	assert_int_equal(backoff_due(now, 100000, 9999, never), now + 120000);
	assert_int_equal(backoff_due(now, 100000, 500, now + 7), now + 7);
	assert_int_equal(backoff_due(now, 100000, 500, now - 7), now);
	for (unsigned s = 0; s <= 1000; s++) {
		int64_t due = backoff_due(now, 12345, s, never);

		assert_in_range(due - now, 9876, 14814);
	}
}

static void
extensions_cover_what_was_there(void **state)
{
	struct extend x = { 0 };

	(void)state;
	extend_add(&x, 100, 7);
	extend_add(&x, 300, 5);
	extend_add(&x, 200, 1);
	assert_int_equal(extend_of(&x, 50), 13);
	assert_int_equal(extend_of(&x, 100), 13);
	assert_int_equal(extend_of(&x, 101), 6);
	assert_int_equal(extend_of(&x, 201), 5);
	assert_int_equal(extend_of(&x, 301), 0);
	extend_add(&x, 300, INT64_MAX);
	assert_true(extend_of(&x, 300) > 5);
	assert_false(extend_trim(&x, 100));
	assert_true(extend_trim(&x, 101));
	assert_int_equal(x.n, 2);
	assert_true(extend_trim(&x, INT64_MAX));
	assert_int_equal(x.n, 0);
	extend_fini(&x);
}

/* However many there are: nobody loses what he was given. */
static void
extensions_merge_upwards(void **state)
{
	struct extend x = { 0 };
	int64_t given[200] = { 0 };
	uint32_t seed = 3;

	(void)state;
	for (int i = 0; i < 300; i++) {
		int64_t until;

		seed = seed * 1664525 + 1013904223;
		until = (seed >> 8) % 200;
		extend_add(&x, until, 1 + i % 5);
		for (int64_t a = 0; a < 200; a++) {
			if (a <= until)
				given[a] += 1 + i % 5;
			assert_true(extend_of(&x, a) >= given[a]);
		}
		assert_true(x.n <= EXTEND_MAX);
	}
	extend_fini(&x);
}

/* Sixteen are told apart; the seventeenth joins the two oldest into one. */
static void
extensions_are_bounded(void **state)
{
	struct extend x = { 0 };

	(void)state;
	for (int i = 1; i <= EXTEND_MAX; i++)
		extend_add(&x, 100 * i, 1);
	assert_int_equal(x.n, EXTEND_MAX);
	for (int i = 1; i <= EXTEND_MAX; i++) {
		assert_int_equal(extend_of(&x, 100 * i), EXTEND_MAX - i + 1);
		assert_int_equal(extend_of(&x, 100 * i + 1), EXTEND_MAX - i);
	}
	extend_add(&x, 100 * (EXTEND_MAX + 1), 1);
	assert_int_equal(x.n, EXTEND_MAX);
	assert_int_equal(extend_of(&x, 100), EXTEND_MAX + 1);
	assert_int_equal(extend_of(&x, 200), EXTEND_MAX + 1);
	assert_int_equal(extend_of(&x, 201), EXTEND_MAX - 1);
	assert_int_equal(extend_of(&x, 301), EXTEND_MAX - 2);
	extend_fini(&x);
}

static void
extensions_survive_as_text(void **state)
{
	struct extend x = { 0 }, y = { 0 };
	struct buf b = BUF_INIT(EXTEND_TEXT_MAX);
	static const char *const bad[] = { "1", "1 2", "x 2\n", "1 -2\n", "\n",
		"1 2\n3", "1  2\n" };

	(void)state;
	for (int i = 0; i < EXTEND_MAX; i++)
		extend_add(&x, INT64_MAX - i, INT64_MAX);
	assert_int_equal(extend_format(&x, &b), 0);
	assert_int_equal(extend_parse(&y, b.data, b.len), 0);
	assert_int_equal(y.n, x.n);
	assert_memory_equal(x.rec, y.rec, sizeof(x.rec));
	buf_fini(&b);
	for (size_t i = 0; i < MX_COUNT(bad); i++)
		assert_true(extend_parse(&y, bad[i], strlen(bad[i])) != 0);
	assert_int_equal(y.n, x.n);
	extend_fini(&x);
	extend_fini(&y);
}

static void
ages_fill_buckets(void **state)
{
	static const double le[] = { 60, 300, 3600, 2592000 };
	const int64_t now = 1700000000000, day = 86400000;
	const int64_t at[] = { now - 5000, now - 120000, now - 600000,
		now - 10 * day, now - 400 * day,
		now + 400 * day /* a wild clock */ };
	uint64_t count[5];
	int64_t steps[6];
	struct ages a;

	(void)state;
	ages_init(&a);
	for (int i = 0; i < 6; i++)
		steps[i] = ages_add(&a, at[i], now);
	ages_count(&a, now, le, 4, count);
	assert_int_equal(count[0], 2);
	assert_int_equal(count[1], 1);
	assert_int_equal(count[2], 1);
	assert_int_equal(count[3], 1);
	assert_int_equal(count[4], 1);
	/* 40 days on, all but one are older than the last bound */
	ages_remove(&a, now + 40 * day,
	    ages_add(&a, now + 40 * day, now + 40 * day));
	ages_count(&a, now + 40 * day, le, 4, count);
	assert_int_equal(count[4], 6);
	for (int i = 0; i < 6; i++)
		ages_remove(&a, at[i], steps[i]);
	ages_count(&a, now + 40 * day, le, 4, count);
	for (int i = 0; i < 5; i++)
		assert_int_equal(count[i], 0);
	ages_fini(&a);
}

/* Against a list of what is queued: as many as there may be, of any age, some
 * of the future, that come and go while time passes. */
static void
the_sum_of_ages_is_exact(void **state)
{
	enum { N = 2000 };
	const int64_t day = 86400000;
	static int64_t at[N], counted[N], step[N];
	int64_t now = 1700000000123, want;
	unsigned i, n = 0;
	struct ages a;

	(void)state;
	ages_init(&a);
	for (unsigned round = 0; round < 20000; round++) {
		now += rnd_below(60000);
		if (n < N && (n == 0 || rnd_below(5) < 3)) {
			at[n] = now - rnd_below(2000000000) * 4 +
			    (rnd_below(50) == 0 ? 100 * day : 0);
			step[n] = ages_add(&a, at[n], now);
			counted[n] = at[n] / AGES_STEP_MS > now / AGES_STEP_MS ?
			    now / AGES_STEP_MS * AGES_STEP_MS :
			    at[n];
			n++;
		} else {
			i = rnd_below(n);
			ages_remove(&a, at[i], step[i]);
			at[i] = at[--n];
			counted[i] = counted[n];
			step[i] = step[n];
		}
		want = 0;
		for (i = 0; i < n; i++)
			want += now - counted[i];
		assert_true(ages_sum(&a, now) >= (double)want / 1000.0 &&
		    ages_sum(&a, now) <= (double)want / 1000.0);
	}
	ages_clear(&a);
	assert_true(ages_sum(&a, now) <= 0);
	ages_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubling),
		cmocka_unit_test(due_is_jittered_and_bounded),
		cmocka_unit_test(extensions_cover_what_was_there),
		cmocka_unit_test(extensions_merge_upwards),
		cmocka_unit_test(extensions_are_bounded),
		cmocka_unit_test(extensions_survive_as_text),
		cmocka_unit_test(ages_fill_buckets),
		cmocka_unit_test(the_sum_of_ages_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
