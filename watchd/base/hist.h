/* SPDX-License-Identifier: ISC
 * hist: a histogram with fixed upper bounds, in the unit of its bounds. Counts
 * are per bucket (not cumulative); the exporter accumulates them. */
#ifndef MX_BASE_HIST_H
#define MX_BASE_HIST_H

#include "base/defs.h"

#define HIST_MAX 16 /* bounds, without +Inf */

struct hist_bounds {
	unsigned n;
	double le[HIST_MAX]; /* ascending */
};

struct hist {
	uint64_t count[HIST_MAX + 1]; /* the last used one is +Inf */
	double sum;
};

void hist_add(struct hist *, const struct hist_bounds *, double value);

#endif
