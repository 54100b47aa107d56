/* SPDX-License-Identifier: ISC
 * prom_write: see prom_write.h. A thousand domains are more than a hundred
 * thousand lines a scrape, so numbers are formatted by hand: printf took
 * three quarters of the time. Independent of the locale for the same
 * reason that it is fast. */
#include "exporters/prom_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
prom_init(struct prom_writer *w, enum prometheus_format format, struct buf *out)
{
	w->out = out;
	w->rc = 0;
	w->format = format;
	w->fill = 0;
}

static void
flush(struct prom_writer *w)
{
	if (w->rc == 0 && w->fill > 0)
		w->rc = buf_add(w->out, w->chunk, w->fill);
	w->fill = 0;
}

int
prom_end(struct prom_writer *w)
{
	if (w->format == PROMETHEUS_OPENMETRICS)
		prom_puts(w, "# EOF\n");
	flush(w);
	return w->rc;
}

void
prom_put(struct prom_writer *w, const char *s, size_t len)
{
	if (len > sizeof(w->chunk) - w->fill) {
		flush(w);
		if (len > sizeof(w->chunk)) {
			if (w->rc == 0)
				w->rc = buf_add(w->out, s, len);
			return;
		}
	}
	memcpy(w->chunk + w->fill, s, len);
	w->fill += len;
}

void
prom_puts(struct prom_writer *w, const char *s)
{
	prom_put(w, s, strlen(s));
}

/* The digits of v, ending before `end`; where they begin. */
static char *
digits(char *end, uint64_t v)
{
	do
		*--end = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	return end;
}

/* A duration is a whole number of nanoseconds: r / 1e9 is the double nearest
 * to its decimal form, so that form reads back the same. */
static bool
put_decimal(struct prom_writer *w, double v)
{
	char text[24], *end = text + sizeof(text), *p;
	double scaled = round(v * 1e9);
	uint64_t r, fraction;
	unsigned i, places = 9;

	if (!(scaled > 0 && scaled < 9e15) || scaled / 1e9 != v)
		return false;
	r = (uint64_t)scaled;
	for (fraction = r % 1000000000; fraction % 10 == 0; fraction /= 10)
		places--;
	p = end;
	for (i = 0; i < places; i++, fraction /= 10)
		*--p = (char)('0' + fraction % 10);
	*--p = '.';
	p = digits(p, r / 1000000000);
	prom_put(w, p, (size_t)(end - p));
	return true;
}

static void
put_double(struct prom_writer *w, double v)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%.15g", v);

	if (strtod(text, NULL) != v)
		n = snprintf(text, sizeof(text), "%.17g", v);
	prom_put(w, text, (size_t)n);
}

void
prom_put_value(struct prom_writer *w, double v)
{
	char text[24], *end = text + sizeof(text), *p;

	if (isnan(v)) {
		prom_put(w, "NaN", 3);
	} else if (isinf(v)) {
		prom_put(w, v > 0 ? "+Inf" : "-Inf", 4);
	} else if (v == floor(v) && fabs(v) < 1e15) {
		p = digits(end, (uint64_t)fabs(v));
		if (v < 0)
			*--p = '-';
		prom_put(w, p, (size_t)(end - p));
	} else if (!put_decimal(w, v)) {
		put_double(w, v);
	}
}

void
prom_put_bound(struct prom_writer *w, double le)
{
	char text[40];
	int n =
	    snprintf(text, sizeof(text), le == floor(le) ? "%.1f" : "%g", le);

	prom_put(w, text, (size_t)n);
}

int
prom_label(struct buf *out, const char *lead, const char *key,
    const char *value)
{
	int rc = buf_addf(out, "%s%s=\"", lead, key);

	for (; rc == 0 && *value != '\0'; value++) {
		if (*value == '\\')
			rc = buf_add(out, "\\\\", 2);
		else if (*value == '"')
			rc = buf_add(out, "\\\"", 2);
		else if (*value == '\n')
			rc = buf_add(out, "\\n", 2);
		else
			rc = buf_add(out, value, 1);
	}
	return rc != 0 ? rc : buf_add(out, "\"", 1);
}

static bool
ends_in(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(name + len - n, suffix, n) == 0;
}

static void
put_line(struct prom_writer *w, const char *what, const char *prefix,
    const char *name, size_t len, const char *text)
{
	prom_puts(w, what);
	prom_puts(w, prefix);
	prom_put(w, name, len);
	prom_put(w, " ", 1);
	prom_puts(w, text);
	prom_put(w, "\n", 1);
}

/* OpenMetrics names the family, not its samples: no _total, no _info. Its
 * order is type, unit, help. */
static void
put_head_openmetrics(struct prom_writer *w, const char *prefix,
    const char *name, const char *type, const char *help)
{
	static const char *const units[] = { "seconds", "bytes" };
	size_t len = strlen(name);

	if (ends_in(name, len, "_total")) {
		len -= strlen("_total");
	} else if (ends_in(name, len, "_info")) {
		len -= strlen("_info");
		type = "info";
	}
	put_line(w, "# TYPE ", prefix, name, len, type);
	for (size_t i = 0; i < MX_COUNT(units); i++)
		if (ends_in(name, len, units[i]))
			put_line(w, "# UNIT ", prefix, name, len, units[i]);
	put_line(w, "# HELP ", prefix, name, len, help);
}

void
prom_put_head(struct prom_writer *w, const char *prefix, const char *name,
    enum metric_type type, bool snapshot, const char *help)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	if (w->format == PROMETHEUS_OPENMETRICS) {
		put_head_openmetrics(w, prefix, name,
		    snapshot ? "gaugehistogram" : types[type], help);
		return;
	}
	put_line(w, "# HELP ", prefix, name, strlen(name), help);
	put_line(w, "# TYPE ", prefix, name, strlen(name), types[type]);
}
