/* SPDX-License-Identifier: ISC
 * sim_loop: net/loop.h, base/clock.h, base/rnd.h and the sink of base/log in
 * virtual time, by link-time substitution. Time stands still but between two
 * timers. Everything is a function of the seed: timers that are due together
 * fire in the order in which they were set, and the product's random numbers
 * come from a generator of its own, so that the world's do not depend on how
 * many of them the product takes. One loop at a time, one thread. */
#ifndef MX_TESTS_SIM_LOOP_H
#define MX_TESTS_SIM_LOOP_H

#include <stdint.h>

#include "base/clock.h"
#include "net/loop.h"

#define SIM_WALL_MS INT64_C(1700000000000) /* the wall clock at the start */

/* Back to the start, with the product's random numbers from this seed; all
 * timers are gone by then. */
void sim_time_reset(uint64_t seed);
/* Runs what is due until then (monotonic ns), or until sim_stop(). There is one
 * loop, which outlives a daemon: loop_destroy() looks whether he has left
 * anything behind. */
void sim_run(int64_t end);
void sim_stop(void);
/* A timer that is the world's, not the daemon's. */
struct loop_timer *sim_timer(void (*cb)(void *arg), void *arg);
uint64_t sim_loop_turns(void); /* timers and tasks run so far */

/* A small generator (splitmix64): the world's dice. */
struct dice {
	uint64_t state;
};
uint64_t dice_u64(struct dice *);
uint32_t dice_below(struct dice *, uint32_t bound);
int64_t dice_range(struct dice *, int64_t lo, int64_t hi); /* inclusive */
bool dice_percent(struct dice *, unsigned percent);
/* With that mean, exponential, at least 1. */
int64_t dice_wait(struct dice *, int64_t mean);

/* "12d03:04:05.678" of the virtual time since the start. */
const char *sim_time_text(int64_t ns);

#endif
