/* SPDX-License-Identifier: ISC
 * detach: domains that leave, where a store is shared (attach_int.h), one by
 * one or, when another node has our place, all at once. Their parts are dropped
 * from the index in steps; nothing is written for that. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/attach_int.h"

/* ---- leaving */

static struct leaving_list *
list_of(struct attach *a, const struct leaving *l)
{
	return l->ready ? &a->ready : &a->busy;
}

/* Ends the leaving; the task reports it. */
void
leaving_end(struct dest *d, bool kept)
{
	struct attach *a = d->queue->attach;
	struct leaving *l = d->share->leaving, *also;

	TAILQ_REMOVE(list_of(a, l), l, link);
	d->share->leaving = NULL;
	dest_touch(d);
	for (; l != NULL; l = also) {
		also = l->also;
		l->also = NULL;
		l->dest = NULL;
		l->kept = kept;
		TAILQ_INSERT_TAIL(&a->over, l, link);
	}
	loop_task_schedule(d->queue->task);
}

static struct leaving *
leaving_create(const char *domain, queue_left_cb *done, void *arg)
{
	size_t len = strlen(domain) + 1;
	struct leaving *l = mem_alloc(sizeof(*l) + len);

	memcpy(l->name, domain, len);
	l->done = done;
	l->arg = arg;
	return l;
}

void
queue_detach(struct queue *q, const char *domain, queue_left_cb *done,
    void *arg)
{
	struct leaving *l = leaving_create(domain, done, arg);
	struct dest *d = dest_find(q, domain);
	struct attach *a = q->attach;

	MX_ASSERT(q->conf.shared);
	loop_task_schedule(q->task);
	if (d == NULL || !dest_is_attached(d)) {
		TAILQ_INSERT_TAIL(&a->over, l, link);
		return;
	}
	if (d->share->leaving != NULL) {
		l->also = d->share->leaving->also;
		d->share->leaving->also = l;
		return;
	}
	l->dest = d;
	d->share->leaving = l;
	TAILQ_INSERT_TAIL(&a->busy, l, link);
	flush_end(d, !d->canary);
	d->forced = false;
	dest_touch(d);
}

/* Moves a leaving domain between the lists: ready when no part is busy. */
void
attach_settle(struct dest *d)
{
	struct attach *a = d->queue->attach;
	struct leaving *l = d->share != NULL ? d->share->leaving : NULL;

	if (l == NULL || l->ready == (d->share->nbusy == 0))
		return;
	TAILQ_REMOVE(list_of(a, l), l, link);
	l->ready = !l->ready;
	TAILQ_INSERT_TAIL(list_of(a, l), l, link);
}

/* While a removal has to be repeated no domain leaves: the next owner would
 * find the part and deliver it again. */
void
attach_unremoved(struct queue *q, int n)
{
	if (!q->conf.shared)
		return;
	q->attach->unremoved += (unsigned)n;
	loop_task_schedule(q->task);
}

/* The first shared part after the key. */
static struct part *
shared_from(struct dest *d, struct btree_key key, unsigned *budget)
{
	struct part *e = order_from(d, ORDER_ID, key);

	while (e != NULL && e->local && *budget > 0) {
		--*budget;
		e = order_after(d, ORDER_ID, part_key(e, ORDER_ID));
	}
	return e;
}

/* Drops some shared parts from the index; true: none is left. */
static bool
forget_some(struct dest *d, unsigned *budget)
{
	struct btree_key key = { 0, 0 };
	struct part *e;

	while (*budget > 0 && (e = shared_from(d, key, budget)) != NULL) {
		if (*budget == 0 || part_busy(e))
			return false;
		key = part_key(e, ORDER_ID);
		part_drop(e);
		--*budget;
	}
	return *budget > 0 && vault_leave(d, budget);
}

void
leave_some(struct queue *q, unsigned *budget)
{
	struct attach *a = q->attach;
	struct leaving *l;
	struct dest *d;

	while (*budget > 0 && a->unremoved == 0 &&
	    (l = TAILQ_FIRST(&a->ready)) != NULL) {
		d = l->dest;
		--*budget;
		if (d->share->nbusy >
		    0) { /* an operator's order has made it busy */
			attach_settle(d);
			continue;
		}
		if (!l->forgetting) {
			l->forgetting = true;
			flush_end(d, false);
			breaker_leave(d);
		}
		if (!forget_some(d, budget))
			continue;
		d->share->owned = 0;
		d->share->spoke = false;
		leaving_end(d, false);
	}
}

/* Reports ended leavings; a domain that was attached since then is reported as
 * kept. */
void
tell_some(struct queue *q)
{
	struct attach *a = q->attach;
	struct leaving *l;

	for (unsigned n = 0; n < SETTLE_STEP; n++) {
		if ((l = TAILQ_FIRST(&a->over)) == NULL)
			return;
		TAILQ_REMOVE(&a->over, l, link);
		if (l->done != NULL)
			l->done(l->arg, l->name,
			    l->kept || queue_is_attached(q, l->name));
		free(l);
	}
}

/* ---- all domains at once */

void
queue_detach_all(struct queue *q)
{
	struct attach *a = q->attach;

	MX_ASSERT(q->conf.shared);
	log_notice("queue", "event=detached_all messages=%ju",
	    (uintmax_t)q->messages);
	if (++q->owned == 0) /* 0 means no attachment */
		++q->owned;
	q->purging = true;
	a->purged = a->purged_vault = 0;
	round_begin(q, ROUND_TOUCH);
}

/* Drops a part of another node. If its domain is ours again by now, its parts
 * are read anew. */
void
part_lose(struct part *e)
{
	struct dest *d = e->dest;
	bool again = e->again && dest_is_attached(d) && !d->queue->purging;

	part_drop(e);
	if (again)
		attach_read(d);
	dest_touch(d);
}

static void
purge_one(struct part *e)
{
	if (e->state == PART_GONE || e->local)
		return;
	if (part_busy(e)) {
		e->fenced = true;
		e->again = false;
		return;
	}
	flush_end(e->dest, false);
	part_drop(e);
}

void
purge_some(struct queue *q, unsigned *budget)
{
	struct attach *a = q->attach;
	struct leaving *l;
	struct part *e;

	while (*budget > 0 &&
	    ((l = TAILQ_FIRST(&a->busy)) != NULL ||
		(l = TAILQ_FIRST(&a->ready)) != NULL)) {
		--*budget;
		leaving_end(l->dest, false);
	}
	while (*budget > 0 && (e = parts_after(q, a->purged)) != NULL) {
		a->purged = e->id;
		purge_one(e);
		--*budget;
	}
	if (*budget == 0 || !vault_purge_lost(q, &a->purged_vault, budget))
		return;
	q->purging = false;
	round_begin(q, ROUND_TOUCH);
}

void
leavings_free(struct leaving_list *list)
{
	struct leaving *l, *also;

	while ((l = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, l, link);
		for (; l != NULL; l = also) {
			also = l->also;
			if (l->dest != NULL)
				l->dest->share->leaving = NULL;
			free(l);
		}
	}
}
