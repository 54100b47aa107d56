/* SPDX-License-Identifier: ISC
 * budget: so many notifications an hour, and a line for those that have to
 * wait: a bucket that is filled evenly up to an hour's worth, and for whoever
 * finds it empty a time of his own at which there will be something in it. Who
 * has a place in the line goes before who comes new. Pure; times are monotonic
 * ns, waits ms. */
#ifndef MX_DELIVER_BUDGET_H
#define MX_DELIVER_BUDGET_H

#include "base/defs.h"

#define BUDGET_NEVER (-1)

struct budget {
	double rate; /* an hour */
	double credit; /* that may go out now */
	int64_t at_ns; /* of credit */
	int64_t line_ns; /* the time of the last in line; past: nobody waits */
};

/* Starts full. A change of the rate ends the line: all of it has to ask again. */
void budget_set(struct budget *, uint32_t rate, int64_t now);
/* 0: one may go out, and is taken. Or so many ms until it may, to be asked with
 * `waited` then: the asker has that place in the line. BUDGET_NEVER: the rate
 * is 0, or the line is longer than `longest_ms`. */
int64_t
budget_ask(struct budget *, bool waited, int64_t longest_ms, int64_t now);

#endif
