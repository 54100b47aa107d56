/* SPDX-License-Identifier: ISC
 * prom_total: see prom_total.h. The nature of a metric decides how values are
 * combined: counters and amounts are added (a state or an alert then counts the
 * domains); of ages and durations the largest counts, of deadlines the first.
 * Metrics whose alert rule has to see the worst value are listed by name and
 * use the smallest. */
#include "exporters/prom_total.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum how { SUM, MAX, MIN, MIN_NONZERO };

struct prom_sum {
	const struct metric *m;
	enum how how;
	int64_t wall_ms;
	double *total;
	bool *any; /* by place; has a value */
};

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
		{ "primary_probe_success", MIN },
		{ "primary_probe_last_run_timestamp_seconds", MIN },
		{ "primary_tls_earliest_cert_expiry_timestamp_seconds",
		    MIN_NONZERO },
		{ "primary_domains", SUM },
		{ "primary_connections", SUM },
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

/* Includes one more object: a domain or a primary. */
static void
add(struct prom_sum *p, const void *base)
{
	const struct metric *m = p->m;
	unsigned places = m->labels->n * m->labels2->n;
	double v;

	if (!metric_applies(m, base))
		return;
	for (unsigned k = 0; k < places; k++) {
		v = metric_value(m, base, k / m->labels2->n, k % m->labels2->n,
		    p->wall_ms);
		if (p->how == MIN_NONZERO && v == 0)
			continue;
		if (p->how == SUM)
			p->total[k] += v;
		else if (!p->any[k] ||
		    (p->how == MAX ? v > p->total[k] : v < p->total[k]))
			p->total[k] = v;
		p->any[k] = true;
	}
}

/* Includes former domains: a counter must not decrease when a domain is
 * removed. */
static void
add_gone(struct prom_sum *p, const struct domain_stats *gone)
{
	struct snap_domain *d;

	if (p->m->scope != METRIC_DOMAIN || p->m->type != METRIC_COUNTER)
		return;
	d = snap_domain_create("", 0);
	d->count = *gone;
	add(p, d);
	snap_domain_unref(&d);
}

static void
add_domains(struct prom_sum *p, const struct snapshot *s, enum prom_whose whose)
{
	const struct snap_domain *d;

	for (unsigned i = 0; i < s->domains.n; i++) {
		d = snap_list_at(&s->domains, i);
		if (whose == PROM_MX_BACKUP && !d->mx_backup)
			continue;
		if (p->m->scope == METRIC_DOMAIN)
			add(p, d);
		else
			for (unsigned j = 0; j < d->nprimaries; j++)
				add(p, &d->primary[j]);
	}
	add_gone(p, whose == PROM_MX_BACKUP ? &s->gone_mx_backup : &s->gone);
}

static void
add_servers(struct prom_sum *p, const struct snapshot *s, enum prom_whose whose)
{
	for (unsigned i = 0; i < s->nservers; i++)
		if (whose == PROM_ALL || s->server[i]->mx_backup)
			add(p, s->server[i]);
}

void
prom_total(const struct metric *m, const struct snapshot *s,
    enum prom_whose whose, int64_t wall_ms, double *total)
{
	unsigned places = m->labels->n * m->labels2->n;
	struct prom_sum p = { .m = m,
		.how = how_of(m),
		.wall_ms = wall_ms,
		.total = total,
		.any = mem_array(places, sizeof(bool)) };

	memset(total, 0, places * sizeof(*total));
	if (m->scope == METRIC_SERVER)
		add_servers(&p, s, whose);
	else
		add_domains(&p, s, whose);
	for (unsigned k = 0; k < places; k++)
		if (!p.any[k] && m->value == METRIC_EXPIRY_MS)
			total[k] = INFINITY;
	mem_free(&p.any);
}
