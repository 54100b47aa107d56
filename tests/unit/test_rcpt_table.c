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

static const struct rcpt_rules plain = { .delimiter = "" };

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
			   "greta@example.org rejected-mail@example.org\n"
			   "hugo@example.org REJECT: not the word\n"
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
	{ "a@example.com", RCPT_FOUND_NO_DOMAIN, "" },
	{ "a@caught.tes", RCPT_FOUND_NO_DOMAIN, "" },
	{ "a@caught.test.", RCPT_FOUND_NO_DOMAIN, "" },
	{ "greta@example.org", RCPT_FOUND_OK, "" },
	{ "hugo@example.org", RCPT_FOUND_OK, "" },
	{ "last@example.org", RCPT_FOUND_OK, "" },
	{ "nothing", RCPT_FOUND_NOT, "" },
	{ "", RCPT_FOUND_NOT, "" },
	{ "@", RCPT_FOUND_NO_DOMAIN, "" },
};

static void
finds_them(void **state MX_UNUSED)
{
	struct rcpt_note note;
	struct mx_errbuf eb = { "" };
	struct rcpt_table *t =
	    rcpt_table_parse(file, sizeof(file) - 1, &note, &eb);
	struct rcpt_match m;
	size_t i;

	assert_string_equal(eb.text, "");
	assert_non_null(t);
	assert_int_equal(note.ignored, 1);
	for (i = 0; i < MX_COUNT(finds); i++) {
		if (rcpt_table_find(t, &plain, finds[i].mailbox, &m) !=
		    finds[i].want)
			fail_msg("%s", finds[i].mailbox);
		assert_string_equal(m.text, finds[i].text);
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

/* Files of another kind are called by their name. */
static const struct {
	const char *text, *want;
	size_t len; /* 0: strlen */
} others[] = {
	{ "/^ada@example\\.org$/ OK\n", "regexp or pcre", 0 },
	{ "\"DisplayName\",\"PrimarySmtpAddress\"\n", "CSV", 0 },
	{ "ada@example.org;Ada\n", "CSV", 0 },
	{ "ada@example.org\n", "ADDRESS OK", 0 },
	{ "dn: uid=ada,dc=example,dc=org\nmail: ada@example.org\n", "LDIF", 0 },
	{ "INSERT INTO alias VALUES\n", "SQL", 0 },
	{ "\xff\xfe"
	  "a\0d\0a\0@\0b\0.\0c\0 \0O\0K\0\n",
	    "UTF-16", 23 },
};

static void
names_others(void **state MX_UNUSED)
{
	struct rcpt_note note;
	struct mx_errbuf eb;
	struct rcpt_table *t;
	size_t i;

	for (i = 0; i < MX_COUNT(others); i++) {
		t = rcpt_table_parse(others[i].text,
		    others[i].len > 0 ? others[i].len : strlen(others[i].text),
		    &note, &eb);
		assert_null(t);
		if (strstr(eb.text, others[i].want) == NULL)
			fail_msg("%s: %s", others[i].want, eb.text);
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
	struct rcpt_match why;

	assert_non_null(t);
	assert_int_equal(rcpt_table_find(t, &plain, "u@b.test", &why),
	    RCPT_FOUND_OK);
	rcpt_table_destroy(&t);
}

/* What an address is listed as, by the rules. */
static const struct {
	const char *delimiter;
	bool batv;
	const char *mailbox;
	enum rcpt_found want;
} forms[] = {
	{ "", false, "ada+shop@d.test", RCPT_FOUND_NOT },
	{ "+", false, "ada+shop@d.test", RCPT_FOUND_OK },
	{ "+", false, "Ada+Shop@d.test", RCPT_FOUND_OK },
	{ "+", false, "ada+@d.test", RCPT_FOUND_OK },
	{ "+", false, "ada+a+b@d.test", RCPT_FOUND_OK },
	{ "+", false, "+ada@d.test", RCPT_FOUND_NOT },
	{ "+", false, "ad+a@d.test", RCPT_FOUND_NOT },
	{ "+", false, "ada-shop@d.test", RCPT_FOUND_NOT },
	{ "-+", false, "ada-shop@d.test", RCPT_FOUND_OK },
	{ "-+", false, "ada-a+b@d.test", RCPT_FOUND_OK },
	{ "+", false, "\"ada+my shop\"@d.test", RCPT_FOUND_OK },
	{ "+", false, "\"ada\"@d.test", RCPT_FOUND_OK },
	{ "+", false, "bob+x@d.test", RCPT_FOUND_REJECT }, /* of bob */
	{ "+", false, "bob+keep@d.test", RCPT_FOUND_OK }, /* listed itself */
	{ "+", false, "x+y@c.test", RCPT_FOUND_OK }, /* a catch-all */
	{ "+", false, "no+x@c.test", RCPT_FOUND_REJECT }, /* before it */
	{ "-", false, "owner-list@d.test", RCPT_FOUND_NOT },
	{ "-", false, "list-request@d.test", RCPT_FOUND_NOT },
	{ "-", false, "owner@d.test", RCPT_FOUND_OK },
	{ "-", false, "list-x@d.test", RCPT_FOUND_OK },
	{ "", false, "prvs=1234abcdef=ada@d.test", RCPT_FOUND_NOT },
	{ "", true, "prvs=1234abcdef=ada@d.test", RCPT_FOUND_OK },
	{ "", true, "PRVS=1234ABCDEF=ada@d.test", RCPT_FOUND_OK },
	{ "", true, "prvs=1234abcdef=ada+shop@d.test", RCPT_FOUND_NOT },
	{ "+", true, "prvs=1234abcdef=ada+shop@d.test", RCPT_FOUND_OK },
	{ "+=", true, "prvs=1234abcdef=ada=shop@d.test", RCPT_FOUND_OK },
	{ "", true, "prvs=123abcdef=ada@d.test", RCPT_FOUND_NOT },
	{ "", true, "prvs=1234abcdeg=ada@d.test", RCPT_FOUND_NOT },
	{ "", true, "prvs=1234abcdef=@d.test", RCPT_FOUND_NOT },
	{ "", true, "prvs=1234abcdef@d.test", RCPT_FOUND_NOT },
	{ "", true, "prvs=@d.test", RCPT_FOUND_NOT },
	{ "", true, "prvs=1234abcdef=nobody@d.test", RCPT_FOUND_NOT },
	{ "+", true, "ada+x@other.test", RCPT_FOUND_NO_DOMAIN },
};

static void
follows_rules(void **state MX_UNUSED)
{
	static const char text[] = "ada@d.test OK\nbob@d.test REJECT\n"
				   "bob+keep@d.test OK\nlist@d.test OK\n"
				   "owner@d.test OK\n@c.test OK\n"
				   "no@c.test REJECT\n";
	struct rcpt_note note;
	struct mx_errbuf eb;
	struct rcpt_table *t =
	    rcpt_table_parse(text, sizeof(text) - 1, &note, &eb);
	struct rcpt_match why;

	for (size_t i = 0; i < MX_COUNT(forms); i++) {
		struct rcpt_rules r = { forms[i].delimiter, forms[i].batv };
		bool caught = strstr(forms[i].mailbox, "@c.test") != NULL;

		if (rcpt_table_find(t, &r, forms[i].mailbox, &why) !=
		    forms[i].want)
			fail_msg("\"%s\" %d %s", forms[i].delimiter,
			    forms[i].batv, forms[i].mailbox);
		/* a catch-all names nobody */
		assert_int_equal(rcpt_table_lists(t, &r, forms[i].mailbox),
		    forms[i].want == RCPT_FOUND_OK && !caught);
	}
	/* the very address, whatever the rules are */
	assert_true(rcpt_table_names(t, "bob+keep@d.test"));
	assert_false(rcpt_table_names(t, "ada+shop@d.test"));
	rcpt_table_destroy(&t);
}

static const struct {
	const char *mailbox, *core; /* NULL: it is none */
} srs[] = {
	{ "SRS0=HHHH=TT=example.com=ada@d.test", "ada@example.com" },
	{ "srs0+Ab1/=T2=Example.COM=a=b@d.test", "a=b@example.com" },
	{ "SRS0-HHHH=TT=example.com=ada+x@d.test", "ada+x@example.com" },
	{ "\"SRS0=HHHH=TT=example.com=a b\"@d.test", "a b@example.com" },
	{ "SRS1=GGGG=relay.test==HHHH=TT=example.com=ada@d.test",
	    "ada@example.com" },
	{ "SRS1=GGGG=relay.test=+HHHH=TT=example.com=ada@d.test",
	    "ada@example.com" },
	{ "SRS0=HHHH=TTT=example.com=ada@d.test", NULL },
	{ "SRS0=HHHH=TT=example.com=@d.test", NULL },
	{ "SRS0=HHHH=TT==ada@d.test", NULL },
	{ "SRS0=HHHH=TT=-x-=ada@d.test", NULL },
	{ "SRS0==TT=example.com=ada@d.test", NULL },
	{ "SRS0=H%H=TT=example.com=ada@d.test", NULL },
	{ "SRS0=HHHH=TT=example.com@d.test", NULL },
	{ "SRS0@d.test", NULL },
	{ "SRS2=HHHH=TT=example.com=ada@d.test", NULL },
	{ "SRS1=GGGG==HHHH=TT=example.com=ada@d.test", NULL },
	{ "SRS1=GGGG=relay.test=@d.test", NULL },
	{ "ada@d.test", NULL },
	{ "", NULL },
};

static void
knows_srs(void **state MX_UNUSED)
{
	char core[PATH_MAILBOX_MAX];

	for (size_t i = 0; i < MX_COUNT(srs); i++) {
		if (rcpt_srs(srs[i].mailbox, core) != (srs[i].core != NULL))
			fail_msg("%s", srs[i].mailbox);
		if (srs[i].core != NULL)
			assert_string_equal(core, srs[i].core);
	}
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
	struct rcpt_match why;
	int i;

	for (i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, size - len,
		    "user%d@d%d.test OK\n", i, i % 3);
	t = rcpt_table_parse(text, len, &note, &eb);
	assert_non_null(t);
	assert_int_equal(rcpt_table_len(t), N);
	for (i = 0; i < N; i++) {
		snprintf(mailbox, sizeof(mailbox), "user%d@d%d.test", i, i % 3);
		assert_int_equal(rcpt_table_find(t, &plain, mailbox, &why),
		    RCPT_FOUND_OK);
		snprintf(mailbox, sizeof(mailbox), "user%d@d%d.test", i,
		    (i + 1) % 3);
		assert_int_equal(rcpt_table_find(t, &plain, mailbox, &why),
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
		cmocka_unit_test(names_others),
		cmocka_unit_test(byte_order_mark),
		cmocka_unit_test(follows_rules),
		cmocka_unit_test(knows_srs),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
