/* SPDX-License-Identifier: ISC
 * operator: the operations on the queue for the watchdog half and for
 * operators, as in relay/relay.h, except the listings (list.c). Holds and
 * extensions of a domain are small state in the store; those of a message are in
 * its record. An order for a part that is busy with a job or a write takes
 * effect when it is back. Loop thread. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define HOLD_PREFIX   "hold/"
#define EXTEND_PREFIX "extend/"

void
operator_extend_save(struct dest *d)
{
	struct buf text = BUF_INIT(EXTEND_TEXT_MAX);

	int rc = extend_format(&dest_rare(d)->extend, &text);

	MX_ASSERT(rc == 0); /* it holds EXTEND_MAX records */
	record_order(d, EXTEND_PREFIX, buf_str(&text), text.len);
	buf_fini(&text);
}

static void
load_hold(void *arg, const char *key, const void *data, size_t len)
{
	(void)data;
	(void)len;
	if (strncmp(key, HOLD_PREFIX, strlen(HOLD_PREFIX)) == 0)
		dest_get(arg, key + strlen(HOLD_PREFIX))->on_hold = true;
}

static void
load_extend(void *arg, const char *key, const void *data, size_t len)
{
	struct dest *d;

	if (strncmp(key, EXTEND_PREFIX, strlen(EXTEND_PREFIX)) != 0)
		return;
	d = dest_get(arg, key + strlen(EXTEND_PREFIX));
	if (extend_parse(&dest_rare_make(d)->extend, data, len) != 0)
		log_error("queue", "domain=%s event=extension_damaged",
		    d->name);
	dest_touch(d);
}

void
operator_told_hold(struct queue *q, const char *domain, bool hold)
{
	struct dest *d = hold ? dest_get(q, domain) : dest_find(q, domain);

	if (d == NULL || d->on_hold == hold)
		return;
	d->on_hold = hold;
	if (hold)
		flush_end(d, !d->canary);
	dest_walk(d, WALK_DEADLINE);
}

void
operator_told_extend(struct queue *q, const char *domain, const void *data,
    size_t len)
{
	struct dest *d = len > 0 ? dest_get(q, domain) : dest_find(q, domain);

	if (d == NULL || (len == 0 && d->rare == NULL))
		return;
	if (extend_parse(&dest_rare_make(d)->extend, data, len) != 0)
		log_error("queue", "domain=%s event=extension_damaged",
		    d->name);
	dest_walk(d, WALK_DEADLINE);
}

void
operator_load(struct queue *q)
{
	store_state_each(q->store, HOLD_PREFIX, load_hold, q);
	store_state_each(q->store, EXTEND_PREFIX, load_extend, q);
}

static void
relay_op_domain(void *self, const char *domain, struct relay_domain *out)
{
	const struct dest_rare *r;
	struct dest *d = dest_find(self, domain);
	int64_t now = clock_wall_ms();
	struct part *e;

	*out = (struct relay_domain){ .flush = { .eta_ms = -1 } };
	out->flush.domain = domain;
	out->theirs = !queue_is_attached(self, domain);
	if (d == NULL)
		return;
	r = dest_rare(d);
	out->active = d->out + r->stuck + (dest_open(d) ? dest_nready(d) : 0);
	out->held = d->on_hold ? d->n - d->out - r->stuck : r->nheld;
	out->deferred = d->n - out->active - out->held;
	out->owed = r->nowed;
	out->recipients = d->recipients;
	out->bytes = d->bytes;
	if ((e = dest_oldest(d)) != NULL)
		out->oldest_ms = e->arrival_ms;
	if ((e = dest_oldest_of(d, ORDER_AGE)) != NULL)
		out->oldest_live_ms = e->arrival_ms;
	out->next_expiry_ms = dest_next_expiry(d);
	(void)dest_ripest(d, now, &out->ripest_ms, &out->ripest_life_ms);
	if (dest_open(d)) {
		if (dest_nready(d) > 0)
			out->next_try_ms = now;
		else if ((e = order_min(d, ORDER_WAIT)) != NULL)
			out->next_try_ms = e->due_ms;
		if (out->next_try_ms != 0 && dest_paused(d, now) &&
		    r->pause_ms > out->next_try_ms)
			out->next_try_ms = r->pause_ms;
	}
	out->canary = d->canary;
	out->connections_wanted = d->wanted;
	out->on_hold = d->on_hold;
	out->broken = d->broken;
	out->broken_ms = r->broken_ms;
	out->trial_ms = d->broken ? r->trial_ms : 0;
	out->trials = r->trials;
	out->broken_reply = d->broken ? r->breaker_reply : NULL;
	out->broken_primary = d->broken ? breaker_primary_label(d) : NULL;
	out->broken_domains = breaker_primary_domains(d, &out->broken_speaks);
	out->put_off = refusal_put_off(d, now);
	learn_summary(d, out);
	local_summary(d, out);
	flush_view(d, now, &out->flush);
}

static void
relay_op_others(void *self, struct relay_domain *out)
{
	struct queue *q = self;
	const struct heap_node *n = heap_min(&q->others);

	*out = (struct relay_domain){ .flush = { .eta_ms = -1 } };
	out->deferred = q->others_n;
	out->bytes = q->others_bytes;
	out->oldest_ms = n != NULL ? n->key : 0;
}

static void
relay_op_ages(void *self, int64_t now_ms, const double *le, unsigned n,
    uint64_t *count, double *sum)
{
	struct queue *q = self;
	uint64_t other[HIST_MAX + 1];

	ages_count(&q->ages, now_ms, le, n, count);
	*sum = ages_sum(&q->ages, now_ms);
	if (!q->back.walking)
		return;
	MX_ASSERT(n <= HIST_MAX);
	ages_count(&q->back.ages, now_ms, le, n, other);
	for (unsigned i = 0; i <= n; i++)
		count[i] += other[i];
	*sum += ages_sum(&q->back.ages, now_ms);
}

static int
relay_op_flush(void *self, const char *domain, enum flush_trigger trigger,
    bool dry_run, struct relay_flush *out)
{
	struct dest *d = dest_find(self, domain);

	if (d != NULL)
		return flush_start(d, trigger, dry_run, out);
	*out = (struct relay_flush){
		.domain = domain,
		.trigger = trigger,
		.eta_ms = -1,
	};
	return -MX_ENOENT;
}

static int
relay_op_hold_domain(void *self, const char *domain, bool hold)
{
	struct dest *d = dest_find(self, domain);

	if (d == NULL)
		return -MX_ENOENT;
	if (!hold)
		breaker_reset(d, "released by the operator");
	if (d->on_hold == hold)
		return 0;
	d->on_hold = hold;
	record_order(d, HOLD_PREFIX, "1", hold ? 1 : 0);
	/* Counts as a success if the primary has accepted a part: it is not the
	 * primary that ends the flush. */
	if (hold)
		flush_end(d, !d->canary);
	log_notice("queue", "domain=%s event=%s", d->name,
	    hold ? "hold" : "release");
	/* A domain on hold does not expire: its deadlines change both ways. */
	dest_walk(d, WALK_DEADLINE);
	return 0;
}

static int
relay_op_extend(void *self, const char *domain, int64_t add_ms)
{
	struct extend *x;
	struct dest *d = dest_find(self, domain);

	if (add_ms <= 0)
		return -MX_ESYNTAX;
	if (d == NULL || d->n == 0)
		return -MX_ENOENT;
	x = &dest_rare_make(d)->extend;
	extend_trim(x, dest_oldest(d)->arrival_ms);
	extend_add(x, clock_wall_ms(), add_ms);
	operator_extend_save(d);
	log_notice("queue", "domain=%s event=extend seconds=%jd messages=%ju",
	    d->name, (intmax_t)(add_ms / 1000), (uintmax_t)d->n);
	/* Deadlines that are too early now are corrected when they come. */
	dest_touch(d);
	return 0;
}

/* An order for single parts. */
struct operator_order {
	void (*fn)(struct part *, const struct operator_order *);
	int64_t now;
	int64_t add_ms; /* of an extension */
};

/* Applies it to the part, or to all parts of its message; 0 if there was any. A
 * part that is out may come back, or be delivered. */
static int
each_part(struct queue *q, uint64_t id, bool all_parts,
    struct operator_order order, struct relay_ordered *out)
{
	struct relay_ordered o = { .domain = "" };
	uint64_t first = all_parts ? id & ~UINT64_C(0xff) : id;
	uint64_t last = all_parts ? id | 0xff : id;
	struct part *e;

	order.now = clock_wall_ms();
	for (uint64_t i = first; i - first <= last - first; i++) {
		e = parts_find(q, i);
		if (e == NULL || e->state == PART_GONE || part_is_lost(e))
			continue;
		o.domain = e->dest->name;
		o.bytes += part_size(e);
		if (e->state == PART_OUT)
			o.in_hand++;
		else
			o.done++;
		order.fn(e, &order);
	}
	if (out != NULL) {
		out->done += o.done;
		out->in_hand += o.in_hand;
		out->bytes += o.bytes;
		out->domain = o.domain;
	}
	return o.done + o.in_hand > 0 ? 0 : -MX_ENOENT;
}

/* Moves the part to the state that its flags require; a busy part follows when
 * it is back. */
static void
part_order(struct part *e, int64_t now)
{
	struct dest *d = e->dest;

	if (part_busy(e))
		return;
	part_back(e, now);
	flush_settle(d, true);
}

static void
part_hold(struct part *e, const struct operator_order *o)
{
	if (e->held)
		return;
	e->held = true;
	/* A flush does not count parts that were held at its start: one that is
	 * held now is subtracted. */
	flush_tried(e, FLUSH_DEFERRED, o->now);
	part_order(e, o->now);
}

static void
part_release(struct part *e, const struct operator_order *o)
{
	if (!e->held)
		return;
	e->held = false;
	if (dest_flushing(e->dest))
		e->flush = e->dest->flush_gen;
	part_order(e, o->now);
}

static void
part_bounce(struct part *e, const struct operator_order *o)
{
	e->finish = true;
	e->given_up = true;
	part_due(e, o->now);
	if (!e->held)
		flush_tried(e, FLUSH_FAILED, o->now);
	else if (e->state == PART_HELD && dest_flushing(e->dest))
		e->flush = e->dest->flush_gen; /* not counted by the flush */
	part_order(e, o->now);
}

static void
part_remove(struct part *e, const struct operator_order *o)
{
	e->drop = true;
	if (!e->held)
		flush_tried(e, FLUSH_FAILED, o->now);
	part_order(e, o->now);
}

static void
part_purge(struct part *e, const struct operator_order *o)
{
	e->purge = true;
	part_remove(e, o);
}

static void
part_live_longer(struct part *e, const struct operator_order *o)
{
	part_extend(e, o->add_ms);
	part_order(e, o->now);
}

static int
relay_op_hold(void *self, uint64_t id, bool hold, bool all_parts,
    struct relay_ordered *out)
{
	struct operator_order o = { .fn = hold ? part_hold : part_release };

	return each_part(self, id, all_parts, o, out);
}

static int
relay_op_bounce(void *self, uint64_t id, bool all_parts,
    struct relay_ordered *out)
{
	struct operator_order o = { .fn = part_bounce };

	return each_part(self, id, all_parts, o, out);
}

static int
relay_op_remove(void *self, uint64_t id, bool all_parts, bool purge,
    struct relay_ordered *out)
{
	struct operator_order o = { .fn = purge ? part_purge : part_remove };

	return each_part(self, id, all_parts, o, out);
}

static int
relay_op_extend_one(void *self, uint64_t id, int64_t add_ms, bool all_parts,
    struct relay_ordered *out)
{
	struct operator_order o = { .fn = part_live_longer, .add_ms = add_ms };

	if (add_ms <= 0)
		return -MX_ESYNTAX;
	return each_part(self, id, all_parts, o, out);
}

void
operator_init(struct queue *q)
{
	q->relay = (struct relay){
		.self = q,
		.domain = relay_op_domain,
		.others = relay_op_others,
		.ages = relay_op_ages,
		.list = list_messages,
		.look = list_look,
		.show = list_show,
		.content = content_read,
		.unreadable = list_unreadable,
		.came = list_came,
		.flush = relay_op_flush,
		.hold_domain = relay_op_hold_domain,
		.hold = relay_op_hold,
		.extend = relay_op_extend,
		.extend_one = relay_op_extend_one,
		.bounce = relay_op_bounce,
		.remove = relay_op_remove,
		.refused = refused_list,
		.learned = learn_list,
		.vault = vault_view,
		.vault_list = vault_list,
		.replay = vault_replay,
		.purge = vault_purge,
	};
	import_init(&q->relay);
}
