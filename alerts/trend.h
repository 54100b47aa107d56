/* SPDX-License-Identifier: ISC
 * trend: what a single snapshot does not tell of a domain: how much happened
 * within the last hour, and how fast mail leaves. Pure: `now` is wall ms.
 * Alert thread. */
#ifndef MX_ALERTS_TREND_H
#define MX_ALERTS_TREND_H

#include <sys/tree.h>

#include "status/snapshot.h"

#define TREND_WINDOW_MS INT64_C(3600000)
#define TREND_SLOTS	12

/* A counter at the beginning of each slot of the last hour. */
struct trend_window {
	unsigned n;
	int64_t at[TREND_SLOTS + 1];
	uint64_t count[TREND_SLOTS + 1];
};

struct trend {
	RB_ENTRY(trend) link;
	char name[TEXT_DOMAIN_MAX];
	struct trend_window down, expired, delivered, bounced;
	uint64_t left; /* messages that left, as last seen */
	int64_t left_ms;
	double rate; /* messages a second, smoothed over a minute or so */
	bool seen; /* in this round */
};

RB_HEAD(trend_tree, trend);

/* The one of that domain, brought up to date; the tree keeps it. */
struct trend *
trend_feed(struct trend_tree *, const struct snap_domain *, int64_t now);
/* Those that were not fed since the last time go. */
void trend_forget(struct trend_tree *);
void trend_tree_free(struct trend_tree *);

/* What was counted within the window; `count` is the counter now. */
uint64_t trend_delta(const struct trend_window *, uint64_t count);
/* It covers the whole hour. */
bool trend_full(const struct trend_window *, int64_t now);
uint64_t trend_bounced(const struct snap_domain *); /* all classes */

#endif
