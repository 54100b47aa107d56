/* SPDX-License-Identifier: ISC
 * clock: the only place that reads a clock. Monotonic time is for deadlines
 * and durations, wall time for records, headers, logs and exported
 * timestamps. Pure code takes `now` as an argument instead. */
#ifndef MX_BASE_CLOCK_H
#define MX_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_MS  INT64_C(1000000)
#define CLOCK_SEC INT64_C(1000000000)

int64_t clock_now(void); /* monotonic, nanoseconds */
int64_t clock_wall_ms(void); /* since the epoch, milliseconds */
int64_t clock_wall(void); /* since the epoch, seconds */

#endif
