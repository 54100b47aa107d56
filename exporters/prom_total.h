/* SPDX-License-Identifier: ISC
 * prom_total: one value for all domains, where a site does not want a series
 * for each (metrics.per_domain). Private to prometheus.c. Pure. */
#ifndef MX_EXPORTERS_PROM_TOTAL_H
#define MX_EXPORTERS_PROM_TOTAL_H

#include "status/metrics.h"

/* Whether the family says anything without its labels. */
bool prom_total_makes_sense(const struct metric *);
/* The value at labels->label[i], labels2->label[j] over all the domains or
 * primaries of the snapshot. */
double prom_total(const struct metric *, const struct snapshot *, unsigned i,
    unsigned j, int64_t wall_ms);

#endif
