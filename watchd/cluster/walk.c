/* SPDX-License-Identifier: ISC
 * walk: which node should own each domain. A walk through all of them, some in
 * a turn of the loop, takes unowned domains that should be ours, and gives away
 * those that another should have; urgent ones are examined first.
 *
 * Nodes with different configurations may know different domains, and report
 * only that they differ. So a domain that its owner knows moves by itself only
 * between nodes with the same configuration, and nothing moves back and forth
 * while a change is being rolled out. A domain that its owner does not know
 * goes to a node that differs, which is told which nodes do not know it: it
 * does not come back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

#define WALK_STEP     500 /* units per turn */
#define PACE_MS	      200 /* between turns, with few domains */
#define PACE_LEAST_MS 50
#define SOON_STEP     (WALK_STEP / 2) /* urgent ones; the walk continues */

void
units_again(struct cluster *cl)
{
	cl->rounds = cl->walked[0] == '\0' ? 1 : 2; /* after the present one */
	cluster_tick_soon(cl);
}

/* ---- taking */

struct take {
	struct cluster *cl;
	unsigned n, taken;
	const char *names[STORE_OWN_MAX]; /* of units in state TAKING */
};

static void
take_done(struct take *t, const char *const *domains, unsigned n)
{
	struct cluster *cl = t->cl;
	const char **ours = n > 0 ? mem_array(n, sizeof(*ours)) : NULL;
	unsigned k = 0;
	struct unit *u;

	for (unsigned i = 0; i < n; i++) {
		u = unit_find(cl, domains[i]);
		if (u == NULL || u->state != UNIT_TAKING)
			continue;
		u->state = UNIT_OURS;
		u->since_ns = 0;
		u->heard = (uint8_t)cl->us;
		unit_owner(cl, u, cl->us);
		ours[k++] = u->name;
	}
	if (k > 0) {
		log_info("cluster", "event=taken domains=%u", k);
		cl->ops.attach(cl->ops.arg, ours, k);
	}
	free(ours);
}

/* After a stop there may be no queue any more: the domains of an ending node
 * are freed anyway. */
static void
on_taken(void *arg, int rc, const char *const *domains, unsigned n)
{
	struct take *t = arg;
	struct cluster *cl = t->cl;
	struct unit *u;

	if (rc == 0 && !cl->stopped && !cl->fenced)
		take_done(t, domains, n);
	for (unsigned i = 0; i < t->n; i++) {
		u = unit_find(cl, t->names[i]);
		if (u != NULL && u->state == UNIT_TAKING) {
			u->state = UNIT_AWAY; /* another node was faster */
			unit_owner(cl, u, u->heard);
		}
		free((void *)(uintptr_t)t->names[i]);
	}
	free(t);
}

static void
take_add(struct take **tp, struct cluster *cl, struct unit *u)
{
	struct take *t = *tp;

	if (t == NULL) {
		t = *tp = mem_alloc(sizeof(*t));
		t->cl = cl;
	}
	u->state = UNIT_TAKING;
	t->names[t->n++] = mem_strdup(u->name);
}

static void
take_send(struct take **tp)
{
	struct take *t = *tp;

	if (t == NULL)
		return;
	*tp = NULL;
	store_take(t->cl->store, t->names, t->n, on_taken, t);
}

/* ---- giving */

struct give {
	struct cluster *cl;
	unsigned to;
	char name[];
};

static void
on_given(void *arg, int rc, const char *const *domains, unsigned n)
{
	struct give *g = arg;
	struct cluster *cl = g->cl;
	struct unit *u = unit_find(cl, g->name);

	(void)domains;
	if (u != NULL && u->state == UNIT_GIVING) {
		u->state = UNIT_AWAY;
		u->since_ns = 0;
		cl->leaving--;
		if (rc == 0 && n == 1)
			u->heard = (uint8_t)g->to;
		unit_owner(cl, u, u->heard);
		if (rc == 0 && n == 1)
			log_info("cluster", "event=given domain=%s node=%s",
			    u->name, log_q(cluster_node_name(cl, g->to)));
	}
	free(g);
}

/* A node that is gone would block the domain for all. */
static bool
takes_it(const struct cluster *cl, unsigned node)
{
	return node_is_live(cl, node) && !cl->node[node].left;
}

void
cluster_left(void *arg, const char *domain, bool kept)
{
	struct cluster *cl = arg;
	struct unit *u = unit_find(cl, domain);
	size_t len = strlen(domain) + 1;
	const char *name;
	struct give *g;

	if (u == NULL || u->state != UNIT_LEAVING)
		return;
	if (kept || !takes_it(cl, u->to)) {
		u->state = UNIT_OURS;
		cl->leaving--;
		name = u->name;
		if (!kept)
			cl->ops.attach(cl->ops.arg, &name, 1);
		return;
	}
	u->state = UNIT_GIVING;
	g = mem_alloc(sizeof(*g) + len);
	g->cl = cl;
	g->to = u->to;
	memcpy(g->name, domain, len);
	store_give(cl->store, &domain, 1, u->to, on_given, g);
}

/* ---- the choice */

static unsigned
labels_of(const struct cluster *cl, const struct unit *u, const char **labels)
{
	return u->configured ?
	    cl->ops.labels(cl->ops.arg, u->name, labels, LABELS_MAX) :
	    0;
}

/* The candidates; `any`: with whatever configuration. */
static unsigned
candidates(const struct cluster *cl, const struct unit *u, bool any,
    struct choose_node *nodes, const char *const *labels, unsigned nlabels)
{
	unsigned n = 0;

	for (unsigned i = 1; i < NODES; i++) {
		if (!takes_it(cl, i) || (u->lacks >> i & 1) != 0)
			continue;
		if (!any && node_differs(cl, i) == u->configured)
			continue;
		nodes[n++] = (struct choose_node){ i,
			verdict_sees(cl, i, u->owner, labels, nlabels) };
	}
	return n;
}

/* In a group that is too large, each domain is placed by its own name. */
static const char *
key_of(const struct cluster *cl, const struct unit *u,
    const char *const *labels, unsigned nlabels, unsigned nodes)
{
	const struct judged *p;

	if (nlabels == 0)
		return u->name;
	p = judged_find(cl, labels[0]);
	if (p != NULL &&
	    choose_splits(judged_domains(cl, p), cl->configured, nodes,
		cl->ops.ceiling(cl->ops.arg, labels[0])))
		return u->name;
	return labels[0];
}

static enum choose_sees
sees(const struct choose_node *nodes, unsigned n, unsigned node)
{
	for (unsigned i = 0; i < n; i++)
		if (nodes[i].id == node)
			return nodes[i].sees;
	return CHOOSE_UNKNOWN;
}

/* A pin does not count towards a node that does not know the domain, while
 * another node may. */
static bool
pin_counts(const struct cluster *cl, const struct unit *u)
{
	if (u->pin == 0 || !takes_it(cl, u->pin))
		return false;
	if (u->pin == cl->us)
		return u->configured || !nodes_differ(cl);
	return (u->lacks >> u->pin & 1) == 0;
}

/* *at_once: the reason is an order or a verdict, which must not wait. */
static unsigned
should_be(const struct cluster *cl, const struct unit *u, bool *at_once)
{
	const char *labels[LABELS_MAX] = { NULL };
	struct choose_node nodes[NODES];
	unsigned nlabels, n, node;

	*at_once = true;
	if (pin_counts(cl, u))
		return u->pin;
	nlabels = labels_of(cl, u, labels);
	n = candidates(cl, u, false, nodes, labels, nlabels);
	if (n == 0 && !u->configured && u->owner == cl->us &&
	    takes_it(cl, cl->us))
		return cl->us;
	if (n == 0)
		n = candidates(cl, u, true, nodes, labels, nlabels);
	node =
	    choose_node(key_of(cl, u, labels, nlabels, n), u->owner, nodes, n);
	*at_once = cl->node[cl->us].left ||
	    (sees(nodes, n, u->owner) == CHOOSE_DOWN &&
		sees(nodes, n, node) == CHOOSE_UP);
	return node;
}

static bool
is_due(const struct cluster *cl, struct unit *u, unsigned leases)
{
	int64_t now = clock_now();

	if (u->since_ns == 0)
		u->since_ns = now;
	return leases == 0 ||
	    now - u->since_ns > leases * cl->conf.lease_ms * CLOCK_MS;
}

static void
look_ours(struct cluster *cl, struct unit *u)
{
	bool at_once;
	unsigned to = should_be(cl, u, &at_once);

	if (to == 0 || to == cl->us) {
		u->since_ns = 0;
		return;
	}
	if (!is_due(cl, u, at_once ? 0 : 1) || cl->leaving >= LEAVING_MAX ||
	    (!at_once && cl->ops.busy(cl->ops.arg, u->name)))
		return;
	if (!u->configured && nodes_differ(cl))
		unit_lack(cl, u, true);
	u->state = UNIT_LEAVING;
	u->to = (uint8_t)to;
	cl->leaving++;
	cl->ops.detach(cl->ops.arg, u->name);
}

static bool
is_unowned(const struct cluster *cl, const struct unit *u)
{
	return u->state == UNIT_AWAY && u->owner != cl->us &&
	    (u->owner == 0 ? u->configured : node_is_free(cl, u->owner));
}

/* An unowned domain is taken by the node that should have it; if that does not
 * take it, by any. Nodes that do not know it come last. */
static void
look_away(struct cluster *cl, struct unit *u, struct take **t)
{
	unsigned leases;
	bool at_once;

	if (u->owner != cl->us) {
		if (!is_unowned(cl, u)) {
			u->since_ns = 0;
			return;
		}
		leases = should_be(cl, u, &at_once) != cl->us;
		leases += u->configured ? 0 : 2;
		if (cl->node[cl->us].left || !is_due(cl, u, leases))
			return;
	}
	take_add(t, cl, u);
	if ((*t)->n == STORE_OWN_MAX)
		take_send(t);
}

static void
look(struct cluster *cl, struct unit *u, struct take **t)
{
	const char *name = u->name;

	if (u->state == UNIT_AWAY && u->owner != u->heard)
		unit_owner(cl, u, u->heard);
	if (cl->fenced)
		return;
	if ((u->lacks >> cl->us & 1) != 0 &&
	    (u->configured || !nodes_differ(cl)))
		unit_lack(cl, u, false);
	if (u->state == UNIT_OURS)
		look_ours(cl, u);
	else if (u->state == UNIT_AWAY)
		look_away(cl, u, t);
	else if (u->state == UNIT_LEAVING && !takes_it(cl, u->to))
		cl->ops.attach(cl->ops.arg, &name, 1); /* takes it back */
}

/* ---- the walk */

static void
count_primaries(struct cluster *cl, const struct unit *u)
{
	const char *labels[LABELS_MAX];
	unsigned n = labels_of(cl, u, labels);

	for (unsigned i = 0; i < n; i++)
		judged_count(cl, judged_get(cl, labels[i]), i == 0, u->owner);
}

static void
walk_ends(struct cluster *cl)
{
	cl->walked[0] = '\0';
	cl->unowned = cl->unowned_now;
	cl->unowned_now = 0;
	cl->complete = cl->walk++;
	cl->rounds -= cl->rounds > 0;
}

static struct unit *
walk_next(struct cluster *cl)
{
	struct unit *u = RB_ROOT(&cl->units), *found = NULL;

	while (u != NULL) {
		if (strcmp(u->name, cl->walked) > 0) {
			found = u;
			u = RB_LEFT(u, link);
		} else {
			u = RB_RIGHT(u, link);
		}
	}
	return found;
}

/* While another has our place it only follows reports. */
bool
units_walk(struct cluster *cl)
{
	unsigned budget = WALK_STEP;
	struct unit *u, *next;
	struct take *t = NULL;

	while (budget > WALK_STEP - SOON_STEP &&
	    (u = TAILQ_FIRST(&cl->soon)) != NULL) {
		unit_calm(cl, u);
		look(cl, u, &t);
		budget--;
	}
	for (u = walk_next(cl); budget > 0 && u != NULL; u = next) {
		next = RB_NEXT(unit_tree, &cl->units, u);
		(void)strlcpy(cl->walked, u->name, sizeof(cl->walked));
		count_primaries(cl, u);
		look(cl, u, &t);
		/* without those that we have just asked for */
		cl->unowned_now += u->configured && is_unowned(cl, u);
		if (unit_is_nothing(u))
			unit_drop(cl, u);
		budget--;
	}
	take_send(&t);
	if (u == NULL)
		walk_ends(cl);
	return !TAILQ_EMPTY(&cl->soon) || cl->rounds > 0;
}

/* All of them within a lease, if there are not too many: verdicts are not
 * looked at before that. */
int64_t
units_pace(const struct cluster *cl)
{
	int64_t ms = cl->conf.lease_ms * WALK_STEP / (cl->nunits + 1);

	return ms > PACE_MS ? PACE_MS : ms < PACE_LEAST_MS ? PACE_LEAST_MS : ms;
}
