/* SPDX-License-Identifier: ISC
 * Notifications: when one is owed, to whom, and what becomes of the job when
 * it cannot be stored. No server is needed for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "deliver_world.h"

static struct fake_job *
take(const char *sender, const char *rcpts)
{
	struct fake_job *j = fake_add(sender, rcpts, TEXT, strlen(TEXT));

	assert_ptr_equal(queue_take(NULL, j->job.domain), &j->job);
	return j;
}

static void
expires(void **state)
{
	struct fake_job *j =
	    take("s@sender.example", "a@example.org b@example.org");

	(void)state;
	j->env->rcpts[1].notify = NOTIFY_GIVEN | NOTIFY_NEVER;
	bounce_expire(t.bounce, &j->job);
	assert_int_equal(j->ended, 0); /* not before it is durable */
	WAIT_FOR(all_quiet);
	assert_int_equal(j->tried, 1);
	assert_int_equal(envelope_count(j->env, RCPT_EXPIRED), 2);
	assert_true(j->env->rcpts[0].reported && j->env->rcpts[1].reported);
	assert_int_equal(fake.nnotes, 1);
	assert_non_null(strstr(fake.note[0].text, "Status: 4.4.7"));
	assert_null(strstr(fake.note[0].text, "b@example.org"));
}

/* The same at the operator's will. */
static void
given_up(void **state)
{
	struct fake_job *j = take("s@sender.example", "a@example.org");

	(void)state;
	j->job.given_up = true;
	bounce_expire(t.bounce, &j->job);
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_FAILED);
	assert_true(j->env->rcpts[0].reported);
	assert_int_equal(fake.nnotes, 1);
	assert_non_null(strstr(fake.note[0].text, "Status: 5.0.0"));
}

static void
warns(void **state)
{
	struct fake_job *j = take("s@sender.example", "a@example.org");

	(void)state;
	bounce_warn(t.bounce, &j->job, 1);
	WAIT_FOR(all_quiet);
	assert_int_equal(j->warned, 1);
	assert_int_equal(j->env->warned, 2);
	assert_int_equal(j->env->rcpts[0].state, RCPT_PENDING);
	assert_int_equal(fake.nnotes, 1);
	assert_non_null(strstr(fake.note[0].text, "Action: delayed"));
	assert_int_equal(t.stats->g.dsn_generated[1], 1);
}

static const struct {
	const char *name, *sender;
	uint16_t flags;
	uint8_t notify;
	uint32_t rate;
	enum dsn_suppress why;
} silent_cases[] = {
	{ "null sender", "", 0, 0, 1000, DSN_SUPPRESS_NULL_SENDER },
	{ "one of ours", "s@sender.example", ENV_DSN, 0, 1000,
	    DSN_SUPPRESS_NULL_SENDER },
	{ "never", "s@sender.example", 0, NOTIFY_GIVEN | NOTIFY_NEVER, 1000,
	    DSN_SUPPRESS_POLICY },
	{ "no address", "s@sender@x", 0, 0, 1000, DSN_SUPPRESS_POLICY },
	{ "an address literal", "s@[192.0.2.1]", 0, 0, 1000,
	    DSN_SUPPRESS_POLICY },
	{ "over the rate", "s@sender.example", 0, 0, 0, DSN_SUPPRESS_RATE },
};

static void
silent(void **state)
{
	struct fake_job *j;
	unsigned before;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(silent_cases); i++) {
		fake.conf.dsn.rate = silent_cases[i].rate;
		bounce_configure(t.bounce, &fake.conf);
		before =
		    (unsigned)t.stats->g.dsn_suppressed[silent_cases[i].why];
		j = take(silent_cases[i].sender, "a@example.org");
		j->env->flags = silent_cases[i].flags;
		j->env->rcpts[0].notify = silent_cases[i].notify;
		bounce_expire(t.bounce, &j->job);
		WAIT_FOR(all_quiet);
		if (fake.nnotes != 0 || j->tried != 1 ||
		    !j->env->rcpts[0].reported ||
		    t.stats->g.dsn_suppressed[silent_cases[i].why] !=
			before + 1)
			fail_msg("%s", silent_cases[i].name);
	}
}

static bool
first_ended(void)
{
	return fake.job[0].ended > 0;
}

/* The disk refuses the notification: the failure is not forgotten. */
static void
not_stored(void **state)
{
	struct fake_job *j =
	    take("s@sender.example", "a@example.org b@example.org");
	struct envelope *env = envelope_copy(j->env);

	(void)state;
	fake.accept_rc = -MX_EFULL;
	rcpt_set(&env->rcpts[0], RCPT_FAILED, 550,
	    &(struct smtp_status){ 5, 1, 1 }, "no");
	rcpt_set(&env->rcpts[1], RCPT_DELIVERED, 250, NULL, "ok");
	bounce_finish(t.bounce, &j->job, JOB_TRIED, env, 5);
	WAIT_FOR(first_ended);
	assert_int_equal(j->env->rcpts[0].state, RCPT_PENDING);
	assert_int_equal(j->env->rcpts[0].code, 550);
	assert_int_equal(j->env->rcpts[1].state, RCPT_DELIVERED);
	assert_false(j->env->rcpts[0].reported);
	assert_int_equal(t.stats->g.dsn_generated[0], 0);
	/* An expiry waits with the job until the next try. */
	j = take("s@sender.example", "a@example.org");
	bounce_expire(t.bounce, &j->job);
	WAIT_FOR(nothing_pending);
	assert_int_equal(j->ended, 0);
	bounce_destroy(&t.bounce);
	assert_int_equal(j->returned, 1);
}

/* A shutdown that does not wait for the disk: the refused one is tried again,
 * the one that was served is not served twice. */
static void
cut_off(void **state)
{
	struct fake_job *j =
	    take("s@sender.example", "a@example.org b@example.org");
	struct envelope *env = envelope_copy(j->env);

	(void)state;
	rcpt_set(&env->rcpts[0], RCPT_FAILED, 550,
	    &(struct smtp_status){ 5, 1, 1 }, "no");
	rcpt_set(&env->rcpts[1], RCPT_DELIVERED, 250, NULL, "ok");
	bounce_finish(t.bounce, &j->job, JOB_TRIED, env, 5);
	assert_int_equal(j->ended, 0);
	bounce_destroy(&t.bounce);
	assert_int_equal(j->tried, 1);
	assert_int_equal(j->env->rcpts[0].state, RCPT_PENDING);
	assert_int_equal(j->env->rcpts[1].state, RCPT_DELIVERED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(expires),
		T(given_up),
		T(warns),
		T(silent),
		T(not_stored),
		T(cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
