/* SPDX-License-Identifier: ISC
 * buf: a growing byte string with a cap given at its creation, so that no peer
 * decides how much memory is used. Not for sharing between threads. */
#ifndef MX_BASE_BUF_H
#define MX_BASE_BUF_H

#include "base/defs.h"

struct buf {
	char *data; /* NUL-terminated at len once it is not empty */
	size_t len;
	size_t size;
	size_t max;
};

#define BUF_INIT(cap)                                                          \
	{                                                                      \
		NULL, 0, 0, (cap)                                              \
	}

void buf_init(struct buf *, size_t max);
void buf_fini(struct buf *);
void buf_clear(struct buf *); /* keeps the memory */
void buf_drain(struct buf *, size_t n); /* drops n bytes from the front */

/* 0, or -MX_ETOOBIG and the buffer is unchanged. With a known length call
 * buf_reserve() first: it allocates room for n more bytes at once. */
int buf_reserve(struct buf *, size_t n) MX_NODISCARD;
int buf_add(struct buf *, const void *data, size_t len) MX_NODISCARD;
/* Room to write up to n bytes in place; then buf_added() says how many were
 * written. NULL: n would exceed the cap. */
char *buf_room(struct buf *, size_t n);
void buf_added(struct buf *, size_t n);
int buf_adds(struct buf *, const char *s) MX_NODISCARD;
int buf_addf(struct buf *, const char *fmt, ...) MX_PRINTF(2, 3) MX_NODISCARD;

/* Passes the string to the caller (NUL-terminated, to be freed), empties
 * buf. */
char *buf_take(struct buf *);
const char *buf_str(const struct buf *); /* "" when empty */

#endif
