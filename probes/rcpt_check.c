/* SPDX-License-Identifier: ISC
 * rcpt_check: see rcpt_check.h. A domain has a line while questions wait, a
 * session is under way, or its next one may not begin yet, and a while longer
 * after name after name passed; a heap orders the lines by the time of their
 * next action. */
#include "probes/rcpt_check.h"

#include <sys/tree.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "probes/hourly.h"

#define GATHER_MS    1000 /* the first question waits for others */
#define TURN_MAX     20 /* sessions started per turn of the loop */
#define CROWDED_ASKS 2 /* while a delivery waits for the connection */

struct question {
	TAILQ_ENTRY(question) link;
	char mailbox[];
};
TAILQ_HEAD(question_list, question);

struct rcpt_line {
	RB_ENTRY(rcpt_line) node;
	struct heap_node due; /* not in the heap during a session */
	struct rcpt_check *rc;
	struct question_list waits, asked; /* asked: in the session under way */
	unsigned n; /* of waits */
	unsigned passes; /* names that passed in a row */
	int64_t next; /* loop time: no session before this */
	bool entering; /* waits for its place */
	struct place place;
	struct probe_run *run; /* NULL: none */
	bool test; /* the first ask of the session is the test */
	char label[TEXT_DOMAIN_MAX + 8]; /* of the session's host */
	char domain[];
};
RB_HEAD(rcpt_lines, rcpt_line);

struct rcpt_check {
	struct loop *loop;
	struct reach_env env;
	struct place_ops places;
	struct rcpt_check_ops ops;
	struct loop_timer *timer;
	struct heap due;
	struct rcpt_lines lines;
	unsigned waiting, sessions;
	unsigned sessions_max, per_client;
	struct hourly clients; /* questions per client */
	struct hourly silent; /* questions without a useful answer */
	uint64_t seed;
};

static int
line_cmp(const struct rcpt_line *a, const struct rcpt_line *b)
{
	return strcmp(a->domain, b->domain);
}

RB_PROTOTYPE(rcpt_lines, rcpt_line, node, line_cmp)
RB_GENERATE(rcpt_lines, rcpt_line, node, line_cmp)

/* Open-coded, because RB_FIND would need a whole struct rcpt_line with the name
 * in it. */
static struct rcpt_line *
line_find(const struct rcpt_check *rc, const char *domain)
{
	struct rcpt_line *l = RB_ROOT(&rc->lines);
	int c;

	while (l != NULL && (c = strcmp(domain, l->domain)) != 0)
		l = c < 0 ? RB_LEFT(l, node) : RB_RIGHT(l, node);
	return l;
}

static void
arm(struct rcpt_check *rc)
{
	const struct heap_node *n = heap_min(&rc->due);
	int64_t ms;

	if (n == NULL) {
		loop_timer_cancel(rc->timer);
		return;
	}
	ms = (n->key - loop_now(rc->loop) + CLOCK_MS - 1) / CLOCK_MS;
	loop_timer_set(rc->timer, ms > 0 ? ms : 0);
}

static void
line_due(struct rcpt_line *l, int64_t when)
{
	struct rcpt_check *rc = l->rc;

	if (heap_holds(&l->due))
		heap_change(&rc->due, &l->due, when);
	else
		heap_insert(&rc->due, &l->due, when);
	arm(rc);
}

/* Lets its questions wait for others, and for the earliest next session. */
static void
gather(struct rcpt_line *l)
{
	int64_t when = loop_now(l->rc->loop) + GATHER_MS * CLOCK_MS;

	line_due(l, when > l->next ? when : l->next);
}

static struct rcpt_line *
line_get(struct rcpt_check *rc, const char *domain)
{
	struct rcpt_line *l = line_find(rc, domain);
	size_t len = strlen(domain) + 1;

	if (l != NULL)
		return l;
	l = mem_alloc(sizeof(*l) + len);
	memcpy(l->domain, domain, len);
	l->rc = rc;
	TAILQ_INIT(&l->waits);
	TAILQ_INIT(&l->asked);
	RB_INSERT(rcpt_lines, &rc->lines, l);
	gather(l); /* or it goes away again */
	return l;
}

static void
drop(struct rcpt_line *l, struct question_list *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, q, link);
		l->rc->waiting--;
		mem_free(&q);
	}
	if (list == &l->waits)
		l->n = 0;
}

static void
place_leave(struct rcpt_line *l)
{
	if (l->rc->places.give_back != NULL)
		l->rc->places.give_back(l->rc->places.arg, &l->place);
	l->entering = false;
}

static void
line_destroy(struct rcpt_line *l)
{
	struct rcpt_check *rc = l->rc;

	if (l->run != NULL || l->entering) {
		probe_smtp_cancel(&l->run);
		place_leave(l);
		rc->sessions--;
	}
	drop(l, &l->waits);
	drop(l, &l->asked);
	heap_remove(&rc->due, &l->due);
	RB_REMOVE(rcpt_lines, &rc->lines, l);
	mem_free(&l);
}

/* ---- questions */

static uint64_t
key_of(const struct rcpt_line *l, const char *mailbox)
{
	return hash_text(hash_text(l->rc->seed, l->domain), mailbox);
}

static bool
holds(const struct question_list *list, const char *mailbox)
{
	const struct question *q;

	TAILQ_FOREACH (q, list, link)
		if (strcmp(q->mailbox, mailbox) == 0)
			return true;
	return false;
}

/* The question is useful, and the client has one left. */
static bool
may_ask(const struct rcpt_line *l, const char *mailbox, uint64_t client)
{
	struct rcpt_check *rc = l->rc;
	int64_t now = loop_now(rc->loop);

	return rc->waiting < RCPT_CHECK_MAX && l->n < RCPT_CHECK_LINE_MAX &&
	    strlen(mailbox) < PATH_MAILBOX_MAX && !holds(&l->waits, mailbox) &&
	    !holds(&l->asked, mailbox) &&
	    !hourly_counted(&rc->silent, key_of(l, mailbox), now) &&
	    (client == 0 ||
		hourly_count(&rc->clients, client, rc->per_client, now));
}

void
rcpt_check_ask(struct rcpt_check *rc, const char *domain, const char *mailbox,
    uint64_t client)
{
	struct rcpt_line *l = line_get(rc, domain);
	size_t len = strlen(mailbox) + 1;
	struct question *q;

	if (!may_ask(l, mailbox, client))
		return;
	q = mem_alloc(sizeof(*q) + len);
	memcpy(q->mailbox, mailbox, len);
	TAILQ_INSERT_TAIL(&l->waits, q, link);
	rc->waiting++;
	if (l->n++ == 0 && l->run == NULL && !l->entering)
		gather(l);
}

/* ---- a session */

/* A name that does not exist. */
static void
random_mailbox(const char *domain, char *dst, size_t size)
{
	(void)snprintf(dst, size, "%llx%llx@%s", (unsigned long long)rnd_u64(),
	    (unsigned long long)rnd_u64(), domain);
}

static bool
test_is_due(const struct rcpt_line *l)
{
	int64_t tested, age, now = clock_wall_ms();
	bool catch_all =
	    l->rc->ops.catch_all(l->rc->ops.arg, l->domain, &tested);

	age = now - tested;
	return tested == 0 || age < 0 || age >= RCPT_CHECK_TEST_MS ||
	    (!catch_all && l->passes >= RCPT_CHECK_PASSES &&
		age >= RCPT_CHECK_RETEST_MS);
}

static enum rcpt_check_answer
meaning(const struct probe_result *r, unsigned i)
{
	if (r->code != REACH_OK || i >= r->answered)
		return RCPT_CHECK_NOTHING;
	return r->answer[i].code == ANSWER_TAKEN ? RCPT_CHECK_PASSED :
	    r->answer[i].no_mailbox		 ? RCPT_CHECK_REFUSED :
						   RCPT_CHECK_NOTHING;
}

/* Reports the answers to the first `n` asks; `known`: they count. */
static void
tell(struct rcpt_line *l, const struct probe_result *r, unsigned first,
    unsigned n, bool known)
{
	const struct rcpt_check_ops *ops = &l->rc->ops;
	enum rcpt_check_answer a;
	struct question *q;

	for (unsigned i = first; i < n; i++) {
		if ((q = TAILQ_FIRST(&l->asked)) == NULL)
			return;
		TAILQ_REMOVE(&l->asked, q, link);
		l->rc->waiting--;
		a = known ? meaning(r, i) : RCPT_CHECK_NOTHING;
		if (a == RCPT_CHECK_PASSED)
			l->passes++;
		else if (a == RCPT_CHECK_REFUSED)
			l->passes = 0;
		else if (a == RCPT_CHECK_NOTHING)
			(void)hourly_count(&l->rc->silent,
			    key_of(l, q->mailbox), 1, loop_now(l->rc->loop));
		ops->answered(ops->arg, l->domain, q->mailbox, a);
		mem_free(&q);
	}
}

/* Asks that the cut session did not reach come first next time. */
static void
put_back(struct rcpt_line *l)
{
	struct question *q;

	while ((q = TAILQ_LAST(&l->asked, question_list)) != NULL) {
		TAILQ_REMOVE(&l->asked, q, link);
		TAILQ_INSERT_HEAD(&l->waits, q, link);
		l->n++;
	}
}

/* True: the answers to the others count. */
static bool
tell_test(struct rcpt_line *l, const struct probe_result *r)
{
	const struct rcpt_check_ops *ops = &l->rc->ops;
	enum rcpt_check_answer a = meaning(r, 0);

	if (a == RCPT_CHECK_NOTHING)
		return false;
	l->passes = 0;
	ops->tested(ops->arg, l->domain, a);
	return a == RCPT_CHECK_REFUSED;
}

static void
session_ends(struct rcpt_line *l)
{
	place_leave(l);
	l->rc->sessions--;
}

static void
on_done(const struct probe_result *r, void *arg)
{
	struct rcpt_line *l = arg;
	const struct rcpt_check_ops *ops = &l->rc->ops;
	unsigned first = l->test ? 1 : 0;
	bool known =
	    r->code == REACH_OK && ops->stands(ops->arg, l->domain, l->label);

	l->run = NULL;
	session_ends(l);
	if (known && l->test)
		known = tell_test(l, r);
	tell(l, r, first, r->code == REACH_OK ? r->answered : r->nanswers,
	    known);
	put_back(l);
	l->next = loop_now(l->rc->loop) +
	    (r->answered > 0 ? r->answered : 1) * CLOCK_SEC;
	line_due(l, l->next);
}

/* Up to `most` questions, after the test. */
static unsigned
choose(struct rcpt_line *l, unsigned most, struct probe_ask *ask, char *nobody,
    size_t size)
{
	struct question *q;
	unsigned n = 0;

	if (l->test) {
		random_mailbox(l->domain, nobody, size);
		ask[n++] = (struct probe_ask){ l->domain, nobody };
	}
	while (n < most && (q = TAILQ_FIRST(&l->waits)) != NULL) {
		TAILQ_REMOVE(&l->waits, q, link);
		l->n--;
		TAILQ_INSERT_TAIL(&l->asked, q, link);
		ask[n++] = (struct probe_ask){ l->domain, q->mailbox };
	}
	return n;
}

static void
session_begins(struct rcpt_line *l, struct probe_target *t)
{
	static const struct probe_ops ops = { .done = on_done };
	struct probe_ask ask[PROBE_ASKS_MAX];
	char nobody[PATH_MAILBOX_MAX];

	l->entering = false;
	l->test = test_is_due(l);
	t->depth = DEPTH_RCPT;
	t->ask = ask;
	t->nasks = choose(l, l->place.scarce ? CROWDED_ASKS : PROBE_ASKS_MAX,
	    ask, nobody, sizeof(nobody));
	l->run = probe_smtp_start(&l->rc->env, t, &ops, l);
}

/* The place is free: starts, if it is still the same host. */
static void
on_place(void *arg)
{
	struct rcpt_line *l = arg;
	const struct rcpt_check_ops *ops = &l->rc->ops;
	struct probe_target t = { .nasks = 0 };

	if (ops->target(ops->arg, l->domain, &t) &&
	    strcmp(t.host->label, l->label) == 0) {
		session_begins(l, &t);
		return;
	}
	session_ends(l);
	gather(l);
}

/* For a catch-all anything but the test would pass. */
static bool
has_questions(const struct rcpt_line *l)
{
	int64_t tested;

	return l->n > 0 &&
	    (test_is_due(l) ||
		!l->rc->ops.catch_all(l->rc->ops.arg, l->domain, &tested));
}

/* Keeps the count of passed names for a while. */
static int64_t
keep_until(const struct rcpt_line *l)
{
	return l->next + RCPT_CHECK_RETEST_MS * CLOCK_MS;
}

static void
turn(struct rcpt_line *l)
{
	struct rcpt_check *rc = l->rc;
	struct probe_target t = { .nasks = 0 };

	heap_remove(&rc->due, &l->due);
	if (l->n == 0 && l->passes > 0 && loop_now(rc->loop) < keep_until(l)) {
		line_due(l, keep_until(l));
		return;
	}
	if (!has_questions(l) || !rc->ops.target(rc->ops.arg, l->domain, &t)) {
		line_destroy(l);
		return;
	}
	if (rc->sessions >= rc->sessions_max) {
		gather(l);
		return;
	}
	rc->sessions++;
	(void)strlcpy(l->label, t.host->label, sizeof(l->label));
	l->place = (struct place){ .go = on_place, .arg = l };
	l->entering = true;
	if (rc->places.take == NULL ||
	    rc->places.take(rc->places.arg, &l->place, t.host, t.source))
		session_begins(l, &t);
}

static void
on_timer(void *arg)
{
	struct rcpt_check *rc = arg;
	struct heap_node *n;

	for (unsigned i = 0; i < TURN_MAX; i++) {
		n = heap_min(&rc->due);
		if (n == NULL || n->key > loop_now(rc->loop))
			break;
		turn(HEAP_ENTRY(n, struct rcpt_line, due));
	}
	arm(rc);
}

/* ---- life */

struct rcpt_check *
rcpt_check_create(const struct reach_env *env, const struct place_ops *places,
    const struct rcpt_check_ops *ops)
{
	struct rcpt_check *rc = mem_alloc(sizeof(*rc));

	rc->loop = env->loop;
	rc->env = *env;
	rc->places = *places;
	rc->ops = *ops;
	rc->timer = loop_timer_create(rc->loop, on_timer, rc);
	heap_init(&rc->due);
	RB_INIT(&rc->lines);
	hourly_init(&rc->clients);
	hourly_init(&rc->silent);
	rc->seed = rnd_u64();
	return rc;
}

void
rcpt_check_destroy(struct rcpt_check **rcp)
{
	struct rcpt_check *rc = *rcp;
	struct rcpt_line *l;

	*rcp = NULL;
	if (rc == NULL)
		return;
	while ((l = RB_ROOT(&rc->lines)) != NULL)
		line_destroy(l);
	loop_timer_destroy(&rc->timer);
	heap_fini(&rc->due);
	hourly_fini(&rc->clients);
	hourly_fini(&rc->silent);
	mem_free(&rc);
}

void
rcpt_check_configure(struct rcpt_check *rc, unsigned sessions,
    unsigned per_client)
{
	rc->sessions_max = sessions;
	rc->per_client = per_client;
}

unsigned
rcpt_check_waiting(const struct rcpt_check *rc)
{
	return rc->waiting;
}
