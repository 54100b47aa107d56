/* SPDX-License-Identifier: ISC
 * book: the table of open outages, their state transitions, and writing
 * them. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ledger/book_int.h"

#define WRITE_MAX      50 /* records per tick */
#define SHOW_NS	       (5 * CLOCK_SEC) /* greatest age of displayed figures, */
#define SAVE_NS	       (60 * CLOCK_SEC) /* and of those on the disk */
#define MISSING_NS     (600 * CLOCK_SEC) /* missing this long: it has left */
#define MISSING_TURNS  60 /* ticks in which each is checked once */
#define MAINTAINED_MAX 20000

static int
outage_cmp(const struct open_outage *a, const struct open_outage *b)
{
	if (a->o.kind != b->o.kind)
		return a->o.kind < b->o.kind ? -1 : 1;
	return strcmp(a->o.name, b->o.name);
}
RB_GENERATE_INTERNAL(open_tree, open_outage, node, outage_cmp, static MX_UNUSED)

static int
maintained_cmp(const struct in_window *a, const struct in_window *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->name, b->name);
}
RB_GENERATE_INTERNAL(maintained_tree, in_window, node, maintained_cmp,
    static MX_UNUSED)

/* ---- the table */

struct open_outage *
book_find(const struct book *b, enum outage_kind kind, const char *name)
{
	struct open_outage key = { .o = { .kind = kind,
				       .name = (char *)(uintptr_t)name } };

	return RB_FIND(open_tree, (struct open_tree *)(uintptr_t)&b->tree,
	    &key);
}

struct open_outage *
book_begin(struct book *b, enum outage_kind kind, const char *name,
    const struct book_time *t)
{
	struct open_outage *e;

	if (b->n[kind] >= b->conf.open)
		return NULL;
	e = mem_alloc(sizeof(*e));
	outage_init(&e->o, kind, name);
	e->failed_ns = e->counted_ns = e->rate_ns = t->now;
	e->o.failed = t->wall_ms / 1000;
	e->maintained = book_is_maintained(b, kind, name);
	RB_INSERT(open_tree, &b->tree, e);
	TAILQ_INSERT_TAIL(&b->list, e, link);
	b->n[kind]++;
	return e;
}

void
book_parent_set(struct open_outage *e, struct open_outage *parent)
{
	if (e->parent == parent)
		return;
	if (e->parent != NULL)
		e->parent->held--;
	e->parent = parent;
	if (parent != NULL)
		parent->held++;
}

static bool
is_open(const struct open_outage *e)
{
	return e->o.state == OUTAGE_DOWN || e->o.state == OUTAGE_DRAINING;
}

/* Subtracts its share of the primary's figures. */
static void
leave_parent(struct open_outage *e)
{
	struct open_outage *p = e->parent;

	if (p == NULL)
		return;
	if (is_open(e)) {
		p->children--;
		p->messages -= e->messages;
	}
	book_parent_set(e, NULL);
}

void
book_end(struct book *b, struct open_outage *e)
{
	struct open_outage *c;

	leave_parent(e);
	if (e->held > 0)
		TAILQ_FOREACH (c, &b->list, link)
			if (c->parent == e)
				book_parent_set(c, NULL);
	RB_REMOVE(open_tree, &b->tree, e);
	TAILQ_REMOVE(&b->list, e, link);
	b->n[e->o.kind]--;
	outage_fini(&e->o);
	mem_free(&e);
}

/* ---- states */

void
book_count(struct open_outage *e, int64_t now)
{
	int64_t ms = (now - e->counted_ns) / CLOCK_MS;

	if (e->o.state == OUTAGE_DOWN) {
		e->o.down_ms += ms;
		if (e->maintained)
			e->o.maintenance_ms += ms;
	} else if (e->o.state == OUTAGE_DRAINING) {
		e->o.drain_ms += ms;
	} else if (e->o.state == OUTAGE_SUSPECTED) {
		return; /* counted when it is confirmed */
	}
	e->counted_ns += ms * CLOCK_MS;
}

static void
flap(struct open_outage *e)
{
	e->o.flaps++;
	outage_mark_add(&e->o, OUTAGE_MARK_UP, e->o.recovered, "", "");
	outage_mark_add(&e->o, OUTAGE_MARK_FLAP, e->again, "", "");
	e->o.recovered = e->o.drained = e->o.first_delivery = 0;
	e->o.drain_ms = 0;
	e->failed_ns = e->counted_ns = e->again_ns;
	e->again_ns = e->again = 0;
}

void
book_down(struct book *b, struct open_outage *e, const struct book_time *t)
{
	if (e->o.state == OUTAGE_DOWN)
		return;
	if (e->o.state != OUTAGE_SUSPECTED) {
		if (e->again_ns == 0) {
			e->again_ns = t->now;
			e->again = t->wall_ms / 1000;
		}
		flap(e);
	} else {
		e->o.id = book_next_id(b);
		e->o.detected = t->wall_ms / 1000;
		e->o.detected_ms = (t->now - e->failed_ns) / CLOCK_MS;
		if (e->maintained)
			outage_mark_add(&e->o, OUTAGE_MARK_MAINTENANCE,
			    t->wall_ms / 1000, "", "began in a window");
	}
	e->o.state = OUTAGE_DOWN;
	e->event = true;
}

void
book_recovered(struct open_outage *e, const struct book_time *t)
{
	book_count(e, t->now);
	e->o.state = OUTAGE_DRAINING;
	e->o.recovered = t->wall_ms / 1000;
	e->recovered_ns = e->counted_ns = t->now;
	e->event = true;
}

/* The delivery rate since the last look, over at least a second. */
static void
rate_take(struct open_outage *e, int64_t now)
{
	double seconds = (double)(now - e->rate_ns) / (double)CLOCK_SEC;
	double rate = (double)e->rate_count / (seconds < 1 ? 1 : seconds);

	if (rate > e->o.peak_rate) {
		e->o.peak_rate = (double)(int64_t)(rate * 100 + .5) / 100;
		e->figures = true;
	}
	e->rate_count = 0;
	e->rate_ns = now;
}

void
book_over(struct open_outage *e, const struct book_time *t)
{
	rate_take(e, t->now); /* before it is written in its old state */
	book_count(e, t->now);
	if (e->o.state == OUTAGE_DOWN) /* it has left */
		e->o.recovered = t->wall_ms / 1000;
	else
		e->o.drained = t->wall_ms / 1000;
	e->o.state = OUTAGE_OVER;
	e->recovered_ns = e->recovered_ns != 0 ? e->recovered_ns : t->now;
	e->event = true;
}

bool
book_is_past(const struct book *b, const struct open_outage *e, int64_t now)
{
	return (e->o.state == OUTAGE_OVER || e->o.state == OUTAGE_DRAINING) &&
	    now - e->recovered_ns > b->conf.merge_ms * CLOCK_MS;
}

/* ---- writing */

static void
write_out(struct book *b, struct open_outage *e, const struct book_time *t)
{
	bool save = e->event || (e->figures && t->now - e->saved_ns >= SAVE_NS);
	bool unsaved = e->figures && !save;

	book_count(e, t->now);
	b->ops.write(b->ops.arg, &e->o, save);
	e->shown_ns = t->now;
	if (save)
		e->saved_ns = t->now;
	e->event = false;
	e->figures = unsaved;
}

void
book_close(struct book *b, struct open_outage *e, const struct book_time *t)
{
	if (e->o.state == OUTAGE_DRAINING) {
		book_count(e, t->now);
		leave_parent(e);
		e->o.state = OUTAGE_OVER; /* its mail was never all gone */
		e->event = true;
	}
	if (e->o.state != OUTAGE_SUSPECTED && (e->event || e->figures))
		write_out(b, e, t);
	book_end(b, e);
}

static bool
is_due(const struct open_outage *e, int64_t now)
{
	if (e->o.state == OUTAGE_SUSPECTED)
		return false;
	return e->event || (e->figures && now - e->shown_ns >= SHOW_NS) ||
	    (is_open(e) && now - e->shown_ns >= SAVE_NS);
}

static void
rate_tick(struct open_outage *e, int64_t now)
{
	if (now - e->rate_ns >= CLOCK_SEC)
		rate_take(e, now);
}

/* It has left the configuration, or the DNS. */
static bool
has_left(struct book *b, struct open_outage *e, int64_t now)
{
	if (b->ops.exists(b->ops.arg, e->o.kind, e->o.name)) {
		e->missing_ns = 0;
		return false;
	}
	if (e->missing_ns == 0)
		e->missing_ns = now;
	return now - e->missing_ns > MISSING_NS;
}

static void
leave(struct book *b, struct open_outage *e, const struct book_time *t)
{
	if (is_open(e)) {
		e->o.gone = true;
		leave_parent(e);
		book_over(e, t);
	}
	book_close(b, e, t);
}

/* A primary's outage ends with those of its domains. */
static void
primary_tick(struct open_outage *e, const struct book_time *t)
{
	if (e->o.kind == OUTAGE_PRIMARY && e->o.state == OUTAGE_DRAINING &&
	    e->children == 0)
		book_over(e, t);
}

/* Open windows were reported before the first tick: any other window that an
 * outage was in before the restart is over. */
static void
windows_settle(struct book *b, const struct book_time *t)
{
	struct open_outage *e;

	TAILQ_FOREACH (e, &b->list, link) {
		if (!e->maintained ||
		    book_is_maintained(b, e->o.kind, e->o.name) ||
		    (e->parent != NULL && e->parent->maintained))
			continue;
		book_count(e, t->now);
		e->maintained = false;
		outage_mark_add(&e->o, OUTAGE_MARK_MAINTENANCE,
		    t->wall_ms / 1000, "end", "while mxwatchd did not run");
		e->event = true;
	}
}

void
book_tick(struct book *b, const struct book_time *t)
{
	unsigned budget = WRITE_MAX, i = 0;
	struct open_list later = TAILQ_HEAD_INITIALIZER(later);
	struct open_outage *e, *next;

	if (b->ticks++ == 0)
		windows_settle(b, t);
	for (e = TAILQ_FIRST(&b->list); e != NULL; e = next) {
		next = TAILQ_NEXT(e, link);
		rate_tick(e, t->now);
		primary_tick(e, t);
		if (budget > 0 && is_due(e, t->now)) {
			budget--;
			write_out(b, e, t);
			TAILQ_REMOVE(&b->list, e, link);
			TAILQ_INSERT_TAIL(&later, e, link);
		}
	}
	TAILQ_CONCAT(&b->list, &later, link);
	for (e = TAILQ_FIRST(&b->list); e != NULL; e = next) {
		next = TAILQ_NEXT(e, link);
		if (i++ % MISSING_TURNS == b->ticks % MISSING_TURNS &&
		    has_left(b, e, t->now))
			leave(b, e, t);
		else if (e->o.state == OUTAGE_OVER && !e->event &&
		    book_is_past(b, e, t->now) && e->held == 0)
			book_close(b, e, t);
	}
}

void
book_flush(struct book *b, const struct book_time *t)
{
	struct open_outage *e;

	TAILQ_FOREACH (e, &b->list, link) {
		if (e->o.state == OUTAGE_SUSPECTED)
			continue;
		e->event = true;
		write_out(b, e, t);
	}
}

/* ---- marks, maintenance */

bool
book_mark(struct book *b, enum outage_kind kind, const char *name,
    enum outage_mark_kind mark, int64_t at, const char *who, const char *what)
{
	struct open_outage *e = book_find(b, kind, name);

	if (e == NULL || e->o.state == OUTAGE_SUSPECTED)
		return false;
	outage_mark_add(&e->o, mark, at, who, what);
	e->event = true;
	return true;
}

void
book_mark_all(struct book *b, enum outage_mark_kind mark, int64_t at,
    const char *who, const char *what)
{
	struct open_outage *e;

	TAILQ_FOREACH (e, &b->list, link) {
		if (e->o.kind != OUTAGE_PRIMARY || !is_open(e))
			continue;
		outage_mark_add(&e->o, mark, at, who, what);
		e->event = true;
	}
}

static struct in_window *
maintained_find(const struct book *b, enum outage_kind kind, const char *name)
{
	struct in_window key = { .kind = kind,
		.name = (char *)(uintptr_t)name };

	return RB_FIND(maintained_tree,
	    (struct maintained_tree *)(uintptr_t)&b->maintained, &key);
}

bool
book_is_maintained(const struct book *b, enum outage_kind kind,
    const char *name)
{
	return maintained_find(b, kind, name) != NULL;
}

static void
maintained_add(struct book *b, enum outage_kind kind, const char *name)
{
	struct in_window *m;

	if (b->nmaintained >= MAINTAINED_MAX)
		return;
	m = mem_alloc(sizeof(*m));
	m->kind = kind;
	m->name = mem_strdup(name);
	RB_INSERT(maintained_tree, &b->maintained, m);
	b->nmaintained++;
}

static void
maintained_drop(struct book *b, struct in_window *m)
{
	RB_REMOVE(maintained_tree, &b->maintained, m);
	b->nmaintained--;
	mem_free(&m->name);
	mem_free(&m);
}

/* Domains that wait for the primary are in its window, too. */
static void
children_maintained(struct book *b, const struct open_outage *e, int64_t now)
{
	struct open_outage *c;

	if (e->held == 0)
		return;
	TAILQ_FOREACH (c, &b->list, link) {
		if (c->parent != e)
			continue;
		book_count(c, now);
		c->maintained = e->maintained ||
		    book_is_maintained(b, OUTAGE_DOMAIN, c->o.name);
		c->figures = true;
	}
}

void
book_maintenance(struct book *b, enum outage_kind kind, const char *name,
    bool begins, const char *reason, const struct book_time *t)
{
	struct in_window *m = maintained_find(b, kind, name);
	struct open_outage *e = book_find(b, kind, name);

	if (begins == (m != NULL))
		return;
	if (begins && e != NULL && e->maintained) { /* since before a restart */
		maintained_add(b, kind, name);
		return;
	}
	if (begins)
		maintained_add(b, kind, name);
	else
		maintained_drop(b, m);
	if (e == NULL)
		return;
	book_count(e, t->now);
	e->maintained = begins;
	children_maintained(b, e, t->now);
	if (e->o.state == OUTAGE_SUSPECTED)
		return;
	outage_mark_add(&e->o, OUTAGE_MARK_MAINTENANCE, t->wall_ms / 1000,
	    begins ? "begin" : "end", reason);
	e->event = true;
}

/* ---- life */

struct book *
book_create(const struct book_conf *conf, const struct book_ops *ops)
{
	struct book *b = mem_alloc(sizeof(*b));

	b->conf = *conf;
	b->ops = *ops;
	RB_INIT(&b->tree);
	RB_INIT(&b->maintained);
	TAILQ_INIT(&b->list);
	return b;
}

void
book_configure(struct book *b, const struct book_conf *conf)
{
	b->conf = *conf;
}

void
book_last_id(struct book *b, uint64_t id)
{
	if (id > b->last_id)
		b->last_id = id;
}

uint64_t
book_next_id(struct book *b)
{
	return ++b->last_id;
}

unsigned
book_open(const struct book *b)
{
	const struct open_outage *e;
	unsigned n = 0;

	TAILQ_FOREACH (e, &b->list, link)
		n += is_open(e);
	return n;
}

void
book_destroy(struct book **bp)
{
	struct book *b = *bp;

	if (b == NULL)
		return;
	while (!TAILQ_EMPTY(&b->list))
		book_end(b, TAILQ_FIRST(&b->list));
	while (!RB_EMPTY(&b->maintained))
		maintained_drop(b, RB_ROOT(&b->maintained));
	mem_free(bp);
}
