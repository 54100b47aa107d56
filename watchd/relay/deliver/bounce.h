/* SPDX-License-Identifier: ISC
 * bounce: the notifications that senders are owed. Expiry, permanent failure
 * and delay each give one RFC 3464 notification per part, and so does, for
 * those who asked by NOTIFY=SUCCESS, the delivery to a server without DSN
 * ("relayed", RFC 3461 5.2.2). It is stored durably BEFORE the queue forgets
 * the recipients, so that a crash can repeat but never lose it. No notification
 * for <>, for NOTIFY=NEVER, or for one of our own (ENV_DSN); each of these is
 * counted. Over the hourly rate a warning is left out; the others wait, and
 * their part with them (budget.h). Loop thread only. */
#ifndef MX_DELIVER_BOUNCE_H
#define MX_DELIVER_BOUNCE_H

#include "config/config.h"
#include "relay/queue/queue.h"

struct bounce;
struct delivery;

/* Destroy it after the deliverer and before the queue: what is not stored yet
 * goes back there. */
struct bounce *bounce_create(struct loop *, struct store *, struct stats *);
void bounce_destroy(struct bounce **);
void bounce_configure(struct bounce *, struct config *);
/* Before all others but create; the queue outlives us. */
void bounce_queue(struct bounce *, struct queue *);

/* queue_ops.expire / .warn: loads the part, stores the notification, ends the
 * job. When storing fails the job is put back to be tried again soon. */
void bounce_expire(struct bounce *, struct queue_job *);
void bounce_warn(struct bounce *, struct queue_job *, unsigned stage);

/* After an attempt: reports the recipients of env that rcpt_owes() (relayed
 * ones when nothing is pending), marks them, then ends the delivery. Consumes
 * it. At once when nothing is owed. */
void bounce_finish(struct bounce *, struct delivery **, enum job_outcome);

/* Deliveries that wait for the disk; a shutdown lets them end first. */
unsigned bounce_pending(const struct bounce *);

#endif
