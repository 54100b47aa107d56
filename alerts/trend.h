/* SPDX-License-Identifier: ISC
 * trend: data about a domain beyond a single snapshot: counts within the last
 * hour, and the drain rate. A counter that does not move costs no memory. Pure:
 * `now` is wall ms. Alert thread. */
#ifndef MX_ALERTS_TREND_H
#define MX_ALERTS_TREND_H

#include "status/snapshot.h"

#define TREND_WINDOW_MS INT64_C(3600000)
#define TREND_SLOTS	12

/* A counter over the last hour, to within a slot of five minutes. */
struct trend_window {
	int64_t since; /* watched since; 0: never fed */
	uint64_t before; /* value at the start of the window */
	struct trend_point *point; /* values within it, by time */
	unsigned n;
};

struct trend {
	struct trend_window down, expired, delivered, bounced;
	uint64_t left; /* messages that left, as last seen */
	int64_t left_ms;
	double rate; /* messages a second, smoothed over a minute or so */
};

/* Updates it; a zeroed one begins here. */
void trend_feed(struct trend *, const struct snap_domain *, int64_t now);
void trend_fini(struct trend *);
/* It went down during maintenance: those downs do not count. */
void trend_forget_downs(struct trend *);

/* The count within the window; `count` is the counter now. */
uint64_t trend_delta(const struct trend_window *, uint64_t count);
/* It covers a full hour. */
bool trend_full(const struct trend_window *, int64_t now);
uint64_t trend_bounced(const struct snap_domain *); /* all classes */

#endif
