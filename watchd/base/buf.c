/* SPDX-License-Identifier: ISC
 * buf: a growing byte string with a cap. The memory doubles, so that adding
 * byte by byte stays linear, and never exceeds the cap (plus a NUL). Data that
 * does not fit is refused as a whole: a half-added record is worse than none.
 * Used by every layer for text whose length is decided outside. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define BUF_FIRST 256

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT(max);
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT(b->max);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
buf_drain(struct buf *b, size_t n)
{
	if (n >= b->len) {
		buf_clear(b);
		return;
	}
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

/* n bytes and the NUL. */
int
buf_reserve(struct buf *b, size_t n)
{
	size_t need, size;

	if (n > b->max - b->len)
		return -MX_ETOOBIG;
	need = b->len + n + 1;
	if (need <= b->size)
		return 0;
	size = b->size < BUF_FIRST ? BUF_FIRST : b->size;
	while (size < need)
		size = size > SIZE_MAX / 2 ? need : size * 2;
	if (size - 1 > b->max)
		size = b->max + 1;
	b->data = mem_grow(b->data, size, 1);
	b->size = size;
	return 0;
}

int
buf_add(struct buf *b, const void *data, size_t len)
{
	int rc;

	if ((rc = buf_reserve(b, len)) < 0)
		return rc;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

char *
buf_room(struct buf *b, size_t n)
{
	return buf_reserve(b, n) == 0 ? b->data + b->len : NULL;
}

void
buf_added(struct buf *b, size_t n)
{
	MX_ASSERT(n < b->size - b->len);
	b->len += n;
	b->data[b->len] = '\0';
}

int
buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->size - b->len;
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(b->data != NULL ? b->data + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		rc = -MX_ESYNTAX;
	else
		rc = buf_reserve(b, (size_t)n);
	if (rc < 0) {
		if (b->data != NULL)
			b->data[b->len] = '\0';
		return rc;
	}
	if ((size_t)n >= room) {
		va_start(ap, fmt);
		(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
	return 0;
}

char *
buf_take(struct buf *b)
{
	char *s = b->data != NULL ? b->data : mem_strdup("");

	*b = (struct buf)BUF_INIT(b->max);
	return s;
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}
