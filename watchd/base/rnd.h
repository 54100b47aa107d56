/* SPDX-License-Identifier: ISC
 * rnd: unpredictable numbers, for ids and jitter. Any thread. */
#ifndef MX_BASE_RND_H
#define MX_BASE_RND_H

#include <stdint.h>

uint64_t rnd_u64(void);
uint32_t rnd_below(uint32_t bound); /* 0 .. bound-1, unbiased; bound > 0 */

/* v spread evenly over [v - v*percent/100, v + v*percent/100]. */
int64_t rnd_jitter(int64_t v, unsigned percent);

#endif
