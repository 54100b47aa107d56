/* SPDX-License-Identifier: ISC
 * budget: see budget.h. */
#include "relay/deliver/budget.h"

#include "base/clock.h"

#define HOUR_NS (3600.0 * (double)CLOCK_SEC)

static void
fill(struct budget *b, int64_t now)
{
	b->credit += (double)(now - b->at_ns) * b->rate / HOUR_NS;
	b->at_ns = now;
	if (b->credit > b->rate)
		b->credit = b->rate;
}

void
budget_set(struct budget *b, uint32_t rate, int64_t now)
{
	if (b->at_ns == 0)
		*b = (struct budget){ .credit = rate, .at_ns = now };
	else
		fill(b, now);
	if (b->rate != rate)
		b->line_ns = 0;
	b->rate = rate;
	if (b->credit > b->rate)
		b->credit = b->rate;
}

int64_t
budget_ask(struct budget *b, bool waited, int64_t longest_ms, int64_t now)
{
	bool line = b->line_ns > now;
	double step;
	int64_t at;

	if (b->rate <= 0)
		return BUDGET_NEVER;
	fill(b, now);
	if (b->credit >= 1 && (waited || !line)) {
		b->credit -= 1;
		return 0;
	}
	step = HOUR_NS / b->rate;
	if (line)
		at = b->line_ns + (int64_t)step;
	else
		at = now + (int64_t)((1 - b->credit) * step);
	at += CLOCK_MS; /* rounds up */
	if (at - now > longest_ms * CLOCK_MS)
		return BUDGET_NEVER;
	b->line_ns = at;
	return (at - now + CLOCK_MS - 1) / CLOCK_MS;
}
