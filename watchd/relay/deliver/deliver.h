/* SPDX-License-Identifier: ISC
 * deliver: takes parts from the queue and hands them to the domain's
 * primaries: route, connections (kept, reused, bounded), the SMTP dialogue
 * (smtp/client.h), the result of each recipient. What failed for good goes
 * through bounce.h before it leaves the queue. Loop thread only. */
#ifndef MX_DELIVER_DELIVER_H
#define MX_DELIVER_DELIVER_H

#include "config/config.h"
#include "net/conn.h"
#include "net/route.h"
#include "relay/queue/queue.h"
#include "smtp/phase.h"

struct deliver;
struct bounce;

/* What a connection to a primary taught us, for the health machine. Only
 * what says something of the primary is reported: not DNS trouble (`dns`
 * true: neutral), not a recipient's refusal. */
struct deliver_outcome {
	bool ok; /* it took a message */
	bool dns; /* the resolver failed: says nothing of the primary */
	bool self; /* we seem to be the best MX: hold and alarm */
	enum smtp_phase phase; /* of the failure */
	uint16_t code;
	const char *host; /* label, peer-independent; "" unknown */
	const char *text; /* peer text */
};

struct deliver_ops {
	void (*outcome)(void *arg, const char *domain,
	    const struct deliver_outcome *);
	void *arg;
};

struct deliver *
deliver_create(struct loop *, struct dns *, struct store *, struct queue *,
    struct bounce *, struct stats *, const struct deliver_ops *);
/* Ends all sessions; their jobs go back to the queue as JOB_RETURNED. */
void deliver_destroy(struct deliver **);
/* New settings; takes a reference. Open connections end, those that are at a
 * message after it, so that nothing goes to a primary that is none any more.
 * `self` is borrowed and must live until the next call. */
void deliver_configure(struct deliver *, struct config *,
    const struct route_self *self);
/* queue_ops.want */
void deliver_want(struct deliver *, const char *domain, unsigned connections);
/* Shutdown: take nothing more; `idle` is called when the last job is back. */
void deliver_drain(struct deliver *, void (*idle)(void *arg), void *arg);
unsigned deliver_connections(const struct deliver *);

#endif
