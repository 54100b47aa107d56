/* SPDX-License-Identifier: ISC
 * round: an action for each destination, some of them in a turn, since there
 * may be as many as messages. It proceeds by name, so that destinations may
 * come and go meanwhile. A new action during a round begins the whole round
 * anew: nothing here is harmed by a repetition. Loop thread. */
#include <string.h>

#include "relay/queue/queue_int.h"

/* The first destination after that name. */
static struct dest *
round_next(const struct queue *q, const char *after)
{
	struct dest *d = RB_ROOT(&q->dests), *next = NULL;

	while (d != NULL) {
		if (strcmp(after, d->name) < 0) {
			next = d;
			d = RB_LEFT(d, link);
		} else {
			d = RB_RIGHT(d, link);
		}
	}
	return next;
}

/* Makes some owed notifications due, in ORDER_KEPT from round.at on. True:
 * there are more. */
static bool
owed_again(struct dest *d, unsigned most, unsigned *looks)
{
	struct queue *q = d->queue;
	struct part *e = order_from(d, ORDER_KEPT, q->round.at);

	for (; e != NULL && *looks < most; ++*looks) {
		q->round.at = part_key(e, ORDER_KEPT);
		if (e->state == PART_OWED) {
			part_due(e, clock_wall_ms());
			part_deadline_set(e);
		}
		e = order_after(d, ORDER_KEPT, q->round.at);
	}
	if (e != NULL)
		q->round.at = part_key(e, ORDER_KEPT);
	return e != NULL;
}

/* Returns the number of parts that it may have looked at. */
static unsigned
round_one(struct dest *d, unsigned what)
{
	struct queue *q = d->queue;
	unsigned looks = 0;

	if ((what & ROUND_POLICY) && !d->configured) {
		dest_policy(d, &q->policy);
		looks = WALK_STEP;
	}
	if (what & ROUND_DEADLINE) {
		dest_walk(d, WALK_DEADLINE);
		looks = WALK_STEP;
	}
	if (what & ROUND_DUE) {
		dest_walk(d, WALK_DUE);
		looks = WALK_STEP;
	}
	dest_touch(d);
	return d->n < looks ? d->n : looks;
}

/* The destination in which the round was interrupted, or the next one. */
static struct dest *
round_at(struct queue *q)
{
	struct dest *d = q->round.within ? dest_find(q, q->round.after) : NULL;

	if (d != NULL)
		return d;
	q->round.within = false;
	q->round.at = (struct btree_key){ INT64_MIN, 0 };
	return round_next(q, q->round.after);
}

void
round_begin(struct queue *q, unsigned what)
{
	q->round.what |= what;
	q->round.after[0] = '\0';
	q->round.within = false;
	loop_task_schedule(q->task);
}

bool
round_step(struct queue *q)
{
	unsigned left = WALK_STEP / 2, looks;
	struct dest *d;

	while (q->round.what != 0 && left > 0) {
		d = round_at(q);
		if (d == NULL) {
			q->round.what = 0;
			break;
		}
		looks = 0;
		if (!q->round.within) {
			MX_ASSERT(strlcpy(q->round.after, d->name,
				      sizeof(q->round.after)) <
			    sizeof(q->round.after));
			looks =
			    round_one(d, q->round.what) + 4; /* for itself */
		}
		if ((q->round.what & ROUND_OWED) && dest_rare(d)->nowed > 0)
			q->round.within = owed_again(d, left, &looks);
		else
			q->round.within = false;
		left -= looks < left ? looks : left;
	}
	return q->round.what != 0;
}
