/* SPDX-License-Identifier: ISC
 * Thresholds: the table of the plugin guidelines, units, percentages, and
 * what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "contrib/nagios/range.h"

/* Developer guidelines, "Threshold and Ranges": 2 = the edge of it. */
static const struct {
	const char *range;
	double quiet[3], alerts[2];
} table[] = {
	{ "10", { 0, 5, 10 }, { -0.1, 10.1 } },
	{ "10:", { 10, 11, 1e15 }, { 9.9, -1 } },
	{ "~:10", { -1e15, 0, 10 }, { 10.1, 1e15 } },
	{ "10:20", { 10, 15, 20 }, { 9.9, 20.1 } },
	{ "@10:20", { 9.9, 20.1, -1 }, { 10, 20 } },
	{ ":10", { 0, 5, 10 }, { -0.1, 10.1 } },
	{ "0", { 0, 0, 0 }, { 1, -1 } },
	{ "-5:5", { -5, 0, 5 }, { -6, 6 } },
	{ "@10", { -1, 11, 1e9 }, { 0, 10 } },
	{ "@~:0", { 0.1, 1, 2 }, { 0, -7 } },
	{ "1.5:2.5", { 1.5, 2, 2.5 }, { 1.4, 2.6 } },
	{ "1m:1h30m", { 60, 100, 5400 }, { 59, 5401 } },
	{ "2d:", { 172800, 1e9, 172801 }, { 172799, 0 } },
	{ "500ms", { 0, 0.5, 0.25 }, { 0.51, 1 } },
	{ "1w", { 0, 1, 604800 }, { 604801, -1 } },
};

static void
the_table(void **state)
{
	struct mx_errbuf eb;
	struct check_range r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(table); i++) {
		assert_int_equal(
		    range_parse(table[i].range, RANGE_TIME, &r, &eb), 0);
		for (size_t k = 0; k < 3; k++)
			if (range_alerts(&r, table[i].quiet[k], 0))
				fail_msg("%s alerts at %g", table[i].range,
				    table[i].quiet[k]);
		for (size_t k = 0; k < 2; k++)
			if (!range_alerts(&r, table[i].alerts[k], 0))
				fail_msg("%s is quiet at %g", table[i].range,
				    table[i].alerts[k]);
	}
}

static const struct {
	const char *range;
	unsigned units;
} wrong[] = {
	{ "", 0 },
	{ "@", 0 },
	{ ":", 0 },
	{ "~", 0 },
	{ "20:10", 0 },
	{ "10:20:30", 0 },
	{ "ten", 0 },
	{ "0x10", 0 },
	{ "nan", 0 },
	{ "inf", 0 },
	{ "1e3", 0 },
	{ "1,5", 0 },
	{ " 1", 0 },
	{ "1 ", 0 },
	{ "--1", 0 },
	{ ".5", 0 },
	{ "10:~", 0 },
	{ "5m", 0 },
	{ "5x", RANGE_TIME },
	{ "1h30", RANGE_TIME },
	{ "1K2K", RANGE_SIZE },
	{ "5%", RANGE_TIME },
	{ "5%5%", RANGE_PERCENT },
	{ "10:50%", RANGE_PERCENT },
	{ "50%:90", RANGE_PERCENT },
	{ "99999999999999999999999999", 0 },
	{ "1000000000000000000000000000000000000000000000000000000000000000000",
	    0 },
};

static void
no_ranges(void **state)
{
	struct mx_errbuf eb;
	struct check_range r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(wrong); i++) {
		eb.text[0] = '\0';
		if (range_parse(wrong[i].range, wrong[i].units, &r, &eb) == 0)
			fail_msg("\"%s\" was taken", wrong[i].range);
		assert_false(r.set);
		assert_true(eb.text[0] != '\0');
	}
}

static void
percentages(void **state)
{
	struct check_range r = { 0 };
	struct mx_errbuf eb;

	(void)state;
	assert_false(range_alerts(&r, 1e9, 0)); /* none was set */
	assert_int_equal(range_parse("50%", RANGE_PERCENT, &r, &eb), 0);
	assert_false(range_alerts(&r, 500, 1000));
	assert_true(range_alerts(&r, 501, 1000));
	assert_false(range_alerts(&r, 501, 0)); /* of nothing */
	assert_int_equal(range_parse("20%:", RANGE_PERCENT, &r, &eb), 0);
	assert_true(range_alerts(&r, 199, 1000));
	assert_false(range_alerts(&r, 200, 1000));
}

static const struct {
	const char *range, *text;
	double whole;
} printed[] = {
	{ "10", "10", 0 },
	{ "10:", "10:", 0 },
	{ "~:10", "~:10", 0 },
	{ "10:20", "10:20", 0 },
	{ "@10:20", "@10:20", 0 },
	{ "0:", "0:", 0 },
	{ "1h", "3600", 0 },
	{ "250ms", "0.25", 0 },
	{ "2G:", "2147483648:", 0 },
	{ "50%", "216000", 432000 },
	{ "20%:", "86400:", 432000 },
	{ "50%", "", 0 },
};

static void
in_perfdata(void **state)
{
	const unsigned all = RANGE_TIME | RANGE_SIZE | RANGE_PERCENT;
	char text[RANGE_TEXT_MAX];
	struct mx_errbuf eb;
	struct check_range r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(printed); i++) {
		assert_int_equal(range_parse(printed[i].range, all, &r, &eb),
		    0);
		assert_string_equal(range_fmt(&r, printed[i].whole, text),
		    printed[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(no_ranges),
		cmocka_unit_test(percentages),
		cmocka_unit_test(in_perfdata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
