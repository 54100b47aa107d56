/* SPDX-License-Identifier: ISC
 * joint_make: makes the record of an outage from its accounts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ledger/joint_int.h"

/* Two nodes may mark the same event at different times, by their own clocks and
 * when they hear of it. */
#define MARK_SEC 5

struct joint_mark {
	const struct outage_mark *mark;
	const char *who;
	unsigned node;
	bool again; /* a duplicate of another node's */
};

/* An account, parsed and extrapolated to now. */
struct joint_read {
	const struct joint_account *account;
	struct outage o;
	enum outage_state state; /* OVER if its node is gone */
	int64_t end; /* JOINT_OPEN */
};

/* ---- accounts */

/* Counters continue from the time of the report, as long as the node lives. */
static void
read_count(const struct joint *j, struct joint_read *r, int64_t now_ms)
{
	const struct joint_account *a = r->account;
	int64_t ms = now_ms;

	if (!joint_lives(j, a->node))
		ms = j->node[a->node].said * 1000;
	ms -= a->said_ms;
	if (ms <= 0)
		return;
	if (a->state == OUTAGE_DOWN) {
		r->o.down_ms += ms;
		if (outage_maintained(&r->o))
			r->o.maintenance_ms += ms;
	} else if (a->state == OUTAGE_DRAINING && joint_lives(j, a->node)) {
		r->o.drain_ms += ms;
	}
}

static void
read_one(const struct joint *j, struct joint_read *r,
    const struct joint_account *a, int64_t now_ms)
{
	int rc = outage_parse(&r->o, a->line->text, a->line->len);

	MX_ASSERT(rc == 0); /* it was parsed before */
	r->account = a;
	r->end = joint_end(j, a);
	r->state = joint_lives(j, a->node) ? a->state : OUTAGE_OVER;
	read_count(j, r, now_ms);
}

/* ---- marks */

static int
mark_cmp(const void *pa, const void *pb)
{
	const struct joint_mark *a = pa, *b = pb;
	int c;

	if (a->mark->at != b->mark->at)
		return a->mark->at < b->mark->at ? -1 : 1;
	if (a->mark->kind != b->mark->kind)
		return a->mark->kind < b->mark->kind ? -1 : 1;
	if ((c = strcmp(a->who, b->who)) != 0 ||
	    (c = strcmp(a->mark->what, b->mark->what)) != 0)
		return c;
	return (a->node > b->node) - (a->node < b->node);
}

static bool
is_same_mark(const struct joint_mark *a, const struct joint_mark *b)
{
	return a->mark->kind == b->mark->kind && a->node != b->node &&
	    strcmp(a->who, b->who) == 0 &&
	    strcmp(a->mark->what, b->mark->what) == 0;
}

static void
mark_known(struct joint_mark *m, unsigned n)
{
	for (unsigned i = n; i-- > 0;) {
		if (m[n].mark->at - m[i].mark->at > MARK_SEC)
			return;
		if (!m[i].again && is_same_mark(&m[i], &m[n])) {
			m[n].again = true;
			return;
		}
	}
}

/* A restart is shown with the node's name. */
static const char *
who_of(const struct joint *j, const struct joint_read *r,
    const struct outage_mark *m)
{
	const char *name = "";

	if (m->kind == OUTAGE_MARK_RESTART)
		name = joint_name_of(j, r->account->node);
	return name[0] != '\0' ? name : m->who;
}

static void
take_marks(const struct joint *j, struct outage *o, struct joint_read *r,
    unsigned n)
{
	struct joint_mark *all;
	unsigned nall = 0, lost = 0;

	for (unsigned i = 0; i < n; i++)
		nall += r[i].o.nmarks;
	all = mem_array(nall + 1, sizeof(*all));
	nall = 0;
	for (unsigned i = 0; i < n; i++) {
		lost += r[i].o.marks_lost;
		for (unsigned k = 0; k < r[i].o.nmarks; k++)
			all[nall++] =
			    (struct joint_mark){ .mark = &r[i].o.mark[k],
				    .who = who_of(j, &r[i], &r[i].o.mark[k]),
				    .node = r[i].account->node };
	}
	qsort(all, nall, sizeof(*all), mark_cmp);
	for (unsigned i = 0; i < nall; i++) {
		mark_known(all, i);
		if (!all[i].again)
			outage_mark_add(o, all[i].mark->kind, all[i].mark->at,
			    all[i].who, all[i].mark->what);
	}
	o->marks_lost += lost;
	mem_free(&all);
}

/* ---- figures */

#define GREATEST(to, from)                                                     \
	do {                                                                   \
		if ((from) > (to))                                             \
			(to) = (from);                                         \
	} while (0)

static void
take_figures(struct outage *o, const struct outage *a)
{
	o->accepted += a->accepted;
	o->refused += a->refused;
	o->delivered += a->delivered;
	o->returned += a->returned;
	o->expired += a->expired;
	GREATEST(o->depth, a->depth);
	GREATEST(o->age_ms, a->age_ms);
	GREATEST(o->peak_rate, a->peak_rate);
	GREATEST(o->domains, a->domains);
	GREATEST(o->recorded, a->recorded);
	GREATEST(o->unrecorded, a->unrecorded);
	GREATEST(o->flaps, a->flaps);
}

/* ---- the beginning, and the end */

/* The first failure is that of the node that saw it first; the verdict that of
 * the node that called it down first. */
static void
take_beginning(struct outage *o, const struct joint_read *r, unsigned n)
{
	const struct outage *first = &r[0].o;

	o->failed = first->failed;
	o->phase = first->phase;
	o->by_delivery = first->by_delivery;
	outage_text_set(&o->reply, first->reply);
	o->detected = first->detected;
	for (unsigned i = 1; i < n; i++)
		if (r[i].o.detected != 0 && r[i].o.detected < o->detected)
			o->detected = r[i].o.detected;
	o->detected_ms =
	    first->detected_ms - (first->detected - o->detected) * 1000;
	if (o->detected_ms < 0)
		o->detected_ms = 0;
}

static void
take_state(struct outage *o, const struct joint_read *r, unsigned n)
{
	o->state = OUTAGE_OVER;
	o->gone = true;
	for (unsigned i = 0; i < n; i++) {
		if (r[i].state < o->state)
			o->state = r[i].state;
		o->gone = o->gone && r[i].o.gone;
	}
}

/* The end: the first delivery that was not followed by more of the outage. */
static void
take_end(struct outage *o, const struct joint_read *r, unsigned n)
{
	int64_t before = 0, at;

	if (o->state == OUTAGE_DOWN)
		return;
	for (unsigned i = 0; i < n; i++) {
		GREATEST(o->recovered, r[i].end);
		GREATEST(o->drain_ms, r[i].o.drain_ms);
		if (o->state == OUTAGE_OVER)
			GREATEST(o->drained, r[i].o.drained);
	}
	for (unsigned i = 0; i < n; i++) {
		at = r[i].o.first_delivery;
		if (at == 0)
			continue;
		if (at < o->recovered)
			GREATEST(before, at);
		else if (o->first_delivery == 0 || at < o->first_delivery)
			o->first_delivery = at;
	}
	if (o->first_delivery == 0)
		o->first_delivery = before;
}

/* The primary that it waited for, by the first account that names one. */
static void
take_primary(const struct joint *j, struct outage *o,
    const struct joint_read *r, unsigned n)
{
	const struct joint_account *a, *p;

	for (unsigned i = 0; i < n; i++) {
		a = r[i].account;
		if (a->part_of == 0)
			continue;
		p = joint_account_find(j, a->node, a->part_of);
		o->part_of = p != NULL && p->shown != 0 ?
		    p->shown :
		    joint_id(a->node, a->part_of);
		outage_text_set(&o->primary, r[i].o.primary);
		return;
	}
	outage_text_set(&o->primary, r[0].o.primary);
}

static int
text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
take_nodes(const struct joint *j, struct outage *o, const struct joint_read *r,
    unsigned n)
{
	const char *name;
	uint32_t who = 0;
	char text[24];

	if (j->named < 2)
		return;
	for (unsigned i = 0; i < n; i++)
		who |= UINT32_C(1) << r[i].account->node;
	for (unsigned i = 1; i < JOINT_NODES; i++) {
		if ((who >> i & 1) == 0)
			continue;
		name = joint_name_of(j, i);
		(void)snprintf(text, sizeof(text), "node %u", i);
		outage_node_add(o, name[0] != '\0' ? name : text);
	}
	qsort(o->node, o->nnodes, sizeof(*o->node), text_cmp);
}

static int64_t
take_lasted(struct joint *j, struct outage *o, const struct joint_group *g,
    const struct joint_read *r, int64_t now_ms)
{
	struct joint_says *says = mem_array(g->n, sizeof(*says));
	struct joint_lasted l;

	for (unsigned i = 0; i < g->n; i++)
		says[i] = (struct joint_says){ r[i].o.down_ms,
			r[i].o.maintenance_ms, r[i].o.unwatched_ms };
	if (g->name->kind == OUTAGE_DAEMON) {
		l = (struct joint_lasted){ 0 };
		joint_absence(j, g->account[0], says[0].unwatched_ms,
		    &l.unwatched_ms, &l.counts_ms);
	} else {
		joint_lasted(j, g, says, now_ms / 1000, &l);
		o->maintenance_ms = l.down_ms - l.counts_ms;
	}
	mem_free(&says);
	o->down_ms = l.down_ms;
	o->unwatched_ms = l.unwatched_ms;
	return l.counts_ms;
}

static void
view_put(struct joint *j, const struct joint_group *g, const struct outage *o,
    int64_t counts_ms)
{
	struct kept_told told = { .counts_ms = counts_ms };
	uint64_t *also = mem_array(g->n, sizeof(*also));

	for (unsigned i = 0; i < g->n; i++)
		also[told.nalso++] =
		    joint_id(g->account[i]->node, g->account[i]->id);
	told.also = also;
	kept_put_told(j->view, o, &told);
	mem_free(&also);
}

void
joint_make(struct joint *j, const struct joint_group *g, int64_t now_ms)
{
	struct joint_read *r = mem_array(g->n, sizeof(*r));
	struct outage o;
	int64_t counts;

	for (unsigned i = 0; i < g->n; i++)
		read_one(j, &r[i], g->account[i], now_ms);
	outage_init(&o, g->name->kind, g->name->name);
	o.id = g->id;
	take_beginning(&o, r, g->n);
	take_state(&o, r, g->n);
	take_end(&o, r, g->n);
	take_primary(j, &o, r, g->n);
	for (unsigned i = 0; i < g->n; i++)
		take_figures(&o, &r[i].o);
	take_marks(j, &o, r, g->n);
	take_nodes(j, &o, r, g->n);
	counts = take_lasted(j, &o, g, r, now_ms);
	view_put(j, g, &o, counts);
	outage_fini(&o);
	for (unsigned i = 0; i < g->n; i++)
		outage_fini(&r[i].o);
	mem_free(&r);
}
