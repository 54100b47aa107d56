/* SPDX-License-Identifier: ISC
 * queue_world: see queue_world.h. Shared by the tests of the scheduler. */
#include "tests/unit/queue_world.h"

/* What the queue tells comes from the loop, never from inside a call to it. */
static void
on_want(void *arg, const char *domain, unsigned n)
{
	struct world *w = arg;

	assert_true(fake_loop_running());
	w->wants++;
	if (strcmp(domain, A) == 0)
		w->want_a = n;
	if (strcmp(domain, B) == 0)
		w->want_b = n;
}

static void
on_expire(void *arg, struct queue_job *job)
{
	struct world *w = arg;

	assert_true(w->nexpired < MX_COUNT(w->expired));
	w->expired[w->nexpired++] = job;
}

static void
on_warn(void *arg, struct queue_job *job, unsigned stage)
{
	struct world *w = arg;

	assert_true(w->nwarned < MX_COUNT(w->warned));
	w->warned[w->nwarned++] = job;
	w->stage = stage;
}

static void
on_flush(void *arg, const struct relay_flush *f, bool begin, bool ok)
{
	struct world *w = arg;

	assert_true(fake_loop_running());
	if (begin) {
		w->begun++;
		return;
	}
	w->ended++;
	w->ended_ok = ok;
	w->end = *f;
}

static void
on_breaker(void *arg, const char *domain, bool tripped, bool tell,
    const char *reply)
{
	struct world *w = arg;

	(void)domain;
	assert_true(fake_loop_running());
	if (!tripped) {
		w->mended++;
		w->mended_told += tell;
		return;
	}
	w->broken += tell;
	w->broken_again += !tell;
	snprintf(w->reply, sizeof(w->reply), "%s", reply);
}

static bool
on_listed(void *arg, const char *domain, const char *mailbox)
{
	struct world *w = arg;
	char word[80];

	(void)domain;
	snprintf(word, sizeof(word), " %s", mailbox);
	return w->list != NULL && strstr(w->list, word) != NULL;
}

static int64_t
on_shown(void *arg, const char *domain)
{
	struct world *w = arg;

	return w->hidden != NULL && strcmp(w->hidden, domain) == 0 ?
	    0 :
	    w->shown_ms;
}

/* As a domain with recipient_delimiter = "+" has it. */
static void
on_known_as(void *arg, const char *domain, const char *mailbox, char *as)
{
	const char *at = strrchr(mailbox, '@');
	size_t n = strcspn(mailbox, "+");

	(void)arg;
	(void)domain;
	(void)strlcpy(as, mailbox, PATH_MAILBOX_MAX);
	if (at != NULL && n > 0 && mailbox + n < at)
		(void)strlcpy(as + n, at, PATH_MAILBOX_MAX - n);
}

const struct queue_policy world_policy = {
	.lifetime_ms = 30 * DAY,
	.delay_warning_ms = { 4 * HOUR, DAY },
	.ndelay_warning = 2,
	.out_max = 4,
	.retry_first_ms = 5 * MINUTE,
	.retry_max_ms = 2 * HOUR,
	.refusal_grace_ms = DAY,
	.vault_keep_ms = 0,
};

/* Lets everything come to rest. */
void
world_settle(struct world *w)
{
	do {
		fake_loop_settle(w->loop);
	} while (fake_store_pump(w->store) > 0);
	fake_loop_settle(w->loop);
}

/* In steps, so that the store keeps up with the timers. */
void
world_advance(struct world *w, int64_t ms)
{
	world_settle(w);
	for (int i = 0; i < 20; i++) {
		fake_loop_advance(w->loop, ms / 20);
		world_settle(w);
	}
	fake_loop_advance(w->loop, ms % 20);
	world_settle(w);
}

static void
on_drilled(void *arg, const struct envelope *env)
{
	struct world *w = arg;

	w->drilled++;
	w->drilled_state = env->rcpts[0].state;
}

void
world_queue_up(struct world *w, const struct queue_conf *conf)
{
	struct queue_ops ops = { on_want, on_expire, on_warn, on_flush,
		on_breaker, on_listed, on_shown, on_known_as, on_drilled, w };
	char name[32];

	w->q = queue_create(w->loop, w->store, w->stats, conf, &ops);
	w->relay = queue_relay(w->q);
	queue_policy(w->q, A, w->policy != NULL ? w->policy : &world_policy);
	queue_policy(w->q, B, &world_policy);
	for (unsigned i = 0; i < w->domains; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		stats_domain_add(w->stats, name);
		queue_policy(w->q, name, &world_policy);
	}
	queue_load(w->q);
	world_settle(w);
	assert_false(queue_loading(w->q));
}

void
world_restart(struct world *w)
{
	struct queue_conf conf = { .known_names = 4096,
		.learned_names = WORLD_LEARNED };

	queue_destroy(&w->q);
	fake_store_pump(w->store);
	world_queue_up(w, &conf);
}

int
world_setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));
	struct queue_conf conf = { .known_names = 4096,
		.learned_names = WORLD_LEARNED };

	fake_time_reset();
	assert_int_equal(log_open(LOG_DEST_FILE, "/dev/null", LOG_LEVEL_INFO),
	    0);
	w->loop = loop_create();
	w->store = fake_store_create();
	w->stats = stats_create();
	stats_domain_add(w->stats, A);
	stats_domain_add(w->stats, B);
	world_queue_up(w, &conf);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;

	queue_destroy(&w->q);
	fake_store_pump(w->store);
	fake_store_destroy(w->store);
	stats_destroy(&w->stats);
	loop_destroy(&w->loop);
	mem_free(&w);
	return 0;
}

struct envelope *
world_make(const char *domain, unsigned nrcpts)
{
	struct envelope *env = envelope_create();
	char box[64];

	strlcpy(env->domain, domain, sizeof(env->domain));
	env->arrival_ms = clock_wall_ms();
	for (unsigned i = 0; i < nrcpts; i++) {
		snprintf(box, sizeof(box), "user%u@%s", i, domain);
		envelope_add_rcpt(env, box);
	}
	return env;
}

void
world_on_accept(void *arg, uint64_t token, int rc, uint64_t id)
{
	struct world *w = arg;

	(void)token;
	(void)id;
	w->accepts++;
	w->accept_rc = rc;
}

/* A message comes in; its id. The clock moves on by a millisecond. */
uint64_t
world_mail(struct world *w, const char *domain, unsigned nrcpts)
{
	struct queue_intake *in = queue_begin(w->q);
	struct envelope *env = world_make(domain, nrcpts);
	uint64_t id = queue_intake_id(in);
	char body[100] = "x";

	env->flags |= w->flags;
	assert_int_equal(queue_append(in, body, sizeof(body)), 0);
	queue_commit(&in, &env, 1, world_on_accept, w, 7);
	assert_null(in);
	world_settle(w);
	assert_int_equal(w->accept_rc, 0);
	fake_loop_advance(w->loop, 1);
	return id;
}

/* The deliverer's view: each letter is one recipient's reply. */
static void
end_job(struct world *w, struct queue_job *job, const char *replies,
    enum job_outcome outcome)
{
	const struct envelope *rec = fake_store_get(w->store, job->id);
	struct smtp_status soft = { 4, 2, 0 }, hard = { 5, 1, 1 };
	struct envelope *env;
	uint32_t i = 0;

	assert_non_null(rec);
	env = envelope_copy(rec);
	for (; *replies != '\0'; replies++) {
		while (env->rcpts[i].state != RCPT_PENDING)
			i++;
		if (*replies == '2') {
			rcpt_set(&env->rcpts[i], RCPT_DELIVERED, 250, NULL,
			    "ok");
		} else if (*replies == '4') {
			rcpt_set(&env->rcpts[i], RCPT_PENDING, 451, &soft,
			    "later");
		} else {
			rcpt_set(&env->rcpts[i], RCPT_FAILED, 550, &hard, "no");
			env->rcpts[i].reported = *replies == '5';
		}
		i++;
	}
	queue_done(w->q, job, outcome, env);
	envelope_destroy(&env);
	world_settle(w);
}

void
world_finish(struct world *w, struct queue_job *job, const char *replies)
{
	end_job(w, job, replies, JOB_TRIED);
}

void
world_cut(struct world *w, struct queue_job *job, const char *replies)
{
	end_job(w, job, replies, JOB_LOST);
}

void
world_lose(struct world *w, struct queue_job *job)
{
	end_job(w, job, "", JOB_LOST);
}

/* Takes one, which has to be `id`, and ends it. */
void
world_deliver(struct world *w, const char *domain, uint64_t id,
    const char *replies)
{
	struct queue_job *job = queue_take(w->q, domain);

	assert_non_null(job);
	assert_int_equal(job->id, id);
	world_finish(w, job, replies);
}

/* The gate opens and the canary gets through. */
void
world_open_with_canary(struct world *w, const char *domain)
{
	uint64_t id;

	queue_gate(w->q, domain, GATE_OPEN);
	id = world_mail(w, domain, 1);
	world_deliver(w, domain, id, "2");
}

struct relay_domain
world_gauges(struct world *w, const char *domain)
{
	struct relay_domain d;

	w->relay->domain(w->relay->self, domain, &d);
	return d;
}

void
world_flush(struct world *w, const char *domain, enum flush_trigger t)
{
	struct relay_flush f;

	assert_int_equal(w->relay->flush(w->relay->self, domain, t, false, &f),
	    0);
	world_settle(w);
}

/* What bounce.c does at expiry. */
void
world_expire(struct world *w, struct queue_job *job)
{
	struct envelope *env = envelope_copy(fake_store_get(w->store, job->id));

	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state != RCPT_DELIVERED) {
			if (env->rcpts[i].state == RCPT_PENDING)
				env->rcpts[i].state = RCPT_EXPIRED;
			env->rcpts[i].reported = true;
		}
	queue_done(w->q, job, JOB_TRIED, env);
	envelope_destroy(&env);
	world_settle(w);
}

void
world_warn(struct world *w, struct queue_job *job, unsigned stage)
{
	struct envelope *env = envelope_copy(fake_store_get(w->store, job->id));

	env->warned = (uint8_t)(stage + 1);
	queue_warned(w->q, job, env);
	envelope_destroy(&env);
	world_settle(w);
}
