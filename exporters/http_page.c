/* SPDX-License-Identifier: ISC
 * http_page: the text becomes a C string when the program is built (local.mk).
 * The policy names its one style and its one script by their SHA-256, computed
 * here, so that it always matches the text. */
#include "exporters/http_page.h"

#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/mem.h"
#include "exporters/gzip.h"

static const char page[] =
#include "exporters/page/index.inc"
    ;

static void
sha256(const char *p, size_t len, unsigned char *digest)
{
	MX_ASSERT(gnutls_hash_fast(GNUTLS_DIG_SHA256, p, len, digest) == 0);
}

/* The "sha256-..." source of the text between the tags. */
static void
source_of(const char *open, const char *close, char *dst, size_t size)
{
	unsigned char digest[32];
	gnutls_datum_t raw = { digest, sizeof(digest) }, text;
	const char *from = strstr(page, open), *to;

	MX_ASSERT(from != NULL);
	from += strlen(open);
	to = strstr(from, close);
	MX_ASSERT(to != NULL);
	sha256(from, (size_t)(to - from), digest);
	MX_ASSERT(gnutls_base64_encode2(&raw, &text) == 0);
	snprintf(dst, size, "'sha256-%.*s'", (int)text.size,
	    (const char *)text.data);
	gnutls_free(text.data);
}

void
http_page_init(struct http_page *p)
{
	unsigned char digest[32];
	char style[80], script[80];

	p->html = page;
	p->len = sizeof(page) - 1;
	p->gzip = gzip_make(p->html, p->len, &p->gzip_len);
	sha256(p->html, p->len, digest);
	snprintf(p->etag, sizeof(p->etag),
	    "\"%02x%02x%02x%02x%02x%02x%02x%02x\"", digest[0], digest[1],
	    digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
	source_of("<style>", "</style>", style, sizeof(style));
	source_of("<script>", "</script>", script, sizeof(script));
	snprintf(p->policy, sizeof(p->policy),
	    "default-src 'none'; style-src %s; script-src %s; "
	    "connect-src 'self'; img-src data:; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'; "
	    "require-trusted-types-for 'script'",
	    style, script);
}

void
http_page_fini(struct http_page *p)
{
	mem_free(&p->gzip);
}
