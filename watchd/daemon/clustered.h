/* SPDX-License-Identifier: ISC
 * clustered: the daemon's part as a node of a cluster: ties store, queue, watch
 * and cluster. Without a cluster all functions do nothing. Loop thread. */
#ifndef MX_DAEMON_CLUSTERED_H
#define MX_DAEMON_CLUSTERED_H

#include "daemon/daemon_int.h"

/* Before the store is opened: reads the identity of this node for
 * store_conf.instance from SPOOL/instance, which the first start creates. 0, or
 * negative. */
int clustered_instance(struct daemon *, struct mx_errbuf *) MX_NODISCARD;
/* After the store and the queue; before any domain is applied. */
void clustered_create(struct daemon *);
/* Once the configuration is in the modules, while the queue is being loaded. */
void clustered_start(struct daemon *);
void clustered_configure(struct daemon *, const struct config *);
void clustered_tick(struct daemon *);
void clustered_destroy(struct daemon *); /* after the store */

/* clustered_control.c: for control_create(); does nothing without a cluster. */
void clustered_control(struct daemon *, struct control_cluster_ops *);
/* As cluster_ops.asked. */
void clustered_asked(void *daemon, uint64_t ticket, const char *line);

#endif
