/* SPDX-License-Identifier: ISC
 * Refusals that are not believed, and the breaker: over a queue whose deliverer is
 * a primary of a few rules. What it refuses is judged as a deliverer has it
 * judged. */
#include "tests/unit/queue_world.h"

struct primary {
	const char
	    *rcpt; /* the reply to RCPT of who is not `taken`; NULL: 250 */
	const char *taken; /* who is taken all the same, each behind a blank */
	const char *mail, *dot; /* the replies to all; NULL: 250 */
	unsigned offers, delivered, returned;
};

static uint64_t
mail_from(struct world *w, const char *sender, const char *rcpt)
{
	struct queue_intake *in = queue_begin(w->q);
	struct envelope *env = world_make(A, 0);
	uint64_t id = queue_intake_id(in);

	mem_free(&env->sender);
	env->sender = mem_strdup(sender);
	envelope_add_rcpt(env, rcpt);
	assert_int_equal(queue_append(in, "x", 1), 0);
	queue_commit(&in, &env, 1, world_on_accept, w, 7);
	world_settle(w);
	assert_int_equal(w->accept_rc, 0);
	fake_loop_advance(w->loop, 1);
	return id;
}

/* To u<n>@ from s<n>@. */
static void
mails(struct world *w, unsigned from, unsigned to)
{
	char sender[32], rcpt[32];

	for (unsigned i = from; i < to; i++) {
		snprintf(sender, sizeof(sender), "s%u@b.test", i);
		snprintf(rcpt, sizeof(rcpt), "u%u@" A, i);
		mail_from(w, sender, rcpt);
	}
}

static uint16_t
code_of(const char *text)
{
	return (uint16_t)((text[0] - '0') * 100 + (text[1] - '0') * 10 +
	    (text[2] - '0'));
}

static struct judge_verdict
verdict(struct world *w, enum smtp_phase phase, const char *text,
    const struct envelope *env, struct queue_job *job)
{
	char copy[128];
	struct smtp_reply r = { .lines = 1, .text = copy };
	struct judge_case c = { .phase = phase, .reply = &r };
	struct judge_verdict v;
	int64_t again;

	r.code = code_of(text);
	(void)strlcpy(copy, text + 4, sizeof(copy));
	r.has_status = smtp_status_parse(copy, &r.status) > 0;
	v = queue_judge(w->q, A, &c, env, env->rcpts[0].mailbox, &again);
	if (again > job->wait_ms)
		job->wait_ms = again;
	return v;
}

static bool
takes(const struct primary *p, const char *mailbox)
{
	char word[80];

	snprintf(word, sizeof(word), " %s ", mailbox);
	return p->rcpt == NULL ||
	    (p->taken != NULL && strstr(p->taken, word) != NULL);
}

static void
offer(struct world *w, struct primary *p, struct queue_job *job)
{
	struct envelope *env = envelope_copy(fake_store_get(w->store, job->id));
	const char *text = p->mail;
	enum smtp_phase phase = SMTP_PHASE_MAIL;
	struct judge_verdict v = { JUDGE_NOBODY, JUDGE_TAKEN, false, false };
	enum rcpt_state state;
	struct smtp_status st;

	p->offers++;
	if (text == NULL && !takes(p, env->rcpts[0].mailbox)) {
		text = p->rcpt;
		phase = SMTP_PHASE_RCPT;
	}
	if (text == NULL && p->dot != NULL) {
		text = p->dot;
		phase = SMTP_PHASE_EOD;
	}
	if (text != NULL)
		v = verdict(w, phase, text, env, job);
	state = v.outcome == JUDGE_TAKEN ? RCPT_DELIVERED :
	    v.outcome == JUDGE_FAILED	 ? RCPT_FAILED :
					   RCPT_PENDING;
	p->delivered += state == RCPT_DELIVERED;
	p->returned += state == RCPT_FAILED;
	text = text != NULL ? text : "250 2.0.0 ok";
	(void)smtp_status_parse(text + 4, &st);
	rcpt_set(&env->rcpts[0], state, code_of(text), &st, text);
	env->rcpts[0].reported = state == RCPT_FAILED;
	queue_done(w->q, job, JOB_TRIED, env);
	envelope_destroy(&env);
	world_settle(w);
}

/* Everything that may be taken is offered. */
static unsigned
deliver_all(struct world *w, struct primary *p)
{
	struct queue_job *job;
	unsigned before = p->offers;

	while ((job = queue_take(w->q, A)) != NULL && p->offers < before + 500)
		offer(w, p, job);
	return p->offers - before;
}

/* Time goes by in steps of a quarter of an hour, the deliverer at work. */
static void
pass(struct world *w, struct primary *p, int64_t ms)
{
	for (; ms > 0; ms -= HOUR / 4) {
		world_advance(w, HOUR / 4);
		if (w->shown_ms != 0) /* the probes go on */
			w->shown_ms = clock_wall_ms();
		while (w->nwarned > 0)
			world_warn(w, w->warned[--w->nwarned], w->stage);
		deliver_all(w, p);
	}
}

/* While it is up and the probe's recipient is taken. */
static void
up(struct world *w)
{
	queue_gate(w->q, A, GATE_OPEN);
	w->shown_ms = clock_wall_ms();
}

/* Back from an outage, with so many messages. */
static void
recovers(struct world *w, unsigned n)
{
	mails(w, 0, n);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
}

static void
what_was_taken_exists(void **state)
{
	struct world *w = *state;
	struct primary p = { 0 };

	up(w);
	mails(w, 0, 1);
	assert_int_equal(deliver_all(w, &p), 1);
	world_restart(w); /* and it is known */
	up(w);
	p.rcpt = "550 5.1.1 who?";
	mails(w, 0, 2);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 1); /* u1@, of whom nothing is known */
	assert_int_equal(fake_store_count(w->store), 1);
	/* Not all the time. */
	p.offers = 0;
	world_advance(w, HOUR / 2);
	w->shown_ms = clock_wall_ms();
	assert_int_equal(deliver_all(w, &p), 0);
	world_advance(w, HOUR);
	assert_int_equal(deliver_all(w, &p), 1);
	assert_int_equal(w->broken, 0);
	p.rcpt = NULL;
	pass(w, &p, 3 * HOUR);
	assert_int_equal(p.delivered, 2);
}

/* Nothing was taken since the gate opened, and the probe's recipient was not: two
 * are believed. */
static void
unknown_by_one_that_took_nothing(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?", .taken = " u3@" A " " };

	mails(w, 0, 6);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	deliver_all(w, &p);
	assert_int_equal(p.delivered, 1);
	assert_true(p.returned >= 2);
	assert_int_equal(w->broken, 0);
	pass(w, &p, HOUR);
	assert_int_equal(p.returned, 5);
	assert_int_equal(fake_store_count(w->store), 0);
}

static void
refuses_all(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?" };

	recovers(w, 6);
	deliver_all(w, &p);
	assert_int_equal(w->broken, 1);
	assert_string_equal(w->reply, "5.1.1 who?");
	assert_int_equal(p.returned, 2); /* as long as it could be true */
	assert_int_equal(p.offers, 6); /* other mail was ready until then */
	assert_true(world_gauges(w, A).broken);
	/* The gate opens and closes: it is tripped all the same; time alone gives
	 * a trial where nobody probes. */
	queue_gate(w->q, A, GATE_CLOSED);
	world_advance(w, HOUR);
	assert_int_equal(deliver_all(w, &p), 0);
	world_restart(w);
	assert_int_equal(w->broken, 1); /* told once */
	assert_int_equal(w->broken_again, 1);
	assert_true(world_gauges(w, A).broken);
	/* A trial is three messages, one after the other. */
	queue_trial(w->q, A);
	world_settle(w);
	assert_int_equal(deliver_all(w, &p), 3);
	queue_trial(w->q, A);
	world_settle(w);
	assert_int_equal(deliver_all(w, &p), 0); /* not at once again */
	/* And one that is taken resets it. */
	p.rcpt = NULL;
	world_advance(w, 2 * HOUR);
	queue_trial(w->q, A);
	world_settle(w);
	assert_int_equal(deliver_all(w, &p), 1);
	assert_int_equal(w->mended, 1);
	assert_false(world_gauges(w, A).broken);
	queue_gate(w->q, A, GATE_OPEN);
	pass(w, &p, HOUR);
	assert_int_equal(p.delivered, 4);
	assert_int_equal(p.returned, 2);
}

/* B5: after a time of being up it has us on a block list. */
static void
blocks_us(void **state)
{
	struct world *w = *state;
	struct primary p = { 0 };

	up(w);
	mails(w, 0, 20);
	deliver_all(w, &p);
	world_advance(w, 15 * MINUTE);
	up(w);
	p.rcpt = "554 5.7.1 Client host [192.0.2.1] blocked using a list";
	mails(w, 0, 40);
	deliver_all(w, &p);
	assert_int_equal(w->broken, 1);
	assert_int_equal(p.returned, 0);
	assert_int_equal(p.offers, 23);
}

/* B6: sixty in the list, ten of whom an old state knows; a message now and
 * then. */
static void
old_state(void **state)
{
	static char list[2048];
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?",
		.taken =
		    " u0@" A " u7@" A " u13@" A " u19@" A " u25@" A " u31@" A
		    " u37@" A " u43@" A " u49@" A " u55@" A " " };

	list[0] = '\0';
	for (unsigned i = 0; i < 60; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
		    " u%u@" A, i);
	w->list = list;
	for (unsigned i = 0; i < 60; i++) {
		up(w);
		mails(w, i, i + 1);
		world_advance(w, 5000);
		deliver_all(w, &p);
	}
	assert_int_equal(p.returned, 0);
	assert_int_equal(w->broken, 1);
	assert_true(p.offers < 20);
}

/* Thirty who left are in the list still: put off, and believed a day later. */
static void
on_refused(void *arg, const char *mailbox, int64_t since_ms)
{
	assert_int_equal(mailbox[0], 'u');
	assert_true(since_ms > 0);
	++*(unsigned *)arg;
}

static unsigned
count_refused(struct world *w)
{
	unsigned n = 0;

	w->relay->refused(w->relay->self, A, on_refused, &n);
	w->relay->refused(w->relay->self, B, on_refused, &n);
	return n;
}

static void
who_left(void **state)
{
	static char list[1024];
	struct world *w = *state;
	struct primary p = { 0 };

	list[0] = '\0';
	for (unsigned i = 0; i < 40; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
		    " u%u@" A, i);
	w->list = list;
	p.rcpt = "550 5.1.1 who?";
	p.taken = " u30@" A " u31@" A " u32@" A " u33@" A " u34@" A " u35@" A
		  " u36@" A " u37@" A " u38@" A " u39@" A " ";
	mails(w, 0, 40);
	up(w);
	world_flush(w, A, FLUSH_RECOVERY);
	deliver_all(w, &p);
	assert_int_equal(p.delivered, 10); /* in the first round */
	assert_int_equal(p.offers, 40);
	assert_true(w->ended_ok);
	for (int64_t t = 0; t < 23 * HOUR; t += HOUR) {
		up(w);
		mails(w, 30, 38);
		pass(w, &p, HOUR);
	}
	assert_int_equal(w->broken, 0);
	assert_int_equal(p.returned, 0);
	for (int64_t t = 0; t < 4 * HOUR; t += HOUR) {
		up(w);
		mails(w, 30, 38);
		pass(w, &p, HOUR);
	}
	assert_int_equal(p.returned, 30);
	/* The door is told, until the list is another one. */
	assert_true(queue_refused_for_good(w->q, A, "u0@" A, 1000));
	assert_false(queue_refused_for_good(w->q, A, "u30@" A, 1000));
	assert_false(queue_refused_for_good(w->q, A, "u0@" A, clock_wall_ms()));
	/* They are known by name, over a restart, as long as they are listed. */
	assert_int_equal(count_refused(w), 30);
	world_restart(w);
	assert_int_equal(count_refused(w), 30);
	*strstr(list, " u29@") = '\0';
	assert_int_equal(count_refused(w), 29);
	w->list = NULL;
	assert_int_equal(count_refused(w), 0);
}

/* The same over many connections at once: the refusals come first. What is under
 * way then has its say before anything is closed. */
static void
who_left_under_way(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?" };
	struct queue_job *job, *good = NULL;

	w->list = " u0@" A " u1@" A " u2@" A " u3@" A " u4@" A " u5@" A " u6@" A
		  " u7@" A " u8@" A " u9@" A " u10@" A " u11@" A " u12@" A " ";
	p.taken = " u11@" A " u12@" A " ";
	up(w);
	mails(w, 12, 13);
	assert_int_equal(deliver_all(w, &p), 1);
	mails(w, 0, 12);
	while ((job = queue_take(w->q, A)) != NULL)
		if (takes(&p,
			fake_store_get(w->store, job->id)->rcpts[0].mailbox))
			good = job;
		else
			offer(w, &p, job);
	assert_non_null(good);
	assert_int_equal(p.offers, 12);
	assert_int_equal(w->broken, 0);
	p.taken = NULL; /* nor is that one, and there is nothing else */
	offer(w, &p, good);
	assert_int_equal(w->broken, 1);
	assert_int_equal(p.returned, 0);
}

/* B7: the filter is broken, and nothing was taken since. */
static void
broken_filter(void **state)
{
	struct world *w = *state;
	struct primary p = { .dot = "554 5.7.1 milter failed" };

	mails(w, 0, 60);
	up(w);
	world_flush(w, A, FLUSH_RECOVERY);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 0);
	up(w);
	pass(w, &p, 3 * HOUR);
	assert_int_equal(p.returned, 0);
	p.dot = NULL;
	pass(w, &p, 5 * HOUR);
	assert_int_equal(p.delivered, 60);
}

/* A filter that refuses four in five for ever: nobody is late, nobody is told. */
static void
spam_for_ever(void **state)
{
	struct world *w = *state;
	struct primary p = { 0 };
	unsigned good = 0;

	for (unsigned i = 0; i < 300; i++) {
		up(w);
		p.dot = i % 5 == 0 ? NULL : "554 5.7.1 spam";
		mails(w, i, i + 1);
		good = p.delivered;
		deliver_all(w, &p);
		if (i % 5 == 0)
			assert_true(p.delivered > good);
		p.dot = "554 5.7.1 spam"; /* what is tried again */
		world_advance(w, MINUTE);
		deliver_all(w, &p);
	}
	assert_int_equal(w->broken, 0);
	assert_int_equal(p.delivered, 60);
	up(w);
	pass(w, &p, DAY);
	assert_true(p.returned >= 230);
}

/* The share is known, and all of it is refused now. */
static void
filter_breaks_while_up(void **state)
{
	struct world *w = *state;
	struct primary p = { 0 };

	up(w);
	mails(w, 0, 30);
	deliver_all(w, &p);
	world_advance(w, 5000);
	p.dot = "554 5.7.1 milter failed";
	mails(w, 0, 30);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 0);
	assert_int_equal(w->broken, 1);
}

/* Nothing that one sender does trips anything; forty of them neither. */
static void
senders(void **state)
{
	struct world *w = *state;
	struct primary p = { 0 };

	p.mail = "550 5.7.23 SPF";
	recovers(w, 10);
	up(w);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 2); /* who knows? */
	assert_int_equal(w->broken, 0);
	p.mail = NULL;
	mail_from(w, "other@b.test", "u0@" A);
	deliver_all(w, &p);
	p.mail = "550 5.7.23 SPF";
	mails(w, 10, 40);
	deliver_all(w, &p);
	pass(w, &p, HOUR);
	assert_int_equal(p.returned, 40);
	assert_int_equal(w->broken, 0);
	/* One that it took is another matter. */
	p.mail = NULL;
	mail_from(w, "known@b.test", "u0@" A);
	deliver_all(w, &p);
	p.mail = "550 5.7.23 SPF";
	mail_from(w, "known@b.test", "u0@" A);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 40);
	for (unsigned i = 0; i < 30; i++) {
		up(w);
		pass(w, &p, HOUR);
	}
	assert_int_equal(p.returned, 41);
}

/* While it is up, and nothing is known of anybody, each is its own matter. */
static void
strangers_while_up(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?" };

	queue_gate(w->q, A, GATE_OPEN);
	mails(w, 0, 20);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 20);
	assert_int_equal(w->broken, 0);
}

static void
not_the_way(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "554 5.7.1 Relay access denied" };

	queue_gate(w->q, A, GATE_OPEN);
	mails(w, 0, 2);
	deliver_all(w, &p);
	assert_int_equal(p.returned, 0);
	assert_int_equal(w->broken, 1);
}

/* The operator's word. */
static void
released(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?" };

	recovers(w, 6);
	deliver_all(w, &p);
	assert_int_equal(w->broken, 1);
	assert_int_equal(w->relay->hold_domain(w->relay->self, A, false), 0);
	world_settle(w);
	assert_int_equal(w->mended, 1);
	p.rcpt = NULL;
	pass(w, &p, 3 * HOUR);
	assert_int_equal(p.delivered, 4);
	world_restart(w);
	assert_false(world_gauges(w, A).broken);
}

/* Where nobody probes the clock gives the trials. */
static void
nobody_probes(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?" };

	recovers(w, 6);
	deliver_all(w, &p);
	assert_int_equal(w->broken, 1);
	pass(w, &p, 2 * HOUR);
	assert_true(p.offers > 6 && p.offers <= 6 + 3 * 6);
	p.rcpt = NULL;
	pass(w, &p, 6 * HOUR);
	assert_int_equal(p.delivered, 4);
	assert_int_equal(w->mended, 1);
}

/* A domain that leaves takes what was known of it with it. */
static void
leaves(void **state)
{
	struct world *w = *state;
	struct primary p = { .rcpt = "550 5.1.1 who?" };

	recovers(w, 6);
	deliver_all(w, &p);
	queue_policy(w->q, A, NULL);
	world_settle(w);
	assert_false(world_gauges(w, A).broken);
	world_restart(w);
	assert_false(world_gauges(w, A).broken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_taken_exists),
		CASE(unknown_by_one_that_took_nothing),
		CASE(refuses_all),
		CASE(blocks_us),
		CASE(old_state),
		CASE(who_left),
		CASE(who_left_under_way),
		CASE(broken_filter),
		CASE(spam_for_ever),
		CASE(filter_breaks_while_up),
		CASE(senders),
		CASE(strangers_while_up),
		CASE(not_the_way),
		CASE(released),
		CASE(nobody_probes),
		CASE(leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
