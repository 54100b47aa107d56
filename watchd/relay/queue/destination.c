/* SPDX-License-Identifier: ISC
 * destination: one domain and its queued parts. Each change touches its
 * destination; the queue's task then handles it once, after the callbacks of
 * this turn: it tells the deliverers how many connections would have work,
 * reports events to the owner, and updates the timer. So a burst of changes
 * costs one pass, and no callback comes from inside a call to the queue. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/queue/queue_int.h"

int
dest_cmp(const struct dest *a, const struct dest *b)
{
	return strcmp(a->name, b->name);
}

RB_GENERATE(dest_tree, dest, link, dest_cmp)

/* Without RB_FIND, which would need a whole struct dest for the name. */
struct dest *
dest_find(const struct queue *q, const char *name)
{
	struct dest *d = RB_ROOT(&q->dests);
	int c;

	while (d != NULL && (c = strcmp(name, d->name)) != 0)
		d = c < 0 ? RB_LEFT(d, link) : RB_RIGHT(d, link);
	return d;
}

struct dest *
dest_get(struct queue *q, const char *name)
{
	struct dest *d = dest_find(q, name);
	size_t len = strlen(name) + 1;

	if (d != NULL)
		return d;
	d = mem_alloc(sizeof(*d) + len);
	memcpy(d->name, name, len);
	d->queue = q;
	d->policy = policy_share(q, &q->policy);
	d->gate = GATE_OPEN;
	d->canary = true;
	if (q->conf.shared)
		d->share = mem_alloc(sizeof(*d->share));
	RB_INSERT(dest_tree, &q->dests, d);
	return d;
}

static const struct dest_rare nothing_rare;

const struct dest_rare *
dest_rare(const struct dest *d)
{
	return d->rare != NULL ? d->rare : &nothing_rare;
}

struct dest_rare *
dest_rare_make(struct dest *d)
{
	if (d->rare == NULL) {
		d->rare = mem_alloc(sizeof(*d->rare));
		breaker_init(d);
	}
	return d->rare;
}

static void
dest_rare_free(struct dest *d)
{
	if (d->rare == NULL)
		return;
	dest_unblock(d);
	breaker_primary_leave(d);
	breaker_fini(d, false);
	extend_fini(&d->rare->extend);
	mem_free(&d->rare->classes);
	free(d->rare->flush);
	free(d->rare->breaker_reply);
	mem_free(&d->rare);
}

/* The destination must not be in queue.touched. */
void
dest_free(struct dest *d)
{
	struct queue *q = d->queue;

	dest_rare_free(d);
	heap_remove(&q->times, &d->time);
	heap_remove(&q->others, &d->other);
	RB_REMOVE(dest_tree, &q->dests, d);
	policy_leave(q, d->policy);
	orders_fini(d);
	local_fini(d);
	free(d->share);
	learn_fini(d);
	free(d);
}

void
dest_touch(struct dest *d)
{
	struct queue *q = d->queue;

	if (d->touched)
		return;
	d->touched = true;
	STAILQ_INSERT_TAIL(&q->touched, d, touched_link);
	loop_task_schedule(q->task);
}

bool
dest_open(const struct dest *d)
{
	if (d->on_hold)
		return false;
	return d->broken ? d->trial : d->gate == GATE_OPEN || d->forced;
}

/* A pause longer than the longest possible means that the wall clock was set
 * back. */
bool
dest_paused(const struct dest *d, int64_t now)
{
	int64_t longest = d->policy->retry_max_ms * 2 + TICK_MAX_MS * 2;

	return dest_rare(d)->pause_ms > now &&
	    dest_rare(d)->pause_ms - now <= longest;
}

/* Whether mail may be sent. Not while the store refuses outcomes: a delivery
 * that is not recorded would be repeated after a restart. */
static bool
dest_working(const struct dest *d, int64_t now)
{
	return dest_open(d) && !dest_paused(d, now) && record_works(d->queue);
}

/* The limit of parts out at a time: one while a canary is needed, else that of
 * the policy. The deliverer knows the limits of the host. */
static unsigned
dest_most(const struct dest *d)
{
	return d->canary || d->policy->out_max == 0 ? 1 : d->policy->out_max;
}

bool
dest_takeable(const struct dest *d, int64_t now)
{
	return dest_nready(d) > 0 && d->out < dest_most(d) &&
	    dest_working(d, now);
}

uint32_t
dest_nready(const struct dest *d)
{
	return dest_is_confined(d) ? local_ready(d) : d->nready;
}

struct part *
dest_ready(const struct dest *d, bool suspect, bool last)
{
	struct part *here = NULL, *e = NULL;
	bool less;

	if (local_ready(d) > 0)
		here = ready_of(d, suspect, true, last);
	if (!dest_is_confined(d))
		e = ready_of(d, suspect, false, last);
	if (here == NULL || e == NULL)
		return here != NULL ? here : e;
	less = btree_key_less(part_key_age(0, here->arrival_ms, here->id),
	    part_key_age(0, e->arrival_ms, e->id));
	return less != last ? here : e;
}

/* The earliest deadline. Shared parts count only where they may be handed out:
 * their owner sends the notifications. */
struct part *
dest_deadline(const struct dest *d)
{
	struct part *here = local_any(d) ? deadline_of(d, true) : NULL;
	struct part *e = dest_is_confined(d) ? NULL : deadline_of(d, false);

	if (here == NULL || e == NULL)
		return here != NULL ? here : e;
	return here->deadline_ms < e->deadline_ms ? here : e;
}

void
dest_pause(struct dest *d, int64_t first_ms, int64_t max_ms, int64_t now)
{
	int64_t until = backoff_due(now,
	    backoff_delay(first_ms, max_ms, dest_rare(d)->fails),
	    rnd_below(1001), INT64_MAX);

	if (!dest_paused(d, now) || until > dest_rare(d)->pause_ms)
		dest_rare_make(d)->pause_ms = until;
	dest_touch(d);
}

/* Closes the gate. Deliveries in progress are not cancelled; each ends in
 * queue_done(). */
void
dest_close(struct dest *d)
{
	d->gate = GATE_CLOSED;
	d->forced = false;
	flush_end(d, false);
	dest_touch(d);
}

/* Requires a new canary. Parts that are still out count as stuck: they may wait
 * for minutes for a primary that hung and has been restarted since, and neither
 * block the canary nor prove anything about the present primary. */
void
dest_canary(struct dest *d)
{
	struct dest_rare *r;

	d->canary = true;
	if (d->rare == NULL && d->out == 0)
		return; /* no job is out */
	r = dest_rare_make(d);
	r->stuck += d->out;
	d->out = 0;
	r->epoch++;
}

/* Starts a walk over all parts, which is finished at once for a small queue. */
void
dest_walk(struct dest *d, unsigned what)
{
	struct dest_walk w = { dest_rare(d)->walk.what | what,
		{ INT64_MIN, 0 } };
	unsigned budget = WALK_STEP;

	dest_walk_some(d, &w, &budget, clock_wall_ms());
	if (w.what != 0 || d->rare != NULL)
		dest_rare_make(d)->walk = w;
	dest_touch(d);
}

static bool
is_older(const struct part *a, const struct part *b)
{
	return b == NULL || a->arrival_ms < b->arrival_ms ||
	    (a->arrival_ms == b->arrival_ms && a->id < b->id);
}

/* The oldest part of a class that arrived at that time or later. */
static struct part *
oldest_from(const struct dest *d, enum part_order order, unsigned class,
    int64_t arrival_ms)
{
	const struct extend_classes *x = dest_rare(d)->classes;
	struct part *e;

	if (class > 0 && (x == NULL || x->of[class].parts == 0))
		return NULL;
	e = order_from(d, order, part_key_age(class, arrival_ms, 0));
	return e != NULL && e->class == class ? e : NULL;
}

struct part *
dest_oldest_of(const struct dest *d, enum part_order order)
{
	struct part *best = NULL, *e;

	for (unsigned c = 0; c < EXTEND_CLASSES; c++) {
		e = oldest_from(d, order, c, INT64_MIN);
		if (e != NULL && is_older(e, best))
			best = e;
	}
	return best;
}

struct part *
dest_oldest(const struct dest *d)
{
	struct part *a = dest_oldest_of(d, ORDER_AGE);
	struct part *k = dest_oldest_of(d, ORDER_KEPT);

	return a != NULL && is_older(a, k) ? a : k;
}

/* Calls fn for the oldest part of each class that the same extensions cover:
 * among these are the next to expire and the one that has used the largest part
 * of its lifetime. */
static void
each_first(const struct dest *d, enum part_order order,
    void (*fn)(const struct part *, void *arg), void *arg)
{
	const struct extend *x = &dest_rare(d)->extend;
	const struct part *e;

	for (unsigned c = 0; c < EXTEND_CLASSES; c++) {
		e = oldest_from(d, order, c, INT64_MIN);
		for (unsigned i = 0; e != NULL; i++) {
			fn(e, arg);
			if (i == x->n)
				break;
			e = oldest_from(d, order, c, x->rec[i].until_ms + 1);
		}
	}
}

static void
expiry_of(const struct part *e, void *arg)
{
	int64_t *best = arg;

	if (*best == 0 || part_expiry(e) < *best)
		*best = part_expiry(e);
}

/* In a domain on hold nothing expires. */
int64_t
dest_next_expiry(const struct dest *d)
{
	int64_t best = 0;

	if (!d->on_hold)
		each_first(d, ORDER_AGE, expiry_of, &best);
	return best;
}

struct ripest {
	int64_t now, arrival, life;
};

static void
ripest_of(const struct part *e, void *arg)
{
	int64_t life = part_expiry(e) - e->arrival_ms;
	struct ripest *r = arg;

	/* By multiplication: age / life > its age / its life. */
	if (r->life == 0 ||
	    (double)(r->now - e->arrival_ms) * (double)r->life >
		(double)(r->now - r->arrival) * (double)life) {
		r->arrival = e->arrival_ms;
		r->life = life;
	}
}

bool
dest_ripest(const struct dest *d, int64_t now, int64_t *arrival, int64_t *life)
{
	struct ripest r = { .now = now };

	each_first(d, ORDER_AGE, ripest_of, &r);
	each_first(d, ORDER_KEPT, ripest_of, &r);
	*arrival = r.arrival;
	*life = r.life;
	return r.life > 0;
}

/* Of several breakers that tripped together only one is reported; a reset is
 * reported only if the trip was. */
static void
notify_breaker(struct dest *d, unsigned notes)
{
	const struct queue_ops *ops = &d->queue->ops;
	bool tripped = (notes & NOTE_BREAKER) != 0, speaks;
	bool tell = dest_rare(d)->told;

	if (tripped) {
		(void)breaker_primary_domains(d, &speaks);
		tell = speaks && (notes & NOTE_BREAKER_NEW) != 0;
		dest_rare_make(d)->told = speaks;
	}
	ops->breaker(ops->arg, d->name, tripped, tell,
	    dest_rare(d)->breaker_reply);
}

void
dest_notify(struct dest *d, int64_t now)
{
	const struct queue_ops *ops = &d->queue->ops;
	unsigned notes = d->notes;
	struct relay_flush view;

	d->notes = 0;
	if (notes == 0)
		return;
	flush_view(d, now, &view);
	if (notes & NOTE_FLUSH_BEGIN)
		ops->flush(ops->arg, &view, true, true);
	if (notes & (NOTE_BREAKER | NOTE_MENDED))
		notify_breaker(d, notes);
	if (notes & NOTE_FLUSH_END)
		ops->flush(ops->arg, &view, false, notes & NOTE_FLUSH_OK);
}

static void
dest_want(struct dest *d, int64_t now)
{
	const struct queue_ops *ops = &d->queue->ops;
	uint64_t work = dest_nready(d) + d->out;
	unsigned n = 0;

	if (dest_working(d, now))
		n = (work < dest_most(d) ? (unsigned)work : dest_most(d)) +
		    dest_rare(d)->stuck;
	if (n == d->wanted && !(d->starved && dest_takeable(d, now)))
		return;
	d->wanted = n;
	d->starved = false;
	ops->want(ops->arg, d->name, n);
}

/* Its deadlines wait until notifications of other domains have ended. */
static void
dest_block(struct dest *d)
{
	struct dest_rare *r = dest_rare_make(d);

	if (r->blocked)
		return;
	r->blocked = true;
	TAILQ_INSERT_TAIL(&d->queue->blocked, d, rare->blocked_link);
}

void
dest_unblock(struct dest *d)
{
	if (!dest_rare(d)->blocked)
		return;
	d->rare->blocked = false;
	TAILQ_REMOVE(&d->queue->blocked, d, rare->blocked_link);
}

static void
dest_retime(struct dest *d, int64_t now)
{
	struct queue *q = d->queue;
	struct part *e;
	int64_t at = INT64_MAX, trial;

	if ((e = order_min(d, ORDER_WAIT)) != NULL)
		at = e->due_ms;
	e = dest_deadline(d);
	if (e != NULL && q->clock_step.doubted && !e->finish)
		e = NULL;
	if (e != NULL && e->deadline_ms < at) {
		if (q->deadline_out < DEADLINE_JOBS)
			at = e->deadline_ms;
		else
			dest_block(d);
	}
	if (dest_paused(d, now) && dest_rare(d)->pause_ms < at)
		at = dest_rare(d)->pause_ms;
	if ((trial = breaker_next(d, now)) != 0 && trial < at)
		at = trial;
	if (dest_rare(d)->walk.what != 0)
		at = now;
	if (at == INT64_MAX)
		heap_remove(&q->times, &d->time);
	else if (heap_holds(&d->time))
		heap_change(&q->times, &d->time, at);
	else
		heap_insert(&q->times, &d->time, at);
}

/* Whether it can be freed: domains to which only our own notifications go are
 * temporary. */
static bool
dest_unused(const struct dest *d)
{
	return d->n == 0 && !d->configured && !d->on_hold &&
	    dest_rare(d)->extend.n == 0 && !d->touched && d->wanted == 0 &&
	    d->learn == NULL && LIST_EMPTY(&dest_rare(d)->vaulted) &&
	    !attach_keeps(d);
}

void
dest_configure(struct dest *d, bool configured)
{
	struct queue *q = d->queue;

	if (d->configured == configured)
		return;
	d->configured = configured;
	q->others_n += configured ? -(uint64_t)d->n : d->n;
	q->others_bytes += configured ? -d->bytes : d->bytes;
	dest_touch(d);
}

/* Counts a part that was added or removed. */
void
dest_count(struct dest *d, bool came, uint64_t size)
{
	struct queue *q = d->queue;

	d->n += came ? 1u : -1u;
	d->bytes += came ? size : -size;
	if (d->configured)
		return;
	q->others_n += came ? 1u : -UINT64_C(1);
	q->others_bytes += came ? size : -size;
}

/* Updates its place among the destinations that nobody configured. */
static void
dest_time_other(struct dest *d)
{
	struct queue *q = d->queue;

	if (d->configured || d->n == 0)
		heap_remove(&q->others, &d->other);
	else if (heap_holds(&d->other))
		heap_change(&q->others, &d->other, dest_oldest(d)->arrival_ms);
	else
		heap_insert(&q->others, &d->other, dest_oldest(d)->arrival_ms);
}

void
dest_settle(struct dest *d, int64_t now)
{
	/* Extensions apply to the mail that was queued then: none is left. */
	if (d->n == 0 && !d->queue->loading && d->rare != NULL &&
	    attach_is_read(d) && extend_trim(&d->rare->extend, INT64_MAX))
		operator_extend_save(d);
	attach_settle(d);
	dest_notify(d, now);
	dest_want(d, now);
	dest_retime(d, now);
	dest_time_other(d);
	stats_touch(d->queue->stats, d->name);
	if (dest_unused(d))
		dest_free(d);
}
