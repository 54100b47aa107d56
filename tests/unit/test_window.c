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
	{ "each success adds one", "sss", 20, 4, false },
	{ "so it doubles with each window full",
	    "ss"
	    "ss"
	    "ssss"
	    "ssssssss",
	    40, 17, false },
	{ "never above the cap", "sssssssssssssssssssssssssssss", 4, 4, false },
	{ "halved", "ssssst", 20, 3, false },
	{ "once for what was under way", "sssttttt", 20, 2, false },
	{ "again after it", "sssssssstttttt", 20, 2, false },
	{ "additive after it", "ssssstss", 20, 3, false },
	{ "a whole window full", "ssssstsss", 20, 4, false },
	{ "4 + 5 more make 6", "ssssstssssssssssss", 20, 6, false },
	{ "trouble of the canary is none of the window's", "tsss", 20, 4,
	    false },
	{ "never below one", "stttttttttttttttt", 20, 1, false },
	{ "reset means canary", "ssssssssssr", 20, 1, true },
	{ "and slow start", "ssssstrsss", 20, 4, false },
	{ "a slow answer ends slow start", "ssslss", 20, 4, false },
	{ "a slow cohort", "sssslllll", 20, 2, false },
	{ "one fast answer saves it", "ssssllsl", 20, 5, false },
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
				window_success(&w, 1, 50 * MS, 0);
			else if (*s == 'l')
				window_success(&w, 1, 5000 * MS, 0);
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
		window_success(&w, 1, i % 7 == 0 ? 900 * MS : MS / 10, 0);
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
			window_success(&w, 1, (int64_t)(seed >> 4) * 100, 0);
			break;
		case 2:
			if ((seed >> 20) % 64 == 0)
				window_reset(&w);
			break;
		case 3:
			window_max_set(&w, (seed >> 8) % 16);
			break;
		default:
			window_success(&w, 1, 0, 0);
		}
		assert_in_range(w.size, 1, w.max);
		assert_true(w.wins < w.size || w.wins == 0);
	}
}

/* Opens connections as the window allows at a server that takes `most`; each
 * takes a message a step. Returns how many were refused. */
static unsigned
serve(struct window *w, unsigned most, int64_t from, int64_t to, unsigned *open)
{
	unsigned refused = 0;

	for (int64_t now = from; now < to; now += 100 * MS) {
		while (window_room(w, *open, now)) {
			if (*open < most) {
				++*open;
				continue;
			}
			refused++;
			window_crowded(w, *open, now, now);
		}
		for (unsigned i = 0; i < *open; i++)
			window_success(w, *open, 50 * MS, now);
	}
	return refused;
}

#define SEC (1000 * MS)

/* A server that takes five connections: one refusal teaches it, five go on,
 * and one more is asked for at 30 s, 90 s, 210 s ... */
static void
ceiling_is_learned(void **state)
{
	struct window w;
	unsigned open = 0;

	(void)state;
	window_init(&w, 20);
	assert_int_equal(serve(&w, 5, 1 * SEC, 20 * SEC, &open), 1);
	assert_int_equal(open, 5);
	assert_int_equal(w.ceiling, 5);
	assert_int_equal(serve(&w, 5, 20 * SEC, 50 * SEC, &open), 1);
	assert_int_equal(serve(&w, 5, 50 * SEC, 90 * SEC, &open), 0);
	assert_int_equal(serve(&w, 5, 90 * SEC, 110 * SEC, &open), 1);
	assert_int_equal(open, 5);
	/* No further apart than ten minutes. */
	assert_in_range(serve(&w, 5, 110 * SEC, 7310 * SEC, &open), 10, 16);
	/* Its limit is raised: found at a trial, and then soon all of it. */
	assert_int_equal(serve(&w, 50, 7310 * SEC, 8000 * SEC, &open), 0);
	assert_int_equal(open, 20);
	assert_int_equal(w.ceiling, 0);
}

/* Lowered: the connections that it ended are not opened again. */
static void
ceiling_goes_down(void **state)
{
	struct window w;
	unsigned open = 0;

	(void)state;
	window_init(&w, 20);
	serve(&w, 8, 1 * SEC, 20 * SEC, &open);
	assert_int_equal(w.ceiling, 8);
	open = 3;
	assert_true(serve(&w, 3, 20 * SEC, 30 * SEC, &open) <= 2);
	assert_int_equal(w.ceiling, 3);
	assert_int_equal(open, 3);
}

/* One refusal below the ceiling may be of a connection whose end the server
 * has not seen yet: a second's patience, and nothing is unlearned. */
static void
ceiling_survives_a_race(void **state)
{
	struct window w;
	unsigned open = 0;

	(void)state;
	window_init(&w, 20);
	serve(&w, 5, 1 * SEC, 10 * SEC, &open);
	window_crowded(&w, 4, 10 * SEC, 10 * SEC);
	assert_int_equal(w.ceiling, 5);
	assert_false(window_room(&w, 4, 10 * SEC));
	assert_int_equal(window_wake(&w, 4, 10 * SEC), 11 * SEC);
	assert_true(window_room(&w, 4, 11 * SEC));
	window_success(&w, 5, 50 * MS, 11 * SEC);
	window_crowded(&w, 4, 12 * SEC, 12 * SEC);
	assert_int_equal(w.ceiling, 5);
}

/* Greylisting, or refusals of what nobody knows: alive all the same. */
static void
answers_end_the_canary(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 20);
	for (int i = 0; i < WINDOW_ANSWERS; i++) {
		assert_true(w.canary);
		assert_int_equal(w.size, 1);
		window_answered(&w);
	}
	assert_false(w.canary);
	assert_int_equal(w.size, WINDOW_START);
	window_answered(&w);
	assert_int_equal(w.size, WINDOW_START);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts),
		cmocka_unit_test(jitter_is_not_slow),
		cmocka_unit_test(stays_in_bounds),
		cmocka_unit_test(ceiling_is_learned),
		cmocka_unit_test(ceiling_goes_down),
		cmocka_unit_test(ceiling_survives_a_race),
		cmocka_unit_test(answers_end_the_canary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
