/* SPDX-License-Identifier: ISC
 * test_queue_shared: a queue over a store that others have, too: domains come and
 * go while their mail is out, being written, being removed or on its way in, and
 * another takes our place. What is told of more than once, late, or of what is
 * another's is told to nobody. */
#include "tests/unit/queue_shared.h"

/* ---- coming */

static void
test_attach(void **state)
{
	struct shared *s = *state;
	struct fake_sharing f;
	uint64_t id[3];

	for (unsigned i = 0; i < 3; i++)
		id[i] = shared_put(s, A, i == 0);
	shared_put(s, B, true);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 0);
	assert_true(world_gauges(&s->w, A).theirs);
	assert_true(world_gauges(&s->w, "nobody.test").theirs);
	shared_attach(s, A);
	assert_true(queue_is_attached(s->w.q, A));
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 3);
	assert_false(world_gauges(&s->w, A).theirs);
	assert_int_equal(shared_n(s, B), 0);
	shared_attach(s, A);
	world_settle(&s->w);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.scans, 1);
	queue_gate(s->w.q, A, GATE_OPEN);
	queue_gate(s->w.q, B, GATE_OPEN);
	world_settle(&s->w);
	assert_int_equal(s->w.want_a, 1);
	assert_int_equal(s->w.want_b, 0);
	world_deliver(&s->w, A, id[0], "2");
	assert_int_equal(fake_store_count(s->w.store), 3);
}

/* The engine goes away while it is read: again, later. */
static void
test_attach_again(void **state)
{
	struct shared *s = *state;
	struct fake_sharing f;

	shared_put(s, A, false);
	fake_store_fail_sharing(s->w.store, 0, -MX_EIO);
	shared_attach(s, A);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 0);
	fake_store_fail_sharing(s->w.store, 0, 0);
	world_settle(&s->w);
	fake_store_sharing(s->w.store, &f);
	assert_int_equal(f.scans, 1);
	world_advance(&s->w, MINUTE);
	assert_int_equal(shared_n(s, A), 1);
}

/* Its extension is of what is stored, not of what was read so far. */
static void
test_extension_waits(void **state)
{
	struct shared *s = *state;
	size_t len;

	operator_told_extend(s->w.q, A, "1800000000000 1000\n", 19);
	world_settle(&s->w);
	shared_put(s, A, false);
	shared_attach(s, A);
	fake_loop_settle(s->w.loop);
	assert_int_equal(dest_rare(dest_find(s->w.q, A))->extend.n, 1);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 1);
	assert_int_equal(dest_rare(dest_find(s->w.q, A))->extend.n, 1);
	shared_detach(s, A);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	assert_int_equal(dest_rare(dest_find(s->w.q, A))->extend.n, 1);
	assert_null(fake_store_state(s->w.store, "extend/" A, &len));
}

/* What comes is its owner's, who is told; ours is told to us, too. */
static void
test_intake(void **state)
{
	struct shared *s = *state;
	struct envelope_brief b;
	struct envelope *env;
	uint64_t id;

	id = world_mail(&s->w, B, 1);
	assert_non_null(fake_store_get(s->w.store, id));
	assert_int_equal(shared_n(s, B), 0);
	shared_attach(s, A);
	world_settle(&s->w);
	id = world_mail(&s->w, A, 1);
	assert_int_equal(shared_n(s, A), 1);
	env = envelope_copy(fake_store_get(s->w.store, id));
	envelope_brief(env, &b);
	queue_arrived(s->w.q, &b);
	assert_int_equal(shared_n(s, A), 1);
	/* Told of late, when it is delivered: it is looked for in vain. */
	queue_gate(s->w.q, A, GATE_OPEN);
	world_deliver(&s->w, A, id, "2");
	queue_arrived(s->w.q, &b);
	envelope_destroy(&env);
	world_settle(&s->w);
	queue_done(s->w.q, queue_take(s->w.q, A), JOB_GONE, NULL);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 0);
	assert_int_equal(s->w.stats->g.damaged[DAMAGE_RECORD], 0);
}

/* Between the look at the store and its answer. */
static void
test_arrival_while_attaching(void **state)
{
	struct shared *s = *state;
	uint64_t id;

	shared_put(s, A, false);
	shared_attach(s, A);
	fake_loop_settle(s->w.loop); /* asked, and not answered */
	id = shared_put(s, A, true);
	assert_non_null(shared_part(s, id));
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 2);
}

/* ---- going */

static void
test_commit_while_detached(void **state)
{
	struct shared *s = *state;
	struct envelope *env = world_make(A, 1);
	struct queue_intake *in;
	uint64_t id;

	shared_attach(s, A);
	world_settle(&s->w);
	in = queue_begin(s->w.q);
	id = queue_intake_id(in);
	queue_commit(&in, &env, 1, world_on_accept, &s->w, 7);
	shared_detach(s, A);
	fake_loop_settle(s->w.loop);
	assert_int_equal(s->left, 1);
	world_settle(&s->w);
	assert_int_equal(s->w.accepts, 1);
	assert_int_equal(s->w.accept_rc, 0);
	assert_null(shared_part(s, id));
	shared_attach(s, A);
	world_settle(&s->w);
	assert_non_null(shared_part(s, id));
}

static void
test_detach(void **state)
{
	struct shared *s = *state;

	shared_detach(s, A); /* it is not ours */
	assert_int_equal(s->left, 0);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	for (unsigned i = 0; i < 5000; i++)
		shared_put(s, A, false);
	shared_attach(s, A);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 5000);
	shared_detach(s, A);
	shared_detach(s, A); /* asked for twice: told twice */
	assert_false(queue_is_attached(s->w.q, A));
	world_settle(&s->w);
	assert_int_equal(s->left, 3);
	assert_int_equal(shared_n(s, A), 0);
	assert_int_equal(s->w.q->messages, 0);
	assert_int_equal(s->w.q->ages.total, 0);
	assert_int_equal(fake_store_count(s->w.store), 5000);
}

/* One is out and one of them is not; the end of the job is written as ever. */
static void
detach_out(struct shared *s, const char *replies, unsigned stored,
    unsigned attempts)
{
	struct queue_job *job;
	uint64_t id;

	for (unsigned i = 0; i < 3; i++)
		id = shared_put(s, A, false);
	(void)id;
	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	job = queue_take(s->w.q, A);
	assert_non_null(job);
	id = job->id;
	shared_detach(s, A);
	world_settle(&s->w);
	assert_null(queue_take(s->w.q, A));
	assert_int_equal(s->w.want_a, 1); /* what is out */
	assert_int_equal(s->left, 0);
	assert_false(queue_job_stands(job)); /* if it is not begun */
	assert_true(queue_job_holds(job)); /* if it is to be ended */
	if (replies != NULL) {
		struct envelope *env =
		    envelope_copy(fake_store_get(s->w.store, id));

		env->rcpts[0].state =
		    *replies == '2' ? RCPT_DELIVERED : RCPT_PENDING;
		env->rcpts[0].reported = true;
		queue_done(s->w.q, job, JOB_TRIED, env);
		envelope_destroy(&env);
	} else {
		queue_done(s->w.q, job, JOB_RETURNED, NULL);
	}
	fake_loop_settle(s->w.loop); /* and nothing is written yet */
	if (replies != NULL && *replies == '4')
		assert_int_equal(s->left, 0);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	assert_int_equal(shared_n(s, A), 0);
	assert_int_equal(fake_store_count(s->w.store), stored);
	if (stored == 3)
		assert_int_equal(fake_store_get(s->w.store, id)->attempts,
		    attempts);
}

static void
test_detach_out(void **state)
{
	detach_out(*state, "2", 2, 0);
}

static void
test_detach_deferred(void **state)
{
	detach_out(*state, "4", 3, 1);
}

static void
test_detach_returned(void **state)
{
	detach_out(*state, NULL, 3, 0);
}

/* A removal that the store did not take is not to be repeated when another has
 * the message, who would have delivered it again. */
static void
test_detach_unremoved(void **state)
{
	struct shared *s = *state;
	uint64_t id = shared_put(s, A, false);

	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	fake_store_fail(s->w.store, 0, 0, -MX_EIO);
	world_deliver(&s->w, A, id, "2");
	shared_detach(s, A);
	world_settle(&s->w);
	assert_int_equal(s->left, 0);
	fake_store_fail(s->w.store, 0, 0, 0);
	world_advance(&s->w, 2 * MINUTE);
	assert_int_equal(s->left, 1);
	assert_int_equal(fake_store_count(s->w.store), 0);
}

/* The operator gives an order of one while it leaves. */
static void
test_detach_ordered(void **state)
{
	struct shared *s = *state;
	uint64_t id = shared_put(s, A, false);

	shared_attach(s, A);
	world_settle(&s->w);
	shared_detach(s, A);
	assert_int_equal(s->w.relay->hold(s->w.q, id, true, false, NULL), 0);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	assert_int_equal(fake_store_get(s->w.store, id)->flags, ENV_HELD);
	assert_int_equal(s->w.relay->hold(s->w.q, id, false, false, NULL),
	    -MX_ENOENT);
}

/* It is ours again before it has gone, or half of it has. */
static void
test_kept(void **state)
{
	struct shared *s = *state;
	struct queue_job *job;
	struct dest *d;

	for (unsigned i = 0; i < 5000; i++)
		shared_put(s, A, false);
	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	job = queue_take(s->w.q, A);
	shared_detach(s, A);
	world_settle(&s->w);
	assert_non_null(shared_part(s, shared_put(s, A, true)));
	shared_attach(s, A);
	assert_int_equal(s->kept, 0);
	world_settle(&s->w);
	assert_int_equal(s->kept, 1);
	world_finish(&s->w, job, "2");
	assert_int_equal(shared_n(s, A), 5000);

	shared_detach(s, A);
	d = dest_find(s->w.q, A);
	attach_settle(d);
	assert_true(attach_step(s->w.q));
	assert_in_range(d->n, 1, 4999);
	/* It may come before it is known that it stays, or after. */
	assert_null(shared_part(s, shared_put(s, A, true)));
	shared_attach(s, A);
	assert_non_null(shared_part(s, shared_put(s, A, true)));
	world_settle(&s->w);
	assert_int_equal(s->kept, 2);
	assert_int_equal(s->left, 0);
	assert_int_equal(shared_n(s, A), 5002);
}

/* It is ours again before anybody heard that it has left. */
static void
test_kept_late(void **state)
{
	struct shared *s = *state;

	shared_detach(s, A);
	shared_attach(s, A);
	world_settle(&s->w);
	assert_int_equal(s->left, 0);
	assert_int_equal(s->kept, 1);
}

/* What is in the vault goes along, and is no other domain's. */
static void
test_vault_leaves(void **state)
{
	struct shared *s = *state;
	struct relay_vault v;
	struct envelope *env;

	for (unsigned i = 0; i < 6; i++) {
		env = world_make(i % 3 == 0 ? B : A, 1);
		env->id = ++s->last_id << 8;
		env->flags = ENV_VAULT;
		env->due_ms = clock_wall_ms();
		env->rcpts[0].state = RCPT_FAILED;
		env->rcpts[0].reported = true;
		fake_store_put(s->w.store, env);
		envelope_destroy(&env);
	}
	shared_attach(s, A);
	shared_attach(s, B);
	fake_loop_settle(s->w.loop);
	(void)fake_store_pump(s->w.store);
	s->w.relay->vault(s->w.q, &v);
	assert_int_equal(v.messages, 6);
	shared_detach(s, A);
	world_settle(&s->w);
	assert_int_equal(s->left, 1);
	s->w.relay->vault(s->w.q, &v);
	assert_int_equal(v.messages, 2);
	shared_fence(s);
	world_settle(&s->w);
	s->w.relay->vault(s->w.q, &v);
	assert_int_equal(v.messages, 0);
	assert_int_equal(v.bytes, 0);
	world_advance(&s->w, DAY);
	assert_int_equal(fake_store_count(s->w.store), 6);
}

/* ---- another has our place */

static void
test_fenced(void **state)
{
	struct shared *s = *state;
	struct queue_job *job[3];
	struct envelope *env;
	unsigned updates;

	for (unsigned i = 0; i < 3000; i++)
		shared_put(s, i % 3 == 0 ? B : A, false);
	shared_attach(s, A);
	shared_attach(s, B);
	world_settle(&s->w);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_finish(&s->w, queue_take(s->w.q, A), "2");
	for (unsigned i = 0; i < 3; i++)
		job[i] = queue_take(s->w.q, A);
	env = envelope_copy(fake_store_get(s->w.store, job[0]->id));
	env->rcpts[0].code = 451;
	queue_done(s->w.q, job[0], JOB_TRIED, env); /* is being written */
	updates = fake_store_updates(s->w.store);
	shared_fence(s);
	assert_null(queue_take(s->w.q, A));
	assert_false(queue_job_holds(job[1]));
	queue_done(s->w.q, job[1], JOB_TRIED, env);
	fake_loop_settle(s->w.loop);
	assert_int_equal(s->w.q->messages, 2); /* written, and out */
	assert_false(queue_job_holds(job[2]));
	world_settle(&s->w);
	queue_done(s->w.q, job[2], JOB_LOST, env);
	envelope_destroy(&env);
	world_settle(&s->w);
	assert_int_equal(s->w.q->messages, 0);
	assert_int_equal(fake_store_updates(s->w.store), updates);
	assert_int_equal(fake_store_count(s->w.store), 2999);
	assert_int_equal(s->left, 0);
	shared_attach(s, A);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 1999);
}

/* We are back so soon that what was out is out still, and that the walk which
 * forgets is under way. What comes back is not ours to say, and is read anew. */
static void
test_fenced_and_back(void **state)
{
	struct shared *s = *state;
	struct queue_job *job;
	uint64_t id;

	for (unsigned i = 0; i < 3000; i++)
		shared_put(s, A, false);
	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	job = queue_take(s->w.q, A);
	id = job->id;
	shared_detach(s, A);
	shared_fence(s);
	shared_attach(s, A);
	assert_false(queue_job_holds(job));
	assert_null(shared_part(s, shared_put(s, A, true))); /* read later */
	world_settle(&s->w);
	assert_int_equal(s->left + s->kept, 1);
	assert_int_equal(shared_n(s, A), 3001);
	assert_false(queue_job_holds(job));
	assert_false(queue_job_stands(job));
	world_finish(&s->w, job, "2");
	assert_non_null(fake_store_get(s->w.store, id));
	assert_int_equal(shared_n(s, A), 3001);
	assert_non_null(shared_part(s, id));
	assert_false(shared_part(s, id)->fenced);
}

/* A record that the store refuses is not offered again behind that. */
static void
test_fenced_refused(void **state)
{
	struct shared *s = *state;
	uint64_t id = shared_put(s, A, false);

	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	fake_store_fail(s->w.store, 0, -MX_EIO, 0);
	world_deliver(&s->w, A, id, "4");
	shared_fence(s);
	world_settle(&s->w);
	fake_store_fail(s->w.store, 0, 0, 0);
	world_advance(&s->w, 2 * MINUTE);
	assert_null(shared_part(s, id));
	assert_int_equal(fake_store_updates(s->w.store), 0);
	assert_int_equal(s->w.q->trouble, 0);
}

/* ---- gone */

static void
test_gone(void **state)
{
	struct shared *s = *state;
	struct queue_job *job;
	struct envelope *env;

	shared_put(s, A, false);
	shared_put(s, A, false);
	shared_attach(s, A);
	queue_gate(s->w.q, A, GATE_OPEN);
	world_settle(&s->w);
	queue_done(s->w.q, queue_take(s->w.q, A), JOB_GONE, NULL);
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 1);
	assert_int_equal(fake_store_count(s->w.store), 2);
	job = queue_take(s->w.q, A);
	env = envelope_copy(fake_store_get(s->w.store, job->id));
	env->rcpts[0].code = 451;
	queue_done(s->w.q, job, JOB_TRIED, env);
	envelope_destroy(&env);
	fake_store_fail(s->w.store, 0, -MX_ENOENT, -MX_EIO); /* not asked */
	world_settle(&s->w);
	assert_int_equal(shared_n(s, A), 0);
	assert_int_equal(s->w.q->trouble, 0);
	assert_int_equal(s->w.stats->g.damaged[DAMAGE_RECORD], 0);
}

/* Where nobody else is, one that is not there is a damage. */
static void
test_gone_alone(void **state)
{
	struct world *w = *state;

	queue_gate(w->q, A, GATE_OPEN);
	world_mail(w, A, 1);
	queue_done(w->q, queue_take(w->q, A), JOB_GONE, NULL);
	world_settle(w);
	assert_int_equal(world_gauges(w, A).held, 1);
	assert_int_equal(w->stats->g.damaged[DAMAGE_RECORD], 1);
}

#define SHARED(fn)                                                             \
	cmocka_unit_test_setup_teardown(fn, shared_setup, shared_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED(test_attach),
		SHARED(test_attach_again),
		SHARED(test_extension_waits),
		SHARED(test_intake),
		SHARED(test_arrival_while_attaching),
		SHARED(test_commit_while_detached),
		SHARED(test_detach),
		SHARED(test_detach_out),
		SHARED(test_detach_deferred),
		SHARED(test_detach_returned),
		SHARED(test_detach_unremoved),
		SHARED(test_detach_ordered),
		SHARED(test_kept),
		SHARED(test_kept_late),
		SHARED(test_vault_leaves),
		SHARED(test_fenced),
		SHARED(test_fenced_and_back),
		SHARED(test_fenced_refused),
		SHARED(test_gone),
		CASE(test_gone_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
