/* SPDX-License-Identifier: ISC
 * book_feed: the inputs: verdicts on primaries, blocks of domains, and outages
 * that a former run left open. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ledger/book_int.h"

/* A domain follows its primary within the fan-out and a tick. */
#define FOLLOWS_SEC 60

/* ---- primaries */

static void
primary_fails(struct book *b, const struct book_verdict *v,
    const struct book_time *t)
{
	struct open_outage *e = book_find(b, OUTAGE_PRIMARY, v->label);

	if (e == NULL) {
		e = book_begin(b, OUTAGE_PRIMARY, v->label, t);
		if (e == NULL)
			return;
		e->o.phase = v->phase;
		e->o.by_delivery = v->by_delivery;
		outage_text_set(&e->o.reply, v->reply);
	} else if (e->again_ns == 0) {
		e->again_ns = t->now;
		e->again = t->wall_ms / 1000;
	}
}

static void
primary_down(struct book *b, const struct book_verdict *v,
    const struct book_time *t)
{
	struct open_outage *e = book_find(b, OUTAGE_PRIMARY, v->label);

	if (e != NULL && book_is_past(b, e, t->now)) {
		book_close(b, e, t);
		e = NULL;
	}
	if (e == NULL) {
		primary_fails(b, v, t);
		e = book_find(b, OUTAGE_PRIMARY, v->label);
	}
	if (e == NULL)
		return;
	e->o.domains = v->domains;
	book_down(b, e, t);
}

static void
primary_up(struct book *b, const struct book_verdict *v,
    const struct book_time *t)
{
	struct open_outage *e = book_find(b, OUTAGE_PRIMARY, v->label);

	if (e == NULL)
		return;
	e->again_ns = e->again = 0;
	if (e->o.state == OUTAGE_SUSPECTED)
		book_end(b, e);
	else if (e->o.state == OUTAGE_DOWN)
		book_recovered(e, t);
}

void
book_primary(struct book *b, const struct book_verdict *v,
    const struct book_time *t)
{
	switch (v->state) {
	case HEALTH_SUSPECT:
		primary_fails(b, v, t);
		break;
	case HEALTH_DOWN:
		primary_down(b, v, t);
		break;
	case HEALTH_UP:
	case HEALTH_RECOVERING:
	case HEALTH_DISABLED:
		primary_up(b, v, t);
		break;
	default: /* unknown: unchanged */
		break;
	}
}

/* ---- domains: by which primary, and by itself */

static bool
is_alone(const struct snap_domain *d)
{
	return d->broken || d->breaker_is_tripped || d->self_mx_since != 0;
}

static uint64_t
came(const struct snap_domain *d)
{
	return d->count.accepted_messages + d->count.refused;
}

static bool
matters(const struct snap_domain *was, const struct snap_domain *is)
{
	if (is->state != HEALTH_DOWN && is->state != HEALTH_SUSPECT)
		return false;
	return snap_domain_messages(is) > 0 ||
	    (is->state == HEALTH_DOWN && is_alone(is)) ||
	    (was != NULL && came(is) > came(was));
}

/* The primary that it waits for: among those that fail the one that failed
 * last, because before that another one took its mail. */
static struct open_outage *
parent_of(const struct book *b, const struct snap_domain *d)
{
	struct open_outage *best = NULL, *e;

	if (is_alone(d))
		return NULL;
	for (unsigned i = 0; i < d->nprimaries; i++) {
		e = book_find(b, OUTAGE_PRIMARY, d->primary[i].label);
		if (e == NULL || e->o.state == OUTAGE_OVER ||
		    e->o.state == OUTAGE_DRAINING)
			continue;
		if (best == NULL || e->failed_ns > best->failed_ns)
			best = e;
	}
	return best;
}

static enum smtp_phase
phase_of(const struct snap_domain *d)
{
	for (unsigned i = 0; i < d->nprimaries; i++)
		if (d->primary[i].probed && !d->primary[i].healthy)
			return d->primary[i].failed_phase;
	return SMTP_PHASE_NONE;
}

/* It failed when its primary did, if it follows that one. */
static void
begin_with(struct open_outage *e, const struct open_outage *parent,
    const struct snap_domain *is)
{
	if (parent != NULL &&
	    (parent->o.state == OUTAGE_SUSPECTED ||
		is->state_since <= parent->o.detected + FOLLOWS_SEC)) {
		e->o.failed = parent->o.failed;
		e->failed_ns = e->counted_ns = parent->failed_ns;
		e->o.phase = parent->o.phase;
		e->o.by_delivery = parent->o.by_delivery;
		outage_text_set(&e->o.reply, parent->o.reply);
		return;
	}
	if (is->state_since != 0 && is->state_since < e->o.failed) {
		e->failed_ns -= (e->o.failed - is->state_since) * CLOCK_SEC;
		e->counted_ns = e->failed_ns;
		e->o.failed = is->state_since;
	}
	e->o.by_delivery = is_alone(is);
	e->o.phase = is_alone(is) ? SMTP_PHASE_NONE : phase_of(is);
	outage_text_set(&e->o.reply, is->cause);
}

static void
count_unrecorded(const struct book *b, const struct snap_domain *was,
    const struct snap_domain *is)
{
	struct open_outage *p = parent_of(b, is);

	if (p != NULL && p->o.state == OUTAGE_DOWN &&
	    (was == NULL || !matters(NULL, was))) {
		p->o.unrecorded++;
		p->figures = true;
	}
}

/* ---- domains: figures */

static void
counts_of(const struct snap_domain *d, struct outage_counts *c)
{
	*c = (struct outage_counts){ .accepted = d->count.accepted_messages,
		.refused = d->count.refused,
		.delivered = d->count.delivered_messages,
		.expired = d->count.expired };
	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++)
		c->returned += d->count.bounced[i];
}

static uint64_t
less(uint64_t is, uint64_t was)
{
	return is > was ? is - was : 0;
}

static void
add_counts(struct open_outage *e, const struct outage_counts *d)
{
	e->o.accepted += d->accepted;
	e->o.refused += d->refused;
	e->o.delivered += d->delivered;
	e->o.returned += d->returned;
	e->o.expired += d->expired;
	e->rate_count += d->delivered;
	e->figures = true;
}

static void
see_depth(struct open_outage *e, uint64_t messages)
{
	e->messages = messages;
	if (messages > e->o.depth) {
		e->o.depth = messages;
		e->figures = true;
	}
}

static void
see_age(struct open_outage *e, int64_t oldest_ms, int64_t wall_ms)
{
	if (oldest_ms != 0 && wall_ms - oldest_ms > e->o.age_ms)
		e->o.age_ms = wall_ms - oldest_ms;
}

/* True: something was delivered. */
static bool
take_counts(struct open_outage *e, const struct snap_domain *is)
{
	struct outage_counts now, d;

	counts_of(is, &now);
	d = (struct outage_counts){ less(now.accepted, e->last.accepted),
		less(now.refused, e->last.refused),
		less(now.delivered, e->last.delivered),
		less(now.returned, e->last.returned),
		less(now.expired, e->last.expired) };
	e->last = now;
	if (e->o.state == OUTAGE_OVER ||
	    d.accepted + d.refused + d.delivered + d.returned + d.expired == 0)
		return false;
	add_counts(e, &d);
	if (e->parent != NULL)
		add_counts(e->parent, &d);
	return d.delivered > 0;
}

static void
take_queue(struct open_outage *e, const struct snap_domain *is, int64_t wall_ms)
{
	uint64_t was = e->messages, n = snap_domain_messages(is);
	struct open_outage *p = e->parent;

	if (e->o.state == OUTAGE_OVER)
		return;
	see_age(e, e->oldest_ms, wall_ms);
	see_age(e, is->oldest_ms, wall_ms);
	e->oldest_ms = is->oldest_ms;
	see_depth(e, n);
	if (p == NULL)
		return;
	see_depth(p, p->messages - was + n);
	if (e->o.age_ms > p->o.age_ms)
		p->o.age_ms = e->o.age_ms;
}

/* ---- domains: transitions */

/* From here on its figures are added to its primary's. */
static void
join_parent(struct open_outage *e, struct open_outage *p)
{
	struct outage_counts so_far = { e->o.accepted, e->o.refused,
		e->o.delivered, e->o.returned, e->o.expired };

	book_parent_set(e, p);
	if (p == NULL)
		return;
	p->children++;
	if (e->o.part_of != p->o.id) {
		p->o.recorded++;
		e->o.part_of = p->o.id;
		mem_free(&e->o.primary);
		e->o.primary = mem_strdup(p->o.name);
	}
	if (e->o.flaps == 0)
		add_counts(p, &so_far);
	see_depth(p, p->messages + e->messages);
}

static void
domain_down(struct book *b, struct open_outage *e, const struct snap_domain *is,
    const struct book_time *t)
{
	struct open_outage *p;
	bool first = e->o.state == OUTAGE_SUSPECTED;

	if (e->o.state == OUTAGE_DOWN)
		return;
	p = parent_of(b, is);
	if (!first && e->o.state == OUTAGE_DRAINING && e->parent != NULL) {
		/* it never left its primary's record */
		book_down(b, e, t);
		return;
	}
	book_down(b, e, t);
	if (first && p != NULL && p->o.state == OUTAGE_DOWN) {
		e->o.detected = p->o.detected;
		e->o.detected_ms = p->o.detected_ms;
	}
	if (p != NULL && p->o.state == OUTAGE_DOWN)
		join_parent(e, p);
	e->maintained = book_is_maintained(b, OUTAGE_DOMAIN, is->name) ||
	    (p != NULL && p->maintained);
}

static bool
is_drained(const struct open_outage *e, const struct snap_domain *is)
{
	return is->oldest_live_ms == 0 ||
	    is->oldest_live_ms > (e->o.recovered + 1) * 1000;
}

static void
domain_drains(struct open_outage *e, const struct snap_domain *is,
    const struct book_time *t)
{
	if (!is_drained(e, is))
		return;
	if (e->parent != NULL) {
		e->parent->children--;
		e->parent->messages -= e->messages;
		book_parent_set(e, NULL);
	}
	e->messages = 0;
	book_over(e, t);
}

static void
domain_step(struct book *b, struct open_outage *e, const struct snap_domain *is,
    bool delivered, const struct book_time *t)
{
	switch (is->state) {
	case HEALTH_DOWN:
		domain_down(b, e, is, t);
		return;
	case HEALTH_SUSPECT:
		if (e->again_ns == 0 && e->o.state != OUTAGE_SUSPECTED) {
			e->again_ns = t->now;
			e->again = t->wall_ms / 1000;
		}
		break;
	case HEALTH_UNKNOWN: /* after a start: unchanged */
		return;
	case HEALTH_UP:
	case HEALTH_RECOVERING:
	case HEALTH_DISABLED:
	case HEALTH_STATE_MAX:
		e->again_ns = e->again = 0;
		if (e->o.state == OUTAGE_DOWN)
			book_recovered(e, t);
		break;
	}
	if (e->o.state != OUTAGE_DRAINING)
		return;
	if (delivered && e->o.first_delivery == 0) {
		e->o.first_delivery = t->wall_ms / 1000;
		e->event = true;
		if (e->parent != NULL && e->parent->o.first_delivery == 0)
			e->parent->o.first_delivery = e->o.first_delivery;
	}
	domain_drains(e, is, t);
}

static struct open_outage *
domain_begin(struct book *b, const struct snap_domain *was,
    const struct snap_domain *is, const struct book_time *t)
{
	struct open_outage *e = book_begin(b, OUTAGE_DOMAIN, is->name, t);

	if (e == NULL) {
		count_unrecorded(b, was, is);
		return NULL;
	}
	if (was != NULL)
		counts_of(was, &e->last);
	begin_with(e, parent_of(b, is), is);
	return e;
}

void
book_domain(struct book *b, const struct snap_domain *was,
    const struct snap_domain *is, const struct book_time *t)
{
	struct open_outage *e = book_find(b, OUTAGE_DOMAIN, is->name);
	bool delivered, was_over;

	if (e != NULL && is->state == HEALTH_DOWN &&
	    book_is_past(b, e, t->now)) {
		book_close(b, e, t);
		e = NULL;
	}
	if (e == NULL) {
		if (!matters(was, is) ||
		    (e = domain_begin(b, was, is, t)) == NULL)
			return;
	} else if (e->o.state == OUTAGE_SUSPECTED &&
	    is->state != HEALTH_SUSPECT && is->state != HEALTH_DOWN) {
		book_end(b, e);
		return;
	}
	was_over = e->o.state == OUTAGE_OVER;
	delivered = take_counts(e, is);
	take_queue(e, is, t->wall_ms);
	domain_step(b, e, is, delivered, t);
	if (was_over) /* it came back */
		take_queue(e, is, t->wall_ms);
}

/* ---- after a restart */

void
book_restore(struct book *b, struct outage *o, int64_t gap_ms,
    const struct book_time *t)
{
	struct open_outage *e = book_find(b, o->kind, o->name);
	char text[64], lasted[32];

	if (e != NULL || o->kind == OUTAGE_DAEMON ||
	    (e = book_begin(b, o->kind, o->name, t)) == NULL) {
		outage_fini(o);
		return;
	}
	/* what was not written follows from the wall clock */
	outage_down_until(o, t->wall_ms - gap_ms);
	outage_fini(&e->o);
	e->o = *o;
	*o = (struct outage){ 0 };
	e->failed_ns = t->now - e->o.down_ms * CLOCK_MS;
	e->recovered_ns = e->o.state == OUTAGE_DRAINING ? t->now : 0;
	e->maintained = outage_maintained(&e->o);
	e->o.unwatched_ms += gap_ms;
	(void)snprintf(text, sizeof(text), "not watched for %s",
	    text_duration_fmt(gap_ms, lasted, sizeof(lasted)));
	outage_mark_add(&e->o, OUTAGE_MARK_RESTART, t->wall_ms / 1000,
	    "mxwatchd", text);
	e->event = true;
	if (e->o.kind == OUTAGE_DOMAIN && e->o.primary[0] != '\0') {
		book_parent_set(e, book_find(b, OUTAGE_PRIMARY, e->o.primary));
		if (e->parent != NULL)
			e->parent->children++;
	}
}
