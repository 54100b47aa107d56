/* SPDX-License-Identifier: ISC
 * Receivers and what becomes of what they are sent: answers of every kind, order,
 * reloads and restarts in the middle, secrets, Alertmanagers, heartbeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/notify_world.h"

#define HOOK                                                                   \
	"receiver \"r\" { type = webhook url = {\"http://h.test/r\"}" FAST "}" \
	"\n"

static void
begin(const char *receivers)
{
	char *text = mem_printf("%s%s", receivers, DOWN);

	world_begin(text);
	mem_free(&text);
}

/* The primary goes down, and the first message is out. */
static void
outage(void)
{
	world_primary(false);
	world_pass(3);
	assert_true(w.n >= 1);
}

static void
trigger_then_resolve(void **st)
{
	(void)st;
	begin(HOOK);
	outage();
	assert_string_equal(world_says(0), "firing");
	assert_int_equal(w.sent[0].timeout_ms, 10000);
	/* It is over while the trigger is on its way: nothing overtakes. */
	world_primary(true);
	world_pass(20);
	assert_int_equal(w.n, 1);
	world_answer(0, CARRY_SENT, 202, 0);
	world_pass(3);
	assert_int_equal(w.n, 2);
	assert_string_equal(world_says(1), "resolved");
	world_answer(1, CARRY_SENT, 202, 0);
	world_pass(7200);
	assert_int_equal(w.n, 2);
	assert_int_equal(world_receiver("r").sent, 2);
	assert_int_equal(world_receiver("r").failed, 0);
	world_end();
}

/* How long until the second attempt, in seconds; 0: within a day there is none. */
static unsigned
second_attempt(enum carry_result result, int status, int64_t after)
{
	unsigned s;

	begin(HOOK);
	outage();
	world_answer(0, result, status, after);
	for (s = 1; s < 3600 * 3; s++) {
		world_pass(1);
		if (w.n == 2)
			break;
	}
	assert_int_equal(world_receiver("r").failed, 1);
	assert_true(w.n == 1 || strcmp(world_says(1), "firing") == 0);
	assert_int_equal(world_receiver("r").retried, w.n - 1);
	world_end();
	return w.n == 2 ? s : 0;
}

static void
answers(void **st)
{
	(void)st;
	/* a day of nothing: told again by `repeat`, after four hours */
	assert_int_equal(second_attempt(CARRY_REJECTED, 400, 0), 0);
	assert_int_equal(second_attempt(CARRY_REJECTED, 401, 0), 0);
	assert_in_range(second_attempt(CARRY_RETRY, 500, 0), 4, 7);
	assert_in_range(second_attempt(CARRY_RETRY, 0, 0), 4, 7);
	assert_in_range(second_attempt(CARRY_RETRY, 429, 0), 4, 7);
	assert_in_range(second_attempt(CARRY_RETRY, 429, 120), 120, 122);
	/* no more than an hour, whatever it says */
	assert_in_range(second_attempt(CARRY_RETRY, 429, 86400), 3600, 3602);
}

/* 5 s, doubled up to 5 min, give or take a fifth; and the log of it is short. */
static void
backoff(void **st)
{
	unsigned before, waits[12] = { 0 };

	(void)st;
	begin(HOOK);
	outage();
	for (unsigned i = 0; i < MX_COUNT(waits); i++) {
		before = w.n;
		world_answer(w.n - 1, CARRY_RETRY, 503, 0);
		while (w.n == before) {
			world_pass(1);
			assert_true(++waits[i] < 400);
		}
	}
	assert_in_range(waits[0], 4, 7);
	assert_in_range(waits[2], 15, 25);
	assert_in_range(waits[11], 239, 362);
	assert_string_equal(world_receiver("r").error, "HTTP 503");
	world_answer(w.n - 1, CARRY_SENT, 200, 0);
	world_pass(1);
	assert_string_equal(world_receiver("r").error, "");
	world_end();
}

/* Whoever hangs delays nobody else. */
static void
beside(void **st)
{
	(void)st;
	begin(HOOK
	    "receiver \"s\" { type = slack url = {\"http://h.test/s\"}" FAST
	    "}\n");
	outage();
	assert_int_equal(w.n, 2);
	assert_true(world_goes_to(0, "http://h.test/r"));
	assert_true(world_goes_to(1, "http://h.test/s"));
	world_answer(1, CARRY_SENT, 200, 0);
	world_primary(true);
	world_pass(5);
	assert_int_equal(w.n, 3);
	assert_true(world_goes_to(2, "http://h.test/s"));
	world_end();
}

/* One message at a time to each, so that nothing overtakes, whatever else there is
 * to tell, and over a reload. */
static void
one_at_a_time(void **st)
{
	static const char more[] = HOOK DOWN
	    "alert \"queue_depth\" { warn = 1 for = 0s clear = 0s }\n";

	(void)st;
	world_begin(more);
	outage();
	w.queued = 5;
	world_pass(10);
	assert_int_equal(w.n, 1);
	world_reload(more);
	world_pass(10);
	assert_int_equal(w.n, 1);
	world_answer(0, CARRY_RETRY, 500, 0);
	world_pass(2);
	assert_int_equal(w.n, 1); /* it is left alone, whatever it is about */
	world_pass(10);
	assert_int_equal(w.n, 2);
	world_answer(1, CARRY_SENT, 200, 0);
	world_pass(2);
	assert_int_equal(w.n, 3);
	world_answer(2, CARRY_SENT, 200, 0);
	world_end();
}

/* A reload in the middle: the answer counts all the same. */
static void
reload(void **st)
{
	(void)st;
	begin(HOOK);
	outage();
	world_reload(HOOK DOWN "alert \"spool_low\" { enabled = no }\n");
	world_pass(30);
	assert_int_equal(w.n, 1); /* one at a time, also over a reload */
	world_answer(0, CARRY_SENT, 202, 0);
	world_pass(3600);
	assert_int_equal(w.n, 1);
	/* what fails is tried at once after it: it may have been put right */
	world_primary(true);
	world_pass(2);
	world_answer(1, CARRY_RETRY, 429, 3000);
	world_pass(60);
	assert_int_equal(w.n, 2);
	world_reload(HOOK DOWN);
	world_pass(2);
	assert_int_equal(w.n, 3);
	assert_string_equal(world_says(2), "resolved");
	world_end();
}

/* It leaves the configuration while a message is on its way to it, and comes back
 * as something else. */
static void
removed(void **st)
{
	(void)st;
	begin(HOOK);
	outage();
	world_reload(DOWN);
	world_pass(5);
	world_answer(0, CARRY_SENT, 202, 0);
	world_pass(5);
	assert_null(receiver_find(w.a, "r"));
	assert_int_equal(w.a->under_way, 0);
	world_reload(
	    "receiver \"r\" { type = slack url = {\"http://h.test/s\"}" FAST
	    "}\n" DOWN);
	world_pass(5);
	assert_int_equal(w.n, 2);
	assert_true(world_goes_to(1, "http://h.test/s"));
	world_answer(1, CARRY_SENT, 200, 0);
	world_pass(2);
	assert_false(receiver_find(w.a, "r")->busy);
	world_end();
}

/* Another type, another key: the answer to the old one frees the new one. */
static void
another_type(void **st)
{
	char *text;

	(void)st;
	begin(HOOK);
	outage();
	text =
	    mem_printf("receiver \"r\" { type = pagerduty routing_key_file = "
		       "\"%s/key\"" FAST "}\n" DOWN,
		w.dir);
	world_reload(text);
	world_pass(3);
	world_answer(0, CARRY_SENT, 202, 0);
	world_primary(true);
	world_pass(5);
	assert_string_equal(world_says(w.n - 1), "resolve");
	mem_free(&text);
	world_end();
}

static void
expect_key(unsigned i, const char *key)
{
	cJSON *o = world_body(i);

	assert_string_equal(json_get_text(o, "routing_key"), key);
	cJSON_Delete(o);
}

/* A secret that changes is read at a reload; one that is gone leaves the receiver
 * broken and seen, and nothing is lost. */
static void
secrets(void **st)
{
	char *text, *path;

	(void)st;
	world_begin("");
	text =
	    mem_printf("receiver \"r\" { type = pagerduty routing_key_file = "
		       "\"%s/key\"" FAST "}\n" DOWN,
		w.dir);
	path = mem_printf("%s/key", w.dir);
	world_reload(text);
	world_pass(2);
	outage();
	expect_key(0, "0123456789abcdef0123456789abcdef");
	world_answer(0, CARRY_REJECTED, 400, 0);
	world_pass(1);
	assert_string_equal(world_receiver("r").error,
	    "HTTP 400: it does not accept the event or the routing key");
	world_reload(text);
	assert_int_equal(unlink(path), 0); /* before the thread reads it */
	world_primary(true);
	world_pass(5);
	world_primary(false);
	world_pass(400);
	assert_int_equal(w.n, 1);
	assert_non_null(strstr(receiver_find(w.a, "r")->broken, "No such"));
	assert_true(receiver_failing(receiver_find(w.a, "r")) != 0);
	world_secret("key", "fedcba9876543210fedcba9876543210\r\n");
	world_reload(text);
	world_pass(3);
	assert_int_equal(w.n, 2);
	expect_key(1, "fedcba9876543210fedcba9876543210");
	world_answer(1, CARRY_SENT, 202, 0);
	world_pass(2);
	assert_true(receiver_failing(receiver_find(w.a, "r")) == 0);
	mem_free(&text);
	mem_free(&path);
	world_end();
}

static char *
key_of(unsigned i)
{
	cJSON *o = world_body(i);
	char *key = mem_strdup(json_get_text(o, "groupKey"));

	cJSON_Delete(o);
	return key;
}

/* What was told is told; what was on its way is told again, under one key, as the
 * same thing; and its end, under that key, whatever we are called by then. */
static void
restarts(void **st)
{
	char *first, *again;

	(void)st;
	begin(HOOK);
	outage();
	first = key_of(0);
	assert_string_equal(first, "mxwatch/mx2/primary_down/192.0.2.1");
	world_restart(true);
	world_pass(5);
	assert_int_equal(w.n, 2);
	again = key_of(1);
	assert_string_equal(first, again);
	mem_free(&again);
	world_answer(1, CARRY_SENT, 202, 0);
	world_pass(2);
	world_restart(false);
	world_pass(600);
	assert_int_equal(w.n, 2);
	world_restart(true);
	world_pass(600);
	assert_int_equal(w.n, 2);
	world_primary(true);
	world_pass(3);
	assert_int_equal(w.n, 3);
	assert_string_equal(world_says(2), "resolved");
	/* a stop waits for nobody, and the next start tells it */
	world_restart(false);
	world_pass(5);
	assert_int_equal(w.n, 4);
	assert_string_equal(world_says(3), "resolved");
	again = key_of(3);
	assert_string_equal(first, again);
	mem_free(&again);
	mem_free(&first);
	world_end();
}

/* Who has failed for long has failed for long after a restart, too. */
static void
failing(void **st)
{
	int64_t since;

	(void)st;
	begin(HOOK);
	outage();
	world_answer(0, CARRY_RETRY, 500, 0);
	world_pass(1);
	since = receiver_failing(receiver_find(w.a, "r"));
	assert_true(since != 0);
	world_pass(100);
	world_restart(false);
	world_pass(1);
	assert_true(receiver_failing(receiver_find(w.a, "r")) == since);
	world_answer(w.n - 1, CARRY_SENT, 200, 0);
	world_pass(2);
	assert_true(receiver_failing(receiver_find(w.a, "r")) == 0);
	world_end();
}

/* ---- alertmanager */

#define AM                                                                     \
	"receiver \"am\" { type = alertmanager url = {\"http://a.test\", "     \
	"\"http://b.test\"}" FAST "}\n"

/* Of all that went there the number, and the last. */
static unsigned
to(const char *url, unsigned *last)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w.n; i++)
		if (world_goes_to(i, url)) {
			n++;
			*last = i;
		}
	return n;
}

static char *
ends_at(unsigned i)
{
	cJSON *o = world_body(i);
	char *end =
	    mem_strdup(json_get_text(cJSON_GetArrayItem(o, 0), "endsAt"));

	cJSON_Delete(o);
	return end;
}

/* Each is told for itself, each minute, and a quarter of an hour of the end. */
static void
alertmanagers(void **st)
{
	static const char a[] = "http://a.test/api/v2/alerts",
			  b[] = "http://b.test/api/v2/alerts";
	unsigned last = 0, before, n;
	char *end, *same;

	(void)st;
	begin(AM);
	world_pass(100);
	assert_int_equal(w.n, 0); /* there is nothing to tell */
	outage();
	assert_int_equal(to(a, &last), 1);
	world_answer(last, CARRY_SENT, 200, 0);
	assert_int_equal(to(b, &last), 1);
	world_answer(last, CARRY_RETRY, 503, 0);
	world_pass(50);
	assert_int_equal(to(a, &last), 1);
	assert_true(to(b, &last) > 1);
	world_answer(last, CARRY_SENT, 200, 0);
	world_pass(12);
	assert_int_equal(to(a, &last), 2);
	world_answer(last, CARRY_SENT, 200, 0);
	world_primary(true);
	world_pass(2);
	assert_int_equal(to(a, &last), 3); /* at once */
	end = ends_at(last);
	for (n = 0; n < 1200; n++) {
		before = w.n;
		world_pass(1);
		for (unsigned i = before; i < w.n; i++)
			if (!w.sent[i].answered)
				world_answer(i, CARRY_SENT, 200, 0);
		if (!w.sent[last].answered)
			world_answer(last, CARRY_SENT, 200, 0);
	}
	n = to(a, &last);
	assert_in_range(n, 3 + 14, 3 + 16);
	same = ends_at(last);
	assert_string_equal(end, same);
	mem_free(&end);
	mem_free(&same);
	world_pass(600);
	assert_int_equal(to(a, &last), n);
	world_end();
}

/* A reload while both are out: the answers find their urls. */
static void
alertmanager_reload(void **st)
{
	(void)st;
	begin(AM);
	outage();
	assert_int_equal(w.n, 2);
	world_reload("receiver \"am\" { type = alertmanager url = "
		     "{\"http://a.test\"}" FAST "}\n" DOWN);
	world_pass(2);
	world_answer(0, CARRY_SENT, 200, 0);
	world_answer(1, CARRY_RETRY, 0, 0);
	world_pass(70);
	assert_true(w.n >= 3);
	assert_true(world_goes_to(2, "http://a.test/api/v2/alerts"));
	world_end();
}

static char taken[4096];

static void
on_mark(const struct alert_mark *m, void *arg)
{
	size_t n = strlen(taken);

	(void)arg;
	snprintf(taken + n, sizeof(taken) - n, "%s: %s of %s (%s); ",
	    m->receiver, m->what, m->primary, m->domain[0]);
}

static const char *
marks(void)
{
	taken[0] = '\0';
	alerts_told(w.a, on_mark, NULL);
	return taken;
}

/* What it took is marked once, each way; a silence that begins later does not make
 * it take the alert for over. */
static void
alertmanager_marks_and_silence(void **st)
{
	unsigned n;

	(void)st;
	begin("receiver \"am\" { type = alertmanager url = "
	      "{\"http://a.test\"}" FAST "}\n");
	outage();
	world_answer(0, CARRY_RETRY, 503, 0);
	assert_string_equal(marks(), "");
	world_pass(60);
	assert_true(w.n > 1);
	n = w.n;
	world_answer(n - 1, CARRY_SENT, 200, 0);
	world_pass(1);
	assert_non_null(strstr(marks(), "am: primary_down, trigger of "));
	assert_null(strstr(strchr(taken, ';'), "trigger"));
	assert_int_not_equal(alerts_silence(w.a, "primary_down", 7200000, ""),
	    0);
	for (int i = 0; i < 10; i++) {
		world_pass(60);
		assert_true(w.n > n);
		n = w.n;
		assert_non_null(strstr(buf_str(&w.sent[n - 1].m.body),
		    "MxwatchPrimaryDown"));
		world_answer(n - 1, CARRY_SENT, 200, 0);
	}
	world_pass(1);
	assert_string_equal(marks(), "");
	world_primary(true);
	world_pass(60);
	assert_true(w.n > n);
	world_answer(w.n - 1, CARRY_SENT, 200, 0);
	world_pass(1);
	assert_non_null(strstr(marks(), "am: primary_down, resolve of "));
	/* one that begins within the silence is not told */
	world_pass(1200);
	n = w.n;
	world_primary(false);
	world_pass(300);
	assert_int_equal(w.n, n);
	world_end();
}

/* ---- heartbeat */

static void
heartbeat(void **st)
{
	(void)st;
	world_begin(
	    "heartbeat \"hc\" { url = \"http://h.test/uuid\" interval = "
	    "10s }\n");
	world_pass(1);
	assert_int_equal(w.n, 1);
	assert_true(world_goes_to(0, "http://h.test/uuid"));
	assert_int_equal(w.sent[0].m.body.len, 0);
	world_pass(60); /* no second one while it is out */
	assert_int_equal(w.n, 1);
	world_reload(
	    "heartbeat \"hc\" { url = \"http://h.test/uuid\" interval = "
	    "10s }\n");
	world_pass(60);
	assert_int_equal(w.n, 1);
	world_answer(0, CARRY_RETRY, 500, 0);
	world_pass(2);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.a->heartbeat[0].shown.last_success, 0);
	world_answer(1, CARRY_SENT, 200, 0);
	world_pass(1);
	assert_true(w.a->heartbeat[0].shown.last_success > 0);
	world_pass(20);
	assert_int_equal(w.n, 3);
	/* one that hangs is no reason for another to wait, nor the reverse */
	world_reload(
	    "heartbeat \"hc\" { url = \"http://h.test/uuid\" interval = "
	    "10s }\nheartbeat \"other\" { url = \"http://h.test/o\" "
	    "interval = 10s }\n");
	world_pass(2);
	assert_int_equal(w.n, 4);
	assert_true(world_goes_to(3, "http://h.test/o"));
	world_answer(3, CARRY_SENT, 200, 0);
	world_pass(12);
	assert_int_equal(w.n, 5);
	assert_true(world_goes_to(4, "http://h.test/o"));
	/* it leaves while one is out */
	world_reload("");
	world_answer(2, CARRY_SENT, 200, 0);
	world_pass(30);
	assert_int_equal(w.n, 5);
	world_end();
}

/* ---- alert test */

static void
expect_line(int64_t ticket, unsigned i, const char *want)
{
	struct alerts_test_line l;
	char *got;

	assert_true(alerts_test_line(w.a, ticket, i, &l));
	got = mem_printf("%d %s %s %s %s", (int)(l.ms / 1000),
	    l.resolve ? "resolve" : "trigger", l.host, l.stage, l.text);
	assert_string_equal(got, want);
	mem_free(&got);
}

static int
outcome(int64_t ticket, const char *want)
{
	char text[128];
	int rc = alerts_test_result(w.a, ticket, text, sizeof(text));

	assert_string_equal(text, want);
	return rc;
}

/* A trigger, step by step, and then a resolve; nothing of it in the outbox. */
static void
tested(void **st)
{
	struct alerts_test_line l;
	int64_t t, limit = 0;

	(void)st;
	begin(HOOK);
	assert_int_equal(alerts_test(w.a, "nobody", &limit), -MX_ENOENT);
	t = alerts_test(w.a, "r", &limit);
	assert_true(t > 0 && limit > 2 * 10000);
	assert_int_equal(outcome(t, ""), 0);
	assert_false(alerts_test_line(w.a, t, 0, &l));
	world_pass(1);
	assert_int_equal(w.n, 1);
	world_told(0, CARRY_CONNECTED);
	world_pass(2);
	world_answer(0, CARRY_SENT, 202, 0);
	world_pass(1);
	assert_int_equal(w.n, 2);
	assert_string_equal(world_says(1), "resolved");
	assert_int_equal(outcome(t, ""), 0);
	world_answer(1, CARRY_REJECTED, 400, 0);
	world_pass(1);
	assert_int_equal(outcome(t, "HTTP 400"), -MX_ENET);
	expect_line(t, 0, "2 trigger  connected ");
	expect_line(t, 1, "4 trigger  answered HTTP 202");
	expect_line(t, 2, "5 resolve  failed HTTP 400");
	assert_false(alerts_test_line(w.a, t, 3, &l));
	assert_int_equal(world_receiver("r").sent, 0);
	world_end();
}

/* Of several addresses each is told of, also when one of them fails first. */
static void
tested_all(void **st)
{
	int64_t t, limit;

	(void)st;
	begin(AM);
	t = alerts_test(w.a, "am", &limit);
	world_pass(1);
	assert_int_equal(w.n, 2);
	world_answer(0, CARRY_REJECTED, 404, 0);
	world_pass(1);
	assert_int_equal(
	    outcome(t,
		"HTTP 404: no Alertmanager there, or one without API v2"),
	    0);
	world_answer(1, CARRY_SENT, 200, 0);
	world_pass(1);
	world_answer(2, CARRY_SENT, 200, 0);
	world_pass(1);
	assert_int_equal(
	    outcome(t,
		"HTTP 404: no Alertmanager there, or one without API v2"),
	    -MX_ENET);
	expect_line(t, 0,
	    "2 trigger http://a.test failed HTTP 404: no Alertmanager there, "
	    "or one without API v2");
	expect_line(t, 1, "3 trigger http://b.test answered HTTP 200");
	expect_line(t, 2, "4 resolve http://b.test answered HTTP 200");
	/* a reload in the middle: it was removed */
	t = alerts_test(w.a, "am", &limit);
	world_pass(1);
	world_reload(DOWN);
	world_pass(1);
	world_answer(3, CARRY_SENT, 200, 0);
	world_answer(4, CARRY_SENT, 200, 0);
	world_pass(1);
	assert_int_equal(outcome(t, "was removed"), -MX_ENET);
	/* as many at once as there are tickets */
	world_reload(HOOK);
	world_pass(1);
	for (unsigned i = 0; i < ALERTS_TESTS; i++)
		assert_true(alerts_test(w.a, "r", &limit) > 0);
	assert_int_equal(alerts_test(w.a, "r", &limit), -MX_EBUSY);
	world_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trigger_then_resolve),
		cmocka_unit_test(answers),
		cmocka_unit_test(backoff),
		cmocka_unit_test(beside),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(reload),
		cmocka_unit_test(removed),
		cmocka_unit_test(another_type),
		cmocka_unit_test(secrets),
		cmocka_unit_test(restarts),
		cmocka_unit_test(failing),
		cmocka_unit_test(alertmanagers),
		cmocka_unit_test(alertmanager_reload),
		cmocka_unit_test(alertmanager_marks_and_silence),
		cmocka_unit_test(heartbeat),
		cmocka_unit_test(tested),
		cmocka_unit_test(tested_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
