/* SPDX-License-Identifier: ISC
 * test_http: requests over real connections: what each path answers and in which
 * form, who is refused, and what clients that stall, crowd or send nonsense do to
 * the others. */
#include "tests/unit/http_world.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/prometheus.h"

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define GZIP "Accept-Encoding: gzip\r\n"

/* ---- what is answered */

static const struct {
	const char *what, *headers;
	unsigned status;
	const char *type, *part; /* of the body */
} pages[] = {
	{ "GET /", "", 200, "text/html; charset=utf-8", "<!doctype html>" },
	{ "GET /metrics", "", 200, PROMETHEUS_CONTENT_TYPE,
	    "mxwatch_queue_messages{domain=\"d000002.test\"," },
	{ "GET /metrics", "Accept: application/openmetrics-text\r\n", 200,
	    OPENMETRICS_CONTENT_TYPE, "\n# EOF\n" },
	{ "GET /api/v1/status", "", 200, JSON, "\"domain\":\"d000002.test\"" },
	{ "GET /api/v1/history", "", 200, JSON, "{" },
	{ "GET /api/v1/outages", "", 200, JSON,
	    "{\"outages\":[],\"next\":null}" },
	{ "GET /api/v1/outages?kind=primary&since=1y&name=a.test&limit=1000",
	    "", 200, JSON, "{\"outages\":[],\"next\":null}" },
	{ "GET /api/v1/outages?limit=1001", "", 400, TEXT,
	    "invalid parameter" },
	{ "GET /api/v1/outages?limit", "", 400, TEXT, "invalid parameter" },
	{ "GET /api/v1/outages?zebra=1", "", 400, TEXT, "invalid parameter" },
	{ "GET /-/healthy", "", 200, TEXT, "healthy\n" },
	{ "GET /-/ready", "", 200, TEXT, "ready\n" },
	{ "GET /healthz", "", 200, TEXT, "healthy\n" },
	{ "GET /readyz", "", 200, TEXT, "ready\n" },
	/* the absolute form, for us */
	{ "GET http://localhost:1/-/ready", "", 200, TEXT, "ready\n" },
	{ "GET http://mx2.example.net", "", 200, "text/html; charset=utf-8",
	    NULL },
	/* no query is looked at */
	{ "GET /-/ready?x=/metrics", "", 200, TEXT, "ready\n" },
	/* nothing is decoded, nothing normalized */
	{ "GET /metrics%00", "", 404, TEXT, "no such page\n" },
	{ "GET /%6detrics", "", 404, TEXT, "no such page\n" },
	{ "GET //metrics", "", 404, TEXT, "no such page\n" },
	{ "GET /./metrics", "", 404, TEXT, "no such page\n" },
	{ "GET /metrics/", "", 404, TEXT, "no such page\n" },
	{ "GET /METRICS", "", 404, TEXT, "no such page\n" },
	{ "GET /../../etc/passwd", "", 404, TEXT, "no such page\n" },
	{ "GET *", "", 404, TEXT, "no such page\n" },
	/* only what changes nothing */
	{ "POST /metrics", "", 405, TEXT, "only GET and HEAD are supported\n" },
	{ "PUT /metrics", "", 405, TEXT, "only GET and HEAD are supported\n" },
	{ "DELETE /", "", 405, TEXT, "only GET and HEAD are supported\n" },
	{ "OPTIONS *", "", 405, TEXT, "only GET and HEAD are supported\n" },
	{ "TRACE /", "", 405, TEXT, "only GET and HEAD are supported\n" },
	{ "get /metrics", "", 405, TEXT, "only GET and HEAD are supported\n" },
	{ "X / y", "", 0, NULL, NULL },
	/* a body is not waited for */
	{ "POST /", "Content-Length: 1000000\r\n", 405, TEXT, NULL },
	{ "POST /", "Transfer-Encoding: chunked\r\n", 405, TEXT, NULL },
	{ "GET /-/ready", "Content-Length: 5\r\n", 200, TEXT, "ready\n" },
	/* not for us */
	{ "GET http://evil.example/metrics", "", 421, TEXT, "web { hosts }" },
	{ "GET http://mx2.example.net:x/", "", 400, TEXT, "one Host" },
	{ "GET /", "Host: localhost\r\n", 400, TEXT, "one Host" },
};

static void
requests_are_answered(void **state)
{
	struct reply r;

	(void)state;
	web_open("", "");
	snapshot_box_put(web.box, web_snapshot(3));
	for (size_t i = 0; i < MX_COUNT(pages); i++) {
		if (web_ask(pages[i].what, pages[i].headers, &r) !=
			pages[i].status &&
		    pages[i].status != 0)
			fail_msg("%s: %u", pages[i].what, r.status);
		if (pages[i].type != NULL) {
			assert_string_equal(reply_header(&r, "Content-Type"),
			    pages[i].type);
			assert_true(r.whole);
		}
		if (pages[i].part != NULL &&
		    strstr(buf_str(&r.body), pages[i].part) == NULL)
			fail_msg("%s: %s", pages[i].what, buf_str(&r.body));
		if (r.status == 405)
			assert_string_equal(reply_header(&r, "Allow"),
			    "GET, HEAD");
		reply_fini(&r);
	}
}

/* HEAD is GET without its body. */
static void
heads(void **state)
{
	static const char *const paths[] = { "/", "/-/ready", "/api/v1/history",
		"/nowhere" };
	struct reply get, head;
	char what[64], len[16];

	(void)state;
	web_open("", "");
	snapshot_box_put(web.box, web_snapshot(3));
	for (size_t i = 0; i < MX_COUNT(paths); i++) {
		snprintf(what, sizeof(what), "GET %s", paths[i]);
		web_ask(what, "", &get);
		snprintf(what, sizeof(what), "HEAD %s", paths[i]);
		web_ask(what, "", &head);
		assert_int_equal(head.status, get.status);
		snprintf(len, sizeof(len), "%zu", get.body.len);
		assert_string_equal(reply_header(&head, "Content-Length"), len);
		reply_fini(&get);
		reply_fini(&head);
	}
}

static void
headers_of_a_page(void **state)
{
	const struct http_page *p;
	char condition[80];
	struct reply r;

	(void)state;
	web_open("", "");
	snapshot_box_put(web.box, web_snapshot(1));
	p = &web.http->page;
	assert_int_equal(web_ask("GET /", "", &r), 200);
	assert_int_equal(r.body.len, p->len);
	assert_string_equal(reply_header(&r, "Cache-Control"), "no-cache");
	assert_string_equal(reply_header(&r, "ETag"), p->etag);
	assert_string_equal(reply_header(&r, "Referrer-Policy"), "no-referrer");
	assert_string_equal(reply_header(&r, "X-Content-Type-Options"),
	    "nosniff");
	assert_string_equal(reply_header(&r, "Vary"),
	    "Accept, Accept-Encoding");
	assert_non_null(strstr(reply_header(&r, "Content-Security-Policy"),
	    "default-src 'none'; style-src 'sha256-"));
	assert_null(reply_header(&r, "Content-Encoding"));
	reply_fini(&r);

	snprintf(condition, sizeof(condition), "If-None-Match: %s\r\n",
	    p->etag);
	assert_int_equal(web_ask("GET /", condition, &r), 304);
	assert_string_equal(reply_header(&r, "ETag"), p->etag);
	reply_fini(&r);
	assert_int_equal(web_ask("GET /", "If-None-Match: \"other\"\r\n", NULL),
	    200);

	assert_int_equal(web_ask("GET /", GZIP, &r), 200);
	reply_unpack(&r);
	assert_string_equal(buf_str(&r.body), p->html);
	reply_fini(&r);

	/* what is of now is kept by nobody */
	assert_int_equal(web_ask("GET /metrics", "", &r), 200);
	assert_string_equal(reply_header(&r, "Cache-Control"), "no-store");
	assert_string_equal(reply_header(&r, "X-Content-Type-Options"),
	    "nosniff");
	assert_null(reply_header(&r, "Content-Security-Policy"));
	assert_null(reply_header(&r, "ETag"));
	reply_fini(&r);
}

static unsigned
count(const struct buf *b, const char *part)
{
	const char *p = b->data, *end = b->data + b->len;
	size_t len = strlen(part);
	unsigned n = 0;

	while ((p = memmem(p, (size_t)(end - p), part, len)) != NULL) {
		p += len;
		n++;
	}
	return n;
}

/* From a thousand domains on it is made while it is sent: the same text, and
 * the same packed. */
static void
documents_of_any_length(void **state)
{
	static const char *const pages_of[] = { "GET /metrics",
		"GET /api/v1/status" };
	static const char *const row[] = { "mxwatch_domain_info{",
		"{\"domain\":\"d" };
	struct reply r;

	(void)state;
	web_open("", "");
	for (unsigned n = 999; n <= 1001; n += 2) {
		snapshot_box_put(web.box, web_snapshot(n));
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(web_ask(pages_of[i / 2],
					     i % 2 == 0 ? "" : GZIP, &r),
			    200);
			assert_true(r.whole);
			assert_int_equal(
			    reply_header(&r, "Transfer-Encoding") != NULL,
			    n > 1000);
			if (i % 2 == 1)
				reply_unpack(&r);
			assert_int_equal(count(&r.body, row[i / 2]), n);
			reply_fini(&r);
		}
	}
	/* what is short is not packed */
	assert_int_equal(web_ask("GET /-/ready", GZIP, &r), 200);
	assert_null(reply_header(&r, "Content-Encoding"));
	reply_fini(&r);
}

static void
one_series_for_all(void **state)
{
	struct reply r;

	(void)state;
	web_open("", "metrics { per_domain = no }");
	snapshot_box_put(web.box, web_snapshot(3));
	assert_int_equal(web_ask("GET /metrics", "", &r), 200);
	assert_int_equal(count(&r.body, "domain=\""), 0);
	reply_fini(&r);
}

static void
said_of_health(void **state)
{
	struct snapshot *s;
	struct reply r;

	(void)state;
	web_open("", "");
	/* before the first snapshot; what is not there is not there */
	assert_int_equal(web_ask("GET /metrics", "", &r), 503);
	assert_string_equal(buf_str(&r.body), "starting\n");
	reply_fini(&r);
	assert_int_equal(web_ask("GET /nowhere", "", NULL), 404);

	s = web_snapshot(0);
	s->ready = false;
	strlcpy(s->not_ready, "the queue is being read", sizeof(s->not_ready));
	snapshot_box_put(web.box, s);
	assert_int_equal(web_ask("GET /-/ready", "", &r), 503);
	assert_string_equal(buf_str(&r.body), "the queue is being read\n");
	reply_fini(&r);
	assert_int_equal(web_ask("GET /-/healthy", "", NULL), 200);

	/* the loop stands still; the wall clock has no say in it */
	s = web_snapshot(0);
	s->made = clock_now() - 11 * CLOCK_SEC;
	snapshot_box_put(web.box, s);
	assert_int_equal(web_ask("GET /-/healthy", "", &r), 503);
	assert_string_equal(buf_str(&r.body),
	    "the main loop has been stuck for 10 s\n");
	reply_fini(&r);
	assert_int_equal(web_ask("GET /-/ready", "", NULL), 200);
	s = web_snapshot(0);
	s->wall_ms -= 86400000;
	s->made = clock_now() - 5 * CLOCK_SEC;
	snapshot_box_put(web.box, s);
	assert_int_equal(web_ask("GET /-/healthy", "", NULL), 200);
}

/* ---- hosts */

static unsigned
ask_raw(struct client *c, const char *request)
{
	struct reply r;
	unsigned status;

	client_say(c, "%s", request);
	client_reply(c, &r, false);
	status = r.status;
	reply_fini(&r);
	client_close(c);
	return status;
}

static void
hosts(void **state)
{
	static const struct {
		const char *request;
		unsigned status, at_socket;
	} rows[] = {
		{ "GET /-/ready HTTP/1.1\r\n\r\n", 400, 400 },
		{ "GET /-/ready HTTP/1.0\r\n\r\n", 200, 200 },
		{ "GET /-/ready HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421,
		    200 },
		{ "GET /-/ready HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421,
		    200 },
		{ "GET /-/ready HTTP/1.1\r\nHost: status.example.net\r\n\r\n",
		    200, 200 },
		{ "GET /-/ready HTTP/1.1\r\nHost:\r\n\r\n", 400, 400 },
		{ "GET /-/ready HTTP/1.1\r\nHost: a b\r\n\r\n", 400, 400 },
		{ "GET http://evil.example/-/ready HTTP/1.1\r\n"
		  "Host: localhost\r\n\r\n",
		    421, 200 },
		{ "GET http://localhost/-/ready HTTP/1.1\r\n"
		  "Host: evil.example\r\n\r\n",
		    200, 200 },
		{ "GET http://localhost/-/ready HTTP/1.1\r\n\r\n", 400, 400 },
	};
	char dir[] = "/tmp/mxwatch-http-XXXXXX", *listen;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct client c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/web", dir);
	listen = mem_printf("listen = {\"127.0.0.1:10125\", \"unix:%s\"} "
			    "hosts = \"status.example.net\"",
	    sun.sun_path);
	web_open(listen, "");
	mem_free(&listen);
	snapshot_box_put(web.box, web_snapshot(1));
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		client_open(&c);
		assert_int_equal(ask_raw(&c, rows[i].request), rows[i].status);
		c.fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(
		    connect(c.fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
		assert_int_equal(ask_raw(&c, rows[i].request),
		    rows[i].at_socket);
	}
	web_close();
	/* its name goes with it */
	assert_int_equal(access(sun.sun_path, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- connections */

/* One that never goes does not keep its place for ever. */
static void
a_thousand_requests(void **state)
{
	struct client c;
	struct reply r;

	(void)state;
	web_open("", "");
	snapshot_box_put(web.box, web_snapshot(1));
	client_open(&c);
	for (unsigned i = 1; i <= 1000; i++) {
		client_say(&c, "GET /-/ready HTTP/1.1\r\nHost: [::1]\r\n\r\n");
		client_reply(&c, &r, false);
		assert_int_equal(r.status, 200);
		assert_int_equal(reply_header(&r, "Connection") != NULL,
		    i == 1000);
		reply_fini(&r);
	}
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 0);
	reply_fini(&r);
	client_close(&c);
}

static void
ask_ready(struct client *c)
{
	struct reply r;

	client_say(c, "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
	client_reply(c, &r, false);
	assert_int_equal(r.status, 200);
	reply_fini(&r);
}

/* Who comes when all places are taken waits until one has gone. */
static void
crowds_wait(void **state)
{
	struct client a, b, third;
	struct pollfd pfd;

	(void)state;
	web_open("max_connections = 2", "");
	snapshot_box_put(web.box, web_snapshot(1));
	client_open(&a);
	ask_ready(&a);
	client_open(&b);
	ask_ready(&b);
	client_open(&third);
	client_say(&third, "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
	ask_ready(&a);
	ask_ready(&b);
	pfd = (struct pollfd){ third.fd, POLLIN, 0 };
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(web_connections(), 2);
	client_close(&a);
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	client_close(&b);
	client_close(&third);
}

/* Not in any state of a request does one who says no more keep his place, and
 * nobody else waits for him. */
static void
who_stalls_is_closed(void **state)
{
	static const char *const begun[] = { "", "G", "GET / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n",
		"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n" };
	int small = 4096;
	struct client c[MX_COUNT(begun)];
	struct reply r;

	(void)state;
	web_open("timeout = 1s", "");
	snapshot_box_put(web.box, web_snapshot(8000));
	for (size_t i = 0; i < MX_COUNT(begun); i++) {
		client_open(&c[i]);
		assert_int_equal(setsockopt(c[i].fd, SOL_SOCKET, SO_RCVBUF,
				     &small, sizeof(small)),
		    0);
		client_say(&c[i], "%s", begun[i]);
	}
	assert_int_equal(web_ask("GET /-/ready", "", NULL), 200);
	/* The last reads nothing of its eight megabytes. */
	for (unsigned i = 0; web_connections() > 0; i++) {
		assert_in_range(i, 0, 1000);
		assert_int_equal(poll(NULL, 0, 10), 0);
	}
	/* What the kernel has of the last would come at the pace of its window. */
	for (size_t i = 0; i < MX_COUNT(begun); i++) {
		if (i + 1 < MX_COUNT(begun)) {
			client_reply(&c[i], &r, false);
			assert_false(r.whole);
			reply_fini(&r);
		}
		client_close(&c[i]);
	}
}

/* Whatever is sent: an answer that is none of ours, or a closed connection, and
 * the next one is served. */
static void
nonsense(void **state)
{
	static char longest[40000];
	static const char *const rows[] = { "\r\n\r\n", "GET\r\n\r\n",
		"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n",
		"\026\003\001\002\000\001\000\001\374\003\003", "\377\377\377",
		"GET / HTTP/1.1\r\nHost: localhost\r\n"
		"Content-Length: 99999999999999999999999\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\n"
		"Content-Length: -1\r\n\r\n" };
	struct client c;
	struct reply r;

	(void)state;
	web_open("timeout = 1s", "");
	snapshot_box_put(web.box, web_snapshot(1));
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		client_open(&c);
		client_say(&c, "%s", rows[i]);
		shutdown(c.fd, SHUT_WR);
		client_reply(&c, &r, false);
		reply_fini(&r);
		client_close(&c);
		assert_int_equal(web_ask("GET /-/ready", "", NULL), 200);
	}
	/* no more of a head than the memory of a connection */
	memset(longest, 'x', sizeof(longest) - 1);
	client_open(&c);
	client_say(&c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n",
	    longest);
	client_reply(&c, &r, false);
	assert_true(r.status == 0 || r.status == 413 || r.status == 431);
	reply_fini(&r);
	client_close(&c);
	client_open(&c);
	client_say(&c, "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", longest);
	client_reply(&c, &r, false);
	assert_true(r.status == 0 || r.status == 414);
	reply_fini(&r);
	client_close(&c);
}

/* ---- start, and another configuration */

/* By another daemon, for example: both would answer at random. */
static void
an_address_that_is_taken(void **state)
{
	struct mx_errbuf eb = { "" };
	struct config *conf;
	struct http *other;

	(void)state;
	web_open("", "");
	conf = config_ref(web.conf);
	addr_port_set(&conf->web.listen.a[0].addr, web.port);
	other = http_create(conf, web.box, web.history, NULL, NULL, &eb);
	assert_null(other);
	assert_string_equal(eb.text,
	    "cannot serve HTTP on 127.0.0.1:10125: "
	    "Address already in use");
	/* But not by the connections that the server before had. */
	snapshot_box_put(web.box, web_snapshot(1));
	assert_int_equal(web_ask("GET /-/ready", "", NULL), 200);
	web_close();
	other = http_create(conf, web.box, web.history, NULL, NULL, &eb);
	if (other == NULL)
		fail_msg("%s", eb.text);
	assert_int_equal(web_ask("GET /-/ready", "", NULL), 200);
	http_destroy(&other);
	config_unref(&conf);
}

static struct config *
parse(const char *text)
{
	struct conf_errors errs;
	struct config *conf = config_parse("test", text, strlen(text), &errs);

	if (conf == NULL)
		fail_msg("%s: %s", text, errs.e[0].text);
	conf_errors_fini(&errs);
	return conf;
}

#define DOMAIN "\ndomain \"a.test\" { primary = {\"192.0.2.1\"} }\n"
#define PLAIN  "hostname = \"mx2.example.net\"\nresolver = {\"127.0.0.1\"}\n"

static void
what_asks_for_another_server(void **state)
{
	static const struct {
		const char *text;
		bool differs;
	} rows[] = {
		{ PLAIN, false },
		{ PLAIN "smtpd { banner = \"x\" }", false },
		{ PLAIN "web { listen = \"127.0.0.1:10125\" }", false },
		{ PLAIN "web { listen = \"127.0.0.1:10126\" }", true },
		{ PLAIN "web { listen = {} }", true },
		{ PLAIN "web { max_connections = 9 }", true },
		{ PLAIN "web { timeout = 9s }", true },
		{ PLAIN "web { hosts = \"b.test\" }", true },
		{ PLAIN "metrics { per_domain = no }", true },
		{ "hostname = \"mx3.example.net\"\n"
		  "resolver = {\"127.0.0.1\"}\n",
		    true },
	};
	struct config *a = parse(PLAIN DOMAIN), *b;
	char *text;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		text = mem_printf("%s" DOMAIN, rows[i].text);
		b = parse(text);
		mem_free(&text);
		if (http_differs(a, b) != rows[i].differs ||
		    http_differs(b, a) != rows[i].differs)
			fail_msg("%s", rows[i].text);
		config_unref(&b);
	}
	config_unref(&a);
	a = parse(PLAIN "web { hosts = \"b.test\" }" DOMAIN);
	b = parse(PLAIN "web { hosts = \"c.test\" }" DOMAIN);
	assert_true(http_differs(a, b));
	assert_false(http_differs(a, a));
	config_unref(&a);
	config_unref(&b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, web_setup, web_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered),
		TEST(heads),
		TEST(headers_of_a_page),
		TEST(documents_of_any_length),
		TEST(one_series_for_all),
		TEST(said_of_health),
		TEST(hosts),
		TEST(a_thousand_requests),
		TEST(crowds_wait),
		TEST(who_stalls_is_closed),
		TEST(nonsense),
		TEST(an_address_that_is_taken),
		TEST(what_asks_for_another_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
