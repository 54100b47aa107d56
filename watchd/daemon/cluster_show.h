/* SPDX-License-Identifier: ISC
 * cluster_show: what the cluster knows, as the snapshot has it. Where there is none
 * (NULL) nothing is shown: all is ours. Loop thread. */
#ifndef MX_DAEMON_CLUSTER_SHOW_H
#define MX_DAEMON_CLUSTER_SHOW_H

#include "cluster/cluster.h"
#include "status/snapshot.h"

/* Whose the domain is, and what each node says of it. `room` and the names in it
 * have to outlive the block, or it is copied. */
void cluster_show_domain(const struct cluster *, struct snap_domain *,
    struct snap_verdict room[SNAP_NODES]);
void cluster_show_primary(const struct cluster *, const char *label,
    struct snap_host *);
/* All but the nodes, and the local mail, which is the queue's. */
void cluster_show_whole(const struct cluster *, const struct store *,
    bool require_sync, struct snap_cluster *);
/* The same with the nodes. */
void cluster_show(const struct cluster *, const struct store *,
    bool require_sync, struct snapshot *);

#endif
