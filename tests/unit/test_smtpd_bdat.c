/* SPDX-License-Identifier: ISC
 * BDAT as a client sees it: chunks and what else is said between them, in
 * order and out of it, cut in every way; what is stored; and what happens to
 * a message of which a chunk could not be taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/smtpd_world.h"

#define TEN   "A: b\r\n\r\nc\n" /* octets */
#define OTHER "MAIL FROM:<evil@c.example>\r\n"

static const struct talk_case cases[] = {
	{ "A12 one chunk", START "BDAT 10 LAST\r\n" TEN QUIT,
	    "220 250 250 250 250:2.0.0 221", 1, 0 },
	{ "A12 chunks with a NOOP, an empty last one, a second mail",
	    START "BDAT 10\r\n" TEN "NOOP\r\nBDAT 0 LAST\r\n" MAIL RCPT
		  "BDAT 5\r\nA: b\nBDAT 5 LAST\r\n\r\n\r\nx" QUIT,
	    "220 250 250 250 250:2.0.0 250:2.0.0 250:2.0.0 "
	    "250:2.1.0 250:2.1.5 250:2.0.0 250:2.0.0 221",
	    2, 0 },
	{ "in lower case", START "bdat 10 last\r\n" TEN QUIT,
	    "220 250 250 250 250 221", 1, 0 },
	{ "after HELO",
	    "HELO c.example\r\n" MAIL RCPT "BDAT 10 LAST\r\n" TEN QUIT,
	    "220 250 250 250 250 221", 1, 0 },
	{ "nothing at all", START "BDAT 0 LAST\r\n" QUIT,
	    "220 250 250 250 250 221", 1, 0 },
	{ "a NUL and a dot", START "BDAT 8 LAST\r\na\0\r\n.\r\nb" QUIT,
	    "220 250 250 250 250 221", 1,
	    sizeof(START "BDAT 8 LAST\r\na\0\r\n.\r\nb" QUIT) - 1 },
	{ "A14 DATA, MAIL and RCPT when it has begun",
	    START "BDAT 10\r\n" TEN "DATA\r\n" MAIL RCPT
		  "BDAT 10 LAST\r\n" TEN QUIT,
	    "220 250 250 250 250 503:5.5.1 503:5.5.1 503:5.5.1 250 221", 1, 0 },
	{ "out of order, chunks of commands are dropped",
	    "BDAT 28 LAST\r\n" OTHER EHLO "BDAT 28\r\n" OTHER
	    "BDAT 28 LAST\r\n" OTHER MAIL "BDAT 28 LAST\r\n" OTHER RCPT QUIT,
	    "220 503:5.5.1 250 503:5.5.1 503 250 503 503 221", 0, 0 },
	{ "a dropped last chunk ends the transaction, others do not",
	    EHLO MAIL "BDAT 28\r\n" OTHER RCPT "BDAT 10 LAST\r\n" TEN MAIL QUIT,
	    "220 250 250 503 250 250 250 221", 1, 0 },
	{ "RSET forgets",
	    START "BDAT 10\r\n" TEN "RSET\r\nBDAT 10 LAST\r\n" TEN QUIT,
	    "220 250 250 250 250 250 503 221", 0, 0 },
	{ "EHLO forgets",
	    START "BDAT 10\r\n" TEN EHLO "BDAT 10 LAST\r\n" TEN QUIT,
	    "220 250 250 250 250 250 503 221", 0, 0 },
	{ "DATA after RSET",
	    START "BDAT 10\r\n" TEN "RSET\r\n" MAIL RCPT
		  "DATA\r\n" BODY DOT QUIT,
	    "220 250 250 250 250 250 250 250 354 250 221", 1, 0 },
	{ "QUIT within", START "BDAT 10\r\n" TEN QUIT,
	    "220 250 250 250 250 221", 0, 0 },
	{ "closed between chunks", START "BDAT 10\r\n" TEN,
	    "220 250 250 250 250", 0, 0 },
	{ "closed in a chunk", START "BDAT 11 LAST\r\n" TEN, "220 250 250 250",
	    0, 0 },
	/* a length that is none: what follows may be anything */
	{ "A14 no length", START "BDAT\r\n" OTHER, "220 250 250 250 501", 0,
	    0 },
	{ "A14 less than nothing", START "BDAT -1\r\n" OTHER,
	    "220 250 250 250 501:5.5.4", 0, 0 },
	{ "A14 FIRST", START "BDAT 5 FIRST\r\n" OTHER,
	    "220 250 250 250 501:5.5.4", 0, 0 },
	{ "A14 beyond numbers", START "BDAT 99999999999999999999\r\n" OTHER,
	    "220 250 250 250 552:5.3.4", 0, 0 },
	{ "above the limit for nobody", EHLO "BDAT 1048577\r\n" OTHER,
	    "220 250 552:5.3.4", 0, 0 },
	{ "BINARYMIME is not offered",
	    EHLO "MAIL FROM:<s@c.example> BODY=BINARYMIME\r\n" QUIT,
	    "220 250 504 221", 0, 0 },
};

static void
dialogues(void **state MX_UNUSED)
{
	begin("message_size = 1M", "");
	run_cases(cases, MX_COUNT(cases));
	end();
}

static void
bare_newlines_refused(void **state MX_UNUSED)
{
	static const struct talk_case c[] = {
		{ "in the message", START "BDAT 10 LAST\r\n" TEN QUIT,
		    "220 250 250 250 550:5.5.2 221", 0, 0 },
		{ "behind the command", START "BDAT 28 LAST\n" OTHER,
		    "220 250 250 250 500:5.5.2", 0, 0 },
	};

	begin("bare_newline = reject", "");
	run_cases(c, MX_COUNT(c));
	end();
}

/* A line that is too long for a command has its chunk behind it, too. */
static void
too_long_a_line(void **state MX_UNUSED)
{
	begin("", "");
	expect_last(START "BDAT 28 LAST", " ", 600, "\r\n" OTHER, "500:5.5.2");
	end();
}

static const struct {
	const char *name, *in, *stored;
} contents[] = {
	{ "as it came", "BDAT 14\r\nA: b\r\n\r\n.x\r\n\r\nBDAT 0 LAST\r\n",
	    "A: b\r\n\r\n.x\r\n\r\n" },
	{ "dots are dots", "BDAT 18 LAST\r\n\r\n.\r\n..\r\n...\r\n.x\r\n",
	    "\r\n.\r\n..\r\n...\r\n.x\r\n" },
	{ "a last line without an end", "BDAT 3 LAST\r\na:c", "a:c\r\n" },
	{ "CR and LF apart", "BDAT 4\r\na:c\rBDAT 4 LAST\r\n\nd:e",
	    "a:c\r\nd:e\r\n" },
	{ "too many CRs, and apart",
	    "BDAT 4\r\na:c\rBDAT 1\r\n\rBDAT 5 LAST\r\n\r\nd:e",
	    "a:c\r\nd:e\r\n" },
	{ "a name apart", "BDAT 1\r\naBDAT 1\r\nbBDAT 3 LAST\r\n:\r\n",
	    "ab:\r\n" },
	{ "a CR at the very end", "BDAT 4 LAST\r\na:c\r", "a:c\r\n" },
	{ "an end of data inside", "BDAT 10 LAST\r\na:\r\n.\r\nb\r\n",
	    "a:\r\n\r\n.\r\nb\r\n" },
	{ "bare ones are mended", "BDAT 10 LAST\r\n\na\n.\nb\r.\rc",
	    "\r\na\r\n.\r\nb . c\r\n" },
	{ "no field", "BDAT 3\r\nabcBDAT 3 LAST\r\n\r\nd", "\r\nabc\r\nd\r\n" },
	{ "a blank at the beginning", "BDAT 1\r\n BDAT 4 LAST\r\na:\r\n",
	    "\r\n a:\r\n" },
	{ "nothing", "BDAT 0 LAST\r\n", "" },
};

static void
stored(void **state MX_UNUSED)
{
	char in[512];
	const char *p;
	size_t i, step;

	begin("", "");
	for (i = 0; i < 2 * MX_COUNT(contents); i++) {
		step = i < MX_COUNT(contents) ? 65536 : 1;
		snprintf(in, sizeof(in), START "%s" QUIT,
		    contents[i % MX_COUNT(contents)].in);
		fake_relay_forget();
		converse(in, strlen(in), step);
		assert_int_equal(fake.nmessages, 1);
		assert_int_equal(buf_add(&fake.message[0].body, "", 1), 0);
		p = strstr(fake.message[0].body.data, "+0000\r\n");
		assert_non_null(p);
		if (strcmp(p + 7, contents[i % MX_COUNT(contents)].stored) != 0)
			fail_msg("%s: %s",
			    contents[i % MX_COUNT(contents)].name, p + 7);
	}
	end();
}

/* Once a chunk is lost the whole message is: there may be room again for the
 * others, or they may be small. */
static void
lost_chunks(void **state MX_UNUSED)
{
	static const struct talk_case big[] = {
		{ "one is too big, the last is small",
		    START "BDAT 1100\r\n%BDAT 10\r\n" TEN
			  "BDAT 10 LAST\r\n" TEN MAIL QUIT,
		    "220 250 250 250 552:5.3.4 552:5.3.4 552:5.3.4 250 221", 0,
		    0 },
		{ "all together",
		    START "BDAT 600\r\n%BDAT 600 LAST\r\n%" MAIL QUIT,
		    "220 250 250 250 250 552:5.3.4 250 221", 0, 0 },
	};
	char in[4096], got[512];
	const char *s;
	size_t i, n, fill;

	begin("message_size = 1K", "");
	for (i = 0; i < MX_COUNT(big); i++) {
		for (s = big[i].in, n = 0; *s != '\0'; s++) {
			fill = i == 0 ? 1100 : 600;
			if (*s != '%') {
				in[n++] = *s;
				continue;
			}
			memset(in + n, 'x', fill);
			n += fill;
		}
		fake_relay_forget();
		converse(in, n, 65536);
		replies(talk.out, got, sizeof(got));
		if (!replies_match(got, big[i].want))
			fail_msg("%s: %s", big[i].name, got);
		assert_int_equal(fake.nmessages, 0);
	}
	end();
}

/* From RCPT to the first 452 the disk is full. */
static bool
full_for_a_chunk(struct talk *t)
{
	bool full = strstr(t->out, "250 2.1.5") != NULL &&
	    strstr(t->out, "452 ") == NULL;

	fake.accepting = full ? -MX_EFULL : 0;
	return false;
}

static void
no_room_at_first(void **state MX_UNUSED)
{
	static const char in[] =
	    START "BDAT 10\r\n" TEN "BDAT 10 LAST\r\n" TEN MAIL QUIT;
	char got[512];

	begin("", "");
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = in;
	talk.len = sizeof(in) - 1;
	talk.step = 1;
	talk.stop = full_for_a_chunk;
	talk_on(&talk, 20000);
	close(talk.fd);
	replies(talk.out, got, sizeof(got));
	if (!replies_match(got, "220 250 250 250 452:4.3.1 452:4.3.1 250 221"))
		fail_msg("%s", got);
	assert_int_equal(fake.accepting, 0);
	assert_int_equal(fake.nmessages, 0);
	assert_int_equal(w.stats->g.message_rejected[SMTPD_CODE_452]
						    [SMTPD_REASON_SPOOL_FULL],
	    1);
	end();
}

static void
idle_chunks(void **state MX_UNUSED)
{
	begin("max_commands = 10", "");
	expect_last(START, "BDAT 0\r\n", 20, "", "421:4.7.0");
	expect_last(START, "BDAT 1\r\nx", 20, "BDAT 0 LAST\r\n", "250:2.0.0");
	end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(bare_newlines_refused),
		cmocka_unit_test(too_long_a_line),
		cmocka_unit_test(stored),
		cmocka_unit_test(lost_chunks),
		cmocka_unit_test(no_room_at_first),
		cmocka_unit_test(idle_chunks),
	};

	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
