/* SPDX-License-Identifier: ISC
 * Hostile headers, as the dot reader lets them through: the cut (chosen by
 * the first byte) changes nothing, nothing of the client's is lost, what comes
 * out cannot go on with a line above it, has its header's end where it has to
 * be, and is not changed when it is read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/smtpd/header.h"
#include "smtp/dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
read_pieces(const char *in, size_t len, size_t piece, char *out)
{
	struct header_reader h;
	size_t pos, n, got, used, total = 0;
	char *exact;

	header_reader_init(&h);
	for (pos = 0; pos < len && !h.over; pos += used) {
		n = len - pos < piece ? len - pos : piece;
		exact = mem_alloc(HEADER_OUT(n)); /* the bound */
		got = header_read(&h, in + pos, n, &used, exact);
		MX_ASSERT(got <= HEADER_OUT(n) && (used == n || h.over));
		memcpy(out + total, exact, got);
		total += got;
		mem_free(&exact);
	}
	MX_ASSERT(h.held == 0); /* the content ends in a line end */
	memcpy(out + total, in + pos, len - pos);
	return total + len - pos;
}

/* Whatever was put in, what was there is there in its order. */
static void
check_kept(const char *in, size_t len, const char *out, size_t n)
{
	size_t i = 0, k;

	for (k = 0; k < n && i < len; k++)
		i += out[k] == in[i];
	MX_ASSERT(i == len);
}

/* Up to the first empty line there are fields and what goes on with them; when
 * there is none, all is header. */
static void
check_header(const char *p, const char *end)
{
	const char *lf;
	bool begun = false;

	for (; p < end && *p != '\r'; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		MX_ASSERT(lf != NULL);
		if (*p != ' ' && *p != '\t')
			MX_ASSERT(memchr(p, ':', (size_t)(lf - p)) != NULL);
		else
			MX_ASSERT(begun);
		begun = true;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dot_reader d;
	char *in, *a, *b;
	size_t used, len, n, m;

	if (size < 2)
		return 0;
	in = mem_alloc(2 * size + 8);
	dot_reader_init_counted(&d);
	len = dot_read(&d, (const char *)data + 1, size - 1, &used, in);
	len += dot_read_end(&d, in + len);
	a = mem_alloc(HEADER_OUT(len));
	b = mem_alloc(HEADER_OUT(4 * len));
	n = read_pieces(in, len, len + 1, a);
	m = read_pieces(in, len, data[0] % 16 + 1u, b);
	MX_ASSERT(n == m && memcmp(a, b, n) == 0);
	check_kept(in, len, a, n);
	check_header(a, a + n);
	m = read_pieces(a, n, n + 1, b);
	MX_ASSERT(n == m && memcmp(a, b, n) == 0);
	mem_free(&in);
	mem_free(&a);
	mem_free(&b);
	return 0;
}
