/* SPDX-License-Identifier: ISC
 * The breaker of domains that share a primary: each has a message or two, so none
 * has evidence enough by itself. */
#include <stdlib.h>

#include "tests/unit/queue_world.h"

#define HOST  "mx.host.test:25"
#define OTHER "mx.other.test:25"
#define MANY  300

static const char us[] = "554 5.7.1 your address is blocked using bl.test";
static const char who[] = "550 5.1.1 who?";

static const char *
name_of(unsigned i)
{
	static char name[32];

	snprintf(name, sizeof(name), "d%u.test", i);
	return name;
}

static int
setup(void **state)
{
	int rc = world_setup(state);
	struct world *w = *state;

	w->domains = MANY;
	world_restart(w);
	return rc;
}

static void
open_all(struct world *w)
{
	for (unsigned i = 0; i < w->domains; i++)
		queue_gate(w->q, name_of(i), GATE_OPEN);
	world_settle(w);
}

static struct judge_verdict
verdict_of(struct world *w, const char *domain, struct envelope *env,
    const char *text)
{
	char copy[128];
	struct smtp_reply r = { .lines = 1, .text = copy };
	struct judge_case c = { .phase = SMTP_PHASE_RCPT, .reply = &r };
	int64_t again;

	r.code = (uint16_t)strtoul(text, NULL, 10);
	(void)strlcpy(copy, text + 4, sizeof(copy));
	r.has_status = smtp_status_parse(copy, &r.status) > 0;
	return queue_judge(w->q, domain, &c, env, env->rcpts[0].mailbox,
	    &again);
}

/* One message of the domain is offered to that host: NULL, it takes it. Whether there
 * was any. */
static bool
offer(struct world *w, unsigned i, const char *host, const char *text,
    enum judge_outcome *out)
{
	const char *domain = name_of(i);
	struct queue_job *job = queue_take(w->q, domain);
	enum rcpt_state state = RCPT_DELIVERED;
	struct smtp_status st = { 2, 0, 0 };
	struct judge_verdict v = { .outcome = JUDGE_TAKEN };
	struct envelope *env;

	if (job == NULL)
		return false;
	env = envelope_copy(fake_store_get(w->store, job->id));
	mem_free(&env->host);
	env->host = mem_strdup(host);
	if (text != NULL) {
		v = verdict_of(w, domain, env, text);
		state = v.outcome == JUDGE_FAILED ? RCPT_FAILED : RCPT_PENDING;
		(void)smtp_status_parse(text + 4, &st);
	}
	rcpt_set(&env->rcpts[0], state,
	    text != NULL ? (uint16_t)strtoul(text, NULL, 10) : 250, &st,
	    text != NULL ? text : "ok");
	env->rcpts[0].reported = state == RCPT_FAILED;
	queue_done(w->q, job, JOB_TRIED, env);
	envelope_destroy(&env);
	world_settle(w);
	if (out != NULL)
		*out = v.outcome;
	return true;
}

static unsigned
broken(struct world *w, unsigned *speakers)
{
	struct relay_domain d;
	unsigned n = 0;

	*speakers = 0;
	for (unsigned i = 0; i < w->domains; i++) {
		d = world_gauges(w, name_of(i));
		n += d.broken;
		*speakers += d.broken && d.broken_speaks;
	}
	return n;
}

static void
three_hundred_are_one_matter(void **state)
{
	struct world *w = *state;
	unsigned speakers;

	open_all(w);
	for (unsigned i = 0; i < MANY; i++)
		world_mail(w, name_of(i), 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_true(offer(w, i, HOST, us, NULL));
	assert_int_equal(broken(w, &speakers), MANY);
	assert_int_equal(speakers, 1);
	assert_string_equal(world_gauges(w, name_of(0)).broken_primary, HOST);
	assert_int_equal(world_gauges(w, name_of(0)).broken_domains, MANY);
	world_restart(w);
	assert_int_equal(broken(w, &speakers), MANY);
	assert_int_equal(speakers, 1);
	assert_int_equal(w->broken, 1); /* told once, and not anew */
	/* One trial at a time, whoever asks. */
	world_advance(w, HOUR);
	for (unsigned i = 0; i < MANY; i++)
		queue_trial(w->q, name_of(i));
	world_settle(w);
	assert_true(offer(w, 0, HOST, us, NULL));
	for (unsigned i = 1; i < MANY; i++)
		assert_false(offer(w, i, HOST, us, NULL));
	queue_trial(w->q, name_of(1));
	assert_false(offer(w, 1, HOST, us, NULL)); /* nor at once again */
	/* One that is taken resets them all. */
	world_advance(w, 2 * HOUR);
	queue_trial(w->q, name_of(7));
	world_settle(w);
	assert_true(offer(w, 7, HOST, NULL, NULL));
	world_settle(w);
	assert_int_equal(broken(w, &speakers), 0);
	assert_int_equal(w->mended, MANY);
	assert_int_equal(w->mended_told, 1);
	open_all(w);
	world_advance(w, 3 * HOUR);
	while (w->nwarned > 0) { /* of the delay */
		world_warn(w, w->warned[--w->nwarned], w->stage);
		world_settle(w);
	}
	for (unsigned i = 0; i < MANY; i++)
		assert_true(i == 7 || offer(w, i, HOST, NULL, NULL));
	assert_int_equal(fake_store_count(w->store), 0);
}

/* Restored without its users: the lists have what it refuses. */
static void
lists_of_several_domains(void **state)
{
	struct world *w = *state;
	unsigned speakers;

	w->list = " user0@d0.test user0@d1.test user0@d2.test user0@d3.test "
		  "user0@d4.test user0@d5.test ";
	open_all(w);
	for (unsigned i = 0; i < 6; i++)
		world_mail(w, name_of(i), 1);
	for (unsigned i = 0; i < 4; i++)
		assert_true(offer(w, i, HOST, who, NULL));
	assert_int_equal(broken(w, &speakers), 0);
	assert_true(offer(w, 4, OTHER, who, NULL)); /* another matter */
	assert_int_equal(broken(w, &speakers), 0);
	assert_true(offer(w, 5, HOST, who, NULL));
	assert_int_equal(broken(w, &speakers), 5);
	assert_int_equal(speakers, 1);
	/* The operator resets one, and it is refused again: it trips at once. */
	assert_int_equal(
	    w->relay->hold_domain(w->relay->self, name_of(0), false), 0);
	world_advance(w, 2 * HOUR);
	assert_int_equal(broken(w, &speakers), 4);
	assert_int_equal(speakers, 1);
	assert_true(offer(w, 0, HOST, who, NULL));
	assert_int_equal(broken(w, &speakers), 5);
	/* Who leaves takes nothing of the others along. */
	for (unsigned i = 0; i < 4; i++)
		queue_policy(w->q, name_of(i), NULL);
	world_settle(w);
	w->domains = 6;
	assert_int_equal(broken(w, &speakers), 1);
	queue_policy(w->q, name_of(5), NULL);
	world_settle(w);
}

/* A healthy one: some who left in each of many domains, and something is taken now
 * and then, or the probe is. */
static void
who_left_of_many(void **state)
{
	struct world *w = *state;
	unsigned speakers;
	char list[400] = "";

	for (unsigned i = 0; i < 16; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
		    " user0@d%u.test", i);
	w->list = list;
	open_all(w);
	for (unsigned i = 0; i < 17; i++)
		world_mail(w, name_of(i), 1);
	for (unsigned i = 0; i < 4; i++)
		assert_true(offer(w, i, HOST, who, NULL));
	assert_true(offer(w, 16, HOST, NULL, NULL)); /* of another domain */
	for (unsigned i = 4; i < 8; i++)
		assert_true(offer(w, i, HOST, who, NULL));
	assert_int_equal(broken(w, &speakers), 0);
	w->shown_ms = clock_wall_ms(); /* the probes' recipients are taken */
	for (unsigned i = 8; i < 16; i++)
		assert_true(offer(w, i, HOST, who, NULL));
	assert_int_equal(broken(w, &speakers), 0);
}

/* Domains without lists, a message each, at a primary that came back empty: what
 * three of them were told is not believed of the fourth, until it takes anything. */
static void
doubted_by_what_others_were_told(void **state)
{
	struct world *w = *state;
	enum judge_outcome out;
	unsigned failed = 0, speakers;

	for (unsigned i = 0; i < 10; i++)
		world_mail(w, name_of(i), 1);
	open_all(w);
	for (unsigned i = 0; i < 10; i++)
		world_flush(w, name_of(i), FLUSH_RECOVERY);
	for (unsigned i = 0; i < 9; i++) {
		assert_true(offer(w, i, HOST, who, &out));
		failed += out == JUDGE_FAILED;
	}
	assert_int_equal(failed, 3);
	assert_int_equal(broken(w, &speakers), 0);
	assert_true(offer(w, 9, HOST, NULL, NULL));
	world_advance(w, 3 * HOUR);
	assert_true(offer(w, 8, HOST, who, &out));
	assert_int_equal(out, JUDGE_FAILED);
}

int
main(void)
{
#define MANY_CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		MANY_CASE(three_hundred_are_one_matter),
		MANY_CASE(lists_of_several_domains),
		MANY_CASE(who_left_of_many),
		MANY_CASE(doubted_by_what_others_were_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
