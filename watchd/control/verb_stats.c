/* SPDX-License-Identifier: ISC
 * verb_stats: every metric of metrics.def by its name, one line a sample, from
 * one snapshot. A thousand domains are a hundred thousand lines, so they are
 * sent object by object as the client takes them. Loop thread. */
#include <math.h>

#include "base/mem.h"
#include "control/verbs.h"
#include "status/metrics.h"

#define STATS_BATCH 50 /* objects a step */

struct stats_walk {
	struct snapshot *s;
	size_t metric;
	unsigned object; /* domain, primary, ... */
};

static void
stats_free(void *work)
{
	struct stats_walk *w = work;

	snapshot_unref(&w->s);
	mem_free(&w);
}

static cJSON *
sample(const struct metric *m, cJSON **labels)
{
	cJSON *o = json_object();
	char *name = mem_printf(METRIC_PREFIX "%s", m->name);

	json_text(o, "name", name);
	mem_free(&name);
	*labels = json_sub(o, "labels", cJSON_CreateObject());
	return o;
}

static void
send_histogram(struct call *c, const struct metric *m, const struct snapshot *s)
{
	const struct hist *h = (const void *)((const char *)s + m->offset);
	double total = 0;
	cJSON *labels, *o = sample(m, &labels), *list, *b;

	list = json_array(o, "buckets");
	for (unsigned i = 0; i <= m->bounds->n; i++) {
		total += (double)h->count[i];
		b = json_object();
		if (i < m->bounds->n)
			json_num(b, "le", m->bounds->le[i]);
		else
			json_null(b, "le");
		json_num(b, "count", total);
		json_push(list, b);
	}
	json_num(o, "count", total);
	json_num(o, "sum", h->sum);
	call_send(c, o);
}

/* Sends the samples of one object; key: its label, NULL: none. */
static void
send_samples(struct call *c, const struct metric *m, const void *base,
    const char *key, const char *name, const char *primary, int64_t wall_ms)
{
	cJSON *o, *labels;
	double v;

	if (!metric_applies(m, base))
		return;
	for (unsigned i = 0; i < m->labels->n; i++) {
		for (unsigned j = 0; j < m->labels2->n; j++) {
			o = sample(m, &labels);
			if (key != NULL)
				json_text(labels, key, name);
			if (primary != NULL)
				json_text(labels, "primary", primary);
			if (m->labels->key != NULL)
				json_text(labels, m->labels->key,
				    m->labels->label[i].name);
			if (m->labels2->key != NULL)
				json_text(labels, m->labels2->key,
				    m->labels2->label[j].name);
			v = metric_value(m, base, i, j, wall_ms);
			if (isfinite(v))
				json_num(o, "value", v);
			else
				json_null(o, "value");
			call_send(c, o);
		}
	}
}

static void
send_domain(struct call *c, const struct metric *m, const struct snap_domain *d,
    int64_t wall_ms)
{
	if (m->scope == METRIC_DOMAIN) {
		send_samples(c, m, d, "domain", d->name, NULL, wall_ms);
		return;
	}
	for (unsigned j = 0; j < d->nprimaries; j++)
		send_samples(c, m, &d->primary[j], "domain", d->name,
		    d->primary[j].label, wall_ms);
}

/* The i-th object of that scope, its name and the label of that name. */
static const void *
few_object(const struct snapshot *s, enum metric_scope scope, unsigned i,
    const char **key, const char **name)
{
	const struct snap_cluster *c = &s->cluster;

	*key = "receiver";
	if (scope == METRIC_RECEIVER && i < s->told->nreceivers) {
		*name = s->told->receiver[i].name;
		return &s->told->receiver[i];
	}
	if (scope == METRIC_HEARTBEAT && i < s->told->nheartbeats) {
		*name = s->told->heartbeat[i].name;
		return &s->told->heartbeat[i];
	}
	*key = "list";
	if (scope == METRIC_DNSBL && i < s->ndnsbls) {
		*name = s->dnsbl[i].zone;
		return &s->dnsbl[i];
	}
	*key = "node";
	if (scope == METRIC_NODE && i < c->nnodes) {
		*name = c->node_list[i].name;
		return &c->node_list[i];
	}
	*key = "primary";
	if (scope == METRIC_SERVER && i < s->nservers) {
		*name = s->server[i]->label;
		return s->server[i];
	}
	return NULL;
}

/* Sends one object of the current metric; false: there are no more. */
static bool
stats_object(struct call *c, struct stats_walk *w, const struct metric *m)
{
	const struct snapshot *s = w->s;
	const char *key, *name;
	unsigned i = w->object++;
	const void *base;

	if (m->scope == METRIC_GLOBAL) {
		if (i > 0)
			return false;
		if (m->type == METRIC_HISTOGRAM)
			send_histogram(c, m, s);
		else
			send_samples(c, m, s, NULL, NULL, NULL, s->wall_ms);
		return true;
	}
	if (m->scope != METRIC_DOMAIN && m->scope != METRIC_PRIMARY) {
		base = few_object(s, m->scope, i, &key, &name);
		if (base != NULL)
			send_samples(c, m, base, key, name, NULL, s->wall_ms);
		return base != NULL;
	}
	if (i >= s->domains.n)
		return false;
	send_domain(c, m, snap_list_at(&s->domains, i), s->wall_ms);
	return true;
}

static void
stats_step(struct call *c)
{
	struct stats_walk *w = c->work;

	for (unsigned i = 0; i < STATS_BATCH && w->metric < nmetrics; i++) {
		if (stats_object(c, w, &metrics[w->metric]))
			continue;
		w->metric++;
		w->object = 0;
	}
	if (w->metric < nmetrics)
		call_continue(c);
	else
		call_done(c, CONTROL_OK, NULL);
}

void
verb_stats(struct call *c)
{
	struct stats_walk *w = mem_alloc(sizeof(*w));

	w->s = call_ops(c)->snapshot(call_ops(c)->arg, NULL);
	c->work = w;
	c->work_free = stats_free;
	c->step = stats_step;
	call_continue(c);
}
