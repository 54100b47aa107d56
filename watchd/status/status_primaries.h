/* SPDX-License-Identifier: ISC
 * status_primaries: the list `primaries` of the status document: each server
 * once, whatever the number of domains that name it. Pure; any thread. */
#ifndef MX_STATUS_STATUS_PRIMARIES_H
#define MX_STATUS_STATUS_PRIMARIES_H

#include "status/json.h"
#include "status/snapshot.h"

/* One of them. */
cJSON *status_server(const struct snap_server *);
/* Adds the list of the n primaries of one domain to `o`. */
void status_primaries(cJSON *o, const struct snapshot *,
    const struct snap_primary *of, unsigned n);
/* A document with only the time and that list. */
cJSON *status_primaries_only(const struct snapshot *,
    const struct snap_primary *of, unsigned n);
/* Adds known_since and the ratios of availability. */
void status_availability(cJSON *, const struct snap_host *);

#endif
