/* SPDX-License-Identifier: ISC
 * smtpd under pressure: lines, recipients, sizes and loops beyond their
 * limits, no room, slow and
 * vanishing clients. */
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

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/smtpd_world.h"

/* ---- limits */

static void
line_limits(void **state MX_UNUSED)
{
	begin("", "");
	/* A7: 512 with CRLF is allowed, more is not, the session survives */
	expect_last("NOOP ", "x", 505, "\r\n", "250");
	expect_last("NOOP ", "x", 506, "\r\n", "500:5.5.2");
	expect_last("NOOP ", "x", 506, "\r\n" QUIT, "221");
	expect_last(EHLO "MAIL FROM:<s@c.example> X=", "x", 1500, "\r\n",
	    "555");
	expect_last(EHLO "MAIL FROM:<s@c.example> X=", "x", 3000, "\r\n",
	    "500:5.5.2");
	expect_last("", "x", 60000, "\r\n", "500:5.5.2");
	expect_last("", "x", 60000, "\r\n" EHLO, "250");
	expect_last("", "x", 1000000, "\r\n" EHLO, "421");
	end();
}

static void
errors_are_limited(void **state MX_UNUSED)
{
	begin("max_errors = 5 max_commands = 20", "");
	expect_last("", "FROB\r\n", 5, "", "500");
	expect_last("", "FROB\r\n", 6, "", "421:4.7.0");
	expect_last("", "NOOP\r\n", 20, "", "250");
	expect_last("", "NOOP\r\n", 21, "", "421:4.7.0");
	/* a message begins the count anew, a duplicate recipient does not */
	expect_last(EHLO, "NOOP\r\nNOOP\r\n" MAIL RCPT "DATA\r\n" BODY DOT, 30,
	    "", "250");
	expect_last(EHLO MAIL, RCPT, 40, "", "421:4.7.0");
	end();
}

static void
recipient_limits(void **state MX_UNUSED)
{
	char *in = mem_alloc(65536), got[8192], *last;
	size_t n, i;

	begin("max_recipients = 3", "");
	expect_last(START "RCPT TO:<two@backed.test>\r\n"
			  "RCPT TO:<three@backed.test>\r\n",
	    "RCPT TO:<four@backed.test>\r\n", 1, "", "452:4.5.3");
	end();
	begin("message_size = 1K", "");
	expect_last(START "DATA\r\n", "0123456789\r\n", 90, DOT, "552:5.3.4");
	expect_last(START "DATA\r\n", "0123456789\r\n", 85, DOT, "250");
	expect_last(START "DATA\r\n", "0123456789\r\n", 90, DOT RCPT, "503");
	/* far more than the limit: the line is cut */
	expect_last(START "DATA\r\n", "0123456789\r\n", 100000, DOT, "421");
	assert_int_equal(fake.begun - fake.aborted - fake.nmessages, 0);
	end();
	begin("", "");
	n = strlcpy(in, EHLO MAIL, 65536);
	for (i = 0; i < 400; i++)
		n += (size_t)snprintf(in + n, 65536 - n,
		    "RCPT TO:<u%zu@any.test>\r\n", i);
	n = strlcat(in, "DATA\r\n" BODY DOT, 65536);
	converse(in, n, 65536);
	replies(talk.out, got, sizeof(got));
	last = strrchr(got, ' ');
	assert_string_equal(last + 1, "250:2.0.0");
	assert_int_equal(fake.message[0].part[0]->nrcpts, 400);
	end();
	mem_free(&in);
}

static void
loops(void **state MX_UNUSED)
{
	begin("max_received = 10", "loop_limit = 2");
	expect_last(START "DATA\r\n", "Received: by b;\r\n", 9, "\r\n" DOT,
	    "250");
	expect_last(START "DATA\r\n", "Received: by b;\r\n", 10, "\r\n" DOT,
	    "554:5.4.6");
	expect_last(START "DATA\r\n", "Received: by mx2.test;\r\n", 1,
	    "\r\n" DOT, "250");
	expect_last(START "DATA\r\n", "Received: by mx2.test;\r\n", 2,
	    "\r\n" DOT, "554:5.4.6");
	assert_int_equal(
	    w.stats->g.message_rejected[SMTPD_CODE_554][SMTPD_REASON_LOOP], 2);
	end();
}

/* ---- our own trouble is 4xx */

static void
no_room(void **state MX_UNUSED)
{
	begin("", "");
	fake.accepting = -MX_EFULL;
	expect_last(EHLO, MAIL, 1, "", "452:4.3.1");
	fake.accepting = -MX_EIO;
	expect_last(EHLO, MAIL, 1, "", "451:4.3.0");
	fake.accepting = 0;
	fake.queue_full = true;
	expect_last(EHLO, MAIL, 1, "", "452:4.3.1");
	fake.queue_full = false;
	fake.append_limit = 400;
	fake.append_rc = -MX_EFULL;
	expect_last(START "DATA\r\n", "0123456789\r\n", 90, DOT, "452:4.3.1");
	fake.append_rc = -MX_EIO;
	expect_last(START "DATA\r\n", "0123456789\r\n", 90, DOT, "451:4.3.0");
	fake.append_limit = 1; /* not even our own line */
	expect_last(START "DATA\r\n", BODY, 1, DOT, "451:4.3.0");
	fake.append_limit = 0;
	fake.commit_rc = -MX_EFULL;
	expect_last(START "DATA\r\n", BODY, 1, DOT, "452:4.3.1");
	fake.commit_rc = -MX_EIO;
	expect_last(START "DATA\r\n", BODY, 1, DOT QUIT, "221");
	assert_non_null(strstr(talk.out, "451 4.3.0"));
	fake.commit_rc = 0;
	expect_last(START "DATA\r\n", BODY, 1, DOT, "250");
	assert_int_equal(w.stats->g.message_rejected[SMTPD_CODE_452]
						    [SMTPD_REASON_SPOOL_FULL],
	    4);
	end();
}

static void
admission(void **state MX_UNUSED)
{
	int64_t wait;

	begin("", "");
	w.primary_up = true;
	expect_last(EHLO MAIL, "RCPT TO:<u@outage.test>\r\n", 1, "",
	    "451:4.3.0");
	expect_last(EHLO MAIL, "RCPT TO:<u@any.test>\r\n", 1, "", "250");
	expect_last(EHLO MAIL, "RCPT TO:<u@patient.test>\r\n", 1, "", "451");
	wait = clock_now() + 30 * CLOCK_MS;
	while (clock_now() < wait)
		continue;
	expect_last(EHLO MAIL, "RCPT TO:<u@outage.test>\r\n", 1, "", "451");
	expect_last(EHLO MAIL, "RCPT TO:<v@patient.test>\r\n", 1, "", "451");
	expect_last(EHLO MAIL, "RCPT TO:<u@patient.test>\r\n", 1, "", "250");
	w.primary_up = false;
	expect_last(EHLO MAIL, "RCPT TO:<u@outage.test>\r\n", 1, "", "250");
	assert_int_equal(
	    w.stats->g.rcpt_rejected[SMTPD_CODE_451][SMTPD_REASON_PRIMARY_UP],
	    4);
	end();
}

/* ---- time */

static bool
heard_354(struct talk *t)
{
	return strstr(t->out, "354 ") != NULL;
}

/* Says it, then nothing more; the server has to close within `ms`. */
static void
expect_cut(const char *in, size_t step, int64_t ms, const char *want)
{
	char got[512];

	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = in;
	talk.len = strlen(in);
	talk.step = step;
	talk.keep_open = true;
	talk_on(&talk, ms);
	close(talk.fd);
	replies(talk.out, got, sizeof(got));
	if (!talk.gone || !replies_match(got, want))
		fail_msg("%s: %s", in, got);
}

static void
timeouts(void **state MX_UNUSED)
{
	char *slow = repeat("NOOP ", "x", 400, "");
	char *drip = repeat(START "DATA\r\n", "x", 3000, "");

	begin("timeout = 200ms min_rate = 100000", "");
	expect_cut("", 1, 3000, "220 421:4.4.2");
	expect_cut(EHLO, 100, 3000, "220 250 421:4.4.2");
	expect_cut(START "DATA\r\nabc", 1000, 3000,
	    "220 250 250 250 354 421:4.4.2"); /* A21 */
	/* D1: a byte now and then buys nothing */
	expect_cut(slow, 1, 3000, "220 421:4.4.2");
	expect_cut(drip, 1, 4000, "220 250 250 250 354 421:4.4.2");
	assert_int_equal(fake.begun, fake.aborted);
	assert_int_equal(w.stats->g.sessions_lost[SMTPD_LOST_GREETING], 2);
	assert_int_equal(w.stats->g.sessions_lost[SMTPD_LOST_EHLO], 1);
	assert_int_equal(w.stats->g.sessions_lost[SMTPD_LOST_DATA], 2);
	end();
	mem_free(&slow);
	slow = repeat("", "NOOP\r\n", 5000, "");
	begin("session = 300ms max_commands = 10000", "");
	expect_cut(EHLO, 100, 3000, "220 250 421:4.4.2");
	end();
	mem_free(&slow);
	mem_free(&drip);
}

/* The disk does not keep up: the client waits and is not blamed. */
static void
wake_store(void *arg MX_UNUSED)
{
	fake_relay_space();
}

static void
congestion(void **state MX_UNUSED)
{
	struct loop_timer *timer;
	char *in = repeat(START "DATA\r\n", "0123456789\r\n", 20000, DOT QUIT);

	begin("timeout = 200ms", "");
	timer = loop_timer_create(w.loop, wake_store, NULL);
	fake.congested = true;
	loop_timer_set(timer, 500);
	converse(in, strlen(in), 65536);
	assert_int_equal(fake.nmessages, 1);
	assert_true(fake.message[0].body.len > 20000 * 12);
	loop_timer_destroy(&timer);
	end();
	mem_free(&in);
}

/* C6: the client goes away before its 250: the message is whole. */
static void
gone_before_the_reply(void **state MX_UNUSED)
{
	static const char in[] = START "DATA\r\n" BODY DOT;

	begin("", "");
	fake.commit_ms = 100;
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = in;
	talk.len = sizeof(in) - 1;
	talk.step = 65536;
	talk.keep_open = true;
	talk.stop = heard_354;
	talk_on(&talk, 5000);
	close(talk.fd); /* with replies unread: a reset */
	memset(&talk, 0, sizeof(talk));
	talk.fd = -1;
	talk.fd = connect_pair("192.0.2.8");
	talk.keep_open = true;
	talk_on(&talk, 400);
	close(talk.fd);
	assert_int_equal(fake.nmessages, 1);
	assert_int_equal(
	    stats_domain(w.stats, "backed.test")->accepted_messages, 1);
	end();
}

/* A completion after smtpd is gone finds nobody, and hurts nobody. */
static void
destroyed_before_the_reply(void **state MX_UNUSED)
{
	static const char in[] = START "DATA\r\n" BODY DOT;

	begin("", "");
	fake.commit_ms = 10000;
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = in;
	talk.len = sizeof(in) - 1;
	talk.step = 65536;
	talk.keep_open = true;
	talk_on(&talk, 100);
	assert_int_equal(fake.nmessages, 1);
	close(talk.fd);
	end(); /* completes after smtpd_destroy() */
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_limits),
		cmocka_unit_test(errors_are_limited),
		cmocka_unit_test(recipient_limits),
		cmocka_unit_test(loops),
		cmocka_unit_test(no_room),
		cmocka_unit_test(admission),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(congestion),
		cmocka_unit_test(gone_before_the_reply),
		cmocka_unit_test(destroyed_before_the_reply),
	};

	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
