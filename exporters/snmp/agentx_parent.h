/* SPDX-License-Identifier: ISC
 * agentx_parent: the daemon's half of the SNMP subagent. Sends snapshots and
 * notifications to mxwatch-agentx, reads its status, and restarts it when it
 * ends or has not answered for 30 seconds. Nothing here waits: a hung or absent
 * master agent costs the notifications that wait too long, which are counted,
 * and no time. Loop thread. */
#ifndef MX_SNMP_AGENTX_PARENT_H
#define MX_SNMP_AGENTX_PARENT_H

#include "config/config.h"
#include "net/helper.h"
#include "net/loop.h"
#include "status/notice.h"
#include "status/snapshot.h"

struct agentx;
struct spawner;

/* The helper stores the numbers of domains and primaries in `spool`, and is
 * destroyed first; the spawner starts the child and is destroyed later.
 * `filter`: the child restricts its system calls. Nothing is started before
 * agentx_configure() with an snmp section and the first tick. */
struct agentx *agentx_create(struct loop *, struct helper *, struct spawner *,
    bool filter, const char *spool);
/* Ends the child; waits half a second at most. */
void agentx_destroy(struct agentx **);
/* A change restarts the child. `conf` is copied. */
void agentx_configure(struct agentx *, const struct conf_snmp *conf);

/* To be called once a second with the newest snapshot: sends it, in slices,
 * when five seconds and one more for each thousand domains have passed;
 * supervises the child. */
void agentx_tick(struct agentx *, struct snapshot *);
/* Queues its notification, with the values of the notice; sent as soon as the
 * rate allows. */
void agentx_notice(struct agentx *, const struct notice *);

void agentx_show(const struct agentx *, struct snap_agentx *);

#endif
