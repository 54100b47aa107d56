/* SPDX-License-Identifier: ISC
 * prom_total: one value for all domains, for sites that do not want a series
 * for each (metrics.per_domain), and one for those that mx_backup took in,
 * whose names strangers choose. Private to prometheus.c. Pure. */
#ifndef MX_EXPORTERS_PROM_TOTAL_H
#define MX_EXPORTERS_PROM_TOTAL_H

#include "status/metrics.h"

/* Whether the family has a meaning without its labels. */
bool prom_total_makes_sense(const struct metric *);
enum prom_whose {
	PROM_ALL,
	/* domains of mx_backup, and primaries that only they use */
	PROM_MX_BACKUP,
};
/* The values over these domains or primaries of the snapshot, one for each
 * place of the labels: labels->label[i], labels2->label[j] at i * labels2->n +
 * j. */
void prom_total(const struct metric *, const struct snapshot *, enum prom_whose,
    int64_t wall_ms, double *total);

#endif
