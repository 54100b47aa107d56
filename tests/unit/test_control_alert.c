/* SPDX-License-Identifier: ISC
 * test_control_alert: what operators ask of alerting: who fires, what is silenced
 * and for how long, whether a receiver works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/defs.h"
#include "control_world.h"

/* ---- alerting */

static char asked[512]; /* of it, last */
static uint64_t next_id; /* of a silence; 0: there are too many */
static int outcome; /* of a test */
static unsigned polls; /* until it is known */

static uint64_t
on_silence(void *arg MX_UNUSED, const char *match, int64_t for_ms,
    const char *reason)
{
	snprintf(asked, sizeof(asked), "silence %s %lld %s", match,
	    (long long)for_ms, reason);
	return next_id;
}

static int
on_unsilence(void *arg MX_UNUSED, uint64_t id)
{
	snprintf(asked, sizeof(asked), "unsilence %llu",
	    (unsigned long long)id);
	return id == 7 ? 0 : -MX_ENOENT;
}

static void
on_silences(void *arg MX_UNUSED,
    void (*fn)(const struct control_silence *, void *), void *fn_arg)
{
	static const struct control_silence s = { 7, "queue_age/example.org",
		"moving \033[31m", INT64_C(1800000000000),
		INT64_C(1800000060000) };

	fn(&s, fn_arg);
}

static int64_t limit; /* of a test, ms */

static int64_t
on_test(void *arg MX_UNUSED, const char *receiver, int64_t *limit_ms)
{
	*limit_ms = limit;
	return strcmp(receiver, "pager") == 0 ? 5 :
	    strcmp(receiver, "busy") == 0     ? -MX_EBUSY :
						-MX_ENOENT;
}

static int
on_test_result(void *arg MX_UNUSED, int64_t ticket, char *text, size_t size)
{
	assert_int_equal(ticket, 5);
	snprintf(text, size, "HTTP 202");
	if (polls > 0) {
		polls--;
		return 0;
	}
	return outcome;
}

/* Two lines: one at once, the other with the outcome. */
static bool
on_test_line(void *arg MX_UNUSED, int64_t ticket, unsigned i,
    struct control_test_line *l)
{
	static const struct control_test_line lines[] = {
		{ "trigger", "http://am.test", 12, "connected", "" },
		{ "resolve", "", 1500, "failed", "no \033[31m" },
	};

	assert_int_equal(ticket, 5);
	if (i >= (polls > 0 ? 1 : MX_COUNT(lines)))
		return false;
	*l = lines[i];
	return true;
}

static struct snapshot *(*plain_snapshot)(void *, const char *);

/* The daemon's, with 250 alerts of domains and one of the daemon. */
static struct snapshot *
snapshot_with_alerts(void *arg, const char *domain)
{
	static char name[250][24];
	struct snapshot *s = plain_snapshot(arg, domain);
	struct snap_alerts *told = snap_alerts_create(252, 0, 0);

	told->alert[0] = (struct snap_alert){ .kind = ALERT_spool_low,
		.domain = "",
		.primary = "",
		.firing = true,
		.summary = "low" };
	told->alert[1] = (struct snap_alert){ .kind = ALERT_queue_age,
		.domain = "example.org",
		.primary = "mx1.example.org",
		.severity = ALERT_SEV_CRITICAL,
		.firing = true,
		.silenced = true,
		.summary = "old" };
	for (unsigned i = 0; i < MX_COUNT(name); i++) {
		snprintf(name[i], sizeof(name[i]), "d%03u.test", i);
		told->alert[2 + i] =
		    (struct snap_alert){ .kind = ALERT_queue_age,
			    .domain = name[i],
			    .primary = "",
			    .summary = "soon" };
	}
	snap_alerts_index(told);
	snapshot_tell(s, &told);
	return s;
}

static int
setup_alerts(void **state)
{
	if (setup(state) != 0)
		return -1;
	fake.ops.alert = (struct control_alert_ops){ .silence = on_silence,
		.unsilence = on_unsilence,
		.silences = on_silences,
		.test = on_test,
		.test_line = on_test_line,
		.test_result = on_test_result };
	plain_snapshot = fake.ops.snapshot;
	fake.ops.snapshot = snapshot_with_alerts;
	restart();
	asked[0] = '\0';
	next_id = 9;
	outcome = 1;
	polls = 0;
	limit = 60000;
	return 0;
}

/* ---- what is answered */

#define SILENCE "{\"verb\":\"silence\","

static const struct {
	const char *name, *request, *asked;
	const char *has[4];
} requests[] = {
	{ "silence an alert",
	    SILENCE "\"match\":\"queue_age\",\"for\":\"4h\",\"reason\":\"r\"}",
	    "silence queue_age 14400000 r",
	    { "{\"done\":true,\"rc\":0,\"id\":9,\"until\":" } },
	{ "silence a domain, any spelling",
	    SILENCE "\"match\":\"Example.ORG.\",\"for\":\"1m30s\"}",
	    "silence example.org 90000 ", { "\"rc\":0" } },
	{ "silence an alert of a domain",
	    SILENCE "\"match\":\"queue_age/Example.org\",\"for\":\"1s\"}",
	    "silence queue_age/example.org 1000 ", { "\"rc\":0" } },
	{ "a domain that has the name of an alert's beginning",
	    SILENCE "\"match\":\"queue\",\"for\":\"4h\"}", "",
	    { "\"rc\":1", "neither an alert nor a domain" } },
	{ "no such alert", SILENCE "\"match\":\"fire\",\"for\":\"4h\"}", "",
	    { "\"rc\":1", "\\\"fire\\\" is neither an alert nor a domain" } },
	{ "no such domain",
	    SILENCE "\"match\":\"queue_age/no.example\",\"for\":\"4h\"}", "",
	    { "\"rc\":1", "neither" } },
	{ "no alert of a domain",
	    SILENCE "\"match\":\"fire/example.org\",\"for\":\"4h\"}", "",
	    { "\"rc\":1", "neither" } },
	{ "an alert of nothing",
	    SILENCE "\"match\":\"queue_age/\",\"for\":\"4h\"}", "",
	    { "\"rc\":1", "neither" } },
	{ "the longest time",
	    SILENCE "\"match\":\"queue_age\",\"for\":\"366d\"}",
	    "silence queue_age 31622400000 ", { "\"rc\":0" } },
	{ "longer than that",
	    SILENCE "\"match\":\"queue_age\",\"for\":\"366d1ms\"}", "",
	    { "\"rc\":2", "\\\"366d1ms\\\" is not a time" } },
	{ "no time at all", SILENCE "\"match\":\"queue_age\",\"for\":\"0s\"}",
	    "", { "\"rc\":2", "\\\"0s\\\" is not a time" } },
	{ "nonsense for a time",
	    SILENCE "\"match\":\"queue_age\",\"for\":\"soon\"}", "",
	    { "\"rc\":2", "is not a time; write a number with a unit" } },
	{ "half a silence", SILENCE "\"match\":\"queue_age\"}", "",
	    { "\"rc\":2", "usage: silence " } },
	{ "two things at once",
	    SILENCE "\"match\":\"queue_age\",\"for\":\"4h\","
		    "\"remove\":\"7\"}",
	    "", { "\"rc\":2", "usage: silence " } },
	{ "those there are", "{\"verb\":\"silence\"}", "",
	    { "{\"id\":7,\"match\":\"queue_age/example.org\","
	      "\"from\":1800000000,\"until\":1800000060,"
	      "\"reason\":\"moving ?[31m\"}\n",
		"\"rc\":0" } },
	{ "one that goes", SILENCE "\"remove\":\"7\"}", "unsilence 7",
	    { "{\"done\":true,\"rc\":0,\"removed\":true}" } },
	{ "one that there is not", SILENCE "\"remove\":\"8\"}", "unsilence 8",
	    { "\"rc\":1", "there is no silence 8" } },
	{ "the zeroth", SILENCE "\"remove\":\"0\"}", "",
	    { "\"rc\":2", "\\\"0\\\" is not the id of a silence" } },
	{ "no id", SILENCE "\"remove\":\"7x\"}", "",
	    { "\"rc\":2", "\\\"7x\\\" is not the id of a silence" } },
	{ "extend for ten years",
	    "{\"verb\":\"extend\",\"domain\":\"example.org\","
	    "\"add\":\"+3650d\"}",
	    "", { "\"rc\":0", "\"add_seconds\":315360000" } },
	{ "extend for longer",
	    "{\"verb\":\"extend\",\"domain\":\"example.org\","
	    "\"add\":\"+3650d1ms\"}",
	    "", { "\"rc\":2", "is not a time to add" } },
	{ "extend by no time",
	    "{\"verb\":\"extend\",\"domain\":\"example.org\",\"add\":\"+0s\"}",
	    "", { "\"rc\":2", "is not a time to add" } },
	{ "test no receiver", "{\"verb\":\"alert\"}", "",
	    { "\"rc\":2", "usage: alert " } },
	{ "test one that there is not",
	    "{\"verb\":\"alert\",\"receiver\":\"bell\"}", "",
	    { "\"rc\":1", "there is no receiver \\\"bell\\\"" } },
	{ "test one too many", "{\"verb\":\"alert\",\"receiver\":\"busy\"}", "",
	    { "\"rc\":1", "\\\"busy\\\": too many tests at once" } },
	{ "alerts of a domain",
	    "{\"verb\":\"alerts\",\"domain\":\"example.org\"}", "",
	    { "\"alert\":\"queue_age\"", "\"silenced\":true",
		"{\"done\":true,\"rc\":0,\"firing\":1,\"pending\":0}" } },
	{ "alerts of a stranger",
	    "{\"verb\":\"alerts\",\"domain\":\"no.example\"}", "",
	    { "\"rc\":1", "no such domain" } },
};

static void
requests_are_answered(void **state)
{
	const char *answer, *part;
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(requests); i++) {
		asked[0] = '\0';
		answer = ask(&p, requests[i].request);
		for (size_t j = 0; j < MX_COUNT(requests[i].has); j++) {
			part = requests[i].has[j];
			if (part != NULL && strstr(answer, part) == NULL)
				fail_msg("%s: no %s in: %s", requests[i].name,
				    part, answer);
		}
		if (strcmp(asked, requests[i].asked) != 0)
			fail_msg("%s: asked %s", requests[i].name, asked);
		assert_int_equal(count(answer, "\"done\":true"), 1);
		peer_close(&p);
	}
}

/* More than a step brings: all of them come, each once. */
static void
many_alerts(void **state)
{
	const char *answer;
	struct peer p;

	(void)state;
	answer = ask(&p, "{\"verb\":\"alerts\"}");
	assert_int_equal(count(answer, "\"alert\":"), 252);
	assert_int_equal(count(answer, "\"domain\":\"d249.test\""), 1);
	assert_has(answer,
	    "{\"done\":true,\"rc\":0,\"firing\":2,"
	    "\"pending\":250}");
	peer_close(&p);
}

static void
too_many_silences(void **state)
{
	struct peer p;

	(void)state;
	next_id = 0;
	assert_has(ask(&p, SILENCE "\"match\":\"queue_age\",\"for\":\"4h\"}"),
	    "\"rc\":1,\"error\":\"there are too many silences\"");
	peer_close(&p);
}

/* The outcome is waited for, and told as it is. */
static void
receivers_are_tested(void **state)
{
	static const char request[] =
	    "{\"verb\":\"alert\",\"receiver\":\"pager\"}";
	struct peer p;

	(void)state;
	polls = 2;
	assert_has(ask(&p, request),
	    "{\"step\":\"trigger\",\"url\":\"http://am.test\",\"stage\":"
	    "\"connected\",\"seconds\":0.012,\"text\":\"\"}\n"
	    "{\"step\":\"resolve\",\"stage\":\"failed\",\"seconds\":1.5,"
	    "\"text\":\"no ?[31m\"}\n"
	    "{\"done\":true,\"rc\":0,\"text\":\"HTTP 202\"}");
	assert_int_equal(polls, 0);
	peer_close(&p);
	/* no longer than the receiver may take */
	polls = 1000;
	limit = 300;
	assert_has(ask(&p, request),
	    "\"rc\":1,\"error\":\"not delivered: no outcome\"");
	polls = 0;
	peer_close(&p);
	outcome = -1;
	assert_has(ask(&p, request),
	    "\"rc\":1,\"error\":\"not delivered: HTTP 202\"");
	peer_close(&p);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_alerts, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered),
		TEST(many_alerts),
		TEST(too_many_silences),
		TEST(receivers_are_tested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
