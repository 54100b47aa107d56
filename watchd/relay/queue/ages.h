/* SPDX-License-Identifier: ISC
 * ages: the number of queued messages by time of arrival, in steps of 15
 * seconds over the last 45 days, and the sum of their ages to the millisecond,
 * so that a scrape never walks over messages. Pure. */
#ifndef MX_QUEUE_AGES_H
#define MX_QUEUE_AGES_H

#include "base/defs.h"

#define AGES_STEP_MS 15000
#define AGES_SLOTS   (1u << 18)

struct ages {
	uint32_t *slot; /* ring by step number */
	int64_t head; /* the newest step in the ring */
	uint64_t older; /* arrivals older than the ring */
	uint64_t total;
	/* The sum of the arrival times in ms. It wraps around, and so does the
	 * product that it is subtracted from: the difference, the sum of ages,
	 * is small and right. */
	uint64_t arrivals;
};

void ages_init(struct ages *);
void ages_fini(struct ages *);
void ages_clear(struct ages *); /* before all are counted anew */
/* Counts an arrival; returns its step, for ages_remove(). */
int64_t ages_add(struct ages *, int64_t arrival_ms, int64_t now_ms);
/* Removes an arrival with the step that ages_add() returned. */
void ages_remove(struct ages *, int64_t arrival_ms, int64_t step);
/* Counts per bucket, by n ascending bounds in seconds; `count` has n + 1
 * elements. */
void ages_count(const struct ages *, int64_t now_ms, const double *le,
    unsigned n, uint64_t *count);
/* The sum of all ages in seconds; an arrival in the future has the age that it
 * was counted with. O(1). */
double ages_sum(const struct ages *, int64_t now_ms);

#endif
