/* SPDX-License-Identifier: ISC
 * value_number: numbers, sizes, times and thresholds, with their ranges. A
 * number too large for its type is out of range, never truncated. Called by
 * value.c and, for messages, by check.c. Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "value_int.h"

char *
option_limit_text(const struct option *o, int64_t v, char *dst, size_t size)
{
	static const struct {
		int64_t ms;
		const char *name;
	} times[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" },
		{ 1000, "s" }, { 1, "ms" } };
	size_t i = 0;

	if (o->type == TYPE_TIME || o->type == TYPE_DELAYS) {
		while (v != 0 && v % times[i].ms != 0)
			i++;
		snprintf(dst, size, "%" PRId64 "%s", v / times[i].ms,
		    v == 0 ? "s" : times[i].name);
		return dst;
	}
	if (o->type == TYPE_SIZE)
		return text_size_exact((uint64_t)v, dst, size);
	snprintf(dst, size, "%" PRId64, v);
	return dst;
}

static int
check_range(const struct option *o, int64_t v, const char *s,
    const struct value_reason *r)
{
	char lo[32], hi[32];

	if (v >= o->min && v <= o->max)
		return 0;
	option_limit_text(o, o->min, lo, sizeof(lo));
	option_limit_text(o, o->max, hi, sizeof(hi));
	return value_fail(r, s, "is out of range; it may be %s to %s", lo, hi);
}

static int
get_number(const struct option *o, const char *s, int64_t *v,
    const struct value_reason *r)
{
	size_t digits = strspn(s, "0123456789");

	if (digits == 0 || s[digits] != '\0')
		return value_fail(r, s,
		    "is not a number; write it like \"100\"");
	if (text_int(s, 0, INT64_MAX, v) != 0)
		*v = -1; /* too large: out of any range */
	return check_range(o, *v, s, r);
}

static int
get_size(const struct option *o, const char *s, int64_t *v,
    const struct value_reason *r)
{
	uint64_t bytes;

	if (text_size(s, &bytes) != 0)
		return value_fail(r, s,
		    "is not a size; write it like \"50M\" or"
		    " \"512K\"");
	*v = bytes > INT64_MAX ? -1 : (int64_t)bytes;
	return check_range(o, *v, s, r);
}

/* "30" may mean days or seconds: the message shows the number with each unit
 * that is valid here. */
static int
fail_unit(const struct option *o, const char *s, const struct value_reason *r)
{
	static const struct {
		const char *unit, *name;
	} units[] = { { "d", "days" }, { "h", "hours" }, { "s", "seconds" } };
	const char *joint = "";
	char text[64], hint[160] = "";
	int64_t ms;

	for (size_t i = 0; i < MX_COUNT(units); i++) {
		snprintf(text, sizeof(text), "%.20s%s", s, units[i].unit);
		if (text_duration(text, &ms) != 0 || ms < o->min || ms > o->max)
			continue;
		snprintf(text, sizeof(text), "%s\"%.20s%s\" (%s)", joint, s,
		    units[i].unit, units[i].name);
		(void)strlcat(hint, text, sizeof(hint));
		joint = ", or ";
	}
	return value_fail(r, s, "has no unit; write %s",
	    *hint != '\0' ? hint : "it like \"30d\" or \"12h\"");
}

int
value_time(const struct option *o, const char *s, int64_t *ms,
    const struct value_reason *r)
{
	bool bare = s[strspn(s, "0123456789")] == '\0';
	int rc;

	if (text_duration(s, ms) != 0)
		return value_fail(r, s,
		    "is not a time; write a number with a unit, such as "
		    "\"30d\" or \"12h\"");
	if (*ms == 0 || r == NULL || r->taken_before)
		bare = false; /* 0 needs no unit */
	if (bare && o->words != NULL)
		return fail_unit(o, s, r);
	rc = check_range(o, *ms, s, r);
	if (rc == 0 && bare)
		value_doubt(r, s,
		    "has no unit and is read as seconds; write \"%ss\"", s);
	return rc;
}

int
value_set_number(const struct option *o, void *field, const char *s,
    const struct value_reason *r)
{
	int64_t v;
	int rc;

	if (o->type == TYPE_SIZE)
		rc = get_size(o, s, &v, r);
	else if (o->type == TYPE_TIME)
		rc = value_time(o, s, &v, r);
	else
		rc = get_number(o, s, &v, r);
	if (rc != 0 || field == NULL)
		return rc;
	if (o->type == TYPE_NUM16)
		*(uint16_t *)field = (uint16_t)v;
	else if (o->type == TYPE_NUM32)
		*(uint32_t *)field = (uint32_t)v;
	else if (o->type == TYPE_TIME)
		*(int64_t *)field = v;
	else
		*(uint64_t *)field = (uint64_t)v;
	return 0;
}

/* "off", "80%", "10000", "2d": the text has the unit; check_alert.c checks
 * whether the alert has that one. */
int
value_set_threshold(struct conf_threshold *t, const char *s,
    const struct value_reason *r)
{
	size_t digits = strspn(s, "0123456789");
	char number[24];
	int64_t v = 0;

	if (strcmp(s, "off") == 0) {
		*t = (struct conf_threshold){ ALERT_UNIT_NONE, 0 };
		return 0;
	}
	if (digits > 0 && digits < sizeof(number) &&
	    (s[digits] == '\0' || strcmp(s + digits, "%") == 0)) {
		memcpy(number, s, digits);
		number[digits] = '\0';
		if (text_int(number, 0, INT64_C(1000000000000), &v) == 0) {
			t->unit = s[digits] == '%' ? ALERT_UNIT_PERCENT :
						     ALERT_UNIT_NUMBER;
			t->value = (double)v;
			return 0;
		}
	} else if (text_duration(s, &v) == 0) {
		*t = (struct conf_threshold){ ALERT_UNIT_TIME, (double)v };
		return 0;
	}
	return value_fail(r, s,
	    "is not a threshold; write it like \"80%%\", \"2d\", \"1000\" or"
	    " \"off\"");
}
