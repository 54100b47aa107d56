/* SPDX-License-Identifier: ISC
 * calendar: points in time as operators write them, and recurring times, in the
 * time zone of this machine (tzset(3)). Wall times are Unix seconds.
 *
 * A local time that a change of the clocks skips is read with the offset from
 * before the change: 02:30, where 02:00 becomes 03:00, is 03:30. Of one that
 * occurs twice the first is meant. Pure except for the zone; any thread. */
#ifndef MX_BASE_CALENDAR_H
#define MX_BASE_CALENDAR_H

#include "base/defs.h"

/* "now", "+2h" (from now), "2026-12-01 02:00[:00]" (local), or with a zone as
 * in RFC 3339: "2026-12-01T02:00:00Z", "...+01:00". -MX_ESYNTAX. */
int calendar_time(const char *s, int64_t now, int64_t *wall) MX_NODISCARD;
/* "2026-12-01 02:00", local. Returns dst. */
char *calendar_time_fmt(int64_t wall, char *dst, size_t size);

#define CALENDAR_LAST (-1) /* of a month */

struct recurrence {
	uint8_t weekdays; /* 1 << day, Sunday 0; 0: by the day of the month */
	/* 1st to 4th, or the last, of the weekday in a month; 0: each */
	int8_t nth;
	int8_t day; /* of the month, or CALENDAR_LAST; 0: by weekdays */
	int16_t minute; /* of the day */
};

/* WHEN HH:MM, where WHEN is "daily", "tue", "mon,thu", "mon-fri", "2nd tue",
 * "last sun", "day 15" (skips months without it) or "last day". -MX_ESYNTAX. */
int recurrence_parse(const char *s, struct recurrence *) MX_NODISCARD;
/* The first occurrence later than `after`. */
int64_t recurrence_next(const struct recurrence *, int64_t after);
/* The shortest time between two occurrences, in seconds, changes of the clocks
 * included. */
int64_t recurrence_period(const struct recurrence *);

#endif
