/* SPDX-License-Identifier: ISC
 * prom_total: what many become follows from what they are: counters and
 * amounts add up (a state or an alert then counts the domains), of ages
 * and durations the largest counts, of deadlines the first. Where an alert
 * rule must see the worst of all, the smallest is taken by name. */
#include "exporters/prom_total.h"

#include <math.h>
#include <string.h>

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

double
prom_total(const struct metric *m, const struct snapshot *s, unsigned i,
    unsigned j, int64_t wall_ms)
{
	bool domains = m->scope == METRIC_DOMAIN;
	unsigned n = domains ? s->ndomains : s->nprimaries;
	enum how how = how_of(m);
	double total = 0, v;
	bool any = false;

	for (unsigned k = 0; k < n; k++) {
		v = metric_value(m,
		    domains ? (const void *)&s->domain[k] :
			      (const void *)&s->primary[k],
		    i, j, wall_ms);
		if (how == MIN_NONZERO && v == 0)
			continue;
		if (how == SUM)
			total += v;
		else if (!any || (how == MAX ? v > total : v < total))
			total = v;
		any = true;
	}
	return any || m->value != METRIC_EXPIRY_MS ? total : INFINITY;
}
