/* SPDX-License-Identifier: ISC
 * book_shared: the outages of a cluster: those that another node writes are `foreign`
 * here, and hang in the same table, so that domains find their primaries whoever
 * records them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/book_int.h"

/* A record of one that goes on is written when something happens: who hears of it
 * later goes by the wall clock. */
#define STALE_MS 60000

/* ---- domains and their primaries */

/* One that we did not see begin belongs to the outage that its record names. */
static void
link_domain(struct open_outage *e, struct open_outage *p)
{
	if (e->parent != NULL || e->o.part_of == 0 || !book_goes_on(e) ||
	    e->o.part_of != p->o.id || !book_goes_on(p))
		return;
	book_parent_set(e, p);
	p->children++;
	book_see_depth(p, p->messages + e->messages);
}

static void
link_up(struct book *b, struct open_outage *e)
{
	struct open_outage *o;

	if (e->o.kind == OUTAGE_DOMAIN) {
		o = book_find(b, OUTAGE_PRIMARY, e->o.primary);
		if (o != NULL)
			link_domain(e, o);
		return;
	}
	TAILQ_FOREACH (o, &b->list, link)
		if (o->o.kind == OUTAGE_DOMAIN &&
		    strcmp(o->o.primary, e->o.name) == 0)
			link_domain(o, e);
}

/* What a foreign domain has more than we knew goes to its primary, if that is
 * ours. */
static void
pass_on(struct open_outage *e, const struct outage *was, bool fresh)
{
	struct open_outage *p = e->parent;
	const struct outage *is = &e->o;
	struct outage_counts d = { book_less(is->accepted, was->accepted),
		book_less(is->refused, was->refused),
		book_less(is->delivered, was->delivered),
		book_less(is->returned, was->returned),
		book_less(is->expired, was->expired) };

	if (p == NULL || p->foreign)
		return;
	if (fresh)
		p->o.recorded++;
	if (d.accepted + d.refused + d.delivered + d.returned + d.expired > 0)
		book_add_counts(p, &d);
	if (is->age_ms > p->o.age_ms)
		p->o.age_ms = is->age_ms;
	if (p->o.first_delivery == 0 && p->o.state == OUTAGE_DRAINING)
		p->o.first_delivery = is->first_delivery;
	p->figures = true;
}

/* ---- what is told */

/* How long ago, by our clock. */
static int64_t
since(int64_t wall, const struct book_time *t)
{
	int64_t ms = t->wall_ms - wall * 1000;

	return t->now - (ms > 0 ? ms : 0) * CLOCK_MS;
}

/* No more is known of its queue than how long it was at most. */
static void
take_record(struct open_outage *e, struct outage *o, const struct book_time *t)
{
	struct open_outage *p = e->parent;
	uint64_t was = e->messages;
	int64_t ms = t->wall_ms - o->failed * 1000 - o->unwatched_ms;

	if (ms - o->down_ms > STALE_MS)
		book_down_since(o, t, 0);
	outage_fini(&e->o);
	e->o = *o;
	*o = (struct outage){ 0 };
	e->failed_ns = since(e->o.failed, t);
	e->recovered_ns = e->o.recovered != 0 ? since(e->o.recovered, t) : 0;
	e->counted_ns = e->shown_ns = t->now;
	e->maintained = book_was_maintained(&e->o);
	if (e->o.kind != OUTAGE_DOMAIN)
		return;
	e->messages = book_goes_on(e) ? e->o.depth : 0;
	if (p != NULL)
		book_see_depth(p, p->messages - was + e->messages);
}

static void
begin(struct book *b, struct outage *o, bool early, const struct book_time *t)
{
	struct outage none = { 0 };
	struct open_outage *e;

	if (o->state == OUTAGE_OVER &&
	    t->now - since(o->recovered, t) > b->conf.merge_ms * CLOCK_MS)
		return;
	if ((e = book_begin(b, o->kind, o->name, t)) == NULL)
		return;
	e->foreign = true;
	e->early = early;
	take_record(e, o, t);
	link_up(b, e);
	if (!early)
		pass_on(e, &none, true);
}

bool
book_told(struct book *b, struct outage *o, bool early,
    const struct book_time *t)
{
	struct open_outage *e = book_find(b, o->kind, o->name);
	struct outage was;
	bool joined;

	if (o->kind == OUTAGE_DAEMON)
		return true;
	if (e != NULL && !e->foreign)
		return e->o.id != o->id;
	if (e != NULL && e->o.id != o->id) {
		if (o->state == OUTAGE_OVER && o->recovered <= e->o.failed)
			return true; /* an older one */
		book_end(b, e);
		e = NULL;
	}
	if (e == NULL) {
		begin(b, o, early, t);
		return true;
	}
	was = e->o; /* numbers alone */
	joined = was.part_of != o->part_of;
	take_record(e, o, t);
	if (!book_goes_on(e)) {
		pass_on(e, &was, false);
		if (e->parent != NULL)
			e->parent->children--;
		book_parent_set(e, NULL);
		return true;
	}
	link_up(b, e);
	pass_on(e, &was, joined);
	return true;
}

void
book_told_gone(struct book *b, uint64_t id)
{
	struct open_outage *e;

	TAILQ_FOREACH (e, &b->list, link)
		if (e->foreign && e->o.id == id) {
			book_end(b, e);
			return;
		}
}

/* ---- whose it is */

static void
mark_taken(const struct book *b, struct open_outage *e, int64_t gap_ms,
    int64_t wall)
{
	char text[64], lasted[32];

	if (gap_ms == 0) {
		outage_mark_add(&e->o, OUTAGE_MARK_TAKEN, wall, b->ops.node,
		    "");
		return;
	}
	(void)snprintf(text, sizeof(text), "not watched for %s",
	    text_duration_fmt(gap_ms, lasted, sizeof(lasted)));
	outage_mark_add(&e->o, OUTAGE_MARK_RESTART, wall, "mxwatchd", text);
}

/* Nobody watched: what the wall clock had for that time is none of it. */
static void
take_gap(struct open_outage *e, int64_t gap_ms)
{
	if (e->o.state == OUTAGE_DOWN && e->o.flaps == 0)
		e->o.down_ms -= gap_ms < e->o.down_ms ? gap_ms : e->o.down_ms;
	if (e->o.maintenance_ms > e->o.down_ms)
		e->o.maintenance_ms = e->o.down_ms;
	e->o.unwatched_ms += gap_ms;
}

/* A window that it was in may be over, or one may have begun. */
static void
look_at_window(const struct book *b, struct open_outage *e, int64_t wall)
{
	bool is = book_is_maintained(b, e->o.kind, e->o.name) ||
	    (e->parent != NULL && e->parent->maintained);

	if (is == e->maintained)
		return;
	e->maintained = is;
	outage_mark_add(&e->o, OUTAGE_MARK_MAINTENANCE, wall,
	    is ? "begin" : "end", "");
}

static void
claim(struct book *b, struct open_outage *e, int64_t gap_ms,
    const struct book_time *t)
{
	int64_t wall = t->wall_ms / 1000;

	book_count(e, t->now);
	gap_ms = e->early && book_goes_on(e) ? gap_ms : 0;
	if (gap_ms > 0)
		take_gap(e, gap_ms);
	e->foreign = e->early = false;
	e->uncounted = e->o.kind == OUTAGE_DOMAIN;
	e->rate_ns = t->now;
	e->rate_count = 0;
	if (!book_goes_on(e))
		return; /* it may come back, and is as it was until then */
	look_at_window(b, e, wall);
	mark_taken(b, e, gap_ms, wall);
	e->event = true;
}

/* Whoever has it now goes on with what was written last. */
static void
cede(struct book *b, struct open_outage *e)
{
	if (e->o.state == OUTAGE_SUSPECTED) {
		book_end(b, e);
		return;
	}
	e->foreign = true;
	e->event = e->figures = false;
	e->again_ns = e->again = 0;
}

static bool
is_ours(const struct book *b, enum outage_kind kind, const char *name)
{
	return b->ops.ours(b->ops.arg, kind, name);
}

static void
settle(struct book *b, struct open_outage *e, int64_t gap_ms,
    const struct book_time *t)
{
	bool ours = is_ours(b, e->o.kind, e->o.name);

	if (ours && e->foreign)
		claim(b, e, gap_ms, t);
	else if (!ours && !e->foreign)
		cede(b, e);
}

void
book_settle(struct book *b, int64_t gap_ms, const struct book_time *t)
{
	struct open_outage *e, *next;

	for (e = TAILQ_FIRST(&b->list); e != NULL; e = next) {
		next = TAILQ_NEXT(e, link);
		settle(b, e, gap_ms, t);
	}
}

bool
book_feeds(struct book *b, enum outage_kind kind, const char *name,
    int64_t gap_ms, const struct book_time *t)
{
	struct open_outage *e;

	if (b->ops.ours == NULL)
		return true;
	if ((e = book_find(b, kind, name)) != NULL)
		settle(b, e, gap_ms, t);
	return is_ours(b, kind, name);
}

void
book_leave(struct book *b, enum outage_kind kind, const char *name,
    const struct book_time *t)
{
	struct open_outage *e = book_find(b, kind, name);

	if (e == NULL || e->foreign)
		return;
	if (book_goes_on(e)) {
		e->event = true;
		book_write(b, e, t);
	}
	cede(b, e);
}

bool
book_writes(const struct book *b, enum outage_kind kind, const char *name,
    uint64_t id)
{
	const struct open_outage *e = book_find(b, kind, name);

	return e != NULL && !e->foreign && e->o.id == id;
}

void
book_rename(struct book *b, enum outage_kind kind, const char *name,
    uint64_t id, int64_t failed)
{
	struct open_outage *e = book_find(b, kind, name), *c;

	if (e == NULL)
		return;
	e->o.id = id;
	if (failed < e->o.failed)
		e->o.failed = failed;
	e->event = true;
	if (kind != OUTAGE_PRIMARY)
		return;
	TAILQ_FOREACH (c, &b->list, link)
		if (c->parent == e && !c->foreign) {
			c->o.part_of = id;
			c->event = true;
		}
}

void
book_forget(struct book *b)
{
	while (!TAILQ_EMPTY(&b->list))
		book_end(b, TAILQ_FIRST(&b->list));
}

void
book_arrived(struct book *b, const char *domain)
{
	static const struct outage_counts one = { .accepted = 1 };
	struct open_outage *e = book_find(b, OUTAGE_DOMAIN, domain);

	if (e == NULL || e->foreign || e->o.state == OUTAGE_OVER)
		return;
	book_add_counts(e, &one);
	if (e->parent != NULL)
		book_add_counts(e->parent, &one);
}
