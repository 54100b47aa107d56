/* SPDX-License-Identifier: ISC
 * hist: counts a value in its bucket; the exporter accumulates. No lock: a
 * histogram belongs to one thread and is copied into the snapshot. */
#include "base/hist.h"

void
hist_add(struct hist *h, const struct hist_bounds *b, double value)
{
	unsigned i = 0;

	while (i < b->n && value > b->le[i])
		i++;
	h->count[i]++;
	h->sum += value;
}
