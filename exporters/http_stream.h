/* SPDX-License-Identifier: ISC
 * http_stream: an answer that is made while it is sent, for a document that is
 * too long for memory: with fifty thousand domains it has 50 MB to 500 MB. The
 * client sets the pace: a piece is made when the client has taken the previous
 * one. Threads of the web server. */
#ifndef MX_EXPORTERS_HTTP_STREAM_H
#define MX_EXPORTERS_HTTP_STREAM_H

#include <microhttpd.h>

#include "base/buf.h"

#define HTTP_PIECE_MAX (64u << 20)

struct http_source {
	/* Appends the next piece: 0: there is more; 1: it was the last; or an
	 * error, which aborts the answer. */
	int (*next)(void *arg, struct buf *);
	void (*end)(void *arg);
	void *arg;
};

/* The answer has no known length. Takes over the source; NULL when memory is
 * out: the source has been ended then. `gzip`: compressed. */
struct MHD_Response *http_stream(const struct http_source *, bool gzip);

#endif
