/* SPDX-License-Identifier: ISC
 * clock_step: is the wall clock to be believed? Ages and expiry need it, and it can
 * be wrong: 2038 after a boot without a battery, a typing error, a virtual
 * machine that was resumed. A clock that leaps ahead would make the mail of
 * a month expire at once. So a leap is doubted for a while, in which nothing
 * expires: somebody (NTP, the operator, a primary that answers) has the time
 * to say better. Then it is believed, for a host may really have been off.
 * Pure: the caller reads the clocks. */
#ifndef MX_QUEUE_LEAP_H
#define MX_QUEUE_LEAP_H

#include "base/defs.h"

struct clock_step {
	int64_t step_ms; /* more than that ahead is a leap; 0: believe all */
	int64_t settle_ms; /* how long it is doubted */
	/* private: */
	bool known, doubted;
	int64_t offset_ms; /* wall - monotonic, when it was believed last */
	int64_t last_ms; /* the same, when it was looked at last */
	int64_t until_ms; /* monotonic: doubted until then */
};

enum clock_step_news {
	LEAP_NONE,
	LEAP_AHEAD, /* doubted from now on, or once more */
	LEAP_BACK, /* set back: what was thought to be later than it is */
	LEAP_OVER, /* doubted long enough: believed now */
};

/* The wall clock's time when it was last believed, before this process; 0:
 * nobody knows, the first look is believed. */
void clock_step_start(struct clock_step *, int64_t wall_ms, int64_t mono_ms);
/* Look at both clocks, at least once a minute. */
enum clock_step_news
clock_step_feed(struct clock_step *, int64_t wall_ms, int64_t mono_ms);
/* How far ahead of what was believed last. */
int64_t clock_step_lead(const struct clock_step *);
/* How much longer the clock is doubted; 0: it is believed. */
int64_t clock_step_left(const struct clock_step *, int64_t mono_ms);

#endif
