/* SPDX-License-Identifier: ISC
 * The hourly budget of notifications and the line of those that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "relay/deliver/budget.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS	(24 * HOUR_MS)
#define START	(1000 * CLOCK_SEC)

static int64_t
at(int64_t ms)
{
	return START + ms * CLOCK_MS;
}

static void
an_hour_at_once(void **state)
{
	struct budget b = { 0 };
	int64_t wait;

	(void)state;
	budget_set(&b, 3, at(0));
	for (int i = 0; i < 3; i++)
		assert_int_equal(budget_ask(&b, false, DAY_MS, at(0)), 0);
	wait = budget_ask(&b, false, DAY_MS, at(0));
	assert_in_range(wait, HOUR_MS / 3, HOUR_MS / 3 + 2);
	assert_int_equal(budget_ask(&b, true, DAY_MS, at(wait)), 0);
	/* Idle for long: an hour's worth, no more. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(budget_ask(&b, false, DAY_MS, at(10 * DAY_MS)),
		    0);
	assert_true(budget_ask(&b, false, DAY_MS, at(10 * DAY_MS)) > 0);
}

/* Each of a thousand that wait has a time of its own, at which there is
 * something for it, whoever comes new meanwhile. */
static void
the_line_is_served_in_turn(void **state)
{
	static int64_t due[1000];
	struct budget b = { 0 };
	const int64_t step = HOUR_MS / 1000;

	(void)state;
	budget_set(&b, 1000, at(0));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(budget_ask(&b, false, DAY_MS, at(0)), 0);
	for (int i = 0; i < 1000; i++) {
		due[i] = budget_ask(&b, false, DAY_MS, at(0));
		if (i > 0)
			assert_in_range(due[i] - due[i - 1], step, step + 2);
	}
	for (int i = 0; i < 1000; i++) {
		if (i < 999)
			assert_true(budget_ask(&b, false, DAY_MS, at(due[i])) >
			    due[999] - due[i]);
		assert_int_equal(budget_ask(&b, true, DAY_MS, at(due[i])), 0);
	}
}

static void
bounds(void **state)
{
	struct budget b = { 0 };
	unsigned waiting = 0;

	(void)state;
	budget_set(&b, 10, at(0));
	for (int i = 0; i < 10; i++)
		assert_int_equal(budget_ask(&b, false, DAY_MS, at(0)), 0);
	/* A warning takes no place in the line. */
	assert_int_equal(budget_ask(&b, false, 0, at(0)), BUDGET_NEVER);
	while (budget_ask(&b, false, DAY_MS, at(0)) != BUDGET_NEVER)
		waiting++;
	assert_in_range(waiting, 238, 240); /* what a day can bear */
	budget_set(&b, 0, at(1));
	assert_int_equal(budget_ask(&b, true, DAY_MS, at(9 * DAY_MS)),
	    BUDGET_NEVER);
	budget_set(&b, 1, at(9 * DAY_MS));
	assert_true(budget_ask(&b, false, DAY_MS, at(9 * DAY_MS)) > 0);
	assert_int_equal(budget_ask(&b, true, DAY_MS, at(10 * DAY_MS)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_at_once),
		cmocka_unit_test(the_line_is_served_in_turn),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
