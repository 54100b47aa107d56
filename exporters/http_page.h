/* SPDX-License-Identifier: ISC
 * http_page: the status page, built from exporters/page into the program, with
 * the data of its answer: an entity tag, and a policy by which a browser
 * executes this text and nothing else. Immutable; any thread. */
#ifndef MX_EXPORTERS_HTTP_PAGE_H
#define MX_EXPORTERS_HTTP_PAGE_H

#include "base/defs.h"

struct http_page {
	const char *html; /* static */
	size_t len;
	char *gzip; /* NULL: compression failed */
	size_t gzip_len;
	char etag[40]; /* with its quotes */
	char policy[512]; /* Content-Security-Policy */
};

void http_page_init(struct http_page *);
void http_page_fini(struct http_page *);

#endif
