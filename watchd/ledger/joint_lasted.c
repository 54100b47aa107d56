/* SPDX-License-Identifier: ISC
 * joint_lasted: how long a primary was down by all nodes that watched it. Time
 * is cut wherever something begins or ends for any node, so that nothing
 * changes within a piece. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ledger/joint_int.h"

/* ---- pieces of time */

struct joint_span { /* of a node: down, present, or away */
	unsigned node;
	int64_t from, to;
	double down, counts; /* of an account: ms per second */
};

struct joint_spans {
	struct joint_span *span;
	unsigned n;
};

struct joint_pieces {
	struct joint_spans down, there, away;
	int64_t *cut;
	unsigned ncuts;
	int64_t from, to; /* total range */
};

/* Adds the part of the span that lies within. */
static struct joint_span *
span_add(struct joint_pieces *p, struct joint_spans *l, unsigned node,
    int64_t from, int64_t to)
{
	struct joint_span *s;

	if (from < p->from)
		from = p->from;
	if (to > p->to)
		to = p->to;
	if (from >= to)
		return NULL;
	l->span = mem_grow(l->span, l->n + 1, sizeof(*l->span));
	s = &l->span[l->n++];
	*s = (struct joint_span){ .node = node, .from = from, .to = to };
	p->cut = mem_grow(p->cut, p->ncuts + 2, sizeof(*p->cut));
	p->cut[p->ncuts++] = from;
	p->cut[p->ncuts++] = to;
	return s;
}

static int
cut_cmp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
pieces_begin(struct joint_pieces *p, int64_t from, int64_t to)
{
	*p = (struct joint_pieces){ .from = from, .to = to };
	p->cut = mem_array(2, sizeof(*p->cut));
	p->cut[p->ncuts++] = from;
	p->cut[p->ncuts++] = to;
}

static void
pieces_end(struct joint_pieces *p)
{
	mem_free(&p->down.span);
	mem_free(&p->there.span);
	mem_free(&p->away.span);
	mem_free(&p->cut);
}

/* Adds the absences of all nodes, which have one name or a few, by time. */
static void
add_absences(struct joint *j, struct joint_pieces *p)
{
	struct joint_name key = { .kind = OUTAGE_DAEMON,
		.name = (char *)(uintptr_t) "" };
	struct joint_name *nm = RB_NFIND(joint_names, &j->names, &key);
	struct joint_account *a;

	for (; nm != NULL && nm->kind == OUTAGE_DAEMON;
	     nm = RB_NEXT(joint_names, &j->names, nm))
		RB_FOREACH (a, joint_by_time, &nm->accounts) {
			if (a->from >= p->to)
				break;
			(void)span_add(p, &p->away, a->node, a->from, a->to);
		}
}

static bool
covers(const struct joint_span *s, int64_t from, int64_t to)
{
	return s->from <= from && s->to >= to;
}

static bool
is_away(const struct joint_pieces *p, unsigned node, int64_t from, int64_t to)
{
	for (unsigned i = 0; i < p->away.n; i++)
		if (p->away.span[i].node == node &&
		    covers(&p->away.span[i], from, to))
			return true;
	return false;
}

/* A bit for each node that is present. */
static uint32_t
who_is_there(const struct joint_pieces *p, int64_t from, int64_t to)
{
	uint32_t who = 0;

	for (unsigned i = 0; i < p->there.n; i++)
		if (covers(&p->there.span[i], from, to) &&
		    !is_away(p, p->there.span[i].node, from, to))
			who |= UINT32_C(1) << p->there.span[i].node;
	return who;
}

/* ---- an outage */

/* Seconds within the span in which its node was present. */
static int64_t
seconds_there(const struct joint_pieces *p, const struct joint_span *s)
{
	int64_t sum = 0;

	for (unsigned i = 0; i + 1 < p->ncuts; i++)
		if (covers(s, p->cut[i], p->cut[i + 1]) &&
		    !is_away(p, s->node, p->cut[i], p->cut[i + 1]))
			sum += p->cut[i + 1] - p->cut[i];
	return sum > 0 ? sum : s->to - s->from;
}

/* Adds the time in which a node knew the primary, and lived, without its
 * absences. */
static void
add_known(struct joint *j, const struct joint_known *k, struct joint_pieces *p)
{
	int64_t to = JOINT_OPEN;

	if (!j->node[k->node].lives)
		to = j->node[k->node].said;
	if (k->until != 0 && k->until < to)
		to = k->until;
	(void)span_add(p, &p->there, k->node, k->since, to);
}

static void
add_watches(struct joint *j, const struct joint_group *g,
    struct joint_pieces *p)
{
	struct joint_known *k = NULL;

	if (g->name->kind == OUTAGE_PRIMARY)
		k = joint_known_first(j, g->name->name);
	for (; k != NULL; k = joint_known_next(k))
		add_known(j, k, p);
}

/* A node with an account was watching during it. */
static void
add_downs(struct joint *j, const struct joint_group *g,
    const struct joint_says *says, struct joint_pieces *p)
{
	const struct joint_account *a;
	struct joint_span *s;
	int64_t end;

	for (unsigned i = 0; i < g->n; i++) {
		a = g->account[i];
		end = joint_end(j, a);
		if (end <= a->from)
			end = a->from + 1;
		(void)span_add(p, &p->there, a->node, a->from, end);
		s = span_add(p, &p->down, a->node, a->from, end);
		if (s == NULL)
			continue;
		s->down = (double)says[i].down_ms;
		s->counts = (double)(says[i].down_ms - says[i].maintenance_ms);
	}
}

static void
spread(struct joint_pieces *p)
{
	struct joint_span *s;
	double seconds;

	for (unsigned i = 0; i < p->down.n; i++) {
		s = &p->down.span[i];
		seconds = (double)seconds_there(p, s);
		s->down /= seconds;
		s->counts /= seconds;
	}
}

/* What that node says about the piece. False: it saw the primary up. */
static bool
node_says(const struct joint_pieces *p, unsigned node, int64_t from, int64_t to,
    double *down, double *counts)
{
	const struct joint_span *s;
	bool any = false;

	*down = *counts = 0;
	for (unsigned i = 0; i < p->down.n; i++) {
		s = &p->down.span[i];
		if (s->node != node || !covers(s, from, to))
			continue;
		any = true;
		if (s->down > *down)
			*down = s->down;
		if (s->counts > *counts)
			*counts = s->counts;
	}
	return any;
}

/* For a primary the least that any present node saw; for a domain the most. */
static void
piece_down(const struct joint_pieces *p, uint32_t who, bool all, int64_t from,
    int64_t to, double *down, double *counts)
{
	double d, c, best_d = 0, best_c = 0;
	bool first = true;

	for (unsigned i = 1; i < JOINT_NODES; i++) {
		if ((who >> i & 1) == 0)
			continue;
		(void)node_says(p, i, from, to, &d, &c);
		if (first || (all ? d < best_d : d > best_d))
			best_d = d;
		if (first || (all ? c < best_c : c > best_c))
			best_c = c;
		first = false;
	}
	*down += best_d * (double)(to - from);
	*counts += best_c * (double)(to - from);
}

void
joint_lasted(struct joint *j, const struct joint_group *g,
    const struct joint_says *says, int64_t now, struct joint_lasted *l)
{
	bool all = g->name->kind == OUTAGE_PRIMARY;
	int64_t to = g->to == JOINT_OPEN ? now : g->to;
	double down = 0, counts = 0;
	struct joint_pieces p;
	uint32_t who, ever = 0;

	pieces_begin(&p, g->from, to > g->from ? to : g->from + 1);
	add_watches(j, g, &p);
	add_downs(j, g, says, &p);
	add_absences(j, &p);
	qsort(p.cut, p.ncuts, sizeof(*p.cut), cut_cmp);
	spread(&p);
	*l = (struct joint_lasted){ 0 };
	for (unsigned i = 0; i + 1 < p.ncuts; i++) {
		if (p.cut[i] == p.cut[i + 1])
			continue;
		who = who_is_there(&p, p.cut[i], p.cut[i + 1]);
		ever |= who;
		if (who == 0)
			l->unwatched_ms += (p.cut[i + 1] - p.cut[i]) * 1000;
		else
			piece_down(&p, who, all, p.cut[i], p.cut[i + 1], &down,
			    &counts);
	}
	pieces_end(&p);
	l->down_ms = (int64_t)(down + .5);
	l->counts_ms = (int64_t)(counts + .5);
	if ((ever & (ever - 1)) != 0)
		return;
	/* a single node's own figure is exact */
	l->unwatched_ms = 0;
	for (unsigned i = 0; i < g->n; i++)
		l->unwatched_ms += says[i].unwatched_ms;
}

/* ---- an absence */

/* Does this part belong to the absence of another node, which comes first? */
static bool
is_anothers(const struct joint_pieces *p, unsigned node, int64_t from,
    int64_t to)
{
	for (unsigned i = 0; i < p->away.n; i++)
		if (p->away.span[i].node < node &&
		    covers(&p->away.span[i], from, to))
			return true;
	return false;
}

void
joint_absence(struct joint *j, const struct joint_account *a, int64_t lasted_ms,
    int64_t *unwatched_ms, int64_t *counts_ms)
{
	int64_t to = a->to > a->from ? a->to : a->from + 1;
	double nobody = 0, counts = 0, ms = (double)lasted_ms;
	struct joint_pieces p;
	int64_t x, y;

	pieces_begin(&p, a->from, to);
	for (unsigned i = 1; i < JOINT_NODES; i++)
		if (i != a->node && joint_node_since(j, i) != 0)
			(void)span_add(&p, &p.there, i, joint_node_since(j, i),
			    j->node[i].lives ? JOINT_OPEN : j->node[i].said);
	add_absences(j, &p);
	qsort(p.cut, p.ncuts, sizeof(*p.cut), cut_cmp);
	for (unsigned i = 0; i + 1 < p.ncuts; i++) {
		x = p.cut[i];
		y = p.cut[i + 1];
		if (x == y || who_is_there(&p, x, y) != 0)
			continue;
		nobody += (double)(y - x);
		if (!is_anothers(&p, a->node, x, y))
			counts += (double)(y - x);
	}
	pieces_end(&p);
	*unwatched_ms = (int64_t)(ms * nobody / (double)(to - a->from) + .5);
	*counts_ms = (int64_t)(ms * counts / (double)(to - a->from) + .5);
}
