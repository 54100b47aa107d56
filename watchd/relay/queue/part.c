/* SPDX-License-Identifier: ISC
 * part: one stored part in memory. Its state decides who may access its record:
 * a part whose record is being written is in no order from which it could be
 * taken, so that a deliverer never loads a record that is about to change.
 * part_set() is the only function that moves a part between the orders; it
 * keeps the totals right as well. Loop thread; nothing here fails. */
#include "base/mem.h"
#include "relay/queue/queue_int.h"

/* ENVELOPE_RCPT_MAX fits 16 bits. */
void
tally_count(const struct envelope *env, struct tally *t)
{
	const struct rcpt *r;

	*t = (struct tally){ 0 };
	for (uint32_t i = 0; i < env->nrcpts; i++) {
		r = &env->rcpts[i];
		switch ((enum rcpt_state)r->state) {
		case RCPT_PENDING:
			break;
		case RCPT_DELIVERED:
			t->delivered++;
			break;
		case RCPT_FAILED:
			t->failed[status_label(r->status.subject)]++;
			break;
		case RCPT_EXPIRED:
			t->expired++;
			break;
		}
	}
}

/* A recipient that is pending after a 5xx reply: the refusal was not believed.
 * 552 means too many recipients. */
bool
part_suspected(const struct envelope *env)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_PENDING &&
		    env->rcpts[i].code / 100 == 5 && env->rcpts[i].code != 552)
			return true;
	return false;
}

uint64_t
part_size(const struct part *e)
{
	return (uint64_t)e->size_high << 32 | e->size_low;
}

/* Enters the part into the order of those that can expire, or of the others. */
static void
part_shelve(struct part *e)
{
	e->kept = e->held || e->finish;
	order_insert(e, e->kept ? ORDER_KEPT : ORDER_AGE);
}

static void
part_class_enter(struct part *e, int64_t ms)
{
	struct dest_rare *r = dest_rare_make(e->dest);

	if (r->classes == NULL)
		r->classes = mem_alloc(sizeof(*r->classes));
	e->class = extend_class_enter(r->classes, ms) & (EXTEND_CLASSES - 1);
}

static void
part_class_leave(struct part *e)
{
	if (e->class != 0)
		extend_class_leave(e->dest->rare->classes, e->class);
	e->class = 0;
}

static void
part_unshelve(struct part *e)
{
	order_remove(e, e->kept ? ORDER_KEPT : ORDER_AGE);
}

static int64_t
age_step(const struct part *e)
{
	const struct part_rare *r = parts_rare(e->dest->queue, e);

	return r != NULL && r->age_step != 0 ? r->age_step :
					       e->arrival_ms / AGES_STEP_MS;
}

/* An arrival in the future, or one that was added while the clock was wrong, is
 * counted under another step than its own. */
void
part_count_age(struct part *e, int64_t now)
{
	struct queue *q = e->dest->queue;
	int64_t step = ages_add(&q->ages, e->arrival_ms, now);

	e->ring = q->back.ring & 1;
	if (step != e->arrival_ms / AGES_STEP_MS)
		parts_rare_make(q, e)->age_step = step;
	else if (e->rare)
		parts_rare(q, e)->age_step = 0;
}

/* Sets the time, by the present clock. */
static void
part_due_set(struct part *e, int64_t ms)
{
	e->due_ms = ms;
	e->clock = e->dest->queue->back.clock & (CLOCKS - 1);
}

static void
part_uncount_age(const struct part *e)
{
	struct queue *q = e->dest->queue;
	struct ages *a = e->ring == q->back.ring ? &q->ages : &q->back.ages;

	ages_remove(a, e->arrival_ms, age_step(e));
}

void
part_recount_age(struct part *e, int64_t now)
{
	part_uncount_age(e);
	part_count_age(e, now);
}

static void
part_fill(struct part *e, const struct envelope_brief *b)
{
	uint64_t size = b->size < PART_SIZE_MAX ? b->size : PART_SIZE_MAX;

	e->arrival_ms = b->arrival_ms;
	part_due_set(e, b->due_ms);
	e->size_low = (uint32_t)size;
	e->size_high = (uint8_t)(size >> 32);
	e->attempts =
	    b->attempts < UINT16_MAX ? (uint16_t)b->attempts : UINT16_MAX;
	e->warned = b->warned;
	e->held = e->held_stored = (b->flags & ENV_HELD) != 0;
	e->dsn = (b->flags & ENV_DSN) != 0;
	if (b->extended_ms > 0)
		part_class_enter(e, extend_sum(0, b->extended_ms));
	e->pending = (uint16_t)b->nrcpts;
}

/* Some recipients may have an outcome already. */
static void
part_fill_rcpts(struct part *e, const struct envelope *env)
{
	e->suspect = part_suspected(env);
	e->pending = (uint16_t)envelope_count(env, RCPT_PENDING);
	if (e->pending < env->nrcpts)
		tally_count(env, &parts_rare_make(e->dest->queue, e)->tally);
	if (e->pending == 0) {
		e->finish = envelope_owes(env);
		e->drop = !e->finish;
	}
}

/* Counts shared parts that are out or being written: their domain cannot
 * leave. */
static void
part_busies(const struct part *e, int n)
{
	if (e->dest->share != NULL && !e->local)
		e->dest->share->nbusy += (unsigned)n;
}

struct part *
part_add(struct queue *q, const struct envelope_brief *b, int64_t now)
{
	struct dest *d;
	struct part *e;

	if (parts_find(q, b->id) != NULL)
		return NULL;
	d = dest_get(q, b->domain);
	e = parts_take(q, b->id);
	e->dest = d;
	e->local = q->conf.shared && store_is_local(q->store, b->id);
	part_fill(e, b);
	if (b->env != NULL)
		part_fill_rcpts(e, b->env);
	e->flush = d->flush_gen;
	part_count_age(e, now);
	e->state = PART_OUT; /* in no order yet */
	part_busies(e, 1);
	part_shelve(e);
	order_insert(e, ORDER_ID);
	if (e->local)
		local_enter(e);
	dest_count(d, true, part_size(e));
	d->recipients += e->pending;
	q->messages++;
	/* A part that the engine may have already is not delivered before that
	 * is known. */
	e->move = e->local && !store_holds(q->store, b->id);
	part_back(e, now);
	return e;
}

static void
part_leave(struct part *e)
{
	struct dest *d = e->dest;

	switch ((enum part_state)e->state) {
	case PART_WAIT:
		order_remove(e, ORDER_WAIT);
		break;
	case PART_READY:
		order_remove(e, ORDER_READY);
		d->nready--;
		if (e->local)
			d->share->nlocal_ready--;
		break;
	case PART_HELD:
		d->rare->nheld--;
		d->rare->idle_bytes -= part_size(e);
		break;
	case PART_OWED:
		d->rare->nowed--;
		d->rare->idle_bytes -= part_size(e);
		/* The flush in progress did not count it (flush_start). */
		if (dest_flushing(d))
			e->flush = d->flush_gen;
		break;
	case PART_OUT:
	case PART_SAVING:
		part_busies(e, -1);
		break;
	case PART_GONE:
		break;
	}
}

void
part_set(struct part *e, enum part_state to)
{
	struct dest *d = e->dest;

	MX_ASSERT(e->state != PART_GONE);
	part_leave(e);
	e->state = (uint8_t)to;
	if (e->kept != (e->held || e->finish)) {
		part_unshelve(e);
		part_shelve(e);
	}
	switch (to) {
	case PART_WAIT:
		order_insert(e, ORDER_WAIT);
		break;
	case PART_READY:
		order_insert(e, ORDER_READY);
		d->nready++;
		if (e->local)
			d->share->nlocal_ready++;
		break;
	case PART_HELD:
		dest_rare_make(d)->nheld++;
		d->rare->idle_bytes += part_size(e);
		break;
	case PART_OWED:
		dest_rare_make(d)->nowed++;
		d->rare->idle_bytes += part_size(e);
		break;
	case PART_OUT:
	case PART_SAVING:
		part_busies(e, 1);
		break;
	case PART_GONE:
		break;
	}
	part_deadline_set(e);
	dest_touch(d);
}

/* Sets the time that it waits for, or at which a notification is due. */
void
part_due(struct part *e, int64_t ms)
{
	bool waits = e->state == PART_WAIT;

	if (waits)
		order_remove(e, ORDER_WAIT);
	part_due_set(e, ms);
	if (waits)
		order_insert(e, ORDER_WAIT);
}

/* Whether the flush in progress counts it, and it has not been tried yet. */
static bool
part_flushing(const struct part *e)
{
	return dest_flushing(e->dest) && e->flush != e->dest->flush_gen &&
	    e->state != PART_HELD && e->state != PART_OWED;
}

/* Subtracts it from the flush without an attempt. */
static void
part_unflush(struct part *e, enum flush_result result)
{
	if (!part_flushing(e))
		return;
	flush_tried(e, result, clock_wall_ms());
	flush_settle(e->dest, true);
}

/* Moves a part that is no longer busy to its state. If a flush began meanwhile,
 * the part was passed over: it is due now. */
void
part_back(struct part *e, int64_t now)
{
	if (e->finish)
		part_unflush(e, FLUSH_FAILED);
	else if (e->held && !e->drop)
		part_unflush(e, FLUSH_DEFERRED);
	else if (part_flushing(e) && e->due_ms > now)
		part_due(e, now);
	if (e->drop)
		vault_dropped(e);
	else if (e->held != e->held_stored || e->extending)
		record_order_one(e);
	else if (e->move && local_back(e))
		return;
	else if (e->finish)
		part_set(e, PART_OWED);
	else if (e->held)
		part_set(e, PART_HELD);
	else if (e->due_ms <= now)
		part_set(e, PART_READY);
	else
		part_set(e, PART_WAIT);
}

/* From now on only its id is kept, until the store has removed it. */
void
part_forget(struct part *e)
{
	struct dest *d = e->dest;
	struct queue *q = d->queue;

	part_unflush(e, FLUSH_FAILED);
	part_set(e, PART_GONE);
	part_unshelve(e);
	part_class_leave(e);
	if (e->local)
		local_leave(e);
	order_remove(e, ORDER_ID);
	dest_count(d, false, part_size(e));
	d->recipients -= e->pending;
	q->messages--;
	part_uncount_age(e);
	e->dest = NULL;
}

/* Drops an idle part from the index; a write that waits for a repetition is
 * dropped with it. */
void
part_drop(struct part *e)
{
	struct queue *q = e->dest->queue;

	record_drop(q, e);
	part_forget(e);
	parts_give(q, e);
}

/* None of its present orders depends on `local`. */
void
part_share(struct part *e)
{
	MX_ASSERT(e->local && e->state == PART_SAVING);
	local_leave(e);
	e->local = e->move = false;
	part_busies(e, 1);
}

int64_t
part_expiry(const struct part *e)
{
	const struct dest *d = e->dest;

	return e->arrival_ms +
	    (e->dsn ? d->queue->report_lifetime_ms : d->policy->lifetime_ms) +
	    extend_of(&dest_rare(d)->extend, e->arrival_ms) + part_extended(e);
}

int64_t
part_extended(const struct part *e)
{
	return e->class != 0 ? e->dest->rare->classes->of[e->class].ms : 0;
}

void
part_extend(struct part *e, int64_t add_ms)
{
	int64_t ms = extend_sum(part_extended(e), add_ms);
	struct dest_walk *w;

	part_unshelve(e);
	part_class_leave(e);
	part_class_enter(e, ms);
	part_shelve(e);
	e->extending = true;
	/* The part may have moved to behind the walk: it begins anew. */
	w = &e->dest->rare->walk;
	w->at = part_key_age(0, INT64_MIN, 0);
	part_deadline_set(e);
	dest_touch(e->dest);
}

/* The time at which a notification is due. A held part neither expires nor
 * warns: the operator wants it kept. A domain on hold does not expire either,
 * but its senders are warned of the delay. */
int64_t
part_deadline(const struct part *e)
{
	const struct queue_policy *p = e->dest->policy;
	int64_t at = part_expiry(e), warn;

	if (e->state == PART_OWED)
		return e->due_ms;
	if (e->state != PART_WAIT && e->state != PART_READY)
		return PART_NEVER;
	if (!e->dsn && e->warned < p->ndelay_warning) {
		warn = e->arrival_ms + p->delay_warning_ms[e->warned];
		if (warn < at)
			return warn;
	}
	return e->dest->on_hold ? PART_NEVER : at;
}

void
part_deadline_at(struct part *e, int64_t ms)
{
	if (ms == e->deadline_ms)
		return;
	if (e->deadline_ms != PART_NEVER)
		order_remove(e, ORDER_DEADLINE);
	e->deadline_ms = ms;
	if (ms != PART_NEVER)
		order_insert(e, ORDER_DEADLINE);
}

void
part_deadline_set(struct part *e)
{
	part_deadline_at(e, part_deadline(e));
}
