/* SPDX-License-Identifier: ISC
 * prom_alert: alerts_active{alert,domain} and what is kept of receivers and
 * heartbeats. Their names come from the configuration. */
#include "exporters/prom_alert.h"

bool
prom_alert_scope(enum metric_scope scope)
{
	return scope == METRIC_ALERT || scope == METRIC_RECEIVER ||
	    scope == METRIC_HEARTBEAT;
}

bool
prom_alert_nobody(const struct metric *m, const struct snapshot *s)
{
	return (m->scope == METRIC_RECEIVER && s->nreceivers == 0) ||
	    (m->scope == METRIC_HEARTBEAT && s->nheartbeats == 0);
}

/* One sample; value2 may be NULL: one label then. */
static void
put_sample(struct prom_writer *w, const struct metric *m, const char *key,
    const char *value, const char *key2, const char *value2, double v)
{
	struct buf labels = BUF_INIT(4096);
	int rc = prom_label(&labels, "{", key, value);

	if (rc == 0 && value2 != NULL)
		rc = prom_label(&labels, ",", key2, value2);
	MX_ASSERT(rc == 0);
	prom_puts(w, METRIC_PREFIX);
	prom_puts(w, m->name);
	prom_put(w, labels.data, labels.len);
	prom_puts(w, "} ");
	prom_put_value(w, v);
	prom_put(w, "\n", 1);
	buf_fini(&labels);
}

static void
put_alert(struct prom_writer *w, const struct metric *m,
    const struct snapshot *s, unsigned kind, bool per_domain)
{
	const char *name = NULL;
	double v, total = 0;

	if (metric_alert(s, NULL, kind, &name, &v)) {
		put_sample(w, m, "alert", name, "domain",
		    per_domain ? "" : NULL, v);
		return;
	}
	for (unsigned i = 0; i < s->ndomains; i++) {
		if (!metric_alert(s, &s->domain[i], kind, &name, &v))
			continue;
		total += v;
		if (per_domain)
			put_sample(w, m, "alert", name, "domain",
			    s->domain[i].count.name, v);
	}
	if (!per_domain && name != NULL)
		put_sample(w, m, "alert", name, NULL, NULL, total);
}

void
prom_alert_samples(struct prom_writer *w, const struct metric *m,
    const struct snapshot *s, bool per_domain, int64_t wall_ms)
{
	unsigned i;

	if (m->scope == METRIC_ALERT)
		for (i = 0; i < ALERT_KIND_MAX; i++)
			put_alert(w, m, s, i, per_domain);
	if (m->scope == METRIC_RECEIVER)
		for (i = 0; i < s->nreceivers; i++)
			put_sample(w, m, "receiver", s->receiver[i].name, NULL,
			    NULL,
			    metric_value(m, &s->receiver[i], 0, 0, wall_ms));
	if (m->scope == METRIC_HEARTBEAT)
		for (i = 0; i < s->nheartbeats; i++)
			put_sample(w, m, "receiver", s->heartbeat[i].name, NULL,
			    NULL,
			    metric_value(m, &s->heartbeat[i], 0, 0, wall_ms));
}

size_t
prom_alert_series(const struct metric *m, size_t ndomains)
{
	static const struct snapshot none;
	const char *name;
	size_t n = 0;
	double v;

	if (m->scope != METRIC_ALERT)
		return 0;
	for (unsigned kind = 0; kind < ALERT_KIND_MAX; kind++)
		n += metric_alert(&none, NULL, kind, &name, &v) ? 1 : ndomains;
	return n;
}
