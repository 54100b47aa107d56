/* SPDX-License-Identifier: ISC
 * The header as Postfix keeps it, each input in pieces of every size. The
 * expectations are what Postfix 3.7 stored of the same bytes, blanks before
 * the colon apart, which it takes out and a signature would miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "relay/smtpd/header.h"

#define END "\r\n\r\nbody\r\nA: x\r\n y\r\n"
#define ME  NULL /* comes out as it went in */

static const struct {
	const char *name, *in, *out;
} cases[] = {
	{ "nothing", "", ME },
	{ "a header", "A: b\r\nC: d\r\n e\r\n\tf" END, ME },
	{ "no body", "A: b\r\nC: d\r\n", ME },
	{ "no header", "\r\nbody\r\n", ME },
	{ "empty values", "A:\r\nB: " END, ME },
	{ "a line of blanks", "A: b\r\n \t\r\nC: d" END, ME },
	{ "names", "a-B_c/d.1=\"(<@>)\"$%: b\r\n>A: c" END, ME },
	{ "blanks before the colon", "A : b\r\nC \t: d" END, ME },
	{ "8 bit in a value", "A: \xc3\xbc\xff" END, ME },
	{ "From: is a field", "From: x\r\nFrom : x" END, ME },
	{ "first a blank", " A: b" END, "\r\n A: b" END },
	{ "first a tab", "\tA: b" END, "\r\n\tA: b" END },
	{ "first a line of blanks", " \r\nA: b" END, "\r\n \r\nA: b" END },
	{ "first no field", "hello there\r\nA: b" END,
	    "\r\nhello there\r\nA: b" END },
	{ "body alone", "hello\r\n", "\r\nhello\r\n" },
	{ "the end is missing", "A: b\r\nhello\r\nC: d" END,
	    "A: b\r\n\r\nhello\r\nC: d" END },
	{ "... behind blanks", "A: b\r\n \r\nhello\r\n",
	    "A: b\r\n \r\n\r\nhello\r\n" },
	{ "two words", "A: b\r\nA c: d" END, "A: b\r\n\r\nA c: d" END },
	{ "no name", "A: b\r\n: d" END, "A: b\r\n\r\n: d" END },
	{ "8 bit in a name", "A: b\r\nA\xc3\xbc: d" END,
	    "A: b\r\n\r\nA\xc3\xbc: d" END },
	{ "DEL in a name", "A\x7f: d" END, "\r\nA\x7f: d" END },
	{ "control in a name", "A: b\r\nA\x01: d" END,
	    "A: b\r\n\r\nA\x01: d" END },
	{ "a dot", "A: b\r\n.\r\nC: d" END, "A: b\r\n\r\n.\r\nC: d" END },
	{ "mailbox", "From x@y Mon Jan 1\r\nA: b" END,
	    "X-Mailbox-Line: From x@y Mon Jan 1\r\nA: b" END },
	{ "mailbox in a mailbox", ">>From x: y\r\nA: b" END,
	    "X-Mailbox-Line: >>From x: y\r\nA: b" END },
	{ "two", "From x\r\nFrom y\r\nA: b" END,
	    "X-Mailbox-Line: From x\r\nX-Mailbox-Line: From y\r\nA: b" END },
	{ "mailbox, blank", "From x\r\n A: b" END,
	    "X-Mailbox-Line: From x\r\n\r\n A: b" END },
	{ "mailbox, no header", "From x\r\n\r\nb\r\n",
	    "X-Mailbox-Line: From x\r\n\r\nb\r\n" },
	{ "mailbox of nobody", "From \r\nA: b" END,
	    "X-Mailbox-Line: From \r\nA: b" END },
	{ "no mailbox", "from x\r\nA: b" END, "\r\nfrom x\r\nA: b" END },
	{ "no mailbox, a tab", "From\tx\r\nA: b" END,
	    "\r\nFrom\tx\r\nA: b" END },
	{ "mailbox later", "A: b\r\nFrom x\r\nC: d" END,
	    "A: b\r\n\r\nFrom x\r\nC: d" END },
};

static size_t
read_all(const char *in, size_t len, size_t step, char *out)
{
	struct header_reader h;
	size_t pos = 0, n = 0, got, used;
	char *tmp;

	header_reader_init(&h);
	while (pos < len && !h.over) {
		size_t part = step < len - pos ? step : len - pos;

		tmp = mem_alloc(HEADER_OUT(part));
		got = header_read(&h, in + pos, part, &used, tmp);
		assert_true(used == part || h.over);
		assert_true(got <= HEADER_OUT(part));
		memcpy(out + n, tmp, got);
		mem_free(&tmp);
		n += got;
		pos += used;
		if (pos > 0 && in[pos - 1] == '\n')
			assert_int_equal(h.held, 0);
	}
	assert_int_equal(h.held, 0);
	memcpy(out + n, in + pos, len - pos);
	return n + len - pos;
}

static void
as_postfix(void **state MX_UNUSED)
{
	char out[512];
	size_t i, n, len, step;

	for (i = 0; i < MX_COUNT(cases); i++) {
		const char *want =
		    cases[i].out != ME ? cases[i].out : cases[i].in;

		len = strlen(cases[i].in);
		for (step = 1; step <= len + 1; step++) {
			n = read_all(cases[i].in, len, step, out);
			out[n] = '\0';
			if (n != strlen(want) || strcmp(out, want) != 0)
				fail_msg("%s, step %zu: %s", cases[i].name,
				    step, out);
		}
	}
}

static void
nul_in_it(void **state MX_UNUSED)
{
	static const char value[] = "A: b\0c\r\n\r\nx\0y\r\n";
	static const char name[] = "A\0: b\r\n\r\n";
	char out[64];

	assert_int_equal(read_all(value, sizeof(value) - 1, 3, out),
	    sizeof(value) - 1);
	assert_memory_equal(out, value, sizeof(value) - 1);
	assert_int_equal(read_all(name, sizeof(name) - 1, 3, out),
	    sizeof(name) + 1);
	assert_memory_equal(out, "\r\nA\0: b\r\n\r\n", sizeof(name) + 1);
}

/* Names as long as there is room for, and longer ones. */
static void
long_names(void **state MX_UNUSED)
{
	char in[HEADER_NAME_MAX + 16], out[HEADER_NAME_MAX + 32];
	size_t n, len, step;

	for (n = HEADER_NAME_MAX - 1; n <= HEADER_NAME_MAX + 1; n++) {
		memset(in, 'A', n);
		memcpy(in + n, ": b\r\n", 5);
		for (step = 1; step < 2 * n; step *= 7) {
			len = read_all(in, n + 5, step, out);
			assert_int_equal(len,
			    n + 5 + (n > HEADER_NAME_MAX ? 2 : 0));
			assert_memory_equal(out + len - n - 5, in, n + 5);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_postfix),
		cmocka_unit_test(nul_in_it),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
