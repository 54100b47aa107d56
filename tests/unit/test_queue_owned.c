/* SPDX-License-Identifier: ISC
 * test_queue_owned: whatever happens in whichever order to a queue over a shared
 * store, what is indexed in the end is what is stored of the domains that are ours,
 * and what landed here; all is delivered once, and nobody is asked to change what is
 * another's (fake_store.h). Chance, by a seed: `test_queue_owned SEED [N]`. And that
 * hundreds of thousands of domains come and go in steps. */
#include <stdlib.h>

#include "tests/unit/queue_quiet.h"
#include "tests/unit/queue_shared.h"

#define ROUNDS 400 /* of one seed */
#define SEEDS  60
#define JOBS   64

static uint64_t seed_now;

static unsigned
below(unsigned n)
{
	seed_now ^= seed_now << 13;
	seed_now ^= seed_now >> 7;
	seed_now ^= seed_now << 17;
	return (unsigned)(seed_now >> 33) % n;
}

/* ---- by chance */

struct chance {
	struct shared s; /* first */
	struct queue_job *job[JOBS];
	unsigned njobs;
	bool away, lost;
};

static const char *
any_domain(void)
{
	return shared_name(below(SHARED_DOMAINS));
}

static void
on_accept(void *arg, uint64_t token, int rc, uint64_t id)
{
	(void)arg;
	(void)token;
	(void)id;
	assert_int_equal(rc, 0);
}

static void
do_mail(struct chance *c)
{
	struct queue_intake *in = queue_begin(c->s.w.q);
	struct envelope *env = world_make(any_domain(), 1);

	queue_commit(&in, &env, 1, on_accept, c, 7);
}

static void
do_take(struct chance *c)
{
	const char *domain = any_domain();
	struct queue_job *job;

	if (c->njobs == JOBS || (job = queue_take(c->s.w.q, domain)) == NULL)
		return;
	assert_true(
	    queue_job_stands(job) == store_holds(c->s.w.store, job->id));
	c->job[c->njobs++] = job;
}

/* As who delivers it does: it is loaded first, and then nobody may have it. */
static void
end_job(struct chance *c, struct queue_job *job)
{
	const struct envelope *rec = fake_store_get(c->s.w.store, job->id);
	struct envelope *env;
	bool taken = below(2) == 0;

	if (rec == NULL) {
		queue_done(c->s.w.q, job, JOB_GONE, NULL);
		return;
	}
	if (!queue_job_holds(job) || below(4) == 0) {
		queue_done(c->s.w.q, job, JOB_RETURNED, NULL);
		return;
	}
	assert_true(store_is_local(c->s.w.store, job->id) ||
	    shared_ours(&c->s, rec->domain, true));
	env = envelope_copy(rec);
	/* Once: where it was delivered before, it was not written, for another
	 * had it by then. */
	env->rcpts[0].state = taken ? RCPT_DELIVERED : RCPT_PENDING;
	env->rcpts[0].code = taken ? 250 : 451;
	queue_done(c->s.w.q, job, JOB_TRIED, env);
	envelope_destroy(&env);
}

static void
do_end(struct chance *c)
{
	struct queue_job *job;
	unsigned i;

	if (c->njobs == 0)
		return;
	i = below(c->njobs);
	job = c->job[i];
	c->job[i] = c->job[--c->njobs];
	end_job(c, job);
}

static void
do_holds(struct chance *c)
{
	c->lost = !c->lost;
	fake_store_lose(c->s.w.store, c->lost);
	if (below(2) == 0)
		queue_holds(c->s.w.q, !c->lost);
}

static void
do_operator(struct chance *c)
{
	struct queue *q = c->s.w.q;
	struct part *e = parts_after(q, (uint64_t)below(2000) << 8);

	if (e == NULL || fake_store_get(c->s.w.store, e->id) == NULL)
		return;
	if (below(6) == 0)
		(void)c->s.w.relay->remove(q, e->id, false, true, NULL);
	else
		(void)c->s.w.relay->hold(q, e->id, below(2) == 0, false, NULL);
}

/* Somebody delivers what is his. */
static void
do_other(struct chance *c)
{
	const struct envelope *env =
	    fake_store_get(c->s.w.store, (uint64_t)below(2000) << 8);

	if (env == NULL || store_is_local(c->s.w.store, env->id) ||
	    shared_ours(&c->s, env->domain, true))
		return;
	fake_store_take(c->s.w.store, env->id);
}

static void
do_one(struct chance *c)
{
	struct shared *s = &c->s;
	const char *domain = any_domain();

	switch (below(24)) {
	case 0:
	case 1:
		shared_attach(s, domain);
		break;
	case 2:
		/* It would have been given to another, and back. */
		if (s->mine[shared_index(domain)])
			shared_detach(s, domain);
		break;
	case 3:
		if (below(10) == 0)
			shared_fence(s);
		break;
	case 4:
		c->away = !c->away;
		fake_store_away(s->w.store, c->away);
		break;
	case 5:
		do_holds(c);
		break;
	case 6:
		queue_move_local(s->w.q);
		break;
	case 7:
		do_operator(c);
		break;
	case 8:
		do_other(c);
		break;
	case 9:
	case 10:
		shared_put(s, domain, true);
		break;
	case 11:
	case 12:
		do_mail(c);
		break;
	case 13:
	case 14:
		do_end(c);
		break;
	case 15:
		(void)fake_store_pump(s->w.store);
		break;
	case 16:
	case 17:
		fake_loop_settle(s->w.loop);
		break;
	case 18:
		fake_loop_advance(s->w.loop, below(3) == 0 ? HOUR : 1000);
		break;
	default:
		do_take(c);
	}
}

struct model {
	struct chance *c;
	uint64_t n;
};

static void
model_one(uint64_t id, const struct envelope *env, void *arg)
{
	struct model *m = arg;
	struct shared *s = &m->c->s;
	bool local = store_is_local(s->w.store, id);
	bool here = local || s->own[shared_index(env->domain)];
	struct part *e = shared_part(s, id);

	if ((e != NULL) != here)
		fail_msg("%s of %s is%s here", local ? "a local one" : "one",
		    env->domain, here ? " not" : "");
	if (e == NULL)
		return;
	m->n++;
	assert_int_equal(e->local, local);
	assert_false(e->fenced);
	assert_string_equal(e->dest->name, env->domain);
}

/* What was removed while somebody was about to tell us of it is not there, and that
 * is found when it is looked for. */
static uint64_t
count_ghosts(struct shared *s)
{
	uint64_t n = 0;
	struct part *e;

	for (uint64_t id = 0; (e = parts_after(s->w.q, id)) != NULL;
	     id = e->id) {
		if (fake_store_get(s->w.store, e->id) != NULL)
			continue;
		assert_true(e->state == PART_READY || e->state == PART_WAIT);
		assert_true(dest_is_attached(e->dest));
		n++;
	}
	return n;
}

/* All comes to rest, and is as the store has it. */
static void
check(struct chance *c)
{
	struct model m = { c, 0 };
	struct shared *s = &c->s;
	struct relay_domain d;
	uint64_t n = 0, local = 0;
	struct fake_sharing f;

	while (c->njobs > 0)
		end_job(c, c->job[--c->njobs]);
	queue_holds(s->w.q, !c->lost);
	world_settle(&s->w);
	fake_store_each(s->w.store, model_one, &m);
	m.n += count_ghosts(s);
	assert_int_equal(s->w.q->messages, m.n);
	assert_int_equal(s->w.q->ages.total, m.n);
	assert_int_equal(s->w.q->trouble, 0);
	fake_store_sharing(s->w.store, &f);
	for (unsigned i = 0; i < SHARED_DOMAINS; i++) {
		d = world_gauges(&s->w, shared_name(i));
		n += relay_domain_messages(&d);
		local += d.local;
		assert_int_equal(d.theirs, !s->own[i]);
		assert_int_equal(s->own[i], s->mine[i]);
		assert_int_equal(
		    dest_find(s->w.q, shared_name(i))->share->nbusy, 0);
	}
	assert_int_equal(n, m.n);
	assert_int_equal(local, f.local);
}

static void
run_seed(uint64_t seed)
{
	static struct queue_policy many;
	struct chance *c = mem_alloc(sizeof(*c));

	seed_now = seed * 0x9e3779b97f4a7c15u + 1;
	shared_open(&c->s);
	many = world_policy;
	many.ndelay_warning = 0;
	many.lifetime_ms = 1000 * DAY;
	many.out_max = 20;
	for (unsigned i = 0; i < SHARED_DOMAINS; i++) {
		queue_policy(c->s.w.q, shared_name(i), &many);
		queue_gate(c->s.w.q, shared_name(i), GATE_OPEN);
	}
	for (unsigned i = 1; i <= ROUNDS; i++) {
		do_one(c);
		if (i % 100 == 0)
			check(c);
	}
	shared_close(&c->s);
	free(c);
}

static uint64_t first_seed = 1, seeds = SEEDS;

static void
test_chance(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < seeds; i++) {
		print_message("seed %ju\n", (uintmax_t)first_seed + i);
		run_seed(first_seed + i);
	}
}

/* ---- very many */

#define DOMAINS 300000u
#define PARTS	1000000u
#define LOOKS	(WALK_STEP * 60) /* at keys, of a turn */

static unsigned looks, left_many;
static struct btree_key (*look_at)(const void *, uint32_t);

static struct btree_key
look(const void *q, uint32_t item)
{
	looks++;
	return look_at(q, item);
}

static void
on_left_many(void *arg, const char *domain, bool kept)
{
	(void)arg;
	(void)domain;
	left_many += !kept;
}

static char *
name_many(unsigned i)
{
	static char name[32];

	snprintf(name, sizeof(name), "d%06u.example.org", i);
	return name;
}

static void
attach_many(struct queue *q)
{
	const char *names[STORE_OWN_MAX];

	for (unsigned i = 0; i < DOMAINS; i += MX_COUNT(names)) {
		for (unsigned j = 0; j < MX_COUNT(names); j++)
			names[j] = mem_strdup(name_many(i + j));
		queue_attach(q, names, MX_COUNT(names));
		for (unsigned j = 0; j < MX_COUNT(names); j++)
			free((char *)(uintptr_t)names[j]);
	}
}

static void
arrive_many(struct queue *q)
{
	struct envelope_brief b = { .arrival_ms = FAKE_WALL_MS,
		.due_ms = FAKE_WALL_MS,
		.size = 4000,
		.nrcpts = 1 };

	for (unsigned i = 0; i < PARTS; i++) {
		b.id = (uint64_t)(i + 1) << 8;
		(void)strlcpy(b.domain, name_many(i % DOMAINS),
		    sizeof(b.domain));
		queue_arrived(q, &b);
	}
	assert_int_equal(q->messages, PARTS);
}

/* In so many turns, none of which is long. */
static void
assert_steps(struct queue *q, unsigned least, unsigned most)
{
	unsigned turns = 0;
	bool more;

	do {
		looks = 0;
		more = attach_step(q);
		assert_in_range(looks, 0, LOOKS);
		turns++;
	} while (more);
	assert_in_range(turns, least, most);
}

static void
test_many(void **state)
{
	static const struct queue_conf conf = { .shared = true };
	struct quiet w;
	struct dest *d;

	(void)state;
	fake_time_reset();
	quiet_create_as(&w, &conf);
	fake_store_share(w.store, NULL, NULL);
	attach_many(w.q);
	do {
		fake_loop_settle(w.loop);
	} while (fake_store_pump(w.store) > 0);
	arrive_many(w.q);
	fake_loop_settle(w.loop);
	look_at = w.q->parts.order[ORDER_ID].key;
	w.q->parts.order[ORDER_ID].key = look;
	left_many = 0;
	for (unsigned i = 0; i < DOMAINS / 2; i++) {
		queue_detach(w.q, name_many(i), on_left_many, NULL);
		d = dest_find(w.q, name_many(i));
		attach_settle(d);
	}
	assert_steps(w.q, PARTS / 2 / WALK_STEP, PARTS / 2 / (WALK_STEP / 4));
	assert_int_equal(left_many, DOMAINS / 2);
	assert_int_equal(w.q->messages, 450000); /* the others have more */
	looks = 0;
	queue_detach_all(w.q);
	assert_int_equal(looks, 0);
	assert_null(queue_take(w.q, name_many(DOMAINS - 1)));
	assert_steps(w.q, PARTS / 2 / WALK_STEP, PARTS / 2 / (WALK_STEP / 4));
	assert_int_equal(w.q->messages, 0);
	fake_loop_settle(w.loop);
	assert_true(RB_EMPTY(&w.q->dests));
	quiet_destroy(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chance),
		cmocka_unit_test(test_many),
	};

	if (argc > 1) {
		first_seed = strtoull(argv[1], NULL, 10);
		seeds = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
