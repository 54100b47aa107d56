/* SPDX-License-Identifier: ISC
 * window: the number of connections that one host can take at once. After a
 * recovery it starts with a canary: one message alone, until one got through or
 * the host has answered a few properly. Then slow start as in TCP (RFC 5681
 * 3.1): one more for each success, so that the window doubles with each window
 * of successes, until there is trouble, a slow answer, or a ceiling. From then
 * on additive increase, one more for each window; and multiplicative decrease,
 * half on trouble, at most once for the deliveries that were under way when the
 * trouble began.
 *
 * The ceiling is learned: a host that refuses a connection while n others of
 * ours work shows that n is the most. Deliveries go on with n, without a pause,
 * and one more is tried only after a wait that doubles (30 s to 10 min) each
 * time the answer is the same. Pure; times are monotonic ns. */
#ifndef MX_PRIMARY_WINDOW_H
#define MX_PRIMARY_WINDOW_H

#include "base/defs.h"

#define WINDOW_START	   2 /* after the canary */
#define WINDOW_ANSWERS	   3 /* unsuccessful transactions that end it */
#define WINDOW_SLOW_FACTOR 3 /* of the baseline... */
#define WINDOW_SLOW_NS	   INT64_C(1000000000) /* ...and above this */
#define WINDOW_TRIAL_MIN   INT64_C(30000000000) /* between trials of one more */
#define WINDOW_TRIAL_MAX   INT64_C(600000000000)
#define WINDOW_DOUBT_NS	   INT64_C(1000000000) /* wait below the ceiling */

struct window {
	unsigned size; /* connections allowed now: 1 .. max; see ceiling */
	unsigned max; /* by policy */
	bool slow_start;
	unsigned wins; /* successes since the last increase, after slow start */
	/* results to come of the cohort that was halved already */
	unsigned shield;
	/* results of this cohort that had a latency; slow ones */
	unsigned seen, slow;
	unsigned answers; /* answers to a canary without success */
	unsigned ceiling; /* learned; 0: none */
	unsigned doubts; /* refusals below the ceiling, in a row ... */
	unsigned doubt_open; /* ... with this many connections */
	int64_t trial_ns; /* wait before ceiling + 1 is tried */
	int64_t crowded_ns; /* when the ceiling was learned or confirmed */
	int64_t grow_ns; /* no additional connection before this */
	int64_t baseline_ns; /* smoothed latency; 0 none yet */
	bool canary;
};

void window_init(struct window *, unsigned max);
/* The host recovered: starts with a canary. Baseline and ceiling stay. */
void window_reset(struct window *);
void window_max_set(struct window *, unsigned max);
/* Restores a ceiling as confirmed at `at_ns`, to be tried `trial_ns` after
 * that. For a new window only. */
void window_recall(struct window *, unsigned ceiling, int64_t trial_ns,
    int64_t at_ns);
/* May a connection be opened beside the `open` ones? */
bool window_room(const struct window *, unsigned open, int64_t now);
/* Has it reached its maximum or ceiling? False after a recovery or trouble,
 * while it grows. */
bool window_is_grown(const struct window *);
/* When window_room() may change by time alone; 0: never. */
int64_t window_wake(const struct window *, unsigned open, int64_t now);
/* A message got through while `open` connections existed, not counting those
 * that are not greeted yet; latency 0: unknown. */
void
window_success(struct window *, unsigned open, int64_t latency_ns, int64_t now);
/* A transaction was answered to its end without a success. */
void window_answered(struct window *);
/* 421 in a session, a lost connection, or a failed connect; `out` deliveries
 * were under way then. */
void window_trouble(struct window *, unsigned out);
/* A connection that began at `begun_ns` was refused while `open` others worked.
 * Of several that began together only the first counts. */
void
window_crowded(struct window *, unsigned open, int64_t begun_ns, int64_t now);
/* A connection that began at `begun_ns` was greeted, and makes `open` together
 * with the others. If it began before the refusal that taught the ceiling, it
 * shows that the host takes `open`. */
void window_greeted(struct window *, unsigned open, int64_t begun_ns);

#endif
