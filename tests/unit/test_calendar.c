/* SPDX-License-Identifier: ISC
 * test_calendar: what operators write as a time, and what comes again: changes of
 * the clocks on both sides of the Atlantic, the ends of months, the leap day. The
 * zones are spelt out, so that no table of them has to be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/calendar.h"
#include "base/text.h"

#define BERLIN	 "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"

static void
zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

static int64_t
at(const char *s)
{
	int64_t wall;

	assert_int_equal(calendar_time(s, 0, &wall), 0);
	return wall;
}

/* What comes after what; all but `after` in UTC. */
static const struct next_case {
	const char *name, *tz, *every, *after, *next;
} next_cases[] = {
	{ "daily", "UTC", "daily 02:00", "2026-12-01 01:59",
	    "2026-12-01T02:00:00Z" },
	{ "it is later than `after`", "UTC", "daily 02:00", "2026-12-01 02:00",
	    "2026-12-02T02:00:00Z" },
	{ "a weekday", "UTC", "tue 02:00", "2026-12-02 00:00",
	    "2026-12-08T02:00:00Z" },
	{ "the same day, before it", "UTC", "Tue 02:00", "2026-12-01 00:00",
	    "2026-12-01T02:00:00Z" },
	{ "a list", "UTC", "mon,thu 23:59", "2026-12-01 00:00",
	    "2026-12-03T23:59:00Z" },
	{ "a span", "UTC", "mon-fri 00:00", "2026-12-04 12:00",
	    "2026-12-07T00:00:00Z" },
	{ "a span over the week's end", "UTC", "sat-mon 00:00",
	    "2026-12-07 00:00", "2026-12-12T00:00:00Z" },
	{ "the 2nd", "UTC", "2nd tue 02:00", "2026-12-01 00:00",
	    "2026-12-08T02:00:00Z" },
	{ "the 2nd of the next month", "UTC", "2nd tue 02:00",
	    "2026-12-08 02:00", "2027-01-12T02:00:00Z" },
	{ "the 1st is within a week", "UTC", "1st tue 02:00",
	    "2026-08-31 00:00", "2026-09-01T02:00:00Z" },
	{ "the 4th", "UTC", "4th mon 02:00", "2027-02-01 00:00",
	    "2027-02-22T02:00:00Z" },
	{ "the last of five", "UTC", "last sun 02:00", "2026-11-22 03:00",
	    "2026-11-29T02:00:00Z" },
	{ "the last of four", "UTC", "last mon 02:00", "2027-02-01 00:00",
	    "2027-02-22T02:00:00Z" },
	{ "a day of the month", "UTC", "day 15 03:00", "2026-12-15 03:00",
	    "2027-01-15T03:00:00Z" },
	{ "months without it", "UTC", "day 31 03:00", "2027-01-31 03:00",
	    "2027-03-31T03:00:00Z" },
	{ "the end of a short month", "UTC", "last day 03:00",
	    "2027-02-01 00:00", "2027-02-28T03:00:00Z" },
	{ "a leap day", "UTC", "last day 03:00", "2028-02-28 03:00",
	    "2028-02-29T03:00:00Z" },
	{ "the 29th in a leap year", "UTC", "day 29 03:00", "2028-01-29 03:00",
	    "2028-02-29T03:00:00Z" },
	{ "the 29th in another", "UTC", "day 29 03:00", "2027-01-29 03:00",
	    "2027-03-29T03:00:00Z" },
	{ "no leap year in 2100", "UTC", "last day 03:00", "2100-02-01 00:00",
	    "2100-02-28T03:00:00Z" },
	{ "the end of the year", "UTC", "last day 23:59", "2026-12-31 23:59",
	    "2027-01-31T23:59:00Z" },

	{ "Berlin in winter", BERLIN, "daily 02:30", "2026-01-10 12:00",
	    "2026-01-11T01:30:00Z" },
	{ "Berlin in summer", BERLIN, "daily 02:30", "2026-07-10 12:00",
	    "2026-07-11T00:30:00Z" },
	{ "Berlin skips it", BERLIN, "daily 02:30", "2026-03-28 12:00",
	    "2026-03-29T01:30:00Z" },
	{ "the one after it", BERLIN, "daily 02:30", "2026-03-29T01:30:00Z",
	    "2026-03-30T00:30:00Z" },
	{ "Berlin has it twice", BERLIN, "last sun 02:30", "2026-10-24 12:00",
	    "2026-10-25T00:30:00Z" },
	{ "and the second is none", BERLIN, "daily 02:30",
	    "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z" },
	{ "the hour that comes twice, its end", BERLIN, "daily 03:00",
	    "2026-10-24 12:00", "2026-10-25T02:00:00Z" },
	{ "the hour that is skipped, its end", BERLIN, "daily 03:00",
	    "2026-03-28 12:00", "2026-03-29T01:00:00Z" },
	{ "midnight", BERLIN, "daily 00:00", "2026-03-29 12:00",
	    "2026-03-29T22:00:00Z" },
	{ "New York skips it", NEW_YORK, "2nd sun 02:30", "2026-03-07 12:00",
	    "2026-03-08T07:30:00Z" },
	{ "New York has it twice", NEW_YORK, "1st sun 01:30",
	    "2026-10-31 12:00", "2026-11-01T05:30:00Z" },
	{ "New York, after both", NEW_YORK, "daily 01:30",
	    "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z" },
	{ "a day that begins elsewhere", NEW_YORK, "daily 23:30",
	    "2026-07-10 23:00", "2026-07-11T03:30:00Z" },
};

static void
comes_again(void **state)
{
	struct recurrence r;
	char is[40];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(next_cases); i++) {
		const struct next_case *c = &next_cases[i];

		zone(c->tz);
		assert_int_equal(recurrence_parse(c->every, &r), 0);
		text_date_3339(recurrence_next(&r, at(c->after)), is,
		    sizeof(is));
		if (strcmp(is, c->next) != 0)
			fail_msg("%s: %s", c->name, is);
	}
}

/* Three years of each form: none comes before its time, none is left out. */
static void
comes_in_order(void **state)
{
	static const char *const every[] = { "daily 02:30", "mon-fri 02:30",
		"2nd tue 02:30", "last sun 02:30", "day 31 02:30",
		"last day 02:30", "sun,mon 00:00" };
	static const char *const zones[] = { "UTC", BERLIN, NEW_YORK };
	struct recurrence r;
	int64_t t, next, end;

	(void)state;
	for (size_t z = 0; z < MX_COUNT(zones); z++) {
		zone(zones[z]);
		for (size_t i = 0; i < MX_COUNT(every); i++) {
			assert_int_equal(recurrence_parse(every[i], &r), 0);
			t = recurrence_next(&r, at("2026-01-01 00:00"));
			end = at("2029-01-01 00:00");
			for (; t < end; t = next) {
				next = recurrence_next(&r, t);
				assert_true(next - t >= recurrence_period(&r));
				assert_true(next - t <= 63 * 86400);
				assert_true(
				    recurrence_next(&r, next - 1) == next);
			}
		}
	}
}

static void
has_a_period(void **state)
{
	static const struct {
		const char *every;
		int64_t hours;
	} period[] = {
		{ "daily 02:00", 23 },
		{ "tue 02:00", 7 * 24 - 1 },
		{ "mon,thu 02:00", 3 * 24 - 1 },
		{ "fri,mon 02:00", 3 * 24 - 1 },
		{ "sat-sun 02:00", 23 },
		{ "1st mon 02:00", 28 * 24 - 1 },
		{ "1st mon,thu 02:00", 3 * 24 - 1 },
		{ "day 1 02:00", 28 * 24 - 1 },
		{ "last day 02:00", 28 * 24 - 1 },
	};
	struct recurrence r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(period); i++) {
		assert_int_equal(recurrence_parse(period[i].every, &r), 0);
		assert_int_equal(recurrence_period(&r), period[i].hours * 3600);
	}
}

static void
refuses_what_is_none(void **state)
{
	static const char *const wrong[] = { "", "02:00", "tue", "tue 2:00",
		"tue 24:00", "tue 02:60", "tue 02:00:00", "tues 02:00",
		"mon, thu 02:00", "mon- 02:00", "mon-funday 02:00",
		",mon 02:00", "mon, 02:00", "5th mon 02:00", "2nd 02:00",
		"2nd day 02:00", "day 02:00", "day 0 02:00", "day 32 02:00",
		"day -1 02:00", "day 001 02:00", "last 02:00",
		"2nd last mon 02:00", "daily 02:00 UTC", "every tue 02:00",
		"2nd daily! 02:00" };
	struct recurrence r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(wrong); i++)
		if (recurrence_parse(wrong[i], &r) == 0)
			fail_msg("%s", wrong[i]);
}

static const struct time_case {
	const char *tz, *text, *utc; /* NULL: it is none */
} time_cases[] = {
	{ "UTC", "2026-12-01 02:00", "2026-12-01T02:00:00Z" },
	{ "UTC", "2026-12-01T02:00:59", "2026-12-01T02:00:59Z" },
	{ BERLIN, "2026-12-01 02:00", "2026-12-01T01:00:00Z" },
	{ BERLIN, "2026-07-01 02:00", "2026-07-01T00:00:00Z" },
	{ BERLIN, "2026-12-01T02:00:00Z", "2026-12-01T02:00:00Z" },
	{ BERLIN, "2026-12-01T02:00:00+05:30", "2026-11-30T20:30:00Z" },
	{ BERLIN, "2026-12-01 02:00-08:00", "2026-12-01T10:00:00Z" },
	{ BERLIN, "2026-03-29 02:30", "2026-03-29T01:30:00Z" },
	{ BERLIN, "2026-10-25 02:30", "2026-10-25T00:30:00Z" },
	{ NEW_YORK, "2028-02-29 12:00", "2028-02-29T17:00:00Z" },
	{ "UTC", "now", "2026-11-30T12:00:00Z" },
	{ "UTC", "+1h30m", "2026-11-30T13:30:00Z" },
	{ "UTC", "+0s", "2026-11-30T12:00:00Z" },
	{ "UTC", "2027-02-29 12:00", NULL },
	{ "UTC", "2026-13-01 12:00", NULL },
	{ "UTC", "2026-04-31 12:00", NULL },
	{ "UTC", "2026-12-01", NULL },
	{ "UTC", "2026-12-01 2:00", NULL },
	{ "UTC", "2026-12-01  02:00", NULL },
	{ "UTC", "2026-12-01 02:00 ", NULL },
	{ "UTC", "2026-12-01T02:00:00Zulu", NULL },
	{ "UTC", "2026-12-01T02:00:00+5", NULL },
	{ "UTC", "2026-12-01T02:00:60Z", NULL },
	{ "UTC", "1969-12-31 23:00", NULL },
	{ "UTC", "02:00", NULL },
	{ "UTC", "tomorrow", NULL },
	{ "UTC", "-1h", NULL },
	{ "UTC", "+", NULL },
	{ "UTC", "+99999999999999w", NULL },
	{ "UTC", "", NULL },
};

static void
reads_times(void **state)
{
	int64_t now, wall;
	char is[40];

	(void)state;
	zone("UTC");
	now = at("2026-11-30 12:00");
	for (size_t i = 0; i < MX_COUNT(time_cases); i++) {
		const struct time_case *c = &time_cases[i];
		int rc;

		zone(c->tz);
		rc = calendar_time(c->text, now, &wall);
		if ((rc == 0) != (c->utc != NULL))
			fail_msg("%s: %d", c->text, rc);
		if (rc != 0)
			continue;
		if (strcmp(text_date_3339(wall, is, sizeof(is)), c->utc) != 0)
			fail_msg("%s: %s", c->text, is);
	}
}

static void
writes_times(void **state)
{
	char is[40];

	(void)state;
	zone(BERLIN);
	assert_string_equal(
	    calendar_time_fmt(at("2026-12-01 02:00"), is, sizeof(is)),
	    "2026-12-01 02:00");
	assert_string_equal(calendar_time_fmt(0, is, sizeof(is)),
	    "1970-01-01 01:00");
	zone(NEW_YORK);
	assert_string_equal(calendar_time_fmt(0, is, sizeof(is)),
	    "1969-12-31 19:00");
	assert_string_equal(
	    calendar_time_fmt(at("2028-02-29 23:59"), is, sizeof(is)),
	    "2028-02-29 23:59");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_again),
		cmocka_unit_test(comes_in_order),
		cmocka_unit_test(has_a_period),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(reads_times),
		cmocka_unit_test(writes_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
