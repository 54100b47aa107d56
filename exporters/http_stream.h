/* SPDX-License-Identifier: ISC
 * http_stream: an answer that is made while it is sent, for a document that is
 * too long to be held: of fifty thousand domains it is 50 MB to 500 MB. The
 * client has the pace: the next piece is made when it has taken the last.
 * Threads of the web server. */
#ifndef MX_EXPORTERS_HTTP_STREAM_H
#define MX_EXPORTERS_HTTP_STREAM_H

#include <microhttpd.h>

#include "base/buf.h"

#define HTTP_PIECE_MAX (64u << 20)

struct http_source {
	/* Adds the next piece: 0 there is more, 1 that was the last, or an
	 * error, and then the answer is cut off. */
	int (*next)(void *arg, struct buf *);
	void (*end)(void *arg);
	void *arg;
};

/* Its length is not known before its end. The source is ours from here on;
 * NULL when memory is out, and then it has ended. `gzip`: as gzip. */
struct MHD_Response *http_stream(const struct http_source *, bool gzip);

#endif
