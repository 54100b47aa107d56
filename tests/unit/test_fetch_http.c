/* SPDX-License-Identifier: ISC
 * test_fetch_http: what is posted and what is fetched, and what is made of
 * servers that refuse, stall, lie about lengths, do not come to an end or are
 * somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/fetch_site.h"

static char dir[] = "/tmp/mxwatch-fetch-XXXXXX";
static char into[64], ca_file[64], token[64];
static struct identity authority, stranger, here, elsewhere, past, unknown;
static struct transport *tp;

static int
group_setup(void **state MX_UNUSED)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(into, sizeof(into), "%s/list", dir);
	snprintf(ca_file, sizeof(ca_file), "%s/ca", dir);
	snprintf(token, sizeof(token), "%s/token", dir);
	identity_make(&authority, "an authority", NULL, NULL, -9 * DAY, DAY);
	identity_make(&stranger, "another one", NULL, NULL, -9 * DAY, DAY);
	identity_make(&here, "localhost", &authority, NULL, -DAY, DAY);
	identity_make(&elsewhere, "else.test", &authority, NULL, -DAY, DAY);
	identity_make(&past, "localhost", &authority, NULL, -2 * DAY, -DAY);
	identity_make(&unknown, "localhost", &stranger, NULL, -DAY, DAY);
	identity_write(&authority, ca_file, NULL);
	/* None of these is ours to follow. */
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	setenv("https_proxy", "http://127.0.0.1:9", 1);
	setenv("all_proxy", "http://127.0.0.1:9", 1);
	return 0;
}

static int
group_teardown(void **state MX_UNUSED)
{
	struct identity *all[] = { &authority, &stranger, &here, &elsewhere,
		&past, &unknown };
	char *cmd = mem_printf("rm -rf %s", dir);
	int rc = system(cmd);

	for (size_t i = 0; i < MX_COUNT(all); i++)
		identity_fini(all[i]);
	mem_free(&cmd);
	return rc;
}

static int
setup(void **state MX_UNUSED)
{
	tp = transport_create(NULL, outcome_note, NULL);
	return 0;
}

static int
teardown(void **state MX_UNUSED)
{
	char *tag = mem_printf("%s.tag", into);

	transport_destroy(&tp);
	assert_null(tp);
	(void)unlink(into);
	(void)unlink(tag);
	mem_free(&tag);
	return 0;
}

static void
begin(struct message *m, struct carry *c, struct outcome *o,
    const struct site *s, int64_t timeout_ms)
{
	message_init(m, CARRY_HTTP);
	memset(c, 0, sizeof(*c));
	memset(o, 0, sizeof(*o));
	m->url = mem_printf("%s://localhost:%u/a?k=s",
	    s->tls != NULL ? "https" : "http", s->port);
	c->timeout_ms = timeout_ms;
	c->ca_file = mem_strdup(ca_file);
	c->arg = o;
	c->drop = outcome_drop;
}

static void
post(const struct site *s, int64_t timeout_ms, struct outcome *o)
{
	struct message m;
	struct carry c;

	begin(&m, &c, o, s, timeout_ms);
	message_header(&m, "Content-Type: %s", "application/json");
	message_header(&m, "X-Cut: a\r\nX-Injected: b");
	assert_int_equal(buf_add(&m.body, "{\"a\":1}", 7), 0);
	transport_send(tp, &m, &c);
	assert_null(m.url);
	assert_null(c.ca_file);
	outcome_wait(tp, o, 1);
	assert_int_equal(o->dropped, 0);
}

/* ---- what is posted */

#define EMPTY "Content-Length: 0\r\n\r\n"

static const struct {
	const char *name, *answer;
	enum site_end end;
	enum carry_result result;
	const char *text;
	int64_t retry_after_ms;
} posts[] = {
	{ "200", "HTTP/1.1 200 OK\r\n" EMPTY, SITE_CLOSES, CARRY_SENT,
	    "HTTP 200", 0 },
	{ "202 up to its end", "HTTP/1.1 202 Accepted\r\n\r\nbody", SITE_CLOSES,
	    CARRY_SENT, "HTTP 202", 0 },
	{ "204", "HTTP/1.1 204 No\r\n\r\n", SITE_CLOSES, CARRY_SENT, "HTTP 204",
	    0 },
	/* it has said yes: whatever becomes of the rest */
	{ "200 and silence", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
	    SITE_HANGS, CARRY_SENT, "HTTP 200", 0 },
	{ "200 and less than it said",
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", SITE_CLOSES,
	    CARRY_SENT, "HTTP 200", 0 },
	{ "200 without an end", "HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxx",
	    SITE_FLOODS, CARRY_SENT, "HTTP 200", 0 },
	{ "100 first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY,
	    SITE_CLOSES, CARRY_SENT, "HTTP 200", 0 },
	{ "moved", "HTTP/1.1 301 No\r\nLocation: /b\r\n" EMPTY, SITE_CLOSES,
	    CARRY_RETRY, "HTTP 301, a redirect, is not followed", 0 },
	{ "see other", "HTTP/1.1 303 No\r\nLocation: /b\r\n" EMPTY, SITE_CLOSES,
	    CARRY_RETRY, "HTTP 303, a redirect, is not followed", 0 },
	{ "400", "HTTP/1.1 400 No\r\n" EMPTY, SITE_CLOSES, CARRY_REJECTED,
	    "HTTP 400", 0 },
	{ "401", "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n" EMPTY,
	    SITE_CLOSES, CARRY_REJECTED, "HTTP 401", 0 },
	{ "404", "HTTP/1.1 404 No\r\n" EMPTY, SITE_CLOSES, CARRY_REJECTED,
	    "HTTP 404", 0 },
	{ "499", "HTTP/1.1 499 No\r\n" EMPTY, SITE_CLOSES, CARRY_REJECTED,
	    "HTTP 499", 0 },
	{ "408", "HTTP/1.1 408 No\r\n" EMPTY, SITE_CLOSES, CARRY_RETRY,
	    "HTTP 408", 0 },
	{ "429", "HTTP/1.1 429 No\r\nRetry-After: 7\r\n" EMPTY, SITE_CLOSES,
	    CARRY_RETRY, "HTTP 429", 7000 },
	{ "429 for a year",
	    "HTTP/1.1 429 No\r\nRetry-After: 31536000\r\n" EMPTY, SITE_CLOSES,
	    CARRY_RETRY, "HTTP 429", 86400000 },
	{ "429 for longer than there are numbers",
	    "HTTP/1.1 429 No\r\nRetry-After: 99999999999999999999\r\n" EMPTY,
	    SITE_CLOSES, CARRY_RETRY, "HTTP 429", 86400000 },
	{ "429 to a date",
	    "HTTP/1.1 429 No\r\nRetry-After: Fri, 31 Dec 2999 23:59:59 GMT"
	    "\r\n" EMPTY,
	    SITE_CLOSES, CARRY_RETRY, "HTTP 429", 86400000 },
	{ "429 to a date that is over",
	    "HTTP/1.1 429 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT"
	    "\r\n" EMPTY,
	    SITE_CLOSES, CARRY_RETRY, "HTTP 429", 0 },
	{ "429 for nonsense", "HTTP/1.1 429 No\r\nRetry-After: -7\r\n" EMPTY,
	    SITE_CLOSES, CARRY_RETRY, "HTTP 429", 0 },
	{ "500", "HTTP/1.1 500 No\r\n" EMPTY, SITE_CLOSES, CARRY_RETRY,
	    "HTTP 500", 0 },
	{ "503 with silence", "HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\n",
	    SITE_HANGS, CARRY_RETRY, "HTTP 503", 0 },
	/* it has said nothing */
	{ "silence", "", SITE_HANGS, CARRY_RETRY, "Timeout was reached", 0 },
	{ "half a status", "HTTP/1.1 2", SITE_HANGS, CARRY_RETRY,
	    "Timeout was reached", 0 },
	{ "closed", "", SITE_CLOSES, CARRY_RETRY, "Server returned nothing",
	    0 },
	{ "a header without an end",
	    "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", SITE_FLOODS,
	    CARRY_RETRY, NULL, 0 },
	{ "a header of a response without an end",
	    "HTTP/1.1 100 Continue\r\n\r\n", SITE_FLOODS, CARRY_RETRY,
	    "its answer or its header is too long", 0 },
	{ "another protocol", "220 site ESMTP\r\n", SITE_CLOSES, CARRY_RETRY,
	    NULL, 0 },
};

static void
posted(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(posts); i++) {
		struct site s = { .answer = posts[i].answer,
			.end = posts[i].end };
		struct outcome o;

		site_open(&s);
		post(&s, posts[i].end == SITE_HANGS ? 200 : 20000, &o);
		teardown(state); /* a connection that was kept goes */
		setup(state);
		site_close(&s);
		if (o.r.result != posts[i].result ||
		    o.r.retry_after_ms != posts[i].retry_after_ms ||
		    (posts[i].text != NULL &&
			strncmp(o.r.text, posts[i].text,
			    strlen(posts[i].text)) != 0))
			fail_msg("%s: %d, %s, %lld", posts[i].name,
			    (int)o.r.result, o.r.text,
			    (long long)o.r.retry_after_ms);
		assert_true(o.r.text[0] != '\0');
		assert_int_equal(s.conns, 1);
		buf_fini(&s.got);
	}
}

static void
assert_got(const struct site *s, const char *part)
{
	if (strstr(buf_str(&s->got), part) == NULL)
		fail_msg("no %s in: %s", part, buf_str(&s->got));
}

/* What is sent, to the byte as far as it is ours; nothing else of ours. */
static void
the_request(void **state)
{
	struct site s = { .answer = "HTTP/1.1 200 OK\r\n" EMPTY, .tls = &here };
	struct outcome o;

	(void)state;
	site_open(&s);
	post(&s, 20000, &o);
	transport_destroy(&tp);
	site_close(&s);
	assert_int_equal(o.r.result, CARRY_SENT);
	assert_true(s.inside);
	assert_int_equal(
	    strncmp(buf_str(&s.got), "POST /a?k=s HTTP/1.1\r\n", 22), 0);
	assert_got(&s, "\r\nUser-Agent: mxwatch/");
	assert_got(&s, "\r\nContent-Type: application/json\r\n");
	assert_got(&s, "\r\nX-Cut: a\r\n");
	assert_got(&s, "\r\nContent-Length: 7\r\n");
	assert_got(&s, "\r\n\r\n{\"a\":1}");
	assert_null(strstr(buf_str(&s.got), "X-Injected"));
	assert_null(strstr(buf_str(&s.got), "Expect:"));
	assert_null(strstr(buf_str(&s.got), "Authorization"));
	assert_null(strstr(buf_str(&s.got), "Cookie"));
	buf_fini(&s.got);
}

static void
nobody_is_there(void **state)
{
	struct site s = { .answer = "" };
	struct outcome o;

	(void)state;
	site_open(&s);
	site_close(&s);
	post(&s, 20000, &o);
	assert_int_equal(o.r.result, CARRY_RETRY);
	assert_non_null(strstr(o.r.text, "connect to server"));
	buf_fini(&s.got);
}

/* Nothing is said to somebody else. */
static void
somebody_else(void **state)
{
	const struct identity *who[] = { &elsewhere, &past, &unknown };
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(who); i++) {
		struct site s = { .answer = "HTTP/1.1 200 OK\r\n" EMPTY,
			.tls = who[i] };

		site_open(&s);
		post(&s, 20000, &o);
		site_close(&s);
		assert_int_equal(o.r.result, CARRY_RETRY);
		assert_int_equal(s.got.len, 0);
		buf_fini(&s.got);
	}
}

/* ---- tokens */

static void
with_token(struct site *s, struct outcome *o)
{
	struct message m;
	struct carry c;

	site_open(s);
	begin(&m, &c, o, s, 20000);
	c.token_file = mem_strdup(token);
	transport_send(tp, &m, &c);
	outcome_wait(tp, o, 1);
	teardown(NULL);
	setup(NULL);
	site_close(s);
}

static void
tokens(void **state)
{
	static const struct {
		const char *text, *header, *why;
	} rows[] = {
		{ "abc", "\r\nAuthorization: Bearer abc\r\n", NULL },
		{ "abc\r\n \t\n", "\r\nAuthorization: Bearer abc\r\n", NULL },
		{ "", NULL, "it is not one line" },
		{ " \n", NULL, "it is not one line" },
		{ "abc\ndef", NULL, "it is not one line" },
		{ "abc\rX: y", NULL, "it is not one line" },
	};
	struct site s = { .answer = "HTTP/1.1 200 OK\r\n" EMPTY };
	char long_one[SECRET_MAX + 2];
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		assert_int_equal(file_replace(token, 0600, rows[i].text,
				     strlen(rows[i].text), NULL),
		    0);
		with_token(&s, &o);
		if (rows[i].header != NULL) {
			assert_int_equal(o.r.result, CARRY_SENT);
			assert_got(&s, rows[i].header);
		} else {
			assert_int_equal(o.r.result, CARRY_RETRY);
			assert_non_null(
			    strstr(o.r.text, "cannot be started: "));
			assert_non_null(strstr(o.r.text, rows[i].why));
			assert_int_equal(s.conns, 0);
		}
		buf_fini(&s.got);
	}
	memset(long_one, 'x', sizeof(long_one));
	assert_int_equal(file_replace(token, 0600, long_one, SECRET_MAX, NULL),
	    0);
	with_token(&s, &o);
	assert_int_equal(o.r.result, CARRY_SENT);
	buf_fini(&s.got);
	assert_int_equal(
	    file_replace(token, 0600, long_one, SECRET_MAX + 1, NULL), 0);
	with_token(&s, &o);
	assert_non_null(strstr(o.r.text, "larger than 8192 bytes"));
	buf_fini(&s.got);
	assert_int_equal(file_replace(token, 0604, "abc", 3, NULL), 0);
	with_token(&s, &o);
	assert_non_null(strstr(o.r.text, "accessible to users other"));
	buf_fini(&s.got);
	assert_int_equal(unlink(token), 0);
	with_token(&s, &o);
	assert_non_null(strstr(o.r.text, "No such file"));
	buf_fini(&s.got);
}

/* ---- what is fetched */

static void
fetch_begin(const struct site *s, int64_t timeout_ms, struct outcome *o)
{
	struct message m;
	struct carry c;

	begin(&m, &c, o, s, timeout_ms);
	c.get = true;
	c.into = mem_strdup(into);
	c.into_max = 100;
	transport_send(tp, &m, &c);
}

static void
fetch(struct site *s, int64_t timeout_ms, struct outcome *o)
{
	site_open(s);
	fetch_begin(s, timeout_ms, o);
	outcome_wait(tp, o, 1);
	transport_destroy(&tp);
	tp = transport_create(NULL, outcome_note, NULL);
	site_close(s);
}

static void
assert_file(const char *text)
{
	struct buf b = BUF_INIT(1000);
	struct mx_errbuf eb;
	char *fresh = mem_printf("%s.new", into);

	assert_int_equal(file_load(into, &b, &eb), 0);
	assert_string_equal(buf_str(&b), text);
	assert_int_equal(access(fresh, F_OK), -1);
	mem_free(&fresh);
	buf_fini(&b);
}

static const struct {
	const char *name, *answer;
	enum site_end end;
	const char *text;
} not_fetched[] = {
	{ "404 with content", "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nbad",
	    SITE_CLOSES, "HTTP 404" },
	{ "401", "HTTP/1.1 401 No\r\n" EMPTY, SITE_CLOSES, "HTTP 401" },
	{ "206", "HTTP/1.1 206 Part\r\nContent-Length: 3\r\n\r\nbad",
	    SITE_CLOSES, "HTTP 206, not 200" },
	{ "204", "HTTP/1.1 204 No\r\n\r\n", SITE_CLOSES, "HTTP 204, not 200" },
	{ "moved", "HTTP/1.1 302 No\r\nLocation: /b\r\n" EMPTY, SITE_CLOSES,
	    "HTTP 302, a redirect, is not followed" },
	{ "304 to whom did not ask", "HTTP/1.1 304 Same\r\n\r\n", SITE_CLOSES,
	    "HTTP 304 to an unconditional request" },
	{ "empty", "HTTP/1.1 200 OK\r\n" EMPTY, SITE_CLOSES, "it is empty" },
	{ "less than it said",
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbad", SITE_CLOSES,
	    NULL },
	{ "a chunk that does not end",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbad",
	    SITE_CLOSES, NULL },
	{ "silence in the middle",
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbad", SITE_HANGS,
	    NULL },
	{ "too large, and says so",
	    "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\nbad", SITE_HANGS,
	    "it is larger than 100 bytes (size_max)" },
	{ "too large, and does not say so",
	    "HTTP/1.1 200 OK\r\n\r\nbad bad bad bad bad bad bad bad bad",
	    SITE_FLOODS, "it is larger than 100 bytes (size_max)" },
	{ "500 without an end", "HTTP/1.1 500 No\r\n\r\nbad bad bad bad",
	    SITE_FLOODS, "HTTP 500" },
};

static void
what_does_not_come_whole(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(file_replace(into, 0600, "old", 3, NULL), 0);
	for (size_t i = 0; i < MX_COUNT(not_fetched); i++) {
		struct site s = { .answer = not_fetched[i].answer,
			.end = not_fetched[i].end,
			.tls = &here };

		fetch(&s, s.end == SITE_HANGS ? 300 : 20000, &o);
		if (o.r.result != CARRY_RETRY ||
		    (not_fetched[i].text != NULL &&
			strcmp(o.r.text, not_fetched[i].text) != 0))
			fail_msg("%s: %d, %s", not_fetched[i].name,
			    (int)o.r.result, o.r.text);
		assert_true(o.r.text[0] != '\0');
		assert_file("old");
		assert_int_equal(s.conns, 1);
		buf_fini(&s.got);
	}
}

/* The whole of it becomes the file; the next time it is asked whether that is
 * what there is. */
static void
fetched(void **state)
{
	struct site s = { .answer = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n"
				    "Last-Modified: Mon, 02 Nov 2026 10:00:00 "
				    "GMT\r\nContent-Length: 5\r\n\r\nlist\n",
		.tls = &here };
	struct outcome o;

	(void)state;
	fetch(&s, 20000, &o);
	assert_int_equal(o.r.result, CARRY_SENT);
	assert_false(o.r.unchanged);
	assert_int_equal(o.r.had_ms, 0);
	assert_file("list\n");
	assert_int_equal(
	    strncmp(buf_str(&s.got), "GET /a?k=s HTTP/1.1\r\n", 21), 0);
	assert_null(strstr(buf_str(&s.got), "\r\nIf-"));
	buf_fini(&s.got);

	fetch(&s, 20000, &o);
	assert_int_equal(o.r.result, CARRY_SENT);
	assert_true(o.r.unchanged);
	assert_true(o.r.had_ms > 0);
	assert_got(&s, "\r\nIf-None-Match: \"v1\"\r\n");
	assert_got(&s,
	    "\r\nIf-Modified-Since: Mon, 02 Nov 2026 10:00:00 GMT\r\n");
	buf_fini(&s.got);

	s.answer = "HTTP/1.1 304 Same\r\nETag: \"v1\"\r\n\r\n";
	fetch(&s, 20000, &o);
	assert_int_equal(o.r.result, CARRY_SENT);
	assert_true(o.r.unchanged);
	assert_file("list\n");
	buf_fini(&s.got);

	/* What a response before the last one said is void. */
	s.answer = "HTTP/1.1 100 Continue\r\nETag: \"wrong\"\r\n\r\n"
		   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnew\n";
	fetch(&s, 20000, &o);
	assert_int_equal(o.r.result, CARRY_SENT);
	assert_false(o.r.unchanged);
	assert_file("new\n");
	buf_fini(&s.got);
	fetch(&s, 20000, &o);
	assert_null(strstr(buf_str(&s.got), "\r\nIf-"));
	buf_fini(&s.got);
}

static void
not_from_anybody(void **state)
{
	static const char answer[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
	const struct identity *who[] = { NULL, &elsewhere, &past, &unknown };
	struct outcome o;

	(void)state;
	assert_int_equal(file_replace(into, 0600, "old", 3, NULL), 0);
	for (size_t i = 0; i < MX_COUNT(who); i++) {
		struct site s = { .answer = answer, .tls = who[i] };

		fetch(&s, 20000, &o);
		assert_int_equal(o.r.result, CARRY_RETRY);
		assert_file("old");
		assert_int_equal(s.got.len, 0);
		buf_fini(&s.got);
	}
}

/* Two into one file: the second is not begun. What runs is dropped with the
 * transport, and its owner hears of that. */
static void
two_at_once(void **state)
{
	struct site s = { .answer = "HTTP/1.1 200 OK\r\n\r\nbad",
		.end = SITE_HANGS,
		.tls = &here };
	struct outcome first, second;

	(void)state;
	assert_int_equal(file_replace(into, 0600, "old", 3, NULL), 0);
	site_open(&s);
	fetch_begin(&s, 20000, &first);
	fetch_begin(&s, 20000, &second);
	outcome_wait(tp, &second, 1);
	assert_int_equal(second.r.result, CARRY_RETRY);
	assert_string_equal(second.r.text,
	    "cannot be started: the previous request is still running");
	assert_int_equal(first.n, 0);
	fetch_begin(&s, 20000, &second); /* and one that is not told yet */
	transport_destroy(&tp);
	site_close(&s);
	assert_int_equal(first.n, 0);
	assert_int_equal(first.dropped, 1);
	assert_int_equal(second.dropped, 1);
	assert_file("old");
	buf_fini(&s.got);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* ---- what is fetched into memory, of a host whose address is given */

static const struct {
	const char *answer, *text, *content; /* content NULL: it fails */
	bool found; /* by its address */
} contents[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood", "HTTP 200",
	    "good", true },
	{ "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nbad", "HTTP 404", NULL,
	    true },
	{ "HTTP/1.1 302 No\r\nLocation: /b\r\n" EMPTY,
	    "HTTP 302, a redirect, is not followed", NULL, true },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",
	    "more than 10 bytes", NULL, true },
	{ "HTTP/1.1 200 OK\r\n\r\n12345678901", "more than 10 bytes", NULL,
	    true },
	{ "HTTP/1.1 304 Same\r\n\r\n", "HTTP 304 to an unconditional request",
	    NULL, true },
	{ "", NULL, NULL, false },
};

static void
into_memory(void **state)
{
	struct identity policy;
	struct message m;
	struct outcome o;
	struct carry c;

	(void)state;
	identity_make(&policy, "policy.test", &authority, NULL, -DAY, DAY);
	for (size_t i = 0; i < MX_COUNT(contents); i++) {
		struct site s = { .answer = contents[i].answer,
			.tls = &policy };
		struct buf content = BUF_INIT(10);

		site_open(&s);
		begin(&m, &c, &o, &s, 20000);
		mem_free(&m.url);
		m.url = mem_printf("https://policy.test:%u/p", s.port);
		c.get = true;
		c.content = &content;
		if (contents[i].found)
			c.connect_to = mem_printf("policy.test:%u:127.0.0.1:%u",
			    s.port, s.port);
		transport_send(tp, &m, &c);
		outcome_wait(tp, &o, 1);
		transport_destroy(&tp);
		tp = transport_create(NULL, outcome_note, NULL);
		site_close(&s);
		assert_int_equal(o.r.result,
		    contents[i].content != NULL ? CARRY_SENT : CARRY_RETRY);
		if (contents[i].text != NULL)
			assert_string_equal(o.r.text, contents[i].text);
		if (contents[i].content != NULL)
			assert_string_equal(buf_str(&content),
			    contents[i].content);
		assert_true(content.len <= 10);
		assert_int_equal(s.conns, contents[i].found ? 1 : 0);
		buf_fini(&s.got);
		buf_fini(&content);
	}
	identity_fini(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(posted),
		TEST(the_request),
		TEST(nobody_is_there),
		TEST(somebody_else),
		TEST(tokens),
		TEST(what_does_not_come_whole),
		TEST(fetched),
		TEST(not_from_anybody),
		TEST(two_at_once),
		TEST(into_memory),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
