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

static void
back_owed(struct dest *d, int64_t back_ms, int64_t now)
{
	struct part *e;

	if (d->nowed == 0)
		return;
	RB_FOREACH (e, age_tree, &d->kept) {
		if (e->state != PART_OWED)
			continue;
		if (e->due_ms > now)
			e->due_ms = e->due_ms - back_ms > now ?
			    e->due_ms - back_ms :
			    now;
		part_deadline_set(e);
	}
}

static void
back_age(uint64_t id, void *value, void *arg)
{
	struct part *e = value;
	const int64_t *now = arg;

	(void)id;
	if (e->dest != NULL) /* not gone */
		e->age_step = (int32_t)ages_add(&e->dest->queue->ages,
		    e->arrival_ms, *now);
}

void
clock_back_tick(struct queue *q, int64_t now)
{
	int64_t lead = now - queue_mono_ms();
	int64_t back_ms = q->clock_lead_ms - lead;
	struct dest *d;

	q->clock_lead_ms = lead;
	if (back_ms < BACK_MIN_MS)
		return;
	RB_FOREACH (d, dest_tree, &q->dests) {
		back_owed(d, back_ms, now);
		dest_walk(d, WALK_DEADLINE); /* DEADLINE_AGAIN */
	}
	ages_clear(&q->ages);
	idmap_each(&q->entries, back_age, &now);
}
