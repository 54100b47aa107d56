/* SPDX-License-Identifier: ISC
 * delivery: one part, from the queue and back to it. There is one struct for
 * every kind of work: a transaction with a server (session.c, transaction.c), a
 * null MX (delivery.c), a notification to the sender (bounce.c), or the first
 * of these and then the last; and one end.
 *
 *	queue_take() --> delivery_take() --> session --> delivery_finish() --.
 *	queue_ops.expire, .warn --> delivery_create() ----------> bounce.c <-'
 *	                              delivery_end() --> queue <------'
 *
 * A permanent failure is kept here until its notification is durable: only then
 * does the queue forget the recipients. Loop thread. */
#ifndef MX_DELIVER_DELIVERY_H
#define MX_DELIVER_DELIVERY_H

#include <sys/queue.h>

#include "relay/deliver/dsn.h"
#include "relay/queue/queue.h"
#include "relay/store/store.h"

struct bounce;
struct deliver_dest;
struct deliver_session;

enum delivery_why {
	DELIVERY_SEND, /* to a server */
	DELIVERY_EXPIRE, /* expired, or given up by an operator */
	DELIVERY_WARN, /* the sender is to be told of the delay */
};

struct delivery {
	enum delivery_why why;
	struct queue_job *job;
	struct envelope *env; /* owned; NULL until loaded */
	uint64_t load; /* store request under way, 0 none */

	/* During an attempt: */
	struct deliver_dest *dest; /* NULL: no attempt */
	struct deliver_session *session; /* NULL: none is needed */
	/* The host, by its name in the domain's route. */
	char label[TEXT_DOMAIN_MAX + 8];
	char *data; /* the beginning of the body */
	size_t len;
	int rc; /* of the load request */
	bool loaded;
	uint32_t next_rcpt; /* index after those tried in this attempt */
	unsigned decided; /* transactions of this attempt that were answered */
	uint32_t failed; /* failed recipients before this attempt */
	int64_t start_ns; /* start of the attempt, 0 not begun */
	bool first; /* first message of its connection */
	uint16_t code; /* of the last reply that decided something */
	struct smtp_status status;
	char reply[256];

	/* While a notification is due to its sender (bounce.c): */
	struct bounce *bounce;
	TAILQ_ENTRY(delivery) link;
	enum job_outcome outcome; /* outcome with which it will end */
	enum dsn_action action; /* of the notification under way */
	unsigned stage; /* WARN */
	bool told; /* a notification was stored, or found not to be due */
	bool accepting; /* queue_commit() is under way */
	uint64_t token; /* token of that commit */
	int64_t again_ns; /* when it goes back untouched; 0: not waiting */
};
TAILQ_HEAD(delivery_list, delivery);

struct delivery *delivery_create(enum delivery_why, struct queue_job *);
/* The only end: gives the part back to the queue, with the result of each
 * recipient in env (RETURNED: unchanged). */
void delivery_end(struct queue *, struct delivery **, enum job_outcome);

#endif
