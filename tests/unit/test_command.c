/* SPDX-License-Identifier: ISC
 * Command lines: verb, reply code and status of each, with everything
 * offered and with nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "smtp/command.h"

#define S(x) (x), sizeof(x) - 1

static const struct smtp_command_ext everything = { true, true, true, true,
	false };
static const struct smtp_command_ext everything8 = { true, true, true, true,
	true };
static const struct smtp_command_ext nothing = { 0 };

static const struct {
	const char *line;
	size_t len;
	const struct smtp_command_ext *ext; /* NULL: everything */
	enum smtp_verb verb;
	unsigned code; /* 0: fine */
	const char *status;
} cases[] = {
	{ S("HELO a.example"), NULL, VERB_HELO, 0, "" },
	{ S("ehlo [127.0.0.1]"), NULL, VERB_EHLO, 0, "" },
	{ S("EHLO my_pc \t"), NULL, VERB_EHLO, 0, "" },
	{ S("HELO"), NULL, VERB_HELO, 501, "5.5.4" },
	{ S("EHLO "), NULL, VERB_EHLO, 501, "5.5.4" },
	{ S("EHLO a b"), NULL, VERB_EHLO, 501, "5.5.4" },
	{ S("EHLO a(b)"), NULL, VERB_EHLO, 501, "5.5.4" },
	{ S("EHLO a\r\nX: y"), NULL, VERB_EHLO, 501, "5.5.2" },
	{ S("EHLO a\0b"), NULL, VERB_EHLO, 501, "5.5.2" },
	{ S("EHLO \xc3\xbc"), NULL, VERB_EHLO, 501, "5.5.2" },
	{ S("DATA"), NULL, VERB_DATA, 0, "" },
	{ S("data  "), NULL, VERB_DATA, 0, "" },
	{ S("DATA x"), NULL, VERB_DATA, 501, "5.5.4" },
	{ S("RSET x"), NULL, VERB_RSET, 501, "5.5.4" },
	{ S("QUIT x"), NULL, VERB_QUIT, 501, "5.5.4" },
	{ S("STARTTLS x"), NULL, VERB_STARTTLS, 501, "5.5.4" },
	{ S("QUIT"), NULL, VERB_QUIT, 0, "" },
	{ S("NOOP anything goes"), NULL, VERB_NOOP, 0, "" },
	{ S("VRFY"), NULL, VERB_VRFY, 501, "5.5.4" },
	{ S("VRFY joe"), NULL, VERB_VRFY, 0, "" },
	{ S("EXPN"), NULL, VERB_EXPN, 501, "5.5.4" },
	{ S("HELP"), NULL, VERB_HELP, 0, "" },
	{ S("ETRN a.example"), NULL, VERB_ETRN, 0, "" },
	{ S("AUTH PLAIN x"), NULL, VERB_AUTH, 0, "" },
	{ S("BDAT 0"), NULL, VERB_BDAT, 0, "" },
	{ S("bdat 86  last "), NULL, VERB_BDAT, 0, "" },
	{ S("BDAT 99999999999999999999 LAST"), NULL, VERB_BDAT, 0, "" },
	{ S("BDAT"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT -1"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT 0x10"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT 5 FIRST"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT 5 LAST x"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT LAST"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT 5LAST"), NULL, VERB_BDAT, 501, "5.5.4" },
	{ S("BDAT 5 \xff"), NULL, VERB_BDAT, 501, "5.5.2" },
	{ S(""), NULL, VERB_UNKNOWN, 0, "" },
	{ S(" QUIT"), NULL, VERB_UNKNOWN, 0, "" },
	{ S("QUITX"), NULL, VERB_UNKNOWN, 0, "" },
	{ S("QUI"), NULL, VERB_UNKNOWN, 0, "" },
	{ S("\x80\xff\xfe"), NULL, VERB_UNKNOWN, 501, "5.5.2" },
	{ S("a\0b"), NULL, VERB_UNKNOWN, 501, "5.5.2" },
	{ S("GET / HTTP/1.1"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("get"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("POST / HTTP/1.0"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("CONNECT a:25 HTTP/1.0"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("Subject: x"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("from:x"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("Received: \xc3\xbc"), NULL, VERB_FORBIDDEN, 0, "" },
	{ S("GETX"), NULL, VERB_UNKNOWN, 0, "" },
	{ S("QUIT: x"), NULL, VERB_UNKNOWN, 0, "" },
	{ S("MAIL FROM:<a@b.example>"), NULL, VERB_MAIL, 0, "" },
	{ S("mail from: <a@b.example>"), NULL, VERB_MAIL, 0, "" },
	{ S("MAIL FROM:<>"), NULL, VERB_MAIL, 0, "" },
	{ S("MAIL"), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL TO:<a@b.example>"), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL FROM :<a@b.example>"), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL FROM:  <a@b.example>"), NULL, VERB_MAIL, 501, "5.1.7" },
	{ S("MAIL FROM:a@b.example"), NULL, VERB_MAIL, 501, "5.1.7" },
	{ S("MAIL FROM:<a@b.example>x"), NULL, VERB_MAIL, 501, "5.1.7" },
	{ S("MAIL FROM:<a\0@b.example>"), NULL, VERB_MAIL, 501, "5.5.2" },
	{ S("MAIL FROM:<a@b.example> \xc3\xbc"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SIZE=10  BODY=8BITMIME"), NULL, VERB_MAIL,
	    0, "" },
	{ S("MAIL FROM:<a@b.example> SIZE=10"), &nothing, VERB_MAIL, 555,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SIZE="), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SIZE"), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SIZE=5e22"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SIZE=-1"), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SIZE=1 SIZE=1"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> BODY=7BIT BODY=7BIT"), NULL, VERB_MAIL,
	    501, "5.5.4" },
	{ S("MAIL FROM:<a@b.example> BODY=BINARYMIME"), NULL, VERB_MAIL, 504,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> BODY=9BIT"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> BODY=8BITMIME"), &nothing, VERB_MAIL, 555,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> XYZ=1"), NULL, VERB_MAIL, 555, "5.5.4" },
	{ S("MAIL FROM:<a@b.example> =1"), NULL, VERB_MAIL, 501, "5.5.4" },
	{ S("MAIL FROM:<a@b.example> NOTIFY=NEVER"), NULL, VERB_MAIL, 555,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SMTPUTF8"), NULL, VERB_MAIL, 0, "" },
	{ S("MAIL FROM:<a@b.example> SMTPUTF8=1"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> SMTPUTF8"), &nothing, VERB_MAIL, 555,
	    "5.5.4" },
	{ S("MAIL FROM:<\xc3\xbc@b.example> SMTPUTF8"), NULL, VERB_MAIL, 0,
	    "" },
	{ S("MAIL FROM:<\xc3\xbc@b.example>"), NULL, VERB_MAIL, 553, "5.6.7" },
	{ S("MAIL FROM:<\xc3\xbc@b.example> SMTPUTF8"), &nothing, VERB_MAIL,
	    553, "5.6.7" },
	{ S("MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B1"), NULL, VERB_MAIL,
	    0, "" },
	{ S("MAIL FROM:<a@b.example> RET=HALF"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> ENVID=a+0D+0AX"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("MAIL FROM:<a@b.example> ENVID=a+2"), NULL, VERB_MAIL, 501,
	    "5.5.4" },
	{ S("RCPT TO:<a@b.example>"), NULL, VERB_RCPT, 0, "" },
	{ S("RCPT TO:<Postmaster>"), NULL, VERB_RCPT, 0, "" },
	{ S("RCPT TO:<>"), NULL, VERB_RCPT, 501, "5.1.3" },
	{ S("RCPT TO:<u@x@b.example>"), NULL, VERB_RCPT, 501, "5.1.3" },
	{ S("RCPT TO:a@b.example"), NULL, VERB_RCPT, 501, "5.1.3" },
	{ S("RCPT TO:<\xc3\xbc@b.example>"), NULL, VERB_RCPT, 553, "5.6.7" },
	{ S("RCPT TO:<\xc3\xbc@b.example>"), &everything8, VERB_RCPT, 0, "" },
	{ S("RCPT TO:<a@b.example> NOTIFY=NEVER"), NULL, VERB_RCPT, 0, "" },
	{ S("RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY "
	    "ORCPT=rfc822;a@b.example"),
	    NULL, VERB_RCPT, 0, "" },
	{ S("RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY"), NULL, VERB_RCPT, 501,
	    "5.5.4" },
	{ S("RCPT TO:<a@b.example> NOTIFY="), NULL, VERB_RCPT, 501, "5.5.4" },
	{ S("RCPT TO:<a@b.example> NOTIFY=DELAY,"), NULL, VERB_RCPT, 501,
	    "5.5.4" },
	{ S("RCPT TO:<a@b.example> ORCPT=a@b.example"), NULL, VERB_RCPT, 501,
	    "5.5.4" },
	{ S("RCPT TO:<a@b.example> ORCPT=rfc822;"), NULL, VERB_RCPT, 501,
	    "5.5.4" },
	{ S("RCPT TO:<a@b.example> NOTIFY=NEVER"), &nothing, VERB_RCPT, 555,
	    "5.5.4" },
	{ S("RCPT TO:<a@b.example> SIZE=1"), NULL, VERB_RCPT, 555, "5.5.4" },
};

static void
test_cases(void **state)
{
	struct smtp_command c;
	struct smtp_refusal why;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(cases); i++) {
		memset(&why, 0, sizeof(why));
		rc = smtp_command_parse(cases[i].line, cases[i].len,
		    cases[i].ext != NULL ? cases[i].ext : &everything, &c,
		    &why);
		if ((rc < 0) != (cases[i].code != 0) ||
		    (cases[i].code != 0 && why.code != cases[i].code) ||
		    c.verb != cases[i].verb)
			fail_msg("\"%s\": %d, verb %s, code %u", cases[i].line,
			    rc, smtp_verb_name(c.verb), why.code);
		if (rc < 0) {
			assert_string_equal(why.status, cases[i].status);
			assert_non_null(why.text);
		}
	}
}

static void
test_values(void **state)
{
	static const char mail[] =
	    "MAIL FROM:<A@B.example> SIZE=123 BODY=8BITMIME SMTPUTF8 "
	    "RET=HDRS ENVID=QQ+2B1";
	static const char rcpt[] = "RCPT TO:<@x.example:c@B.example> "
				   "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c+2Bd";
	static const char big[] =
	    "MAIL FROM:<> SIZE=99999999999999999999999999";
	struct smtp_command c;
	struct smtp_refusal why;

	(void)state;
	assert_int_equal(smtp_command_parse(S(mail), &everything, &c, &why), 0);
	assert_string_equal(c.path.mailbox, "A@b.example");
	assert_true(c.has_size && c.size == 123 && c.smtputf8);
	assert_int_equal(c.body, BODY_8BITMIME);
	assert_int_equal(c.ret, RET_HDRS);
	assert_string_equal(c.envid, "QQ+2B1");
	assert_int_equal(smtp_command_parse(S(rcpt), &everything, &c, &why), 0);
	assert_string_equal(c.path.mailbox, "c@b.example");
	assert_string_equal(c.path.domain, "b.example");
	assert_int_equal(c.notify,
	    NOTIFY_GIVEN | NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_string_equal(c.orcpt, "rfc822;c+2Bd");
	assert_int_equal(smtp_command_parse(S(big), &everything, &c, &why), 0);
	assert_true(c.size == UINT64_MAX);
	assert_string_equal(c.path.mailbox, "");
	assert_int_equal(
	    smtp_command_parse(S("ETRN  a.b  "), &everything, &c, &why), 0);
	assert_int_equal(c.arg_len, 3);
	assert_memory_equal(c.arg, "a.b", 3);
	assert_int_equal(
	    smtp_command_parse(S("EHLO A.b"), &everything, &c, &why), 0);
	assert_string_equal(c.domain, "A.b");
}

static void
test_lengths(void **state)
{
	char line[COMMAND_LINE_EXT_MAX + 1];
	struct smtp_command c;
	struct smtp_refusal why;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "NOOP ", 5);
	assert_int_equal(smtp_command_parse(line, COMMAND_LINE_MAX - 2,
			     &everything, &c, &why),
	    0);
	assert_true(smtp_command_parse(line, COMMAND_LINE_MAX - 1, &everything,
			&c, &why) < 0);
	assert_int_equal(why.code, 500);
	assert_string_equal(why.status, "5.5.2");
	memset(line, ' ', sizeof(line));
	memcpy(line, "MAIL FROM:<>", 12);
	assert_int_equal(smtp_command_parse(line, COMMAND_LINE_EXT_MAX - 2,
			     &everything, &c, &why),
	    0);
	assert_true(smtp_command_parse(line, COMMAND_LINE_EXT_MAX - 1,
			&everything, &c, &why) < 0);
	assert_int_equal(why.code, 500);
	/* ENVID 100 and 101, ORCPT 500 and 501 */
	memset(line, 'x', sizeof(line));
	memcpy(line, "MAIL FROM:<> ENVID=", 19);
	assert_int_equal(smtp_command_parse(line, 119, &everything, &c, &why),
	    0);
	assert_int_equal(strlen(c.envid), 100);
	assert_true(smtp_command_parse(line, 120, &everything, &c, &why) < 0);
	memcpy(line, "RCPT TO:<a@b.cd> ORCPT=rfc822;", 30);
	assert_int_equal(
	    smtp_command_parse(line, 23 + 500, &everything, &c, &why), 0);
	assert_int_equal(strlen(c.orcpt), 500);
	assert_true(
	    smtp_command_parse(line, 23 + 501, &everything, &c, &why) < 0);
}

static void
test_xtext(void **state)
{
	char d[16];

	(void)state;
	assert_int_equal(smtp_xtext_decode("a+2Bb+3D+20c", d, sizeof(d)), 0);
	assert_string_equal(d, "a+b= c");
	assert_int_equal(smtp_xtext_decode("", d, sizeof(d)), 0);
	assert_true(smtp_xtext_decode("a+2", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("a+", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("a+2b", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("a=b", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("a b", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("+00", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("+0D+0AX:", d, sizeof(d)) < 0);
	assert_true(smtp_xtext_decode("abcd", d, 4) < 0);
	assert_int_equal(smtp_xtext_decode("abcd", d, 5), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_xtext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
