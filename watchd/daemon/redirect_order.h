/* SPDX-License-Identifier: ISC
 * redirect_order: an operator's order of a redirect, until it is answered. It
 * is refused, or judged with doubts: what may keep the mail from arriving at
 * the new hosts, but is no reason not to do it. Names are looked up one after
 * the other, for five seconds at most, because in an outage the resolver may
 * fail, too. Loop thread. */
#ifndef MX_DAEMON_REDIRECT_ORDER_H
#define MX_DAEMON_REDIRECT_ORDER_H

#include "config/redirect.h"
#include "daemon/daemon_int.h"

struct redirect_order {
	uint64_t id;
	struct daemon *daemon;
	char domain[TEXT_DOMAIN_MAX];
	struct redirect *redirect; /* NULL: the redirect of the domain ends */
	bool dry; /* judge it only */
	bool stored; /* it has to be in force next */
	size_t host; /* being looked up */
	struct route_req *lookup;
	struct loop_timer *limit; /* of all look-ups */
	struct strlist doubts;
	struct mx_errbuf eb; /* why it is refused */
	void (*judged)(struct redirect_order *, int rc);
	control_redirected_cb *done;
	void *ticket;
	struct redirect_order *next;
};

/* Calls `judged`, in this call or later: 0; -MX_ESYNTAX or -MX_ENOENT, refused
 * for the reason in eb. */
void redirect_order_judge(struct redirect_order *);
void redirect_order_free(struct redirect_order **);

#endif
