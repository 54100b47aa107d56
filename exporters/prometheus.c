/* SPDX-License-Identifier: ISC
 * prometheus: walks metrics.def family by family (all lines of a family must
 * be contiguous). Label values come from configuration, DNS names of
 * configured domains and closed sets, never from mail; they are escaped all
 * the same. A line is a copy of the family's name, the labels of the domain
 * or primary (made once a scrape), the rest of the labels (made once a
 * family) and the value. */
#include "exporters/prometheus.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "exporters/process.h"
#include "exporters/prom_alert.h"
#include "exporters/prom_total.h"
#include "exporters/prom_write.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define KEYS_MAX (256u << 20)
/* The largest label sets: 7 codes x 10 reasons. */
#define PLACES_MAX   128
#define PROCESS_ROWS 7

/* Where the labels of an object stand in keys.text. */
struct key {
	size_t at, len;
};

struct keys {
	struct buf text;
	struct key *domain, *primary;
};

struct exposition {
	struct prom_writer w;
	const struct snapshot *s;
	int64_t wall_ms;
	bool per_domain;
	struct keys keys;
};

/* The end of a line up to the value, for each place of a family's labels. */
struct suffixes {
	unsigned n;
	unsigned len[PLACES_MAX];
	char text[PLACES_MAX][96];
};

static int
make_keys(struct keys *k, const struct snapshot *s)
{
	const struct snap_domain *d;
	struct key *key;
	int rc = 0;

	buf_init(&k->text, KEYS_MAX);
	k->domain = mem_array(s->ndomains + 1, sizeof(*k->domain));
	k->primary = mem_array(s->nprimaries + 1, sizeof(*k->primary));
	for (unsigned i = 0; rc == 0 && i < s->ndomains; i++) {
		d = &s->domain[i];
		key = &k->domain[i];
		key->at = k->text.len;
		rc = prom_label(&k->text, "", "domain", d->count.name);
		key->len = k->text.len - key->at;
		for (unsigned j = 0; rc == 0 && j < d->nprimaries; j++) {
			key = &k->primary[d->first_primary + j];
			key->at = k->text.len;
			rc = prom_label(&k->text, "", "domain", d->count.name);
			if (rc == 0)
				rc = prom_label(&k->text, ",", "primary",
				    s->primary[d->first_primary + j].label);
			key->len = k->text.len - key->at;
		}
	}
	return rc;
}

static void
free_keys(struct keys *k)
{
	buf_fini(&k->text);
	mem_free(&k->domain);
	mem_free(&k->primary);
}

/* `bare`: nothing stands before these labels. Their names and values are the
 * words of metrics.c, which need no escaping. */
static void
make_suffixes(struct suffixes *x, const struct metric *m, bool bare)
{
	const struct metric_labels *a = m->labels, *b = m->labels2;
	const char *open = bare ? "{" : ",";
	int n;

	MX_ASSERT(a->n * b->n <= PLACES_MAX);
	x->n = 0;
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++) {
			if (a->key == NULL)
				n = snprintf(x->text[x->n], sizeof(x->text[0]),
				    "%s", bare ? " " : "} ");
			else if (b->key == NULL)
				n = snprintf(x->text[x->n], sizeof(x->text[0]),
				    "%s%s=\"%s\"} ", open, a->key,
				    a->label[i].name);
			else
				n = snprintf(x->text[x->n], sizeof(x->text[0]),
				    "%s%s=\"%s\",%s=\"%s\"} ", open, a->key,
				    a->label[i].name, b->key, b->label[j].name);
			MX_ASSERT(n > 0 && (size_t)n < sizeof(x->text[0]));
			x->len[x->n++] = (unsigned)n;
		}
}

static void
put_name(struct prom_writer *w, const struct metric *m, const char *suffix)
{
	prom_puts(w, METRIC_PREFIX);
	prom_puts(w, m->name);
	prom_puts(w, suffix);
}

/* All samples of one domain or primary. */
static void
put_object(struct exposition *e, const struct metric *m, const char *name,
    size_t name_len, const struct key *key, const void *base,
    const struct suffixes *x)
{
	struct prom_writer *w = &e->w;
	unsigned j = 0, i = 0;
	char priority[32];

	for (unsigned k = 0; k < x->n; k++) {
		prom_put(w, name, name_len);
		prom_put(w, e->keys.text.data + key->at, key->len);
		if (m->value == METRIC_INFO_PRIORITY) {
			snprintf(priority, sizeof(priority),
			    ",priority=\"%u\"} ",
			    ((const struct snap_primary *)base)->priority);
			prom_puts(w, priority);
		} else {
			prom_put(w, x->text[k], x->len[k]);
		}
		prom_put_value(w, metric_value(m, base, i, j, e->wall_ms));
		prom_put(w, "\n", 1);
		if (++j == m->labels2->n) {
			j = 0;
			i++;
		}
	}
}

static void
put_each(struct exposition *e, const struct metric *m)
{
	const struct snapshot *s = e->s;
	const struct snap_domain *d;
	struct suffixes x;
	char name[128];
	int n = snprintf(name, sizeof(name), METRIC_PREFIX "%s{", m->name);

	MX_ASSERT(n > 0 && (size_t)n < sizeof(name));
	make_suffixes(&x, m, false);
	for (unsigned i = 0; i < s->ndomains; i++) {
		d = &s->domain[i];
		if (m->scope == METRIC_DOMAIN) {
			put_object(e, m, name, (size_t)n, &e->keys.domain[i], d,
			    &x);
			continue;
		}
		for (unsigned j = 0; j < d->nprimaries; j++)
			put_object(e, m, name, (size_t)n,
			    &e->keys.primary[d->first_primary + j],
			    &s->primary[d->first_primary + j], &x);
	}
}

/* One sample for each place of the labels: of the whole, or of all domains
 * together. */
static void
put_one(struct exposition *e, const struct metric *m)
{
	struct suffixes x;
	unsigned i, j;
	double v;

	make_suffixes(&x, m, true);
	for (unsigned k = 0; k < x.n; k++) {
		i = k / m->labels2->n;
		j = k % m->labels2->n;
		v = m->scope == METRIC_GLOBAL ?
		    metric_value(m, e->s, i, j, e->wall_ms) :
		    prom_total(m, e->s, i, j, e->wall_ms);
		put_name(&e->w, m, "");
		prom_put(&e->w, x.text[k], x.len[k]);
		prom_put_value(&e->w, v);
		prom_put(&e->w, "\n", 1);
	}
}

static void
put_bucket(struct prom_writer *w, const struct metric *m, const double *le,
    uint64_t count)
{
	put_name(w, m, "_bucket{le=\"");
	if (le == NULL)
		prom_puts(w, "+Inf");
	else
		prom_put_bound(w, *le);
	prom_puts(w, "\"} ");
	prom_put_value(w, (double)count);
	prom_put(w, "\n", 1);
}

static void
put_sum(struct prom_writer *w, const struct metric *m, const char *suffix,
    double value)
{
	put_name(w, m, suffix);
	prom_put(w, " ", 1);
	prom_put_value(w, value);
	prom_put(w, "\n", 1);
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
put_histogram(struct exposition *e, const struct metric *m)
{
	const void *field = (const char *)e->s + m->offset;
	const uint64_t *count = field;
	bool snapshot = m->value == METRIC_SNAPSHOT_HIST;
	bool gauge = snapshot && e->w.format == PROMETHEUS_OPENMETRICS;
	uint64_t total = 0;
	double sum;

	if (snapshot) {
		sum = estimated_sum(m->bounds, count);
	} else {
		count = ((const struct hist *)field)->count;
		sum = ((const struct hist *)field)->sum;
	}
	for (unsigned i = 0; i < m->bounds->n; i++) {
		total += count[i];
		put_bucket(&e->w, m, &m->bounds->le[i], total);
	}
	total += count[m->bounds->n];
	put_bucket(&e->w, m, NULL, total);
	put_sum(&e->w, m, gauge ? "_gsum" : "_sum", sum);
	put_sum(&e->w, m, gauge ? "_gcount" : "_count", (double)total);
}

static void
put_family(struct exposition *e, const struct metric *m)
{
	bool each = e->per_domain && m->scope != METRIC_GLOBAL;

	if (!e->per_domain && !prom_total_makes_sense(m))
		return;
	if (prom_alert_nobody(m, e->s))
		return;
	prom_put_head(&e->w, METRIC_PREFIX, m->name, m->type,
	    m->value == METRIC_SNAPSHOT_HIST, m->help);
	if (m->type == METRIC_HISTOGRAM)
		put_histogram(e, m);
	else if (prom_alert_scope(m->scope))
		prom_alert_samples(&e->w, m, e->s, e->per_domain, e->wall_ms);
	else if (each)
		put_each(e, m);
	else
		put_one(e, m);
}

static void
put_build_info(struct prom_writer *w)
{
	static const struct {
		const char *key, *value;
	} info[] = {
		{ "version", PACKAGE_VERSION },
		{ "revision", MX_REVISION },
		{ "compiler", __VERSION__ },
		{ "libcurl", MX_CURL_VERSION },
		{ "netsnmp", MX_NETSNMP_VERSION },
		{ "ldns", MX_LDNS_VERSION },
	};
	struct buf labels = BUF_INIT(4096);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < MX_COUNT(info); i++)
		rc = prom_label(&labels, i == 0 ? "{" : ",", info[i].key,
		    info[i].value);
	MX_ASSERT(rc == 0);
	prom_put_head(w, METRIC_PREFIX, "build_info", METRIC_GAUGE, false,
	    "Build information, always 1.");
	prom_puts(w, METRIC_PREFIX "build_info");
	prom_put(w, labels.data, labels.len);
	buf_fini(&labels);
	prom_puts(w, "} 1\n");
}

/* The names that every client library gives these; what /proc does not tell
 * is left out, not faked. */
static void
put_process_rows(struct prom_writer *w, const struct process_info *pi,
    int64_t start)
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

	_Static_assert(MX_COUNT(rows) == PROCESS_ROWS, "the estimate");
	for (unsigned i = 0; i < MX_COUNT(rows); i++) {
		if (rows[i].value < 0)
			continue;
		prom_put_head(w, "process_", rows[i].name, rows[i].type, false,
		    rows[i].help);
		prom_puts(w, "process_");
		prom_puts(w, rows[i].name);
		prom_put(w, " ", 1);
		prom_put_value(w, rows[i].value);
		prom_put(w, "\n", 1);
	}
}

static void
put_process(struct prom_writer *w, const struct snapshot *s)
{
	struct process_info pi;

	(void)process_read(&pi);
	put_process_rows(w, &pi, s->start);
}

int
prometheus_write(const struct snapshot *s, int64_t wall_ms,
    const struct prometheus_options *o, struct buf *out)
{
	struct exposition *e = mem_alloc(sizeof(*e));
	int rc;

	prom_init(&e->w, o->format, out);
	e->s = s;
	e->wall_ms = wall_ms;
	e->per_domain = o->per_domain;
	rc = make_keys(&e->keys, s);
	if (rc != 0)
		goto out;
	for (size_t i = 0; i < nmetrics && e->w.rc == 0; i++)
		put_family(e, &metrics[i]);
	put_build_info(&e->w);
	put_process(&e->w, s);
	rc = prom_end(&e->w);
out:
	free_keys(&e->keys);
	mem_free(&e);
	return rc;
}

size_t
prometheus_series(size_t ndomains, size_t nprimaries, bool per_domain)
{
	const struct metric *m;
	size_t n = 1 + PROCESS_ROWS, places; /* 1: build_info */

	for (size_t i = 0; i < nmetrics; i++) {
		m = &metrics[i];
		places = m->type == METRIC_HISTOGRAM ?
		    m->bounds->n + 3 : /* +Inf, sum, count */
		    (size_t)m->labels->n * m->labels2->n;
		if (m->scope == METRIC_GLOBAL)
			n += places;
		else if (prom_alert_scope(m->scope))
			n += prom_alert_series(m, per_domain ? ndomains : 1);
		else if (!per_domain)
			n += prom_total_makes_sense(m) ? places : 0;
		else
			n += places *
			    (m->scope == METRIC_DOMAIN ? ndomains : nprimaries);
	}
	return n;
}
