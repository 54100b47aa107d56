/* SPDX-License-Identifier: ISC
 * window: see window.h. One struct window a destination, fed by queue_done()
 * and queue_connect_failed(). A success that ends a canary opens to two, so
 * that a poisoned message met next does not stop all others (Postfix learned
 * that of an initial concurrency of 1). */
#include "primary/window.h"

void
window_init(struct window *w, unsigned max)
{
	*w = (struct window){ .max = max > 0 ? max : 1 };
	window_reset(w);
}

void
window_reset(struct window *w)
{
	w->size = 1;
	w->wins = 0;
	w->shield = 0;
	w->seen = 0;
	w->slow = 0;
	w->canary = true;
}

/* `out` results are still to come from before: they are no new lesson. */
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
window_max_set(struct window *w, unsigned max)
{
	w->max = max > 0 ? max : 1;
	if (w->size > w->max)
		window_set(w, w->max, 0);
}

/* Judges a cohort when it is complete: only when all of it was slow is the
 * primary itself slow. The absolute bound keeps the jitter of a fast link
 * from counting. True when the cohort was slow. */
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
	else /* a primary that stays slow becomes the new normal */
		w->baseline_ns += (ns - w->baseline_ns) / 64;
	if (w->seen < w->size)
		return false;
	all = w->slow == w->seen;
	w->seen = 0;
	w->slow = 0;
	return all;
}

void
window_success(struct window *w, int64_t latency_ns)
{
	bool slow = window_latency(w, latency_ns);

	if (w->canary) {
		w->canary = false;
		window_set(w, w->max < WINDOW_START ? w->max : WINDOW_START, 0);
		return;
	}
	if (w->shield > 0)
		w->shield--;
	if (slow) {
		if (w->shield == 0)
			window_set(w, w->size / 2, w->size);
		return;
	}
	if (++w->wins < w->size)
		return;
	w->wins = 0;
	if (w->size == w->max)
		return;
	w->size++;
	w->seen = 0; /* the next cohort is the new window */
	w->slow = 0;
}

void
window_trouble(struct window *w, unsigned out)
{
	if (w->shield > 0) {
		w->shield--;
		return;
	}
	window_set(w, w->size / 2, out);
}
