/* SPDX-License-Identifier: ISC
 * Paths from MAIL and RCPT: what is taken, as what, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "smtp/path.h"

#define L16  "aaaaaaaaaaaaaaaa"
#define L64  L16 L16 L16 L16
#define L600 L64 L64 L64 L64 L64 L64 L64 L64 L64 L16 "bbbbbbbb"
#define ALL  (PATH_NULL_OK | PATH_POSTMASTER_OK)

static const struct {
	const char *name, *in;
	unsigned flags;
	int rc;
	const char *mailbox, *domain;
	bool utf8;
} cases[] = {
	{ "plain", "<a@b.example>", 0, 0, "a@b.example", "b.example", false },
	{ "domain case", "<A.b@B.Example>", 0, 0, "A.b@b.example", "b.example",
	    false },
	{ "null sender", "<>", ALL, 0, "", "", false },
	{ "null not allowed", "<>", 0, -MX_ESYNTAX, "", "", false },
	{ "postmaster", "<PoStMaStEr>", ALL, 0, "PoStMaStEr", "", false },
	{ "postmaster, sender", "<postmaster>", PATH_NULL_OK, -MX_ESYNTAX, "",
	    "", false },
	{ "somebody without domain", "<root>", ALL, -MX_ESYNTAX, "", "",
	    false },
	{ "source route", "<@x.example,@y.example:a@c.example>", 0, 0,
	    "a@c.example", "c.example", false },
	{ "route without address", "<@x.example:>", 0, -MX_ESYNTAX, "", "",
	    false },
	{ "route without colon", "<@x.example>", 0, -MX_ESYNTAX, "", "",
	    false },
	{ "route, junk", "<@x y:a@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "percent", "<u%x@c.example>", 0, 0, "u%x@c.example", "c.example",
	    false },
	{ "bang", "<h!u@c.example>", 0, 0, "h!u@c.example", "c.example",
	    false },
	{ "quoted", "<\"a b\"@c.example>", 0, 0, "\"a b\"@c.example",
	    "c.example", false },
	{ "quoted at", "<\"u@x\"@c.example>", 0, 0, "\"u@x\"@c.example",
	    "c.example", false },
	{ "quoted bracket", "<\"a>b\"@c.example>", 0, 0, "\"a>b\"@c.example",
	    "c.example", false },
	{ "escapes", "<\"a\\\"\\\\b\"@c.example>", 0, 0,
	    "\"a\\\"\\\\b\"@c.example", "c.example", false },
	{ "open quote", "<\"ab@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "escape at the end", "<\"a\\", 0, -MX_ESYNTAX, "", "", false },
	{ "quote inside", "<a\"b\"@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "dots", "<.a..b.@c.example>", 0, 0, ".a..b.@c.example", "c.example",
	    false },
	{ "two ats", "<u@x@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "blank", "<a b@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "bare LF", "<a\nb@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "LF in quotes", "<\"a\nb\"@c.example>", 0, -MX_ESYNTAX, "", "",
	    false },
	{ "escaped LF", "<\"a\\\nb\"@c.example>", 0, -MX_ESYNTAX, "", "",
	    false },
	{ "no bracket", "a@c.example", 0, -MX_ESYNTAX, "", "", false },
	{ "open bracket", "<a@c.example", 0, -MX_ESYNTAX, "", "", false },
	{ "only a bracket", "<", ALL, -MX_ESYNTAX, "", "", false },
	{ "two brackets", "<<a@c.example>>", 0, -MX_ESYNTAX, "", "", false },
	{ "empty local", "<@c.example>", 0, -MX_ESYNTAX, "", "", false },
	{ "empty domain", "<a@>", 0, -MX_ESYNTAX, "", "", false },
	{ "bad domain", "<a@b c>", 0, -MX_ESYNTAX, "", "", false },
	{ "local of 65", "<" L64 "a@c.example>", 0, 0, L64 "a@c.example",
	    "c.example", false },
	{ "local of 600", "<" L600 "@c.example>", 0, 0, L600 "@c.example",
	    "c.example", false },
	{ "local of 601", "<" L600 "a@c.example>", 0, -MX_ETOOBIG, "", "",
	    false },
	{ "domain of 256", "<a@" L64 L64 L64 L64 ">", 0, -MX_ETOOBIG, "", "",
	    false },
	{ "IPv4 literal", "<u@[127.0.0.1]>", 0, 0, "u@[127.0.0.1]",
	    "[127.0.0.1]", false },
	{ "IPv6 literal", "<u@[IPv6:2001:db8::1]>", 0, 0,
	    "u@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", false },
	{ "IPv4 literal, bad", "<u@[300.0.0.1]>", 0, -MX_ESYNTAX, "", "",
	    false },
	{ "IPv6 without tag", "<u@[2001:db8::1]>", 0, -MX_ESYNTAX, "", "",
	    false },
	{ "open literal", "<u@[127.0.0.1>", 0, -MX_ESYNTAX, "", "", false },
	{ "UTF-8", "<\xc3\xbc@c.example>", PATH_UTF8_OK, 0,
	    "\xc3\xbc@c.example", "c.example", true },
	{ "UTF-8 not agreed", "<\xc3\xbc@c.example>", 0, -MX_ENOENT, "", "",
	    false },
	{ "overlong UTF-8", "<\xc0\xaf@c.example>", PATH_UTF8_OK, -MX_ESYNTAX,
	    "", "", false },
	{ "surrogate", "<\xed\xa0\x80@c.example>", PATH_UTF8_OK, -MX_ESYNTAX,
	    "", "", false },
	{ "cut UTF-8", "<\xe2\x82@c.example>", PATH_UTF8_OK, -MX_ESYNTAX, "",
	    "", false },
	{ "U-label",
	    "<a@b\xc3\xbc"
	    "cher.example>",
	    PATH_UTF8_OK, 0, "a@xn--bcher-kva.example", "xn--bcher-kva.example",
	    true },
	{ "U-label not agreed",
	    "<a@b\xc3\xbc"
	    "cher.example>",
	    0, -MX_ENOENT, "", "", false },
};

static void
test_cases(void **state)
{
	struct smtp_path p;
	size_t i, used, at;
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(cases); i++) {
		used = 0;
		rc = smtp_path_parse(cases[i].in, strlen(cases[i].in),
		    cases[i].flags, &p, &used);
		if (rc != cases[i].rc)
			fail_msg("%s: %d", cases[i].name, rc);
		if (rc < 0)
			continue;
		if (strcmp(p.mailbox, cases[i].mailbox) != 0 ||
		    strcmp(p.domain, cases[i].domain) != 0)
			fail_msg("%s: %s", cases[i].name, p.mailbox);
		assert_int_equal(used, strlen(cases[i].in));
		assert_int_equal(p.utf8, cases[i].utf8);
		assert_int_equal(p.literal, p.domain[0] == '[');
		at = strlen(p.mailbox) - strlen(p.domain);
		assert_int_equal(p.local_len, p.domain[0] ? at - 1 : at);
	}
}

static void
test_tail_is_left(void **state)
{
	struct smtp_path p;
	size_t used;

	(void)state;
	assert_int_equal(
	    smtp_path_parse("<a@b.example> SIZE=1", 20, 0, &p, &used), 0);
	assert_int_equal(used, 13);
}

static void
test_mailbox(void **state)
{
	struct smtp_path p;

	(void)state;
	assert_int_equal(smtp_mailbox_parse("A@B.Example", 11, &p), 0);
	assert_string_equal(p.mailbox, "A@b.example");
	assert_int_equal(smtp_mailbox_parse("a@b.example>", 12, &p),
	    -MX_ESYNTAX);
	assert_int_equal(smtp_mailbox_parse("a", 1, &p), -MX_ESYNTAX);
	assert_int_equal(smtp_mailbox_parse("", 0, &p), -MX_ESYNTAX);
	assert_int_equal(smtp_mailbox_parse("@b.example", 10, &p), -MX_ESYNTAX);
	assert_int_equal(smtp_mailbox_parse("a@b\0c.example", 13, &p),
	    -MX_ESYNTAX);
}

static void
test_postmaster(void **state)
{
	struct smtp_path p;

	(void)state;
	assert_int_equal(smtp_mailbox_parse("PostMaster@b.example", 20, &p), 0);
	assert_true(smtp_is_postmaster(&p));
	assert_int_equal(smtp_mailbox_parse("postmasters@b.example", 21, &p),
	    0);
	assert_false(smtp_is_postmaster(&p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_tail_is_left),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_postmaster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
