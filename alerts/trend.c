/* SPDX-License-Identifier: ISC
 * trend: counters of the last hour as the points at which they moved, at most
 * one per slot of five minutes, and a rate. */
#include "alerts/trend.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "status/state.h"

#define SLOT_MS	   (TREND_WINDOW_MS / TREND_SLOTS)
#define RATE_TAU_S 60.0
#define RATE_LEAST 1e-4 /* less counts as no movement */

struct trend_point {
	int64_t slot; /* number of the slot: wall ms / SLOT_MS */
	uint64_t count; /* value at the end of the slot, or now */
};

/* Drops slots whose end was more than an hour ago. */
static void
window_age(struct trend_window *w, int64_t now)
{
	unsigned old = 0;

	while (old < w->n &&
	    now >= (w->point[old].slot + 1) * SLOT_MS + TREND_WINDOW_MS)
		old++;
	if (old == 0)
		return;
	w->before = w->point[old - 1].count;
	w->n -= old;
	memmove(w->point, w->point + old, w->n * sizeof(*w->point));
	if (w->n == 0)
		mem_free(&w->point);
}

static void
window_feed(struct trend_window *w, uint64_t count, int64_t now)
{
	struct trend_point *last = w->n > 0 ? &w->point[w->n - 1] : NULL;
	int64_t slot = now / SLOT_MS;

	/* The counter restarted, or the clock was set back. */
	if (w->since == 0 || now < w->since ||
	    count < (last != NULL ? last->count : w->before) ||
	    (last != NULL && slot < last->slot)) {
		mem_free(&w->point);
		*w = (struct trend_window){ .since = now, .before = count };
		return;
	}
	window_age(w, now);
	last = w->n > 0 ? &w->point[w->n - 1] : NULL;
	if (count == (last != NULL ? last->count : w->before))
		return;
	if (last == NULL || last->slot != slot) {
		w->point = mem_grow(w->point, w->n + 1, sizeof(*w->point));
		last = &w->point[w->n++];
		last->slot = slot;
	}
	last->count = count;
}

uint64_t
trend_delta(const struct trend_window *w, uint64_t count)
{
	return w->since != 0 ? count - w->before : 0;
}

bool
trend_full(const struct trend_window *w, int64_t now)
{
	return w->since != 0 && now - w->since >= TREND_WINDOW_MS - SLOT_MS;
}

uint64_t
trend_bounced(const struct snap_domain *d)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++)
		total += d->count.bounced[i];
	return total;
}

static void
rate_feed(struct trend *r, uint64_t left, int64_t now)
{
	double dt = (double)(now - r->left_ms) / 1e3, w;

	if (now == r->left_ms)
		return; /* the next feed will tell */
	if (r->left_ms != 0 && now > r->left_ms && left >= r->left) {
		w = 1 - exp(-dt / RATE_TAU_S);
		r->rate += w * ((double)(left - r->left) / dt - r->rate);
		if (r->rate < RATE_LEAST)
			r->rate = 0;
	}
	r->left = left;
	r->left_ms = now;
}

void
trend_feed(struct trend *t, const struct snap_domain *d, int64_t now)
{
	window_feed(&t->down, d->count.transitions[HEALTH_DOWN], now);
	window_feed(&t->expired, d->count.expired, now);
	window_feed(&t->delivered, d->count.delivered, now);
	window_feed(&t->bounced, trend_bounced(d), now);
	rate_feed(t, d->count.delivered_messages, now);
}

void
trend_forget_downs(struct trend *t)
{
	mem_free(&t->down.point);
	memset(&t->down, 0, sizeof(t->down));
}

void
trend_fini(struct trend *t)
{
	mem_free(&t->down.point);
	mem_free(&t->expired.point);
	mem_free(&t->delivered.point);
	mem_free(&t->bounced.point);
}
