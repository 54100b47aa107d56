/* SPDX-License-Identifier: ISC
 * Learned recipients in the queue's hands: who teaches, what is bounded, and what is
 * on the disk. */
#include "tests/unit/queue_world.h"

static struct queue_policy learning;

static int
setup(void **state)
{
	int rc = world_setup(state);
	struct world *w = *state;

	learning = world_policy;
	learning.learn_max = 100;
	learning.learn_apart_ms = HOUR;
	w->policy = &learning;
	queue_policy(w->q, A, &learning);
	queue_gate(w->q, A, GATE_OPEN);
	world_settle(w);
	return rc;
}

#define LEARN_CASE(fn)                                                         \
	cmocka_unit_test_setup_teardown(fn, setup, world_teardown)

static struct learned_view
view(struct world *w, const char *mailbox)
{
	struct learned_view v;

	(void)queue_learned(w->q, A, mailbox, clock_wall_ms(), &v);
	return v;
}

static void
learn(struct world *w, const char *mailbox, enum learned_what what)
{
	queue_learn(w->q, A, mailbox, what, clock_wall_ms());
}

#define assert_word(w, mailbox, w_)                                            \
	assert_string_equal(learned_word_name(view(w, mailbox).word), w_)

static unsigned names_stored;
static void
count_one(void *arg, const char *key, const void *data, size_t len)
{
	(void)arg;
	(void)key;
	(void)data;
	(void)len;
	names_stored++;
}

/* Records of the domain, its own included. */
static unsigned
stored(struct world *w)
{
	world_settle(w);
	names_stored = 0;
	store_state_each(w->store, "learned/" A "/", count_one, NULL);
	return names_stored;
}

/* Twice, an hour apart: believed. */
static void
refuse(struct world *w, const char *mailbox)
{
	learn(w, mailbox, LEARN_REFUSED);
	world_advance(w, HOUR);
	learn(w, mailbox, LEARN_REFUSED);
}

/* A reply to RCPT of user0, as a deliverer has it judged. */
static struct judge_verdict
refused_at_rcpt(struct world *w, uint16_t code, struct smtp_status st)
{
	struct smtp_reply r = { .code = code,
		.lines = 1,
		.has_status = true,
		.status = st,
		.text = (char[]){ "no" } };
	struct judge_case c = { .phase = SMTP_PHASE_RCPT, .reply = &r };
	struct envelope *env = world_make(A, 1);
	struct judge_verdict v;
	int64_t again;

	mem_free(&env->sender);
	env->sender = mem_strdup("s@b.test");
	v = queue_judge(w->q, A, &c, env, "user0@" A, &again);
	envelope_destroy(&env);
	world_settle(w);
	return v;
}

static void
test_a_delivery_teaches(void **state)
{
	struct world *w = *state;
	uint64_t id = world_mail(w, A, 1);

	assert_word(w, "user0@" A, "unknown");
	world_deliver(w, A, id, "2");
	assert_word(w, "User0@" A, "taken");
	assert_int_equal(view(w, "user0@" A).taken_ms / DAY,
	    clock_wall_ms() / DAY);
	/* Not of a domain that does not learn. */
	queue_learn(w->q, B, "user0@" B, LEARN_TAKEN, clock_wall_ms());
	assert_false(queue_learned(w->q, B, "user0@" B, clock_wall_ms(),
	    &(struct learned_view){ 0 }));
}

/* 4xx teaches nothing, nor does a policy. */
static void
test_a_refused_delivery(void **state)
{
	struct world *w = *state;

	world_advance(w, DAY);
	w->shown_ms = clock_wall_ms();
	(void)refused_at_rcpt(w, 450, (struct smtp_status){ 4, 1, 1 });
	assert_word(w, "user0@" A, "unknown");
	(void)refused_at_rcpt(w, 554, (struct smtp_status){ 5, 7, 1 });
	assert_word(w, "user0@" A, "unknown");
}

static void
test_a_believed_refusal_is_one_check(void **state)
{
	struct world *w = *state;

	world_advance(w, DAY);
	w->shown_ms = clock_wall_ms();
	assert_int_equal(
	    refused_at_rcpt(w, 550, (struct smtp_status){ 5, 1, 1 }).outcome,
	    JUDGE_FAILED);
	assert_word(w, "user0@" A, "doubted");
	world_advance(w, HOUR);
	w->shown_ms = clock_wall_ms();
	(void)refused_at_rcpt(w, 550, (struct smtp_status){ 5, 1, 1 });
	assert_word(w, "user0@" A, "refused");
	/* The primary is down: what is believed is what was. */
	queue_gate(w->q, A, GATE_CLOSED);
	world_advance(w, HOUR);
	assert_word(w, "user0@" A, "refused");
	world_advance(w, 3 * DAY);
	assert_word(w, "user0@" A, "doubted");
}

static void
test_the_rules_of_the_domain(void **state)
{
	struct world *w = *state;

	learn(w, "ada+shop@" A, LEARN_TAKEN);
	assert_word(w, "ada@" A, "taken");
	assert_word(w, "ADA+Other@" A, "taken");
	assert_string_equal(view(w, "ada+other@" A).mailbox, "ada@" A);
	/* That ada+x is refused says nothing of ada. */
	refuse(w, "bob+x@" A);
	assert_word(w, "bob@" A, "unknown");
	refuse(w, "bob@" A);
	assert_word(w, "bob+x@" A, "refused");
}

static void
test_restart(void **state)
{
	struct world *w = *state;

	learn(w, "ada@" A, LEARN_PASSED);
	learn(w, "\"a/b\"@" A, LEARN_TAKEN);
	refuse(w, "nobody@" A);
	queue_learn(w->q, A, "", LEARN_NO_CATCH_ALL, clock_wall_ms());
	world_restart(w);
	assert_word(w, "ada@" A, "passed");
	assert_word(w, "a/b@" A, "taken");
	assert_word(w, "nobody@" A, "refused");
	assert_int_not_equal(view(w, "ada@" A).tested_ms, 0);
}

/* It is not written each time. */
static void
test_refreshed_rarely(void **state)
{
	struct world *w = *state;
	unsigned puts = 0;

	learn(w, "ada@" A, LEARN_TAKEN);
	world_settle(w);
	for (int i = 0; i < 23; i++) {
		world_advance(w, HOUR);
		learn(w, "ada@" A, LEARN_TAKEN);
		puts += fake_store_pump(w->store);
	}
	assert_int_equal(puts, 0);
	world_advance(w, HOUR);
	learn(w, "ada@" A, LEARN_TAKEN);
	assert_int_equal(fake_store_pump(w->store), 1);
}

static void
learn_many(struct world *w, const char *domain, unsigned n,
    enum learned_what what)
{
	char mailbox[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(mailbox, sizeof(mailbox), "n%06u@%s", i, domain);
		queue_learn(w->q, domain, mailbox, what, clock_wall_ms());
		if (i % 1000 == 999)
			world_settle(w);
	}
	world_settle(w);
}

/* A harvest of a hundred thousand names takes no place of a good one. */
static void
test_bounded_by_itself(void **state)
{
	struct world *w = *state;

	learn(w, "ada@" A, LEARN_TAKEN);
	learn_many(w, A, 100000, LEARN_REFUSED);
	assert_int_equal(world_gauges(w, A).learned_good, 1);
	assert_int_equal(world_gauges(w, A).learned_bad, 99);
	assert_int_equal(stored(w), 100);
	assert_word(w, "ada@" A, "taken");
	learn_many(w, A, 100, LEARN_PASSED);
	assert_int_equal(world_gauges(w, A).learned_bad, 0);
	assert_int_equal(world_gauges(w, A).learned_good, 100);
	learn(w, "nobody@" A, LEARN_REFUSED);
	assert_word(w, "nobody@" A, "unknown");
	assert_int_equal(stored(w), 100);
}

static void
test_bounded_over_all(void **state)
{
	struct world *w = *state;

	learning.learn_max = 10000;
	queue_policy(w->q, A, &learning);
	queue_policy(w->q, B, &learning);
	learn(w, "ada@" A, LEARN_TAKEN);
	world_advance(w, MINUTE);
	queue_learn(w->q, B, "bob@" B, LEARN_TAKEN, clock_wall_ms());
	learn_many(w, A, 2 * WORLD_LEARNED, LEARN_REFUSED);
	assert_int_equal(world_gauges(w, A).learned_bad, WORLD_LEARNED - 2);
	learn_many(w, B, WORLD_LEARNED, LEARN_PASSED);
	assert_int_equal(world_gauges(w, A).learned_bad, 0);
	assert_int_equal(world_gauges(w, A).learned_good +
		world_gauges(w, B).learned_good,
	    WORLD_LEARNED);
	queue_policy(w->q, B, &world_policy);
	world_settle(w);
}

/* In turns, and what is on the disk too; to learn again meanwhile does no harm. */
static void
test_turned_off(void **state)
{
	struct world *w = *state;

	learning.learn_max = 900;
	queue_policy(w->q, A, &learning);
	learn_many(w, A, 900, LEARN_PASSED);
	assert_int_equal(stored(w), 900);
	learning.learn_max = 50; /* fewer */
	queue_policy(w->q, A, &learning);
	assert_int_equal(stored(w), 50);
	queue_policy(w->q, A, &world_policy);
	assert_word(w, "n000899@" A, "unknown");
	assert_int_equal(stored(w), 0);
	queue_policy(w->q, A, &learning);
	learn(w, "ada@" A, LEARN_PASSED);
	assert_word(w, "ada@" A, "passed");
	queue_policy(w->q, A, NULL); /* it left */
	assert_int_equal(stored(w), 0);
}

static void
test_turned_off_between_two_runs(void **state)
{
	struct world *w = *state;

	learn_many(w, A, 100, LEARN_PASSED);
	w->policy = &world_policy;
	world_restart(w);
	assert_int_equal(stored(w), 0);
}

static void
test_catch_all(void **state)
{
	struct world *w = *state;

	refuse(w, "nobody@" A);
	learn(w, "ada@" A, LEARN_TAKEN);
	queue_learn(w->q, A, "", LEARN_CATCH_ALL, clock_wall_ms());
	assert_word(w, "nobody@" A, "catch-all");
	assert_word(w, "ada@" A, "taken");
	assert_int_equal(stored(w), 2); /* ada, and the domain */
	world_restart(w);
	assert_word(w, "anybody@" A, "catch-all");
	refuse(w, "nobody@" A);
	queue_learn(w->q, A, "", LEARN_NO_CATCH_ALL, clock_wall_ms());
	assert_word(w, "nobody@" A, "unknown");
}

/* u<n>@ were taken once; now they are refused: the breaker trips. */
static void
trip_breaker(struct world *w)
{
	struct smtp_reply r = { .code = 550,
		.lines = 1,
		.has_status = true,
		.status = { 5, 1, 1 },
		.text = (char[]){ "no" } };
	struct judge_case c;
	struct envelope *env;
	char rcpt[64];
	int64_t again;

	w->shown_ms = 0;
	for (int i = 0; i < 20 && w->broken == 0; i++) {
		env = world_make(A, 1);
		snprintf(rcpt, sizeof(rcpt), "user%d@" A, i);
		mem_free(&env->sender);
		env->sender = mem_printf("s%d@b.test", i);
		c = (struct judge_case){ .phase = SMTP_PHASE_RCPT,
			.reply = &r };
		(void)queue_judge(w->q, A, &c, env, rcpt, &again);
		envelope_destroy(&env);
		world_settle(w);
	}
	assert_int_equal(w->broken, 1);
}

static void
take_all(struct world *w)
{
	uint64_t id = world_mail(w, A, 20);

	world_deliver(w, A, id, "22222222222222222222");
	w->shown_ms = clock_wall_ms();
}

static void
test_the_breaker(void **state)
{
	struct world *w = *state;

	refuse(w, "before@" A);
	world_advance(w, HOUR);
	take_all(w);
	assert_word(w, "before@" A, "refused");
	/* A contradiction: from now on nothing bad is learned nor believed. */
	(void)refused_at_rcpt(w, 550, (struct smtp_status){ 5, 1, 1 });
	assert_true(queue_learn_doubts(w->q, A, NULL));
	assert_word(w, "before@" A, "doubted");
	refuse(w, "during@" A);
	assert_word(w, "during@" A, "unknown");
	trip_breaker(w);
	assert_word(w, "before@" A, "doubted");
	assert_word(w, "user0@" A, "taken");
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, true), 0);
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, false), 0);
	world_settle(w);
	assert_false(world_gauges(w, A).broken);
	assert_word(w, "before@" A, "refused");
	assert_false(queue_learn_doubts(w->q, A, NULL));
}

/* Nobody had noticed yet that the primary is not itself. */
static void
test_the_breaker_cuts(void **state)
{
	struct world *w = *state;

	refuse(w, "before@" A);
	world_advance(w, HOUR);
	take_all(w);
	world_advance(w, HOUR);
	refuse(w, "between@" A);
	learn(w, "good@" A, LEARN_PASSED);
	assert_word(w, "between@" A, "refused");
	trip_breaker(w);
	world_restart(w);
	assert_true(world_gauges(w, A).broken);
	assert_word(w, "between@" A, "unknown");
	assert_word(w, "good@" A, "passed");
	assert_word(w, "before@" A, "doubted");
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, true), 0);
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, false), 0);
	world_settle(w);
	assert_word(w, "between@" A, "unknown");
	assert_word(w, "before@" A, "refused");
}

/* A kill before the first of the names is gone: the cut is on the disk. */
static void
test_the_cut_is_durable(void **state)
{
	struct world *w = *state;

	take_all(w);
	world_advance(w, HOUR);
	refuse(w, "between@" A);
	world_settle(w);
	trip_breaker(w);
	queue_destroy(&w->q);
	fake_store_restart(w->store);
	world_restart(w);
	assert_word(w, "between@" A, "unknown");
}

struct page {
	char names[4096];
	char last[64];
	unsigned n;
};

static void
on_name(void *arg, const char *local, const struct learned_view *v)
{
	struct page *p = arg;

	(void)v;
	strlcat(p->names, local, sizeof(p->names));
	strlcat(p->names, " ", sizeof(p->names));
	snprintf(p->last, sizeof(p->last), "%s", local);
	p->n++;
}

static void
test_pages(void **state)
{
	struct world *w = *state;
	struct page p = { .n = 0 };

	learn(w, "carol@" A, LEARN_PASSED);
	learn(w, "ada@" A, LEARN_TAKEN);
	learn(w, "bob@" A, LEARN_REFUSED);
	assert_true(
	    queue_learned_each(w->q, A, "", 2, clock_wall_ms(), on_name, &p));
	assert_string_equal(p.names, "ada bob ");
	assert_false(queue_learned_each(w->q, A, p.last, 2, clock_wall_ms(),
	    on_name, &p));
	assert_string_equal(p.names, "ada bob carol ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LEARN_CASE(test_a_delivery_teaches),
		LEARN_CASE(test_a_refused_delivery),
		LEARN_CASE(test_a_believed_refusal_is_one_check),
		LEARN_CASE(test_the_rules_of_the_domain),
		LEARN_CASE(test_restart),
		LEARN_CASE(test_refreshed_rarely),
		LEARN_CASE(test_bounded_by_itself),
		LEARN_CASE(test_bounded_over_all),
		LEARN_CASE(test_turned_off),
		LEARN_CASE(test_turned_off_between_two_runs),
		LEARN_CASE(test_catch_all),
		LEARN_CASE(test_the_breaker),
		LEARN_CASE(test_the_breaker_cuts),
		LEARN_CASE(test_the_cut_is_durable),
		LEARN_CASE(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
