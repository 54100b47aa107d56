/* SPDX-License-Identifier: ISC
 * http_page: the status page, made of exporters/page, as the program
 * carries it, with what its answer needs: an entity tag and a policy that
 * lets a browser run this text and nothing else. Immutable; any thread. */
#ifndef MX_EXPORTERS_HTTP_PAGE_H
#define MX_EXPORTERS_HTTP_PAGE_H

#include "base/defs.h"

struct http_page {
	const char *html; /* static */
	size_t len;
	char *gzip; /* NULL: could not be made */
	size_t gzip_len;
	char etag[40]; /* with its quotes */
	char policy[512]; /* Content-Security-Policy */
};

void http_page_init(struct http_page *);
void http_page_fini(struct http_page *);

#endif
