/* SPDX-License-Identifier: ISC
 * dnsbl: clients looked up in lists in the DNS (RFC 5782). One look-up is shared
 * by all sessions of a client and its result is remembered for a while, in a
 * table of bounded size. The threads that ask are its own: a flood of clients
 * keeps no delivery from its MX look-up, nor the reverse. Nobody has to wait:
 * what has not answered when it is wanted counts for nothing, and a list of
 * negative weight counts then as if it had the client. Loop thread. */
#ifndef MX_SMTPD_DNSBL_H
#define MX_SMTPD_DNSBL_H

#include <sys/queue.h>

#include "config/config.h"
#include "net/loop.h"
#include "status/snapshot.h"

struct dnsbl;
struct dnsbl_ask;

/* A session's share in the look-up of its client. */
struct dnsbl_use {
	LIST_ENTRY(dnsbl_use) link;
	struct dnsbl_ask *ask; /* under way */
	enum { DNSBL_CLEAR, DNSBL_PENDING, DNSBL_LISTED } state;
	int32_t score; /* when listed */
	char *zone; /* then: the list to name */
};

/* `known`, from the loop: it is no longer pending, or nobody is left who is worth
 * waiting for. */
struct dnsbl *dnsbl_create(struct loop *, void (*known)(struct dnsbl_use *));
void dnsbl_destroy(struct dnsbl **); /* there are no uses left */
/* All lists are tested. What is under way begins anew when anything changed. */
void dnsbl_configure(struct dnsbl *, struct config *);

/* The client's address, or another one's from now on. */
void
dnsbl_begin(struct dnsbl *, struct dnsbl_use *, const struct net_addr *client);
/* Is it still worth waiting for? */
bool dnsbl_is_awaited(const struct dnsbl_use *);
/* By what is known now; it stays so. */
void dnsbl_decide(struct dnsbl_use *);
void dnsbl_end(struct dnsbl_use *);
/* A recipient was refused because of it. */
void dnsbl_count_refusal(struct dnsbl *, const struct dnsbl_use *);

unsigned dnsbl_lists(const struct dnsbl *);
void dnsbl_show(const struct dnsbl *, struct snap_dnsbl *);

#endif
