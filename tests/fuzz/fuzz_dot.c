/* SPDX-License-Identifier: ISC
 * Hostile message data: no stray CR or LF comes out, an LF is a line end and
 * a CR alone none, what is well formed stays as it is, the cut of the input
 * (chosen by its first byte) changes nothing, and what was read survives being
 * written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "smtp/dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
read_pieces(struct dot_reader *d, bool counted, const char *in, size_t len,
    size_t piece, char *out)
{
	size_t pos, n, used, got, total = 0;
	char *exact;

	if (counted)
		dot_reader_init_counted(d);
	else
		dot_reader_init(d);
	for (pos = 0; pos < len && !d->done; pos += used) {
		n = len - pos < piece ? len - pos : piece;
		exact = mem_alloc(2 * n + 4); /* the bound that is promised */
		got = dot_read(d, in + pos, n, &used, exact);
		MX_ASSERT(got <= 2 * n + 4 && (used == n || d->done));
		memcpy(out + total, exact, got);
		total += got;
		mem_free(&exact);
	}
	MX_ASSERT(!counted || !d->done);
	if (counted)
		total += dot_read_end(d, out + total);
	MX_ASSERT(d->size == total);
	return total;
}

static void
check_line_ends(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		MX_ASSERT(s[i] != '\n' || (i > 0 && s[i - 1] == '\r'));
		MX_ASSERT(s[i] != '\r' || (i + 1 < len && s[i + 1] == '\n'));
	}
}

static size_t
count(const char *s, size_t len, char c)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += s[i] == c;
	return n;
}

/* Of chunks all is content, so that a line of it is a line of the message: but
 * for a last one without an end. */
static void
check_lines(const struct dot_reader *d, const char *in, size_t len,
    const char *out, size_t n)
{
	size_t lines = count(in, len, '\n');

	if (len > 0 && in[len - 1] != '\n')
		lines++;
	MX_ASSERT(count(out, n, '\n') == lines);
	if (!d->stray)
		MX_ASSERT(n >= len && memcmp(in, out, len) == 0);
}

/* The message as DATA or as BDAT brings it, whole and cut, and on. */
static void
read_and_write(const char *in, size_t len, size_t piece, bool counted)
{
	struct dot_reader d, e;
	struct dot_writer w;
	char *a, *b, *wire;
	size_t n, m, k;

	a = mem_alloc(2 * len + 8);
	b = mem_alloc(8 * len + 32);
	wire = mem_alloc(4 * len + 16);
	n = read_pieces(&d, counted, in, len, len, a);
	m = read_pieces(&e, counted, in, len, piece, b);
	MX_ASSERT(n == m && memcmp(a, b, n) == 0);
	MX_ASSERT(
	    d.done == e.done && d.stray == e.stray && d.eightbit == e.eightbit);
	check_line_ends(a, n);
	if (counted)
		check_lines(&d, in, len, a, n);

	dot_writer_init(&w);
	for (k = 0, m = 0; k < n; k += piece)
		m += dot_write(&w, a + k, n - k < piece ? n - k : piece,
		    wire + m);
	m += dot_write_end(&w, wire + m);
	k = read_pieces(&e, false, wire, m, m, b);
	MX_ASSERT(e.done && !e.stray);
	/* the writer ends a last line that had no end */
	MX_ASSERT(k == n ||
	    (!counted && k == n + 2 && memcmp(b + n, "\r\n", 2) == 0));
	MX_ASSERT(memcmp(a, b, n) == 0);
	mem_free(&a);
	mem_free(&b);
	mem_free(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *in = (const char *)data + 1;

	if (len < 2)
		return 0;
	read_and_write(in, len - 1, data[0] % 16 + 1u, false);
	read_and_write(in, len - 1, data[0] % 16 + 1u, true);
	return 0;
}
