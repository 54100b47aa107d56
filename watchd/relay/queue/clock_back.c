/* SPDX-License-Identifier: ISC
 * clock_back: corrects times that only measure a wait, when the wall clock was
 * set back, by however little. Records that the store refused wait by the
 * monotonic clock (record.c). A postponed notification has its time in the
 * record, by the wall clock, since it outlives the process: that time is moved
 * back with the clock. Messages are counted anew by their age. Both need a walk
 * over all parts, some of them in a turn; each part notes the clock by which
 * its time was set and the ring that counts its age, so that none is moved or
 * counted twice, even if parts come and go meanwhile or the clock is set back
 * again. clock_doubt.c handles mail that waits for its next attempt. */
#include "relay/queue/queue_int.h"

#define BACK_MIN_MS 1000 /* less is slewing, or lies between the two reads */

int64_t
queue_mono_ms(void)
{
	return clock_now() / CLOCK_MS;
}

void
clock_back_start(struct queue *q)
{
	q->back.lead_ms = clock_wall_ms() - queue_mono_ms();
}

void
clock_back_fini(struct queue *q)
{
	if (q->back.walking)
		ages_fini(&q->back.ages);
}

/* ---- one part */

/* Moves the time of a postponed notification (`finish`, also while its record
 * is being written) back with the clock. Other times stay. */
static void
due_again(struct part *e, int64_t now)
{
	const struct clock_back *b = &e->dest->queue->back;
	int64_t due = e->due_ms - (b->by_ms - b->from_ms[e->clock]);

	if (e->clock == b->clock)
		return;
	if (!e->finish || e->due_ms <= now)
		due = e->due_ms;
	else if (due < now)
		due = now;
	part_due(e, due);
	if (e->state != PART_OWED)
		return;
	part_deadline_set(e);
	dest_touch(e->dest);
}

static void
part_again(struct part *e, int64_t now)
{
	if (e->dest == NULL) /* gone, and counted nowhere */
		return;
	due_again(e, now);
	if (e->ring != e->dest->queue->back.ring)
		part_recount_age(e, now);
}

/* ---- all parts */

/* New parts are counted in the new ring, and parts that leave are subtracted
 * from the ring that counted them, so that the former ring is empty at the
 * end. */
static void
walk_begin(struct queue *q)
{
	struct clock_back *b = &q->back;

	b->ages = q->ages;
	ages_init(&q->ages);
	b->ring ^= 1;
	b->after = 0;
	b->walking = true;
	b->again = false;
	loop_task_schedule(q->task);
}

static void
walk_end(struct queue *q)
{
	struct clock_back *b = &q->back;

	MX_ASSERT(b->ages.total == 0);
	ages_fini(&b->ages);
	b->walking = false;
	if (b->again)
		walk_begin(q);
	else
		b->before = 0;
}

bool
clock_back_step(struct queue *q)
{
	struct clock_back *b = &q->back;
	int64_t now = clock_wall_ms();
	struct part *e;

	for (unsigned n = 0; b->walking && n < WALK_STEP / 2; n++) {
		e = parts_after(q, b->after);
		if (e == NULL) {
			walk_end(q);
			continue;
		}
		b->after = e->id;
		part_again(e, now);
	}
	return b->walking;
}

/* Begins a new clock. If all CLOCKS are in use it takes the place of the
 * present one, whose times will then be late by this step. */
static void
set_back(struct clock_back *b, int64_t by_ms)
{
	b->by_ms += by_ms;
	if (b->before + 1 < CLOCKS) {
		b->before++;
		b->clock = (b->clock + 1) % CLOCKS;
	}
	b->from_ms[b->clock] = b->by_ms;
}

void
clock_back_tick(struct queue *q, int64_t now)
{
	struct clock_back *b = &q->back;
	int64_t lead = now - queue_mono_ms();
	int64_t by_ms = b->lead_ms - lead;

	b->lead_ms = lead;
	if (by_ms < BACK_MIN_MS)
		return;
	set_back(b, by_ms);
	round_begin(q, ROUND_DEADLINE); /* for those put off (DEADLINE_AGAIN) */
	if (b->walking)
		b->again = true;
	else
		walk_begin(q);
}
