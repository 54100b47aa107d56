/* SPDX-License-Identifier: ISC
 * test_http_desk: what the web server asks of the loop, over real connections: this
 * thread is the loop and the clients. */
#include "tests/unit/http_world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/mem.h"

#define LIMIT_MS 20000

static struct loop *loop;
static struct loop_timer *limit;
static struct http_question asked[HTTP_DESK_MAX + 1];
static unsigned nasked, wanted;

static void
on_ask(void *arg, const struct http_question *q)
{
	(void)arg;
	assert_true(nasked < MX_COUNT(asked));
	asked[nasked++] = *q;
	if (nasked == wanted)
		loop_stop(loop);
}

static void
on_limit(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* Until so many questions have come. */
static void
wait_asked(unsigned n)
{
	wanted = n;
	loop_timer_set(limit, LIMIT_MS);
	if (nasked < n)
		loop_run(loop);
	assert_int_equal(nasked, n);
}

static int
desk_setup(void **state)
{
	int rc = web_setup(state);

	loop = loop_create();
	limit = loop_timer_create(loop, on_limit, NULL);
	web.desk = http_desk_create(loop, on_ask, NULL);
	snapshot_box_put(web.box, web_snapshot(1));
	nasked = 0;
	return rc;
}

static int
desk_teardown(void **state)
{
	web_close();
	http_desk_destroy(&web.desk);
	loop_timer_destroy(&limit);
	loop_destroy(&loop);
	return web_teardown(state);
}

static void
ask_for(struct client *c, const char *path)
{
	client_open(c);
	client_say(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

static unsigned
status_of(struct client *c, const char *text)
{
	struct reply r;
	unsigned status;

	client_reply(c, &r, false);
	status = r.status;
	if (text != NULL && strstr(buf_str(&r.body), text) == NULL)
		fail_msg("%s", buf_str(&r.body));
	reply_fini(&r);
	client_close(c);
	return status;
}

static void
questions_and_answers(void **state)
{
	struct client c;
	struct reply r;

	(void)state;
	web_open("envelopes = \"local\"", "");
	ask_for(&c, "/api/v1/why?domain=Example.ORG");
	wait_asked(1);
	assert_int_equal(asked[0].kind, HTTP_QUESTION_WHY);
	assert_true(asked[0].people);
	assert_string_equal(asked[0].domain, "example.org");
	http_desk_answer(web.desk, asked[0].number + 1, 200,
	    mem_strdup("of another"));
	http_desk_answer(web.desk, asked[0].number, 200, mem_strdup("{}"));
	http_desk_answer(web.desk, asked[0].number, 200, mem_strdup("twice"));
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 200);
	assert_string_equal(buf_str(&r.body), "{}");
	assert_string_equal(reply_header(&r, "Content-Type"),
	    "application/json");
	reply_fini(&r);
	/* the connection goes on */
	client_say(&c,
	    "GET /api/v1/messages?domain=a.test&after=1F.2 HTTP/1.1\r\n"
	    "Host: localhost\r\n\r\n");
	wait_asked(2);
	assert_int_equal(asked[1].kind, HTTP_QUESTION_MESSAGES);
	assert_int_equal(asked[1].after, 0x1f02);
	http_desk_answer(web.desk, asked[1].number, 404, mem_strdup("gone\n"));
	assert_int_equal(status_of(&c, "gone"), 404);
}

/* A client of this host may be a proxy: it is not shown who writes to whom. */
static void
people_are_not_shown(void **state)
{
	struct client c;

	(void)state;
	web_open("", "");
	ask_for(&c, "/api/v1/messages?domain=a.test");
	assert_int_equal(status_of(&c, "envelopes = \"local\""), 403);
	assert_int_equal(nasked, 0);
	ask_for(&c, "/api/v1/why?domain=a.test");
	wait_asked(1);
	assert_false(asked[0].people);
	http_desk_answer(web.desk, asked[0].number, 200, mem_strdup("{}"));
	assert_int_equal(status_of(&c, "{}"), 200);
}

static void
wrong_questions(void **state)
{
	static const char *const paths[] = {
		"/api/v1/why",
		"/api/v1/why?domain=",
		"/api/v1/ages?domain=a..b",
		"/api/v1/ages?domain=a.test&after=1F",
		"/api/v1/messages?domain=a.test&after=x",
	};
	struct client c;

	(void)state;
	web_open("envelopes = \"local\"", "");
	for (unsigned i = 0; i < MX_COUNT(paths); i++) {
		ask_for(&c, paths[i]);
		assert_int_equal(status_of(&c, NULL), 400);
	}
	client_open(&c);
	client_say(&c,
	    "GET /api/v1/ages?domain=a.test HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Length: 3\r\n\r\nabc");
	assert_int_equal(status_of(&c, "body is not supported"), 400);
	assert_int_equal(nasked, 0);
}

/* Who is one too many is told so at once, the others when they have waited; and who
 * has gone meanwhile has his place given to the next. */
static void
too_many(void **state)
{
	struct client c[HTTP_DESK_MAX], more;

	(void)state;
	web_open("", "");
	for (unsigned i = 0; i < HTTP_DESK_MAX; i++)
		ask_for(&c[i], "/api/v1/ages?domain=a.test");
	wait_asked(HTTP_DESK_MAX);
	ask_for(&more, "/api/v1/ages?domain=a.test");
	assert_int_equal(status_of(&more, "too many"), 503);
	client_close(&c[0]);
	loop_timer_set(limit, HTTP_DESK_MS + 2500);
	loop_run(loop);
	for (unsigned i = 1; i < HTTP_DESK_MAX; i++)
		assert_int_equal(status_of(&c[i], "in time"), 503);
	ask_for(&more, "/api/v1/ages?domain=a.test");
	wait_asked(HTTP_DESK_MAX + 1);
	http_desk_answer(web.desk, asked[HTTP_DESK_MAX].number, 200,
	    mem_strdup("{}"));
	assert_int_equal(status_of(&more, "{}"), 200);
}

/* A server that ends, for its configuration is another, leaves nobody waiting; what
 * the loop says later is about nobody. */
static void
a_server_that_ends(void **state)
{
	struct client c;

	(void)state;
	web_open("", "");
	ask_for(&c, "/api/v1/why?domain=a.test");
	wait_asked(1);
	web_close();
	http_desk_answer(web.desk, asked[0].number, 200, mem_strdup("{}"));
	client_close(&c);
	web_open("", "");
	ask_for(&c, "/api/v1/why?domain=a.test");
	wait_asked(2);
	assert_true(asked[1].number != asked[0].number);
	http_desk_answer(web.desk, asked[1].number, 200, mem_strdup("{}"));
	assert_int_equal(status_of(&c, "{}"), 200);
}

/* Where there is no desk. */
static void
nobody_to_ask(void **state)
{
	struct http_desk *desk = web.desk;
	struct client c;

	(void)state;
	web.desk = NULL;
	web_open("", "");
	ask_for(&c, "/api/v1/why?domain=a.test");
	assert_int_equal(status_of(&c, NULL), 503);
	web_close();
	web.desk = desk;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, desk_setup, desk_teardown)
		TEST(questions_and_answers),
		TEST(people_are_not_shown),
		TEST(wrong_questions),
		TEST(too_many),
		TEST(a_server_that_ends),
		TEST(nobody_to_ask),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
