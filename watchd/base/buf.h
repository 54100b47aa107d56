/* SPDX-License-Identifier: ISC
 * buf: a growing byte string with a cap that is given at birth, so that no
 * peer decides how much memory we use. Not for sharing between threads. */
#ifndef MX_BASE_BUF_H
#define MX_BASE_BUF_H

#include "base/defs.h"

struct buf {
	char *data; /* always NUL-terminated past len once anything is in */
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

/* 0 or -MX_ETOOBIG, and then the buffer is as it was before. Who knows how much
 * will come says so first: memory for n bytes more is made at once. */
int buf_reserve(struct buf *, size_t n) MX_NODISCARD;
int buf_add(struct buf *, const void *data, size_t len) MX_NODISCARD;
/* Where to write up to n bytes, of which buf_added() says how many there are
 * now; NULL: the cap forbids n. */
char *buf_room(struct buf *, size_t n);
void buf_added(struct buf *, size_t n);
int buf_adds(struct buf *, const char *s) MX_NODISCARD;
int buf_addf(struct buf *, const char *fmt, ...) MX_PRINTF(2, 3) MX_NODISCARD;

/* Gives the string away (NUL-terminated, the caller frees it), empties buf. */
char *buf_take(struct buf *);
const char *buf_str(const struct buf *); /* "" when empty */

#endif
