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
#include "relay/deliver/delivery.h"
#include "relay/deliver/dsn.h"

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

/* An attempt's outcome for the recipients in turn: 5 refused, 2 taken by a
 * server without DSN, 4 put off. */
static struct envelope *
outcome(const struct fake_job *j, const char *replies)
{
	struct envelope *env = envelope_copy(j->env);
	struct rcpt *r = env->rcpts;

	for (; *replies != '\0'; replies++, r++)
		rcpt_set(r,
		    *replies == '2'	? RCPT_DELIVERED :
			*replies == '5' ? RCPT_FAILED :
					  RCPT_PENDING,
		    *replies == '2'	? 250 :
			*replies == '5' ? 550 :
					  451,
		    *replies == '5' ? &(struct smtp_status){ 5, 1, 1 } : NULL,
		    "said so");
	return env;
}

/* A server has had the message; `env` is what became of it. */
static void
finish(struct fake_job *j, struct envelope *env)
{
	struct delivery *w = delivery_create(DELIVERY_SEND, &j->job);

	w->env = env;
	bounce_finish(t.bounce, &w, JOB_TRIED);
}

/* The disk refuses the notification: the failure is not forgotten. */
static void
not_stored(void **state)
{
	struct fake_job *j =
	    take("s@sender.example", "a@example.org b@example.org");

	(void)state;
	fake.accept_rc = -MX_EFULL;
	finish(j, outcome(j, "52"));
	WAIT_FOR(first_ended);
	assert_int_equal(j->env->rcpts[0].state, RCPT_FAILED);
	assert_int_equal(j->env->rcpts[0].code, 550);
	assert_int_equal(j->env->rcpts[1].state, RCPT_DELIVERED);
	assert_false(j->env->rcpts[0].reported);
	assert_true(j->job.put_off_ms > 0);
	assert_int_equal(t.stats->g.dsn_generated[0], 0);
	/* Beside one that is tried again it is asked for again. */
	j = take("s@sender.example", "a@example.org b@example.org");
	finish(j, outcome(j, "54"));
	WAIT_FOR(nothing_pending);
	assert_int_equal(j->env->rcpts[0].state, RCPT_PENDING);
	assert_int_equal(j->env->rcpts[0].code, 550);
	/* An expiry waits with the job until the next try. */
	j = take("s@sender.example", "a@example.org");
	bounce_expire(t.bounce, &j->job);
	WAIT_FOR(nothing_pending);
	assert_int_equal(j->ended, 0);
	bounce_destroy(&t.bounce);
	assert_int_equal(j->returned, 1);
}

/* Those who asked hear that the next server took their mail and will not tell
 * them more: once, when nothing is pending any more. */
static void
relayed(void **state)
{
	struct fake_job *j = take("s@sender.example",
	    "a@example.org b@example.org c@example.org d@example.org");

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		j->env->rcpts[i].notify =
		    NOTIFY_GIVEN | (i == 2 ? NOTIFY_FAILURE : NOTIFY_SUCCESS);
	fake.again = true;
	finish(j, outcome(j, "2224"));
	assert_int_equal(j->ended, 1); /* not before the fourth */
	assert_int_equal(fake.nnotes, 0);
	assert_false(j->env->rcpts[0].reported);
	assert_non_null(queue_take(NULL, "example.org"));
	finish(j, outcome(j, "2222"));
	assert_int_equal(j->ended, 1);
	WAIT_FOR(all_quiet);
	assert_int_equal(fake.nnotes, 1);
	assert_non_null(strstr(fake.note[0].text, "Action: relayed"));
	assert_non_null(strstr(fake.note[0].text, "Status: 2.1.9"));
	assert_non_null(strstr(fake.note[0].text, "a@example.org"));
	assert_non_null(strstr(fake.note[0].text, "d@example.org"));
	assert_null(strstr(fake.note[0].text, "c@example.org"));
	assert_null(strstr(fake.note[0].text, "body\r\n"));
	assert_string_equal(fake.note[0].env->sender, "");
	assert_false(envelope_owes(j->env));
	assert_int_equal(t.stats->g.dsn_generated[DSN_RELAYED], 1);
}

/* What failed and what was relayed are two notifications; the job ends when
 * both are on the disk, and the one that is there is not written again. */
static void
failed_and_relayed(void **state)
{
	struct fake_job *j =
	    take("s@sender.example", "a@example.org b@example.org");

	(void)state;
	j->env->rcpts[0].notify = NOTIFY_GIVEN | NOTIFY_SUCCESS;
	fake.accept_rc = -MX_EFULL;
	fake.accept_after = 1;
	finish(j, outcome(j, "25"));
	WAIT_FOR(all_quiet);
	assert_int_equal(fake.nnotes, 1);
	assert_non_null(strstr(fake.note[0].text, "Action: failed"));
	assert_true(j->env->rcpts[1].reported);
	assert_true(rcpt_owes(&j->env->rcpts[0]));
	assert_true(j->job.put_off_ms > 0);
	/* As the queue does later. */
	fake.accept_rc = 0;
	j->ready = true;
	assert_non_null(queue_take(NULL, "example.org"));
	bounce_expire(t.bounce, &j->job);
	WAIT_FOR(all_quiet);
	assert_int_equal(fake.nnotes, 2);
	assert_non_null(strstr(fake.note[1].text, "Action: relayed"));
	assert_false(envelope_owes(j->env));
}

static const struct {
	const char *name, *sender;
	uint16_t flags;
	uint8_t notify;
	enum dsn_suppress why; /* or none */
} unasked_cases[] = {
	{ "nobody asked", "s@sender.example", 0, 0, DSN_SUPPRESS_MAX },
	{ "never", "s@sender.example", 0, NOTIFY_GIVEN | NOTIFY_NEVER,
	    DSN_SUPPRESS_MAX },
	{ "failures only", "s@sender.example", 0, NOTIFY_GIVEN | NOTIFY_FAILURE,
	    DSN_SUPPRESS_MAX },
	{ "null sender", "", 0, NOTIFY_GIVEN | NOTIFY_SUCCESS,
	    DSN_SUPPRESS_NULL_SENDER },
	{ "one of ours", "s@sender.example", ENV_DSN,
	    NOTIFY_GIVEN | NOTIFY_SUCCESS, DSN_SUPPRESS_NULL_SENDER },
};

static void
not_relayed(void **state)
{
	struct fake_job *j;
	uint64_t count;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(unasked_cases); i++) {
		j = take(unasked_cases[i].sender, "a@example.org");
		j->env->flags = unasked_cases[i].flags;
		j->env->rcpts[0].notify = unasked_cases[i].notify;
		finish(j, outcome(j, "2"));
		count = 0;
		for (int s = 0; s < DSN_SUPPRESS_MAX; s++)
			count += t.stats->g.dsn_suppressed[s];
		if (j->ended != 1 || envelope_owes(j->env) ||
		    count != (unasked_cases[i].why != DSN_SUPPRESS_MAX))
			fail_msg("%s", unasked_cases[i].name);
		memset(t.stats->g.dsn_suppressed, 0,
		    sizeof(t.stats->g.dsn_suppressed));
	}
	assert_int_equal(fake.nnotes, 0);
}

/* Over the rate a failure is not forgotten: the part waits for its turn. A
 * warning is only a warning. */
static void
over_the_rate(void **state)
{
	struct config conf[2];
	struct fake_job *j;

	(void)state;
	fake.conf.dsn.rate = 2;
	fake.conf.dsn.lifetime_ms = INT64_C(4000000);
	bounce_configure(t.bounce, &fake.conf);
	for (int i = 0; i < 2; i++) {
		j = take("s@sender.example", "a@example.org");
		bounce_expire(t.bounce, &j->job);
	}
	WAIT_FOR(all_quiet);
	assert_int_equal(fake.nnotes, 2);
	j = take("s@sender.example", "a@example.org");
	bounce_warn(t.bounce, &j->job, 0);
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->warned, 1);
	assert_int_equal(t.stats->g.dsn_suppressed[DSN_SUPPRESS_RATE], 1);
	j = take("s@sender.example", "a@example.org");
	bounce_expire(t.bounce, &j->job);
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_EXPIRED);
	assert_true(envelope_owes(j->env));
	assert_in_range(j->job.put_off_ms, 1790000, 1800002);
	j = take("s@sender.example", "a@example.org b@example.org");
	finish(j, outcome(j, "52"));
	WAIT_FOR(all_quiet);
	assert_true(envelope_owes(j->env));
	assert_in_range(j->job.put_off_ms, 3590000, 3600002);
	assert_int_equal(t.stats->g.dsn_put_off, 2);
	/* The line is as long as a notification may live. */
	j = take("s@sender.example", "a@example.org");
	bounce_expire(t.bounce, &j->job);
	WAIT_FOR(all_quiet);
	assert_false(envelope_owes(j->env));
	assert_int_equal(t.stats->g.dsn_suppressed[DSN_SUPPRESS_RATE], 2);
	assert_int_equal(fake.nnotes, 2);
	/* A reload that changes nothing, and one that does. */
	conf[0] = conf[1] = fake.conf;
	bounce_configure(t.bounce, &conf[0]);
	assert_int_equal(fake.owed_again, 0);
	conf[1].dsn.rate = 2000;
	bounce_configure(t.bounce, &conf[1]);
	assert_int_equal(fake.owed_again, 1);
	bounce_configure(t.bounce, &fake.conf);
}

/* A shutdown that does not wait for the disk: the failure stays to be told, the
 * one that was served is not served twice. */
static void
cut_off(void **state)
{
	struct fake_job *j =
	    take("s@sender.example", "a@example.org b@example.org");

	(void)state;
	finish(j, outcome(j, "52"));
	assert_int_equal(j->ended, 0);
	bounce_destroy(&t.bounce);
	assert_int_equal(j->tried, 1);
	assert_int_equal(j->env->rcpts[0].state, RCPT_FAILED);
	assert_false(j->env->rcpts[0].reported);
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
		T(relayed),
		T(over_the_rate),
		T(failed_and_relayed),
		T(not_relayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
