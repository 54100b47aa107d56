/* SPDX-License-Identifier: ISC
 * bounce_int: what bounce.c (the cases: their jobs come and go back) and
 * bounce_case.c (what is done in one) know of each other. Loop thread only. */
#ifndef MX_DELIVER_BOUNCE_INT_H
#define MX_DELIVER_BOUNCE_INT_H

#include <sys/queue.h>

#include "relay/deliver/bounce.h"
#include "relay/deliver/budget.h"
#include "relay/deliver/dsn.h"
#include "relay/store/store.h"

enum bounce_why { BOUNCE_EXPIRE, BOUNCE_WARN, BOUNCE_FINISH };

struct bounce_case {
	TAILQ_ENTRY(bounce_case) link;
	struct bounce *bounce;
	uint64_t token;
	enum bounce_why why;
	struct queue_job *job;
	struct envelope *env; /* NULL until loaded (expire, warn) */
	enum dsn_action action; /* under way */
	enum job_outcome outcome; /* expire, finish */
	unsigned stage; /* warn */
	bool told; /* something, or it was found not to be owed */
	uint64_t load; /* store request, 0 none */
	bool accepting; /* queue_commit() has not called back */
	int64_t again_ns; /* when the job goes back; 0: not waiting */
};
TAILQ_HEAD(case_list, bounce_case);

struct bounce {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue *queue;
	struct config *conf;
	struct case_list cases;
	struct loop_timer *timer; /* for cases that wait with again_ns */
	uint64_t last_token;
	struct budget budget;
	bool dead; /* destroyed; lives until the last accept is back */
	unsigned accepts;
};

void bounce_free(struct bounce *); /* dead, and nobody calls back any more */

/* Reads the part; goes on with bounce_case_step(). */
void bounce_case_load(struct bounce_case *);
/* Goes on with what is owed next, or ends the case. `l` is the original, NULL
 * when it has not been read: where nothing is to be written nothing needs to
 * be read. */
void bounce_case_step(struct bounce_case *, const struct store_loaded *l);
/* Ends the case; what is still owed has to wait. */
void bounce_case_later(struct bounce_case *, int64_t wait_ms);
/* Is there something new that has to be written down? */
bool bounce_case_brought(const struct bounce_case *);

#endif
