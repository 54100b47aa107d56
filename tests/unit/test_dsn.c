/* SPDX-License-Identifier: ISC
 * Notifications as a mail program would read them: the output is parsed into
 * parts and fields here, and the fields are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "relay/deliver/dsn.h"

#define BODY                                                                   \
	"Received: from a by b; Sun, 22 Nov 2026 16:42:00 +0000\r\n"           \
	"From: <s@sender.example>\r\nSubject: hello\r\n\r\nThe body.\r\n"

static struct envelope *
example(void)
{
	struct envelope *env = envelope_create();

	free(env->sender);
	env->sender = mem_strdup("s@sender.example");
	strlcpy(env->domain, "example.org", sizeof(env->domain));
	env->arrival_ms = INT64_C(1795365720000);
	env->last_try_ms = env->arrival_ms + 3600000;
	env->host = mem_strdup("mx1.example.org:2525");
	return env;
}

static struct rcpt *
add(struct envelope *env, const char *mailbox, enum rcpt_state st,
    uint16_t code, struct smtp_status status, const char *reply)
{
	struct rcpt *r = envelope_add_rcpt(env, mailbox);

	rcpt_set(r, st, code, &status, reply);
	return r;
}

static const struct smtp_status s511 = { 5, 1, 1 }, s471 = { 4, 7, 1 },
				none = { 0, 0, 0 };

/* Every line ends with CRLF, none is too long, no other CR, LF or NUL. */
static void
check_lines(const struct buf *b)
{
	size_t i, start = 0;

	assert_true(b->len >= 2);
	for (i = 0; i < b->len; i++) {
		assert_int_not_equal(b->data[i], '\0');
		if (b->data[i] == '\n') {
			assert_true(i > 0 && b->data[i - 1] == '\r');
			assert_true(i - 1 - start <= 998);
			start = i + 1;
		} else if (b->data[i] == '\r') {
			assert_true(i + 1 < b->len && b->data[i + 1] == '\n');
		}
	}
	assert_int_equal(start, b->len);
}

static char *
write_one(const struct envelope *env, enum dsn_action action, const char *body,
    size_t len, bool whole, size_t max)
{
	struct buf out = BUF_INIT(16u << 20);
	struct dsn_input in = { .reporting_mta = "mx2.example.net",
		.from = "postmaster@mx2.example.net",
		.env = env,
		.action = action,
		.now = 1795370000,
		.retry_until = 1797957720,
		.id = 0x6a1f03c2b4700,
		.boundary = 0x1122334455667788,
		.body = body,
		.body_len = len,
		.body_whole = whole,
		.body_max = max };

	assert_int_equal(dsn_write(&in, &out), 0);
	check_lines(&out);
	return buf_take(&out);
}

static char *
write_dsn(const struct envelope *env, enum dsn_action action)
{
	return write_one(env, action, BODY, strlen(BODY), true, 50000);
}

/* The three parts by the boundary that the header names, whole and in order;
 * *head is cut off before the first. */
static void
split(char *msg, char **part)
{
	char line[128], *b = strstr(msg, "boundary=\""), *end, *p;
	unsigned i;

	assert_non_null(b);
	b += strlen("boundary=\"");
	end = strchr(b, '"');
	assert_non_null(end);
	assert_true(end - b > 8 && end - b <= 70);
	snprintf(line, sizeof(line), "\r\n--%.*s", (int)(end - b), b);
	p = msg;
	for (i = 0; i < 4; i++) {
		p = strstr(p, line);
		assert_non_null(p);
		*p = '\0';
		p += strlen(line);
		assert_true(
		    strncmp(p, i < 3 ? "\r\n" : "--\r\n", i < 3 ? 2 : 4) == 0);
		p += 2;
		if (i < 3)
			part[i] = p;
	}
	assert_int_equal(p[2], '\0');
}

/* The text of a part behind its header. */
static char *
content(char *part)
{
	char *p = strstr(part, "\r\n\r\n");

	assert_non_null(p);
	return p + 4;
}

/* How often `line` is there, as a whole line. */
static unsigned
lines(const char *text, const char *line)
{
	size_t len = strlen(line);
	unsigned n = 0;
	const char *p;

	for (p = text; (p = strstr(p, line)) != NULL; p += len)
		n += (p == text || p[-1] == '\n') &&
		    (p[len] == '\r' || p[len] == '\0');
	return n;
}

static void
failed(void **state)
{
	struct envelope *env = example();
	char *msg, *part[3], *s;
	struct rcpt *r;

	(void)state;
	r = add(env, "gone@example.org", RCPT_FAILED, 550, s511,
	    "5.1.1 No such user");
	r->orcpt = mem_strdup("rfc822;Gone+2Btag@example.org");
	add(env, "ok@example.org", RCPT_DELIVERED, 250, none, "ok");
	add(env, "later@example.org", RCPT_PENDING, 451, s471, "later");
	add(env, "old@example.org", RCPT_EXPIRED, 450, s471, "4.7.1 Wait");
	env->envid = mem_strdup("QQ+3D314");
	assert_int_equal(dsn_owed(env, DSN_FAILED), 2);
	msg = write_dsn(env, DSN_FAILED);
	split(msg, part);
	assert_int_equal(lines(msg, "To: <s@sender.example>"), 1);
	assert_int_equal(lines(msg, "Auto-Submitted: auto-replied"), 1);
	assert_int_equal(lines(msg, "MIME-Version: 1.0"), 1);
	assert_int_equal(lines(msg,
			     "Content-Type: multipart/report; "
			     "report-type=delivery-status;"),
	    1);
	assert_non_null(strstr(msg, "\r\nMessage-ID: <"));
	assert_non_null(strstr(msg, ".DSN@mx2.example.net>\r\n"));
	assert_non_null(strstr(msg, "\r\nDate: "));
	assert_non_null(strstr(content(part[0]), "<gone@example.org>"));
	assert_non_null(strstr(content(part[0]), "No such user"));
	assert_null(strstr(content(part[0]), "ok@example.org"));
	assert_int_equal(
	    lines(part[1], "Content-Type: message/delivery-status"), 1);
	s = content(part[1]);
	assert_int_equal(lines(s, "Reporting-MTA: dns; mx2.example.net"), 1);
	assert_int_equal(lines(s, "Original-Envelope-Id: QQ=314"), 1);
	assert_non_null(strstr(s, "\r\nArrival-Date: "));
	assert_int_equal(lines(s,
			     "Original-Recipient: rfc822; "
			     "Gone+tag@example.org"),
	    1);
	assert_int_equal(lines(s, "Final-Recipient: rfc822; gone@example.org"),
	    1);
	assert_int_equal(lines(s, "Final-Recipient: rfc822; old@example.org"),
	    1);
	assert_null(strstr(s, "ok@example.org"));
	assert_null(strstr(s, "later@example.org"));
	assert_int_equal(lines(s, "Action: failed"), 2);
	assert_int_equal(lines(s, "Status: 5.1.1"), 1);
	assert_int_equal(lines(s, "Status: 4.4.7"), 1);
	assert_int_equal(lines(s, "Remote-MTA: dns; mx1.example.org"), 2);
	assert_int_equal(lines(s,
			     "Diagnostic-Code: smtp; 550 5.1.1 No such "
			     "user"),
	    1);
	assert_int_equal(lines(s, "Diagnostic-Code: smtp; 450 4.7.1 Wait"), 1);
	assert_null(strstr(s, "Will-Retry-Until"));
	assert_int_equal(lines(part[2], "Content-Type: message/rfc822"), 1);
	assert_non_null(strstr(content(part[2]), "\r\n\r\nThe body.\r\n"));
	free(msg);
	envelope_destroy(&env);
}

/* UTF-8 in the header, by leave of SMTPUTF8, and in the body alone. */
static void
utf8(void **state)
{
	static const struct {
		uint8_t flags, ret;
		const char *body, *type;
	} cases[] = {
		{ ENV_UTF8, RET_FULL, "S: \xc3\xbc\r\n\r\nx\r\n",
		    "message/global" },
		{ ENV_UTF8, RET_HDRS, "S: \xc3\xbc\r\n\r\nx\r\n",
		    "message/global-headers" },
		{ ENV_UTF8, RET_FULL, "S: u\r\n\r\n\xc3\xbc\r\n",
		    "message/rfc822" },
		{ 0, RET_FULL, "S: \xc3\xbc\r\n\r\nx\r\n", "message/rfc822" },
	};
	struct envelope *env = example();
	char *msg, *part[3], line[64];
	size_t i;

	(void)state;
	add(env, "m\xc3\xbcller@example.org", RCPT_FAILED, 0, s511, "no");
	for (i = 0; i < MX_COUNT(cases); i++) {
		env->flags = cases[i].flags;
		env->ret = cases[i].ret;
		msg = write_one(env, DSN_FAILED, cases[i].body,
		    strlen(cases[i].body), true, 50000);
		split(msg, part);
		assert_int_equal(
		    lines(content(part[1]),
			"Final-Recipient: utf-8; m\\x{FC}ller@example.org"),
		    1);
		snprintf(line, sizeof(line), "Content-Type: %s", cases[i].type);
		assert_int_equal(lines(part[2], line), 1);
		free(msg);
	}
	envelope_destroy(&env);
}

static void
delayed(void **state)
{
	struct envelope *env = example();
	char *msg, *part[3], *s;

	(void)state;
	add(env, "a@example.org", RCPT_PENDING, 0, none, NULL);
	add(env, "b@example.org", RCPT_PENDING, 550, s511, "suspect");
	add(env, "c@example.org", RCPT_FAILED, 550, s511, "gone");
	assert_int_equal(dsn_owed(env, DSN_DELAYED), 2);
	msg = write_dsn(env, DSN_DELAYED);
	split(msg, part);
	s = content(part[1]);
	assert_int_equal(lines(s, "Action: delayed"), 2);
	assert_int_equal(lines(s, "Status: 4.4.1"), 1);
	assert_int_equal(lines(s, "Status: 4.1.1"), 1);
	assert_non_null(strstr(s, "\r\nWill-Retry-Until: "));
	assert_null(strstr(s, "c@example.org"));
	/* Without a failure only the headers are due. */
	assert_int_equal(lines(part[2], "Content-Type: text/rfc822-headers"),
	    1);
	assert_null(strstr(part[2], "The body."));
	assert_null(strstr(s, "Original-Envelope-Id"));
	assert_null(strstr(s, "Original-Recipient"));
	free(msg);
	envelope_destroy(&env);
}

static const struct {
	const char *name;
	unsigned notify;
	unsigned failure, delay;
} notify_cases[] = {
	{ "not given", 0, 1, 1 },
	{ "never", NOTIFY_GIVEN | NOTIFY_NEVER, 0, 0 },
	{ "never without the mark", NOTIFY_NEVER, 0, 0 },
	{ "success", NOTIFY_GIVEN | NOTIFY_SUCCESS, 0, 0 },
	{ "failure", NOTIFY_GIVEN | NOTIFY_FAILURE, 1, 0 },
	{ "delay", NOTIFY_GIVEN | NOTIFY_DELAY, 0, 1 },
	{ "failure, delay", NOTIFY_GIVEN | NOTIFY_FAILURE | NOTIFY_DELAY, 1,
	    1 },
	{ "success, failure", NOTIFY_GIVEN | NOTIFY_SUCCESS | NOTIFY_FAILURE, 1,
	    0 },
};

static void
notify(void **state)
{
	struct envelope *env;
	unsigned fail_all = 0, delay_all = 0;
	struct envelope *all = example();
	struct rcpt *r;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(notify_cases); i++) {
		env = example();
		r = add(env, "a@example.org", RCPT_FAILED, 550, s511, "no");
		r->notify = (uint8_t)notify_cases[i].notify;
		if (dsn_owed(env, DSN_FAILED) != notify_cases[i].failure)
			fail_msg("%s: failure", notify_cases[i].name);
		r->state = RCPT_EXPIRED;
		assert_int_equal(dsn_owed(env, DSN_FAILED),
		    notify_cases[i].failure);
		r->reported = true;
		assert_int_equal(dsn_owed(env, DSN_FAILED), 0);
		r->reported = false;
		r->state = RCPT_PENDING;
		if (dsn_owed(env, DSN_DELAYED) != notify_cases[i].delay)
			fail_msg("%s: delay", notify_cases[i].name);
		r->state = RCPT_DELIVERED;
		assert_int_equal(dsn_owed(env, DSN_DELAYED), 0);
		assert_int_equal(dsn_owed(env, DSN_FAILED), 0);
		envelope_destroy(&env);
		/* Each recipient of one message has its own. */
		r = add(all, "x@example.org",
		    i % 2 ? RCPT_FAILED : RCPT_PENDING, 550, s511, "no");
		r->notify = (uint8_t)notify_cases[i].notify;
		fail_all += i % 2 ? notify_cases[i].failure : 0;
		delay_all += i % 2 ? 0 : notify_cases[i].delay;
	}
	assert_int_equal(dsn_owed(all, DSN_FAILED), fail_all);
	assert_int_equal(dsn_owed(all, DSN_DELAYED), delay_all);
	envelope_destroy(&all);
}

static const struct {
	const char *name;
	enum smtp_ret ret;
	size_t len; /* of the original's text that is there */
	bool whole;
	size_t max;
	bool full;
} ret_cases[] = {
	{ "asked for all", RET_FULL, 20000, true, 50000, true },
	{ "asked for headers", RET_HDRS, 20000, true, 50000, false },
	{ "did not say", RET_NONE, 20000, true, 50000, true },
	{ "too big", RET_FULL, 50000, false, 50000, false },
	{ "just over", RET_FULL, 50001, true, 50000, false },
	{ "nothing may be returned", RET_FULL, 20000, true, 0, false },
};

static void
returned(void **state)
{
	struct envelope *env = example();
	char *body, *msg, *part[3];
	size_t i, n;

	(void)state;
	add(env, "a@example.org", RCPT_FAILED, 550, s511, "no");
	body = malloc(60000);
	assert_non_null(body);
	for (i = 0; i < 60000; i++)
		body[i] = "0123456789\r\n"[i % 12];
	n = (size_t)snprintf(body, 200, "Subject: big\r\nX: y\r\n\r\n");
	body[n] = '#';
	for (i = 0; i < MX_COUNT(ret_cases); i++) {
		env->ret = (uint8_t)ret_cases[i].ret;
		msg = write_one(env, DSN_FAILED, body, ret_cases[i].len,
		    ret_cases[i].whole, ret_cases[i].max);
		assert_true(strlen(msg) <= 100000);
		split(msg, part);
		if ((lines(part[2], "Content-Type: message/rfc822") == 1) !=
			ret_cases[i].full ||
		    (strchr(content(part[2]), '#') != NULL) !=
			ret_cases[i].full)
			fail_msg("%s", ret_cases[i].name);
		if (ret_cases[i].max > 0)
			assert_int_equal(
			    lines(content(part[2]), "Subject: big"), 1);
		free(msg);
	}
	free(body);
	envelope_destroy(&env);
}

/* Replies, addresses and originals that want to be more than they are. */
static void
hostile(void **state)
{
	struct envelope *env = example();
	char *msg, *part[3], big[600], body[5000];
	struct rcpt *r;
	size_t n;

	(void)state;
	r = add(env, "a@example.org", RCPT_FAILED, 550, s511,
	    "no\r\nBcc: evil@example.com\r\n\r\n--=_1122334455667788--\r\n"
	    "\x01\x7f\xff\xc3\xa9");
	r->orcpt = mem_strdup("rfc822;x+0D+0ABcc:+20evil");
	env->envid = mem_strdup("id+0D+0AX-Evil:+201");
	free(env->host);
	env->host = mem_strdup("bad\r\nX-Evil: 1");
	memset(big, 'A', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	add(env, "\xc3\xa9t\xc3\xa9@example.org", RCPT_FAILED, 550, s511, big);
	add(env, "c@example.org\r\nX-Evil: 1", RCPT_FAILED, 550, s511, "");
	n = (size_t)snprintf(body, sizeof(body), "Subject: x\nLong: ");
	memset(body + n, 'L', 3000);
	memcpy(body + n + 3000, "\r\r\n\r\n\0\x80 text", 13);
	msg = write_one(env, DSN_FAILED, body, n + 3013, true, 50000);
	split(msg, part);
	assert_null(strstr(msg, "\nX-Evil"));
	assert_null(strstr(msg, "\nBcc"));
	assert_null(strstr(part[0], "\nBcc"));
	assert_null(strstr(part[1], "\nBcc"));
	assert_null(strstr(part[1], "\nX-Evil"));
	assert_int_equal(lines(part[1],
			     "Final-Recipient: utf-8; "
			     "\\x{E9}t\\x{E9}@example.org"),
	    1);
	assert_int_equal(lines(part[1], "Action: failed"), 3);
	assert_int_equal(lines(msg, "Content-Transfer-Encoding: 8bit"), 1);
	assert_int_equal(lines(part[2], "Content-Transfer-Encoding: 8bit"), 1);
	free(msg);
	envelope_destroy(&env);
}

/* One notification for a part with as many recipients as there can be. */
static void
many(void **state)
{
	struct envelope *env = example();
	char name[64], *msg, *part[3];
	unsigned i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "user%u@example.org", i);
		add(env, name, RCPT_EXPIRED, 0, none, NULL);
	}
	msg = write_dsn(env, DSN_FAILED);
	split(msg, part);
	assert_int_equal(lines(part[1], "Action: failed"), 3000);
	assert_null(strstr(part[1], "Remote-MTA"));
	assert_null(strstr(part[1], "Diagnostic-Code"));
	free(msg);
	envelope_destroy(&env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed),
		cmocka_unit_test(utf8),
		cmocka_unit_test(delayed),
		cmocka_unit_test(notify),
		cmocka_unit_test(returned),
		cmocka_unit_test(hostile),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
