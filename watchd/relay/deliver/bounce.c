/* SPDX-License-Identifier: ISC
 * bounce: takes jobs whose sender is owed a word, each as a case
 * (bounce_case.c), and gives them back. A job stays ours until its case ends,
 * so the queue cannot give it out twice. Called by daemon.c (queue_ops) and
 * work.c, on the loop thread. */
#include "relay/deliver/bounce.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "relay/deliver/bounce_int.h"

static void
bounce_retry(void *arg)
{
	struct bounce *b = arg;
	struct bounce_case *c, *next;
	int64_t now = loop_now(b->loop);
	bool more = false;

	/* queue_done() may add cases at the end; it never removes one. */
	for (c = TAILQ_FIRST(&b->cases); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->again_ns == 0)
			continue;
		if (c->again_ns > now) {
			more = true;
			continue;
		}
		TAILQ_REMOVE(&b->cases, c, link);
		queue_done(b->queue, c->job, JOB_RETURNED, NULL);
		envelope_destroy(&c->env);
		mem_free(&c);
	}
	if (more)
		loop_timer_set(b->timer, 1000);
}

struct bounce *
bounce_create(struct loop *loop, struct store *store, struct stats *stats)
{
	struct bounce *b = mem_alloc(sizeof(*b));

	b->loop = loop;
	b->store = store;
	b->stats = stats;
	b->timer = loop_timer_create(loop, bounce_retry, b);
	TAILQ_INIT(&b->cases);
	return b;
}

void
bounce_free(struct bounce *b)
{
	if (b->dead && b->accepts == 0)
		free(b);
}

/* What is under way goes back: a notification that is already on its way to
 * the disk will be sent once more, which is better than never. */
void
bounce_destroy(struct bounce **bp)
{
	struct bounce *b = *bp;
	struct bounce_case *c;

	if (b == NULL)
		return;
	*bp = NULL;
	b->dead = true;
	while ((c = TAILQ_FIRST(&b->cases)) != NULL) {
		if (c->load != 0)
			store_cancel(b->store, c->load);
		/* What was done already must not be done again. */
		if (bounce_case_brought(c)) {
			bounce_case_later(c, 0);
			continue;
		}
		TAILQ_REMOVE(&b->cases, c, link);
		queue_done(b->queue, c->job, JOB_RETURNED, NULL);
		envelope_destroy(&c->env);
		free(c);
	}
	loop_timer_destroy(&b->timer);
	config_unref(&b->conf);
	bounce_free(b);
}

void
bounce_configure(struct bounce *b, struct config *conf)
{
	bool changed = b->conf != NULL && b->conf->dsn.rate != conf->dsn.rate;

	config_unref(&b->conf);
	b->conf = config_ref(conf);
	budget_set(&b->budget, conf->dsn.rate, loop_now(b->loop));
	if (changed)
		queue_owed_again(b->queue);
}

void
bounce_queue(struct bounce *b, struct queue *queue)
{
	b->queue = queue;
}

static struct bounce_case *
case_create(struct bounce *b, struct queue_job *job, enum bounce_why why)
{
	struct bounce_case *c = mem_alloc(sizeof(*c));

	c->bounce = b;
	c->token = ++b->last_token;
	c->why = why;
	c->job = job;
	c->outcome = JOB_TRIED;
	TAILQ_INSERT_TAIL(&b->cases, c, link);
	return c;
}

void
bounce_expire(struct bounce *b, struct queue_job *job)
{
	bounce_case_load(case_create(b, job, BOUNCE_EXPIRE));
}

void
bounce_warn(struct bounce *b, struct queue_job *job, unsigned stage)
{
	struct bounce_case *c = case_create(b, job, BOUNCE_WARN);

	c->stage = stage;
	bounce_case_load(c);
}

void
bounce_finish(struct bounce *b, struct queue_job *job, enum job_outcome outcome,
    struct envelope *env)
{
	struct bounce_case *c;

	if (env == NULL || outcome == JOB_RETURNED || outcome == JOB_DAMAGED) {
		queue_done(b->queue, job, outcome,
		    outcome == JOB_RETURNED ? NULL : env);
		envelope_destroy(&env);
		return;
	}
	c = case_create(b, job, BOUNCE_FINISH);
	c->outcome = outcome;
	c->env = env;
	bounce_case_step(c, NULL);
}

unsigned
bounce_pending(const struct bounce *b)
{
	const struct bounce_case *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &b->cases, link)
		n += c->again_ns == 0;
	return n;
}
