/* SPDX-License-Identifier: ISC
 * why_domain: sentences about a domain and its primaries: their state, the
 * evidence, the next step and the option that would change it. Pure. */
#ifndef MX_CONTROL_WHY_DOMAIN_H
#define MX_CONTROL_WHY_DOMAIN_H

#include "status/json.h"
#include "status/snapshot.h"

/* Adds them to the list; `d` is of the snapshot. */
void
why_domain(cJSON *list, const struct snapshot *, const struct snap_domain *d);
/* "3m20s", the time from one moment to a later one, else 0. In whole seconds,
 * for people. */
const char *why_ago(int64_t then_ms, int64_t now_ms, char *dst, size_t size);

#endif
