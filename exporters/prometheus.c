/* SPDX-License-Identifier: ISC
 * prometheus: walks metrics.def family by family (all lines of a family must
 * be contiguous). Label values come from configuration, DNS names of
 * configured domains and closed sets, never from mail; they are escaped all
 * the same. Written with plain appends: a thousand domains are more than a
 * hundred thousand lines. */
#include "exporters/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exporters/process.h"
#include "status/metrics.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/* One family being written. The first failed append is remembered; the rest
 * do nothing then. */
struct writer {
	struct buf *out;
	int rc;
	const struct metric *m;
	int64_t wall_ms;
};

static void
put(struct writer *w, const char *s, size_t len)
{
	if (w->rc == 0)
		w->rc = buf_add(w->out, s, len);
}

static void
puts_(struct writer *w, const char *s)
{
	put(w, s, strlen(s));
}

/* Integers without a point; others as short as they read back the same. */
static void
put_value(struct writer *w, double v)
{
	char text[40];
	int n;

	if (isinf(v)) {
		puts_(w, v > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (v == floor(v) && fabs(v) < 1e15) {
		n = snprintf(text, sizeof(text), "%lld", (long long)v);
	} else {
		double back = 0;

		n = snprintf(text, sizeof(text), "%.15g", v);
		if (sscanf(text, "%lf", &back) != 1 || back != v)
			n = snprintf(text, sizeof(text), "%.17g", v);
	}
	put(w, text, (size_t)n);
}

/* A bound is the same text in every format and version: "60.0", "0.005". */
static void
put_bound(struct writer *w, double le)
{
	char text[40];
	int n =
	    snprintf(text, sizeof(text), le == floor(le) ? "%.1f" : "%g", le);

	put(w, text, (size_t)n);
}

static void
put_label(struct writer *w, bool *first, const char *key, const char *value)
{
	put(w, *first ? "{" : ",", 1);
	*first = false;
	puts_(w, key);
	put(w, "=\"", 2);
	for (; *value != '\0'; value++) {
		if (*value == '\\')
			put(w, "\\\\", 2);
		else if (*value == '"')
			put(w, "\\\"", 2);
		else if (*value == '\n')
			put(w, "\\n", 2);
		else
			put(w, value, 1);
	}
	put(w, "\"", 1);
}

static void
put_head(struct writer *w, const char *prefix, const char *name,
    enum metric_type type, const char *help)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	puts_(w, "# HELP ");
	puts_(w, prefix);
	puts_(w, name);
	put(w, " ", 1);
	puts_(w, help);
	puts_(w, "\n# TYPE ");
	puts_(w, prefix);
	puts_(w, name);
	put(w, " ", 1);
	puts_(w, types[type]);
	put(w, "\n", 1);
}

/* All samples of one object: domain, primary and receiver are NULL where
 * they do not apply. */
static void
put_samples(struct writer *w, const void *base, const char *domain,
    const char *primary, const char *receiver)
{
	const struct metric *m = w->m;
	char priority[8];
	bool first;

	for (unsigned i = 0; i < m->labels->n; i++) {
		for (unsigned j = 0; j < m->labels2->n; j++) {
			first = true;
			puts_(w, METRIC_PREFIX);
			puts_(w, m->name);
			if (domain != NULL)
				put_label(w, &first, "domain", domain);
			if (primary != NULL)
				put_label(w, &first, "primary", primary);
			if (receiver != NULL)
				put_label(w, &first, "receiver", receiver);
			if (m->labels->key != NULL)
				put_label(w, &first, m->labels->key,
				    m->labels->label[i].name);
			if (m->labels2->key != NULL)
				put_label(w, &first, m->labels2->key,
				    m->labels2->label[j].name);
			if (m->value == METRIC_INFO_PRIORITY) {
				snprintf(priority, sizeof(priority), "%u",
				    ((const struct snap_primary *)base)
					->priority);
				put_label(w, &first, "priority", priority);
			}
			puts_(w, first ? " " : "} ");
			put_value(w, metric_value(m, base, i, j, w->wall_ms));
			put(w, "\n", 1);
		}
	}
}

static void
put_bucket(struct writer *w, const char *le, double bound, uint64_t count)
{
	puts_(w, METRIC_PREFIX);
	puts_(w, w->m->name);
	puts_(w, "_bucket{le=\"");
	if (le != NULL)
		puts_(w, le);
	else
		put_bound(w, bound);
	puts_(w, "\"} ");
	put_value(w, (double)count);
	put(w, "\n", 1);
}

static void
put_sum(struct writer *w, const char *suffix, double value)
{
	puts_(w, METRIC_PREFIX);
	puts_(w, w->m->name);
	puts_(w, suffix);
	put(w, " ", 1);
	put_value(w, value);
	put(w, "\n", 1);
}

/* The ages of what is queued now have no sum worth keeping; the format wants
 * one, so it is estimated from the buckets' middles. */
static double
estimated_sum(const struct hist_bounds *b, const uint64_t *count)
{
	double sum = 0, low = 0;

	for (unsigned i = 0; i < b->n; i++) {
		sum += (double)count[i] * (low + b->le[i]) / 2;
		low = b->le[i];
	}
	return sum + (double)count[b->n] * low;
}

static void
put_histogram(struct writer *w, const struct snapshot *s)
{
	const struct metric *m = w->m;
	const void *field = (const char *)s + m->offset;
	const uint64_t *count = field;
	uint64_t total = 0;
	double sum;

	if (m->value == METRIC_HIST) {
		count = ((const struct hist *)field)->count;
		sum = ((const struct hist *)field)->sum;
	} else {
		sum = estimated_sum(m->bounds, count);
	}
	for (unsigned i = 0; i < m->bounds->n; i++) {
		total += count[i];
		put_bucket(w, NULL, m->bounds->le[i], total);
	}
	total += count[m->bounds->n];
	put_bucket(w, "+Inf", 0, total);
	put_sum(w, "_sum", sum);
	put_sum(w, "_count", (double)total);
}

/* The alerts of one domain, or with NULL those of the daemon. */
static void
put_alerts(struct writer *w, const struct snapshot *s,
    const struct snap_domain *d)
{
	const char *name;
	double value;
	bool first;

	for (unsigned k = 0; k < ALERT_KIND_MAX; k++) {
		if (!metric_alert(s, d, k, &name, &value))
			continue;
		first = true;
		puts_(w, METRIC_PREFIX);
		puts_(w, w->m->name);
		put_label(w, &first, "alert", name);
		put_label(w, &first, "domain", d != NULL ? d->count.name : "");
		puts_(w, "} ");
		put_value(w, value);
		put(w, "\n", 1);
	}
}

/* False: that scope is not one of alerts. */
static bool
put_alert_family(struct writer *w, const struct snapshot *s)
{
	unsigned i;

	switch (w->m->scope) {
	case METRIC_ALERT:
		put_alerts(w, s, NULL);
		for (i = 0; i < s->ndomains; i++)
			put_alerts(w, s, &s->domain[i]);
		return true;
	case METRIC_RECEIVER:
		for (i = 0; i < s->nreceivers; i++)
			put_samples(w, &s->receiver[i], NULL, NULL,
			    s->receiver[i].name);
		return true;
	case METRIC_HEARTBEAT:
		for (i = 0; i < s->nheartbeats; i++)
			put_samples(w, &s->heartbeat[i], NULL, NULL,
			    s->heartbeat[i].name);
		return true;
	default:
		return false;
	}
}

static void
put_family(struct writer *w, const struct snapshot *s)
{
	const struct metric *m = w->m;
	const struct snap_domain *d;

	put_head(w, METRIC_PREFIX, m->name, m->type, m->help);
	if (m->type == METRIC_HISTOGRAM) {
		put_histogram(w, s);
		return;
	}
	if (m->scope == METRIC_GLOBAL) {
		put_samples(w, s, NULL, NULL, NULL);
		return;
	}
	if (put_alert_family(w, s))
		return;
	for (unsigned i = 0; i < s->ndomains; i++) {
		d = &s->domain[i];
		if (m->scope == METRIC_DOMAIN) {
			put_samples(w, d, d->count.name, NULL, NULL);
			continue;
		}
		for (unsigned j = 0; j < d->nprimaries; j++)
			put_samples(w, &s->primary[d->first_primary + j],
			    d->count.name,
			    s->primary[d->first_primary + j].label, NULL);
	}
}

static void
put_build_info(struct writer *w)
{
	static const struct {
		const char *key, *value;
	} info[] = {
		{ "version", PACKAGE_VERSION },
		{ "revision", MX_REVISION },
		{ "compiler", __VERSION__ },
		{ "libcurl", MX_CURL_VERSION },
		{ "netsnmp", "" },
		{ "ldns", MX_LDNS_VERSION },
	};
	bool first = true;

	put_head(w, METRIC_PREFIX, "build_info", METRIC_GAUGE,
	    "Build information, always 1.");
	puts_(w, METRIC_PREFIX "build_info");
	for (unsigned i = 0; i < MX_COUNT(info); i++)
		put_label(w, &first, info[i].key, info[i].value);
	puts_(w, "} 1\n");
}

/* The names that every client library gives these; what /proc does not tell
 * is left out, not faked. */
static void
put_process_rows(struct writer *w, const struct process_info *pi, int64_t start)
{
	const struct {
		const char *name, *help;
		enum metric_type type;
		double value;
	} rows[] = {
		{ "cpu_seconds_total",
		    "Total user and system CPU time spent in seconds.",
		    METRIC_COUNTER, pi->cpu_seconds },
		{ "open_fds", "Number of open file descriptors.", METRIC_GAUGE,
		    pi->open_fds },
		{ "max_fds", "Maximum number of open file descriptors.",
		    METRIC_GAUGE, pi->max_fds },
		{ "virtual_memory_bytes", "Virtual memory size in bytes.",
		    METRIC_GAUGE, pi->virtual_bytes },
		{ "resident_memory_bytes", "Resident memory size in bytes.",
		    METRIC_GAUGE, pi->resident_bytes },
		{ "threads", "Number of OS threads in the process.",
		    METRIC_GAUGE, pi->threads },
		{ "start_time_seconds",
		    "Start time of the process since unix epoch in seconds.",
		    METRIC_GAUGE, (double)start },
	};

	for (unsigned i = 0; i < MX_COUNT(rows); i++) {
		if (rows[i].value < 0)
			continue;
		put_head(w, "process_", rows[i].name, rows[i].type,
		    rows[i].help);
		puts_(w, "process_");
		puts_(w, rows[i].name);
		put(w, " ", 1);
		put_value(w, rows[i].value);
		put(w, "\n", 1);
	}
}

static void
put_process(struct writer *w, const struct snapshot *s)
{
	struct process_info pi;

	(void)process_read(&pi);
	put_process_rows(w, &pi, s->start);
}

int
prometheus_write(const struct snapshot *s, int64_t wall_ms, struct buf *out)
{
	struct writer w = { .out = out, .wall_ms = wall_ms };

	for (size_t i = 0; i < nmetrics && w.rc == 0; i++) {
		w.m = &metrics[i];
		put_family(&w, s);
	}
	put_build_info(&w);
	put_process(&w, s);
	return w.rc;
}
