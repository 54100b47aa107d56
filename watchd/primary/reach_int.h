/* SPDX-License-Identifier: ISC
 * reach_int: what reach.c (which address next, what the verdict is) and
 * reach_try.c (one connection to one address) know of each other. */
#ifndef MX_PRIMARY_REACH_INT_H
#define MX_PRIMARY_REACH_INT_H

#include "primary/reach.h"

/* States, by the event awaited. reach.c has the diagram and the edges. */
enum reach_state {
	REACH_ST_BEGIN, /* the task that starts it */
	REACH_ST_CONNECT, /* the TCP connection */
	REACH_ST_HELLO, /* the greeting, EHLO; the first reply inside TLS */
	REACH_ST_TLS, /* from STARTTLS until the first reply inside TLS */
	REACH_ST_END,
	REACH_ST_MAX,
};

struct reach_candidate {
	struct net_addr addr;
	enum address_route route;
	bool tried; /* has been tried, in this pass or for good */
	bool cut; /* cut short; to be tried again with full limits */
};

struct reach {
	struct reach_env env; /* with limits */
	struct route_host host;
	/* with its own copies of helo and source: */
	struct reach_policy policy;
	char helo[TEXT_DOMAIN_MAX];
	struct net_addr source;
	bool literal; /* host given as an address: no name to verify */
	reach_cb *cb;
	void *arg;
	struct loop_task *begin;
	int64_t start_ns;
	enum reach_state state;

	struct reach_candidate cand[REACH_ADDRS_MAX];
	unsigned ncand, at;
	bool again; /* the second pass, over those that were cut short */
	bool refused_us[2]; /* by v4, by v6: refused because of who we are */
	unsigned tried; /* connections begun */
	struct reach_result verdict; /* the failure in the furthest phase */
	int verdict_rank; /* 0: none yet */

	/* The current connection, and the memory of its address. */
	struct conn *conn;
	struct smtp_client *client;
	struct reach_result now;
	bool in_clear; /* TLS is left out because it failed */
	bool mute; /* TLS was silent: recorded if clear works */
	bool heard; /* a reply has come, so the time to the greeting is known */
	int64_t connect_ns; /* start of the connect */
	int64_t since_ns, late_ns; /* start of the current wait */
	int64_t heard_ns, heard_late_ns; /* see reach_silent_ns() */
};

/* ---- reach.c */
void reach_set(struct reach *, enum reach_state);
/* Resets r->now to its state before any try. */
void reach_blank(struct reach *);
/* True while another address is left: the current one has short limits. */
bool reach_has_more(const struct reach *);
/* The current address has failed as r->now says; `silent`: by a time-out. */
void reach_next(struct reach *, bool silent);
/* r->now is a success and the result. Ends the reach. */
void reach_done(struct reach *);

/* ---- reach_try.c */
void reach_try(struct reach *); /* the current address, anew */

#endif
