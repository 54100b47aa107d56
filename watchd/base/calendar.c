/* SPDX-License-Identifier: ISC
 * calendar: days are counted since 1970 (the proleptic Gregorian calendar), so
 * that date arithmetic needs no library; the library is only asked for the
 * zone's offset from UTC at an instant. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/calendar.h"
#include "base/err.h"
#include "base/text.h"

#define DAY_S	   86400
#define ZONE_S	   3600 /* size of a change of the clocks */
#define WEEKDAYS   7
#define EVERY_DAY  0x7f
#define YEAR_MAX   9999
#define MONTHS_S   (28 * DAY_S) /* the shortest month */
#define SEARCH_MAX 70 /* days: the 31st recurs after 62 at the latest */

/* ---- dates */

struct date {
	int64_t year;
	int month, day; /* from 1 */
};

static bool
is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int
month_length(int64_t year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Years begin in March here: the leap day is the last one. */
static int64_t
days_of(const struct date *d)
{
	int64_t y = d->month > 2 ? d->year : d->year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t m = d->month > 2 ? d->month - 3 : d->month + 9;
	int64_t of_year = (153 * m + 2) / 5 + d->day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468;
}

static void
date_of(int64_t days, struct date *d)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	d->day = (int)(of_year - (153 * m + 2) / 5 + 1);
	d->month = (int)(m < 10 ? m + 3 : m - 9);
	d->year = y + era * 400 + (d->month <= 2);
}

static int
weekday_of(int64_t days)
{
	return (int)(((days + 4) % WEEKDAYS + WEEKDAYS) % WEEKDAYS);
}

/* ---- the zone */

static int64_t
zone_at(int64_t wall)
{
	time_t t = (time_t)wall;
	struct tm tm;

	return localtime_r(&t, &tm) != NULL ? (int64_t)tm.tm_gmtoff : 0;
}

/* `local` counts seconds as if the zone were UTC. The offsets a day before and
 * after it are those on both sides of a change of the clocks, if there is
 * one. */
static int64_t
wall_of(int64_t local)
{
	int64_t before = zone_at(local - DAY_S), after = zone_at(local + DAY_S);
	int64_t first = local - before, second = local - after;

	if (zone_at(first) != before && zone_at(second) == after)
		return second;
	return first;
}

/* ---- parsing */

/* Exactly `n` digits within [min, max]. */
static bool
take_number(const char **s, size_t n, int64_t min, int64_t max, int64_t *v)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		sum = sum * 10 + (**s - '0');
	}
	*v = sum;
	return sum >= min && sum <= max;
}

static bool
take_char(const char **s, const char *any)
{
	if (**s == '\0' || strchr(any, **s) == NULL)
		return false;
	(*s)++;
	return true;
}

/* "02:00" */
static bool
take_clock(const char **s, int64_t *minute)
{
	int64_t h, m;

	if (!take_number(s, 2, 0, 23, &h) || !take_char(s, ":") ||
	    !take_number(s, 2, 0, 59, &m))
		return false;
	*minute = h * 60 + m;
	return true;
}

static bool
take_date(const char **s, int64_t *days)
{
	int64_t year, month, day;
	struct date d;

	if (!take_number(s, 4, 1970, YEAR_MAX, &year) || !take_char(s, "-") ||
	    !take_number(s, 2, 1, 12, &month) || !take_char(s, "-") ||
	    !take_number(s, 2, 1, 31, &day) ||
	    day > month_length(year, (int)month))
		return false;
	d = (struct date){ year, (int)month, (int)day };
	*days = days_of(&d);
	return true;
}

/* "Z", "+01:00", or nothing: the zone of this machine. */
static int
take_zone(const char *s, int64_t local, int64_t *wall)
{
	bool west = *s == '-';
	int64_t minute;

	if (*s == '\0') {
		*wall = wall_of(local);
		return 0;
	}
	if (take_char(&s, "Zz")) {
		*wall = local;
		return *s == '\0' ? 0 : -MX_ESYNTAX;
	}
	if (!take_char(&s, "+-") || !take_clock(&s, &minute) || *s != '\0')
		return -MX_ESYNTAX;
	*wall = local + (west ? minute : -minute) * 60;
	return 0;
}

int
calendar_time(const char *s, int64_t now, int64_t *wall)
{
	int64_t days, minute, ms, seconds = 0;

	if (strcmp(s, "now") == 0) {
		*wall = now;
		return 0;
	}
	if (*s == '+') {
		if (text_duration(s + 1, &ms) != 0 ||
		    ms > (int64_t)YEAR_MAX * 366 * DAY_S * 1000)
			return -MX_ESYNTAX;
		*wall = now + ms / 1000;
		return 0;
	}
	if (!take_date(&s, &days) || !take_char(&s, " Tt") ||
	    !take_clock(&s, &minute) ||
	    (take_char(&s, ":") && !take_number(&s, 2, 0, 59, &seconds)))
		return -MX_ESYNTAX;
	return take_zone(s, days * DAY_S + minute * 60 + seconds, wall);
}

char *
calendar_time_fmt(int64_t wall, char *dst, size_t size)
{
	int64_t local = wall + zone_at(wall);
	int64_t days = (local >= 0 ? local : local - DAY_S + 1) / DAY_S;
	int64_t minute = (local - days * DAY_S) / 60;
	struct date d;

	date_of(days, &d);
	(void)snprintf(dst, size, "%04d-%02d-%02d %02d:%02d", (int)d.year,
	    d.month, d.day, (int)(minute / 60), (int)(minute % 60));
	return dst;
}

/* ---- recurrences */

static int
weekday_parse(const char *s, size_t n)
{
	static const char *const name[WEEKDAYS] = { "sun", "mon", "tue", "wed",
		"thu", "fri", "sat" };

	for (int i = 0; i < WEEKDAYS; i++)
		if (n == 3 && strncasecmp(s, name[i], 3) == 0)
			return i;
	return -1;
}

/* "mon", "mon,thu", "mon-fri", "fri-mon"; 0: invalid. */
static uint8_t
weekdays_parse(const char *s, size_t n)
{
	const char *end = s + n;
	unsigned set = 0;
	int from, to;

	if (n == 5 && strncasecmp(s, "daily", n) == 0)
		return EVERY_DAY;
	for (;;) {
		n = (size_t)(end - s) < 3 ? 0 : 3;
		from = to = weekday_parse(s, n);
		s += n;
		if (from >= 0 && s < end && *s == '-') {
			s++;
			n = (size_t)(end - s) < 3 ? 0 : 3;
			to = weekday_parse(s, n);
			s += n;
		}
		if (from < 0 || to < 0)
			return 0;
		for (set |= 1u << to; from != to; from = (from + 1) % WEEKDAYS)
			set |= 1u << from;
		if (s == end)
			return (uint8_t)set;
		if (*s++ != ',')
			return 0;
	}
}

/* "1st" to "4th", "last"; 0: invalid. */
static int8_t
nth_parse(const char *s, size_t n)
{
	static const char *const name[] = { "1st", "2nd", "3rd", "4th" };

	for (size_t i = 0; i < MX_COUNT(name); i++)
		if (n == 3 && strncasecmp(s, name[i], n) == 0)
			return (int8_t)(i + 1);
	return n == 4 && strncasecmp(s, "last", n) == 0 ? CALENDAR_LAST : 0;
}

static int8_t
day_parse(const char *s, size_t n)
{
	char text[4];
	int64_t v;

	if (n == 0 || n > 2)
		return 0;
	memcpy(text, s, n);
	text[n] = '\0';
	return text_int(text, 1, 31, &v) == 0 ? (int8_t)v : 0;
}

/* The two words, or one (`m` 0), before the time of day. */
static bool
when_parse(const char *s, size_t n, const char *t, size_t m,
    struct recurrence *r)
{
	bool is_day = m == 3 && strncasecmp(t, "day", m) == 0;

	if (m == 0) {
		r->weekdays = weekdays_parse(s, n);
	} else if (n == 3 && strncasecmp(s, "day", n) == 0) {
		r->day = day_parse(t, m);
	} else if ((r->nth = nth_parse(s, n)) == CALENDAR_LAST && is_day) {
		r->nth = 0;
		r->day = CALENDAR_LAST;
	} else if (r->nth != 0) {
		r->weekdays = weekdays_parse(t, m);
	}
	return r->weekdays != 0 || r->day != 0;
}

int
recurrence_parse(const char *s, struct recurrence *r)
{
	const char *word[3] = { NULL };
	size_t len[3] = { 0 }, n = 0;
	int64_t minute;

	memset(r, 0, sizeof(*r));
	while (*(s += strspn(s, " ")) != '\0') {
		if (n == MX_COUNT(word))
			return -MX_ESYNTAX;
		word[n] = s;
		len[n] = strcspn(s, " ");
		s += len[n++];
	}
	if (n < 2 || len[n - 1] != 5 || !take_clock(&word[n - 1], &minute) ||
	    !when_parse(word[0], len[0], word[1], n == 3 ? len[1] : 0, r))
		return -MX_ESYNTAX;
	r->minute = (int16_t)minute;
	return 0;
}

static bool
falls_on(const struct recurrence *r, int64_t days)
{
	struct date d;
	int length;

	date_of(days, &d);
	length = month_length(d.year, d.month);
	if (r->day != 0)
		return d.day == (r->day == CALENDAR_LAST ? length : r->day);
	if ((r->weekdays & (1u << weekday_of(days))) == 0)
		return false;
	if (r->nth == CALENDAR_LAST)
		return d.day + WEEKDAYS > length;
	return r->nth == 0 || (d.day - 1) / WEEKDAYS + 1 == r->nth;
}

int64_t
recurrence_next(const struct recurrence *r, int64_t after)
{
	/* Starts a day early: a time skipped by the clocks may fall into the
	 * next day. */
	int64_t first = (after + zone_at(after)) / DAY_S - 1, wall;

	for (int64_t day = first; day < first + SEARCH_MAX; day++) {
		if (!falls_on(r, day))
			continue;
		wall = wall_of(day * DAY_S + (int64_t)r->minute * 60);
		if (wall > after)
			return wall;
	}
	MX_ASSERT(false); /* each one occurs within SEARCH_MAX */
	return INT64_MAX;
}

int64_t
recurrence_period(const struct recurrence *r)
{
	int gap = WEEKDAYS, last = -1, d;

	if (r->weekdays == 0)
		return MONTHS_S - ZONE_S;
	/* Two weeks contain every pair of neighbours. */
	for (d = 0; d < 2 * WEEKDAYS; d++) {
		if ((r->weekdays & (1u << d % WEEKDAYS)) == 0)
			continue;
		if (last >= 0 && d - last < gap)
			gap = d - last;
		last = d;
	}
	if (r->nth != 0 && gap == WEEKDAYS)
		return MONTHS_S - ZONE_S;
	return (int64_t)gap * DAY_S - ZONE_S;
}
