/* SPDX-License-Identifier: ISC
 * reach_int: what reach.c (which address next, what the verdict is) and
 * reach_try.c (one connection to one address) know of each other. */
#ifndef MX_PRIMARY_REACH_INT_H
#define MX_PRIMARY_REACH_INT_H

#include "primary/reach.h"

/* States, by the event awaited. reach.c has the diagram and the edges. */
enum reach_state {
	REACH_ST_BEGIN, /* the task that begins */
	REACH_ST_CONNECT, /* the TCP connection */
	REACH_ST_HELLO, /* the greeting, EHLO; inside TLS what comes next */
	REACH_ST_TLS, /* STARTTLS was said: until the first reply inside TLS */
	REACH_ST_END,
	REACH_ST_MAX,
};

struct reach_candidate {
	struct net_addr addr;
	enum address_route route;
	bool tried; /* has had its turn, in this pass or for good */
	bool cut; /* put behind, with its full limits yet to come */
};

struct reach {
	struct reach_env env; /* with limits */
	struct route_host host;
	struct reach_policy policy; /* helo and source are in here: */
	char helo[TEXT_DOMAIN_MAX];
	struct net_addr source;
	bool literal; /* given by address: there is no name to verify */
	reach_cb *cb;
	void *arg;
	struct loop_task *begin;
	int64_t start_ns;
	enum reach_state state;

	struct reach_candidate cand[REACH_ADDRS_MAX];
	unsigned ncand, at;
	bool again; /* the second pass, over those that were cut */
	bool refused_us[2]; /* by v4, by v6 */
	unsigned tried; /* connections begun */
	struct reach_result verdict; /* the failure that came furthest */
	int verdict_rank; /* 0: none yet */

	/* The connection at hand, and what is known of its address. */
	struct conn *conn;
	struct smtp_client *client;
	struct reach_result now;
	bool in_clear; /* TLS is left out, because it failed */
	bool mute; /* TLS was silent: remembered if clear works */
	bool heard; /* a reply has come: the wait for the greeting is known */
	int64_t connect_ns; /* when it was begun */
	int64_t since_ns, late_ns; /* of what is awaited */
	int64_t heard_ns, heard_late_ns; /* see reach_silent_ns() */
};

/* ---- reach.c */
void reach_set(struct reach *, enum reach_state);
/* r->now as it is before anything was tried. */
void reach_blank(struct reach *);
/* While another address is left the one at hand has short limits. */
bool reach_has_more(const struct reach *);
/* This address has failed as r->now says; `silent`: by a limit. */
void reach_next(struct reach *, bool silent);
/* r->now is the result; OK. Ends the reach. */
void reach_done(struct reach *);

/* ---- reach_try.c */
void reach_try(struct reach *); /* the address at hand, afresh */

#endif
