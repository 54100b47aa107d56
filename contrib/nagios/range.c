/* SPDX-License-Identifier: ISC
 * range: parses a threshold and compares with it. Numbers are parsed here and
 * not by strtod(), to exclude locales, hexadecimal and "nan". */
#include "range.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 1e18 /* larger values are typing errors */

static const struct {
	const char *name;
	unsigned kind;
	double factor;
} units_known[] = {
	{ "ms", RANGE_TIME, 1e-3 }, /* before m */
	{ "s", RANGE_TIME, 1 },
	{ "m", RANGE_TIME, 60 },
	{ "h", RANGE_TIME, 3600 },
	{ "d", RANGE_TIME, 86400 },
	{ "w", RANGE_TIME, 604800 },
	{ "K", RANGE_SIZE, 1024 },
	{ "M", RANGE_SIZE, 1048576 },
	{ "G", RANGE_SIZE, 1073741824 },
	{ "T", RANGE_SIZE, 1099511627776 },
	{ "B", RANGE_SIZE, 1 },
	{ "%", RANGE_PERCENT, 1 },
};

/* Digits with at most one decimal point, not the first character. */
static bool
take_digits(const char **s, double *v)
{
	const char *p = *s;
	double unit = 1;
	unsigned n = 0;

	for (*v = 0; *p >= '0' && *p <= '9'; p++, n++)
		*v = *v * 10 + (*p - '0');
	if (*p == '.' && n > 0) {
		for (p++; *p >= '0' && *p <= '9'; p++)
			*v += (*p - '0') * (unit /= 10);
	}
	*s = p;
	return n > 0;
}

/* The unit at the start of s; -1: none. */
static int
take_unit(const char **s, unsigned allowed)
{
	for (size_t i = 0; i < MX_COUNT(units_known); i++) {
		size_t len = strlen(units_known[i].name);

		if ((units_known[i].kind & allowed) != 0 &&
		    strncmp(*s, units_known[i].name, len) == 0) {
			*s += len;
			return (int)i;
		}
	}
	return -1;
}

/* "-5", "1h30m", "50%". *percent: is it a percentage? */
static bool
parse_number(const char *s, unsigned allowed, double *v, bool *percent)
{
	bool negative = *s == '-', first = true;
	double part;
	int unit;

	*v = 0;
	*percent = false;
	if (*s == '-' || *s == '+')
		s++;
	do {
		if (!take_digits(&s, &part))
			return false;
		unit = take_unit(&s, allowed);
		*percent = unit >= 0 && units_known[unit].kind == RANGE_PERCENT;
		/* Only times have several parts, each with a unit. */
		if (*s != '\0' &&
		    (unit < 0 || units_known[unit].kind != RANGE_TIME))
			return false;
		if (!first && unit < 0)
			return false;
		*v += unit < 0 ? part : part * units_known[unit].factor;
		first = false;
	} while (*s != '\0');
	if (negative)
		*v = -*v;
	return fabs(*v) <= VALUE_MAX;
}

/* Are both ends, or the only one, percentages or neither? 0 counts as
 * either. */
static bool
same_unit(const struct check_range *r, bool start, bool end)
{
	bool start_any = r->start == 0 || isinf(r->start);
	bool end_any = r->end == 0 || isinf(r->end);

	return start == end || (start && end_any) || (end && start_any);
}

int
range_parse(const char *text, unsigned units, struct check_range *r,
    struct mx_errbuf *eb)
{
	char start[64] = "", end[64];
	struct check_range got = { .set = true, .end = INFINITY };
	bool pct_start = false, pct_end = false;
	const char *s = text, *colon;

	*r = (struct check_range){ 0 };
	if (*s == '@') {
		got.inside = true;
		s++;
	}
	colon = strchr(s, ':');
	if (strlen(s) >= sizeof(end) || *s == '\0' || strcmp(s, ":") == 0)
		return mx_fail(eb, MX_ESYNTAX, "\"%.80s\" is not a range",
		    text);
	(void)strlcpy(end, colon != NULL ? colon + 1 : s, sizeof(end));
	if (colon != NULL)
		(void)strlcpy(start, s, (size_t)(colon - s) + 1);
	if (strcmp(start, "~") == 0)
		got.start = -INFINITY;
	else if (start[0] != '\0' &&
	    !parse_number(start, units, &got.start, &pct_start))
		return mx_fail(eb, MX_ESYNTAX,
		    "\"%.80s\" is not a range: what is \"%s\"?", text, start);
	if (end[0] != '\0' && !parse_number(end, units, &got.end, &pct_end))
		return mx_fail(eb, MX_ESYNTAX,
		    "\"%.80s\" is not a range: what is \"%s\"?", text, end);
	if (got.start > got.end)
		return mx_fail(eb, MX_ESYNTAX,
		    "\"%.80s\" is not a range: it ends before it starts", text);
	if (!same_unit(&got, pct_start, pct_end))
		return mx_fail(eb, MX_ESYNTAX,
		    "\"%.80s\" mixes percentages with absolute numbers", text);
	got.percent = pct_start || pct_end;
	*r = got;
	return 0;
}

static double
scaled(const struct check_range *r, double v, double whole)
{
	return r->percent && !isinf(v) ? v * whole / 100 : v;
}

bool
range_alerts(const struct check_range *r, double v, double whole)
{
	bool within;

	if (!r->set || (r->percent && !(whole > 0)))
		return false;
	within =
	    v >= scaled(r, r->start, whole) && v <= scaled(r, r->end, whole);
	return within == r->inside;
}

char *
range_number(double v, char *dst, size_t size)
{
	size_t len;

	(void)snprintf(dst, size, "%.6f", v);
	len = strlen(dst);
	while (len > 0 && dst[len - 1] == '0')
		dst[--len] = '\0';
	if (len > 0 && dst[len - 1] == '.')
		dst[--len] = '\0';
	return dst;
}

char *
range_fmt(const struct check_range *r, double whole, char *dst)
{
	char start[48] = "", end[48] = "";

	dst[0] = '\0';
	if (!r->set || (r->percent && !(whole > 0)))
		return dst;
	if (!isinf(r->end))
		range_number(scaled(r, r->end, whole), end, sizeof(end));
	if (isinf(r->start))
		(void)strlcpy(start, "~:", sizeof(start));
	else if (r->start != 0 || isinf(r->end)) {
		range_number(scaled(r, r->start, whole), start,
		    sizeof(start) - 1);
		(void)strlcat(start, ":", sizeof(start));
	}
	(void)snprintf(dst, RANGE_TEXT_MAX, "%s%s%s", r->inside ? "@" : "",
	    start, end);
	return dst;
}
