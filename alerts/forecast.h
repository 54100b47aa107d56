/* SPDX-License-Identifier: ISC
 * forecast: "at the present drain rate N messages expire before they leave, the
 * first at T". While mail leaves this is a model: arrivals are assumed to be
 * spread evenly between the oldest and now; it never walks over messages, and
 * the text says "about". If nothing leaves, N and T are exact. Pure. */
#ifndef MX_ALERTS_FORECAST_H
#define MX_ALERTS_FORECAST_H

#include "base/text.h"

struct forecast {
	uint64_t expire;
	int64_t first_ms; /* wall; 0: none expires */
};

/* rate: messages a second. Times are wall ms. */
struct forecast forecast(uint64_t messages, int64_t oldest_ms,
    int64_t next_expiry_ms, double rate, int64_t now);

/* Part of a sentence. Each returns dst. */
char *forecast_fmt(const struct forecast *, uint64_t messages, double rate,
    char *dst, size_t size);
char *forecast_rate_fmt(double per_second, char *dst, size_t size);
/* As text_duration_fmt(), in whole seconds. */
char *forecast_time_fmt(int64_t ms, char *dst, size_t size);
/* "1 message", "2 messages" */
char *forecast_count_fmt(uint64_t n, const char *thing, char *dst, size_t size);

#endif
