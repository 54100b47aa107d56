/* SPDX-License-Identifier: ISC
 * domains: the blocks of the snapshot (status/snapshot.h), kept up to date.
 * A block is remade when its domain was touched (status/counters.h), at most
 * once a second and for 2 ms, DOMAINS_SLICE of them at most, a turn of the loop;
 * while a flush of it runs, each second. What only the passing of time changes
 * (the windows of an hour and a day) is looked for in slices, and so that nothing
 * that was not touched by mistake stays wrong, each block is remade once in five
 * minutes.
 * Loop thread. */
#ifndef MX_DAEMON_DOMAINS_H
#define MX_DAEMON_DOMAINS_H

#include "daemon/daemon_int.h"

#define DOMAINS_SLICE 512

struct domains *domains_create(struct daemon *);
void domains_destroy(struct domains **);
/* Once a second: begins the next round, unless the last one is not through.
 * Does its first slice; the others follow by a timer. */
void domains_tick(struct domains *);
/* Brings one domain up to date now, whatever its turn. Nothing for one that
 * nobody has added to the counters. */
void domains_now(struct domains *, const char *name);
/* A removed domain is one that nobody configured from now on, whatever is queued
 * for it. -MX_ENOENT: it is no removed one; -MX_EEXIST: it is in the
 * configuration; -MX_EBUSY: a reload is under way. */
int domains_forget(struct domains *, const char *name);
/* It is nobody's domain any more: every module forgets it now, and its block goes at
 * the next tick. */
void domains_leave(struct domains *, const char *name, const char *why);
const struct snap_list *domains_list(const struct domains *);

#endif
