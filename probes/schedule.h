/* SPDX-License-Identifier: ISC
 * schedule: when probes and look-ups take place. Each watch (primary/watch.h)
 * gets one session an interval, in which its domains are asked for in turn; a
 * primary that a domain names in its configuration is looked up before, once
 * for all of them. Watches with equal policies whose primaries have the same
 * addresses share one session. Each domain whose primaries are found by MX has
 * its records looked up once an interval. Without a verdict, and while one is
 * to be confirmed, turns come at a third of the interval (SCHEDULE_HURRY_MS at
 * least).
 *
 * The first turns are spread: 10 ms apart, over half an interval at most. So
 * every verdict comes within max(rise, fall) intervals, and sessions do not all
 * begin in the same second. After the first verdict turns spread over the
 * interval (100 ms apart, two thirds of it at most), and keep that distance.
 * The number of look-ups and sessions at once is bounded; further ones wait in
 * a line. A waiting turn is late, never doubled.
 *
 * Results go to the watches, which interpret them. Loop thread. */
#ifndef MX_PROBES_SCHEDULE_H
#define MX_PROBES_SCHEDULE_H

#include "primary/place.h"
#include "primary/watch.h"
#include "probes/probe.h"

#define SCHEDULE_HURRY_MS    1000
#define SCHEDULE_LOOKUPS_MAX 200 /* at once */

struct schedule;

/* Registers as the turns of the set, which must outlive it. place_ops counts
 * probes among our connections; copied. */
struct schedule *schedule_create(const struct reach_env *, struct dns *,
    struct watch_set *, const struct place_ops *);
void schedule_destroy(struct schedule **);
/* To be called before the domains are set: takes a reference; `self` is
 * borrowed until the next call. Look-ups under way start again, sessions go
 * on. */
void schedule_configure(struct schedule *, struct config *,
    const struct route_self *self);
/* Probes the domain's primaries now, asking for this domain first. -MX_ENOENT:
 * no such domain, or its probe is off. */
int schedule_now(struct schedule *, const char *domain);
/* The target of a session with that watch, which must have a host, without the
 * asks. Borrowed until either changes. */
void schedule_target(const struct schedule *, const struct watch *,
    struct probe_target *);

struct schedule_load {
	unsigned looking, probing, waiting;
};
struct schedule_load schedule_load(const struct schedule *);

#endif
