/* SPDX-License-Identifier: ISC
 * ages: how many queued messages arrived when, in steps of 15 seconds over
 * the last 45 days, and the sum of their ages to the millisecond, so that a
 * scrape never walks over messages. Pure. */
#ifndef MX_QUEUE_AGES_H
#define MX_QUEUE_AGES_H

#include "base/defs.h"

#define AGES_STEP_MS 15000
#define AGES_SLOTS   (1u << 18)

struct ages {
	uint32_t *slot; /* ring by step number */
	int64_t head; /* the newest step the ring covers */
	uint64_t older; /* what fell off its end */
	uint64_t total;
	/* Of their arrivals in ms. It wraps around, as does what is taken from
	 * it: the sum of ages, a number that is small, is right. */
	uint64_t arrivals;
};

void ages_init(struct ages *);
void ages_fini(struct ages *);
void ages_clear(struct ages *); /* all is to be counted anew */
/* Counts an arrival; the step it was counted under is for ages_remove(). */
int64_t ages_add(struct ages *, int64_t arrival_ms, int64_t now_ms);
/* The same arrival, and the step it was counted under. */
void ages_remove(struct ages *, int64_t arrival_ms, int64_t step);
/* Per bucket of n ascending bounds in seconds; count has n + 1 places. */
void ages_count(const struct ages *, int64_t now_ms, const double *le,
    unsigned n, uint64_t *count);
/* Of all of them, seconds; who came in the future counts as of then. O(1). */
double ages_sum(const struct ages *, int64_t now_ms);

#endif
