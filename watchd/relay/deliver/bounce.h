/* SPDX-License-Identifier: ISC
 * bounce: the delivery status notifications due to senders. Expiry, permanent
 * failure and delay each give one RFC 3464 notification per part; with
 * NOTIFY=SUCCESS so does the delivery to a server without DSN ("relayed", RFC
 * 3461 5.2.2). A notification is stored durably BEFORE the queue forgets the
 * recipients, so that a crash can repeat but never lose it. There is none for
 * <>, for NOTIFY=NEVER, or for one of our own (ENV_DSN); each of these is
 * counted. Above the hourly rate a warning is left out; the others wait, and so
 * does their part (budget.h). Loop thread only. */
#ifndef MX_DELIVER_BOUNCE_H
#define MX_DELIVER_BOUNCE_H

#include "config/config.h"
#include "relay/queue/queue.h"

struct bounce;
struct delivery;

/* To be destroyed after the deliverer and before the queue: deliveries whose
 * notification is not stored yet go back to the queue. */
struct bounce *bounce_create(struct loop *, struct store *, struct stats *);
void bounce_destroy(struct bounce **);
void bounce_configure(struct bounce *, struct config *);
/* To be called first, after create; the queue outlives the bounce module. */
void bounce_queue(struct bounce *, struct queue *);

/* queue_ops.expire / .warn: loads the part, stores the notification, ends the
 * job. If storing fails the job is retried soon. */
void bounce_expire(struct bounce *, struct queue_job *);
void bounce_warn(struct bounce *, struct queue_job *, unsigned stage);

/* After an attempt: reports the recipients of env for which rcpt_owes() is true
 * (relayed ones when none is pending), marks them, then ends the delivery.
 * Consumes it. Ends it at once when nothing is to be reported. */
void bounce_finish(struct bounce *, struct delivery **, enum job_outcome);

/* Number of deliveries that wait for the disk; a shutdown lets them end
 * first. */
unsigned bounce_pending(const struct bounce *);

#endif
