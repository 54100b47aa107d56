/* SPDX-License-Identifier: ISC
 * A model of primaries that break and heal, in virtual time, over many seeds: who is
 * known to exist (by the list, or because mail was taken) and is taken when the
 * primary is healed is never given back; each message ends once; and the books
 * balance. In most worlds several domains share the primary, and what breaks may be
 * about one of them. MXWATCH_MODEL_SEEDS=N: so many seeds (150). */
#include <stdlib.h>

#include "tests/unit/queue_world.h"

#define NBOXES	 40
#define NMAILS	 400
#define NLATER	 60 /* after it was healed */
#define LISTED	 1u /* in the list */
#define EXISTS	 2u /* the healed primary has it */
#define OLD	 4u /* and so has the state that it may be restored from */
#define WAS_USED 8u /* mail for it was taken */

enum mood { /* of the primary; HONEST to the end of the table by chance */
	HONEST,
	AWAY, /* down: the gate is closed */
	BLOCKS_RCPT,
	BLOCKS_MAIL,
	KNOWS_NOBODY,
	OLD_STATE,
	BAD_FILTER,
	BAD_SIZE,
	NOT_OURS,
	CONFUSED,
	MOODS,
};

struct letter {
	uint64_t id;
	unsigned box;
	bool spam, over;
};

struct model {
	struct world *w;
	uint64_t x; /* of the random numbers */
	unsigned box[NBOXES];
	struct letter letter[NMAILS + NLATER];
	unsigned nletters, delivered, returned, expired, removed;
	unsigned ndomains; /* that share the primary; a box is of one of them */
	enum mood mood;
	unsigned struck; /* the domain that it is about; ndomains: all */
	int64_t until_ms;
	char list[NBOXES * 32];
	unsigned seed;
};

static unsigned
pick(struct model *m, unsigned n)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return (unsigned)((m->x >> 11) % n);
}

static const char *
domain_of(const struct model *m, unsigned box)
{
	static const char *const names[] = { A, "d0.test", "d1.test", "d2.test",
		"d3.test", "d4.test", "d5.test" };

	return names[box % m->ndomains];
}

static void
say_box(const struct model *m, unsigned i, char *dst, size_t size)
{
	snprintf(dst, size, "u%u@%s", i, domain_of(m, i));
}

static void
open_all(struct model *m)
{
	for (unsigned i = 0; i < m->ndomains; i++)
		queue_gate(m->w->q, domain_of(m, i), GATE_OPEN);
}

static void
people(struct model *m)
{
	char name[40];

	for (unsigned i = 0; i < NBOXES; i++) {
		unsigned kind = pick(m, 10);

		m->box[i] = kind < 7 ? LISTED | EXISTS :
		    kind == 7	     ? LISTED : /* left */
		    kind == 8	     ? EXISTS : /* the list is old */
				       0; /* a stranger */
		if (pick(m, 6) == 0)
			m->box[i] |= OLD;
		if ((m->box[i] & LISTED) == 0)
			continue;
		say_box(m, i, name, sizeof(name));
		strlcat(m->list, " ", sizeof(m->list));
		strlcat(m->list, name, sizeof(m->list));
	}
	m->w->list = m->list;
}

static void
arrives(struct model *m)
{
	struct letter *l = &m->letter[m->nletters++];
	struct queue_intake *in = queue_begin(m->w->q);
	struct envelope *env;
	char text[40];

	l->box = pick(m, NBOXES);
	env = world_make(domain_of(m, l->box), 0);
	l->spam = pick(m, 4) == 0;
	l->id = queue_intake_id(in);
	snprintf(text, sizeof(text), "s%u@b.test", pick(m, 60));
	mem_free(&env->sender);
	env->sender = mem_strdup(pick(m, 20) == 0 ? "" : text);
	say_box(m, l->box, text, sizeof(text));
	envelope_add_rcpt(env, text);
	assert_int_equal(queue_append(in, "x", 1), 0);
	queue_commit(&in, &env, 1, world_on_accept, m->w, 7);
	world_settle(m->w);
	assert_int_equal(m->w->accept_rc, 0);
}

/* The reply to one message, and where; NULL: it is taken. */
static const char *
answer(struct model *m, const struct letter *l, enum smtp_phase *phase)
{
	unsigned box = m->box[l->box];
	enum mood mood = m->mood;

	if (m->struck < m->ndomains && l->box % m->ndomains != m->struck)
		mood = HONEST;
	*phase = SMTP_PHASE_MAIL;
	if (mood == BLOCKS_MAIL)
		return "550 5.7.1 Client host blocked by a list";
	if (mood == BAD_SIZE)
		return "552 5.3.4 message size exceeds fixed limit";
	if (mood == CONFUSED)
		return "503 5.5.1 what?";
	*phase = SMTP_PHASE_RCPT;
	if (mood == BLOCKS_RCPT)
		return "554 5.7.1 Service unavailable; Client host blocked";
	if (mood == NOT_OURS)
		return "554 5.7.1 Relay access denied";
	if (mood == KNOWS_NOBODY || (box & EXISTS) == 0 ||
	    (mood == OLD_STATE && (box & OLD) == 0))
		return "550 5.1.1 no such user";
	*phase = SMTP_PHASE_EOD;
	if (mood == BAD_FILTER)
		return "554 5.7.1 filter failed";
	return l->spam ? "554 5.7.1 spam" : NULL;
}

static struct letter *
letter_of(struct model *m, uint64_t id)
{
	for (unsigned i = 0; i < m->nletters; i++)
		if (m->letter[i].id == id)
			return &m->letter[i];
	fail_msg("seed %u: who is that?", m->seed);
	return NULL;
}

static void
is_over(struct model *m, struct letter *l)
{
	if (l->over)
		fail_msg("seed %u: a message ended twice", m->seed);
	l->over = true;
}

static void
offer(struct model *m, struct queue_job *job)
{
	struct letter *l = letter_of(m, job->id);
	struct envelope *env =
	    envelope_copy(fake_store_get(m->w->store, job->id));
	enum rcpt_state state = RCPT_DELIVERED;
	struct smtp_status st = { 2, 0, 0 };
	enum smtp_phase phase;
	const char *text = answer(m, l, &phase);
	char copy[128];
	struct smtp_reply r = { .lines = 1, .text = copy };
	struct judge_case c = { .phase = phase, .reply = &r };
	struct judge_verdict v;

	r.code = 250;
	mem_free(&env->host);
	env->host = mem_strdup("mx.test:25");
	if (text != NULL) {
		r.code = (uint16_t)strtoul(text, NULL, 10);
		strlcpy(copy, text + 4, sizeof(copy));
		r.has_status = smtp_status_parse(copy, &r.status) > 0;
		v = queue_judge(m->w->q, env->domain, &c, env,
		    env->rcpts[0].mailbox, &job->wait_ms);
		state = v.outcome == JUDGE_FAILED ? RCPT_FAILED : RCPT_PENDING;
		st = r.status;
	}
	if (state == RCPT_FAILED && (m->box[l->box] & EXISTS) && !l->spam &&
	    (m->box[l->box] & (LISTED | WAS_USED)))
		fail_msg("seed %u: u%u@ went back in mood %d: %s", m->seed,
		    l->box, (int)m->mood, text);
	if (state != RCPT_PENDING)
		is_over(m, l);
	m->delivered += state == RCPT_DELIVERED;
	m->returned += state == RCPT_FAILED;
	if (state == RCPT_DELIVERED)
		m->box[l->box] |= WAS_USED;
	rcpt_set(&env->rcpts[0], state, r.code, &st, text != NULL ? text : "");
	env->rcpts[0].reported = state == RCPT_FAILED;
	env->last_try_ms = clock_wall_ms();
	queue_done(m->w->q, job, JOB_TRIED, env);
	envelope_destroy(&env);
	world_settle(m->w);
}

static void
probes(struct model *m)
{
	if (m->mood == AWAY)
		return;
	if (m->mood != KNOWS_NOBODY && m->mood != BLOCKS_RCPT &&
	    m->mood != NOT_OURS)
		m->w->shown_ms = clock_wall_ms();
	else if (m->struck == m->ndomains)
		m->w->shown_ms = 0;
	m->w->hidden = m->w->shown_ms != 0 && m->struck < m->ndomains ?
	    domain_of(m, m->struck) :
	    NULL;
	for (unsigned i = 0; i < m->ndomains; i++)
		queue_trial(m->w->q, domain_of(m, i));
	world_settle(m->w);
}

/* Back from being away there is a flush, as after an outage. */
static void
change(struct model *m, enum mood mood)
{
	struct relay_flush f;
	bool was_away = m->mood == AWAY;

	m->mood = mood;
	m->struck = mood == AWAY || pick(m, 2) == 0 ? m->ndomains :
						      pick(m, m->ndomains);
	/* What is half wrong is mended within the day (refusal_grace), and for
	 * long enough that what was put off has its turn. */
	m->until_ms = clock_wall_ms() + (mood == HONEST ? 5 * HOUR : HOUR / 2) +
	    pick(m,
		mood == HONEST	      ? 72 :
		    mood == OLD_STATE ? 18 :
					60) *
		HOUR;
	if (was_away && mood != AWAY)
		probes(m);
	for (unsigned i = 0; i < m->ndomains; i++) {
		if (mood == AWAY)
			queue_gate(m->w->q, domain_of(m, i), GATE_CLOSED);
		if (mood == AWAY || !was_away)
			continue;
		queue_gate(m->w->q, domain_of(m, i), GATE_OPEN);
		(void)m->w->relay->flush(m->w->relay->self, domain_of(m, i),
		    FLUSH_RECOVERY, false, &f);
	}
	world_settle(m->w);
}

/* By the operator: any that is still there. */
static void
remove_one(struct model *m)
{
	struct letter *l = &m->letter[pick(m, m->nletters + 1)];

	if (l == &m->letter[m->nletters] || l->over)
		return;
	assert_int_equal(
	    m->w->relay->remove(m->w->relay->self, l->id, true, false, NULL),
	    0);
	world_settle(m->w);
	is_over(m, l);
	m->removed++;
}

static void
step(struct model *m)
{
	struct queue_job *job;
	unsigned n = 0;

	world_advance(m->w, HOUR / 4);
	probes(m);
	while (m->w->nexpired > 0) {
		job = m->w->expired[--m->w->nexpired];
		is_over(m, letter_of(m, job->id));
		m->expired++;
		world_expire(m->w, job);
	}
	while (m->w->nwarned > 0)
		world_warn(m->w, m->w->warned[--m->w->nwarned], m->w->stage);
	for (unsigned i = 0; m->mood != AWAY && i < m->ndomains; i++)
		while (n++ < 500 &&
		    (job = queue_take(m->w->q, domain_of(m, i))) != NULL)
			offer(m, job);
	if (pick(m, 50) == 0)
		remove_one(m);
}

static void
books(struct model *m)
{
	uint64_t delivered = 0, bounced = 0, expired = 0, queued = 0;
	const struct domain_stats *st;
	struct relay_domain g;

	for (unsigned d = 0; d < m->ndomains; d++) {
		st = stats_peek(m->w->stats, domain_of(m, d));
		g = world_gauges(m->w, domain_of(m, d));
		for (unsigned i = 0; i < STATUS_LABEL_MAX; i++)
			bounced += st->bounced[i];
		delivered += st->delivered;
		expired += st->expired;
		queued += g.active + g.deferred + g.held;
	}
	assert_int_equal(delivered, m->delivered);
	assert_int_equal(bounced, m->returned);
	assert_int_equal(expired, m->expired);
	assert_int_equal(m->delivered + m->returned + m->expired + m->removed +
		queued,
	    m->nletters);
}

static void
not_delivered(struct model *m, unsigned box)
{
	struct relay_domain g = world_gauges(m->w, domain_of(m, box));

	fail_msg("seed %u: for u%u@ was not delivered: broken %d, trials %u, "
		 "%s, %ju deferred",
	    m->seed, box, g.broken, g.trials, m->w->reply,
	    (uintmax_t)g.deferred);
}

static void
run(unsigned seed)
{
	struct model m = { .seed = seed,
		.x = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) };
	void *state;
	unsigned i;

	world_setup(&state);
	m.w = state;
	m.ndomains = seed % 3 == 0 ? 1 : 2 + seed % 6;
	m.w->domains = m.ndomains - 1;
	world_restart(m.w);
	people(&m);
	open_all(&m);
	change(&m, HONEST);
	while (m.nletters < NMAILS) {
		for (i = pick(&m, 4); i > 0 && m.nletters < NMAILS; i--)
			arrives(&m);
		step(&m);
		if (clock_wall_ms() >= m.until_ms)
			change(&m,
			    m.mood != HONEST ? HONEST :
					       (enum mood)pick(&m, MOODS));
		if (pick(&m, 300) == 0) { /* a restart */
			world_restart(m.w);
			if (m.mood != AWAY)
				open_all(&m);
		}
	}
	/* Healed; and there is other mail, as everywhere. */
	change(&m, HONEST);
	open_all(&m);
	for (i = 0; i < 4 * 24 * 8; i++) {
		if (i % 8 == 0 && m.nletters < NMAILS + NLATER)
			arrives(&m);
		step(&m);
	}
	for (i = 0; i < m.nletters; i++)
		if (!m.letter[i].over && (m.box[m.letter[i].box] & EXISTS) &&
		    !m.letter[i].spam)
			not_delivered(&m, m.letter[i].box);
	books(&m);
	world_teardown(&state);
}

static void
seeds(void **state)
{
	const char *s = getenv("MXWATCH_MODEL_SEEDS");
	unsigned n = s != NULL ? (unsigned)strtoul(s, NULL, 10) : 150;

	(void)state;
	for (unsigned seed = 0; seed < n; seed++)
		run(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(seeds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
