/* SPDX-License-Identifier: ISC
 * status_brief: a domain and a primary with what a table shows of them, a tenth of
 * what status_json says: the status page has thousands of each and asks every few
 * seconds. Names and meanings are those of the full document; what is false, 0, empty
 * or null is left out. Pure; any thread. */
#ifndef MX_STATUS_STATUS_BRIEF_H
#define MX_STATUS_STATUS_BRIEF_H

#include "status/json.h"
#include "status/snapshot.h"

cJSON *status_brief_domain(const struct snap_domain *, int64_t wall_ms);
cJSON *status_brief_server(const struct snap_server *);

#endif
