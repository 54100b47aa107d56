/* SPDX-License-Identifier: ISC
 * take: hands parts out and takes their outcomes back. Deliverers pull with
 * queue_take() and end with queue_done(); notifications end the same way. Each
 * outcome is counted and written, and only then is the part available again.
 * Loop thread. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/mail_log.h"
#include "relay/queue/queue_int.h"

#define LOSSES_ALONE 2 /* of one part in a row: it waits, others go on */
#define LOSSES_PACE  3 /* of any parts in a row: all pause */

struct job *
job_create(struct part *e, enum job_kind kind)
{
	struct job *job = mem_alloc(sizeof(*job));

	job->kind = kind;
	job->part = e;
	job->epoch = dest_rare(e->dest)->epoch;
	job->pub.id = e->id;
	job->pub.domain = e->dest->name;
	job->pub.attempts = e->attempts;
	job->pub.arrival_ms = e->arrival_ms;
	job->pub.given_up = e->given_up;
	job->pub.waited = e->waited;
	job->pub.expiry_ms = e->dest->on_hold ? 0 : part_expiry(e);
	LIST_INSERT_HEAD(&e->dest->queue->jobs, job, link);
	part_set(e, PART_OUT);
	return job;
}

/* The oldest and the newest part in turn; only the oldest while suspects wait,
 * so that these, which are last, are reached. */
static struct part *
choose(const struct dest *d)
{
	struct part *suspect = dest_ready(d, true, false);
	struct part *e = dest_ready(d, false, d->newest && suspect == NULL);

	return e != NULL ? e : suspect;
}

struct queue_job *
queue_take(struct queue *q, const char *domain)
{
	struct dest *d = dest_find(q, domain);
	struct part *e;
	struct job *job;

	if (d == NULL)
		return NULL;
	if (!dest_takeable(d, clock_wall_ms())) {
		d->starved = true;
		return NULL;
	}
	e = d->trial ? breaker_choose(d) : choose(d);
	d->newest = !d->newest;
	d->out++;
	job = job_create(e, JOB_DELIVER);
	job->pub.canary = d->canary;
	job->pub.alone = d->canary || d->trial || d->broken || e->suspect ||
	    dest_rare(d)->primary != NULL;
	return &job->pub;
}

bool
queue_job_stands(const struct queue_job *pub)
{
	const struct part *e = ((const struct job *)(const void *)pub)->part;

	return dest_open(e->dest) && record_works(e->dest->queue) && !e->held &&
	    !e->drop && !e->finish && queue_job_holds(pub) &&
	    (e->local || !dest_is_confined(e->dest));
}

bool
queue_job_holds(const struct queue_job *pub)
{
	const struct part *e = ((const struct job *)(const void *)pub)->part;

	return !part_is_lost(e) && store_holds(e->dest->queue->store, e->id);
}

/* When half of the jobs for notifications are free, as many of the waiting
 * destinations are handled again, in turn. */
static void
deadlines_unblock(struct queue *q)
{
	unsigned n = DEADLINE_JOBS / 2;
	struct dest *d;

	if (q->deadline_out > DEADLINE_JOBS / 2)
		return;
	while (n-- > 0 && (d = TAILQ_FIRST(&q->blocked)) != NULL) {
		dest_unblock(d);
		dest_touch(d);
	}
}

/* Frees the job; its part is in no order now. */
static struct part *
job_end(struct job *job)
{
	struct part *e = job->part;
	struct dest *d = e->dest;
	struct queue *q = d->queue;

	MX_ASSERT(e->state == PART_OUT);
	if (job->kind == JOB_DELIVER && job->epoch == dest_rare(d)->epoch)
		d->out--;
	else if (job->kind == JOB_DELIVER)
		d->rare->stuck--;
	else
		q->deadline_out--;
	deadlines_unblock(q);
	dest_touch(e->dest);
	LIST_REMOVE(job, link);
	free(job);
	return e;
}

static unsigned
grown(unsigned now, unsigned before)
{
	return now > before ? now - before : 0;
}

static void
count_pending(struct domain_stats *st, const struct envelope *env, bool lost)
{
	const struct rcpt *r;

	for (uint32_t i = 0; i < env->nrcpts; i++) {
		r = &env->rcpts[i];
		if (r->state != RCPT_PENDING)
			continue;
		/* the connection broke: 4.4.2 */
		st->deferred[status_label(lost ? 4 :
			r->status.cls != 0     ? r->status.subject :
						 STATUS_LABEL_MAX)]++;
	}
}

static struct tally
part_tally(const struct part *e)
{
	const struct part_rare *r = parts_rare(e->dest->queue, e);

	return r != NULL ? r->tally : (struct tally){ 0 };
}

/* Counts the outcomes since the last attempt and stores the new totals. Returns
 * the number of recipients delivered by this attempt. */
static unsigned
count_outcome(struct part *e, const struct envelope *env, int64_t now)
{
	struct queue *q = e->dest->queue;
	struct domain_stats *st = stats_domain(q->stats, e->dest->name);
	struct tally t, old = part_tally(e);
	unsigned got, pending;

	tally_count(env, &t);
	got = grown(t.delivered, old.delivered);
	st->delivered += got;
	st->expired += grown(t.expired, old.expired);
	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++)
		st->bounced[i] += grown(t.failed[i], old.failed[i]);
	if (got > 0) {
		st->delivered_messages += old.delivered == 0;
		st->delivered_bytes += part_size(e);
		hist_add(&q->stats->g.delivery_delay, &hist_delay,
		    (double)(now - e->arrival_ms) / 1000.0);
	}
	pending = envelope_count(env, RCPT_PENDING);
	e->dest->recipients += pending;
	e->dest->recipients -= e->pending;
	e->pending = (uint16_t)pending;
	if (pending < env->nrcpts)
		parts_rare_make(q, e)->tally = t;
	return got;
}

/* A recipient is to be tried later that was not refused. */
static bool
is_put_off(const struct envelope *env)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_PENDING &&
		    env->rcpts[i].code / 100 != 5)
			return true;
	return false;
}

/* Draws conclusions about the primary from a completed attempt. One that has
 * hung since before the last canary (`stuck`) proves nothing about its present
 * state. */
static void
learn_tried(struct dest *d, const struct envelope *env, unsigned got,
    bool stuck, int64_t now)
{
	if (got > 0)
		refusal_taken(d, env, now);
	if (stuck)
		return;
	if (d->rare != NULL)
		d->rare->losses = 0;
	breaker_tried(d, got > 0, false, now);
	if (got > 0) {
		if (d->rare != NULL)
			d->rare->fails = d->rare->canary_tries = 0;
		d->canary = false;
	} else if (d->canary && is_put_off(env)) {
		flush_canary_failed(d, false, now);
	} /* else refused, believed or not: the next part is the canary */
}

static void
learn_lost(struct dest *d, int64_t now)
{
	breaker_tried(d, false, true, now);
	if (d->canary) {
		flush_canary_failed(d, true, now);
	} else if (++dest_rare_make(d)->losses >= LOSSES_PACE) {
		d->rare->fails++;
		d->rare->losses = 0;
		dest_pause(d, 1000, TICK_MAX_MS, now);
	}
}

/* Some recipients are left: sets their next time, and writes it first. */
static void
defer(struct part *e, const struct envelope *env, unsigned step,
    int64_t wait_ms, int64_t now)
{
	const struct queue_policy *p = e->dest->policy;
	int64_t expiry = part_expiry(e), due;
	struct envelope *copy;

	if (expiry <= now) /* not expired, as the clock is doubted */
		expiry = INT64_MAX;
	e->attempts =
	    (uint16_t)(e->attempts < UINT16_MAX - step ? e->attempts + step :
							 UINT16_MAX);
	due = backoff_due(now,
	    backoff_delay(p->retry_first_ms, p->retry_max_ms, e->attempts),
	    rnd_below(1001), expiry);
	/* A contradiction of the knowledge is not retried as often. */
	if (due < now + wait_ms)
		due = now + wait_ms;
	if (e->finish) /* given up meanwhile: its sender is notified now */
		due = now;
	part_due(e, due);
	if (env == NULL) {
		part_back(e, now);
		return;
	}
	copy = envelope_copy(env);
	copy->last_try_ms = now;
	record_update(e, copy);
}

/* No further attempts. The part is removed when its sender has been sent all
 * notifications; until then it is on disk. */
static void
part_over(struct part *e, const struct envelope *env, int64_t put_off_ms,
    int64_t now)
{
	if (!envelope_owes(env)) {
		vault_or_remove(e, env);
		return;
	}
	e->finish = true;
	e->waited = true;
	part_due(e, now + put_off_ms);
	record_update(e, envelope_copy(env));
}

static void
log_given_up(const struct envelope *env, int64_t now)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].changed)
			mail_log_given_up(env, &env->rcpts[i],
			    env->rcpts[i].state == RCPT_EXPIRED ? "expired" :
								  "failed",
			    store_id_ms(env->id), now);
}

static void
done_tried(struct part *e, enum job_kind kind, const struct envelope *env,
    bool stuck, int64_t put_off_ms, int64_t wait_ms, int64_t now)
{
	struct dest *d = e->dest;
	unsigned got = count_outcome(e, env, now);

	e->losses = 0;
	e->suspect = part_suspected(env);
	if (e->pending > 0)
		flush_tried(e, FLUSH_DEFERRED, now);
	else if (part_tally(e).delivered > 0)
		flush_tried(e, FLUSH_DELIVERED, now);
	else
		flush_tried(e, FLUSH_FAILED, now);
	if (kind == JOB_DELIVER) {
		count_pending(stats_domain(d->queue->stats, d->name), env,
		    false);
		learn_tried(d, env, got, stuck, now);
	} else {
		log_given_up(env, now);
	}
	if (e->pending == 0)
		part_over(e, env, put_off_ms, now);
	else
		defer(e, env, 1, is_put_off(env) ? 0 : wait_ms, now);
	flush_settle(d, true);
}

/* The connection was lost. If it ended between two transactions of a message,
 * with some recipients decided, no message is to blame. Else this one may be:
 * after the second loss it waits, twice as long each time. A lost canary waits
 * at once, so that the next canary is another part. */
static void
done_lost(struct part *e, const struct envelope *env, bool stuck,
    int64_t put_off_ms, int64_t now)
{
	struct dest *d = e->dest;
	uint16_t before = e->pending;
	unsigned got = 0;
	bool canary, progress;

	if (env != NULL) {
		got = count_outcome(e, env, now);
		count_pending(stats_domain(d->queue->stats, d->name), env,
		    true);
	}
	/* Some recipients were refused before: the server may have closed for
	 * that reason, and the others are offered again at once. */
	progress = e->pending < before;
	canary = d->canary && !stuck && !progress;
	if (progress)
		e->losses = 0;
	else if (e->losses < UINT8_MAX)
		e->losses++;
	if (env != NULL && e->pending == 0) {
		flush_tried(e,
		    part_tally(e).delivered > 0 ? FLUSH_DELIVERED :
						  FLUSH_FAILED,
		    now);
		part_over(e, env, put_off_ms, now);
	} else if (canary || e->losses >= LOSSES_ALONE) {
		if (dest_flushing(d) && e->flush != d->flush_gen)
			dest_rare(d)->flush->lost++;
		flush_tried(e, FLUSH_DEFERRED, now);
		defer(e, env, e->losses >= LOSSES_ALONE ? 2 : 1, 0, now);
	} else if (progress) {
		part_due(e, now);
		record_update(e, envelope_copy(env));
	} else {
		part_due(e, now);
		part_back(e, now);
	}
	/* After the attempt was counted, since this may end the flush. */
	if (progress)
		learn_tried(d, env, got, stuck, now);
	else if (!stuck)
		learn_lost(d, now);
	flush_settle(d, !canary);
}

static void
done_damaged(struct part *e, const struct envelope *env, int64_t now)
{
	struct dest *d = e->dest;
	char id[TEXT_ID_MAX];

	log_error("queue", "id=%s event=damaged domain=%s state=held",
	    text_id(e->id, id), d->name);
	d->queue->stats->g.damaged[env != NULL ? DAMAGE_BODY : DAMAGE_RECORD]++;
	flush_tried(e, FLUSH_FAILED, now);
	e->damaged = true;
	e->held = true;
	e->finish = false;
	part_back(e, now);
	flush_settle(d, true);
}

static void
done_returned(struct part *e, enum job_kind kind, int64_t now)
{
	flush_settle(e->dest, true); /* an order took it out of the flush */
	part_back(e, now);
	if (kind != JOB_DELIVER && e->dest != NULL &&
	    e->deadline_ms != PART_NEVER)
		part_deadline_at(e, now + DEADLINE_AGAIN);
}

/* Another node has the part, or it was removed. Deliveries of ours count all
 * the same. */
static void
done_gone(struct part *e, const struct envelope *env, int64_t now)
{
	struct dest *d = e->dest;

	if (env != NULL)
		(void)count_outcome(e, env, now);
	flush_tried(e, FLUSH_FAILED, now);
	part_lose(e);
	flush_settle(d, true);
}

void
queue_done(struct queue *q, struct queue_job *pub, enum job_outcome outcome,
    const struct envelope *env)
{
	struct job *job = (struct job *)(void *)pub;
	enum job_kind kind = job->kind;
	struct part *e = job->part;
	bool stuck = job->epoch != dest_rare(e->dest)->epoch;
	int64_t put_off_ms = pub->put_off_ms, wait_ms = pub->wait_ms;
	int64_t now = clock_wall_ms();

	MX_ASSERT(e->dest->queue == q);
	e = job_end(job);
	if (part_is_lost(e) ||
	    (outcome == JOB_GONE && q->conf.shared && !e->local))
		done_gone(e, env, now);
	else if (outcome == JOB_TRIED && env != NULL)
		done_tried(e, kind, env, stuck, put_off_ms, wait_ms, now);
	else if (outcome == JOB_LOST && kind == JOB_DELIVER)
		done_lost(e, env, stuck, put_off_ms, now);
	else if (outcome == JOB_DAMAGED || outcome == JOB_GONE)
		done_damaged(e, env, now);
	else
		done_returned(e, kind, now);
}

void
queue_warned(struct queue *q, struct queue_job *pub, const struct envelope *env)
{
	struct job *job = (struct job *)(void *)pub;
	struct part *e;

	MX_ASSERT(job->part->dest->queue == q);
	e = job_end(job);
	if (part_is_lost(e)) {
		part_lose(e);
		return;
	}
	e->warned = env->warned;
	record_update(e, envelope_copy(env));
}

/* All of them are due at once: an old budget may have put them off by up to
 * dsn.lifetime. */
void
queue_owed_again(struct queue *q)
{
	round_begin(q, ROUND_OWED);
}

/* The queue itself paces the attempts: it wants no connections during the
 * pause. Several connections that fail together count once. A watched primary
 * is tried again soon, since the watchdog decides when it is down. */
void
queue_connect_failed(struct queue *q, const char *domain)
{
	struct dest *d = dest_find(q, domain);
	int64_t now = clock_wall_ms();

	if (d == NULL || dest_paused(d, now))
		return;
	breaker_tried(d, false, true, now);
	if (d->canary) {
		flush_canary_failed(d, true, now);
	} else {
		/* No event would end it: the primary is down already. */
		if (d->forced)
			flush_end(d, false);
	}
	dest_rare_make(d)->fails++;
	if (d->configured)
		dest_pause(d, 1000, TICK_MAX_MS, now);
	else
		dest_pause(d, d->policy->retry_first_ms / 10,
		    d->policy->retry_max_ms, now);
}
