/* SPDX-License-Identifier: ISC
 * trend: what a single snapshot does not tell of a domain: how much happened
 * within the last hour, and how fast mail leaves. A counter that does not move
 * costs no memory. Pure: `now` is wall ms. Alert thread. */
#ifndef MX_ALERTS_TREND_H
#define MX_ALERTS_TREND_H

#include "status/snapshot.h"

#define TREND_WINDOW_MS INT64_C(3600000)
#define TREND_SLOTS	12

/* A counter over the last hour, to within a slot of five minutes. */
struct trend_window {
	int64_t since; /* it is watched; 0: never fed */
	uint64_t before; /* what it was when the window began */
	struct trend_point *point; /* what it became within, by time */
	unsigned n;
};

struct trend {
	struct trend_window down, expired, delivered, bounced;
	uint64_t left; /* messages that left, as last seen */
	int64_t left_ms;
	double rate; /* messages a second, smoothed over a minute or so */
};

/* Brings it up to date; one that is zeroed begins here. */
void trend_feed(struct trend *, const struct snap_domain *, int64_t now);
void trend_fini(struct trend *);
/* It went down because somebody works on it: none of that counts. */
void trend_forget_downs(struct trend *);

/* The count within the window; `count` is the counter now. */
uint64_t trend_delta(const struct trend_window *, uint64_t count);
/* It covers the whole hour. */
bool trend_full(const struct trend_window *, int64_t now);
uint64_t trend_bounced(const struct snap_domain *); /* all classes */

#endif
