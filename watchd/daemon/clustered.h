/* SPDX-License-Identifier: ISC
 * clustered: what the daemon does as a node of a cluster: ties store, queue, watch
 * and cluster. All of it is nothing where there is none. Loop thread. */
#ifndef MX_DAEMON_CLUSTERED_H
#define MX_DAEMON_CLUSTERED_H

#include "daemon/daemon_int.h"

/* Before the store is opened: who we are, for store_conf.instance; made at the first
 * start, SPOOL/instance. 0, or negative. */
int clustered_instance(struct daemon *, struct mx_errbuf *) MX_NODISCARD;
/* Once there is a store and a queue; before any domain is applied. */
void clustered_create(struct daemon *);
/* The configuration is in the modules, the queue is being loaded. */
void clustered_start(struct daemon *);
void clustered_configure(struct daemon *, const struct config *);
void clustered_tick(struct daemon *);
void clustered_destroy(struct daemon *); /* after the store */

/* clustered_control.c: for control_create(); nothing where there is no cluster. */
void clustered_control(struct daemon *, struct control_cluster_ops *);
/* As cluster_ops.asked. */
void clustered_asked(void *daemon, uint64_t ticket, const char *line);

#endif
