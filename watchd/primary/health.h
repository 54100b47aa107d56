/* SPDX-License-Identifier: ISC
 * health: the ONE state machine that decides how something is that is watched.
 * A watch (one primary under one policy, primary/watch.h) feeds it with what
 * probes and deliveries saw, one at a time. A domain feeds it with the verdicts
 * of its primaries, and with what concerns the domain alone: its breaker, its
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
 * taken over from a primary:
 *	unknown, suspect --is up, is back--> up
 *	down --is up--> up                down --is back--> recovering
 *	unknown, up --is suspect--> suspect
 *	any but disabled --is down--> down
 *
 * The first verdict after a start also needs its streak, and unknown -> up is
 * no recovery: a restart of the watchdog is not a recovery of the primary.
 * What the resolver does wrong is neutral: it never counts as a failure. */
#ifndef MX_PRIMARY_HEALTH_H
#define MX_PRIMARY_HEALTH_H

#include "status/state.h"

enum health_input {
	HEALTH_IN_OK, /* a probe or a delivery worked */
	HEALTH_IN_FAIL, /* the primary failed */
	HEALTH_IN_NEUTRAL, /* nothing can be said (resolver, our own trouble) */
	HEALTH_IN_BROKEN, /* it answers but refuses what it should take, or
			    * the canary failed: down at once */
	HEALTH_IN_FLUSHED, /* the flush on recovery is through */
	HEALTH_IN_NO_PRIMARY, /* there is nobody to watch (we seem to be the
			       * best MX): unknown at once */
	HEALTH_IN_DISABLE,
	HEALTH_IN_ENABLE,
	/* A domain follows the verdict that its primaries have come to. */
	HEALTH_IN_IS_UP, /* and nothing waits for it */
	HEALTH_IN_IS_BACK, /* up, and mail waits */
	HEALTH_IN_IS_SUSPECT,
	HEALTH_IN_IS_DOWN,
	HEALTH_IN_MAX,
};

struct health_conf {
	unsigned fall, rise;
	int64_t hold_ns; /* shortest stay in down */
};

struct health {
	struct health_conf conf;
	enum health_state state;
	unsigned streak; /* of equal verdicts against the state */
	bool streak_ok; /* which verdict it is made of */
	int64_t since; /* of the state */
};

struct health_change {
	enum health_state from, to;
	int64_t at;
	int64_t lasted; /* how long `from` was, ns */
};

void health_init(struct health *, const struct health_conf *, int64_t now);
void health_conf_set(struct health *, const struct health_conf *);
/* True when *out holds a change; at most one an input. */
bool health_feed(struct health *, enum health_input, int64_t now,
    struct health_change *out);
/* May mail be sent in this state? */
bool health_open(enum health_state);

#endif
