/* SPDX-License-Identifier: ISC
 * schedule_int: what schedule.c (whose turn it is) and schedule_session.c (one
 * session of one watch) share. */
#ifndef MX_PROBES_SCHEDULE_INT_H
#define MX_PROBES_SCHEDULE_INT_H

#include "base/heap.h"
#include "probes/schedule.h"
#include "smtp/path.h"

/*	fresh --spread--> resting --due--> to look up --> looking up --.
 *	                     ^  ^                                      |
 *	                     |  `------- a domain: its list is known --+
 *	                     |                                         |
 *	                     `--- probing <-- to probe <-- a watch ----'
 *
 * A watch whose addresses come with the look-ups of its domains goes from
 * resting to "to probe". */
enum turn_state {
	TURN_FRESH,
	TURN_RESTING, /* in the heap */
	TURN_TO_LOOK, /* in line */
	TURN_LOOKING,
	TURN_TO_PROBE, /* in line */
	TURN_PROBING,
	TURN_STATE_MAX,
};

struct turn {
	struct schedule *s;
	struct watch *watch; /* or: */
	struct watch_domain *domain;
	enum turn_state state;
	TAILQ_ENTRY(turn) link; /* in the list of its state, but for resting */
	struct heap_node due;
	bool now; /* a domain: its primaries are probed when they are known */
	int64_t start; /* loop time of the last turn; 0: none yet */
	int64_t resolve_ns; /* what its look-up took */
	struct route_req *req; /* looking */
	struct probing *probing; /* the session under way */
	unsigned given_up; /* sessions in a row, for their silence */
	unsigned counted; /* silent intervals of this one that count */
};

TAILQ_HEAD(turn_list, turn);

struct schedule {
	struct loop *loop;
	struct dns *dns;
	struct watch_set *watches;
	struct reach_env env;
	struct config *conf;
	const struct route_self *self;
	struct loop_timer *timer; /* of the heap's first */
	struct loop_task *spread; /* of what is fresh */
	struct heap due;
	struct turn_list list[TURN_STATE_MAX];
	unsigned n[TURN_STATE_MAX];
};

/* schedule.c: the session of the turn has come to its end. */
void turn_probed(struct turn *);

/* schedule_session.c */
void probing_start(struct turn *);
void probing_cancel(struct turn *); /* nothing, when there is none */

#endif
