/* SPDX-License-Identifier: ISC
 * joint_sweep: groups the accounts of a name into outages: those that overlap
 * in time. Records that may have changed are remade. */
#include <stdlib.h>

#include "base/mem.h"
#include "ledger/joint_int.h"

struct joint_sweep {
	struct joint *j;
	struct joint_name *nm;
	struct joint_account **account; /* of the group */
	unsigned n;
	int64_t to;
	uint64_t *id; /* of its present records */
	unsigned nids;
	unsigned budget;
	int64_t from; /* records that end later are remade */
	int64_t again; /* those that the budget left over */
	int64_t last;
	bool open;
	int64_t now_ms;
};

static void
sweep_id(struct joint_sweep *s, uint64_t id)
{
	s->id = mem_grow(s->id, s->nids + 1, sizeof(*s->id));
	s->id[s->nids++] = id;
}

static void
group_fill(const struct joint_sweep *s, struct joint_group *g)
{
	*g = (struct joint_group){ .name = s->nm,
		.account = s->account,
		.n = s->n,
		.id = UINT64_MAX,
		.from = s->account[0]->from,
		.to = s->to };
	for (unsigned i = 0; i < s->n; i++) {
		const struct joint_account *a = s->account[i];
		uint64_t id = joint_id(a->node, a->id);

		if (id < g->id)
			g->id = id;
		if (a->state != OUTAGE_OVER && joint_lives(s->j, a->node))
			g->open = true;
	}
}

/* Left for another tick; its displayed record stays. */
static void
group_later(struct joint_sweep *s, const struct joint_group *g)
{
	if (g->from < s->again)
		s->again = g->from;
	for (unsigned i = 0; i < g->n; i++)
		if (g->account[i]->shown != 0)
			sweep_id(s, g->account[i]->shown);
}

static void
group_end(struct joint_sweep *s)
{
	struct joint_group g;
	struct joint_account *a;
	int64_t last;

	if (s->n == 0)
		return;
	group_fill(s, &g);
	/* A group with an open account is remade with it, whichever nodes
	 * live. */
	last = g.to;
	for (unsigned i = 0; i < g.n; i++)
		if (g.account[i]->state != OUTAGE_OVER)
			last = JOINT_OPEN;
	s->open = s->open || g.open;
	if (last > s->last)
		s->last = last;
	if (last >= s->from && s->budget == 0) {
		group_later(s, &g);
		s->n = 0;
		return;
	}
	sweep_id(s, g.id);
	for (unsigned i = 0; i < g.n && last >= s->from; i++) {
		a = g.account[i];
		if (a->shown == g.id)
			continue;
		a->shown = g.id;
		joint_parts_again(s->j, a);
	}
	if (last >= s->from) {
		s->budget -= s->budget < g.n ? s->budget : g.n;
		joint_make(s->j, &g, s->now_ms);
	}
	s->n = 0;
}

static int
id_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Removes records that no longer exist from the view. */
static void
sweep_view(struct joint_sweep *s)
{
	struct joint_name *nm = s->nm;

	if (s->nids > 1)
		qsort(s->id, s->nids, sizeof(*s->id), id_cmp);
	for (unsigned i = 0; i < nm->nshown; i++)
		if (s->nids == 0 ||
		    bsearch(&nm->shown[i], s->id, s->nids, sizeof(*s->id),
			id_cmp) == NULL)
			(void)kept_drop(s->j->view, nm->shown[i]);
	mem_free(&nm->shown);
	nm->shown = s->id;
	nm->nshown = s->nids;
}

static void
sweep(struct joint_sweep *s)
{
	struct joint_account *a;
	unsigned room = 0;

	RB_FOREACH (a, joint_by_time, &s->nm->accounts) {
		int64_t end = joint_end(s->j, a);

		/* an absence belongs to its node only */
		if (s->n > 0 &&
		    (a->from > s->to || s->n == JOINT_GROUP_MAX ||
			s->nm->kind == OUTAGE_DAEMON))
			group_end(s);
		if (s->n == room) {
			room = room * 2 + 8;
			s->account =
			    mem_grow(s->account, room, sizeof(*s->account));
		}
		if (s->n == 0 || end > s->to)
			s->to = end;
		s->account[s->n++] = a;
	}
	group_end(s);
	mem_free(&s->account);
}

unsigned
joint_name_make(struct joint *j, struct joint_name *nm, unsigned budget,
    int64_t now_ms)
{
	struct joint_sweep s = { .j = j,
		.nm = nm,
		.budget = budget,
		.from = nm->again,
		.again = JOINT_OPEN,
		.now_ms = now_ms };
	bool later;

	TAILQ_REMOVE(&j->dirty, nm, dirty);
	nm->is_dirty = false;
	nm->again = JOINT_OPEN;
	sweep(&s);
	sweep_view(&s);
	nm->last = s.last;
	later = s.budget == 0 && s.again != JOINT_OPEN;
	if (later)
		joint_again(j, nm, s.again);
	if (nm->kind == OUTAGE_PRIMARY)
		j->ops.changed(j->ops.arg, nm->name);
	joint_name_open(j, nm, s.open, now_ms);
	if (RB_EMPTY(&nm->accounts))
		joint_name_free(j, nm);
	return s.budget;
}
