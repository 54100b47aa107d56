/* SPDX-License-Identifier: ISC
 * window: how many connections a primary can bear. Additive increase,
 * multiplicative decrease: one more for each window full of successes, half
 * on trouble, at most once for what was under way when the trouble began.
 * After a gate opened it starts with a canary: one message alone, until one
 * got through. Pure. */
#ifndef MX_QUEUE_WINDOW_H
#define MX_QUEUE_WINDOW_H

#include "base/defs.h"

#define WINDOW_START	   2 /* after the canary */
#define WINDOW_SLOW_FACTOR 3 /* of the baseline... */
#define WINDOW_SLOW_NS	   INT64_C(1000000000) /* ...and above this */

struct window {
	unsigned size; /* connections now */
	unsigned max; /* policy */
	unsigned wins; /* successes since the last change */
	unsigned shield; /* results of the cohort that was halved already */
	unsigned seen, slow; /* results of this cohort with a latency */
	int64_t baseline_ns; /* smoothed latency; 0 none yet */
	bool canary;
};

void window_init(struct window *, unsigned max);
/* The gate opened, or a flush begins: canary first. The baseline stays. */
void window_reset(struct window *);
void window_max_set(struct window *, unsigned max);
/* A message got through; latency 0: unknown. */
void window_success(struct window *, int64_t latency_ns);
/* 421, a lost connection, a failed connect; `out` were under way then. */
void window_trouble(struct window *, unsigned out);

#endif
