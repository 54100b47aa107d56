/* SPDX-License-Identifier: ISC
 * smtpd as a client sees it: real sessions over a socket pair. Most of it is a
 * table: what is sent -> the replies, in order, and how many messages were
 * taken. Then
 * what smugglers send, and what is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/smtpd_world.h"

/* ---- the table */

#define L50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L250 L50 L50 L50 L50 L50 /* an SRS address of an SRS address */

static const struct talk_case cases[] = {
	{ "one message", START "DATA\r\n" BODY DOT QUIT,
	    "220 250 250:2.1.0 250:2.1.5 354 250:2.0.0 221:2.0.0", 1, 0 },
	{ "HELO", "HELO c.example\r\n" MAIL RCPT "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 354 250 221", 1, 0 },
	{ "HELO offers no parameters",
	    "MAIL FROM:<s@c.example> SIZE=5\r\nHELO c.example\r\n"
	    "MAIL FROM:<s@c.example> SIZE=5\r\n"
	    "MAIL FROM:<\xc3\xbc@c.example> SMTPUTF8\r\n" MAIL
	    "RCPT TO:<user@backed.test> NOTIFY=NEVER\r\n" RCPT QUIT,
	    "220 503:5.5.1 250 555:5.5.4 553:5.6.7 250 555 250 221", 0, 0 },
	{ "A2 bare HELO and EHLO", "HELO\r\nEHLO\r\n" QUIT, "220 501 501 221",
	    0, 0 },
	{ "A2 sequence", MAIL EHLO RCPT "DATA\r\n" MAIL "DATA\r\n" QUIT,
	    "220 503:5.5.1 250 503:5.5.1 503:5.5.1 250 503:5.5.1 221", 0, 0 },
	{ "A2 arguments where none belong",
	    START "DATA x\r\nRSET x\r\nQUIT x\r\n" QUIT,
	    "220 250 250 250 501 501 501 221", 0, 0 },
	{ "A3 second MAIL keeps the first",
	    EHLO MAIL "MAIL FROM:<other@c.example>\r\n" RCPT
		      "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 503:5.5.1 250 354 250 221", 1, 0 },
	{ "A4 postmaster",
	    EHLO MAIL "RCPT TO:<PoStMaStEr>\r\n"
		      "RCPT TO:<POSTmaster@backed.test>\r\n" QUIT,
	    "220 250 250 250:2.1.5 250:2.1.5 221", 0, 0 },
	{ "A5 VRFY EXPN", EHLO "VRFY user\r\nEXPN list\r\n" QUIT,
	    "220 250 252 502 221", 0, 0 },
	{ "what is not offered", EHLO "AUTH PLAIN\r\nETRN a.test\r\n" QUIT,
	    "220 250 502 502 221", 0, 0 },
	{ "NOOP, HELP and RSET at any time", "NOOP x\r\nHELP\r\nRSET\r\n" QUIT,
	    "220 250:2.0.0 214 250:2.0.0 221", 0, 0 },
	{ "A15 too big by its own word",
	    EHLO "MAIL FROM:<s@c.example> SIZE=99999999\r\n" RCPT QUIT,
	    "220 250 552:5.3.4 503 221", 0, 0 },
	{ "A15 SIZE beyond numbers",
	    EHLO "MAIL FROM:<s@c.example> SIZE=50000000000000000000000\r\n" RCPT
		QUIT,
	    "220 250 552 503 221", 0, 0 },
	{ "A16 parameters",
	    EHLO "MAIL FROM:<s@c.example> X=Y\r\n"
		 "MAIL FROM:<s@c.example> SIZE=1 SIZE=2\r\n"
		 "MAIL FROM:<s@c.example> BODY=BINARYMIME\r\n" QUIT,
	    "220 250 555:5.5.4 501 504 221", 0, 0 },
	{ "A17 SMTPUTF8 address without the parameter",
	    EHLO "MAIL FROM:<\xc3\xbc@c.example>\r\n" QUIT,
	    "220 250 553:5.6.7 221", 0, 0 },
	{ "A17 and with it",
	    EHLO "MAIL FROM:<\xc3\xbc@c.example> SMTPUTF8\r\n" RCPT
		 "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 354 250 221", 1, 0 },
	{ "A20 null sender",
	    EHLO "MAIL FROM:<>\r\n" RCPT "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 354 250 221", 1, 0 },
	{ "DSN parameters",
	    EHLO "MAIL FROM:<s@c.example> RET=HDRS ENVID=a+2Bb\r\n"
		 "RCPT TO:<user@backed.test> NOTIFY=FAILURE,DELAY "
		 "ORCPT=rfc822;u@x\r\n"
		 "RCPT TO:<two@backed.test> NOTIFY=NEVER,FAILURE\r\n" QUIT,
	    "220 250 250 250 501 221", 0, 0 },
	{ "EHLO again forgets the transaction", START EHLO RCPT QUIT,
	    "220 250 250 250 250 503 221", 0, 0 },
	{ "refused EHLO does not", START "EHLO\r\n" RCPT QUIT,
	    "220 250 250 250 501 250 221", 0, 0 },
	{ "RSET forgets", START "RSET\r\n" RCPT MAIL RCPT QUIT,
	    "220 250 250 250 250 503 250 250 221", 0, 0 },
	{ "two messages",
	    START "DATA\r\n" BODY DOT MAIL RCPT "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 354 250 250 250 354 250 221", 2, 0 },
	{ "recipients are forgotten after a message",
	    START "DATA\r\n" BODY DOT RCPT "DATA\r\n" QUIT,
	    "220 250 250 250 354 250 503 503 221", 1, 0 },
	{ "B14 relaying",
	    EHLO MAIL "RCPT TO:<u@elsewhere.test>\r\n"
		      "RCPT TO:<u@sub.backed.test>\r\n"
		      "RCPT TO:<u@[127.0.0.1]>\r\n" QUIT,
	    "220 250 250 554:5.7.1 554:5.7.1 554:5.7.1 221", 0, 0 },
	{ "B11 source routes and percent hacks",
	    EHLO MAIL "RCPT TO:<@a.test,@b.test:user@backed.test>\r\n"
		      "RCPT TO:<user%elsewhere.test@backed.test>\r\n"
		      "RCPT TO:<\"user@elsewhere.test\"@backed.test>\r\n"
		      "RCPT TO:<user@elsewhere.test@backed.test>\r\n" QUIT,
	    "220 250 250 250 554:5.7.1 554:5.7.1 501 221", 0, 0 },
	{ "recipients file",
	    EHLO MAIL "RCPT TO:<USER@Backed.Test>\r\n"
		      "RCPT TO:<nobody@backed.test>\r\n"
		      "RCPT TO:<user+x@backed.test>\r\n"
		      "RCPT TO:<gone@backed.test>\r\n"
		      "RCPT TO:<whoever@any.test>\r\n" QUIT,
	    "220 250 250 250 550:5.1.1 550:5.1.1 550:5.1.6 250 221", 0, 0 },
	{ "no good recipient, no DATA",
	    EHLO MAIL "RCPT TO:<nobody@backed.test>\r\nDATA\r\n" QUIT,
	    "220 250 250 550 503:5.5.1 221", 0, 0 },
	{ "unknown commands", "FROB\r\n\r\n" QUIT, "220 500 500 221", 0, 0 },
	{ "B8 a browser", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "220 421:4.7.0",
	    0, 0 },
	{ "B8 a form", "POST /x HTTP/1.0\r\n" START, "220 421:4.7.0", 0, 0 },
	{ "B10 bytes above 127", "\x80\xff\x9a\r\n" EHLO QUIT,
	    "220 501:5.5.2 250 221", 0, 0 },
	{ "B4 NUL in a command", "EHLO c\0d.example\r\n" EHLO QUIT,
	    "220 501 250 221", 0,
	    sizeof("EHLO c\0d.example\r\n" EHLO QUIT) - 1 },
	{ "B4 NUL in the body", START "DATA\r\nA: b\r\n\r\na\0b\r\n" DOT QUIT,
	    "220 250 250 250 354 250 221", 1,
	    sizeof(START "DATA\r\nA: b\r\n\r\na\0b\r\n" DOT QUIT) - 1 },
	{ "B5 LF-only commands", "EHLO c.example\nNOOP\nQUIT\n",
	    "220 250 250 221", 0, 0 },
	{ "A9 dots", START "DATA\r\n..\r\n...\r\n..x\r\n" DOT QUIT,
	    "220 250 250 250 354 250 221", 1, 0 },
	{ "empty message", START "DATA\r\n" DOT QUIT,
	    "220 250 250 250 354 250 221", 1, 0 },
	{ "closed in DATA", START "DATA\r\n" BODY, "220 250 250 250 354", 0,
	    0 },
	{ "closed in the final dot", START "DATA\r\n" BODY ".\r",
	    "220 250 250 250 354", 0, 0 },
	{ "closed without QUIT", START, "220 250 250 250", 0, 0 },
	{ "nothing said", "", "220", 0, 0 },
	{ "STARTTLS where there is none", EHLO "STARTTLS\r\n" QUIT,
	    "220 250 502 221", 0, 0 },
	{ "duplicate recipients",
	    EHLO MAIL RCPT RCPT RCPT "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 250 250 354 250 221", 1, 0 },
	{ "long local part",
	    EHLO "MAIL FROM:<" L250 "@sender.test>\r\n"
		 "RCPT TO:<" L250 "@any.test>\r\n"
		 "RCPT TO:<" L250 "@backed.test>\r\n"
		 "RCPT TO:<" L250 L250 L250 "@any.test>\r\n" QUIT,
	    "220 250 250 250 550:5.1.1 501 221", 0, 0 },
	{ "commands behind QUIT are not obeyed", EHLO QUIT MAIL, "220 250 221",
	    0, 0 },
};

static void
dialogues(void **state MX_UNUSED)
{
	begin("message_size = 1M", "");
	run_cases(cases, MX_COUNT(cases));
	end();
}

/* ---- smuggling (B1, B3): whatever looks like an end of data is none, what
 * follows is content, and no bare CR or LF gets any further. */

static const char *const ends[] = { "\n.\n", "\r.\r", "\r.\n", "\n.\r",
	"\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n.\r\r\n",
	"\r\n\r.\r\n" };

static void
smuggling(void **state MX_UNUSED)
{
	char in[1024], got[512];
	size_t i, j, step;
	struct buf *b;

	for (i = 0; i < 3 * MX_COUNT(ends); i++) {
		bool reject = i >= 2 * MX_COUNT(ends);

		if (i == 0 || i == 2 * MX_COUNT(ends))
			begin(reject ? "bare_newline = reject" : "", "");
		step = i / MX_COUNT(ends) == 1 ? 1 : 65536;
		fake_relay_forget();
		snprintf(in, sizeof(in),
		    START
		    "DATA\r\nA: b\r\n\r\ntext%sMAIL FROM:<evil@c.example>\r\n"
		    "RCPT TO:<two@backed.test>\r\nDATA\r\nB: c\r\n\r\n"
		    "smuggled\r\n.\r\nQUIT\r\n",
		    ends[i % MX_COUNT(ends)]);
		converse(in, strlen(in), step);
		replies(talk.out, got, sizeof(got));
		if (!replies_match(got,
			reject ? "220 250 250 250 354 550:5.5.2 221" :
				 "220 250 250 250 354 250 221"))
			fail_msg("%zu: %s", i, got);
		assert_int_equal(fake.nmessages, reject ? 0 : 1);
		if (!reject) {
			b = &fake.message[0].body;
			assert_non_null(memmem(b->data, b->len, "smuggled", 8));
			for (j = 0; j < b->len; j++)
				if ((b->data[j] == '\n') !=
				    (j > 0 && b->data[j - 1] == '\r'))
					fail_msg("%zu: stray", i);
		}
		if (i == 2 * MX_COUNT(ends) - 1 || i == 3 * MX_COUNT(ends) - 1)
			end();
	}
}

static void
bare_newlines_refused(void **state MX_UNUSED)
{
	static const struct talk_case c[] = {
		{ "LF-only command", "EHLO c.example\n" EHLO QUIT,
		    "220 500:5.5.2 250 221", 0, 0 },
	};

	begin("bare_newline = reject", "");
	run_cases(c, MX_COUNT(c));
	end();
}

/* ---- what is stored */

static void
stored(void **state MX_UNUSED)
{
	static const char in[] =
	    "EHLO c.example\r\n"
	    "MAIL FROM:<s@c.example> RET=HDRS ENVID=x1 BODY=8BITMIME\r\n"
	    "RCPT TO:<user@backed.test> NOTIFY=DELAY ORCPT=rfc822;u@x\r\n"
	    "RCPT TO:<Any@ANY.test>\r\nRCPT TO:<two@backed.test>\r\n"
	    "RCPT TO:<Any@any.test>\r\nDATA\r\nA: "
	    "b\r\n\r\n..x\r\n.\r\nQUIT\r\n";
	static const char content[] = "A: b\r\n\r\n.x\r\n";
	const struct fake_message *m = &fake.message[0];
	const struct envelope *e;
	const char *p;

	begin("", "");
	converse(in, sizeof(in) - 1, 65536);
	assert_int_equal(fake.nmessages, 1);
	assert_int_equal(m->n, 2);
	e = m->part[0];
	assert_string_equal(e->domain, "backed.test");
	assert_string_equal(e->sender, "s@c.example");
	assert_string_equal(e->envid, "x1");
	assert_string_equal(e->helo, "c.example");
	assert_string_equal(e->client, "192.0.2.7");
	assert_int_equal(e->ret, RET_HDRS);
	assert_int_equal(e->flags, 0); /* it could, and is not */
	assert_int_equal(e->nrcpts, 2);
	assert_string_equal(e->rcpts[0].mailbox, "user@backed.test");
	assert_string_equal(e->rcpts[0].orcpt, "rfc822;u@x");
	assert_int_equal(e->rcpts[0].notify, NOTIFY_GIVEN | NOTIFY_DELAY);
	assert_null(e->rcpts[1].orcpt);
	e = m->part[1];
	assert_string_equal(e->domain, "any.test");
	assert_int_equal(e->nrcpts, 1);
	assert_string_equal(e->rcpts[0].mailbox, "Any@any.test");
	p = m->body.data;
	assert_int_equal(strncmp(p,
			     "Received: from c.example ([192.0.2.7])\r\n"
			     "\tby mx2.test with ESMTP id ",
			     67),
	    0);
	assert_null(strstr(p, " for "));
	p = strstr(p, "+0000\r\n");
	assert_non_null(p);
	assert_string_equal(p + 7, content);
	assert_int_equal(
	    stats_domain(w.stats, "backed.test")->accepted_recipients, 2);
	assert_int_equal(
	    stats_domain(w.stats, "backed.test")->accepted_messages, 1);
	assert_int_equal(stats_domain(w.stats, "backed.test")->accepted_bytes,
	    sizeof(content) - 1);
	end();
}

/* A8: lines of any length come through byte by byte. */
/* The needs of a message come from its content: a primary may do less than our
 * client could. */
static void
needs(void **state MX_UNUSED)
{
#define SEND                                                                   \
	"EHLO c.example\r\nMAIL FROM:<s@c.example> SMTPUTF8 BODY=8BITMIME\r\n"
	static const struct {
		const char *head, *rest;
		uint16_t flags;
	} c[] = {
		{ "user@backed.test", "A: b\r\n\r\nx", 0 },
		{ "user@backed.test", "A: b\r\n\r\n\xc3\xbc", ENV_8BIT },
		{ "user@backed.test", "A: \xc3\xbc\r\n\r\nx",
		    ENV_8BIT | ENV_UTF8 },
		{ "user@backed.test", "Subject: b\r\nB: c\xc3\xbc\r\n\r\nx",
		    ENV_8BIT | ENV_UTF8 },
		{ "\xc3\xbc@any.test", "A: b\r\n\r\nx", ENV_UTF8 },
	};
	char in[400];

	for (size_t i = 0; i < MX_COUNT(c); i++) {
		for (size_t piece = 1; piece < 70000; piece += 65535) {
			snprintf(in, sizeof(in),
			    SEND "RCPT TO:<%s>\r\nDATA\r\n%s\r\n.\r\nQUIT\r\n",
			    c[i].head, c[i].rest);
			begin("", "");
			converse(in, strlen(in), piece);
			assert_int_equal(fake.nmessages, 1);
			assert_int_equal(fake.message[0].part[0]->flags,
			    c[i].flags);
			end();
		}
	}
#undef SEND
}

static void
long_data_lines(void **state MX_UNUSED)
{
	static const size_t lens[] = { 998, 999, 1001, 65536, 3000000 };
	const size_t most = 3000000 + 1024;
	char *in = mem_alloc(most);
	struct buf *b = &fake.message[0].body;
	size_t i, n;

	begin("message_size = 20M", "");
	for (i = 0; i < MX_COUNT(lens); i++) {
		fake_relay_forget();
		n = strlcpy(in, START "DATA\r\n", most);
		memset(in + n, 'x', lens[i]);
		n += lens[i];
		memcpy(in + n, "\r\n.\r\nQUIT\r\n", 11);
		converse(in, n + 11, 65536);
		assert_int_equal(fake.nmessages, 1);
		assert_true(b->len > lens[i] + 2);
		assert_memory_equal(b->data + b->len - lens[i] - 2,
		    in + n - lens[i], lens[i] + 2);
	}
	end();
	mem_free(&in);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(smuggling),
		cmocka_unit_test(bare_newlines_refused),
		cmocka_unit_test(stored),
		cmocka_unit_test(needs),
		cmocka_unit_test(long_data_lines),
	};

	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
