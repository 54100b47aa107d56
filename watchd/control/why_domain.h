/* SPDX-License-Identifier: ISC
 * why_domain: a domain and its servers in sentences: their state, the evidence, what
 * comes next and which option would change it. Pure. */
#ifndef MX_CONTROL_WHY_DOMAIN_H
#define MX_CONTROL_WHY_DOMAIN_H

#include "status/json.h"
#include "status/snapshot.h"

/* Adds them to the list; `d` is of the snapshot. */
void
why_domain(cJSON *list, const struct snapshot *, const struct snap_domain *d);
/* "3m20s", the time between two moments; 0 when they are the other way round. Whole
 * seconds: more would be no help to a person. */
const char *why_ago(int64_t then_ms, int64_t now_ms, char *dst, size_t size);

#endif
