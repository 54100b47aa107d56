/* SPDX-License-Identifier: ISC
 * prom_total: what many become follows from what they are: counters and
 * amounts add up (a state or an alert then counts the domains), of ages
 * and durations the largest counts, of deadlines the first. Where an alert
 * rule must see the worst of all, the smallest is taken by name. */
#include "exporters/prom_total.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum how { SUM, MAX, MIN, MIN_NONZERO };

static enum how
how_of(const struct metric *m)
{
	static const struct {
		const char *name;
		enum how how;
	} named[] = {
		{ "queue_lifetime_seconds", MIN },
		{ "probe_success", MIN },
		{ "probe_last_run_timestamp_seconds", MIN },
		{ "probe_last_success_timestamp_seconds", MIN },
		{ "probe_tls_earliest_cert_expiry_timestamp_seconds",
		    MIN_NONZERO },
	};

	for (size_t i = 0; i < MX_COUNT(named); i++)
		if (strcmp(m->name, named[i].name) == 0)
			return named[i].how;
	if (m->type == METRIC_COUNTER || m->value == METRIC_U64 ||
	    m->value == METRIC_ONE_HOT || m->value == METRIC_FIRING)
		return SUM;
	return m->value == METRIC_EXPIRY_MS ? MIN : MAX;
}

bool
prom_total_makes_sense(const struct metric *m)
{
	return m->value != METRIC_INFO_PRIORITY;
}

/* One more object: a domain or a primary. */
static void
add(const struct metric *m, enum how how, const void *base, int64_t wall_ms,
    double *total, bool *any)
{
	unsigned places = m->labels->n * m->labels2->n;
	double v;

	for (unsigned k = 0; k < places; k++) {
		v = metric_value(m, base, k / m->labels2->n, k % m->labels2->n,
		    wall_ms);
		if (how == MIN_NONZERO && v == 0)
			continue;
		if (how == SUM)
			total[k] += v;
		else if (!any[k] || (how == MAX ? v > total[k] : v < total[k]))
			total[k] = v;
		any[k] = true;
	}
}

/* A counter must not fall because a domain is gone. */
static void
add_gone(const struct metric *m, const struct snapshot *s, int64_t wall_ms,
    double *total, bool *any)
{
	struct snap_domain *d;

	if (m->scope != METRIC_DOMAIN || m->type != METRIC_COUNTER)
		return;
	d = snap_domain_create("", 0);
	d->count = s->gone;
	add(m, SUM, d, wall_ms, total, any);
	snap_domain_unref(&d);
}

void
prom_total(const struct metric *m, const struct snapshot *s, int64_t wall_ms,
    double *total)
{
	unsigned places = m->labels->n * m->labels2->n;
	bool *any = mem_array(places, sizeof(*any));
	const struct snap_domain *d;
	enum how how = how_of(m);

	memset(total, 0, places * sizeof(*total));
	for (unsigned i = 0; i < s->domains.n; i++) {
		d = snap_list_at(&s->domains, i);
		if (m->scope == METRIC_DOMAIN)
			add(m, how, d, wall_ms, total, any);
		else
			for (unsigned j = 0; j < d->nprimaries; j++)
				add(m, how, &d->primary[j], wall_ms, total,
				    any);
	}
	add_gone(m, s, wall_ms, total, any);
	for (unsigned k = 0; k < places; k++)
		if (!any[k] && m->value == METRIC_EXPIRY_MS)
			total[k] = INFINITY;
	mem_free(&any);
}
