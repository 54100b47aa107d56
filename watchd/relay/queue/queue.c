/* SPDX-License-Identifier: ISC
 * queue: create and destroy, the domains' policies and gates, and the loading
 * of stored parts (new mail: intake.c). Loop thread; only the store can fail,
 * and then the requester is told. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue_int.h"

/* For domains that nobody configured, until the configuration sets it. */
static const struct queue_policy policy_builtin = {
	.lifetime_ms = INT64_C(5) * 86400 * 1000,
	.out_max = 2,
	.retry_first_ms = 300 * 1000,
	.retry_max_ms = 7200 * 1000,
	.refusal_grace_ms = INT64_C(86400) * 1000,
	.vault_keep_ms = INT64_C(7) * 86400 * 1000,
};

/* Logs when max_messages is reached, and when it no longer is. */
static void
tell_full(struct queue *q)
{
	bool full = queue_full(q);

	if (full == q->full_told)
		return;
	q->full_told = full;
	if (full)
		log_error("queue",
		    "event=full messages=%ju max_messages=%u "
		    "effect=\"no mail is accepted\"",
		    (uintmax_t)q->messages, q->conf.max_messages);
	else
		log_notice("queue", "event=not_full messages=%ju",
		    (uintmax_t)q->messages);
}

/* The task, after the callbacks of a turn: see destination.c. */
static void
queue_settle(void *arg)
{
	struct queue *q = arg;
	int64_t now = clock_wall_ms();
	struct queue_request *r, *next;
	struct dest *d;
	unsigned n;
	bool more;

	tell_full(q);
	intake_refuse(q);
	for (r = LIST_FIRST(&q->requests); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		if (r->store_id == 0 && r->n == 0) {
			r->answer(r, NULL, 0);
			request_destroy(r);
			next = LIST_FIRST(&q->requests);
		}
	}
	more = breaker_primary_settle(q, SETTLE_STEP / 2);
	more = round_step(q) || more;
	more = clock_back_step(q) || more;
	more = local_step(q) || more;
	for (n = SETTLE_STEP; n > 0 && (d = STAILQ_FIRST(&q->touched)) != NULL;
	     n--) {
		STAILQ_REMOVE_HEAD(&q->touched, touched_link);
		d->touched = false;
		dest_settle(d, now);
	}
	more = attach_step(q) || more;
	/* The rest follows after the loop's other work: a task that schedules
	 * itself would run in the same turn. */
	if (more || !STAILQ_EMPTY(&q->touched))
		loop_timer_set(q->timer, 0);
	else
		schedule_arm(q);
}

struct queue *
queue_create(struct loop *loop, struct store *store, struct stats *stats,
    const struct queue_conf *conf, const struct queue_ops *ops)
{
	struct queue *q = mem_alloc(sizeof(*q));

	q->loop = loop;
	q->store = store;
	q->stats = stats;
	q->conf = *conf;
	q->clock_step.step_ms = conf->clock_step_ms;
	q->clock_step.settle_ms = conf->clock_settle_ms;
	q->ops = *ops;
	q->policy = policy_builtin;
	q->report_lifetime_ms = policy_builtin.lifetime_ms;
	q->tick_ms = queue_mono_ms() + TICK_MAX_MS;
	clock_back_start(q);
	parts_init(q);
	attach_init(q);
	RB_INIT(&q->dests);
	RB_INIT(&q->policies);
	heap_init(&q->times);
	heap_init(&q->retries);
	heap_init(&q->others);
	vault_init(q);
	STAILQ_INIT(&q->touched);
	TAILQ_INIT(&q->blocked);
	TAILQ_INIT(&q->unsaved);
	RB_INIT(&q->primaries);
	TAILQ_INIT(&q->mended);
	learn_init(q);
	LIST_INIT(&q->jobs);
	LIST_INIT(&q->requests);
	STAILQ_INIT(&q->refused);
	ages_init(&q->ages);
	q->task = loop_task_create(loop, queue_settle, q);
	q->timer = loop_timer_create(loop, schedule_tick, q);
	operator_init(q);
	return q;
}

void
queue_destroy(struct queue **qp)
{
	struct queue *q = *qp;
	struct queue_request *r;
	struct job *job;
	struct dest *d;

	if (q == NULL)
		return;
	*qp = NULL;
	breaker_save(q, clock_wall_ms(), true);
	clock_doubt_save(q, clock_wall_ms(), true);
	while ((r = LIST_FIRST(&q->requests)) != NULL)
		request_destroy(r);
	intake_refuse(q);
	while ((job = LIST_FIRST(&q->jobs)) != NULL) {
		LIST_REMOVE(job, link);
		free(job);
	}
	attach_fini(q);
	vault_fini(q);
	STAILQ_INIT(&q->touched);
	while ((d = RB_ROOT(&q->dests)) != NULL)
		dest_free(d);
	breaker_primary_fini(q);
	learn_end(q);
	heap_fini(&q->times);
	heap_fini(&q->retries);
	heap_fini(&q->others);
	/* After the heaps in which its entries are. */
	parts_fini(q);
	loop_task_destroy(&q->task);
	loop_timer_destroy(&q->timer);
	ages_fini(&q->ages);
	clock_back_fini(q);
	q->dead = true;
	queue_release(q);
}

static void
load_one(void *arg, const struct envelope_brief *b)
{
	if (!((struct queue *)arg)->dead)
		attach_index(arg, b, clock_wall_ms());
}

static void
load_done(void *arg, int rc, uint64_t damaged)
{
	struct queue *q = arg;

	q->completions--;
	if (q->dead) { /* the store was closed after the queue */
		queue_release(q);
		return;
	}
	q->loading = false;
	q->unreadable = damaged;
	q->stats->g.damaged[DAMAGE_RECORD] += damaged;
	if (rc != 0)
		log_error("queue", "event=loaded error=%s messages=%ju",
		    log_q(mx_strerror(rc)), (uintmax_t)q->messages);
	else
		log_notice("queue", "event=loaded messages=%ju damaged=%ju",
		    (uintmax_t)q->messages, (uintmax_t)damaged);
	round_begin(q, ROUND_TOUCH);
	/* Mail that was stored locally before this start, or before there was a
	 * cluster: no event reports an engine that has been reachable all
	 * along. */
	if (q->holds)
		queue_move_local(q);
}

void
queue_load(struct queue *q)
{
	q->loading = true;
	operator_load(q);
	breaker_load(q);
	learn_load(q);
	clock_doubt_load(q);
	q->completions++;
	store_scan(q->store, load_one, load_done, q);
}

bool
queue_loading(const struct queue *q)
{
	return q->loading;
}

void
dest_policy(struct dest *d, const struct queue_policy *p)
{
	const struct queue_policy *old = d->policy;

	d->policy = policy_share(d->queue, p);
	if (d->policy != old)
		dest_walk(d, WALK_DEADLINE);
	policy_leave(d->queue, old);
}

void
queue_policy(struct queue *q, const char *domain, const struct queue_policy *p)
{
	struct dest *d;

	if (p == NULL) {
		if ((d = dest_find(q, domain)) == NULL)
			return;
		dest_configure(d, false);
		breaker_fini(d, true);
		/* The hold would outlive an empty domain. */
		if (d->n == 0 && dest_is_ours(d))
			(void)q->relay.hold_domain(q, domain, false);
		queue_gate(q, domain, GATE_OPEN);
		dest_policy(d, &q->policy);
		learn_policy(d);
		dest_touch(d);
		return;
	}
	d = dest_get(q, domain);
	if (!d->configured) {
		dest_configure(d, true);
		d->gate = GATE_CLOSED;
	}
	dest_policy(d, p);
	learn_policy(d);
}

void
queue_policy_default(struct queue *q, const struct queue_policy *p)
{
	if (memcmp(&q->policy, p, sizeof(*p)) == 0)
		return;
	q->policy = *p;
	round_begin(q, ROUND_POLICY);
}

void
queue_reports(struct queue *q, int64_t lifetime_ms)
{
	if (q->report_lifetime_ms == lifetime_ms)
		return;
	q->report_lifetime_ms = lifetime_ms;
	round_begin(q, ROUND_DEADLINE);
}

void
queue_gate(struct queue *q, const char *domain, enum queue_gate gate)
{
	struct dest *d =
	    gate == GATE_OPEN ? dest_get(q, domain) : dest_find(q, domain);

	if (d == NULL || d->gate == gate)
		return;
	if (gate == GATE_CLOSED) {
		dest_close(d);
		return;
	}
	/* A forced flush that has passed its canary goes on. */
	if (!d->forced)
		dest_canary(d);
	d->gate = GATE_OPEN;
	d->forced = false;
	if (d->rare != NULL)
		d->rare->fails = d->rare->canary_tries = 0;
	if (d->rare != NULL)
		d->rare->pause_ms = 0;
	d->opened_ms = clock_wall_ms();
	dest_touch(d);
}

const struct relay *
queue_relay(struct queue *q)
{
	return &q->relay;
}
