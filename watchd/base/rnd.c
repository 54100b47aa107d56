/* SPDX-License-Identifier: ISC
 * rnd: unpredictable numbers from the system's arc4random(3), which cannot
 * fail, survives fork() and is cheap. Any thread. */
#include <stdlib.h>

#include "base/defs.h"
#include "base/rnd.h"

uint64_t
rnd_u64(void)
{
	uint64_t v;

	arc4random_buf(&v, sizeof(v));
	return v;
}

uint32_t
rnd_below(uint32_t bound)
{
	MX_ASSERT(bound > 0);
	return arc4random_uniform(bound);
}

int64_t
rnd_jitter(int64_t v, unsigned percent)
{
	int64_t p = percent > 100 ? 100 : (int64_t)percent, span;

	/* v * p / 100 without overflow */
	span = v / 100 * p + v % 100 * p / 100;
	if (span < 0)
		span = -span;
	if (span == 0 || v > INT64_MAX - span || v < INT64_MIN + span)
		return v;
	return v - span + (int64_t)(rnd_u64() % (2 * (uint64_t)span + 1));
}
