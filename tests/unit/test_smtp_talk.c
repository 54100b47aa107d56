/* SPDX-License-Identifier: ISC
 * A message to a smarthost, reply by reply: what is said next, and what came of it,
 * however the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fetch/smtp_talk.h"

#define BODY  "Subject: x\r\n\r\n.\r\n..two\r\nend\r\n"
#define ENV2  "MAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
#define SENT2 ENV2 "DATA\r\nSubject: x\r\n\r\n..\r\n...two\r\nend\r\n.\r\n"

static const struct {
	const char *name, *replies, *said;
	bool over;
	enum carry_result result;
	int status;
	bool partly;
	const char *text;
} cases[] = {
	{ "taken", "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n",
	    SENT2 "QUIT\r\n", true, CARRY_SENT, 250, false, "accepted" },
	{ "one is refused",
	    "250 ok\r\n550 5.1.1 no b\r\n250 ok\r\n354 go\r\n250 done\r\n",
	    SENT2 "QUIT\r\n", true, CARRY_SENT, 250, true,
	    "accepted, but it replied 550 5.1.1 no b" },
	{ "all are", "250 ok\r\n550 5.1.1 no a\r\n550-5.1.1 no\r\n550 no b\r\n",
	    ENV2 "QUIT\r\n", true, CARRY_REJECTED, 550, false, "550 no b" },
	{ "the last for now", "250 ok\r\n550 no a\r\n451 later\r\n",
	    ENV2 "QUIT\r\n", true, CARRY_RETRY, 451, false, "451 later" },
	{ "no null sender", "530 5.7.0 authenticate\r\n",
	    "MAIL FROM:<>\r\nQUIT\r\n", true, CARRY_RETRY, 530, false,
	    "530 5.7.0 authenticate" },
	{ "not the content",
	    "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n554 spam\r\n",
	    SENT2 "QUIT\r\n", true, CARRY_REJECTED, 554, false, "554 spam" },
	{ "no DATA", "250 ok\r\n250 ok\r\n250 ok\r\n250 what?\r\n",
	    ENV2 "DATA\r\nQUIT\r\n", true, CARRY_RETRY, 250, false, "" },
	{ "it closes", "250 ok\r\n250 ok\r\n421 4.3.2 bye\r\n", ENV2 "QUIT\r\n",
	    true, CARRY_RETRY, 421, false, "421 4.3.2 bye" },
	{ "lines", "250-one\r\n250-two\r\n250 ok\n250 ok\r\n250 ok\r\n",
	    ENV2 "DATA\r\n", false, CARRY_RETRY, 250, false, "" },
	{ "a bare code", "250\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@x.test>\r\n",
	    false, CARRY_RETRY, 250, false, "" },
	{ "silence", "", "MAIL FROM:<>\r\n", false, CARRY_RETRY, 0, false, "" },
	{ "garbage", "HTTP/1.1 400 Bad Request\r\n", "MAIL FROM:<>\r\nQUIT\r\n",
	    true, CARRY_RETRY, 0, false, "its reply is not SMTP" },
	{ "2x0", "2x0 ok\r\n", "MAIL FROM:<>\r\nQUIT\r\n", true, CARRY_RETRY, 0,
	    false, "its reply is not SMTP" },
	{ "999", "999 ok\r\n", "MAIL FROM:<>\r\nQUIT\r\n", true, CARRY_RETRY, 0,
	    false, "its reply is not SMTP" },
	{ "2500", "2500 ok\r\n", "MAIL FROM:<>\r\nQUIT\r\n", true, CARRY_RETRY,
	    0, false, "its reply is not SMTP" },
	{ "empty", "\r\n", "MAIL FROM:<>\r\nQUIT\r\n", true, CARRY_RETRY, 0,
	    false, "its reply is not SMTP" },
};

static char *rcpts[] = { (char *)(uintptr_t) "a@x.test",
	(char *)(uintptr_t) "b@x.test" };
static const struct carry carry = { .to = { 2, rcpts } };

static void
talks(void **st)
{
	struct buf body = BUF_INIT(1024);
	struct send_result r;
	struct smtp_talk t;
	const char *p;
	size_t left, n;
	bool over;

	(void)st;
	assert_int_equal(buf_adds(&body, BODY), 0);
	for (size_t i = 0; i < MX_COUNT(cases); i++)
		for (size_t step = 1; step < 60; step += 7) {
			memset(&r, 0, sizeof(r));
			smtp_talk_init(&t, &carry, &body);
			over = false;
			p = cases[i].replies;
			for (left = strlen(p); left > 0 && !over; left -= n) {
				n = left < step ? left : step;
				over = smtp_talk_take(&t, p, n, &r);
				p += n;
			}
			if (over != cases[i].over ||
			    r.status != cases[i].status ||
			    r.partly != cases[i].partly ||
			    (over && r.result != cases[i].result) ||
			    strcmp(r.text, cases[i].text) != 0 ||
			    strcmp(buf_str(&t.out), cases[i].said) != 0)
				fail_msg("%s: over=%d status=%d text=%s out=%s",
				    cases[i].name, over, r.status, r.text,
				    buf_str(&t.out));
			smtp_talk_fini(&t);
		}
	buf_fini(&body);
}

/* Lines and replies without end, and control characters. */
static void
floods(void **st)
{
	struct buf body = BUF_INIT(16);
	struct send_result r = { .result = CARRY_SENT };
	struct smtp_talk t;
	char block[1000];
	unsigned i = 0;

	(void)st;
	memset(block, 'x', sizeof(block));
	smtp_talk_init(&t, &carry, &body);
	while (!smtp_talk_take(&t, block, sizeof(block), &r))
		assert_true(++i < 100);
	assert_int_equal(r.result, CARRY_RETRY);
	assert_string_equal(r.text, "its replies do not end");
	smtp_talk_fini(&t);
	smtp_talk_init(&t, &carry, &body);
	assert_false(smtp_talk_take(&t, "250 ", 4, &r));
	for (i = 0; i < 20; i++)
		assert_false(smtp_talk_take(&t, block, sizeof(block), &r));
	assert_false(smtp_talk_take(&t, "\r\n", 2, &r));
	assert_true(smtp_talk_take(&t, "421 a\033[2Jb\r\n", 12, &r));
	assert_string_equal(r.text, "421 a?[2Jb");
	smtp_talk_fini(&t);
	buf_fini(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(talks),
		cmocka_unit_test(floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
