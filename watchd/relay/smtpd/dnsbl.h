/* SPDX-License-Identifier: ISC
 * dnsbl: looks up clients in lists in the DNS (RFC 5782). One look-up is shared
 * by all sessions of a client and its result is kept for a while, in a table of
 * bounded size. The resolver threads are separate: a flood of clients does not
 * delay the MX look-ups of deliveries, nor the reverse. Waiting is bounded: a
 * list that has not answered when the result is needed counts for nothing, and
 * one of negative weight as if it had listed the client. Loop thread. */
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
	char *zone; /* the list to name then */
};

/* `known` is called from the loop when the result is there, or when all
 * outstanding lists are silent ones. */
struct dnsbl *dnsbl_create(struct loop *, void (*known)(struct dnsbl_use *));
void dnsbl_destroy(struct dnsbl **); /* there must be no uses left */
/* All lists are tested. Look-ups under way start again if anything changed. */
void dnsbl_configure(struct dnsbl *, struct config *);

/* Starts for the client's address; called again when the session becomes
 * another client's. */
void
dnsbl_begin(struct dnsbl *, struct dnsbl_use *, const struct net_addr *client);
/* Is it worth waiting for an answer? */
bool dnsbl_is_awaited(const struct dnsbl_use *);
/* Fixes the result by what is known now. */
void dnsbl_decide(struct dnsbl_use *);
void dnsbl_end(struct dnsbl_use *);
/* A recipient was refused because of this result. */
void dnsbl_count_refusal(struct dnsbl *, const struct dnsbl_use *);

unsigned dnsbl_lists(const struct dnsbl *);
void dnsbl_show(const struct dnsbl *, struct snap_dnsbl *);

#endif
