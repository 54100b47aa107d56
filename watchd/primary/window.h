/* SPDX-License-Identifier: ISC
 * window: how many connections one host can bear at once. After a recovery it
 * starts with a canary: one message alone, until one got through or the host
 * has answered a few properly. Then slow start, as TCP has it (RFC 5681 3.1): one
 * more for each success, so that the window doubles with each window full of
 * them, until there is trouble, a slow answer, or a ceiling. From there on
 * additive increase, one more for each window full; and multiplicative decrease,
 * half on trouble, at most once for what was under way when the trouble began.
 *
 * The ceiling is learned: a host that refuses a connection while n others
 * of ours work says that n is the most. The work goes on with n, without a
 * pause, and one more is asked for only after a while that doubles (30 s to
 * 10 min) each time the answer is the same. Pure; times are monotonic ns. */
#ifndef MX_PRIMARY_WINDOW_H
#define MX_PRIMARY_WINDOW_H

#include "base/defs.h"

#define WINDOW_START	   2 /* after the canary */
#define WINDOW_ANSWERS	   3 /* transactions without success that end it */
#define WINDOW_SLOW_FACTOR 3 /* of the baseline... */
#define WINDOW_SLOW_NS	   INT64_C(1000000000) /* ...and above this */
#define WINDOW_TRIAL_MIN   INT64_C(30000000000) /* between trials of one more */
#define WINDOW_TRIAL_MAX   INT64_C(600000000000)
#define WINDOW_DOUBT_NS	   INT64_C(1000000000) /* below the ceiling */

struct window {
	unsigned size; /* connections now: 1 .. max, and the ceiling */
	unsigned max; /* policy */
	bool slow_start;
	unsigned wins; /* successes since the last change, without slow start */
	unsigned shield; /* results of the cohort that was halved already */
	unsigned seen, slow; /* results of this cohort with a latency */
	unsigned answers; /* of a canary: without success */
	unsigned ceiling; /* learned; 0: none */
	unsigned doubts; /* refusals below the ceiling, in a row ... */
	unsigned doubt_open; /* ... beside so many */
	int64_t trial_ns; /* wait before the next trial of ceiling + 1 */
	int64_t crowded_ns; /* the ceiling was learned, or confirmed */
	int64_t grow_ns; /* no connection more than there are before that */
	int64_t baseline_ns; /* smoothed latency; 0 none yet */
	bool canary;
};

void window_init(struct window *, unsigned max);
/* The host recovered: canary first. Baseline and ceiling stay. */
void window_reset(struct window *);
void window_max_set(struct window *, unsigned max);
/* A ceiling from before: as confirmed at `at_ns`, to be tried `trial_ns` after
 * that. For a window of which nothing is known yet. */
void window_recall(struct window *, unsigned ceiling, int64_t trial_ns,
    int64_t at_ns);
/* May a connection be opened beside the `open` ones? */
bool window_room(const struct window *, unsigned open, int64_t now);
/* Has it found out what the host bears? Not behind a recovery or trouble, while
 * it grows. */
bool window_is_grown(const struct window *);
/* When window_room() may say something else by time alone; 0: never. */
int64_t window_wake(const struct window *, unsigned open, int64_t now);
/* A message got through while `open` connections stood, those that are not
 * greeted yet left out; latency 0: unknown. */
void
window_success(struct window *, unsigned open, int64_t latency_ns, int64_t now);
/* A transaction was answered to its end, and nothing was taken. */
void window_answered(struct window *);
/* 421 in a session, a lost connection, a failed connect; `out` were under way
 * then. */
void window_trouble(struct window *, unsigned out);
/* A connection that was begun at `begun_ns` was refused while `open` others stood
 * and worked. Of several that were begun together the first is the lesson. */
void
window_crowded(struct window *, unsigned open, int64_t begun_ns, int64_t now);
/* One that was begun then is greeted, and `open` stand with it: one that was on
 * its way when another one was refused had its place before that. */
void window_greeted(struct window *, unsigned open, int64_t begun_ns);

#endif
