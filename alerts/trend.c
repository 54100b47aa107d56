/* SPDX-License-Identifier: ISC
 * trend: counters of the last hour in slots of five minutes, and a rate. */
#include "alerts/trend.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define SLOT_MS	   (TREND_WINDOW_MS / TREND_SLOTS)
#define RATE_TAU_S 60.0
#define RATE_LEAST 1e-4 /* slower is standing still */

enum { STATE_DOWN = 3 }; /* enum health_state */

static int
compare(const struct trend *a, const struct trend *b)
{
	return strcmp(a->name, b->name);
}

RB_PROTOTYPE(trend_tree, trend, link, compare)
RB_GENERATE(trend_tree, trend, link, compare)

static void
window_feed(struct trend_window *w, uint64_t count, int64_t now)
{
	/* The counter began anew, or the clock went back. */
	if (w->n > 0 && (count < w->count[0] || now < w->at[w->n - 1]))
		w->n = 0;
	if (w->n > 0 && now - w->at[w->n - 1] < SLOT_MS)
		return;
	if (w->n == TREND_SLOTS + 1) {
		memmove(w->at, w->at + 1, TREND_SLOTS * sizeof(w->at[0]));
		memmove(w->count, w->count + 1,
		    TREND_SLOTS * sizeof(w->count[0]));
		w->n--;
	}
	w->at[w->n] = now;
	w->count[w->n++] = count;
}

uint64_t
trend_delta(const struct trend_window *w, uint64_t count)
{
	return w->n > 0 ? count - w->count[0] : 0;
}

bool
trend_full(const struct trend_window *w, int64_t now)
{
	return w->n > 0 && now - w->at[0] >= TREND_WINDOW_MS - SLOT_MS;
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
		return; /* the next one will tell */
	if (r->left_ms != 0 && now > r->left_ms && left >= r->left) {
		w = 1 - exp(-dt / RATE_TAU_S);
		r->rate += w * ((double)(left - r->left) / dt - r->rate);
		if (r->rate < RATE_LEAST)
			r->rate = 0;
	}
	r->left = left;
	r->left_ms = now;
}

struct trend *
trend_feed(struct trend_tree *tree, const struct snap_domain *d, int64_t now)
{
	struct trend key, *t;

	(void)strlcpy(key.name, d->name, sizeof(key.name));
	t = RB_FIND(trend_tree, tree, &key);
	if (t == NULL) {
		t = mem_alloc(sizeof(*t));
		(void)strlcpy(t->name, d->name, sizeof(t->name));
		RB_INSERT(trend_tree, tree, t);
	}
	t->seen = true;
	window_feed(&t->down, d->count.transitions[STATE_DOWN], now);
	window_feed(&t->expired, d->count.expired, now);
	window_feed(&t->delivered, d->count.delivered, now);
	window_feed(&t->bounced, trend_bounced(d), now);
	rate_feed(t, d->count.delivered_messages, now);
	return t;
}

void
trend_forget(struct trend_tree *tree)
{
	struct trend *t, *next;

	RB_FOREACH_SAFE (t, trend_tree, tree, next) {
		if (!t->seen) {
			RB_REMOVE(trend_tree, tree, t);
			mem_free(&t);
		} else
			t->seen = false;
	}
}

void
trend_tree_free(struct trend_tree *tree)
{
	struct trend *t;

	while ((t = RB_MIN(trend_tree, tree)) != NULL) {
		RB_REMOVE(trend_tree, tree, t);
		mem_free(&t);
	}
}
