/* SPDX-License-Identifier: ISC
 * status_cluster: the member `cluster` of the status document, and what there is of
 * it in each domain. Pure; any thread. */
#ifndef MX_STATUS_STATUS_CLUSTER_H
#define MX_STATUS_STATUS_CLUSTER_H

#include "status/json.h"
#include "status/snapshot.h"

/* All but its nodes. */
void status_cluster_whole(cJSON *o, const struct snap_cluster *);
/* null: this node is alone. */
void status_cluster(cJSON *o, const struct snap_cluster *);
/* Adds `owner`, `ours`, `local_messages` and `verdicts` of a domain that is shared. */
void status_cluster_domain(cJSON *o, const struct snap_domain *);

#endif
