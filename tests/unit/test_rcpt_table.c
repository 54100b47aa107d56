/* SPDX-License-Identifier: ISC
 * The recipients file: what it may look like, what it says of a recipient,
 * and what makes it a broken one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/smtpd/rcpt_table.h"

static const char file[] = "# comment\n"
			   "   # another\n"
			   "\n"
			   "Ann@Example.ORG OK\n"
			   "bob@example.org\tOK and more\r\n"
			   "carl@example.org\n"
			   "# in between\n"
			   "\n"
			   "   OK\n"
			   "dora@example.org REJECT has left\n"
			   "emil@example.org reject\n"
			   "@caught.test OK\n"
			   "gone@caught.test REJECT\t5.1.6  moved\n"
			   "   to another place\n"
			   "@none.test REJECT nobody here\n"
			   "one@none.test OK\n"
			   "\"with blank\"@example.org OK\n"
			   "dots@example.org. OK\n"
			   "user@b\xc3\xbc"
			   "cher.test OK\n"
			   "bob@example.org REJECT the first one counts\n"
			   "example.com OK\n"
			   "last@example.org OK";

static const struct {
	const char *mailbox;
	enum rcpt_found want;
	const char *text;
} finds[] = {
	{ "ann@example.org", RCPT_FOUND_OK, "" },
	{ "ANN@example.org", RCPT_FOUND_OK, "" },
	{ "bob@example.org", RCPT_FOUND_OK, "" },
	{ "carl@example.org", RCPT_FOUND_OK, "" },
	{ "dora@example.org", RCPT_FOUND_REJECT, "has left" },
	{ "emil@example.org", RCPT_FOUND_REJECT, "" },
	{ "ann+x@example.org", RCPT_FOUND_NOT, "" },
	{ "nn@example.org", RCPT_FOUND_NOT, "" },
	{ "any@caught.test", RCPT_FOUND_OK, "" },
	{ "gone@caught.test", RCPT_FOUND_REJECT,
	    "5.1.6 moved to another place" },
	{ "x@none.test", RCPT_FOUND_REJECT, "nobody here" },
	{ "one@none.test", RCPT_FOUND_OK, "" },
	{ "\"with blank\"@example.org", RCPT_FOUND_OK, "" },
	{ "\"ann\"@example.org", RCPT_FOUND_OK, "" },
	{ "\"a\\nn\"@example.org", RCPT_FOUND_OK, "" },
	{ "\"ann@example.org", RCPT_FOUND_NOT, "" },
	{ "dots@example.org", RCPT_FOUND_OK, "" },
	{ "user@xn--bcher-kva.test", RCPT_FOUND_OK, "" },
	{ "a@example.com", RCPT_FOUND_NOT, "" },
	{ "last@example.org", RCPT_FOUND_OK, "" },
	{ "nothing", RCPT_FOUND_NOT, "" },
	{ "", RCPT_FOUND_NOT, "" },
	{ "@", RCPT_FOUND_NOT, "" },
};

static void
finds_them(void **state MX_UNUSED)
{
	struct rcpt_note note;
	struct mx_errbuf eb = { "" };
	struct rcpt_table *t =
	    rcpt_table_parse(file, sizeof(file) - 1, &note, &eb);
	const char *text;
	size_t i;

	assert_string_equal(eb.text, "");
	assert_non_null(t);
	assert_int_equal(note.ignored, 1);
	for (i = 0; i < MX_COUNT(finds); i++) {
		if (rcpt_table_find(t, finds[i].mailbox, &text) !=
		    finds[i].want)
			fail_msg("%s", finds[i].mailbox);
		assert_string_equal(text, finds[i].text);
	}
	rcpt_table_destroy(&t);
}

static const struct {
	const char *name, *text;
	size_t len; /* 0: strlen */
	unsigned line;
} broken[] = {
	{ "no value", "a@b.test OK\nb@b.test\nc@b.test OK\n", 0, 2 },
	{ "no value at the end", "a@b.test OK\nb@b.test", 0, 2 },
	{ "no domain name", "a@b.test OK\nb@-b-.test OK\n", 0, 2 },
	{ "empty domain", "a@ OK\n", 0, 1 },
	{ "blank first", "\n  a@b.test OK\n", 0, 2 },
	{ "NUL in a key", "a@b.test OK\na\0@b.test OK\n", 25, 2 },
	{ "empty", "", 0, 0 },
	{ "comments only", "# a\n\n", 0, 0 },
	{ "no address at all", "example.org OK\n", 0, 0 },
	{ "overlong local part",
	    "a@b.test OK\n"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaa@b.test OK\n",
	    0, 2 },
};

static void
breaks(void **state MX_UNUSED)
{
	struct rcpt_note note;
	struct mx_errbuf eb;
	struct rcpt_table *t;
	size_t i;

	for (i = 0; i < MX_COUNT(broken); i++) {
		eb.text[0] = '\0';
		t = rcpt_table_parse(broken[i].text,
		    broken[i].len > 0 ? broken[i].len : strlen(broken[i].text),
		    &note, &eb);
		if (t != NULL || note.line != broken[i].line)
			fail_msg("%s: line %u", broken[i].name, note.line);
		assert_true(eb.text[0] != '\0');
	}
}

/* It would be the beginning of the first key. */
static void
byte_order_mark(void **state MX_UNUSED)
{
	static const char text[] = "\xef\xbb\xbfu@b.test OK\nv@b.test OK\n";
	struct rcpt_note note;
	struct mx_errbuf eb;
	struct rcpt_table *t =
	    rcpt_table_parse(text, sizeof(text) - 1, &note, &eb);
	const char *why;

	assert_non_null(t);
	assert_int_equal(rcpt_table_find(t, "u@b.test", &why), RCPT_FOUND_OK);
	rcpt_table_destroy(&t);
}

/* All that is in is found, nothing else is. */
static void
many(void **state MX_UNUSED)
{
	enum { N = 200000 };
	size_t size = N * 40u, len = 0;
	char *text = mem_alloc(size), mailbox[64];
	struct rcpt_note note;
	struct mx_errbuf eb;
	struct rcpt_table *t;
	const char *why;
	int i;

	for (i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, size - len,
		    "user%d@d%d.test OK\n", i, i % 3);
	t = rcpt_table_parse(text, len, &note, &eb);
	assert_non_null(t);
	assert_int_equal(rcpt_table_len(t), N);
	for (i = 0; i < N; i++) {
		snprintf(mailbox, sizeof(mailbox), "user%d@d%d.test", i, i % 3);
		assert_int_equal(rcpt_table_find(t, mailbox, &why),
		    RCPT_FOUND_OK);
		snprintf(mailbox, sizeof(mailbox), "user%d@d%d.test", i,
		    (i + 1) % 3);
		assert_int_equal(rcpt_table_find(t, mailbox, &why),
		    RCPT_FOUND_NOT);
	}
	rcpt_table_destroy(&t);
	mem_free(&text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_them),
		cmocka_unit_test(breaks),
		cmocka_unit_test(byte_order_mark),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
