/* SPDX-License-Identifier: ISC
 * schedule: whose turn it is. Each watch (primary/watch.h) gets one session an
 * interval, in which its domains are asked for in turn; a primary that a
 * domain names in its configuration is looked up before, once for all of them.
 * Watches under equal policies whose primaries have the same addresses get one
 * session together.
 * Each domain whose primaries are found by MX has its records looked up once an
 * interval. Without a verdict, and while one is to be confirmed, turns come at
 * a third of the interval (SCHEDULE_HURRY_MS at least).
 *
 * The first turns are spread: over 10 ms for each, half an interval at most.
 * So every verdict comes within max(rise, fall) intervals, and not all
 * sessions begin in the same second. Behind the first verdict, turns spread over
 * the interval (100 ms for each, two thirds of it at most), and stay so. How many
 * look-ups and sessions go on at once is bounded; who has to wait waits in a
 * line. A turn that waits is late, never doubled.
 *
 * What is learned goes to the watches; what it means is not decided here.
 * Loop thread. */
#ifndef MX_PROBES_SCHEDULE_H
#define MX_PROBES_SCHEDULE_H

#include "primary/place.h"
#include "primary/watch.h"
#include "probes/probe.h"

#define SCHEDULE_HURRY_MS    1000
#define SCHEDULE_LOOKUPS_MAX 200 /* at once */

struct schedule;

/* Hangs itself in as the turns of the set, which must outlive it. The places are
 * those of probes among our connections; copied. */
struct schedule *schedule_create(const struct reach_env *, struct dns *,
    struct watch_set *, const struct place_ops *);
void schedule_destroy(struct schedule **);
/* Before the domains are set: takes a reference; `self` is borrowed until the next
 * call. Look-ups under way begin again, sessions go on. */
void schedule_configure(struct schedule *, struct config *,
    const struct route_self *self);
/* The domain's primaries now, it first. -MX_ENOENT: no such domain, or its
 * probe is off. */
int schedule_now(struct schedule *, const char *domain);
/* How a session with that watch, which has a host, is made; the asks are left out.
 * Borrowed until either changes. */
void schedule_target(const struct schedule *, const struct watch *,
    struct probe_target *);

struct schedule_load {
	unsigned looking, probing, waiting;
};
struct schedule_load schedule_load(const struct schedule *);

#endif
