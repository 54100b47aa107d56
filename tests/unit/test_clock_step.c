/* SPDX-License-Identifier: ISC
 * test_leap: when the wall clock is doubted and when it is believed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relay/queue/clock_step.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define T0     INT64_C(1700000000000)

/* Looks in order; `wall` and `mono` in ms from the start. */
struct look {
	int64_t wall, mono;
	enum clock_step_news news;
	bool doubted;
};

static const struct {
	const char *name;
	int64_t before; /* what the last process left, from T0; -1 nothing */
	struct look look[6];
} cases[] = {
	{ "a clock that goes on", -1,
	    { { 0, 0, LEAP_NONE, false }, { MINUTE, MINUTE, LEAP_NONE, false },
		{ 30 * DAY, 30 * DAY, LEAP_NONE, false } } },
	{ "slewed and stepped by little", -1,
	    { { 0, 0, LEAP_NONE, false }, { HOUR, MINUTE, LEAP_NONE, false },
		{ MINUTE, 2 * MINUTE, LEAP_NONE, false } } },
	{ "ahead, and believed after the time", -1,
	    { { 0, 0, LEAP_NONE, false },
		{ 30 * DAY, MINUTE, LEAP_AHEAD, true },
		{ 30 * DAY + 5 * HOUR, 5 * HOUR, LEAP_NONE, true },
		{ 30 * DAY + 6 * HOUR, 6 * HOUR + MINUTE, LEAP_OVER, false },
		{ 30 * DAY + 7 * HOUR, 7 * HOUR + MINUTE, LEAP_NONE,
		    false } } },
	{ "ahead, and set right", -1,
	    { { 0, 0, LEAP_NONE, false },
		{ 4000 * DAY, MINUTE, LEAP_AHEAD, true },
		{ 2 * MINUTE, 2 * MINUTE, LEAP_BACK, false },
		{ 7 * HOUR, 7 * HOUR, LEAP_NONE, false } } },
	{ "ahead, and set right but for a day", -1,
	    { { 0, 0, LEAP_NONE, false },
		{ 4000 * DAY, MINUTE, LEAP_AHEAD, true },
		{ DAY, 2 * MINUTE, LEAP_NONE, true },
		{ DAY + 7 * HOUR, 7 * HOUR, LEAP_OVER, false } } },
	{ "ahead twice: the time begins anew", -1,
	    { { 0, 0, LEAP_NONE, false }, { 2 * DAY, MINUTE, LEAP_AHEAD, true },
		{ 9 * DAY, 5 * HOUR, LEAP_AHEAD, true },
		{ 9 * DAY + 5 * HOUR, 10 * HOUR, LEAP_NONE, true },
		{ 9 * DAY + 6 * HOUR, 11 * HOUR, LEAP_OVER, false } } },
	{ "set back", -1,
	    { { 0, 0, LEAP_NONE, false },
		{ -2 * DAY, MINUTE, LEAP_BACK, false },
		{ -2 * DAY + MINUTE, 2 * MINUTE, LEAP_NONE, false } } },
	{ "a start soon after", -HOUR / 2,
	    { { 0, 0, LEAP_NONE, false },
		{ MINUTE, MINUTE, LEAP_NONE, false } } },
	{ "a start after a month", -30 * DAY,
	    { { 0, 0, LEAP_AHEAD, true },
		{ 5 * HOUR, 5 * HOUR, LEAP_NONE, true },
		{ 6 * HOUR, 6 * HOUR, LEAP_OVER, false } } },
	{ "a start with a clock that fell back", 2 * DAY,
	    { { 0, 0, LEAP_BACK, false },
		{ MINUTE, MINUTE, LEAP_NONE, false } } },
};

static void
test_looks(void **state)
{
	const struct look *k;
	struct clock_step l;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		print_message("%s\n", cases[i].name);
		l = (struct clock_step){ .step_ms = HOUR,
			.settle_ms = 6 * HOUR };
		clock_step_start(&l,
		    cases[i].before == -1 ? 0 : T0 + cases[i].before, 0);
		for (k = cases[i].look; k == cases[i].look || k->wall != 0;
		     k++) {
			assert_int_equal(
			    clock_step_feed(&l, T0 + k->wall, k->mono),
			    k->news);
			assert_int_equal(clock_step_left(&l, k->mono) > 0,
			    k->doubted);
		}
	}
}

static void
test_off(void **state)
{
	struct clock_step l = { .settle_ms = HOUR };

	(void)state;
	clock_step_start(&l, T0, 0);
	assert_int_equal(clock_step_feed(&l, T0 + 900 * DAY, 0), LEAP_NONE);
	assert_int_equal(clock_step_left(&l, 0), 0);
}

static void
test_left(void **state)
{
	struct clock_step l = { .step_ms = HOUR, .settle_ms = 6 * HOUR };

	(void)state;
	clock_step_start(&l, T0, 0);
	assert_int_equal(clock_step_feed(&l, T0 + 2 * DAY, MINUTE), LEAP_AHEAD);
	assert_int_equal(clock_step_lead(&l), 2 * DAY - MINUTE);
	assert_int_equal(clock_step_left(&l, MINUTE), 6 * HOUR);
	assert_int_equal(clock_step_left(&l, MINUTE + 6 * HOUR - 5), 5);
	/* until the next look it is not believed */
	assert_int_equal(clock_step_left(&l, MINUTE + 6 * HOUR), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
