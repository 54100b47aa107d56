/* SPDX-License-Identifier: ISC
 * clock: reads the two clocks of the system. Any thread. Neither can fail on a
 * supported system; if one does, the program stops, because it cannot trust its
 * time. */
#include <time.h>

#include "base/clock.h"
#include "base/defs.h"

static struct timespec
clock_read(clockid_t id)
{
	struct timespec ts;

	MX_ASSERT(clock_gettime(id, &ts) == 0);
	return ts;
}

int64_t
clock_now(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (int64_t)ts.tv_sec * CLOCK_SEC + ts.tv_nsec;
}

int64_t
clock_wall_ms(void)
{
	struct timespec ts = clock_read(CLOCK_REALTIME);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / CLOCK_MS;
}

int64_t
clock_wall(void)
{
	return (int64_t)clock_read(CLOCK_REALTIME).tv_sec;
}
