/* SPDX-License-Identifier: ISC
 * part: one stored part in memory, about 190 bytes. Its state says who may
 * touch its record: a part whose record is being written is in no tree from
 * which it could be taken, so that a deliverer never loads what is about to
 * change under it. part_set() is the only place that moves a part between
 * the trees and heaps; it keeps the sums right as well. Loop thread; nothing
 * here fails. */
#include <stdlib.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"

int
part_id_cmp(const struct part *a, const struct part *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

int
part_age_cmp(const struct part *a, const struct part *b)
{
	if (a->arrival_ms != b->arrival_ms)
		return a->arrival_ms < b->arrival_ms ? -1 : 1;
	return part_id_cmp(a, b);
}

/* A part that made the breaker trip must not be the canary for ever. */
int
part_ready_cmp(const struct part *a, const struct part *b)
{
	if (a->suspect != b->suspect)
		return a->suspect ? 1 : -1;
	return part_age_cmp(a, b);
}

RB_GENERATE(age_tree, part, by_age, part_age_cmp)
RB_GENERATE(id_tree, part, by_id, part_id_cmp)
RB_GENERATE(ready_tree, part, u.ready, part_ready_cmp)

/* ENVELOPE_RCPT_MAX fits 16 bits. */
void
tally_count(const struct envelope *env, struct tally *t)
{
	const struct rcpt *r;

	*t = (struct tally){ 0 };
	for (uint32_t i = 0; i < env->nrcpts; i++) {
		r = &env->rcpts[i];
		switch ((enum rcpt_state)r->state) {
		case RCPT_PENDING:
			break;
		case RCPT_DELIVERED:
			t->delivered++;
			break;
		case RCPT_FAILED:
			t->failed[status_label(r->status.subject)]++;
			break;
		case RCPT_EXPIRED:
			t->expired++;
			break;
		}
	}
}

/* Pending after a 5xx: not believed (552 is too many recipients). */
bool
part_suspected(const struct envelope *env)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_PENDING &&
		    env->rcpts[i].code / 100 == 5 && env->rcpts[i].code != 552)
			return true;
	return false;
}

/* Into the tree for those that expire, or the other. */
static void
part_shelve(struct part *e)
{
	e->kept = e->held || e->finish;
	RB_INSERT(age_tree, e->kept ? &e->dest->kept : &e->dest->by_age, e);
}

static void
part_unshelve(struct part *e)
{
	RB_REMOVE(age_tree, e->kept ? &e->dest->kept : &e->dest->by_age, e);
}

struct part *
part_add(struct queue *q, const struct envelope *env, int64_t now)
{
	struct dest *d;
	struct part *e;

	if (idmap_get(&q->entries, env->id) != NULL)
		return NULL;
	d = dest_get(q, env->domain);
	e = mem_alloc(sizeof(*e));
	e->dest = d;
	e->id = env->id;
	e->arrival_ms = env->arrival_ms;
	e->due_ms = env->due_ms;
	e->size = env->body.len;
	e->attempts = env->attempts;
	e->warned = env->warned;
	e->held = e->held_stored = (env->flags & ENV_HELD) != 0;
	e->dsn = (env->flags & ENV_DSN) != 0;
	e->suspect = part_suspected(env);
	e->flush = d->flush_gen;
	e->pending = (uint16_t)envelope_count(env, RCPT_PENDING);
	if (e->pending < env->nrcpts) {
		e->tally = mem_alloc(sizeof(*e->tally));
		tally_count(env, e->tally);
	}
	e->age_step = (int32_t)ages_add(&q->ages, e->arrival_ms, now);
	idmap_put(&q->entries, e->id, e);
	part_shelve(e);
	RB_INSERT(id_tree, &d->by_id, e);
	d->n++;
	d->bytes += e->size;
	d->recipients += e->pending;
	q->messages++;
	e->state = PART_OUT; /* in no tree yet */
	if (e->pending == 0) {
		e->finish = envelope_owes(env);
		e->drop = !e->finish;
	}
	part_back(e, now);
	return e;
}

static void
part_leave(struct part *e)
{
	struct dest *d = e->dest;

	switch ((enum part_state)e->state) {
	case PART_WAIT:
		heap_remove(&d->wait, &e->u.wait);
		break;
	case PART_READY:
		RB_REMOVE(ready_tree, &d->ready, e);
		d->nready--;
		break;
	case PART_HELD:
		d->nheld--;
		d->idle_bytes -= e->size;
		break;
	case PART_OWED:
		d->nowed--;
		d->idle_bytes -= e->size;
		/* The flush under way did not count it (flush_start). */
		if (d->flush.running)
			e->flush = d->flush_gen;
		break;
	case PART_OUT:
	case PART_SAVING:
	case PART_GONE:
		break;
	}
}

void
part_set(struct part *e, enum part_state to)
{
	struct dest *d = e->dest;

	MX_ASSERT(e->state != PART_GONE);
	part_leave(e);
	e->state = (uint8_t)to;
	if (e->kept != (e->held || e->finish)) {
		part_unshelve(e);
		part_shelve(e);
	}
	switch (to) {
	case PART_WAIT:
		e->u.wait.slot = 0;
		heap_insert(&d->wait, &e->u.wait, e->due_ms);
		break;
	case PART_READY:
		RB_INSERT(ready_tree, &d->ready, e);
		d->nready++;
		break;
	case PART_HELD:
		d->nheld++;
		d->idle_bytes += e->size;
		break;
	case PART_OWED:
		d->nowed++;
		d->idle_bytes += e->size;
		break;
	case PART_OUT:
	case PART_SAVING:
	case PART_GONE:
		break;
	}
	part_deadline_set(e);
	dest_touch(d);
}

/* Was it there when the flush under way began, and has not had its turn? */
static bool
part_flushing(const struct part *e)
{
	return e->dest->flush.running && e->flush != e->dest->flush_gen &&
	    e->state != PART_HELD && e->state != PART_OWED;
}

/* It leaves the number of the flush without an attempt. */
static void
part_unflush(struct part *e, enum flush_result result)
{
	if (!part_flushing(e))
		return;
	flush_tried(e, result, clock_wall_ms());
	flush_settle(e->dest, true);
}

/* Where a part goes that nobody is busy with any more. A flush that began
 * while somebody was busy with it has passed it by: it is due now. */
void
part_back(struct part *e, int64_t now)
{
	if (e->finish)
		part_unflush(e, FLUSH_FAILED);
	else if (e->held && !e->drop)
		part_unflush(e, FLUSH_DEFERRED);
	else if (part_flushing(e) && e->due_ms > now)
		e->due_ms = now;
	if (e->drop)
		vault_dropped(e);
	else if (e->held != e->held_stored)
		record_held(e);
	else if (e->finish)
		part_set(e, PART_OWED);
	else if (e->held)
		part_set(e, PART_HELD);
	else if (e->due_ms <= now)
		part_set(e, PART_READY);
	else
		part_set(e, PART_WAIT);
}

/* From now on it is only a number that the store still has to forget. */
void
part_forget(struct part *e)
{
	struct dest *d = e->dest;
	struct queue *q = d->queue;

	part_unflush(e, FLUSH_FAILED);
	part_set(e, PART_GONE);
	part_unshelve(e);
	RB_REMOVE(id_tree, &d->by_id, e);
	d->n--;
	d->bytes -= e->size;
	d->recipients -= e->pending;
	q->messages--;
	ages_remove(&q->ages, e->arrival_ms, e->age_step);
	mem_free(&e->tally);
	e->dest = NULL;
}

void
part_free(struct part *e)
{
	if (e->state == PART_OUT)
		free(e->work.job);
	else if (e->state == PART_SAVING || e->state == PART_GONE)
		record_free(&e->work.save);
	free(e->tally);
	free(e);
}

int64_t
part_expiry(const struct part *e)
{
	const struct dest *d = e->dest;

	return e->arrival_ms +
	    (e->dsn ? d->queue->report_lifetime_ms : d->policy.lifetime_ms) +
	    extend_of(&d->extend, e->arrival_ms);
}

/* When somebody has to be told something. What is held neither expires nor
 * warns: a hold is the operator's word that it is to be kept, until he says
 * otherwise. A domain on hold does not expire either, but its senders hear of
 * the delay. */
int64_t
part_deadline(const struct part *e)
{
	const struct queue_policy *p = &e->dest->policy;
	int64_t at = part_expiry(e), warn;

	if (e->state == PART_OWED)
		return e->due_ms;
	if (e->state != PART_WAIT && e->state != PART_READY)
		return INT64_MAX;
	if (!e->dsn && e->warned < p->ndelay_warning) {
		warn = e->arrival_ms + p->delay_warning_ms[e->warned];
		if (warn < at)
			return warn;
	}
	return e->dest->on_hold ? INT64_MAX : at;
}

void
part_deadline_set(struct part *e)
{
	struct heap *h = &e->dest->deadlines;
	int64_t at = part_deadline(e);

	if (at == INT64_MAX)
		heap_remove(h, &e->deadline);
	else if (heap_holds(&e->deadline))
		heap_change(h, &e->deadline, at);
	else
		heap_insert(h, &e->deadline, at);
}
