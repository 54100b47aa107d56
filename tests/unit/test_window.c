/* SPDX-License-Identifier: ISC
 * The delivery window: canary, additive increase, halving once a cohort,
 * latency. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "primary/window.h"

#define MS INT64_C(1000000)

/* s success, l slow success (5 s), t trouble with 4 others under way, r reset */
static const struct {
	const char *name, *script;
	unsigned max, size;
	bool canary;
} cases[] = {
	{ "one at the start", "", 20, 1, true },
	{ "trouble leaves the canary", "t", 20, 1, true },
	{ "two after the canary", "s", 20, 2, false },
	{ "a small cap counts at once", "s", 1, 1, false },
	{ "a whole window of successes", "sss", 20, 3, false },
	{ "not yet", "ss", 20, 2, false },
	{ "additive", "sssssssss", 20, 4, false },
	{ "2 + 3 + 4 more make 5", "ssssssssss", 20, 5, false },
	{ "never above the cap", "sssssssssssssssssssssssssssss", 4, 4, false },
	{ "halved", "sssssssssst", 20, 2, false },
	{ "once for what was under way", "sssssssssstttt", 20, 2, false },
	{ "again after it", "ssssssssssttttttt", 20, 1, false },
	{ "never below one", "stttttttttttttttt", 20, 1, false },
	{ "reset means canary", "ssssssssssr", 20, 1, true },
	{ "a slow cohort", "sssssssssssssssllllll", 20, 3, false },
	{ "one fast answer saves it", "sssssssssssssssllslll", 20, 7, false },
};

static void
scripts(void **state)
{
	struct window w;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		window_init(&w, cases[i].max);
		for (const char *s = cases[i].script; *s != '\0'; s++) {
			if (*s == 's')
				window_success(&w, 50 * MS);
			else if (*s == 'l')
				window_success(&w, 5000 * MS);
			else if (*s == 't')
				window_trouble(&w, 4);
			else
				window_reset(&w);
		}
		if (w.size != cases[i].size || w.canary != cases[i].canary)
			fail_msg("%s: %u", cases[i].name, w.size);
	}
}

/* A loopback primary answers in 0.1 .. 20 ms: that is no reason to shrink. */
static void
jitter_is_not_slow(void **state)
{
	struct window w;
	unsigned before = 0;

	(void)state;
	window_init(&w, 20);
	for (int i = 0; i < 5000; i++) {
		window_success(&w, i % 7 == 0 ? 900 * MS : MS / 10);
		assert_true(w.size >= before);
		before = w.size;
	}
	assert_int_equal(w.size, 20);
}

static void
stays_in_bounds(void **state)
{
	struct window w;
	uint32_t seed = 7;

	(void)state;
	window_init(&w, 13);
	for (int i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		switch (seed >> 28) {
		case 0:
			window_trouble(&w, (seed >> 8) % 20);
			break;
		case 1:
			window_success(&w, (int64_t)(seed >> 4) * 100);
			break;
		case 2:
			if ((seed >> 20) % 64 == 0)
				window_reset(&w);
			break;
		case 3:
			window_max_set(&w, (seed >> 8) % 16);
			break;
		default:
			window_success(&w, 0);
		}
		assert_in_range(w.size, 1, w.max);
		assert_true(w.wins < w.size || w.wins == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts),
		cmocka_unit_test(jitter_is_not_slow),
		cmocka_unit_test(stays_in_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
