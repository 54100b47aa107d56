/* SPDX-License-Identifier: ISC
 * agentx_parent: the daemon's half of the SNMP subagent. Sends mxwatch-agentx
 * snapshots and notifications, reads what it says of itself, and has it
 * started again when it ends or has not answered for 30 seconds. Nothing here
 * waits: a hung or absent master agent costs notifications that wait for too
 * long, which are counted, and no time. Loop thread. */
#ifndef MX_SNMP_AGENTX_PARENT_H
#define MX_SNMP_AGENTX_PARENT_H

#include "config/config.h"
#include "net/helper.h"
#include "net/loop.h"
#include "status/notice.h"
#include "status/snapshot.h"

struct agentx;
struct spawner;

/* `spool` is where the numbers of domains and primaries are kept, by the
 * helper, which is destroyed first; the spawner starts the child and is
 * destroyed later. `filter`: the child may make no more system calls than it
 * needs. Nothing is started before agentx_configure() finds an snmp section and
 * the first tick. */
struct agentx *agentx_create(struct loop *, struct helper *, struct spawner *,
    bool filter, const char *spool);
/* Ends the child; waits half a second for that at most. */
void agentx_destroy(struct agentx **);
/* A change restarts the child. `conf` is copied. */
void agentx_configure(struct agentx *, const struct conf_snmp *conf);

/* Once a second, with the newest snapshot: sends it, in slices, when five
 * seconds and one for each thousand domains have passed; sees after the
 * child. */
void agentx_tick(struct agentx *, struct snapshot *);
/* Its notification goes out as soon as the rate allows, with the values that
 * are in it. */
void agentx_notice(struct agentx *, const struct notice *);

void agentx_show(const struct agentx *, struct snap_agentx *);

#endif
