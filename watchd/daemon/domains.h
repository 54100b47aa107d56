/* SPDX-License-Identifier: ISC
 * domains: keeps the blocks of the snapshot (status/snapshot.h) up to date. A
 * block is remade after its domain was touched (status/counters.h), at most
 * once a second; during a flush, every second. A turn of the loop spends 2 ms
 * and DOMAINS_SLICE blocks at most. Figures that change by the passing of time
 * alone (the windows of an hour and a day) are looked for in slices. Each block
 * is remade once in five minutes all the same, so that a missed touch cannot
 * leave it wrong. Loop thread. */
#ifndef MX_DAEMON_DOMAINS_H
#define MX_DAEMON_DOMAINS_H

#include "daemon/daemon_int.h"

#define DOMAINS_SLICE 512

struct domains *domains_create(struct daemon *);
void domains_destroy(struct domains **);
/* Once a second: begins the next round, unless the previous one is still
 * running, and does its first slice; a timer does the others. */
void domains_tick(struct domains *);
/* Remakes one domain's block at once. No effect for a domain that is not in the
 * counters. */
void domains_now(struct domains *, const char *name);
/* Ends a removed domain: from now on it is one that nobody configured, whatever
 * is queued for it. -MX_ENOENT: it is not a removed one; -MX_EEXIST: it is in
 * the configuration; -MX_EBUSY: a reload is in progress. */
int domains_forget(struct domains *, const char *name);
/* Nobody's domain any more: every module forgets it now, and its block is
 * dropped at the next tick. */
void domains_leave(struct domains *, const char *name, const char *why);
const struct snap_list *domains_list(const struct domains *);

#endif
