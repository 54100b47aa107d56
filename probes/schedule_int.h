/* SPDX-License-Identifier: ISC
 * schedule_int: what schedule.c (whose turn it is), schedule_share.c (who has a
 * session together) and schedule_session.c (one session) share. */
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
	TAILQ_ENTRY(turn) link; /* in the list of its state, but for resting */
	struct heap_node due;
	bool now; /* somebody asked: a domain's primaries are probed when they
		   * are known; a watch, whenever its share had a session */
	bool hurried; /* when it was given its rest */
	int64_t start; /* loop time of the last turn; 0: none yet */
	int64_t soonest; /* loop time of the next; 0: any */
	int64_t least; /* ms between that and the next; 0: not decided yet */
	int64_t resolve_ns; /* what its look-up took */
	struct route_req *req; /* looking */
	struct share *share; /* of a watch; NULL: no addresses yet */
	TAILQ_ENTRY(turn) member; /* of the share */
	unsigned told; /* the news of the share that it knows */
	struct place place; /* from "to enter" to the end of probing */
	struct probing *probing; /* the session under way */
	unsigned counted; /* silent intervals of this one that count */
};

TAILQ_HEAD(turn_list, turn);

/* Watches that have their sessions together. */
struct share {
	RB_ENTRY(share) node;
	struct schedule *s;
	char *addresses; /* watch_addresses_key() */
	char *name; /* that the certificate is verified for; "" any */
	const struct watch_policy *policy; /* of its first member */
	struct turn_list members;
	struct turn *leader; /* who has the session under way; NULL: nobody */
	struct probing
	    *overdue; /* a silent one, heard out beside it; or NULL */
	struct turn
	    *ask; /* whose domains are asked for next; NULL: the first */
	int64_t start; /* loop time of the last session; 0: none yet */
	unsigned told; /* counts the news */
	TAILQ_ENTRY(share) telling;
	struct share_news *news; /* being told; NULL: all know */
	struct turn *cursor; /* who is told next */
};
RB_HEAD(share_tree, share);

struct schedule {
	struct loop *loop;
	struct dns *dns;
	struct watch_set *watches;
	struct reach_env env;
	struct config *conf;
	const struct route_self *self;
	struct loop_timer *timer; /* of the heap's first */
	struct loop_timer *spread; /* of what is fresh */
	int64_t spread_ms; /* over which; 0: nothing is being spread */
	struct loop_timer *runner; /* of the lines, when a slice was full */
	struct place_ops places;
	struct share_tree shares;
	TAILQ_HEAD(, share) telling;
	struct loop_timer *teller; /* of news */
	struct heap due;
	struct turn_list list[TURN_STATE_MAX];
	unsigned n[TURN_STATE_MAX];
	unsigned noverdue; /* sessions; they count as probing */
};

/* schedule.c: the session of the turn has come to its end. */
void turn_probed(struct turn *);

/* schedule_share.c */
/* Finds the share of its addresses of now. */
void share_join(struct turn *);
void share_leave(struct turn *); /* nothing, when there is none */
/* Nobody has its sessions together with this one. */
bool share_is_alone(const struct turn *);
/* Whether it is time for a session, which is then this one's: the last began
 * `pace_ms` ago or earlier, or somebody asked. */
bool share_begins(struct turn *, int64_t pace_ms);
void share_ended(struct turn *); /* the session, or its wait for one */
/* The member whose domains are asked for next, in turn. */
struct turn *share_next_asked(struct share *);
/* To the others, later: what the session of this one taught. */
void share_session(struct turn *, const struct primary_session *);
void share_silent(struct turn *, const struct primary_session *,
    int64_t waited_ms, unsigned intervals);
void share_tell_some(void *schedule);

/* schedule_session.c */
void probing_start(struct turn *);
void probing_cancel(struct turn *); /* nothing, when there is none */
/* Nobody hears it out any more; nothing, when the share has none. */
void probing_cancel_overdue(struct share *);
/* The one that is overdue, if any, was begun by this one. */
bool probing_is_overdue(const struct turn *);
/* The session of its share asks for nothing of this one any more. */
void probing_forget(struct turn *);

#endif
