/* SPDX-License-Identifier: ISC
 * Hostile server bytes into the reply parser: bounded, and the same replies
 * whether they come whole or byte by byte. */
#include <stdint.h>
#include <string.h>

#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct seen {
	unsigned n;
	unsigned codes[64];
	size_t texts;
	int rc;
};

static void
read_all(const char *data, size_t len, size_t piece, struct seen *s)
{
	struct reply_parser p;
	struct smtp_reply r;
	size_t pos, n, used;
	char st[16];

	*s = (struct seen){ 0 };
	reply_parser_init(&p);
	for (pos = 0; pos < len && s->rc >= 0; pos += used) {
		n = len - pos < piece ? len - pos : piece;
		s->rc = reply_parse(&p, data + pos, n, &used, &r);
		MX_ASSERT(used <= n && used > 0);
		MX_ASSERT(p.line.len <= REPLY_LINE_MAX);
		MX_ASSERT(p.text.len <= REPLY_TEXT_MAX);
		if (s->rc != 1)
			continue;
		MX_ASSERT(r.code >= 200 && r.code <= 599 && r.lines > 0);
		MX_ASSERT(strlen(smtp_status_fmt(&r.status, st)) < 10);
		s->texts += strlen(r.text);
		s->codes[s->n++ % MX_COUNT(s->codes)] = r.code;
	}
	reply_parser_fini(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen whole, bytes;

	read_all((const char *)data, len, len, &whole);
	read_all((const char *)data, len, 1, &bytes);
	MX_ASSERT(whole.n == bytes.n && whole.texts == bytes.texts);
	MX_ASSERT((whole.rc < 0) == (bytes.rc < 0));
	MX_ASSERT(memcmp(whole.codes, bytes.codes, sizeof(whole.codes)) == 0);
	return 0;
}
