/* SPDX-License-Identifier: ISC
 * cluster_show: the cluster's state in the snapshot. Without a cluster (NULL)
 * nothing is filled in: all domains are ours. Loop thread. */
#ifndef MX_DAEMON_CLUSTER_SHOW_H
#define MX_DAEMON_CLUSTER_SHOW_H

#include "cluster/cluster.h"
#include "status/snapshot.h"

/* The owner of the domain, and the verdict of each node on it. `room` and the
 * names in it have to outlive the block, or the block is copied. */
void cluster_show_domain(const struct cluster *, struct snap_domain *,
    struct snap_verdict room[SNAP_NODES]);
void cluster_show_primary(const struct cluster *, const char *label,
    struct snap_host *);
/* The figures of the cluster without its nodes, and without the local mail,
 * which the queue knows. */
void cluster_show_whole(const struct cluster *, const struct store *,
    bool require_sync, struct snap_cluster *);
/* The same with the nodes. */
void cluster_show(const struct cluster *, const struct store *,
    bool require_sync, struct snapshot *);

#endif
