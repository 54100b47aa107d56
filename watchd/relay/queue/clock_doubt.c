/* SPDX-License-Identifier: ISC
 * clock_doubt: the effects of a wall clock that leaps (clock_step.h) on the
 * queue. While the clock is doubted no deadline is executed: nothing expires
 * and no delay warning is sent; deliveries go on. When it was set back, parts
 * that wait for a time of the wrong clock are due now. The time is saved in the
 * spool every few minutes, so that a start knows how long the daemon was
 * stopped. */
#include <string.h>

#include "base/log.h"
#include "relay/le.h"
#include "relay/queue/queue_int.h"

#define CLOCK_KEY     "clock"
#define CLOCK_BYTES   8
#define CLOCK_SAVE_MS INT64_C(300000)

static int64_t
mono_ms(void)
{
	return clock_now() / CLOCK_MS;
}

static void
clock_one(void *arg, const char *key, const void *data, size_t len)
{
	int64_t *wall = arg;

	if (strcmp(key, CLOCK_KEY) == 0 && len == CLOCK_BYTES)
		*wall = (int64_t)le_get(data, CLOCK_BYTES);
}

static void
clock_saved(void *arg, uint64_t token, int rc)
{
	struct queue *q = arg;

	(void)token;
	(void)rc; /* an old time only makes a start doubt more */
	q->completions--;
	queue_release(q);
}

void
clock_doubt_save(struct queue *q, int64_t now, bool force)
{
	int64_t mono = mono_ms();
	uint8_t data[CLOCK_BYTES];

	if (q->clock_step.step_ms <= 0 ||
	    clock_step_left(&q->clock_step, mono) > 0)
		return;
	if (!force && mono < q->clock_save_ms)
		return;
	q->clock_save_ms = mono + CLOCK_SAVE_MS;
	le_put(data, (uint64_t)now, sizeof(data));
	q->completions++;
	store_state_put(q->store, CLOCK_KEY, data, sizeof(data), clock_saved, q,
	    0);
}

static void
ahead(const struct queue *q)
{
	char by[32], wait[32];

	log_error("queue",
	    "event=clock_leapt ahead=%s problem=\"nothing expires for %s\" "
	    "do=\"set the clock, if it is wrong\"",
	    text_duration_fmt(clock_step_lead(&q->clock_step), by, sizeof(by)),
	    text_duration_fmt(q->clock_step.settle_ms, wait, sizeof(wait)));
}

void
clock_doubt_tick(struct queue *q, int64_t now)
{
	switch (clock_step_feed(&q->clock_step, now, mono_ms())) {
	case LEAP_NONE:
		break;
	case LEAP_AHEAD:
		ahead(q);
		break;
	case LEAP_BACK:
		log_warn("queue", "event=clock_set_back");
		q->all_due = true;
		round_begin(q, ROUND_TOUCH);
		break;
	case LEAP_OVER:
		log_warn("queue", "event=clock_believed");
		round_begin(q, ROUND_TOUCH);
		break;
	}
	if (q->all_due && !q->loading) {
		q->all_due = false;
		round_begin(q, ROUND_DUE);
	}
	clock_doubt_save(q, now, false);
}

/* Before any message can expire. */
void
clock_doubt_load(struct queue *q)
{
	int64_t wall = 0;

	store_state_each(q->store, CLOCK_KEY, clock_one, &wall);
	clock_step_start(&q->clock_step, wall, mono_ms());
	q->clock_save_ms = mono_ms();
	clock_doubt_tick(q, clock_wall_ms());
}

int64_t
queue_clock_doubt(const struct queue *q)
{
	return clock_step_left(&q->clock_step, mono_ms());
}
