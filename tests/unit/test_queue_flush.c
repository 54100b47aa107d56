/* SPDX-License-Identifier: ISC
 * Flushes, canaries and the pace after failures. */
#include "tests/unit/queue_world.h"

static void
flush_is_of_one_domain(void **state)
{
	struct world *w = *state;
	uint64_t a[3], b;

	queue_gate(w->q, B, GATE_OPEN);
	for (int i = 0; i < 3; i++)
		a[i] = world_mail(w, A, 1);
	b = world_mail(w, B, 1);
	world_deliver(w, B, b, "4");
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	assert_int_equal(w->begun, 1);
	assert_null(queue_take(w->q, B)); /* still waits for its time */
	world_deliver(w, A, a[0], "2");
	assert_int_equal(w->want_a, 2);
	world_deliver(w, A, a[2], "2"); /* every second one the newest */
	assert_int_equal(w->ended, 0);
	world_deliver(w, A, a[1], "2");
	assert_int_equal(w->ended, 1);
	assert_true(w->ended_ok);
	assert_int_equal(w->end.delivered, 3);
	assert_int_equal(w->end.remaining, 0);
	assert_int_equal(w->end.bytes, 300);
	assert_int_equal(fake_store_count(w->store), 1);
	assert_non_null(fake_store_get(w->store, b));
	assert_int_equal(stats_domain(w->stats, A)->flush_messages, 3);
	assert_int_equal(stats_domain(w->stats, A)->flush_runs[FLUSH_RECOVERY],
	    1);
	assert_int_equal(w->want_a, 0);
}

/* A flush makes what waits ready in memory only; a restart does not burst. */
static void
flush_of_waiting_and_restart(void **state)
{
	struct world *w = *state;
	struct queue_conf conf = { 0 };
	uint64_t id;
	unsigned updates;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 1);
	world_deliver(w, A, id, "4");
	updates = fake_store_updates(w->store);
	assert_null(queue_take(w->q, A));
	world_flush(w, A, FLUSH_MANUAL);
	assert_int_equal(fake_store_updates(w->store), updates);
	queue_destroy(&w->q);
	fake_store_restart(w->store);
	world_queue_up(w, &conf);
	queue_gate(w->q, A, GATE_OPEN);
	world_settle(w);
	assert_null(queue_take(w->q, A));
	world_advance(w, 3 * MINUTE);
	assert_null(queue_take(w->q, A));
	world_advance(w, 4 * MINUTE);
	world_deliver(w, A, id, "2");
}

static void
canary_goes_alone(void **state)
{
	struct world *w = *state;
	struct queue_job *canary, *one, *two;

	for (int i = 0; i < 5; i++)
		world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	assert_int_equal(w->want_a, 1);
	canary = queue_take(w->q, A);
	assert_true(canary->canary);
	assert_null(queue_take(w->q, A));
	world_finish(w, canary, "2");
	assert_int_equal(w->want_a, 4); /* as many as the policy has */
	one = queue_take(w->q, A);
	two = queue_take(w->q, A);
	assert_non_null(two);
	assert_false(one->canary);
	world_finish(w, one, "2");
	world_finish(w, two, "2");
	assert_false(world_gauges(w, A).canary);
}

static void
canary_fails_three_times(void **state)
{
	struct world *w = *state;
	uint64_t id[6];

	for (int i = 0; i < 6; i++)
		id[i] = world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	world_deliver(w, A, id[0], "4");
	world_deliver(w, A, id[5], "4");
	assert_int_equal(w->ended, 0);
	world_deliver(w, A, id[1], "4");
	assert_int_equal(w->ended, 1);
	assert_false(w->ended_ok);
	assert_int_equal(stats_domain(w->stats, A)->flush_failed, 1);
	assert_null(queue_take(w->q, A)); /* it rests */
	assert_int_equal(w->want_a, 0);
	world_advance(w, MINUTE);
	assert_int_equal(w->want_a, 1);
	assert_non_null(queue_take(w->q, A));
}

/* What is refused, and that believed, says nothing of the primary: the next
 * message is the canary, however many there were. */
static void
canary_refused_is_none(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 8; i++)
		world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	for (int i = 0; i < 5; i++) {
		struct queue_job *job = queue_take(w->q, A);

		assert_non_null(job);
		assert_true(job->canary);
		assert_null(queue_take(w->q, A));
		world_finish(w, job, "5");
	}
	assert_int_equal(w->ended, 0);
	world_finish(w, queue_take(w->q, A), "2");
	assert_int_equal(w->want_a, 2);
}

static void
canary_lost(void **state)
{
	struct world *w = *state;
	uint64_t id[3];

	for (int i = 0; i < 3; i++)
		id[i] = world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	world_lose(w, queue_take(w->q, A));
	world_deliver(w, A, id[2], "2"); /* another one, and it works */
	assert_int_equal(w->ended, 0);
	world_deliver(w, A, id[1], "2");
	assert_int_equal(w->ended, 1);
	assert_true(w->ended_ok);
	assert_non_null(fake_store_get(w->store, id[0]));
}

/* The connection has an end after two recipients of a message, each time: it is
 * the canary's success, and the others are due at once. */
static void
canary_in_pieces(void **state)
{
	struct world *w = *state;
	uint64_t id = world_mail(w, A, 7), other = world_mail(w, A, 1);
	struct queue_job *job;

	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	for (int i = 0; i < 3; i++) {
		job = queue_take(w->q, A);
		if (job->id == other) {
			world_finish(w, job, "2");
			job = queue_take(w->q, A);
		}
		assert_int_equal(job->id, id);
		world_cut(w, job, "22");
		assert_int_equal(w->ended, 0);
		assert_int_equal(world_gauges(w, A).deferred, 0);
	}
	world_deliver(w, A, id, "2");
	if (w->ended == 0)
		world_deliver(w, A, other, "2");
	assert_true(w->ended_ok);
	assert_int_equal(w->end.delivered, 2);
	assert_int_equal(w->end.lost, 0);
}

/* Put off or broken off: whoever is told of the end can tell them apart. */
static void
canaries_lost_are_told(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 9; i++)
		world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	for (int i = 0; i < 3; i++)
		world_lose(w, queue_take(w->q, A));
	assert_int_equal(w->ended, 1);
	assert_false(w->ended_ok);
	assert_int_equal(w->end.deferred, 3);
	assert_int_equal(w->end.lost, 3);
	world_flush(w, A, FLUSH_RECOVERY);
	world_lose(w, queue_take(w->q, A));
	world_finish(w, queue_take(w->q, A), "4");
	world_lose(w, queue_take(w->q, A));
	assert_int_equal(w->end.deferred, 3);
	assert_int_equal(w->end.lost, 2);
}

/* By hand, while the domain is down: when the primary goes away again the
 * flush is over, or it would be tried for as long as the outage lasts. */
static void
forced_flush_ends_with_the_primary(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		world_mail(w, A, 1);
	world_flush(w, A, FLUSH_MANUAL);
	world_finish(w, queue_take(w->q, A), "2");
	queue_connect_failed(w->q, A);
	world_settle(w);
	assert_int_equal(w->ended, 1);
	assert_false(w->ended_ok);
	world_advance(w, 2 * MINUTE);
	assert_int_equal(w->want_a, 0);
	assert_null(queue_take(w->q, A));
}

static void
flush_on_a_closed_gate(void **state)
{
	struct world *w = *state;
	uint64_t id[4];
	struct relay_flush f;

	for (int i = 0; i < 4; i++)
		id[i] = world_mail(w, A, 1);
	world_flush(w, A, FLUSH_MANUAL);
	assert_int_equal(w->want_a, 1);
	assert_int_equal(
	    w->relay->flush(w->relay->self, A, FLUSH_MANUAL, false, &f),
	    -MX_EBUSY);
	world_deliver(w, A, id[0], "4");
	assert_int_equal(w->ended, 1);
	assert_false(w->ended_ok);
	assert_null(queue_take(w->q, A));
	assert_int_equal(w->want_a, 0);
	world_advance(w, 2 * MINUTE);
	assert_null(queue_take(w->q, A)); /* closed as it was */
	world_flush(w, A, FLUSH_MANUAL);
	world_deliver(w, A, id[0], "2");
	world_deliver(w, A, id[3], "2");
	world_deliver(w, A, id[1], "2");
	world_deliver(w, A, id[2], "2");
	assert_int_equal(w->ended, 2);
	assert_true(w->ended_ok);
	world_mail(w, A, 1);
	assert_null(queue_take(w->q, A));
}

static void
flush_answers(void **state)
{
	struct world *w = *state;
	const struct relay *r = w->relay;
	struct relay_flush f;

	assert_int_equal(r->flush(r->self, "x.example", FLUSH_ETRN, false, &f),
	    -MX_ENOENT);
	assert_int_equal(r->flush(r->self, A, FLUSH_ETRN, false, &f),
	    -MX_ENOENT);
	world_mail(w, A, 1);
	assert_int_equal(r->flush(r->self, A, FLUSH_ETRN, true, &f), 0);
	assert_int_equal(f.total, 1);
	assert_false(f.running);
	assert_int_equal(r->hold_domain(r->self, A, true), 0);
	assert_int_equal(r->flush(r->self, A, FLUSH_ETRN, false, &f),
	    -MX_ENOENT);
	world_settle(w);
	assert_int_equal(w->begun, 0);
}

static void
flush_ends_when_the_gate_closes(void **state)
{
	struct world *w = *state;
	struct queue_job *job;

	world_mail(w, A, 1);
	world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	job = queue_take(w->q, A);
	queue_gate(w->q, A, GATE_CLOSED);
	world_settle(w);
	assert_int_equal(w->ended, 1);
	assert_false(w->ended_ok);
	world_finish(w, job, "2"); /* what was out may come to its end */
	assert_int_equal(fake_store_count(w->store), 1);
	assert_int_equal(world_gauges(w, A).deferred, 1);
}

/* What a record's write or a job had in hand when the flush began is of its
 * number, and has its turn. */
static void
flush_takes_what_was_busy(void **state)
{
	struct world *w = *state;
	struct envelope *env;
	struct queue_job *job;
	struct relay_flush f;
	uint64_t id, other;

	queue_gate(w->q, A, GATE_OPEN);
	id = world_mail(w, A, 1);
	job = queue_take(w->q, A);
	env = envelope_copy(fake_store_get(w->store, id));
	queue_done(w->q, job, JOB_TRIED, env); /* its record is written */
	envelope_destroy(&env);
	assert_int_equal(
	    w->relay->flush(w->relay->self, A, FLUSH_MANUAL, false, &f), 0);
	world_settle(w);
	world_deliver(w, A, id, "2");
	assert_int_equal(w->ended, 1);
	assert_true(w->ended_ok);

	/* ordered to be held or removed while a job had it */
	for (int remove = 0; remove < 2; remove++) {
		id = world_mail(w, A, 1);
		job = queue_take(w->q, A);
		assert_int_equal(job->id, id);
		if (remove)
			w->relay->remove(w->relay->self, id, false, false,
			    NULL);
		else
			w->relay->hold(w->relay->self, id, true, false, NULL);
		other = world_mail(w, A, 1);
		world_flush(w, A, FLUSH_MANUAL);
		queue_done(w->q, job, JOB_RETURNED, NULL);
		world_settle(w);
		assert_int_equal(w->ended, 1 + remove);
		world_deliver(w, A, other, "2");
		assert_int_equal(w->ended, 2 + remove);
		assert_int_equal(w->end.remaining, 0);
	}
	/* held while it is out during the flush, the last one */
	id = world_mail(w, A, 1);
	world_flush(w, A, FLUSH_MANUAL);
	job = queue_take(w->q, A);
	w->relay->hold(w->relay->self, id, true, false, NULL);
	queue_done(w->q, job, JOB_RETURNED, NULL);
	world_settle(w);
	assert_int_equal(w->ended, 4);
}

/* The primary hung with our sessions and was restarted: they wait for ten
 * minutes more, the canary does not, nor is their end its own. */
static void
hung_jobs_leave_the_canary_alone(void **state)
{
	struct world *w = *state;
	struct queue_job *hung[2], *canary;

	world_open_with_canary(w, A);
	for (int i = 0; i < 4; i++)
		world_mail(w, A, 1);
	hung[0] = queue_take(w->q, A);
	hung[1] = queue_take(w->q, A);
	queue_gate(w->q, A, GATE_CLOSED);
	world_settle(w);
	assert_int_equal(w->want_a, 0);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	assert_int_equal(w->want_a, 3); /* two have a connection still */
	canary = queue_take(w->q, A);
	assert_non_null(canary);
	assert_null(queue_take(w->q, A));
	assert_int_equal(world_gauges(w, A).active, 4);
	world_lose(w, hung[0]);
	world_lose(w, hung[1]);
	assert_null(queue_take(w->q, A));
	assert_int_equal(w->want_a, 1);
	world_finish(w, canary, "2");
	assert_int_equal(w->want_a, 3);
	for (int i = 0; i < 3; i++)
		world_finish(w, queue_take(w->q, A), "2");
	assert_int_equal(w->ended, 1);
	assert_true(w->ended_ok);
}

/* Nor does the end of the flush wait for them. */
static void
hung_jobs_do_not_keep_a_flush(void **state)
{
	struct world *w = *state;
	struct queue_job *hung;
	uint64_t id;

	world_open_with_canary(w, A);
	world_mail(w, A, 1);
	hung = queue_take(w->q, A);
	queue_gate(w->q, A, GATE_CLOSED);
	id = world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	world_deliver(w, A, id, "2");
	assert_int_equal(w->ended, 1);
	assert_true(w->ended_ok);
	assert_int_equal(w->end.total, 1);
	world_flush(w, A, FLUSH_MANUAL); /* nothing else is there */
	assert_int_equal(w->ended, 2);
	world_finish(w, hung, "2");
	assert_int_equal(fake_store_count(w->store), 0);
}

/* New mail during a flush is neither starved nor counted. */
static void
new_mail_during_a_flush(void **state)
{
	struct world *w = *state;
	uint64_t old[4], fresh;

	for (int i = 0; i < 4; i++)
		old[i] = world_mail(w, A, 1);
	queue_gate(w->q, A, GATE_OPEN);
	world_flush(w, A, FLUSH_RECOVERY);
	fresh = world_mail(w, A, 1);
	world_deliver(w, A, old[0], "2");
	world_deliver(w, A, fresh, "2");
	world_deliver(w, A, old[1], "2");
	world_deliver(w, A, old[3], "2");
	assert_int_equal(world_gauges(w, A).flush.remaining, 1);
	world_deliver(w, A, old[2], "2");
	assert_true(w->ended_ok);
	assert_int_equal(w->end.delivered, 4);
}

static void
poison_does_not_stall(void **state)
{
	struct world *w = *state;
	uint64_t poison, others[6];

	world_open_with_canary(w, A);
	poison = world_mail(w, A, 1);
	for (int i = 0; i < 6; i++)
		others[i] = world_mail(w, A, 1);
	world_lose(w, queue_take(w->q, A)); /* newest or oldest: see below */
	for (int n = 0, lost = 0; n < 20; n++) {
		struct queue_job *job = queue_take(w->q, A);

		if (job == NULL)
			break;
		if (job->id == poison) {
			world_lose(w, job);
			assert_true(++lost <= 2);
		} else {
			world_finish(w, job, "2");
		}
	}
	for (int i = 0; i < 6; i++)
		assert_null(fake_store_get(w->store, others[i]));
	assert_non_null(fake_store_get(w->store, poison));
	assert_int_equal(world_gauges(w, A).deferred, 1);
	assert_true(fake_store_get(w->store, poison)->attempts >= 2);
}

static void
connect_failures_are_paced(void **state)
{
	struct world *w = *state;

	world_open_with_canary(w, A);
	world_mail(w, A, 1);
	assert_int_equal(w->want_a, 1);
	for (int i = 0; i < 4; i++) {
		queue_connect_failed(w->q, A);
		queue_connect_failed(w->q, A); /* the same trouble */
		world_settle(w);
		assert_int_equal(w->want_a, 0);
		assert_null(queue_take(w->q, A));
		world_advance(w, (2 << i) * 1000);
		assert_int_equal(w->want_a, 1);
	}
}

static void
starved_deliverer_hears_again(void **state)
{
	struct world *w = *state;
	struct queue_job *job;
	uint64_t id;
	unsigned wants;

	world_open_with_canary(w, A);
	id = world_mail(w, A, 1);
	job = queue_take(w->q, A);
	assert_null(queue_take(w->q, A));
	wants = w->wants;
	/* one goes and one comes in the same turn: the number is the same */
	queue_done(w->q, job, JOB_RETURNED, NULL);
	world_settle(w);
	assert_int_equal(w->want_a, 1);
	assert_int_equal(w->wants, wants + 1);
	world_deliver(w, A, id, "2");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(flush_is_of_one_domain),
		CASE(flush_of_waiting_and_restart),
		CASE(canary_goes_alone),
		CASE(canary_fails_three_times),
		CASE(canary_refused_is_none),
		CASE(canary_lost),
		CASE(canary_in_pieces),
		CASE(canaries_lost_are_told),
		CASE(forced_flush_ends_with_the_primary),
		CASE(flush_on_a_closed_gate),
		CASE(flush_answers),
		CASE(flush_ends_when_the_gate_closes),
		CASE(flush_takes_what_was_busy),
		CASE(hung_jobs_leave_the_canary_alone),
		CASE(hung_jobs_do_not_keep_a_flush),
		CASE(new_mail_during_a_flush),
		CASE(poison_does_not_stall),
		CASE(connect_failures_are_paced),
		CASE(starved_deliverer_hears_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
