/* SPDX-License-Identifier: ISC
 * http_stream: see http_stream.h. Copies pieces, compressed or not, into the
 * buffers of MHD. */
#include "exporters/http_stream.h"

#include <string.h>

#include "base/mem.h"
#include "exporters/gzip.h"

#define BLOCK 65536

struct stream {
	struct http_source source;
	struct gzip *gzip; /* NULL: uncompressed */
	struct buf piece, packed;
	size_t at; /* offset of the unsent rest */
	bool last;
};

static void
on_free(void *arg)
{
	struct stream *st = arg;

	st->source.end(st->source.arg);
	gzip_end(&st->gzip);
	buf_fini(&st->piece);
	buf_fini(&st->packed);
	mem_free(&st);
}

/* Makes the next piece in the buffer that is sent. 0 or an error. */
static int
make_piece(struct stream *st)
{
	int rc;

	st->at = 0;
	buf_clear(&st->piece);
	rc = st->source.next(st->source.arg, &st->piece);
	if (rc < 0)
		return rc;
	st->last = rc == 1;
	if (st->gzip == NULL)
		return 0;
	buf_clear(&st->packed);
	return gzip_add(st->gzip, buf_str(&st->piece), st->piece.len, st->last,
	    &st->packed);
}

static ssize_t
on_read(void *arg, uint64_t pos MX_UNUSED, char *dst, size_t size)
{
	struct stream *st = arg;
	const struct buf *b = st->gzip != NULL ? &st->packed : &st->piece;
	size_t n;

	while (st->at == b->len) {
		if (st->last)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (make_piece(st) != 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	n = b->len - st->at < size ? b->len - st->at : size;
	memcpy(dst, b->data + st->at, n);
	st->at += n;
	return (ssize_t)n;
}

struct MHD_Response *
http_stream(const struct http_source *source, bool gzip)
{
	struct stream *st = mem_alloc(sizeof(*st));
	struct MHD_Response *r = NULL;

	st->source = *source;
	buf_init(&st->piece, HTTP_PIECE_MAX);
	buf_init(&st->packed, HTTP_PIECE_MAX);
	if (!gzip || (st->gzip = gzip_begin()) != NULL)
		r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
		    on_read, st, on_free);
	if (r == NULL)
		on_free(st);
	return r;
}
