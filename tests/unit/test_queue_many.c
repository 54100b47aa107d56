/* SPDX-License-Identifier: ISC
 * test_queue_many: what is asked of a queue, or done with all of it, costs no walk
 * over its messages or domains: looks at keys are counted, not time. And that a
 * destination of few parts has the same orders as one of many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/queue_quiet.h"

#define A    "a.example"
#define MANY 50000u

struct many {
	struct quiet w;
	const struct relay *relay;
};

static unsigned looks;
static struct btree_key (*look_at[ORDER_MAX])(const void *, uint32_t);

#define LOOK(order)                                                            \
	static struct btree_key look_##order(const void *q, uint32_t item)     \
	{                                                                      \
		looks++;                                                       \
		return look_at[order](q, item);                                \
	}
LOOK(ORDER_ID)
LOOK(ORDER_AGE)
LOOK(ORDER_KEPT)
LOOK(ORDER_READY)
LOOK(ORDER_WAIT)
LOOK(ORDER_DEADLINE)

static void
count_looks(struct queue *q)
{
	struct btree_key (*counting[ORDER_MAX])(const void *, uint32_t) = {
		look_ORDER_ID,
		look_ORDER_AGE,
		look_ORDER_KEPT,
		look_ORDER_READY,
		look_ORDER_WAIT,
		look_ORDER_DEADLINE,
	};

	for (enum part_order o = 0; o < ORDER_MAX; o++) {
		look_at[o] = q->parts.order[o].key;
		q->parts.order[o].key = counting[o];
	}
}

static int
setup(void **state)
{
	static struct many m;

	fake_time_reset();
	quiet_create(&m.w);
	m.relay = queue_relay(m.w.q);
	count_looks(m.w.q);
	*state = &m;
	return 0;
}

static int
teardown(void **state)
{
	struct many *m = *state;

	quiet_destroy(&m->w);
	return 0;
}

static struct part *
add(struct many *m, const char *domain, uint64_t i, uint16_t flags)
{
	struct envelope_brief b = {
		.id = (i + 1) << 8,
		.arrival_ms = FAKE_WALL_MS - 1000 * (int64_t)(MANY - i % MANY),
		.due_ms = FAKE_WALL_MS + (int64_t)(i * 7919 % 7200000) - 360000,
		.size = 4000,
		.nrcpts = 1,
		.flags = flags,
	};

	(void)strlcpy(b.domain, domain, sizeof(b.domain));
	return part_add(m->w.q, &b, clock_wall_ms());
}

/* ---- what is asked */

static void
on_list(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	(void)rc;
	(void)v;
	(void)n;
	*(uint64_t *)arg = next;
}

static void
test_asked(void **state)
{
	struct many *m = *state;
	const struct relay *r = m->relay;
	struct selection none = { .before_ms = 1 };
	struct relay_domain d;
	uint64_t next = 0;

	for (unsigned i = 0; i < MANY; i++)
		assert_non_null(add(m, A, i, i % 10 == 0 ? ENV_HELD : 0));
	fake_loop_settle(m->w.loop);
	looks = 0;
	r->domain(r->self, A, &d);
	assert_int_equal(d.held, MANY / 10);
	r->others(r->self, &d);
	assert_int_equal(d.deferred, MANY);
	assert_in_range(looks, 0, 100);
	/* Nothing is as old: a page passes over so many and comes back. */
	looks = 0;
	r->list(r->self, A, &none, 0, 100, on_list, &next);
	fake_loop_settle(m->w.loop);
	assert_int_equal(next, (uint64_t)LIST_LOOK << 8);
	assert_in_range(looks, LIST_LOOK, LIST_LOOK * 20);
	looks = 0;
	r->list(r->self, NULL, NULL, next, 100, on_list, &next);
	assert_in_range(looks, 100, 100 * 20);
}

/* ---- what is done with all */

static void
test_rounds(void **state)
{
	struct many *m = *state;
	char name[TEXT_DOMAIN_MAX];
	unsigned turns = 0;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "d%05u.example.org", i / 5);
		assert_non_null(add(m, name, i, ENV_DSN));
	}
	fake_loop_settle(m->w.loop);
	looks = 0;
	queue_reports(m->w.q, 1000);
	assert_int_equal(looks, 0);
	while (round_step(m->w.q)) {
		assert_in_range(looks, 1, WALK_STEP * 40);
		looks = 0;
		turns++;
		if (turns == 3) /* it may go, and be where the round is */
			queue_policy(m->w.q, m->w.q->round.after, NULL);
	}
	assert_in_range(turns, MANY / WALK_STEP, MANY);
	for (unsigned i = 0; i < MANY; i += 777)
		assert_true(
		    parts_find(m->w.q, (uint64_t)(i + 1) << 8)->deadline_ms <=
		    FAKE_WALL_MS);
}

/* ---- a clock that was set back */

#define HOUR INT64_C(3600000)

/* When each of them is told of, as it should be; 0: it is not, or is gone. */
static int64_t told_ms[MANY * 2];

static struct part *
owe(struct many *m, unsigned i, int64_t due_ms)
{
	struct part *e = parts_find(m->w.q, (uint64_t)(i + 1) << 8);

	e->finish = true;
	part_due(e, due_ms);
	part_back(e, clock_wall_ms());
	told_ms[i] = due_ms;
	return e;
}

static void
set_back(struct many *m, int64_t by_ms)
{
	fake_time_step(clock_wall_ms() - by_ms);
	for (unsigned i = 0; i < MX_COUNT(told_ms); i++)
		told_ms[i] -= told_ms[i] != 0 ? by_ms : 0;
	looks = 0;
	clock_back_tick(m->w.q, clock_wall_ms());
	assert_in_range(looks, 0, 100);
}

/* What is said of ages, beside a look at each. */
static void
assert_ages(struct many *m)
{
	static const double le[] = { 3600, 86400 };
	uint64_t count[3], here[3] = { 0 };
	int64_t now = clock_wall_ms(), age;
	double sum, plain_sum = 0;
	struct part *e;

	for (uint64_t id = 0; (e = parts_after(m->w.q, id)) != NULL;
	     id = e->id) {
		age = now > e->arrival_ms ? now - e->arrival_ms : 0;
		here[age > 86400000 ? 2 : age > HOUR ? 1 : 0]++;
		plain_sum += (double)age / 1000;
	}
	m->relay->ages(m->relay->self, now, le, 2, count, &sum);
	for (unsigned i = 0; i < 3; i++) /* half a step is rounded */
		assert_in_range(count[i] + 20, here[i], here[i] + 40);
	assert_int_equal(count[0] + count[1] + count[2],
	    here[0] + here[1] + here[2]);
	/* Of the future: as of the step that the clock was in. */
	assert_true(sum - plain_sum < 8e5 && plain_sum - sum < 8e5);
}

static uint64_t
ages_total(struct many *m)
{
	static const double le[] = { 60 };
	uint64_t count[2];
	double sum;

	m->relay->ages(m->relay->self, clock_wall_ms(), le, 1, count, &sum);
	return count[0] + count[1];
}

static void
forget(struct many *m, unsigned i)
{
	struct part *e = parts_find(m->w.q, (uint64_t)(i + 1) << 8);

	if (e == NULL)
		return;
	told_ms[i] = 0;
	part_forget(e);
	parts_give(m->w.q, e);
}

/* Between two turns: some come and go, before where the walk is and behind it;
 * another notification is put off, by the clock as it is now. */
static void
between(struct many *m, unsigned turn)
{
	unsigned done = (unsigned)(m->w.q->back.after >> 8), other;

	assert_non_null(add(m, A, MANY + turn, 0));
	forget(m, done > 3 ? done - 3 : 0);
	forget(m, done + 5);
	other = turn % 2 == 0 ? 7 * turn : MANY - 11 * turn;
	if (parts_find(m->w.q, (uint64_t)(other + 1) << 8) != NULL)
		(void)owe(m, other, clock_wall_ms() + 40 * HOUR);
}

/* Each part once, whatever happens meanwhile, and a turn is so much work. */
static void
test_clock_back(void **state)
{
	struct many *m = *state;
	unsigned turns = 0;
	struct part *e;

	memset(told_ms, 0, sizeof(told_ms));
	for (unsigned i = 0; i < MANY; i++) {
		assert_non_null(add(m, A, i, i % 10 == 1 ? ENV_HELD : 0));
		if (i % 10 == 0)
			(void)owe(m, i, clock_wall_ms() + 50 * HOUR);
	}
	fake_loop_settle(m->w.loop);
	set_back(m, 3 * HOUR);
	while (clock_back_step(m->w.q)) {
		assert_in_range(looks, 1, WALK_STEP * 40);
		assert_int_equal(ages_total(m), m->w.q->messages);
		between(m, ++turns);
		if (turns == 20 || turns == 30)
			set_back(m, turns * HOUR / 10);
		looks = 0;
	}
	/* The second step came when the walk had a good part behind it, the
	 * third belongs to the same walk anew. */
	assert_in_range(turns, 2 * MANY / WALK_STEP * 2 - 5, 6 * MANY);
	assert_int_equal(m->w.q->back.before, 0);
	assert_ages(m);
	for (unsigned i = 0; i < MX_COUNT(told_ms); i++) {
		e = parts_find(m->w.q, (uint64_t)(i + 1) << 8);
		if (told_ms[i] == 0)
			continue;
		assert_non_null(e);
		assert_int_equal(e->due_ms, told_ms[i]);
		assert_int_equal(e->deadline_ms, told_ms[i]);
	}
}

/* More steps than clocks, within one walk: what it has not been at is moved by all
 * of them, and the rest is late by the last ones at most. */
static void
test_many_clocks(void **state)
{
	struct many *m = *state;
	int64_t due, late;

	memset(told_ms, 0, sizeof(told_ms));
	for (unsigned i = 0; i < MANY; i++) {
		assert_non_null(add(m, A, i, 0));
		if (i % 100 == 0)
			(void)owe(m, i, clock_wall_ms() + 50 * HOUR);
	}
	fake_loop_settle(m->w.loop);
	for (unsigned i = 0; i < CLOCKS * 3; i++) {
		set_back(m, HOUR);
		assert_true(clock_back_step(m->w.q));
	}
	while (clock_back_step(m->w.q))
		;
	for (unsigned i = 0; i < MANY; i += 100) {
		due = parts_find(m->w.q, (uint64_t)(i + 1) << 8)->due_ms;
		/* The walk had been at the first of them. */
		late = i < CLOCKS * 3 * WALK_STEP / 2 ? CLOCKS * 2 + 1 : 0;
		assert_in_range(due - told_ms[i], 0, late * HOUR);
	}
	assert_ages(m);
}

/* A clock that was far ahead is set right: all that waits is due, in turns. */
static void
test_all_due(void **state)
{
	struct many *m = *state;
	char name[TEXT_DOMAIN_MAX];
	unsigned turns = 0;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "d%05u.example.org", i / 5);
		assert_non_null(add(m, name, i, 0));
	}
	fake_loop_settle(m->w.loop);
	m->w.q->all_due = true;
	looks = 0;
	clock_doubt_tick(m->w.q, clock_wall_ms());
	assert_in_range(looks, 0, 100);
	while (round_step(m->w.q)) {
		assert_in_range(looks, 1, WALK_STEP * 40);
		looks = 0;
		turns++;
	}
	assert_in_range(turns, MANY / WALK_STEP, MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(
		    parts_find(m->w.q, (uint64_t)(i + 1) << 8)->state,
		    PART_READY);
}

/* All of one destination is owed: some of it a turn as well, and those that leave
 * meanwhile are no matter. */
static void
test_owed_again(void **state)
{
	struct many *m = *state;
	unsigned turns = 0;
	struct part *e;

	for (unsigned i = 0; i < MANY; i++) {
		assert_non_null(add(m, A, i, i % 10 == 1 ? ENV_HELD : 0));
		if (i % 10 != 1)
			(void)owe(m, i, clock_wall_ms() + HOUR);
	}
	assert_non_null(add(m, "b.example", MANY, 0));
	(void)owe(m, MANY, clock_wall_ms() + HOUR);
	fake_loop_settle(m->w.loop);
	looks = 0;
	queue_owed_again(m->w.q);
	assert_int_equal(looks, 0);
	while (round_step(m->w.q)) {
		assert_in_range(looks, 1, WALK_STEP * 40);
		turns++;
		if (m->w.q->round.within)
			forget(m, (unsigned)(m->w.q->round.at.id >> 8) - 1);
		looks = 0;
	}
	assert_in_range(turns, MANY / WALK_STEP, MANY);
	for (unsigned i = 0; i <= MANY; i++) {
		e = parts_find(m->w.q, (uint64_t)(i + 1) << 8);
		if (e != NULL && e->finish)
			assert_int_equal(e->due_ms, clock_wall_ms());
	}
}

/* ---- few and many */

/* The least not before `from`, or the greatest below it, by a look at each. */
static struct part *
plain(struct many *m, enum part_order o, struct btree_key from, bool below)
{
	static const enum part_state of[ORDER_MAX] = {
		[ORDER_READY] = PART_READY,
		[ORDER_WAIT] = PART_WAIT,
	};
	struct part *best = NULL, *e;
	bool in, less;

	for (uint64_t id = 0; (e = parts_after(m->w.q, id)) != NULL;
	     id = e->id) {
		if (o == ORDER_AGE || o == ORDER_KEPT)
			in = (e->state == PART_HELD) == (o == ORDER_KEPT);
		else if (o == ORDER_DEADLINE)
			in = e->deadline_ms != PART_NEVER;
		else
			in = o == ORDER_ID || e->state == of[o];
		less = btree_key_less(part_key(e, o), from);
		if (!in || less != below)
			continue;
		if (best == NULL ||
		    btree_key_less(part_key(best, o), part_key(e, o)) == below)
			best = e;
	}
	return best;
}

static void
assert_orders(struct many *m, struct dest *d)
{
	struct btree_key least = { INT64_MIN, 0 }, most = { INT64_MAX, 0 }, key;
	struct part *e;

	for (enum part_order o = 0; o < ORDER_MAX; o++) {
		assert_ptr_equal(order_min(d, o), plain(m, o, least, false));
		assert_ptr_equal(order_max(d, o), plain(m, o, most, true));
		if ((e = order_min(d, ORDER_ID)) == NULL)
			continue;
		key = part_key(e, o);
		assert_ptr_equal(order_from(d, o, key),
		    plain(m, o, key, false));
		assert_ptr_equal(order_before(d, o, key),
		    plain(m, o, key, true));
		key.id++;
		assert_ptr_equal(order_from(d, o, key),
		    plain(m, o, key, false));
		key.id--;
		e = plain(m, o, (struct btree_key){ key.at, key.id + 1 },
		    false);
		assert_ptr_equal(order_after(d, o, key), e);
	}
}

/* Around the number at which the orders are made and dropped. */
static void
test_few_and_many(void **state)
{
	struct many *m = *state;
	struct dest *d = dest_get(m->w.q, A);
	bool few = false, many = false;
	struct part *e;
	uint32_t at;

	d->on_hold = true; /* it stays when it is empty */
	for (unsigned i = 0; i < 4000; i++) {
		at = (uint32_t)(i * 2654435761u) >> 16;
		if (at % (2 * PARTS_FEW) >= d->n) {
			e = add(m, A, i, at % 5 == 0 ? ENV_HELD : 0);
			assert_non_null(e);
		} else {
			e = parts_after(m->w.q, (uint64_t)at % (i + 1) << 8);
			if (e == NULL)
				e = order_min(d, ORDER_ID);
			if (at % 3 == 0 && e->state != PART_HELD) {
				part_due(e, FAKE_WALL_MS + (at % 100) - 50);
				part_back(e, FAKE_WALL_MS);
			} else {
				part_forget(e);
				parts_give(m->w.q, e);
			}
		}
		few = few || (d->n > 2 && d->orders == NULL);
		many = many || d->orders != NULL;
		assert_orders(m, d);
	}
	assert_true(few && many);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_asked),
		CASE(test_rounds),
		CASE(test_clock_back),
		CASE(test_many_clocks),
		CASE(test_all_due),
		CASE(test_owed_again),
		CASE(test_few_and_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
