/* SPDX-License-Identifier: ISC
 * clock_back: what only waits does not wait longer because the wall clock was
 * set back, by however little. Refused records wait by the monotonic clock
 * (record.c). A notification that was put off has its time in the record, by
 * the wall clock, for it outlives the process: it is moved with the clock. What
 * is told by the age of mail is counted anew. Mail that waits for its next
 * attempt is clock_doubt.c's. */
#include "relay/queue/queue_int.h"

#define BACK_MIN_MS 1000 /* less is slewing, or the two reads apart */

int64_t
queue_mono_ms(void)
{
	return clock_now() / CLOCK_MS;
}

void
clock_back_start(struct queue *q)
{
	q->clock_lead_ms = clock_wall_ms() - queue_mono_ms();
}

struct back {
	struct queue *queue;
	int64_t by_ms, now;
};

static void
back_owed(struct part *e, void *arg)
{
	const struct back *b = arg;
	int64_t due = e->due_ms - b->by_ms;

	if (e->state != PART_OWED)
		return;
	if (e->due_ms > b->now)
		part_due(e, due > b->now ? due : b->now);
	part_deadline_set(e);
}

static void
back_age(uint32_t handle, void *arg)
{
	const struct back *b = arg;
	struct part *e = parts_at(b->queue, handle);

	if (e->dest != NULL) /* not gone */
		part_count_age(e, b->now);
}

void
clock_back_tick(struct queue *q, int64_t now)
{
	int64_t lead = now - queue_mono_ms();
	int64_t back_ms = q->clock_lead_ms - lead;
	struct back back = { q, back_ms, now };
	struct dest *d;

	q->clock_lead_ms = lead;
	if (back_ms < BACK_MIN_MS)
		return;
	RB_FOREACH (d, dest_tree, &q->dests) {
		if (dest_rare(d)->nowed > 0)
			order_each(d, ORDER_KEPT, back_owed, &back);
	}
	round_begin(q, ROUND_DEADLINE); /* DEADLINE_AGAIN */
	ages_clear(&q->ages);
	btree_each(&q->parts.by_id, back_age, &back);
}
