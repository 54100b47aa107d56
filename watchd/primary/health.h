/* SPDX-License-Identifier: ISC
 * health: the ONE state machine that decides the health of a watch or a domain.
 * A watch (one primary under one policy, primary/watch.h) feeds it the results
 * of probes and deliveries, one at a time. A domain feeds it the verdicts of
 * its primaries and the events that concern the domain alone: its breaker, its
 * flush. Pure: no clock, no logging, `now` is an argument (monotonic ns).
 *
 *	unknown --ok x rise--> up         unknown --fail x fall--> down
 *	up --fail--> suspect              up --fail, fall is 1--> down
 *	suspect --ok--> up                suspect --fail x fall--> down
 *	down --ok x rise, after hold--> recovering
 *	recovering --flushed--> up        recovering --fail x fall, or the
 *	                                  canary failed--> down
 *	any but disabled --no primary--> unknown
 *	any --disable--> disabled --enable--> unknown
 *
 * Verdicts that a domain takes over from its primaries:
 *
 *	unknown, suspect --is up, is back--> up
 *	down --is up--> up                down --is back--> recovering
 *	unknown, up --is suspect--> suspect
 *	any but disabled --is down--> down
 *
 * The first verdict after a start also needs its streak, and unknown -> up is
 * no recovery: a restart of the watchdog is not a recovery of the primary. A
 * failure of the resolver is neutral: it never counts as a failure of the
 * primary. */
#ifndef MX_PRIMARY_HEALTH_H
#define MX_PRIMARY_HEALTH_H

#include "status/state.h"

enum health_input {
	HEALTH_IN_OK, /* a probe or a delivery succeeded */
	HEALTH_IN_FAIL, /* the primary failed */
	/* the result says nothing (resolver failure, local error) */
	HEALTH_IN_NEUTRAL,
	/* it answers but refuses what it should accept, or the canary failed:
	 * down at once */
	HEALTH_IN_BROKEN,
	HEALTH_IN_FLUSHED, /* the recovery flush is complete */
	/* no primary is left to watch (we seem to be the best MX): unknown at
	 * once */
	HEALTH_IN_NO_PRIMARY,
	HEALTH_IN_DISABLE,
	HEALTH_IN_ENABLE,
	/* The verdict of its primaries, which the domain follows: */
	HEALTH_IN_IS_UP, /* up, and no mail is queued */
	HEALTH_IN_IS_BACK, /* up, and mail is queued */
	HEALTH_IN_IS_SUSPECT,
	HEALTH_IN_IS_DOWN,
	HEALTH_IN_MAX,
};

struct health_conf {
	unsigned fall, rise;
	int64_t hold_ns; /* shortest time in down */
};

struct health {
	struct health_conf conf;
	enum health_state state;
	unsigned streak; /* equal verdicts that contradict the state */
	bool streak_ok; /* the verdict that the streak is made of */
	int64_t since; /* start of the state */
};

struct health_change {
	enum health_state from, to;
	int64_t at;
	int64_t lasted; /* duration of `from`, ns */
};

void health_init(struct health *, const struct health_conf *, int64_t now);
void health_conf_set(struct health *, const struct health_conf *);
/* True when *out holds a change; one input causes at most one. */
bool health_feed(struct health *, enum health_input, int64_t now,
    struct health_change *out);
/* May mail be sent in this state? */
bool health_open(enum health_state);

#endif
