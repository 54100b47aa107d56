/* SPDX-License-Identifier: ISC
 * fake_loop: net/loop.h, base/clock.h and base/rnd.h for tests, by link-time
 * substitution: time stands still until the test moves it, timers and tasks run
 * in a fixed order, and chance is the same in each run. Link fake_loop.c instead
 * of libmx_net.a; nothing here sleeps. */
#ifndef MX_TESTS_FAKE_LOOP_H
#define MX_TESTS_FAKE_LOOP_H

#include <stdint.h>

#include "net/loop.h"

#define FAKE_WALL_MS INT64_C(1700000000000) /* the wall clock at the start */

/* Back to the start; all loops are destroyed by then. */
void fake_time_reset(void);
void fake_time_step(int64_t wall_ms); /* sets the wall clock only */
/* Runs tasks and due timers until nothing is due now. */
void fake_loop_settle(struct loop *);
bool fake_loop_running(void); /* is this called from it? */
/* From now on the loop has been late for so much more (loop_late_ns()). */
void fake_loop_late(int64_t ms);
/* Moves both clocks on, timer by timer. */
void fake_loop_advance(struct loop *, int64_t ms);

#endif
