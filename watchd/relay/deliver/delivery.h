/* SPDX-License-Identifier: ISC
 * delivery: one part in our hands, from the queue and back to it. There is one
 * struct for it, whatever is done: a transaction with a server (session.c,
 * transaction.c), a null MX (delivery.c), a notification that its sender is
 * owed (bounce.c), or both of these one after the other; and one end.
 *
 *	queue_take() --> delivery_take() --> session --> delivery_finish() --.
 *	queue_ops.expire, .warn --> delivery_create() ----------> bounce.c <-'
 *	                              delivery_end() --> queue <------'
 *
 * What was refused for good stays in our hands until its notification is
 * durable: the queue forgets recipients only afterwards. Loop thread. */
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
	DELIVERY_EXPIRE, /* its time is over, or it was given up */
	DELIVERY_WARN, /* its sender is told of the delay */
};

struct delivery {
	enum delivery_why why;
	struct queue_job *job;
	struct envelope *env; /* ours; NULL until loaded */
	uint64_t load; /* store request under way, 0 none */

	/* While a server has it. */
	struct deliver_dest *dest; /* NULL: no server has it */
	struct deliver_session *session; /* NULL: none is needed */
	/* Of the host it goes to, by the name that its domain has for it. */
	char label[TEXT_DOMAIN_MAX + 8];
	char *data; /* the beginning of the body */
	size_t len;
	int rc; /* of loading */
	bool loaded;
	uint32_t next_rcpt; /* those before it were tried in this attempt */
	unsigned decided; /* transactions of this attempt, to their end */
	uint32_t failed; /* recipients, before this attempt */
	int64_t start_ns; /* of the attempt, 0 not begun */
	bool first; /* on its connection */
	uint16_t code; /* of the last reply that decided something */
	struct smtp_status status;
	char reply[256];

	/* While its sender is owed a notification (bounce.c). */
	struct bounce *bounce;
	TAILQ_ENTRY(delivery) link;
	enum job_outcome outcome; /* with which it ends */
	enum dsn_action action; /* of the notification under way */
	unsigned stage; /* WARN */
	bool told; /* something, or it was found not to be owed */
	bool accepting; /* the queue has not called back */
	uint64_t token; /* by which it will */
	int64_t again_ns; /* when it goes back untouched; 0: not waiting */
};
TAILQ_HEAD(delivery_list, delivery);

struct delivery *delivery_create(enum delivery_why, struct queue_job *);
/* The one end: the queue has its part back, with what became of each recipient
 * in env (RETURNED: as it was). */
void delivery_end(struct queue *, struct delivery **, enum job_outcome);

#endif
