/* SPDX-License-Identifier: ISC
 * hist: puts a value into its bucket. The exporter cumulates. Not locked: a
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
