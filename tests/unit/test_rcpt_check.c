/* SPDX-License-Identifier: ISC
 * Which questions are asked of a primary, and when; what its answers mean. The
 * session is a fake: its primary has a few mailboxes, and behaves as `w` says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/rcpt_check.h"
#include "tests/unit/fake_loop.h"

#define A      "a.test"
#define SECOND 1000
#define HOUR   INT64_C(3600000)
#define DAY    (24 * HOUR)

static struct world {
	struct loop *loop;
	struct rcpt_check *rc;
	struct route_host host;
	/* the primary */
	const char *exist; /* each behind a blank */
	bool catch_all, policy, greylist, refuses_connections;
	unsigned most; /* answers of a session; 0: all */
	/* the daemon */
	bool up, doubted, full;
	struct place *waits;
	unsigned places;
	int64_t tested_ms;
	bool known_catch_all;
	/* what was seen */
	unsigned sessions, running, running_max, asks, asks_max, refusals_max;
	unsigned tests, passed, refused, nothing;
	char refused_names[512];
} w;

struct probe_run {
	struct loop_timer *timer;
	struct probe_ops ops;
	void *arg;
	unsigned n;
	char mailbox[PROBE_ASKS_MAX][64];
};

static bool
exists(const char *mailbox)
{
	char word[80];

	snprintf(word, sizeof(word), " %s", mailbox);
	return w.catch_all || strstr(w.exist, word) != NULL;
}

static void
answer(struct probe_answer *a, const char *mailbox)
{
	if (w.policy || w.greylist) {
		a->code = w.policy ? ANSWER_REFUSED : ANSWER_DEFERRED;
	} else if (exists(mailbox)) {
		a->code = ANSWER_TAKEN;
	} else {
		a->code = ANSWER_REFUSED;
		a->no_mailbox = true;
	}
}

static void
on_session(void *arg)
{
	struct probe_run *p = arg, copy = *p;
	static struct probe_result r;
	unsigned refusals = 0;

	memset(&r, 0, sizeof(r));
	r.nanswers = p->n;
	if (w.refuses_connections)
		r.code = REACH_CONN_REFUSED;
	for (; r.code == REACH_OK && r.answered < p->n &&
	     refusals < PROBE_REFUSALS_MAX &&
	     (w.most == 0 || r.answered < w.most);
	     r.answered++) {
		answer(&r.answer[r.answered], p->mailbox[r.answered]);
		refusals += r.answer[r.answered].code != ANSWER_TAKEN;
	}
	if (refusals > w.refusals_max)
		w.refusals_max = refusals;
	w.asks += r.answered;
	probe_smtp_cancel(&p);
	copy.ops.done(&r, copy.arg);
}

struct probe_run *
probe_smtp_start(const struct reach_env *env, const struct probe_target *t,
    const struct probe_ops *ops, void *arg)
{
	struct probe_run *p = mem_alloc(sizeof(*p));

	assert_int_equal(t->depth, DEPTH_RCPT);
	assert_true(t->nasks > 0);
	w.sessions++;
	if (++w.running > w.running_max)
		w.running_max = w.running;
	if (t->nasks > w.asks_max)
		w.asks_max = t->nasks;
	p->ops = *ops;
	p->arg = arg;
	p->n = t->nasks;
	for (unsigned i = 0; i < t->nasks; i++)
		strlcpy(p->mailbox[i], t->ask[i].mailbox, 64);
	p->timer = loop_timer_create(env->loop, on_session, p);
	loop_timer_set(p->timer, 200);
	return p;
}

void
probe_smtp_cancel(struct probe_run **pp)
{
	if (*pp == NULL)
		return;
	w.running--;
	loop_timer_destroy(&(*pp)->timer);
	mem_free(pp);
}

/* ---- the daemon */

static bool
on_target(void *arg, const char *domain, struct probe_target *t)
{
	(void)arg;
	(void)domain;
	t->host = &w.host;
	return w.up && !w.doubted;
}

static bool
on_stands(void *arg, const char *domain, const char *label)
{
	(void)arg;
	(void)domain;
	assert_string_equal(label, "mx.test");
	return w.up && !w.doubted;
}

static bool
on_catch_all(void *arg, const char *domain, int64_t *tested_ms)
{
	(void)arg;
	(void)domain;
	*tested_ms = w.tested_ms;
	return w.known_catch_all;
}

static void
on_tested(void *arg, const char *domain, enum rcpt_check_answer a)
{
	(void)arg;
	(void)domain;
	assert_int_not_equal(a, RCPT_CHECK_NOTHING);
	w.tests++;
	w.tested_ms = clock_wall_ms();
	w.known_catch_all = a == RCPT_CHECK_PASSED;
}

static void
on_answered(void *arg, const char *domain, const char *mailbox,
    enum rcpt_check_answer a)
{
	(void)arg;
	(void)domain;
	w.passed += a == RCPT_CHECK_PASSED;
	w.refused += a == RCPT_CHECK_REFUSED;
	w.nothing += a == RCPT_CHECK_NOTHING;
	if (a != RCPT_CHECK_REFUSED)
		return;
	strlcat(w.refused_names, mailbox, sizeof(w.refused_names));
	strlcat(w.refused_names, " ", sizeof(w.refused_names));
}

static bool
on_take(void *arg, struct place *p, const struct route_host *host,
    const struct net_addr *source)
{
	(void)arg;
	(void)source;
	assert_ptr_equal(host, &w.host);
	w.places++;
	w.waits = p;
	return !w.full;
}

static void
on_give_back(void *arg, struct place *p)
{
	(void)arg;
	(void)p;
	w.places--;
}

static int
setup(void **state)
{
	const struct rcpt_check_ops ops = { on_target, on_stands, on_catch_all,
		on_tested, on_answered, NULL };
	const struct place_ops places = { on_take, on_give_back, NULL };
	struct reach_env env = { .loop = NULL };

	(void)state;
	fake_time_reset();
	w = (struct world){ .exist = " ada@" A " bob@" A, .up = true };
	strlcpy(w.host.label, "mx.test", sizeof(w.host.label));
	w.loop = env.loop = loop_create();
	w.rc = rcpt_check_create(&env, &places, &ops);
	rcpt_check_configure(w.rc, 50, 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rcpt_check_destroy(&w.rc);
	assert_int_equal(w.running, 0);
	assert_int_equal(w.places, 0);
	loop_destroy(&w.loop);
	return 0;
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void
ask(const char *mailbox)
{
	rcpt_check_ask(w.rc, A, mailbox, 0);
}

static void
ask_many(unsigned from, unsigned to, uint64_t client)
{
	char mailbox[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(mailbox, sizeof(mailbox), "n%u@" A, i);
		rcpt_check_ask(w.rc, A, mailbox, client);
	}
}

static void
advance(int64_t ms)
{
	fake_loop_advance(w.loop, ms);
	fake_loop_settle(w.loop);
}

/* Several go together in one session, the test first. */
static void
test_one_session(void **state)
{
	(void)state;
	ask("ada@" A);
	ask("bob@" A);
	ask("nobody@" A);
	assert_int_equal(w.sessions, 0); /* RCPT does not wait */
	advance(2 * SECOND);
	assert_int_equal(w.sessions, 1);
	assert_int_equal(w.tests, 1);
	assert_int_equal(w.passed, 2);
	assert_string_equal(w.refused_names, "nobody@" A " ");
	assert_int_equal(rcpt_check_waiting(w.rc), 0);
	advance(5 * SECOND);
	ask("carol@" A);
	advance(2 * SECOND);
	assert_int_equal(w.sessions, 2);
	assert_int_equal(w.tests, 1); /* within the day */
}

/* One a second, and a session ends at five refusals. */
static void
test_rate(void **state)
{
	(void)state;
	ask_many(0, 60, 0);
	advance(60 * SECOND);
	assert_true(w.asks <= 61);
	assert_true(w.asks >= 50);
	assert_int_equal(w.refusals_max, PROBE_REFUSALS_MAX);
	assert_int_equal(w.running_max, 1);
	advance(10 * SECOND);
	assert_int_equal(w.refused, 60);
}

/* A hundred thousand names: the line is bounded, and so is what is asked. */
static void
test_harvest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		ask_many(i * 1000, (i + 1) * 1000, 0);
		assert_true(
		    rcpt_check_waiting(w.rc) <= RCPT_CHECK_LINE_MAX + 20);
		advance(SECOND);
	}
	assert_true(w.asks <= 102);
}

/* From one client: its budget, whatever it asks for. */
static void
test_budget(void **state)
{
	(void)state;
	ask_many(0, 1000, 7);
	advance(60 * SECOND);
	assert_int_equal(w.refused, 20);
	ask_many(1000, 1010, 8); /* another one */
	advance(60 * SECOND);
	assert_int_equal(w.refused, 30);
	/* What waits already costs nobody anything. */
	w.full = true;
	ask_many(2000, 2010, 8);
	ask_many(2000, 2010, 8);
	ask_many(2000, 2010, 9);
	assert_int_equal(rcpt_check_waiting(w.rc), 10);
	advance(HOUR - 60 * SECOND);
	w.full = false;
	w.waits->go(w.waits->arg);
	advance(60 * SECOND);
	assert_int_equal(w.refused, 40);
	ask_many(3000, 4000, 7);
	advance(60 * SECOND);
	assert_int_equal(w.refused, 60);
	ask_many(4000, 4020, 9);
	advance(60 * SECOND);
	assert_int_equal(w.refused, 80);
}

static void
test_not_again_within_the_hour(void **state)
{
	(void)state;
	w.greylist = true;
	ask("ada@" A);
	advance(2 * SECOND);
	assert_int_equal(w.asks, 2);
	ask("ada@" A);
	advance(HOUR - 10 * SECOND);
	assert_int_equal(w.asks, 2);
	advance(10 * SECOND);
	ask("ada@" A);
	advance(2 * SECOND);
	assert_int_equal(w.asks, 4);
}

/* Nobody is asked while it is down, or doubted; nor is an answer believed. */
static void
test_only_while_up(void **state)
{
	(void)state;
	w.up = false;
	ask("nobody@" A);
	advance(60 * SECOND);
	assert_int_equal(w.sessions, 0);
	assert_int_equal(rcpt_check_waiting(w.rc), 0);
	w.up = true;
	ask("nobody2@" A);
	advance(SECOND);
	assert_int_equal(w.running, 1);
	w.doubted = true;
	advance(SECOND);
	assert_int_equal(w.sessions, 1);
	assert_int_equal(w.tests, 0);
	assert_int_equal(w.refused, 0);
	assert_int_equal(w.nothing, 1);
}

/* 4xx and policies teach nothing, and without the test no answer does. */
static void
test_nothing(void **state)
{
	(void)state;
	w.policy = true;
	ask("ada@" A);
	ask("nobody@" A);
	advance(2 * SECOND);
	w.policy = false;
	w.greylist = true;
	ask("bob@" A);
	advance(10 * SECOND);
	w.greylist = false;
	w.refuses_connections = true;
	ask("carol@" A);
	advance(10 * SECOND);
	assert_int_equal(w.tests, 0);
	assert_int_equal(w.passed + w.refused, 0);
	assert_int_equal(w.nothing, 4);
	assert_int_equal(rcpt_check_waiting(w.rc), 0);
}

static void
test_catch_all(void **state)
{
	(void)state;
	w.catch_all = true;
	ask("x@" A);
	advance(2 * SECOND);
	assert_true(w.known_catch_all);
	assert_int_equal(w.passed, 0); /* that it passes says nothing */
	ask_many(0, 100, 0);
	advance(HOUR);
	assert_int_equal(w.sessions, 1);
	w.catch_all = false;
	advance(DAY - HOUR);
	ask("y@" A);
	advance(2 * SECOND);
	assert_int_equal(w.tests, 2);
	assert_false(w.known_catch_all);
	assert_int_equal(w.refused, 1);
}

/* It lets everybody pass for an hour, between two tests. */
static void
test_catch_all_for_an_hour(void **state)
{
	(void)state;
	ask("ada@" A);
	advance(HOUR);
	w.catch_all = true;
	for (unsigned i = 0; i < 360; i++) {
		ask_many(i, i + 1, 0);
		advance(10 * SECOND);
	}
	assert_true(w.known_catch_all);
	assert_int_equal(w.tests, 2);
	assert_true(w.passed <= 1 + RCPT_CHECK_PASSES);
}

/* What a cut session left over comes first in the next one. */
static void
test_cut(void **state)
{
	(void)state;
	w.most = 2;
	ask("n0@" A);
	ask("n1@" A);
	ask("n2@" A);
	advance(2 * SECOND);
	assert_int_equal(rcpt_check_waiting(w.rc), 2);
	ask("n3@" A);
	advance(20 * SECOND);
	assert_string_equal(w.refused_names,
	    "n0@" A " n1@" A " n2@" A " n3@" A " ");
}

static void
test_place(void **state)
{
	(void)state;
	w.full = true;
	ask("ada@" A);
	advance(10 * SECOND);
	assert_int_equal(w.sessions, 0);
	assert_int_equal(w.places, 1);
	w.waits->scarce = true;
	ask_many(0, 10, 0);
	w.waits->go(w.waits->arg);
	advance(SECOND);
	assert_int_equal(w.sessions, 1);
	assert_int_equal(w.asks_max, 2); /* a delivery waits */
	assert_int_equal(w.places, 0);
	/* It goes while one waits: nothing is left of it. */
	advance(10 * SECOND);
	assert_int_equal(w.places, 1);
}

static void
test_sessions_at_once(void **state)
{
	char domain[32], mailbox[64];

	(void)state;
	rcpt_check_configure(w.rc, 3, 20);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(domain, sizeof(domain), "d%u.test", i);
		snprintf(mailbox, sizeof(mailbox), "x@%s", domain);
		rcpt_check_ask(w.rc, domain, mailbox, 0);
	}
	advance(60 * SECOND);
	assert_int_equal(w.running_max, 3);
	assert_int_equal(w.refused, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_session),
		T(test_rate),
		T(test_harvest),
		T(test_budget),
		T(test_not_again_within_the_hour),
		T(test_only_while_up),
		T(test_nothing),
		T(test_catch_all),
		T(test_catch_all_for_an_hour),
		T(test_cut),
		T(test_place),
		T(test_sessions_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
