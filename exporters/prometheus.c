/* SPDX-License-Identifier: ISC
 * prometheus: walks metrics.def family by family (all lines of a family must be
 * contiguous). Label values come from the configuration, DNS names of
 * configured domains and closed sets, never from mail; they are escaped all the
 * same. A line is a copy of the family's name, the labels of the domain or
 * primary (made once a scrape), the other labels (made once a family) and the
 * value: with a thousand domains there are more than a hundred thousand
 * lines. */
#include "exporters/prometheus.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "exporters/prom_self.h"
#include "exporters/prom_total.h"
#include "exporters/prom_write.h"

#define KEYS_MAX (256u << 20)
/* Enough for the largest label set: 7 codes x 10 reasons. */
#define PLACES_MAX 128
#define SUFFIX_MAX 96
/* A piece ends after so many objects of a family, or so many bytes. */
#define OBJECTS_PIECE 1000
#define PIECE_BYTES   (256u << 10)

/* The place of an object's labels in `keys`. */
struct key {
	size_t at, len;
};

/* Objects with a series each: domains, primaries, receivers, heartbeats and the
 * like. A NULL one stands for all that mx_backup took in. */
struct objects {
	size_t n;
	const void **at;
	struct key *key;
};

struct exposition {
	struct prom_writer w;
	struct snapshot *s;
	int64_t wall_ms;
	bool per_domain;
	struct buf keys;
	struct objects objects[METRIC_SCOPE_MAX];
	size_t metric, object; /* the next to be written */
};

/* The end of a line up to the value, for each place of a family's labels. */
struct suffixes {
	unsigned n;
	unsigned len[PLACES_MAX];
	char text[PLACES_MAX][SUFFIX_MAX];
};

/* Allocates room for n objects. */
static void
set_objects(struct exposition *e, enum metric_scope scope, size_t n)
{
	e->objects[scope] =
	    (struct objects){ 0, mem_array(n + 1, sizeof(const void *)),
		    mem_array(n + 1, sizeof(struct key)) };
}

/* Appends an object, with the labels key="name" and, with a primary,
 * ,primary="..." after it. */
static int
add_object(struct exposition *e, enum metric_scope scope, const void *object,
    const char *label, const char *name, const char *primary)
{
	struct objects *o = &e->objects[scope];
	struct key *key = &o->key[o->n];
	int rc;

	o->at[o->n++] = object;
	key->at = e->keys.len;
	rc = prom_label(&e->keys, "", label, name);
	if (rc == 0 && primary != NULL)
		rc = prom_label(&e->keys, ",", "primary", primary);
	key->len = e->keys.len - key->at;
	return rc;
}

/* Strangers choose the names of these domains, so they share one label. Their
 * counters stay when the last one is gone. */
#define MX_BACKUP_NAME "mx_backup"

static bool
has_mx_backup(const struct snapshot *s)
{
	return s->mx_backup || s->mx_backup_domains > 0;
}

static int
make_domains(struct exposition *e)
{
	const struct snap_list *l = &e->s->domains;
	const struct snap_domain *d;
	size_t np = 0;
	int rc = 0;

	for (unsigned i = 0; i < l->n; i++)
		np += snap_list_at(l, i)->nprimaries;
	set_objects(e, METRIC_DOMAIN, l->n + 1);
	set_objects(e, METRIC_PRIMARY, np + 1);
	for (unsigned i = 0; rc == 0 && i < l->n; i++) {
		d = snap_list_at(l, i);
		if (d->mx_backup)
			continue;
		rc = add_object(e, METRIC_DOMAIN, d, "domain", d->name, NULL);
		for (unsigned j = 0; rc == 0 && j < d->nprimaries; j++)
			rc = add_object(e, METRIC_PRIMARY, &d->primary[j],
			    "domain", d->name, d->primary[j].label);
	}
	if (rc == 0 && has_mx_backup(e->s))
		rc = add_object(e, METRIC_DOMAIN, NULL, "domain",
		    MX_BACKUP_NAME, NULL);
	if (rc == 0 && has_mx_backup(e->s))
		rc = add_object(e, METRIC_PRIMARY, NULL, "domain",
		    MX_BACKUP_NAME, MX_BACKUP_NAME);
	return rc;
}

static int
make_servers(struct exposition *e)
{
	const struct snap_server *v;
	int rc = 0;

	set_objects(e, METRIC_SERVER, e->s->nservers + 1);
	for (unsigned i = 0; rc == 0 && i < e->s->nservers; i++) {
		v = e->s->server[i];
		if (!v->mx_backup)
			rc = add_object(e, METRIC_SERVER, v, "primary",
			    v->label, NULL);
	}
	if (rc == 0 && has_mx_backup(e->s))
		rc = add_object(e, METRIC_SERVER, NULL, "primary",
		    MX_BACKUP_NAME, NULL);
	return rc;
}

static int
make_objects(struct exposition *e)
{
	const struct snap_alerts *t = e->s->told;
	int rc = 0;

	buf_init(&e->keys, KEYS_MAX);
	if (e->per_domain)
		rc = make_domains(e);
	if (rc == 0)
		rc = make_servers(e);
	set_objects(e, METRIC_RECEIVER, t->nreceivers);
	set_objects(e, METRIC_HEARTBEAT, t->nheartbeats);
	set_objects(e, METRIC_DNSBL, e->s->ndnsbls);
	set_objects(e, METRIC_NODE, e->s->cluster.nnodes);
	for (unsigned i = 0; rc == 0 && i < t->nreceivers; i++)
		rc = add_object(e, METRIC_RECEIVER, &t->receiver[i], "receiver",
		    t->receiver[i].name, NULL);
	for (unsigned i = 0; rc == 0 && i < t->nheartbeats; i++)
		rc = add_object(e, METRIC_HEARTBEAT, &t->heartbeat[i],
		    "receiver", t->heartbeat[i].name, NULL);
	for (unsigned i = 0; rc == 0 && i < e->s->ndnsbls; i++)
		rc = add_object(e, METRIC_DNSBL, &e->s->dnsbl[i], "list",
		    e->s->dnsbl[i].zone, NULL);
	for (unsigned i = 0; rc == 0 && i < e->s->cluster.nnodes; i++)
		rc = add_object(e, METRIC_NODE, &e->s->cluster.node_list[i],
		    "node", e->s->cluster.node_list[i].name, NULL);
	return rc;
}

static void
free_objects(struct exposition *e)
{
	buf_fini(&e->keys);
	for (unsigned i = 0; i < METRIC_SCOPE_MAX; i++) {
		mem_free(&e->objects[i].at);
		mem_free(&e->objects[i].key);
	}
}

/* `bare`: no labels precede these. Their names and values are the words of
 * metrics.c, which need no escaping. */
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

static char *
put_priority(char *p, const struct snap_primary *primary)
{
	return p +
	    snprintf(p, SUFFIX_MAX, ",priority=\"%u\"} ", primary->priority);
}

static void
values_of(const struct exposition *e, const struct metric *m, const void *base,
    double *v)
{
	unsigned places = m->labels->n * m->labels2->n;

	if (base == NULL) {
		prom_total(m, e->s, PROM_MX_BACKUP, e->wall_ms, v);
		return;
	}
	for (unsigned k = 0; k < places; k++)
		v[k] = metric_value(m, base, k / m->labels2->n,
		    k % m->labels2->n, e->wall_ms);
}

/* Writes all samples of one domain or primary: each line begins with `name` and
 * `key`. */
static void
put_object(struct exposition *e, const struct metric *m, const char *name,
    size_t name_len, const struct key *key, const void *base,
    const struct suffixes *x)
{
	const char *labels = e->keys.data + key->at;
	double v[PLACES_MAX];
	char *p;

	if (base == NULL ? !prom_total_makes_sense(m) :
			   !metric_applies(m, base))
		return;
	values_of(e, m, base, v);
	for (unsigned k = 0; k < x->n; k++) {
		p = prom_room(&e->w,
		    name_len + key->len + SUFFIX_MAX + PROM_VALUE_MAX + 1);
		p = mempcpy(p, name, name_len);
		p = mempcpy(p, labels, key->len);
		if (m->value == METRIC_INFO_PRIORITY)
			p = put_priority(p, base);
		else
			p = mempcpy(p, x->text[k], x->len[k]);
		p = prom_value(p, v[k]);
		*p++ = '\n';
		prom_used(&e->w, p);
	}
}

/* Writes samples of further objects; true after the last one. */
static bool
put_each(struct exposition *e, const struct metric *m)
{
	const struct objects *o = &e->objects[m->scope];
	size_t end = e->object + OBJECTS_PIECE;
	struct suffixes x;
	char name[128];
	int n = snprintf(name, sizeof(name), METRIC_PREFIX "%s{", m->name);

	MX_ASSERT(n > 0 && (size_t)n < sizeof(name));
	make_suffixes(&x, m, false);
	for (; e->object < o->n && e->object < end; e->object++)
		put_object(e, m, name, (size_t)n, &o->key[e->object],
		    o->at[e->object], &x);
	return e->object == o->n;
}

/* Writes one sample for each place of the labels: of the whole server, or of
 * all domains together. */
static void
put_one(struct exposition *e, const struct metric *m)
{
	double v[PLACES_MAX];
	struct suffixes x;

	make_suffixes(&x, m, true);
	if (m->scope != METRIC_GLOBAL)
		prom_total(m, e->s, PROM_ALL, e->wall_ms, v);
	for (unsigned k = 0; k < x.n; k++) {
		if (m->scope == METRIC_GLOBAL)
			v[k] = metric_value(m, e->s, k / m->labels2->n,
			    k % m->labels2->n, e->wall_ms);
		put_name(&e->w, m, "");
		prom_put(&e->w, x.text[k], x.len[k]);
		prom_put_value(&e->w, v[k]);
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

static void
put_histogram(struct exposition *e, const struct metric *m)
{
	const struct hist *h = (const void *)((const char *)e->s + m->offset);
	bool gauge = m->value == METRIC_SNAPSHOT_HIST &&
	    e->w.format == PROMETHEUS_OPENMETRICS;
	uint64_t total = 0;

	for (unsigned i = 0; i < m->bounds->n; i++) {
		total += h->count[i];
		put_bucket(&e->w, m, &m->bounds->le[i], total);
	}
	total += h->count[m->bounds->n];
	put_bucket(&e->w, m, NULL, total);
	put_sum(&e->w, m, gauge ? "_gsum" : "_sum", h->sum);
	put_sum(&e->w, m, gauge ? "_gcount" : "_count", (double)total);
}

/* Lists, receivers, heartbeats and nodes are few, and so are primaries if there
 * are many domains: these keep their labels. */
static bool
is_few(const struct metric *m)
{
	return m->scope == METRIC_SERVER || m->scope == METRIC_RECEIVER ||
	    m->scope == METRIC_HEARTBEAT || m->scope == METRIC_DNSBL ||
	    m->scope == METRIC_NODE;
}

static bool
has_each(const struct metric *m, bool per_domain)
{
	return is_few(m) || (per_domain && m->scope != METRIC_GLOBAL);
}

/* Writes the family, or its next piece; true when it is complete. */
static bool
put_family(struct exposition *e, const struct metric *m)
{
	bool each = has_each(m, e->per_domain);

	if (!each && !prom_total_makes_sense(m))
		return true;
	/* A family without samples has no head. */
	if (is_few(m) && e->objects[m->scope].n == 0)
		return true;
	if (m->scope == METRIC_GLOBAL && !metric_applies(m, e->s))
		return true;
	if (e->object == 0 && !metric_continues(m))
		prom_put_head(&e->w, METRIC_PREFIX, m->name, m->type,
		    m->value == METRIC_SNAPSHOT_HIST, m->help);
	if (m->type == METRIC_HISTOGRAM)
		put_histogram(e, m);
	else if (each)
		return put_each(e, m);
	else
		put_one(e, m);
	return true;
}

int
prometheus_begin(struct exposition **out, struct snapshot *s, int64_t wall_ms,
    const struct prometheus_options *o)
{
	struct exposition *e = mem_alloc(sizeof(*e));
	int rc;

	prom_init(&e->w, o->format, NULL);
	e->s = snapshot_ref(s);
	e->wall_ms = wall_ms;
	e->per_domain = o->per_domain;
	rc = make_objects(e);
	if (rc != 0)
		prometheus_end(&e);
	*out = e;
	return rc;
}

int
prometheus_next(struct exposition *e, struct buf *out)
{
	size_t most = out->len + PIECE_BYTES;
	int rc;

	e->w.out = out;
	while (e->metric < nmetrics && e->w.rc == 0 && out->len < most) {
		if (!put_family(e, &metrics[e->metric]))
			continue;
		e->metric++;
		e->object = 0;
	}
	if (e->w.rc == 0 && e->metric < nmetrics)
		return 0;
	prom_self(&e->w, e->s);
	rc = prom_end(&e->w);
	return rc != 0 ? rc : 1;
}

void
prometheus_end(struct exposition **ep)
{
	struct exposition *e = *ep;

	if (e == NULL)
		return;
	free_objects(e);
	snapshot_unref(&e->s);
	mem_free(ep);
}

int
prometheus_write(struct snapshot *s, int64_t wall_ms,
    const struct prometheus_options *o, struct buf *out)
{
	struct exposition *e;
	int rc = prometheus_begin(&e, s, wall_ms, o);

	while (rc == 0)
		rc = prometheus_next(e, out);
	prometheus_end(&e);
	return rc < 0 ? rc : 0;
}

size_t
prometheus_series(size_t ndomains, size_t nprimaries, size_t nservers,
    bool per_domain)
{
	const size_t objects[METRIC_SCOPE_MAX] = { [METRIC_DOMAIN] = ndomains,
		[METRIC_PRIMARY] = nprimaries,
		[METRIC_SERVER] = nservers };
	/* A cluster adds only a few series. */
	static const struct snapshot alone;
	const struct metric *m;
	size_t n = PROM_SELF_SERIES, places;

	for (size_t i = 0; i < nmetrics; i++) {
		m = &metrics[i];
		places = m->type == METRIC_HISTOGRAM ?
		    m->bounds->n + 3 : /* +Inf, sum, count */
		    (size_t)m->labels->n * m->labels2->n;
		if (has_each(m, per_domain))
			n += places * objects[m->scope];
		else if (m->scope == METRIC_GLOBAL ? metric_applies(m, &alone) :
						     prom_total_makes_sense(m))
			n += places;
	}
	return n;
}
