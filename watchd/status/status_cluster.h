/* SPDX-License-Identifier: ISC
 * status_cluster: the member `cluster` of the status document, and the
 * cluster's part of each domain. Pure; any thread. */
#ifndef MX_STATUS_STATUS_CLUSTER_H
#define MX_STATUS_STATUS_CLUSTER_H

#include "status/json.h"
#include "status/snapshot.h"

/* All except the nodes. */
void status_cluster_whole(cJSON *o, const struct snap_cluster *);
/* null: no cluster. */
void status_cluster(cJSON *o, const struct snap_cluster *);
/* Adds `owner`, `ours`, `local_messages` and `verdicts` of a shared domain. */
void status_cluster_domain(cJSON *o, const struct snap_domain *);

#endif
