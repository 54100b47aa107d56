/* SPDX-License-Identifier: ISC
 * verb_stats: every metric of metrics.def by its name, a line a sample, from
 * one snapshot. A thousand domains are a hundred thousand lines, so they go
 * out object by object as the client takes them. Loop thread. */
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

static void
send_samples(struct call *c, const struct metric *m, const void *base,
    const char *domain, const char *primary, const char *receiver,
    const char *list, int64_t wall_ms)
{
	cJSON *o, *labels;
	double v;

	for (unsigned i = 0; i < m->labels->n; i++) {
		for (unsigned j = 0; j < m->labels2->n; j++) {
			o = sample(m, &labels);
			if (domain != NULL)
				json_text(labels, "domain", domain);
			if (primary != NULL)
				json_text(labels, "primary", primary);
			if (receiver != NULL)
				json_text(labels, "receiver", receiver);
			if (list != NULL)
				json_text(labels, "list", list);
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

/* One object of the current metric; false when it has no more. */
static bool
stats_object(struct call *c, struct stats_walk *w, const struct metric *m)
{
	const struct snapshot *s = w->s;
	const struct snap_domain *d;
	unsigned i = w->object++;

	if (m->scope == METRIC_GLOBAL) {
		if (i > 0)
			return false;
		if (m->type == METRIC_HISTOGRAM)
			send_histogram(c, m, s);
		else
			send_samples(c, m, s, NULL, NULL, NULL, NULL,
			    s->wall_ms);
		return true;
	}
	if (m->scope == METRIC_RECEIVER) {
		if (i >= s->told->nreceivers)
			return false;
		send_samples(c, m, &s->told->receiver[i], NULL, NULL,
		    s->told->receiver[i].name, NULL, s->wall_ms);
		return true;
	}
	if (m->scope == METRIC_HEARTBEAT) {
		if (i >= s->told->nheartbeats)
			return false;
		send_samples(c, m, &s->told->heartbeat[i], NULL, NULL,
		    s->told->heartbeat[i].name, NULL, s->wall_ms);
		return true;
	}
	if (m->scope == METRIC_DNSBL) {
		if (i >= s->ndnsbls)
			return false;
		send_samples(c, m, &s->dnsbl[i], NULL, NULL, NULL,
		    s->dnsbl[i].zone, s->wall_ms);
		return true;
	}
	if (m->scope == METRIC_SERVER) {
		if (i >= s->nservers)
			return false;
		send_samples(c, m, s->server[i], NULL, s->server[i]->label,
		    NULL, NULL, s->wall_ms);
		return true;
	}
	if (i >= s->domains.n)
		return false;
	d = snap_list_at(&s->domains, i);
	if (m->scope == METRIC_DOMAIN) {
		send_samples(c, m, d, d->name, NULL, NULL, NULL, s->wall_ms);
		return true;
	}
	for (unsigned j = 0; j < d->nprimaries; j++)
		send_samples(c, m, &d->primary[j], d->name, d->primary[j].label,
		    NULL, NULL, s->wall_ms);
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
