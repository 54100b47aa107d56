/* SPDX-License-Identifier: ISC
 * clock_step: see clock_step.h. The difference of the two clocks is constant
 * while the wall clock runs; slewing moves it a little, a step by much. */
#include "relay/queue/clock_step.h"

void
clock_step_start(struct clock_step *l, int64_t wall_ms, int64_t mono_ms)
{
	l->known = wall_ms > 0;
	l->offset_ms = l->last_ms = wall_ms - mono_ms;
}

static void
clock_step_believe(struct clock_step *l)
{
	l->known = true;
	l->doubted = false;
	l->offset_ms = l->last_ms;
}

enum clock_step_news
clock_step_feed(struct clock_step *l, int64_t wall_ms, int64_t mono_ms)
{
	int64_t now = wall_ms - mono_ms, moved = now - l->last_ms;
	bool doubted = l->doubted;

	l->last_ms = now;
	if (!l->known || l->step_ms <= 0) {
		clock_step_believe(l);
		return LEAP_NONE;
	}
	if (moved > l->step_ms) {
		l->doubted = true;
		l->until_ms = mono_ms + l->settle_ms;
		return LEAP_AHEAD;
	}
	if (!doubted) {
		clock_step_believe(l);
		return moved < -l->step_ms ? LEAP_BACK : LEAP_NONE;
	}
	if (clock_step_lead(l) <= l->step_ms) {
		clock_step_believe(l);
		return LEAP_BACK;
	}
	if (mono_ms < l->until_ms)
		return LEAP_NONE;
	clock_step_believe(l);
	return LEAP_OVER;
}

int64_t
clock_step_lead(const struct clock_step *l)
{
	return l->last_ms - l->offset_ms;
}

int64_t
clock_step_left(const struct clock_step *l, int64_t mono_ms)
{
	if (!l->doubted)
		return 0;
	return l->until_ms > mono_ms ? l->until_ms - mono_ms : 1;
}
