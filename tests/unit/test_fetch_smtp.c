/* SPDX-License-Identifier: ISC
 * test_fetch_smtp: a message to a smarthost: the dialogue, what is made of its
 * refusals, and when a password is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/fetch_site.h"

static char ca_file[] = "/tmp/mxwatch-smtp-XXXXXX";
static struct identity authority, here, elsewhere;

static int
group_setup(void **state MX_UNUSED)
{
	int fd = mkstemp(ca_file);

	if (fd < 0)
		return -1;
	close(fd);
	identity_make(&authority, "an authority", NULL, NULL, -DAY, DAY);
	identity_make(&here, "localhost", &authority, NULL, -DAY, DAY);
	identity_make(&elsewhere, "else.test", &authority, NULL, -DAY, DAY);
	identity_write(&authority, ca_file, NULL);
	return 0;
}

static int
group_teardown(void **state MX_UNUSED)
{
	identity_fini(&authority);
	identity_fini(&here);
	identity_fini(&elsewhere);
	return unlink(ca_file);
}

struct how {
	const char *scheme; /* NULL: smtp */
	bool with_ca, with_password, one;
	int64_t timeout_ms;
};

/* "Subject: x", a line that begins with a dot, to ann@ and bob@. */
static void
submit(struct site *s, const struct how *how, struct outcome *o)
{
	static const char text[] = "Subject: x\r\n\r\n.dot\r\n";
	struct transport *tp = transport_create(NULL, outcome_note, NULL);
	struct carry c = { .timeout_ms = 20000, .arg = o };
	struct message m;

	site_open(s);
	memset(o, 0, sizeof(*o));
	message_init(&m, CARRY_SMTP);
	m.url = mem_printf("%s://localhost:%u/mx2.example.net",
	    how->scheme != NULL ? how->scheme : "smtp", s->port);
	assert_int_equal(buf_add(&m.body, text, strlen(text)), 0);
	if (how->timeout_ms != 0)
		c.timeout_ms = how->timeout_ms;
	if (how->with_ca)
		c.ca_file = mem_strdup(ca_file);
	if (how->with_password) {
		c.user = mem_strdup("ann");
		c.password = mem_strdup("secret");
	}
	strlist_add(&c.to, mem_strdup("ann@example.org"));
	if (!how->one)
		strlist_add(&c.to, mem_strdup("bob@example.org"));
	transport_send(tp, &m, &c);
	outcome_wait(tp, o, 1);
	transport_destroy(&tp);
	site_close(s);
}

static const struct how plain = { .one = false };

/* ---- the dialogue */

static void
all_goes_well(void **state)
{
	struct site s = { .reply = NULL };
	struct outcome o;

	(void)state;
	submit(&s, &plain, &o);
	assert_int_equal(o.r.result, CARRY_SENT);
	assert_false(o.r.partly);
	assert_string_equal(o.r.text, "accepted");
	assert_string_equal(buf_str(&s.got),
	    "EHLO mx2.example.net\r\n"
	    "MAIL FROM:<>\r\n"
	    "RCPT TO:<ann@example.org>\r\n"
	    "RCPT TO:<bob@example.org>\r\n"
	    "DATA\r\n"
	    "Subject: x\r\n\r\n..dot\r\n.\r\n"
	    "QUIT\r\n");
	buf_fini(&s.got);
}

static const struct {
	const char *name;
	struct site_reply reply;
	enum carry_result result;
	bool partly;
	const char *text; /* NULL: any */
	int64_t timeout_ms;
} rows[] = {
	/* one of two does not keep the other from being told */
	{ "one recipient refused",
	    { "RCPT TO:<ann", "550 5.1.1 no such user\r\n" }, CARRY_SENT, true,
	    "accepted, but it replied 550 5.1.1 no such user", 0 },
	{ "one recipient later", { "RCPT TO:<bob", "450 4.2.0 later\r\n" },
	    CARRY_SENT, true, "accepted, but it replied 450 4.2.0 later", 0 },
	{ "all recipients refused", { "RCPT", "550 5.1.1 no such user\r\n" },
	    CARRY_REJECTED, false, "550 5.1.1 no such user", 0 },
	{ "all recipients later", { "RCPT", "450 4.2.0 later\r\n" },
	    CARRY_RETRY, false, "450 4.2.0 later", 0 },
	{ "the sender refused", { "MAIL", "553 5.1.8 who?\r\n" },
	    CARRY_REJECTED, false, "553 5.1.8 who?", 0 },
	{ "the sender later", { "MAIL", "451 4.3.0 later\r\n" }, CARRY_RETRY,
	    false, "451 4.3.0 later", 0 },
	{ "no room", { "MAIL", "452 4.3.1 full\r\n" }, CARRY_RETRY, false,
	    "452 4.3.1 full", 0 },
	{ "DATA refused", { "DATA", "554 5.5.1 no\r\n" }, CARRY_REJECTED, false,
	    "554 5.5.1 no", 0 },
	{ "the content refused", { ".\r\n", "554 5.7.1 spam\r\n" },
	    CARRY_REJECTED, false, "554 5.7.1 spam", 0 },
	{ "the content later", { ".\r\n", "451 4.3.0 later\r\n" }, CARRY_RETRY,
	    false, "451 4.3.0 later", 0 },
	/* 5xx, but about a command of ours, not about the message */
	{ "MAIL not known", { "MAIL", "500 5.5.1 what?\r\n" }, CARRY_RETRY,
	    false, "500 5.5.1 what?", 0 },
	{ "busy", { "", "421 4.3.2 busy\r\n" }, CARRY_RETRY, false,
	    "421 4.3.2 busy", 0 },
	{ "no greeting", { "", NULL }, CARRY_RETRY, false, NULL, 300 },
	{ "silence at EHLO", { "EHLO", NULL }, CARRY_RETRY, false, NULL, 300 },
	{ "a refusal of many lines",
	    { "RCPT", "550-5.1.1 first\r\n550 5.1.1 last\r\n" }, CARRY_REJECTED,
	    false, "550 5.1.1 last", 0 },
	{ "a refusal for terminals", { "MAIL", "550 \033[31m\001\r\n" },
	    CARRY_REJECTED, false, "550 ?[31m?", 0 },
};

static void
refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		struct site s = { .reply = &rows[i].reply, .nreplies = 1 };
		struct how how = { .timeout_ms = rows[i].timeout_ms };
		struct outcome o;

		submit(&s, &how, &o);
		if (o.r.result != rows[i].result ||
		    o.r.partly != rows[i].partly ||
		    (rows[i].text != NULL &&
			strcmp(o.r.text, rows[i].text) != 0))
			fail_msg("%s: %d, %d, %s", rows[i].name,
			    (int)o.r.result, o.r.partly, o.r.text);
		assert_true(o.r.text[0] != '\0');
		assert_int_equal(s.conns, 1);
		buf_fini(&s.got);
	}
}

/* What it says is cut, and has an end. */
static void
long_replies(void **state)
{
	static char line[100000];
	struct site_reply reply = { "RCPT", line };
	struct site s = { .reply = &reply, .nreplies = 1 };
	struct outcome o;

	(void)state;
	snprintf(line, sizeof(line), "550 5.1.1 %0900d\r\n", 7);
	submit(&s, &plain, &o);
	assert_int_equal(o.r.result, CARRY_REJECTED);
	assert_in_range(strlen(o.r.text), 100, sizeof(o.r.text) - 1);
	assert_int_equal(strncmp(o.r.text, "550 5.1.1 0000", 14), 0);
	buf_fini(&s.got);
	/* sixty-four kilobytes of them are enough */
	line[0] = '\0';
	for (unsigned i = 0; i < 800; i++)
		snprintf(line + i * 100, sizeof(line) - i * 100,
		    "250-%094d\r\n", 7);
	snprintf(line + 80000, sizeof(line) - 80000, "250 end\r\n");
	submit(&s, &plain, &o);
	assert_int_equal(o.r.result, CARRY_RETRY);
	assert_null(strstr(buf_str(&s.got), "DATA"));
	buf_fini(&s.got);
}

/* ---- TLS and passwords */

#define PASSWORD "\r\nAGFubgBzZWNyZXQ=\r\n"

static const struct {
	const char *name;
	const struct identity *tls;
	bool starttls; /* else from the start */
	struct how how;
	struct site_reply reply;
	enum carry_result result;
	bool inside, told; /* the password */
} safe[] = {
	{ "any certificate is better than none", &elsewhere, true,
	    { .one = true }, { "X", NULL }, CARRY_SENT, true, false },
	{ "none, where none is asked for", NULL, false, { .one = true },
	    { "X", NULL }, CARRY_SENT, false, false },
	{ "a password over TLS", &here, true,
	    { .with_ca = true, .with_password = true }, { "X", NULL },
	    CARRY_SENT, true, true },
	{ "a password from the start", &here, false,
	    { .scheme = "smtps", .with_ca = true, .with_password = true },
	    { "X", NULL }, CARRY_SENT, true, true },
	{ "a password, but no TLS", NULL, false,
	    { .with_ca = true, .with_password = true }, { "X", NULL },
	    CARRY_RETRY, false, false },
	{ "a password, but STARTTLS is refused", &here, true,
	    { .with_ca = true, .with_password = true },
	    { "STARTTLS", "454 4.7.0 not now\r\n" }, CARRY_RETRY, false,
	    false },
	{ "a password for somebody else", &elsewhere, true,
	    { .with_ca = true, .with_password = true }, { "X", NULL },
	    CARRY_RETRY, false, false },
	{ "a password for an unknown authority", &here, true,
	    { .with_password = true }, { "X", NULL }, CARRY_RETRY, false,
	    false },
	{ "an authority, but no TLS", NULL, false, { .with_ca = true },
	    { "X", NULL }, CARRY_RETRY, false, false },
	{ "smtps to somebody else", &elsewhere, false, { .scheme = "smtps" },
	    { "X", NULL }, CARRY_RETRY, false, false },
	/* it is put right one day */
	{ "a wrong password", &here, true,
	    { .with_ca = true, .with_password = true },
	    { "AG", "535 5.7.8 wrong\r\n" }, CARRY_RETRY, true, true },
	{ "a password that is refused as 550", &here, true,
	    { .with_ca = true, .with_password = true },
	    { "AG", "550 5.7.8 wrong\r\n" }, CARRY_RETRY, true, true },
};

static void
passwords(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(safe); i++) {
		struct site s = { .tls = safe[i].tls,
			.starttls = safe[i].starttls,
			.reply = &safe[i].reply,
			.nreplies = 1 };
		struct outcome o;
		bool told;

		submit(&s, &safe[i].how, &o);
		told = strstr(buf_str(&s.got), PASSWORD) != NULL;
		if (o.r.result != safe[i].result || told != safe[i].told)
			fail_msg("%s: %d, %s, %s", safe[i].name,
			    (int)o.r.result, o.r.text, buf_str(&s.got));
		if (safe[i].result == CARRY_SENT)
			assert_int_equal(s.inside, safe[i].inside);
		else if (!safe[i].told)
			assert_null(strstr(buf_str(&s.got), "MAIL"));
		assert_null(strstr(o.r.text, "secret"));
		buf_fini(&s.got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_goes_well),
		cmocka_unit_test(refusals),
		cmocka_unit_test(long_replies),
		cmocka_unit_test(passwords),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
