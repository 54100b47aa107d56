/* SPDX-License-Identifier: ISC
 * backoff: the time of the next attempt of a deferred part. Pure; the caller
 * draws the jitter. */
#ifndef MX_QUEUE_BACKOFF_H
#define MX_QUEUE_BACKOFF_H

#include "base/defs.h"

#define BACKOFF_JITTER 20 /* percent, both directions */

/* first * 2^(n-1), at most max; n counts from 1. */
int64_t backoff_delay(int64_t first_ms, int64_t max_ms, unsigned n);

/* The next attempt, wall ms: `delay_ms` from now, moved by `spread` (0..1000,
 * 500 for none) within the jitter, and not beyond the expiry. */
int64_t backoff_due(int64_t now_ms, int64_t delay_ms, unsigned spread,
    int64_t expiry_ms);

#endif
