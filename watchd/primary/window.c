/* SPDX-License-Identifier: ISC
 * window: see window.h. One struct window a host (host.h). A success that ends
 * a canary opens to two, so that a poisoned message as the next one does not
 * stop all others (known from Postfix with an initial concurrency of 1). */
#include "primary/window.h"

void
window_init(struct window *w, unsigned max)
{
	*w = (struct window){ .max = max > 0 ? max : 1 };
	window_reset(w);
}

/* `out` results of earlier transactions are still to come: they are
 * shielded. */
static void
window_set(struct window *w, unsigned size, unsigned out)
{
	w->size = size > 1 ? size : 1;
	w->wins = 0;
	w->seen = 0;
	w->slow = 0;
	w->shield = out;
}

void
window_reset(struct window *w)
{
	window_set(w, 1, 0);
	w->answers = 0;
	w->doubts = 0;
	w->canary = true;
	w->slow_start = true;
}

void
window_max_set(struct window *w, unsigned max)
{
	w->max = max > 0 ? max : 1;
	if (w->size > w->max)
		window_set(w, w->max, 0);
}

void
window_recall(struct window *w, unsigned ceiling, int64_t trial_ns,
    int64_t at_ns)
{
	if (ceiling >= w->max)
		return;
	w->ceiling = ceiling;
	w->trial_ns = trial_ns < WINDOW_TRIAL_MAX ? trial_ns : WINDOW_TRIAL_MAX;
	w->grow_ns = at_ns + w->trial_ns;
}

/* The present maximum: the ceiling, and one more when its trial is due. */
static unsigned
window_limit(const struct window *w, int64_t now)
{
	unsigned most = w->max;

	if (w->ceiling != 0 && w->ceiling + (now >= w->grow_ns) < most)
		most = w->ceiling + (now >= w->grow_ns);
	return most;
}

bool
window_room(const struct window *w, unsigned open, int64_t now)
{
	/* A short wait without a new one after a refusal below the ceiling. */
	if (w->doubts > 0 && now < w->grow_ns)
		return false;
	return open < w->size && open < window_limit(w, now);
}

bool
window_is_grown(const struct window *w)
{
	return !w->canary &&
	    (w->size >= w->max || (w->ceiling != 0 && w->size >= w->ceiling));
}

int64_t
window_wake(const struct window *w, unsigned open, int64_t now)
{
	return now < w->grow_ns && open < w->size && open < w->max ?
	    w->grow_ns :
	    0;
}

/* Judges a cohort when it is complete: only when all of it was slow is the host
 * itself slow. The absolute bound keeps the jitter of a fast link from
 * counting. True when the cohort was slow. */
static bool
window_latency(struct window *w, int64_t ns)
{
	bool slow, all;

	if (ns <= 0)
		return false;
	slow = w->baseline_ns > 0 && ns > WINDOW_SLOW_NS &&
	    ns / WINDOW_SLOW_FACTOR > w->baseline_ns;
	w->seen++;
	w->slow += slow;
	if (w->baseline_ns == 0)
		w->baseline_ns = ns;
	else if (!slow)
		w->baseline_ns += (ns - w->baseline_ns) / 8;
	else /* a host that stays slow sets a new baseline */
		w->baseline_ns += (ns - w->baseline_ns) / 64;
	if (w->seen < w->size)
		return false;
	all = w->slow == w->seen;
	w->seen = 0;
	w->slow = 0;
	return all;
}

/* More connections work than the ceiling: it is higher now, and the next trial
 * comes soon. */
static void
window_trial_won(struct window *w, unsigned open, int64_t now)
{
	w->ceiling = open;
	w->trial_ns = 0;
	w->grow_ns = now + WINDOW_DOUBT_NS;
	if (w->ceiling >= w->max)
		w->ceiling = 0;
}

void
window_success(struct window *w, unsigned open, int64_t latency_ns, int64_t now)
{
	bool slow = window_latency(w, latency_ns);

	if (open > w->doubt_open)
		w->doubts = 0;
	if (w->ceiling != 0 && open > w->ceiling)
		window_trial_won(w, open, now);
	if (w->canary) {
		w->canary = false;
		window_set(w, w->max < WINDOW_START ? w->max : WINDOW_START, 0);
		return;
	}
	if (w->shield > 0)
		w->shield--;
	if (slow) {
		w->slow_start = false;
		if (w->shield == 0)
			window_set(w, w->size / 2, w->size);
		return;
	}
	if (w->slow > 0)
		w->slow_start = false;
	if (!w->slow_start && ++w->wins < w->size)
		return;
	w->wins = 0;
	if (w->size >= w->max || (w->ceiling != 0 && w->size > w->ceiling))
		return;
	w->size++;
	w->seen = 0; /* the next cohort is the new window */
	w->slow = 0;
}

/* Greylisting, or refusals: the host is alive, and its next messages need not
 * go one by one for ever. */
void
window_answered(struct window *w)
{
	if (!w->canary || ++w->answers < WINDOW_ANSWERS)
		return;
	w->canary = false;
	window_set(w, w->max < WINDOW_START ? w->max : WINDOW_START, 0);
}

void
window_trouble(struct window *w, unsigned out)
{
	if (w->shield > 0) {
		w->shield--;
		return;
	}
	/* A canary that fails has not been through slow start. */
	w->slow_start = w->canary;
	window_set(w, w->size / 2, out);
}

/* The size stays one above the ceiling: the trial needs no new increase. */
static void
window_ceiling(struct window *w, unsigned open)
{
	w->ceiling = open;
	if (w->size > open + 1)
		window_set(w, open + 1, 0);
}

/* One refusal below the ceiling may be due to a connection whose end the host
 * has not yet seen: the second in a row is believed. */
void
window_crowded(struct window *w, unsigned open, int64_t begun_ns, int64_t now)
{
	if (open == 0)
		open = 1;
	if (w->ceiling != 0 && begun_ns < w->crowded_ns) {
		if (open < w->ceiling)
			window_ceiling(w, open);
		return;
	}
	w->slow_start = false;
	w->doubt_open = open;
	if (w->ceiling != 0 && open < w->ceiling && w->doubts++ == 0) {
		w->grow_ns = now + WINDOW_DOUBT_NS;
		return;
	}
	w->doubts = 0;
	w->crowded_ns = now;
	window_ceiling(w, open);
	w->trial_ns = w->trial_ns == 0 ? WINDOW_TRIAL_MIN : w->trial_ns * 2;
	if (w->trial_ns > WINDOW_TRIAL_MAX)
		w->trial_ns = WINDOW_TRIAL_MAX;
	w->grow_ns = now + w->trial_ns;
}

void
window_greeted(struct window *w, unsigned open, int64_t begun_ns)
{
	if (w->ceiling == 0 || open <= w->ceiling || begun_ns >= w->crowded_ns)
		return;
	w->ceiling = open < w->max ? open : 0;
	if (w->size <= open && w->size < w->max)
		w->size = open < w->max ? open + 1 : w->max;
}
