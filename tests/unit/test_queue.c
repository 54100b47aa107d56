/* SPDX-License-Identifier: ISC
 * The scheduler: what is tried when, what is written down, what expires, and
 * random traffic against a plain count. */
#include "tests/unit/queue_world.h"

static void
nothing_while_closed(void **state)
{
	struct world *w = *state;
	struct relay_domain d;

	world_mail(w, A, 1);
	assert_null(queue_take(w->q, A));
	assert_int_equal(w->want_a, 0);
	d = world_gauges(w, A);
	assert_int_equal(d.deferred, 1);
	assert_int_equal(d.active, 0);
	assert_int_equal(d.next_try_ms, 0);
	assert_int_equal(d.recipients, 1);
	assert_int_equal(d.bytes, 100);
	assert_int_equal(d.next_expiry_ms, d.oldest_ms + 30 * DAY);
	world_advance(w, 3 * HOUR);
	assert_null(queue_take(w->q, A));
	queue_gate(w->q, A, GATE_OPEN);
	world_settle(w);
	assert_int_equal(w->want_a, 1);
	assert_int_equal(world_gauges(w, A).active, 1);
}

static void
each_recipient_has_its_outcome(void **state)
{
	struct world *w = *state;
	const struct domain_stats *st = stats_domain(w->stats, A);
	const struct envelope *rec;
	uint64_t id;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 3);
	world_deliver(w, A, id, "245");
	assert_int_equal(st->delivered, 1);
	assert_int_equal(st->delivered_messages, 1);
	assert_int_equal(st->delivered_bytes, 100);
	assert_int_equal(st->deferred[2], 1);
	assert_int_equal(st->bounced[1], 1);
	rec = fake_store_get(w->store, id);
	assert_int_equal(rec->attempts, 1);
	assert_int_equal(rec->last_try_ms, clock_wall_ms());
	assert_in_range(rec->due_ms - clock_wall_ms(), 4 * MINUTE, 6 * MINUTE);
	assert_int_equal(envelope_count(rec, RCPT_PENDING), 1);
	assert_int_equal(world_gauges(w, A).recipients, 1);
	world_advance(w, 6 * MINUTE);
	world_deliver(w, A, id, "2");
	assert_int_equal(st->delivered, 2);
	assert_int_equal(st->delivered_messages, 1);
	assert_int_equal(st->bounced[1], 1);
	assert_int_equal(fake_store_count(w->store), 0);
	assert_int_equal(world_gauges(w, A).recipients, 0);
}

static void
retries_double(void **state)
{
	struct world *w = *state;
	static const int64_t minutes[] = { 5, 10, 20, 40, 80, 120, 120 };
	const struct envelope *rec;
	struct queue_policy p = world_policy;
	uint64_t id;

	p.ndelay_warning = 0;
	queue_policy(w->q, A, &p);
	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	for (size_t i = 0; i < MX_COUNT(minutes); i++) {
		int64_t m = minutes[i] * MINUTE;

		world_deliver(w, A, id, "4");
		rec = fake_store_get(w->store, id);
		assert_int_equal(world_gauges(w, A).next_try_ms, rec->due_ms);
		assert_in_range(rec->due_ms - clock_wall_ms(), m * 8 / 10,
		    m * 12 / 10);
		world_advance(w, rec->due_ms - clock_wall_ms() - 50);
		assert_null(queue_take(w->q, A));
		world_advance(w, 50);
	}
}

static void
warnings_and_expiry_on_time(void **state)
{
	struct world *w = *state;
	int64_t t0 = clock_wall_ms();
	uint64_t id = world_mail(w, A, 2);

	world_advance(w, t0 + 4 * HOUR - clock_wall_ms() - 20);
	assert_int_equal(w->nwarned, 0);
	world_advance(w, 40);
	assert_int_equal(w->nwarned, 1);
	assert_int_equal(w->stage, 0);
	world_warn(w, w->warned[0], 0);
	assert_int_equal(fake_store_get(w->store, id)->warned, 1);
	world_advance(w, t0 + DAY - clock_wall_ms() - 20);
	assert_int_equal(w->nwarned, 1);
	world_advance(w, 40);
	assert_int_equal(w->nwarned, 2);
	assert_int_equal(w->stage, 1);
	world_warn(w, w->warned[1], 1);
	world_advance(w, t0 + 30 * DAY - clock_wall_ms() - 20);
	assert_int_equal(w->nexpired, 0);
	world_advance(w, 40);
	assert_int_equal(w->nexpired, 1);
	assert_false(w->expired[0]->given_up);
	/* the notification could not be stored: soon again, not at once */
	queue_done(w->q, w->expired[0], JOB_RETURNED, NULL);
	world_advance(w, 29 * 1000);
	assert_int_equal(w->nexpired, 1);
	world_advance(w, 2000);
	assert_int_equal(w->nexpired, 2);
	world_expire(w, w->expired[1]);
	assert_int_equal(fake_store_count(w->store), 0);
	assert_int_equal(stats_domain(w->stats, A)->expired, 2);
	assert_int_equal(w->nwarned, 2);
}

/* After a long stop one warning is enough, and the last stage. */
static void
missed_warnings_are_one(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { 0 };

	world_mail(w, A, 1);
	queue_destroy(&w->q);
	fake_time_step(clock_wall_ms() + 2 * DAY);
	world_queue_up(w, &conf);
	world_advance(w, 1000);
	assert_int_equal(w->nwarned, 1);
	assert_int_equal(w->stage, 1);
	world_warn(w, w->warned[0], 1);
	world_advance(w, HOUR);
	assert_int_equal(w->nwarned, 1);
}

static void
restart_with(struct world *w, int64_t off_ms)
{
	struct queue_conf conf = { .clock_step_ms = HOUR,
		.clock_settle_ms = 6 * HOUR };

	queue_destroy(&w->q);
	fake_store_pump(w->store);
	fake_time_step(clock_wall_ms() + off_ms);
	world_queue_up(w, &conf);
}

/* A month at once: nothing expires for six hours, deliveries are tried at
 * their usual pace, and then the clock is believed. */
static void
a_leap_is_doubted(void **state)
{
	struct world *w = *state;
	uint64_t id;

	restart_with(w, 0);
	id = world_mail(w, A, 1);
	fake_time_step(clock_wall_ms() + 31 * DAY);
	world_advance(w, 5 * HOUR);
	assert_int_equal(w->nexpired + w->nwarned, 0);
	assert_in_range(queue_clock_doubt(w->q), 1, HOUR + MINUTE);
	queue_gate(w->q, A, GATE_OPEN);
	world_settle(w);
	world_deliver(w, A, id, "4");
	/* its expiry, which has passed, is not its next time */
	assert_in_range(fake_store_get(w->store, id)->due_ms - clock_wall_ms(),
	    4 * MINUTE, 6 * MINUTE);
	queue_gate(w->q, A, GATE_CLOSED);
	world_advance(w, HOUR + 2 * MINUTE);
	assert_int_equal(queue_clock_doubt(w->q), 0);
	assert_int_equal(w->nexpired, 1);
	world_expire(w, w->expired[0]);
}

/* It was a mistake, and put right: as if nothing had been. What was deferred
 * by the wrong clock is due. */
static void
a_leap_is_taken_back(void **state)
{
	struct world *w = *state;
	int64_t wrong = 4000 * DAY;
	uint64_t id;

	restart_with(w, 0);
	id = world_mail(w, A, 1);
	fake_time_step(clock_wall_ms() + wrong);
	world_advance(w, 2 * MINUTE);
	assert_true(queue_clock_doubt(w->q) > 0);
	queue_gate(w->q, A, GATE_OPEN);
	world_settle(w);
	world_deliver(w, A, id, "4");
	fake_time_step(clock_wall_ms() - wrong);
	world_advance(w, 2 * MINUTE);
	assert_int_equal(queue_clock_doubt(w->q), 0);
	world_deliver(w, A, id, "2");
	assert_int_equal(w->nexpired, 0);
}

/* The process knows nothing but what the last one noted. */
static void
a_leap_over_a_restart(void **state)
{
	struct world *w = *state;

	restart_with(w, 0);
	world_mail(w, A, 1);
	restart_with(w, 31 * DAY);
	world_advance(w, HOUR);
	assert_int_equal(w->nexpired + w->nwarned, 0);
	/* a second one in the meantime does not make it true */
	restart_with(w, MINUTE);
	world_advance(w, 5 * HOUR);
	assert_int_equal(w->nexpired + w->nwarned, 0);
	world_advance(w, HOUR + 2 * MINUTE);
	assert_int_equal(w->nexpired, 1);
	world_expire(w, w->expired[0]);
	/* and the mail of before is not held up by a short stop */
	world_mail(w, A, 1);
	restart_with(w, MINUTE);
	assert_int_equal(queue_clock_doubt(w->q), 0);
}

/* What an operator gave up is not the clock's business. */
static void
a_leap_does_not_stop_the_operator(void **state)
{
	struct world *w = *state;
	uint64_t id;

	restart_with(w, 0);
	id = world_mail(w, A, 1);
	fake_time_step(clock_wall_ms() + 31 * DAY);
	world_advance(w, 2 * MINUTE);
	assert_int_equal(w->relay->bounce(w->relay->self, id, true, NULL), 0);
	world_advance(w, MINUTE);
	assert_int_equal(w->nexpired, 1);
	assert_true(w->expired[0]->given_up);
	world_expire(w, w->expired[0]);
}

static void
expiries_do_not_burst(void **state)
{
	struct world *w = *state;
	struct queue_policy p = world_policy;
	unsigned done = 0;

	for (int i = 0; i < 150; i++)
		world_mail(w, A, 1);
	p.lifetime_ms = 1;
	queue_policy(w->q, A, &p);
	world_advance(w, 1000);
	assert_int_equal(w->nexpired, 64);
	while (done < w->nexpired)
		world_expire(w, w->expired[done++]);
	assert_int_equal(done, 150);
}

static void
note_state(void *arg, const char *key, const void *data, size_t len)
{
	(void)key;
	(void)data;
	(void)len;
	*(bool *)arg = true;
}

/* The regular round of the timer comes though something arms it anew all the
 * time: what was learned is on the disk before a crash. */
static void
round_comes_under_traffic(void **state)
{
	struct world *w = *state;
	bool saved = false;

	world_open_with_canary(w, A);
	for (int i = 0; i < 14; i++) {
		world_deliver(w, A, world_mail(w, A, 1), "2");
		world_advance(w, MINUTE / 2);
	}
	store_state_each(w->store, "known", note_state, &saved);
	assert_true(saved);
}

/* What was delivered is not delivered again because the disk is full. */
static void
removal_fails(void **state)
{
	struct world *w = *state;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	fake_store_fail(w->store, 0, -MX_EFULL, -MX_EFULL);
	world_deliver(w, A, id, "2");
	assert_int_equal(fake_store_count(w->store), 1);
	assert_int_equal(
	    world_gauges(w, A).active + world_gauges(w, A).deferred, 0);
	world_advance(w, 10 * MINUTE);
	assert_null(queue_take(w->q, A));
	assert_int_equal(fake_store_count(w->store), 1);
	fake_store_fail(w->store, 0, 0, 0);
	world_advance(w, 2 * MINUTE);
	assert_int_equal(fake_store_count(w->store), 0);
	assert_int_equal(stats_domain(w->stats, A)->delivered, 2);
}

static void
update_fails(void **state)
{
	struct world *w = *state;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 2);
	fake_store_fail(w->store, 0, -MX_EIO, 0);
	world_deliver(w, A, id, "24");
	world_advance(w, HOUR);
	assert_null(queue_take(w->q, A)); /* its record still says "both" */
	fake_store_fail(w->store, 0, 0, 0);
	world_advance(w, 2 * MINUTE);
	assert_int_equal(
	    envelope_count(fake_store_get(w->store, id), RCPT_PENDING), 1);
	world_deliver(w, A, id, "2");
}

static void
too_much_trouble_stops_deliveries(void **state)
{
	struct world *w = *state;
	unsigned n = 0;
	struct queue_job *job;

	for (int i = 0; i < 150; i++)
		world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	fake_store_fail(w->store, 0, 0, -MX_EIO);
	while ((job = queue_take(w->q, A)) != NULL) {
		world_finish(w, job, "2");
		n++;
	}
	assert_int_equal(n, 100);
	assert_int_equal(w->want_a, 0);
	fake_store_fail(w->store, 0, 0, 0);
	world_advance(w, 2 * MINUTE);
	assert_int_equal(w->want_a, 4);
}

/* What only waits is not kept by a wall clock that is set back by an hour. */
static void
refused_records_and_the_clock(void **state)
{
	struct world *w = *state;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	fake_store_fail(w->store, 0, 0, -MX_EIO);
	world_deliver(w, A, id, "2");
	assert_non_null(fake_store_get(w->store, id));
	fake_time_step(clock_wall_ms() - HOUR);
	fake_store_fail(w->store, 0, 0, 0);
	world_mail(w, A, 1); /* the queue has something to do meanwhile */
	world_advance(w, 2000);
	assert_null(fake_store_get(w->store, id));
}

static void
put_off_reports_and_the_clock(void **state)
{
	struct world *w = *state;
	struct queue_job *job;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	job = queue_take(w->q, A);
	job->put_off_ms = 10 * MINUTE;
	world_finish(w, job, "6"); /* refused, and its sender not told */
	assert_int_equal(w->nexpired, 0);
	fake_time_step(clock_wall_ms() - HOUR);
	for (int i = 0; i < 12; i++) { /* traffic: the timer is armed anew */
		world_advance(w, MINUTE);
		world_mail(w, B, 1);
	}
	assert_int_equal(w->nexpired, 1);
	assert_int_equal(w->expired[0]->id, id);

	/* it could not be written: again in half a minute */
	queue_done(w->q, w->expired[0], JOB_RETURNED, NULL);
	world_settle(w);
	fake_time_step(clock_wall_ms() - HOUR);
	for (int i = 0; i < 3; i++) {
		world_advance(w, MINUTE / 2);
		world_mail(w, B, 1);
	}
	assert_int_equal(w->nexpired, 2);
	assert_int_equal(w->expired[1]->id, id);
	queue_done(w->q, w->expired[1], JOB_RETURNED, NULL);
}

/* The store itself says that it can write nothing: not one delivery begins
 * from then on, and what was taken is not offered any more. */
static void
unwritable_stops_deliveries_at_once(void **state)
{
	struct world *w = *state;
	struct queue_job *first, *second;
	uint64_t id;

	world_open_with_canary(w, A);
	for (int i = 0; i < 10; i++)
		world_mail(w, A, 1);
	first = queue_take(w->q, A);
	second = queue_take(w->q, A);
	id = first->id;
	assert_true(queue_job_stands(second));
	fake_store_fail(w->store, 0, 0, -MX_EIO);
	queue_writable(w->q, false);
	world_finish(w, first, "2");
	assert_false(queue_job_stands(second));
	queue_done(w->q, second, JOB_RETURNED, NULL);
	world_settle(w);
	assert_null(queue_take(w->q, A));
	assert_int_equal(w->want_a, 0);
	world_advance(w, 10 * MINUTE);
	assert_null(queue_take(w->q, A));
	assert_non_null(fake_store_get(w->store, id));

	fake_store_fail(w->store, 0, 0, 0);
	queue_writable(w->q, true);
	world_settle(w);
	assert_null(fake_store_get(w->store, id)); /* without a pause */
	assert_int_equal(w->want_a, 4);
	assert_non_null(first = queue_take(w->q, A));
	world_finish(w, first, "2");
}

/* A shutdown in the middle of the loading: the end of the scan finds nobody. */
static void
destroyed_while_loading(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { 0 };
	uint64_t id = world_mail(w, A, 1);

	queue_destroy(&w->q);
	for (unsigned before = 0; before < 2; before++) {
		struct queue_ops ops = { 0 };

		w->q = queue_create(w->loop, w->store, w->stats, &conf, &ops);
		queue_load(w->q);
		assert_true(queue_loading(w->q));
		if (before == 0)
			queue_destroy(&w->q);
		fake_store_pump(w->store);
		queue_destroy(&w->q);
	}
	assert_non_null(fake_store_get(w->store, id));
	world_queue_up(w, &conf);
}

static void
accept_can_fail(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { .max_messages = 1 };
	struct queue_intake *in;
	struct envelope *env;

	fake_store_fail(w->store, -MX_EFULL, 0, 0);
	in = queue_begin(w->q);
	env = world_make(A, 1);
	queue_commit(&in, &env, 1, world_on_accept, w, 1);
	assert_int_equal(w->accepts, 0);
	world_settle(w);
	assert_int_equal(w->accept_rc, -MX_EFULL);
	assert_int_equal(world_gauges(w, A).deferred, 0);
	fake_store_fail(w->store, 0, 0, 0);
	queue_destroy(&w->q);
	world_queue_up(w, &conf);
	w->accept_rc = 0;
	world_mail(w, A, 1);
	assert_true(queue_full(w->q));
	in = queue_begin(w->q);
	env = world_make(A, 1);
	queue_commit(&in, &env, 1, world_on_accept, w, 1);
	assert_int_equal(w->accepts, 2); /* never from inside the call */
	world_settle(w);
	assert_int_equal(w->accepts, 3);
	assert_int_equal(w->accept_rc, -MX_EFULL);
}

/* What lets a message go is never refused for want of room; and reports have a
 * lifetime of their own, and a line of their own. */
static void
reports(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { .max_messages = 1 };
	struct relay_domain others;
	struct queue_intake *in;
	struct envelope *env;

	queue_destroy(&w->q);
	world_queue_up(w, &conf);
	queue_reports(w->q, HOUR);
	world_mail(w, A, 1);
	assert_true(queue_full(w->q));
	in = queue_begin(w->q);
	env = world_make("sender.example", 1);
	env->flags = ENV_DSN;
	queue_commit(&in, &env, 1, world_on_accept, w, 1);
	world_settle(w);
	assert_int_equal(w->accept_rc, 0);
	w->relay->others(w->relay->self, &others);
	assert_int_equal(others.deferred, 1);
	assert_int_equal(others.oldest_ms,
	    world_gauges(w, "sender.example").oldest_ms);
	world_advance(w, HOUR + MINUTE);
	assert_int_equal(w->nexpired, 1); /* the report; the mail has 30 days */
	world_expire(w, w->expired[0]);
	w->relay->others(w->relay->self, &others);
	assert_int_equal(others.deferred, 0);
	assert_int_equal(others.oldest_ms, 0);
}

/* The door: what is aborted was never there, and what the queue says that it
 * can take is what it takes. */
static void
intake_begins_and_ends(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { .max_messages = 1 };
	struct queue_intake *in, *late;
	struct envelope *env;
	uint64_t id;

	queue_destroy(&w->q);
	world_queue_up(w, &conf);
	queue_policy(w->q, A, &(struct queue_policy){ .out_max = 1 });
	in = queue_begin(w->q);
	assert_int_equal(queue_append(in, "x", 1), 0);
	assert_false(queue_congested(in, NULL, NULL));
	queue_abort(&in);
	assert_null(in);
	queue_abort(&in);
	assert_int_equal(queue_accepting(w->q, 1), 0);
	in = queue_begin(w->q);
	late = queue_begin(w->q);
	id = queue_intake_id(in);
	assert_int_not_equal(id, queue_intake_id(late));
	env = world_make(A, 1);
	queue_commit(&in, &env, 1, world_on_accept, w, 1);
	assert_null(in);
	assert_int_equal(world_gauges(w, A).deferred, 0); /* not durable */
	world_settle(w);
	assert_int_equal(w->accept_rc, 0);
	assert_int_equal(world_gauges(w, A).deferred, 1);
	assert_non_null(fake_store_get(w->store, id));
	assert_int_equal(queue_accepting(w->q, 1), -MX_EFULL);
	env = world_make(A, 1);
	queue_commit(&late, &env, 1, world_on_accept, w, 2);
	assert_int_equal(w->accepts, 1); /* never from inside the call */
	world_settle(w);
	assert_int_equal(w->accepts, 2);
	assert_int_equal(w->accept_rc, -MX_EFULL);
	fake_store_fail(w->store, -MX_EIO, 0, 0);
	assert_int_equal(queue_accepting(w->q, 1), -MX_EIO);
}

/* Domains that only our own notifications go to need nobody's word. */
static void
unconfigured_is_open(void **state)
{
	struct world *w = *state;
	uint64_t id = world_mail(w, "c.example", 1);

	assert_int_equal(world_gauges(w, "c.example").active, 1);
	world_deliver(w, "c.example", id, "2");
	assert_int_equal(stats_domain(w->stats, "c.example")->delivered, 1);
	/* a domain that left the configuration is delivered too */
	id = world_mail(w, A, 1);
	queue_policy(w->q, A, NULL);
	world_deliver(w, A, id, "2");
}

/* A notification that was put off keeps its part, over a restart too, and is
 * asked for when its time has come; nothing is delivered meanwhile. */
static void
owed_is_told_later(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { 0 };
	struct queue_job *job;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 2);
	job = queue_take(w->q, A);
	job->put_off_ms = 10 * MINUTE;
	world_finish(w, job, "26");
	assert_int_equal(world_gauges(w, A).deferred, 1);
	assert_int_equal(stats_domain(w->stats, A)->bounced[1], 1);
	assert_false(fake_store_get(w->store, id)->rcpts[1].reported);
	assert_int_equal(w->want_a, 0);
	world_advance(w, 9 * MINUTE);
	assert_int_equal(w->nexpired, 0);
	world_advance(w, MINUTE);
	assert_int_equal(w->nexpired, 1);
	assert_true(w->expired[0]->waited);
	w->expired[0]->put_off_ms = DAY;
	queue_done(w->q, w->expired[0], JOB_TRIED,
	    fake_store_get(w->store, id));
	world_settle(w);
	queue_destroy(&w->q);
	world_queue_up(w, &conf);
	queue_gate(w->q, A, GATE_OPEN);
	world_settle(w);
	assert_null(queue_take(w->q, A));
	world_advance(w, 23 * HOUR);
	assert_int_equal(w->nexpired, 1);
	queue_owed_again(w->q);
	world_advance(w, 1);
	assert_int_equal(w->nexpired, 2);
	world_expire(w, w->expired[1]);
	assert_int_equal(fake_store_count(w->store), 0);
	assert_int_equal(stats_domain(w->stats, A)->bounced[1], 1);
}

/* A flush neither counts nor waits for what is only to be told of. */
static void
owed_is_no_part_of_a_flush(void **state)
{
	struct world *w = *state;
	struct queue_job *job;
	struct relay_flush f;
	uint64_t id;

	world_open_with_canary(w, A);
	world_mail(w, A, 1);
	job = queue_take(w->q, A);
	job->put_off_ms = HOUR;
	world_finish(w, job, "6");
	assert_int_equal(
	    w->relay->flush(w->relay->self, A, FLUSH_MANUAL, false, &f),
	    -MX_ENOENT);
	id = world_mail(w, A, 1);
	world_flush(w, A, FLUSH_MANUAL);
	assert_int_equal(world_gauges(w, A).flush.total, 1);
	world_advance(w, HOUR); /* told in the middle of it */
	world_expire(w, w->expired[0]);
	assert_int_equal(world_gauges(w, A).flush.remaining, 1);
	world_deliver(w, A, id, "2");
	assert_int_equal(w->ended, 1);
	assert_int_equal(w->end.failed, 0);
	assert_int_equal(w->end.delivered, 1);
}

/* Given up while a job has it: told at once, not at its next attempt. */
static void
given_up_while_out(void **state)
{
	struct world *w = *state;
	struct queue_job *job;
	uint64_t id;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	job = queue_take(w->q, A);
	assert_int_equal(w->relay->bounce(w->relay->self, id, true, NULL), 0);
	world_finish(w, job, "4");
	assert_int_equal(w->nexpired, 1);
	world_expire(w, w->expired[0]);
	assert_int_equal(fake_store_count(w->store), 0);
}

/* Random traffic against a plain count: nothing is lost, nothing is sent
 * twice, every sum agrees. */
static void
random_traffic(void **state)
{
	struct world *w = *state;
	struct queue_job *out[64];
	unsigned nout = 0, in = 0, gone = 0, pick;
	uint32_t seed = 99;
	struct relay_domain a, b;

	for (int step = 0; step < 6000; step++) {
		seed = seed * 1664525 + 1013904223;
		pick = seed >> 16;
		switch (pick % 8) {
		case 0:
		case 1:
			world_mail(w, pick % 16 < 8 ? A : B, 1);
			in++;
			break;
		case 2:
			queue_gate(w->q, A,
			    pick % 5 != 0 ? GATE_OPEN : GATE_CLOSED);
			queue_gate(w->q, B, GATE_OPEN);
			break;
		case 3: {
			struct relay_flush f;

			(void)w->relay->flush(w->relay->self,
			    pick % 16 < 8 ? A : B, FLUSH_MANUAL, false, &f);
			break;
		}
		case 4:
			fake_loop_advance(w->loop, pick % 100000);
			break;
		default:
			if (nout < MX_COUNT(out) &&
			    (out[nout] = queue_take(w->q, pick % 2 ? A : B)) !=
				NULL)
				nout++;
			if (nout == 0 || pick % 3 == 0)
				break;
			nout--;
			if (pick % 7 == 0) {
				world_lose(w, out[nout]);
			} else if (pick % 11 == 0) {
				queue_done(w->q, out[nout], JOB_RETURNED, NULL);
			} else if (pick % 5 == 0) {
				world_finish(w, out[nout], "4");
			} else if (pick % 13 == 0) {
				out[nout]->put_off_ms = HOUR;
				world_finish(w, out[nout], "6");
			} else {
				world_finish(w, out[nout], "2");
				gone++;
			}
		}
		while (w->nwarned > 0) {
			w->nwarned--;
			world_warn(w, w->warned[w->nwarned], w->stage);
		}
		for (; w->nexpired > 0; gone++)
			world_expire(w, w->expired[--w->nexpired]);
		world_settle(w);
		a = world_gauges(w, A);
		b = world_gauges(w, B);
		assert_int_equal(a.active + a.deferred + a.held + b.active +
			b.deferred + b.held,
		    in - gone);
		assert_int_equal(fake_store_count(w->store), in - gone);
		assert_true(a.flush.remaining <= a.flush.total);
	}
	while (nout > 0)
		queue_done(w->q, out[--nout], JOB_RETURNED, NULL);
	assert_true(gone > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_while_closed),
		CASE(each_recipient_has_its_outcome),
		CASE(retries_double),
		CASE(warnings_and_expiry_on_time),
		CASE(missed_warnings_are_one),
		CASE(expiries_do_not_burst),
		CASE(a_leap_is_doubted),
		CASE(a_leap_is_taken_back),
		CASE(a_leap_over_a_restart),
		CASE(a_leap_does_not_stop_the_operator),
		CASE(round_comes_under_traffic),
		CASE(removal_fails),
		CASE(update_fails),
		CASE(too_much_trouble_stops_deliveries),
		CASE(refused_records_and_the_clock),
		CASE(put_off_reports_and_the_clock),
		CASE(unwritable_stops_deliveries_at_once),
		CASE(destroyed_while_loading),
		CASE(accept_can_fail),
		CASE(intake_begins_and_ends),
		CASE(reports),
		CASE(unconfigured_is_open),
		CASE(owed_is_told_later),
		CASE(owed_is_no_part_of_a_flush),
		CASE(given_up_while_out),
		CASE(random_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
