/* SPDX-License-Identifier: ISC
 * smtpd at the door: routes in local parts, clients that speak too early,
 * proxies that speak for others, what one client may make us say and write,
 * and a disk that hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/smtpd_world.h"

static void
expect_rcpt(const char *path, const char *want)
{
	char *line = mem_printf("RCPT TO:%s\r\n", path);

	expect_last(EHLO MAIL, line, 1, "", want);
	mem_free(&line);
}

static void
routes(void **state MX_UNUSED)
{
	begin("", "");
	expect_rcpt("<user%other.test@any.test>", "554:5.7.1");
	expect_rcpt("<other.test!user@any.test>", "554:5.7.1");
	expect_rcpt("<\"user@other.test\"@any.test>", "554:5.7.1");
	expect_rcpt("<\"user\\@other.test\"@any.test>", "554:5.7.1");
	expect_rcpt("<\"@other.test:user@third.test\"@any.test>", "554:5.7.1");
	expect_rcpt("<%@any.test>", "554:5.7.1");
	expect_rcpt("<user%other.test@backed.test>", "554:5.7.1");
	/* a source route is dropped, and what is left is looked at */
	expect_rcpt("<@a.test,@b.test:user@any.test>", "250");
	expect_rcpt("<@a.test:user%b.test@any.test>", "554:5.7.1");
	expect_rcpt("<-user@any.test>", "501:5.1.3");
	expect_rcpt("<\"-user\"@any.test>", "501:5.1.3");
	expect_rcpt("<\"\\-user\"@any.test>", "501:5.1.3");
	expect_rcpt("<us-er@any.test>", "250");
	/* senders are nobody's route */
	expect_last(EHLO, "MAIL FROM:<a%b.test@c.example>\r\n", 1, "", "250");
	expect_last(EHLO, "MAIL FROM:<\"a@b.test\"@c.example>\r\n", 1, "",
	    "250");
	/* the address itself is a word */
	expect_rcpt("<ok%other.test@backed.test>", "250");
	expect_rcpt("<no%other.test@backed.test>", "554:5.7.1");
	configure("untrusted_routing = yes", "");
	expect_rcpt("<no%other.test@backed.test>", "550:5.1.1");
	expect_rcpt("<\"user@other.test\"@any.test>", "250");
	expect_rcpt("<-user@any.test>", "501:5.1.3");
	end();
}

static void
expect_said(const char *mailbox, const char *want)
{
	struct buf rule = BUF_INIT(1000);
	char reply[320];

	smtpd_rcpt_reply(w.smtpd, mailbox, reply, sizeof(reply), &rule);
	if (strstr(buf_str(&rule), want) == NULL)
		fail_msg("%s", buf_str(&rule));
	buf_fini(&rule);
}

/* Of domains without a list, by what was learned; and never by whether the primary
 * is up. */
static void
learned(void **state MX_UNUSED)
{
	static const struct {
		enum learned_word word;
		const char *learns, *waits, *said;
	} cases[] = {
		{ LEARNED_TAKEN, "250", "250", "last 3d ago (delivery)" },
		{ LEARNED_PASSED, "250", "250", "last 3d ago (check)" },
		{ LEARNED_CATCH_ALL, "250", "250", "a catch-all: it accepted" },
		{ LEARNED_REFUSED, "550:5.1.1", "550:5.1.1",
		    "first 1d ago and last 2h ago" },
		{ LEARNED_UNKNOWN, "250", "450:4.1.1", "Nothing is known" },
		{ LEARNED_DOUBTED, "250", "450:4.1.1", "does not count" },
	};

	begin("", "");
	for (size_t i = 0; i < 2 * MX_COUNT(cases); i++) {
		w.primary_up = i % 2;
		w.word = cases[i / 2].word;
		expect_rcpt("<ada@learns.test>", cases[i / 2].learns);
		expect_rcpt("<ada@waits.test>", cases[i / 2].waits);
		expect_rcpt("<postmaster@waits.test>", "250");
		expect_said("ada@learns.test", cases[i / 2].said);
	}
	expect_said("ada+shop@learns.test", "treated like ada@learns.test");
	expect_said("ada@waits.test", "recipients_unknown = \"defer\"");
	assert_int_equal(w.checks, 0);
	end();
}

static void
checks(void **state MX_UNUSED)
{
	begin("", "");
	w.word = LEARNED_UNKNOWN;
	w.due = true;
	expect_rcpt("<ada+shop@learns.test>", "250");
	assert_string_equal(w.check, "ada@learns.test");
	assert_int_not_equal(w.check_client, 0);
	expect_rcpt("<\"a b\"@waits.test>", "450:4.1.1");
	assert_string_equal(w.check, "\"a b\"@waits.test");
	assert_int_equal(w.checks, 2);
	/* Not of everybody: for who asks, or for what is no name in RCPT. */
	expect_rcpt("<postmaster@learns.test>", "250");
	expect_rcpt("<\"a b+x\"@learns.test>", "250");
	expect_rcpt("<user@any.test>", "250");
	expect_said("ada@learns.test", "Nothing");
	assert_int_equal(w.checks, 2);
	configure("trusted = {\"127.0.0.0/8\", \"192.0.2.0/24\"}", "");
	expect_rcpt("<ada@learns.test>", "250");
	assert_int_equal(w.checks, 3);
	assert_int_equal(w.check_client, 0); /* without a limit */
	end();
}

/* What lies in the socket before we accept. */
static void
expect_first(const char *in, const char *want)
{
	struct net_addr peer;
	char got[512];
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
	    0);
	assert_int_equal(send(fd[1], in, strlen(in), MSG_NOSIGNAL),
	    (ssize_t)strlen(in));
	assert_int_equal(addr_parse(&peer, "192.0.2.7", 4025, ':'), 0);
	smtpd_adopt(w.smtpd, fd[0], &peer);
	memset(&talk, 0, sizeof(talk));
	talk.fd = fd[1];
	talk_on(&talk, 5000);
	close(fd[1]);
	replies(talk.out, got, sizeof(got));
	if (!replies_match(got, want))
		fail_msg("%s: %s", in, got);
}

static void
early_talk(void **state MX_UNUSED)
{
	const uint64_t *n;

	begin("early_talk = \"refuse\"", "");
	n = w.stats->g.early_talk;
	expect_first(EHLO, "421:4.5.0");
	assert_int_equal(n[SMTPD_EARLY_GREETING], 1);
	expect_last(EHLO, "NOOP\r\n", 1, "", "421:4.5.0");
	expect_last("HELO c.example\r\n", "NOOP\r\n", 1, "", "421:4.5.0");
	assert_int_equal(n[SMTPD_EARLY_EHLO], 2);
	/* nothing is obeyed that came too early */
	expect_last("DATA\r\n", "NOOP\r\n", 1, "", "554:5.5.0");
	assert_int_equal(n[SMTPD_EARLY_DATA], 1);
	/* a group that ends with DATA is no early talk (RFC 2920 3.1) */
	expect_last(MAIL RCPT, "DATA\r\n", 1, "", "503");
	assert_int_equal(smtpd_sessions(w.smtpd), 0);
	configure("early_talk = \"refuse\" trusted = {\"192.0.2.0/24\"}", "");
	expect_first(EHLO QUIT, "220 250 221");
	configure("early_talk = \"refuse\" xclient = {\"192.0.2.7\"}", "");
	expect_first(EHLO QUIT, "220 250 221");
	configure("early_talk = \"accept\"", "");
	expect_first(START "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 354 250 221");
	assert_int_equal(n[SMTPD_EARLY_GREETING] + n[SMTPD_EARLY_EHLO] +
		n[SMTPD_EARLY_DATA],
	    4);
	end();
}

static void
tempfails(void **state MX_UNUSED)
{
	begin("max_tempfails = 4", "");
	w.primary_up = true;
	expect_last(EHLO MAIL, "RCPT TO:<u@outage.test>\r\n", 4, "", "451");
	expect_last(EHLO MAIL, "RCPT TO:<u@outage.test>\r\n", 5, "",
	    "421:4.7.0");
	end();
}

/* The first of a kind, and at the end one line for the others. */
static void
lines(void **state MX_UNUSED)
{
	begin("max_errors = 100", "");
	expect_last(EHLO MAIL, "RCPT TO:<u@nowhere.test>\r\n", 10,
	    "RCPT TO:<nobody@backed.test>\r\n" QUIT, "221");
	assert_int_equal(w.stats->g.lines_unlogged, 9);
	configure("client_log_lines = 3", "");
	/* two sessions that are lost, and refusals: two lines each */
	expect_last(EHLO, MAIL "RCPT TO:<u@nowhere.test>\r\n", 1, "", "554");
	expect_last(EHLO, MAIL "RCPT TO:<u@nowhere.test>\r\n", 1, "", "554");
	assert_in_range(w.stats->g.lines_unlogged, 12, 13);
	end();
}

static void
xclient(void **state MX_UNUSED)
{
	static const struct talk_case cases[] = {
		{ "not listed",
		    EHLO "XCLIENT ADDR=192.0.2.9\r\nXFORWARD ADDR=192.0.2.9"
			 "\r\n" QUIT,
		    "220 250 500:5.5.1 500:5.5.1 221", 0, 0 },
	};
	static const struct talk_case listed[] = {
		{ "greeted anew",
		    EHLO
		    "XCLIENT NAME=c.example ADDR=198.51.100.7 PORT=4\r\n" MAIL
			EHLO MAIL RCPT "DATA\r\n" BODY DOT QUIT,
		    "220 250 220 503 250 250 250 354 250 221", 1, 0 },
		{ "with its HELO",
		    EHLO "XCLIENT ADDR=IPV6:2001:db8::7 HELO=h.example "
			 "PROTO=ESMTP\r\n" MAIL QUIT,
		    "220 250 220 250 221", 0, 0 },
		{ "nonsense",
		    EHLO "XCLIENT\r\nXCLIENT ADDR=there\r\nXCLIENT FOO=1\r\n"
			 "XCLIENT ADDR\r\nXCLIENT HELO=a+20b\r\n"
			 "XCLIENT ADDR=[UNAVAILABLE]\r\n" QUIT,
		    "220 250 501 501 501 501 501 220 221", 0, 0 },
		{ "inside a transaction", EHLO MAIL "XCLIENT PORT=1\r\n" QUIT,
		    "220 250 250 503 221", 0, 0 },
		{ "XFORWARD",
		    EHLO
		    "XFORWARD ADDR=198.51.100.7 NAME=[UNAVAILABLE]\r\n"
		    "XFORWARD HELO=h.example IDENT=x SOURCE=REMOTE\r\n" MAIL
			RCPT "DATA\r\n" BODY DOT QUIT,
		    "220 250 250 250 250 250 354 250 221", 1, 0 },
	};

	begin("", "");
	run_cases(cases, MX_COUNT(cases));
	end();
	begin("xclient = {\"192.0.2.7\"} xforward = {\"192.0.2.7\"}", "");
	run_cases(listed, MX_COUNT(listed));
	assert_non_null(strstr(talk.out, "XFORWARD"));
	end();
	/* the client that it speaks for has its own limits */
	begin("xclient = {\"192.0.2.7\"} client_rate = 1", "");
	expect_last(EHLO, "XCLIENT ADDR=198.51.100.7\r\n", 1, "", "220");
	expect_last(EHLO, "XCLIENT ADDR=198.51.100.7\r\n", 1, "", "421:4.7.0");
	expect_last(EHLO, "XCLIENT ADDR=198.51.100.8\r\n", 1, "", "220");
	end();
}

static bool
heard_451(struct talk *t)
{
	return strstr(t->out, "451 4.3.0") != NULL;
}

static void
disk_hangs(void **state MX_UNUSED)
{
	begin("store_timeout = 200ms", "");
	fake.commit_ms = 1000;
	expect_last(START, "DATA\r\n", 1, BODY DOT, "451:4.3.0");
	assert_int_equal(smtpd_overdue(w.smtpd), 1);
	/* what waits for the disk counts, though the client is gone */
	assert_int_equal(smtpd_sessions(w.smtpd), 1);
	expect_last(EHLO, MAIL, 1, "", "451:4.3.0");
	/* it answers: the message is there, and counted */
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.8");
	talk.keep_open = true;
	talk_on(&talk, 1500);
	close(talk.fd);
	assert_int_equal(smtpd_overdue(w.smtpd), 0);
	assert_int_equal(
	    stats_domain(w.stats, "backed.test")->accepted_messages, 1);
	fake.commit_ms = 0;
	expect_last(START, "DATA\r\n", 1, BODY DOT, "250");
	/* nor does a client wait for ever while it is sending */
	fake.congested = true;
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = repeat(START "DATA\r\n", "0123456789\r\n", 20000, DOT);
	talk.len = strlen(talk.in);
	talk.step = 65536;
	talk.keep_open = true;
	talk.stop = heard_451;
	talk_on(&talk, 5000);
	assert_true(heard_451(&talk));
	close(talk.fd);
	end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes),
		cmocka_unit_test(learned),
		cmocka_unit_test(checks),
		cmocka_unit_test(early_talk),
		cmocka_unit_test(tempfails),
		cmocka_unit_test(lines),
		cmocka_unit_test(xclient),
		cmocka_unit_test(disk_hangs),
	};

	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
