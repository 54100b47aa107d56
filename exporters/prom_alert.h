/* SPDX-License-Identifier: ISC
 * prom_alert: the families whose objects are alerts, receivers and
 * heartbeats instead of domains. Private to prometheus.c. Pure. */
#ifndef MX_EXPORTERS_PROM_ALERT_H
#define MX_EXPORTERS_PROM_ALERT_H

#include "exporters/prom_write.h"

bool prom_alert_scope(enum metric_scope);
/* A family of receivers or heartbeats of which none are configured. */
bool prom_alert_nobody(const struct metric *, const struct snapshot *);
/* The samples; the head has been put. Without `per_domain` the alerts of all
 * domains are one series each, whose value is how many fire. */
void prom_alert_samples(struct prom_writer *, const struct metric *,
    const struct snapshot *, bool per_domain, int64_t wall_ms);
/* How many series that is; receivers and heartbeats are few and not counted. */
size_t prom_alert_series(const struct metric *, size_t ndomains);

#endif
