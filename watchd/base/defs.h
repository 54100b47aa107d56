/* SPDX-License-Identifier: ISC
 * defs: attributes and assertions that every file may use. */
#ifndef MX_BASE_DEFS_H
#define MX_BASE_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MX_NODISCARD	   __attribute__((warn_unused_result))
#define MX_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))
#define MX_NORETURN	   __attribute__((noreturn))
#define MX_UNUSED	   __attribute__((unused))

#define MX_COUNT(array)	   (sizeof(array) / sizeof((array)[0]))

/* A broken invariant ends the process, also in release builds: the queue is
 * durable and the service manager restarts us, so stopping is better than going
 * on with corrupt state. */
#define MX_ASSERT(cond) ((cond) ? (void)0 : mx_panic(#cond, __FILE__, __LINE__))

void mx_panic(const char *cond, const char *file, int line) MX_NORETURN;

#endif
