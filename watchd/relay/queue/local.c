/* SPDX-License-Identifier: ISC
 * local: mail that was stored in the spool of this node while the engine of a
 * shared store was away. No other node has it, so it is delivered here whoever
 * owns its domain and whether or not shared parts may be handed out. When the
 * engine is back it is moved there, some parts at a time, and is then like any
 * other. A busy part is moved when it is back. Loop thread. */
#include "relay/queue/queue_int.h"

static const struct btree_order *
by_id(const struct queue *q)
{
	return &q->parts.order[ORDER_ID];
}

void
local_enter(struct part *e)
{
	struct dest_share *s = e->dest->share;
	struct queue *q = e->dest->queue;

	btree_insert(&s->local, by_id(q), e->handle);
	btree_insert(&q->local.all, by_id(q), e->handle);
	s->nlocal++;
	q->local.messages++;
}

void
local_leave(struct part *e)
{
	struct btree_key key = { 0, e->id };
	struct dest_share *s = e->dest->share;
	struct queue *q = e->dest->queue;

	(void)btree_remove(&s->local, by_id(q), key);
	(void)btree_remove(&q->local.all, by_id(q), key);
	s->nlocal--;
	q->local.messages--;
}

void
local_fini(struct dest *d)
{
	if (d->share != NULL)
		btree_fini(&d->share->local, by_id(d->queue));
}

/* Ids begin with the time: the first one is the oldest. */
void
local_summary(const struct dest *d, struct relay_domain *out)
{
	if (!local_any(d))
		return;
	out->local = d->share->nlocal;
	out->local_oldest_ms =
	    parts_at(d->queue, btree_min(&d->share->local))->arrival_ms;
}

void
queue_local(const struct queue *q, uint64_t *messages, int64_t *oldest_ms)
{
	*messages = q->local.messages;
	*oldest_ms = q->local.messages > 0 ?
	    parts_at(q, btree_min(&q->local.all))->arrival_ms :
	    0;
}

void
queue_holds(struct queue *q, bool yes)
{
	if (q->holds == yes)
		return;
	q->holds = yes;
	round_begin(q, ROUND_TOUCH);
}

/* ---- moving to the engine */

static void
moved(void *arg, uint64_t id, int rc)
{
	struct queue *q = arg;
	struct part *e;

	q->completions--;
	q->local.out--;
	if (q->dead) {
		queue_release(q);
		return;
	}
	e = parts_find(q, id);
	MX_ASSERT(e != NULL && e->state == PART_SAVING);
	if (rc == 0)
		part_share(e);
	if (part_is_lost(e))
		part_lose(e);
	else
		part_back(e, clock_wall_ms());
	if (q->local.walking)
		loop_task_schedule(q->task);
}

static void
move(struct part *e)
{
	struct queue *q = e->dest->queue;

	e->move = false;
	part_set(e, PART_SAVING);
	q->local.out++;
	q->completions++;
	store_move(q->store, e->id, moved, q, e->id);
}

bool
local_back(struct part *e)
{
	struct queue *q = e->dest->queue;

	if (q->local.out < LOCAL_MOVES_MAX) {
		move(e);
		return true;
	}
	/* Left to the walk, which is set back if it is past this part. */
	if (!q->local.walking || q->local.after >= e->id)
		q->local.after = e->id - 1;
	q->local.walking = true;
	loop_task_schedule(q->task);
	return false;
}

void
queue_move_local(struct queue *q)
{
	q->local.after = q->local.vault_after = 0;
	q->local.walking = true;
	loop_task_schedule(q->task);
}

void
queue_move_rest(struct queue *q)
{
	if (q->local.messages + q->local.vaulted > 0 && q->local.out == 0 &&
	    !q->local.walking)
		queue_move_local(q);
}

bool
local_step(struct queue *q)
{
	struct btree_key key = { 0, q->local.after };
	unsigned budget = WALK_STEP / 2;
	struct part *e;

	for (; q->local.walking && budget > 0; budget--) {
		if (q->local.out >= LOCAL_MOVES_MAX)
			return false;
		e = parts_at(q, btree_after(&q->local.all, by_id(q), key));
		if (e == NULL) {
			q->local.walking = vault_move_step(q, &budget);
			return q->local.walking &&
			    q->local.out < LOCAL_MOVES_MAX;
		}
		key.id = q->local.after = e->id;
		if (part_busy(e))
			e->move = true;
		else
			move(e);
	}
	return q->local.walking;
}
