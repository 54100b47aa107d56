/* SPDX-License-Identifier: ISC
 * backoff: see backoff.h. Used for each deferral and for the queue's own
 * retries (a store that refuses, a primary that does not answer). Doubling
 * keeps a long outage cheap; the jitter spreads parts that were deferred
 * together. */
#include "relay/queue/backoff.h"

int64_t
backoff_delay(int64_t first_ms, int64_t max_ms, unsigned n)
{
	int64_t delay = first_ms > 0 ? first_ms : 1;

	if (max_ms < delay)
		return max_ms > 0 ? max_ms : 1;
	while (n > 1 && delay < max_ms) {
		delay = delay > max_ms / 2 ? max_ms : delay * 2;
		n--;
	}
	return delay;
}

int64_t
backoff_due(int64_t now_ms, int64_t delay_ms, unsigned spread,
    int64_t expiry_ms)
{
	int64_t reach = delay_ms / 100 * BACKOFF_JITTER +
	    delay_ms % 100 * BACKOFF_JITTER / 100;
	int64_t due;

	if (spread > 1000)
		spread = 1000;
	due = now_ms + delay_ms - reach +
	    (int64_t)((double)reach * 2.0 * (double)spread / 1000.0);
	if (due > expiry_ms)
		due = expiry_ms;
	return due > now_ms ? due : now_ms;
}
