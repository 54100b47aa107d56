/* SPDX-License-Identifier: ISC
 * ages: see ages.h. A ring of 2^18 counters (1 MB for the whole queue). An
 * arrival in the future (after the clock was set back) counts as of now, so
 * that one wrong record cannot push all others off the ring. A clock that is
 * ahead does push them off; when it is set back the owner counts all anew. */
#include <string.h>

#include "base/mem.h"
#include "relay/queue/ages.h"

void
ages_init(struct ages *a)
{
	*a = (struct ages){ 0 };
	a->slot = mem_array(AGES_SLOTS, sizeof(*a->slot));
}

void
ages_fini(struct ages *a)
{
	mem_free(&a->slot);
}

void
ages_clear(struct ages *a)
{
	uint32_t *slot = a->slot;

	memset(slot, 0, AGES_SLOTS * sizeof(*slot));
	*a = (struct ages){ .slot = slot };
}

static uint32_t *
ages_slot(const struct ages *a, int64_t step)
{
	return &a->slot[(uint64_t)step & (AGES_SLOTS - 1)];
}

/* Moves the head on; steps that leave the ring are only counted as older. */
static void
ages_advance(struct ages *a, int64_t head)
{
	int64_t n = head - a->head;

	if (n > (int64_t)AGES_SLOTS)
		n = AGES_SLOTS;
	for (int64_t step = head - n + 1; step <= head; step++) {
		a->older += *ages_slot(a, step);
		*ages_slot(a, step) = 0;
	}
	a->head = head;
}

/* The arrival time used in the sum: for an arrival in the future, the start of
 * the step that counts it. */
static int64_t
counted_ms(int64_t arrival_ms, int64_t step)
{
	return arrival_ms / AGES_STEP_MS > step ? step * AGES_STEP_MS :
						  arrival_ms;
}

int64_t
ages_add(struct ages *a, int64_t arrival_ms, int64_t now_ms)
{
	int64_t step = arrival_ms / AGES_STEP_MS;
	int64_t now = now_ms / AGES_STEP_MS;

	if (now > a->head)
		ages_advance(a, now);
	if (step > a->head)
		step = a->head;
	if (step <= a->head - (int64_t)AGES_SLOTS)
		a->older++;
	else
		++*ages_slot(a, step);
	a->total++;
	a->arrivals += (uint64_t)counted_ms(arrival_ms, step);
	return step;
}

void
ages_remove(struct ages *a, int64_t arrival_ms, int64_t step)
{
	uint32_t *slot = ages_slot(a, step);

	if (step <= a->head - (int64_t)AGES_SLOTS) {
		MX_ASSERT(a->older > 0);
		a->older--;
	} else {
		MX_ASSERT(*slot > 0);
		--*slot;
	}
	a->total--;
	a->arrivals -= (uint64_t)counted_ms(arrival_ms, step);
}

void
ages_count(const struct ages *a, int64_t now_ms, const double *le, unsigned n,
    uint64_t *count)
{
	uint64_t left = a->total - a->older;
	unsigned bucket = 0;
	double age;
	uint32_t c;

	memset(count, 0, (n + 1) * sizeof(*count));
	for (int64_t step = a->head; left > 0; step--) {
		c = *ages_slot(a, step);
		if (c == 0)
			continue;
		/* the middle of the step, as the mean */
		age =
		    (double)(now_ms - step * AGES_STEP_MS - AGES_STEP_MS / 2) /
		    1000.0;
		while (bucket < n && age > le[bucket])
			bucket++;
		count[bucket] += c;
		left -= c;
	}
	/* Older arrivals count as 45 days old, whatever the bounds beyond
	 * that. */
	age = (double)AGES_SLOTS * AGES_STEP_MS / 1000.0;
	while (bucket < n && age > le[bucket])
		bucket++;
	count[bucket] += a->older;
}

double
ages_sum(const struct ages *a, int64_t now_ms)
{
	int64_t sum = (int64_t)(a->total * (uint64_t)now_ms - a->arrivals);

	return sum > 0 ? (double)sum / 1000.0 : 0;
}
