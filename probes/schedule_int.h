/* SPDX-License-Identifier: ISC
 * schedule_int: shared by schedule.c (turns), schedule_share.c (shared
 * sessions) and schedule_session.c (one session). */
#ifndef MX_PROBES_SCHEDULE_INT_H
#define MX_PROBES_SCHEDULE_INT_H

#include <sys/tree.h>

#include "base/heap.h"
#include "probes/schedule.h"
#include "smtp/path.h"

/*	fresh --spread--> resting --due--> to look up --> looking up --.
 *	                    ^  ^                                       |
 *	                    |  `--- a domain: its list is known -------+
 *	                    |  `--- a watch: its share had a session --+
 *	                    |                                          |
 *	                    `-- probing <-- to probe <-- to enter <----'
 *
 * A watch whose addresses come with the look-ups of its domains goes from
 * resting to where another one goes from looking up. "To enter": until there is a
 * place among our connections to the host (primary/place.h). */
enum turn_state {
	TURN_FRESH,
	TURN_RESTING, /* in the heap */
	TURN_TO_LOOK, /* in line */
	TURN_LOOKING,
	TURN_TO_ENTER, /* waits for its place */
	TURN_TO_PROBE, /* in line */
	TURN_PROBING,
	TURN_STATE_MAX,
};

struct turn {
	struct schedule *s;
	struct watch *watch; /* or: */
	struct watch_domain *domain;
	enum turn_state state;
	/* in the list of its state, except when resting */
	TAILQ_ENTRY(turn) link;
	struct heap_node due;
	/* asked for: a domain's primaries are probed when they are known; a
	 * watch is, even if its share just had a session */
	bool now;
	bool hurried; /* as of the start of its rest */
	int64_t start; /* start of the last turn, loop time; 0: none yet */
	int64_t soonest; /* earliest next one, loop time; 0: any */
	int64_t least; /* ms from that to the next; 0: not decided yet */
	int64_t resolve_ns; /* duration of its look-up */
	struct route_req *req; /* look-up under way */
	struct share *share; /* of a watch; NULL: no addresses yet */
	TAILQ_ENTRY(turn) member; /* in the share */
	/* number of the last news of the share that it was told */
	unsigned told;
	struct place place; /* from "to enter" to the end of probing */
	struct probing *probing; /* the session under way */
	unsigned counted; /* silent intervals of this session that counted */
};

TAILQ_HEAD(turn_list, turn);

/* Watches that share their sessions. */
struct share {
	RB_ENTRY(share) node;
	struct schedule *s;
	char *addresses; /* watch_addresses_key() */
	char *name; /* name that the certificate is verified for; "" any */
	const struct watch_policy *policy; /* of its first member */
	struct turn_list members;
	struct turn *leader; /* has the session under way; NULL: none */
	struct probing
	    *overdue; /* a silent one, heard out beside it; or NULL */
	struct turn
	    *ask; /* whose domains are asked for next; NULL: the first */
	int64_t start; /* start of the last session, loop time; 0: none yet */
	unsigned told; /* number of the last news */
	TAILQ_ENTRY(share) telling;
	struct share_news *news; /* being reported; NULL: all were told */
	struct turn *cursor; /* next to be told */
};
RB_HEAD(share_tree, share);

struct schedule {
	struct loop *loop;
	struct dns *dns;
	struct watch_set *watches;
	struct reach_env env;
	struct config *conf;
	const struct route_self *self;
	struct loop_timer *timer; /* for the first in the heap */
	struct loop_timer *spread; /* for fresh turns */
	int64_t spread_ms; /* range of the spread; 0: none under way */
	struct loop_timer *runner; /* for the lines, when a slice was full */
	struct place_ops places;
	struct share_tree shares;
	TAILQ_HEAD(, share) telling;
	struct loop_timer *teller; /* for news */
	struct heap due;
	struct turn_list list[TURN_STATE_MAX];
	unsigned n[TURN_STATE_MAX];
	unsigned noverdue; /* overdue sessions; they count as probing */
};

/* schedule.c: the session of the turn has ended. */
void turn_probed(struct turn *);

/* schedule_share.c */
/* Joins the share of its present addresses. */
void share_join(struct turn *);
void share_leave(struct turn *); /* no-op when it has none */
/* True when no other watch shares its sessions. */
bool share_is_alone(const struct turn *);
/* Is a session due, to be held by this turn? The last one began `pace_ms` ago
 * or earlier, or one was asked for. */
bool share_begins(struct turn *, int64_t pace_ms);
void share_ended(struct turn *); /* the session, or its wait for one */
/* The member whose domains are asked for next, in turn. */
struct turn *share_next_asked(struct share *);
/* Queues the result of this turn's session for the other members. */
void share_session(struct turn *, const struct primary_session *);
void share_silent(struct turn *, const struct primary_session *,
    int64_t waited_ms, unsigned intervals);
void share_tell_some(void *schedule);

/* schedule_session.c */
void probing_start(struct turn *);
void probing_cancel(struct turn *); /* no-op when there is none */
/* Stops hearing out the overdue session; no-op when there is none. */
void probing_cancel_overdue(struct share *);
/* Is the overdue session, if any, one of this turn? */
bool probing_is_overdue(const struct turn *);
/* The session of its share stops asking for domains of this one. */
void probing_forget(struct turn *);

#endif
