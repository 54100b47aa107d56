/* SPDX-License-Identifier: ISC
 * The end of the data and dot-stuffing: every line end that was ever used to
 * smuggle a message past a server, each input cut in every way, and the
 * round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtp/dot.h"

#define S(x) (x), sizeof(x) - 1

static const struct {
	const char *name, *in;
	size_t in_len;
	const char *out;
	size_t out_len, left; /* octets behind the final dot */
	bool done, stray;
} cases[] = {
	{ "empty body", S(".\r\n"), S(""), 0, true, false },
	{ "one line", S("a\r\n.\r\n"), S("a\r\n"), 0, true, false },
	{ "what follows is left", S("a\r\n.\r\nQUIT\r\n"), S("a\r\n"), 6, true,
	    false },
	{ "stuffed dot", S("..\r\n.\r\n"), S(".\r\n"), 0, true, false },
	{ "stuffed dots", S("...\r\n..x\r\n.\r\n"), S("..\r\n.x\r\n"), 0, true,
	    false },
	{ "dot not stuffed", S(".x\r\n.\r\n"), S("x\r\n"), 0, true, false },
	{ "dot inside", S("a.\r\n.\r\n"), S("a.\r\n"), 0, true, false },
	{ "no end", S("a\r\n."), S("a\r\n"), 0, false, false },
	{ "no end, held CR", S("a\r\n.\r"), S("a\r\n"), 0, false, false },
	/* CASES B1: none of these ends the data */
	{ "LF.LF", S("a\n.\nb"), S("a\r\n.\r\nb"), 0, false, true },
	{ "CR.CR", S("a\r.\rb"), S("a . b"), 0, false, true },
	{ "CR.LF", S("a\r.\nb"), S("a .\r\nb"), 0, false, true },
	{ "LF.CR", S("a\n.\rb"), S("a\r\n b"), 0, false, true },
	{ "LF.CRLF", S("a\n.\r\nb"), S("a\r\n.\r\nb"), 0, false, true },
	{ "CR.CRLF", S("a\r.\r\nb"), S("a .\r\nb"), 0, false, true },
	{ "CRLF.LF", S("a\r\n.\nb"), S("a\r\n.\r\nb"), 0, false, true },
	{ "CRLF.CR", S("a\r\n.\rb"), S("a\r\n b"), 0, false, true },
	{ "CRLF.CRCRLF", S("a\r\n.\r\r\nb"), S("a\r\n.\r\nb"), 0, false, true },
	{ "CRLF.CRCR", S("a\r\n.\r\r.\r\n"), S("a\r\n .\r\n"), 0, false, true },
	{ "CRLF.CRCRCRLF.CRLF", S("a\r\n.\r\r\r\n.\r\nb"), S("a\r\n.\r\n"), 1,
	    true, true },
	{ "CRLF NUL.CRLF", S("a\r\n\0.\r\nb"), S("a\r\n\0.\r\nb"), 0, false,
	    false },
	{ "CRLF.NUL CRLF", S("a\r\n.\0\r\nb"), S("a\r\n\0\r\nb"), 0, false,
	    false },
	{ "CRCRLF", S("a\r\r\nb"), S("a\r\nb"), 0, false, true },
	{ "CRCRLF.CRLF", S("a\r\r\n.\r\nb"), S("a\r\n"), 1, true, true },
	{ "CRCRLF..", S("a\r\r\n..b\r\r\n"), S("a\r\n.b\r\n"), 0, false, true },
	{ "CRCRLF CRCRLF", S("a\r\r\n\r\r\nb"), S("a\r\n\r\nb"), 0, false,
	    true },
	{ "many CRLF", S("a\r\r\r\r\nb"), S("a\r\nb"), 0, false, true },
	{ "many CR", S("a\r\r\r\rb"), S("a b"), 0, false, true },
	{ "CRLFCR", S("a\r\n\rb"), S("a\r\n b"), 0, false, true },
	{ "LFCR", S("a\n\r\nb"), S("a\r\n\r\nb"), 0, false, true },
	{ "LF at the start", S("\n.\r\nb"), S("\r\n.\r\nb"), 0, false, true },
	{ "CR at the start", S("\r.\r\nb"), S(" .\r\nb"), 0, false, true },
	{ "LF..LF is stuffed", S("a\n..\n..b\n"), S("a\r\n.\r\n.b\r\n"), 0,
	    false, true },
	{ "LF..CRLF", S("a\n..\r\nb"), S("a\r\n.\r\nb"), 0, false, true },
	{ "LF.CRLF.CRLF", S("a\n.\r\n.\r\nb"), S("a\r\n.\r\n"), 1, true, true },
	{ "end behind CR in a line", S("a\r\rb\r\n.\r\nc"), S("a b\r\n"), 1,
	    true, true },
};

static size_t
read_cut(struct dot_reader *d, const char *in, size_t len, size_t cut1,
    size_t cut2, char *out, size_t *eaten)
{
	size_t ends[3] = { cut1, cut2, len }, n = 0, used, i;
	char tmp[256];

	dot_reader_init(d);
	*eaten = 0;
	for (i = 0; i < 3 && !d->done; i++) {
		size_t part = ends[i] - *eaten;
		size_t got = dot_read(d, in + *eaten, part, &used, tmp);

		assert_true(used == part || d->done);
		assert_true(got <= 2 * part + 4);
		memcpy(out + n, tmp, got);
		n += got;
		*eaten += used;
	}
	assert_int_equal(d->size, n);
	return n;
}

static void
test_cases(void **state)
{
	struct dot_reader d;
	char out[256];
	size_t i, a, b, n, eaten;

	(void)state;
	for (i = 0; i < MX_COUNT(cases); i++) {
		size_t len = cases[i].in_len;

		for (a = 0; a <= len; a++)
			for (b = a; b <= len; b++) {
				n = read_cut(&d, cases[i].in, len, a, b, out,
				    &eaten);
				if (n != cases[i].out_len ||
				    memcmp(out, cases[i].out, n) != 0 ||
				    d.done != cases[i].done ||
				    d.stray != cases[i].stray ||
				    len - eaten != cases[i].left)
					fail_msg("%s: cut at %zu, %zu",
					    cases[i].name, a, b);
			}
	}
}

/* What is read many octets at a time is what is read one by one, wherever it
 * stands in a text. */
static void
test_long_text(void **state)
{
	static const char *const put[] = { "\r", "\n", ".", "\r\n", "\n\r",
		"\r\n.", "\r\n..", "\r\n.\r\n", "\n.\r\n", "\r\n\r\n",
		"\r\n.\r", "\r\r\n", "\x80" };
	char in[420], whole[900], pieces[900];
	struct dot_reader d, e;
	size_t i, at, step, n, m, used, eaten;

	(void)state;
	for (i = 0; i < MX_COUNT(put) * 2; i++)
		for (at = 0; at + 8 < sizeof(in); at++) {
			memset(in, 'x', sizeof(in));
			for (step = 60; i % 2 == 1 && step < 400; step += 61)
				memcpy(in + step, "\r\n", 2);
			memcpy(in + at, put[i / 2], strlen(put[i / 2]));
			dot_reader_init(&d);
			n = dot_read(&d, in, sizeof(in), &used, whole);
			dot_reader_init(&e);
			for (m = eaten = 0; eaten < sizeof(in) && !e.done;)
				m += dot_read(&e, in + eaten++, 1, &step,
				    pieces + m);
			assert_int_equal(n, m);
			assert_memory_equal(whole, pieces, n);
			assert_int_equal(used, eaten);
			assert_true(d.done == e.done && d.stray == e.stray &&
			    d.bare == e.bare && d.state == e.state &&
			    d.eightbit == e.eightbit);
		}
}

/* B3: a whole second envelope behind a false end stays text, on the wire to
 * the next server too. */
static void
test_smuggled_envelope(void **state)
{
	static const char tail[] = "MAIL FROM:<x@evil.example>\r\nRCPT TO:"
				   "<v@b.example>\r\nDATA\r\nhi\r\n.\r\n";
	static const struct {
		const char *eod;
		size_t len;
	} eods[] = { { S("\n.\n") }, { S("\r.\r") }, { S("\r.\n") },
		{ S("\n.\r") }, { S("\n.\r\n") }, { S("\r\n.\n") },
		{ S("\r.\r\n") }, { S("\r\n.\r") }, { S("\r\n\0.\r\n") },
		{ S("\r\n.\0\r\n") } };
	char in[256], out[600], wire[1300], back[2700];
	size_t i, k, len, n, used, w;
	struct dot_reader d;
	struct dot_writer dw;

	(void)state;
	for (i = 0; i < MX_COUNT(eods); i++) {
		memcpy(in, "text", 4);
		memcpy(in + 4, eods[i].eod, eods[i].len);
		len = 4 + eods[i].len;
		memcpy(in + len, tail, sizeof(tail) - 1);
		len += sizeof(tail) - 1;
		dot_reader_init(&d);
		n = dot_read(&d, in, len, &used, out);
		assert_true(d.done);
		assert_int_equal(used, len);
		for (k = 0; k < n; k++) {
			if (out[k] == '\n')
				assert_true(k > 0 && out[k - 1] == '\r');
			if (out[k] == '\r')
				assert_true(k + 1 < n && out[k + 1] == '\n');
		}
		dot_writer_init(&dw);
		w = dot_write(&dw, out, n, wire);
		w += dot_write_end(&dw, wire + w);
		dot_reader_init(&d);
		assert_int_equal(dot_read(&d, wire, w, &used, back), n);
		assert_memory_equal(back, out, n);
		assert_int_equal(used, w);
	}
}

/* A byte above 127 is seen wherever it stands, and only in the content. */
static void
test_eightbit(void **state)
{
	struct dot_reader d;
	char in[200], out[2 * sizeof(in) + 4];
	size_t used, i;

	(void)state;
	for (i = 0; i < sizeof(in); i++) {
		memset(in, 'x', sizeof(in));
		in[i] = '\x80';
		dot_reader_init(&d);
		(void)dot_read(&d, in, sizeof(in), &used, out);
		assert_true(d.eightbit && !d.stray);
		dot_reader_init(&d);
		(void)dot_read(&d, in, i, &used, out);
		assert_false(d.eightbit);
	}
	dot_reader_init(&d);
	(void)dot_read(&d, S("a\r\n.\r\n\xff"), &used, out);
	assert_false(d.eightbit);
}

#define LONG 2000

/* Stray ends of one kind, and none of the other. */
static void
test_one_kind(void **state)
{
	char *in = malloc(LONG), *out = malloc(2 * LONG + 4);
	struct dot_reader d;
	size_t used, i, n;

	(void)state;
	for (i = 0; i < LONG; i++)
		in[i] = i % 2 == 0 ? 'a' : '\r';
	dot_reader_init(&d);
	n = dot_read(&d, in, LONG, &used, out);
	assert_int_equal(n, LONG - 1); /* the last CR is held */
	for (i = 0; i < n; i++)
		assert_int_equal(out[i], i % 2 == 0 ? 'a' : ' ');
	for (i = 0; i < LONG; i++)
		in[i] = i % 2 == 0 ? 'a' : '\n';
	dot_reader_init(&d);
	n = dot_read(&d, in, LONG, &used, out);
	assert_int_equal(n, LONG / 2 * 3);
	for (i = 0; i < n; i++)
		assert_int_equal(out[i], "a\r\n"[i % 3]);
	free(in);
	free(out);
}

/* The end of told data gives a last line the end that it lacks, once. */
static void
test_counted_end(void **state)
{
	static const struct {
		const char *in, *out;
	} ends[] = { { "", "" }, { "a", "a\r\n" }, { "a\r", "a\r\n" },
		{ "a\r\n", "a\r\n" }, { "a\r\nb", "a\r\nb\r\n" },
		{ ".\r\n.", ".\r\n.\r\n" }, { "\n", "\r\n" }, { "\r", "\r\n" },
		{ "a\r\n\r\n", "a\r\n\r\n" } };
	struct dot_reader d;
	char out[32];
	size_t i, n, used;

	(void)state;
	for (i = 0; i < MX_COUNT(ends); i++) {
		dot_reader_init_counted(&d);
		n = dot_read(&d, ends[i].in, strlen(ends[i].in), &used, out);
		n += dot_read_end(&d, out + n);
		out[n] = '\0';
		assert_string_equal(out, ends[i].out);
		assert_int_equal(d.size, n);
	}
}

static const struct {
	const char *in, *out;
} writes[] = {
	{ "", ".\r\n" },
	{ "a\r\n", "a\r\n.\r\n" },
	{ "a", "a\r\n.\r\n" },
	{ ".", "..\r\n.\r\n" },
	{ ".\r\n", "..\r\n.\r\n" },
	{ "..\r\n.x\r\na.\r\n", "...\r\n..x\r\na.\r\n.\r\n" },
	{ "\r\n\r\n", "\r\n\r\n.\r\n" },
	{ "a\r", "a\r\n.\r\n" },
};

static void
test_write(void **state)
{
	struct dot_writer d;
	char out[128];
	size_t i, k, n, len;

	(void)state;
	for (i = 0; i < MX_COUNT(writes); i++) {
		len = strlen(writes[i].in);
		for (k = 0; k <= len; k++) {
			dot_writer_init(&d);
			n = dot_write(&d, writes[i].in, k, out);
			n += dot_write(&d, writes[i].in + k, len - k, out + n);
			n += dot_write_end(&d, out + n);
			out[n] = '\0';
			assert_string_equal(out, writes[i].out);
		}
	}
}

/* Property: a random text of the four bytes that matter and a few others
 * gives the same however it is cut. */
static void
test_random_cuts(void **state)
{
	static const char alphabet[] = "\r\n.ax\0\x80";
	char in[64], whole[256], cut[256];
	struct dot_reader d;
	size_t i, len, n, m, a, b, eaten, eaten2, round;
	uint32_t rnd = 12345;

	(void)state;
	for (round = 0; round < 20000; round++) {
		rnd = rnd * 1664525u + 1013904223u;
		len = (rnd >> 16) % sizeof(in);
		for (i = 0; i < len; i++) {
			rnd = rnd * 1664525u + 1013904223u;
			in[i] = alphabet[(rnd >> 16) % (sizeof(alphabet) - 1)];
		}
		n = read_cut(&d, in, len, len, len, whole, &eaten);
		a = len ? (rnd >> 8) % (len + 1) : 0;
		b = a + (len - a ? (rnd >> 4) % (len - a + 1) : 0);
		m = read_cut(&d, in, len, a, b, cut, &eaten2);
		assert_int_equal(n, m);
		assert_int_equal(eaten, eaten2);
		assert_memory_equal(whole, cut, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_smuggled_envelope),
		cmocka_unit_test(test_eightbit),
		cmocka_unit_test(test_one_kind),
		cmocka_unit_test(test_counted_end),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_random_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
