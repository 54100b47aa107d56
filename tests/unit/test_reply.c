/* SPDX-License-Identifier: ISC
 * Replies as servers send them, good and bad, whole and a byte at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "smtp/phase.h"
#include "smtp/reply.h"

static const struct {
	const char *name, *in;
	int rc;
	unsigned code, lines;
	const char *text, *status; /* status "" : none in the text */
} cases[] = {
	{ "plain", "250 ok\r\n", 1, 250, 1, "ok", "" },
	{ "LF alone", "250 ok\n", 1, 250, 1, "ok", "" },
	{ "no text", "250\r\n", 1, 250, 1, "", "" },
	{ "blank only", "250 \r\n", 1, 250, 1, "", "" },
	{ "tab", "250\tok\r\n", 1, 250, 1, "ok", "" },
	{ "several lines", "250-a\r\n250-b c\r\n250 d\r\n", 1, 250, 3,
	    "a\nb c\nd", "" },
	{ "empty lines inside", "250-\r\n250-\r\n250 x\r\n", 1, 250, 3, "\n\nx",
	    "" },
	{ "status", "550 5.1.1 no such user\r\n", 1, 550, 1,
	    "5.1.1 no such user", "5.1.1" },
	{ "status alone", "250 2.0.0\r\n", 1, 250, 1, "2.0.0", "2.0.0" },
	{ "status of another class", "450 5.1.1 x\r\n", 1, 450, 1, "5.1.1 x",
	    "" },
	{ "no status but numbers", "550 5.1.1234 x\r\n", 1, 550, 1,
	    "5.1.1234 x", "" },
	{ "354", "354 go\r\n", 1, 354, 1, "go", "" },
	{ "unknown second digit", "299 x\r\n", 1, 299, 1, "x", "" },
	{ "half a line", "250 o", 0, 0, 0, NULL, NULL },
	{ "half a reply", "250-a\r\n", 0, 0, 0, NULL, NULL },
	{ "1xx", "150 x\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "6xx", "600 x\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "999", "999\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "2x0", "2x0 ok\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "four digits", "2500 ok\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "two digits", "25\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "empty line", "\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "codes differ", "250-a\r\n251 b\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
	{ "web server", "HTTP/1.1 400 Bad\r\n", -MX_ESYNTAX, 0, 0, NULL, NULL },
};

/* Feeds in pieces of `piece` octets; *eaten is how much went in. */
static int
feed(struct reply_parser *p, const char *in, size_t len, size_t piece,
    size_t *eaten, struct smtp_reply *out)
{
	size_t used, n;
	int rc = 0;

	for (*eaten = 0; *eaten < len && rc == 0; *eaten += used) {
		n = len - *eaten < piece ? len - *eaten : piece;
		rc = reply_parse(p, in + *eaten, n, &used, out);
		assert_true(used <= n);
		if (rc == 0)
			assert_int_equal(used, n);
	}
	return rc;
}

static void
test_cases(void **state)
{
	struct reply_parser p;
	struct smtp_reply r;
	size_t i, piece, eaten;
	char st[16];
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(cases); i++) {
		for (piece = 1; piece < 50; piece += 7) {
			reply_parser_init(&p);
			rc = feed(&p, cases[i].in, strlen(cases[i].in), piece,
			    &eaten, &r);
			if (rc != cases[i].rc)
				fail_msg("%s: %d", cases[i].name, rc);
			if (rc == 1) {
				assert_int_equal(r.code, cases[i].code);
				assert_int_equal(r.lines, cases[i].lines);
				assert_string_equal(r.text, cases[i].text);
				assert_int_equal(r.has_status,
				    cases[i].status[0] != '\0');
				if (r.has_status)
					assert_string_equal(cases[i].status,
					    smtp_status_fmt(&r.status, st));
			}
			reply_parser_fini(&p);
		}
	}
}

static void
test_two_in_a_row(void **state)
{
	static const char in[] = "250 one\r\n550-5.7.1 two\r\n550 more\r\n";
	struct reply_parser p;
	struct smtp_reply r;
	size_t eaten, more;
	char st[16];

	(void)state;
	reply_parser_init(&p);
	assert_int_equal(feed(&p, in, strlen(in), 100, &eaten, &r), 1);
	assert_int_equal(eaten, 9);
	assert_string_equal(smtp_status_fmt(&r.status, st), "2.0.0");
	assert_int_equal(
	    feed(&p, in + eaten, strlen(in + eaten), 100, &more, &r), 1);
	assert_int_equal(eaten + more, strlen(in));
	assert_string_equal(r.text, "5.7.1 two\nmore");
	assert_string_equal(smtp_status_fmt(&r.status, st), "5.7.1");
	reply_parser_fini(&p);
}

static void
test_bounds(void **state)
{
	struct reply_parser p;
	struct smtp_reply r;
	char line[5000];
	size_t used, i;
	int rc = 0;

	(void)state;
	reply_parser_init(&p);
	/* one endless line: cut, but the next reply is read right */
	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	for (i = 0; i < 100; i++) {
		rc = reply_parse(&p, i ? line + 4 : line, sizeof(line) - 4,
		    &used, &r);
		assert_int_equal(rc, 0);
		assert_true(p.line.len <= REPLY_LINE_MAX);
	}
	assert_int_equal(reply_parse(&p, "\r\n", 2, &used, &r), 1);
	assert_int_equal(strlen(r.text), REPLY_LINE_MAX - 4);
	assert_int_equal(reply_parse(&p, "250 ok\r\n", 8, &used, &r), 1);
	assert_string_equal(r.text, "ok");
	/* lines that have no room are left out whole */
	memcpy(line, "250-", 4);
	memcpy(line + 1000, "\r\n", 2);
	for (i = 0; i < 5; i++)
		assert_int_equal(reply_parse(&p, line, 1002, &used, &r), 0);
	assert_int_equal(reply_parse(&p, "250 SIZE 1\r\n", 12, &used, &r), 1);
	assert_int_equal(strlen(r.text), 4 * 996 + 3 + 7);
	/* too many lines */
	for (i = 0; i < REPLY_LINES_MAX; i++)
		assert_int_equal(reply_parse(&p, "250-\n", 5, &used, &r), 0);
	assert_int_equal(reply_parse(&p, "250 \n", 5, &used, &r), -MX_ESYNTAX);
	reply_parser_fini(&p);
}

static void
test_nul(void **state)
{
	struct reply_parser p;
	struct smtp_reply r;
	size_t used;

	(void)state;
	reply_parser_init(&p);
	assert_int_equal(reply_parse(&p, "250 a\0b\r\n", 9, &used, &r), 1);
	assert_string_equal(r.text, "a?b");
	reply_parser_fini(&p);
}

static void
test_status(void **state)
{
	struct smtp_status st;
	char s[16];

	(void)state;
	assert_int_equal(smtp_status_parse("5.1.10 x", &st), 6);
	assert_string_equal(smtp_status_fmt(&st, s), "5.1.10");
	assert_int_equal(smtp_status_parse("3.1.1", &st), 0);
	assert_int_equal(smtp_status_parse("5.1", &st), 0);
	assert_int_equal(smtp_status_parse("5.1.", &st), 0);
	assert_int_equal(smtp_status_parse("5..1", &st), 0);
	assert_int_equal(smtp_status_parse("5.1.1.2", &st), 0);
	assert_int_equal(smtp_status_parse("", &st), 0);
	assert_string_equal(smtp_status_fmt(&st, s), "");
}

static void
test_phase_names(void **state)
{
	int i, k;

	(void)state;
	assert_string_equal(smtp_phase_name(SMTP_PHASE_NONE), "none");
	assert_string_equal(smtp_phase_name(SMTP_PHASE_EOD), "eod");
	for (i = 0; i < SMTP_PHASE_MAX; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(
			    smtp_phase_name((enum smtp_phase)i),
			    smtp_phase_name((enum smtp_phase)k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_two_in_a_row),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_phase_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
