/* SPDX-License-Identifier: ISC
 * schedule: the one timer of the queue. Destinations are in a heap by their
 * next due time; each turn of the timer does a bounded amount of work and is
 * set again at once if there is more, so that a million due parts never block
 * the SMTP sessions. */
#include "relay/queue/queue_int.h"

/* Makes parts ready whose retry time has come. */
static void
schedule_due(struct dest *d, unsigned *budget, int64_t now)
{
	struct part *e;

	while (*budget > 0 && (e = order_min(d, ORDER_WAIT)) != NULL &&
	    e->due_ms <= now) {
		part_set(e, PART_READY);
		--*budget;
	}
}

/* The last stage whose time has come: one notification, not one for each stage
 * that passed while the daemon was not running. */
static unsigned
warn_stage(const struct part *e, int64_t now)
{
	const struct queue_policy *p = e->dest->policy;
	unsigned stage = e->warned;

	while (stage + 1 < p->ndelay_warning &&
	    e->arrival_ms + p->delay_warning_ms[stage + 1] <= now)
		stage++;
	return stage;
}

static void
schedule_notify(struct part *e, int64_t now)
{
	struct queue *q = e->dest->queue;
	bool expired =
	    e->finish || (part_expiry(e) <= now && !e->dest->on_hold);
	struct job *job;

	q->deadline_out++;
	job = job_create(e, expired ? JOB_EXPIRE : JOB_WARN);
	if (expired)
		q->ops.expire(q->ops.arg, &job->pub);
	else
		q->ops.warn(q->ops.arg, &job->pub, warn_stage(e, now));
}

/* A deadline may be too early after a lifetime was extended: it is corrected
 * here. */
static void
schedule_deadlines(struct dest *d, unsigned *budget, int64_t now)
{
	struct queue *q = d->queue;
	struct part *e;

	while (*budget > 0 && q->deadline_out < DEADLINE_JOBS &&
	    (e = dest_deadline(d)) != NULL && e->deadline_ms <= now) {
		if (!e->finish && q->clock_step.doubted)
			break;
		if (part_deadline(e) > now)
			part_deadline_set(e);
		else
			schedule_notify(e, now);
		--*budget;
	}
}

/* Does some of a walk over all parts, oldest first. */
void
dest_walk_some(struct dest *d, struct dest_walk *w, unsigned *budget,
    int64_t now)
{
	struct btree_key key = w->at;
	struct part *e;

	if (w->what == 0)
		return;
	e = order_from(d, ORDER_AGE, key);
	for (; e != NULL && *budget > 0; --*budget) {
		key = part_key(e, ORDER_AGE);
		if ((w->what & WALK_DUE) && e->state == PART_WAIT) {
			part_set(e, PART_READY); /* before its key changes */
			part_due(e, now);
		} else if (w->what & WALK_DEADLINE) {
			part_deadline_set(e);
		}
		e = order_after(d, ORDER_AGE, key);
	}
	if (e == NULL)
		w->what = 0;
	else
		w->at = part_key(e, ORDER_AGE);
}

void
schedule_arm(struct queue *q)
{
	const struct heap_node *n = heap_min(&q->times);
	const struct heap_node *r = heap_min(&q->retries);
	int64_t now = clock_wall_ms(), delay = TICK_MAX_MS;
	int64_t mono = queue_mono_ms();
	int64_t tick = q->tick_ms - mono; /* re-arming does not postpone it */
	int64_t doubt = queue_clock_doubt(q);

	if (tick < delay)
		delay = tick;
	if (doubt > 0 && doubt < delay)
		delay = doubt;
	if (n != NULL && n->key - now < delay)
		delay = n->key - now;
	if (r != NULL && r->key - mono < delay)
		delay = r->key - mono;
	if (q->vault.bytes > q->vault.size)
		delay = 0;
	if (q->vault_ms != 0 && q->vault_ms - now < delay)
		delay = q->vault_ms - now;
	loop_timer_set(q->timer, delay > 0 ? delay : 0);
}

void
schedule_tick(void *arg)
{
	struct queue *q = arg;
	struct heap_node *n;
	struct dest *d;
	int64_t now = clock_wall_ms();
	unsigned budget = WALK_STEP;

	q->tick_ms = queue_mono_ms() + TICK_MAX_MS;
	clock_back_tick(q, now);
	clock_doubt_tick(q, now);
	record_again(q, queue_mono_ms());
	while (
	    budget > 0 && (n = heap_min(&q->times)) != NULL && n->key <= now) {
		d = HEAP_ENTRY(n, struct dest, time);
		budget--;
		schedule_due(d, &budget, now);
		schedule_deadlines(d, &budget, now);
		if (d->rare != NULL)
			dest_walk_some(d, &d->rare->walk, &budget, now);
		/* Removed; the task enters it with its next time. */
		heap_remove(&q->times, &d->time);
		dest_touch(d);
	}
	breaker_save(q, now, false);
	q->vault_ms = vault_tick(q, now);
	loop_task_schedule(q->task);
}
