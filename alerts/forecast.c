/* SPDX-License-Identifier: ISC
 * forecast: how much mail will expire at the present rate, and the text for
 * it. */
#include "alerts/forecast.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Message i of n, the oldest first, expires at expiry + i * step. The queue
 * sends from its old and its new end in turn, so one of the old end leaves each
 * `every` ms, and both meet in the middle. */
struct forecast
forecast(uint64_t n, int64_t oldest, int64_t expiry, double rate, int64_t now)
{
	double step, every, late, first = 0, lost = 0, rest = (double)n, k;

	if (n == 0 || expiry == 0)
		return (struct forecast){ 0, 0 };
	if (rate <= 0)
		return (struct forecast){ n, expiry };
	step = oldest == 0 || oldest > now ? 0 : (double)(now - oldest) / rest;
	every = 2e3 / rate;
	late = (double)(now - expiry) + every; /* of the first message */
	if (late > 0) {
		/* Some expire before their turn comes. */
		lost = step > 0 ? ceil(late / step) : rest;
		lost = lost < rest ? lost : rest;
		rest -= lost;
	} else if (every > step) {
		/* k leave at each end before the old end is overtaken. */
		k = floor(-late / (every - step)) + 1;
		rest = 2 * k < rest ? rest - 2 * k : 0;
		first = k * step;
	}
	/* From there on each message sent from the old end is the last chance
	 * of several that expire; the new end continues. */
	if (every > step)
		lost += round(rest * (every - step) / (every + step));
	if (lost < 1)
		return (struct forecast){ 0, 0 };
	return (struct forecast){ (uint64_t)lost, expiry + (int64_t)first };
}

/* Readable: never 0.0083/s, never 1.5e+02/s. */
char *
forecast_rate_fmt(double per_second, char *dst, size_t size)
{
	static const struct {
		double seconds;
		const char *unit;
	} units[] = { { 1, "a second" }, { 60, "a minute" },
		{ 3600, "an hour" }, { 86400, "a day" } };
	double n = 0;
	unsigned i;

	for (i = 0; i < MX_COUNT(units); i++) {
		n = per_second * units[i].seconds;
		if (n >= 1 || i + 1 == MX_COUNT(units))
			break;
	}
	snprintf(dst, size, n < 10 && n != floor(n) ? "%.1f %s" : "%.0f %s", n,
	    units[i].unit);
	return dst;
}

char *
forecast_time_fmt(int64_t ms, char *dst, size_t size)
{
	return text_duration_fmt(ms < 0 ? 0 : ms / 1000 * 1000, dst, size);
}

char *
forecast_count_fmt(uint64_t n, const char *thing, char *dst, size_t size)
{
	snprintf(dst, size, "%" PRIu64 " %s%s", n, thing, n == 1 ? "" : "s");
	return dst;
}

char *
forecast_fmt(const struct forecast *f, uint64_t n, double rate, char *dst,
    size_t size)
{
	char at[40], per[32], count[40];

	text_date_3339(f->first_ms / 1000, at, sizeof(at));
	forecast_rate_fmt(rate, per, sizeof(per));
	forecast_count_fmt(n, "message", count, sizeof(count));
	if (n == 0 || (f->expire == 0 && f->first_ms == 0 && rate <= 0))
		snprintf(dst, size, "nothing expires");
	else if (f->expire == 0)
		snprintf(dst, size,
		    "at the present drain rate of %s, all will be delivered in "
		    "time",
		    per);
	else if (rate <= 0)
		snprintf(dst, size,
		    n == 1 ? "nothing is being delivered: %s expires at %s" :
			     "nothing is being delivered: %s expire, the first "
			     "at %s",
		    count, at);
	else if (f->expire == n)
		snprintf(dst, size,
		    n == 1 ? "at the present drain rate of %s, %s will expire "
			     "before delivery, at %s" :
			     "at the present drain rate of %s, all %s will "
			     "expire before delivery, the first at %s",
		    per, count, at);
	else
		snprintf(dst, size,
		    "at the present drain rate of %s, about %" PRIu64
		    " of %s will expire before delivery, the first at about %s",
		    per, f->expire, count, at);
	return dst;
}
