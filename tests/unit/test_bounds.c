/* SPDX-License-Identifier: ISC
 * test_bounds: the least of what is in, whatever came and went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "primary/bounds.h"

static void
least(void **state)
{
	struct bounds b = { 0 };

	(void)state;
	assert_int_equal(bounds_least(&b), 0);
	bounds_add(&b, 20);
	bounds_add(&b, 5);
	bounds_add(&b, 20);
	bounds_add(&b, 0);
	assert_int_equal(bounds_least(&b), 5);
	bounds_drop(&b, 0);
	bounds_drop(&b, 5);
	assert_int_equal(bounds_least(&b), 20);
	bounds_drop(&b, 20);
	assert_int_equal(bounds_least(&b), 20);
	bounds_drop(&b, 20);
	assert_int_equal(bounds_least(&b), 0);
	bounds_fini(&b);
}

/* Beside a list that is counted through each time. */
static void
any_order(void **state)
{
	struct bounds b = { 0 };
	unsigned in[100] = { 0 }, n = 0, want, v;
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		v = 1 + (seed >> 16) % 99;
		if (seed >> 31 != 0 && in[v] > 0) {
			bounds_drop(&b, v);
			in[v]--;
			n--;
		} else if (n < 60) {
			bounds_add(&b, v);
			in[v]++;
			n++;
		}
		for (want = 0, v = 1; v < 100 && want == 0; v++)
			want = in[v] > 0 ? v : 0;
		assert_int_equal(bounds_least(&b), want);
	}
	bounds_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(least),
		cmocka_unit_test(any_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
