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
/* The nodes, the engine, and the local mail of what is in the snapshot: its
 * domains, and what it has of it already, which is that of no domain. */
void cluster_show(const struct cluster *, const struct store *,
    bool require_sync, struct snapshot *);

#endif
