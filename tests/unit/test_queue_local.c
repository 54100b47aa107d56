/* SPDX-License-Identifier: ISC
 * test_queue_local: what landed here while the engine of a shared store is away
 * goes, whoever owns its domain, and nothing else does; it is moved when the engine
 * is back. */
#include "tests/unit/queue_shared.h"

/* ---- what may go */

static uint64_t
land(struct shared *s, const char *domain)
{
	uint64_t id;

	fake_store_away(s->w.store, true);
	id = world_mail(&s->w, domain, 1);
	fake_store_away(s->w.store, false);
	return id;
}

/* Here and there, of a domain that is ours: two of each, in turn. */
static void
fill(struct shared *s, uint64_t id[4])
{
	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	for (unsigned i = 0; i < 4; i++)
		id[i] = i % 2 == 0 ? world_mail(&s->w, A, 1) : land(s, A);
	dest_find(s->w.q, A)->canary = false;
	assert_int_equal(shared_n(s, A), 4);
	assert_int_equal(world_gauges(&s->w, A).local, 2);
	assert_int_equal(world_gauges(&s->w, A).local_oldest_ms,
	    shared_part(s, id[1])->arrival_ms);
}

/* In the order as if there were no difference. */
static void
test_held_all(void **state)
{
	static const unsigned order[] = { 0, 3, 1, 2 };
	struct shared *s = *state;
	uint64_t id[4];

	fill(s, id);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(queue_take(s->w.q, A)->id, id[order[i]]);
}

static void
test_not_held(void **state)
{
	struct shared *s = *state;
	struct queue_job *job;
	uint64_t id[4];

	fill(s, id);
	job = queue_take(s->w.q, A);
	assert_int_equal(job->id, id[0]);
	fake_store_lose(s->w.store, true);
	assert_false(queue_job_holds(job)); /* before anybody has told us */
	assert_false(queue_job_stands(job));
	queue_holds(s->w.q, false);
	queue_done(s->w.q, job, JOB_RETURNED, NULL);
	world_settle(&s->w);
	assert_int_equal(s->w.want_a, 2);
	assert_int_equal(world_gauges(&s->w, A).active, 2);
	assert_int_equal(world_gauges(&s->w, A).deferred, 2);
	job = queue_take(s->w.q, A);
	assert_int_equal(job->id, id[3]);
	assert_true(queue_job_stands(job));
	world_finish(&s->w, job, "2");
	world_deliver(&s->w, A, id[1], "2");
	assert_null(queue_take(s->w.q, A));
	world_settle(&s->w);
	assert_int_equal(s->w.want_a, 0);
	fake_store_lose(s->w.store, false);
	queue_holds(s->w.q, true);
	world_settle(&s->w);
	assert_int_equal(s->w.want_a, 2);
	assert_non_null(queue_take(s->w.q, A));
}

/* Those that were refused go last, but they go. */
static void
test_not_held_suspects(void **state)
{
	struct shared *s = *state;
	uint64_t id[4];

	fill(s, id);
	for (unsigned i = 0; i < 2; i++) {
		struct part *e = shared_part(s, id[i]);

		part_set(e, PART_SAVING);
		e->suspect = true;
		part_set(e, PART_READY);
	}
	queue_holds(s->w.q, false);
	world_deliver(&s->w, A, id[3], "2");
	world_deliver(&s->w, A, id[1], "2");
	assert_null(queue_take(s->w.q, A));
	queue_holds(s->w.q, true);
	world_deliver(&s->w, A, id[2], "2");
	world_deliver(&s->w, A, id[0], "2");
}

/* A trial is of what may go, and there is none when nothing may. */
static void
test_not_held_trial(void **state)
{
	static struct queue_policy silent;
	struct shared *s = *state;
	struct queue_job *job;
	uint64_t id[4];
	struct dest *d;

	silent = world_policy;
	silent.ndelay_warning = 0;
	queue_policy(s->w.q, A, &silent);
	fill(s, id);
	d = dest_find(s->w.q, A);
	breaker_trip(d, "test", "no", clock_wall_ms());
	queue_holds(s->w.q, false);
	for (unsigned i = 0; i < 20; i++) {
		world_advance(&s->w, 5 * HOUR);
		queue_trial(s->w.q, A);
		job = queue_take(s->w.q, A);
		assert_non_null(job);
		assert_true(job->id == id[1] || job->id == id[3]);
		world_lose(&s->w, job);
	}
	for (unsigned i = 1; i < 4; i += 2)
		assert_int_equal(
		    s->w.relay->remove(s->w.q, id[i], false, true, NULL), 0);
	world_advance(&s->w, 5 * HOUR);
	queue_trial(s->w.q, A);
	assert_false(d->trial);
	assert_null(queue_take(s->w.q, A));
	queue_holds(s->w.q, true);
	queue_trial(s->w.q, A);
	assert_non_null(queue_take(s->w.q, A));
}

/* Its sender is told by who may hand it on. */
static void
test_not_held_expiry(void **state)
{
	struct shared *s = *state;
	uint64_t id[4];

	fill(s, id);
	queue_gate(s->w.q, A, GATE_CLOSED);
	queue_holds(s->w.q, false);
	world_advance(&s->w, 5 * HOUR);
	assert_int_equal(s->w.nwarned, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(s->w.warned[i]->id, id[1 + 2 * i]);
		world_warn(&s->w, s->w.warned[i], 1);
	}
	world_advance(&s->w, 31 * DAY);
	assert_int_equal(s->w.nwarned, 2);
	assert_int_equal(s->w.nexpired, 2);
	queue_holds(s->w.q, true);
	world_settle(&s->w);
	assert_int_equal(s->w.nexpired, 4);
	for (unsigned i = 0; i < 4; i++)
		world_expire(&s->w, s->w.expired[i]);
}

/* A domain that leaves, or is another's, keeps what is here. */
static void
test_local_stays(void **state)
{
	struct shared *s = *state;
	uint64_t id[4], other;

	fill(s, id);
	other = land(s, B);
	queue_gate(s->w.q, B, GATE_OPEN);
	shared_detach(s, A);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	assert_int_equal(shared_n(s, A), 2);
	assert_true(world_gauges(&s->w, A).theirs);
	shared_fence(s);
	world_settle(&s->w);
	world_deliver(&s->w, B, other, "2");
	world_deliver(&s->w, A, id[1], "4");
	world_deliver(&s->w, A, id[3], "2");
	assert_int_equal(fake_store_get(s->w.store, id[1])->attempts, 1);
	/* It is what a start finds, and moves to who has the domain. */
	assert_true(store_is_local(s->w.store, id[1]));
	queue_destroy(&s->w.q);
	fake_store_pump(s->w.store);
	shared_up(s);
	world_settle(&s->w);
	assert_false(store_is_local(s->w.store, id[1]));
	assert_non_null(fake_store_get(s->w.store, id[1]));
	assert_int_equal(shared_n(s, A), 0);
	assert_int_equal(s->w.q->messages, 0);
}

/* ---- moved */

static void
test_move(void **state)
{
	struct shared *s = *state;
	struct queue_job *job;
	struct fake_sharing f;
	uint64_t last = 0, here;
	int64_t oldest_ms;

	shared_attach(s, A);
	world_settle(&s->w);
	for (unsigned i = 0; i < 150; i++)
		last = land(s, i % 3 == 0 ? B : A);
	queue_gate(s->w.q, A, GATE_OPEN);
	job = queue_take(s->w.q, A);
	fake_store_fail_sharing(s->w.store, -MX_EIO, 0);
	queue_move_local(s->w.q);
	fake_loop_settle(s->w.loop);
	assert_int_equal(s->w.q->local.out, 64);
	queue_move_rest(s->w.q); /* it is on its way */
	assert_true(s->w.q->local.after > 0);
	world_settle(&s->w);
	assert_int_equal(s->w.q->local.out, 0);
	queue_local(s->w.q, &here, &oldest_ms);
	assert_int_equal(here, 150); /* of all domains */
	assert_true(oldest_ms > 0);
	assert_int_equal(shared_n(s, A), 100);
	assert_int_equal(world_gauges(&s->w, A).local, 100);
	fake_store_fail_sharing(s->w.store, 0, 0);
	world_settle(&s->w);
	assert_int_equal(world_gauges(&s->w, A).local, 100); /* in its time */
	queue_move_rest(s->w.q);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 100);
	assert_int_equal(world_gauges(&s->w, A).local, 1);
	assert_int_equal(shared_n(s, B), 0); /* its owner was told */
	assert_int_equal(fake_store_count(s->w.store), 150);
	queue_done(s->w.q, job, JOB_RETURNED, NULL);
	world_settle(&s->w);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.local, 0);
	queue_local(s->w.q, &here, &oldest_ms);
	assert_int_equal(here, 0);
	assert_int_equal(oldest_ms, 0);
	assert_int_equal(world_gauges(&s->w, A).local, 0);
	assert_int_equal(shared_n(s, A), 100);
	assert_false(shared_part(s, last)->local);
	job = queue_take(s->w.q, A);
	world_finish(&s->w, job, "2");
	shared_detach(s, A);
	world_settle(&s->w);
	assert_int_equal(s->w.q->messages, 0);
}

/* So does what was given back since: safe there, and called back by whoever owns its
 * domain. */
static void
test_move_vault(void **state)
{
	static struct queue_policy keeps;
	struct shared *s = *state;
	uint64_t ours, theirs, queued;
	struct fake_sharing f;
	struct relay_vault v;

	keeps = world_policy;
	keeps.vault_keep_ms = 7 * DAY;
	s->w.policy = &keeps;
	shared_attach(s, A);
	queue_policy(s->w.q, A, &keeps);
	world_settle(&s->w);
	ours = land(s, A);
	theirs = land(s, B);
	queue_policy(s->w.q, B, &keeps);
	queued = land(s, A);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(s->w.relay->remove(s->w.relay->self,
				     i == 0 ? ours : theirs, false, false,
				     NULL),
		    0);
	world_settle(&s->w);
	s->w.relay->vault(s->w.q, &v);
	assert_int_equal(v.messages, 2);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.local, 3);
	fake_store_fail_sharing(s->w.store, -MX_EIO, 0);
	queue_move_local(s->w.q);
	world_settle(&s->w);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.local, 3);
	fake_store_fail_sharing(s->w.store, 0, 0);
	queue_move_rest(s->w.q);
	world_settle(&s->w);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.local, 0);
	s->w.relay->vault(s->w.q, &v);
	assert_int_equal(v.messages, 1);
	assert_true(vault_has(s->w.q, ours));
	assert_false(shared_part(s, queued)->local);
	assert_int_equal(
	    s->w.relay->remove(s->w.relay->self, queued, false, false, NULL),
	    0);
	world_settle(&s->w);
	queue_move_rest(s->w.q); /* nothing is left to move */
	assert_false(s->w.q->local.walking);
	assert_int_equal(fake_store_count(s->w.store), 3);
}

/* Its domain leaves while it is moved. */
static void
test_move_and_leave(void **state)
{
	struct shared *s = *state;

	shared_attach(s, A);
	world_settle(&s->w);
	for (unsigned i = 0; i < 10; i++)
		land(s, A);
	queue_move_local(s->w.q);
	shared_detach(s, A);
	fake_loop_settle(s->w.loop);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	assert_int_equal(s->w.q->messages, 0);
	assert_int_equal(fake_store_count(s->w.store), 10);
}

/* More come back at once than are moved at once. */
static void
test_move_in_turn(void **state)
{
	static struct queue_policy many;
	struct shared *s = *state;
	struct queue_job *job[90];
	struct fake_sharing f;

	many = world_policy;
	many.out_max = 200;
	queue_policy(s->w.q, A, &many);
	for (unsigned i = 0; i < 90; i++)
		land(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	dest_find(s->w.q, A)->canary = false;
	for (unsigned i = 0; i < 90; i++)
		assert_non_null(job[i] = queue_take(s->w.q, A));
	queue_move_local(s->w.q);
	world_settle(&s->w);
	for (unsigned i = 0; i < 90; i++)
		queue_done(s->w.q, job[i], JOB_RETURNED, NULL);
	assert_int_equal(s->w.q->local.out, 64);
	world_settle(&s->w);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.local, 0);
	assert_int_equal(f.moves, 90);
}

#define SHARED(fn)                                                             \
	cmocka_unit_test_setup_teardown(fn, shared_setup, shared_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED(test_held_all),
		SHARED(test_not_held),
		SHARED(test_not_held_suspects),
		SHARED(test_not_held_trial),
		SHARED(test_not_held_expiry),
		SHARED(test_local_stays),
		SHARED(test_move),
		SHARED(test_move_vault),
		SHARED(test_move_and_leave),
		SHARED(test_move_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
