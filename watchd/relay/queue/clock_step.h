/* SPDX-License-Identifier: ISC
 * clock_step: decides whether the wall clock is trusted. Ages and expiry depend
 * on it, and it can be wrong: 2038 after a boot without a battery, a typing
 * error, a virtual machine that was resumed. A clock that leaps ahead would
 * make the mail of a month expire at once. So a leap is doubted for a while, in
 * which nothing expires, and in which NTP or the operator can correct the
 * clock. Then it is trusted, since the host may really have been off. Pure: the
 * caller reads the clocks. */
#ifndef MX_QUEUE_LEAP_H
#define MX_QUEUE_LEAP_H

#include "base/defs.h"

struct clock_step {
	int64_t step_ms; /* a larger step ahead is a leap; 0: trust all */
	int64_t settle_ms; /* how long a leap is doubted */
	/* private: */
	bool known, doubted;
	int64_t offset_ms; /* wall - monotonic, when last trusted */
	int64_t last_ms; /* wall - monotonic, at the last reading */
	int64_t until_ms; /* monotonic: end of the doubt */
};

enum clock_step_news {
	LEAP_NONE,
	LEAP_AHEAD, /* doubted from now on, or for longer */
	LEAP_BACK, /* set back: former times may be in the future */
	LEAP_OVER, /* doubted for long enough: trusted now */
};

/* Starts with the wall time at which an earlier process last trusted the clock.
 * If it is unknown (0) the first reading is trusted. */
void clock_step_start(struct clock_step *, int64_t wall_ms, int64_t mono_ms);
/* Feeds a reading of both clocks, at least once a minute. */
enum clock_step_news
clock_step_feed(struct clock_step *, int64_t wall_ms, int64_t mono_ms);
/* How far the clock is ahead of the time that was last trusted. */
int64_t clock_step_lead(const struct clock_step *);
/* Remaining time of the doubt; 0: the clock is trusted. */
int64_t clock_step_left(const struct clock_step *, int64_t mono_ms);

#endif
