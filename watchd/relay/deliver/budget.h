/* SPDX-License-Identifier: ISC
 * budget: the rate limit of notifications, with a waiting line. A token bucket
 * fills evenly up to an hour's worth; a caller that finds it empty is given the
 * time at which there will be a token for it, and goes before new callers.
 * Pure; times are monotonic ns, waits ms. */
#ifndef MX_DELIVER_BUDGET_H
#define MX_DELIVER_BUDGET_H

#include "base/defs.h"

#define BUDGET_NEVER (-1)

struct budget {
	double rate; /* per hour */
	double credit; /* tokens available */
	int64_t at_ns; /* time at which credit was computed */
	/* due time of the last in line; in the past: the line is empty */
	int64_t line_ns;
};

/* Starts full. A change of the rate clears the line: all callers have to ask
 * again. */
void budget_set(struct budget *, uint32_t rate, int64_t now);
/* 0: a token was taken. Otherwise the wait in ms, after which to ask again with
 * `waited`: the place in the line is reserved. BUDGET_NEVER: the rate is 0, or
 * the wait would exceed `longest_ms`. */
int64_t
budget_ask(struct budget *, bool waited, int64_t longest_ms, int64_t now);

#endif
