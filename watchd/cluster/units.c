/* SPDX-License-Identifier: ISC
 * units: whose the mail of each domain is. A walk through all of them, some a turn
 * of the loop, takes what is nobody's and should be ours, and gives away what should
 * be another's; what hurries is looked at first.
 *
 * What others say of an owner (`owner`) only tells where a domain is. That it is ours
 * the answer of the store alone says: our takes and gives are in one order there, and
 * what the follower has seen may be older than our last word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

#define WALK_STEP 500 /* units of a turn */

RB_GENERATE(unit_tree, unit, link, unit_cmp)

int
unit_cmp(const struct unit *a, const struct unit *b)
{
	return strcmp(a->name, b->name);
}

struct unit *
unit_find(const struct cluster *cl, const char *domain)
{
	struct unit *u = RB_ROOT(&cl->units);
	int c;

	while (u != NULL && (c = strcmp(domain, u->name)) != 0)
		u = c < 0 ? RB_LEFT(u, link) : RB_RIGHT(u, link);
	return u;
}

struct unit *
unit_get(struct cluster *cl, const char *domain)
{
	struct unit *u = unit_find(cl, domain);
	size_t len = strlen(domain) + 1;

	if (u != NULL)
		return u;
	u = mem_alloc(sizeof(*u) + len);
	memcpy(u->name, domain, len);
	RB_INSERT(unit_tree, &cl->units, u);
	return u;
}

static void
unit_hurry(struct cluster *cl, struct unit *u)
{
	if (!u->hurried)
		TAILQ_INSERT_TAIL(&cl->soon, u, soon);
	u->hurried = true;
	cluster_tick_soon(cl);
}

static void
unit_calm(struct cluster *cl, struct unit *u)
{
	if (u->hurried)
		TAILQ_REMOVE(&cl->soon, u, soon);
	u->hurried = false;
}

static void
owner_set(struct cluster *cl, struct unit *u, unsigned node)
{
	if (u->owner == node)
		return;
	if (u->owner != 0)
		cl->node[u->owner].domains--;
	if (node != 0)
		cl->node[node].domains++;
	u->owner = (uint8_t)node;
	cl->ops.owned(cl->ops.arg, u->name);
}

static void
unit_drop(struct cluster *cl, struct unit *u)
{
	unit_calm(cl, u);
	RB_REMOVE(unit_tree, &cl->units, u);
	free(u);
}

void
units_again(struct cluster *cl)
{
	cl->walked[0] = '\0';
	cl->walk++;
	cl->unowned_now = 0;
	cl->begun_ns = 0;
	cluster_tick_soon(cl);
}

/* ---- what is known of owners */

static void
load_owner(void *arg, const char *domain, unsigned node)
{
	struct cluster *cl = arg;
	struct unit *u = unit_get(cl, domain);

	if (node >= NODES)
		return;
	u->owner = (uint8_t)node;
	cl->node[node].domains += node != 0;
}

void
units_load(struct cluster *cl)
{
	store_owners(cl->store, load_owner, cl);
}

void
units_fini(struct cluster *cl)
{
	struct unit *u;

	while ((u = RB_ROOT(&cl->units)) != NULL)
		unit_drop(cl, u);
}

void
cluster_owner(struct cluster *cl, const char *domain, unsigned node)
{
	struct unit *u;

	if (node >= NODES)
		return;
	u = unit_get(cl, domain);
	if (u->state != UNIT_AWAY)
		return;
	owner_set(cl, u, node);
	if (node == cl->us)
		unit_hurry(cl, u);
}

void
cluster_domain(struct cluster *cl, const char *domain, bool configured)
{
	struct unit *u =
	    configured ? unit_get(cl, domain) : unit_find(cl, domain);

	if (u == NULL || u->configured == configured)
		return;
	u->configured = configured;
	u->since_ns = 0;
	if (configured) {
		cl->configured++;
		unit_hurry(cl, u);
		return;
	}
	cl->configured--;
	if (u->state == UNIT_AWAY && u->owner == 0)
		unit_drop(cl, u);
}

/* An operator's wish, by the name of the domain. */
void
units_told(struct cluster *cl, const char *domain, const void *data, size_t len)
{
	char text[8] = "";
	const char *rest;
	struct unit *u;

	if (len >= sizeof(text))
		return;
	memcpy(text, data, len);
	u = len > 0 ? unit_get(cl, domain) : unit_find(cl, domain);
	if (u == NULL)
		return;
	u->pin = (uint8_t)key_node(text, &rest);
	unit_hurry(cl, u);
}

bool
cluster_is_ours(const struct cluster *cl, const char *domain)
{
	const struct unit *u = unit_find(cl, domain);

	return u != NULL && u->state == UNIT_OURS;
}

unsigned
cluster_owner_of(const struct cluster *cl, const char *domain)
{
	const struct unit *u = unit_find(cl, domain);

	return u != NULL ? u->owner : 0;
}

/* ---- taking */

struct take {
	struct cluster *cl;
	unsigned n;
	const char *names[STORE_OWN_MAX]; /* of units: they are TAKING */
};

static void
on_taken(void *arg, int rc, const char *const *domains, unsigned n)
{
	struct take *t = arg;
	struct cluster *cl = t->cl;
	struct unit *u;

	for (unsigned i = 0; i < n && rc == 0; i++) {
		u = unit_find(cl, domains[i]);
		if (u == NULL || u->state != UNIT_TAKING)
			continue;
		u->state = UNIT_OURS;
		u->since_ns = 0;
		owner_set(cl, u, cl->us);
	}
	for (unsigned i = 0; i < t->n; i++) {
		u = unit_find(cl, t->names[i]);
		if (u != NULL && u->state == UNIT_TAKING)
			u->state = UNIT_AWAY; /* another was faster */
		free((void *)(uintptr_t)t->names[i]);
	}
	if (rc == 0 && n > 0) {
		log_info("cluster", "event=taken domains=%u", n);
		cl->ops.attach(cl->ops.arg, domains, n);
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
			owner_set(cl, u, g->to);
		if (rc == 0 && n == 1)
			log_info("cluster", "event=given domain=%s node=%s",
			    u->name, log_q(cluster_node_name(cl, g->to)));
	}
	free(g);
}

void
cluster_left(void *arg, const char *domain, bool kept)
{
	struct cluster *cl = arg;
	struct unit *u = unit_find(cl, domain);
	size_t len = strlen(domain) + 1;
	struct give *g;

	if (u == NULL || u->state != UNIT_LEAVING)
		return;
	if (kept) {
		u->state = UNIT_OURS;
		cl->leaving--;
		return;
	}
	u->state = UNIT_GIVING;
	g = mem_alloc(sizeof(*g) + len);
	g->cl = cl;
	g->to = u->to;
	memcpy(g->name, domain, len);
	store_give(cl->store, &domain, 1, u->to, on_given, g);
}

/* ---- where it should be */

/* True: some of its wishes or verdicts are why, which do not wait. */
static unsigned
should_be(struct cluster *cl, const struct unit *u, bool *at_once)
{
	const char *labels[LABELS_MAX], *key = u->name;
	unsigned nlabels, n = 0, node;
	struct choose_node nodes[NODES];
	const struct judged *p;

	*at_once = cl->node[cl->us].left;
	if (u->pin != 0 && node_is_live(cl, u->pin) && !cl->node[u->pin].left) {
		*at_once = true;
		return u->pin;
	}
	nlabels = cl->ops.labels(cl->ops.arg, u->name, labels, LABELS_MAX);
	for (unsigned i = 1; i < NODES; i++)
		if (node_is_live(cl, i) && !cl->node[i].left)
			nodes[n++] = (struct choose_node){ i,
				verdict_sees(cl, i, labels, nlabels) };
	if (nlabels > 0) {
		p = judged_find(cl, labels[0]);
		if (p == NULL ||
		    !choose_splits(judged_domains(cl, p), cl->configured, n,
			cl->ops.ceiling(cl->ops.arg, labels[0])))
			key = labels[0];
	}
	node = choose_node(key, u->owner, nodes, n);
	for (unsigned i = 0; i < n; i++)
		if (nodes[i].id == u->owner && nodes[i].sees == CHOOSE_DOWN)
			*at_once = true;
	return node;
}

static bool
is_due(struct cluster *cl, struct unit *u, bool at_once)
{
	int64_t now = clock_now();

	if (u->since_ns == 0)
		u->since_ns = now;
	return at_once || now - u->since_ns > cl->conf.lease_ms * CLOCK_MS;
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
	if (!is_due(cl, u, at_once) || cl->leaving >= LEAVING_MAX ||
	    (!at_once && cl->ops.busy(cl->ops.arg, u->name)))
		return;
	u->state = UNIT_LEAVING;
	u->to = (uint8_t)to;
	cl->leaving++;
	cl->ops.detach(cl->ops.arg, u->name);
}

/* What is nobody's is for whom it should be; when that one does not come for it, as
 * it does not know the domain, for anybody. */
static void
look_away(struct cluster *cl, struct unit *u, struct take **t)
{
	bool at_once;
	unsigned to;

	if (u->owner == 0 ? !u->configured :
			    u->owner != cl->us && !node_is_free(cl, u->owner)) {
		u->since_ns = 0;
		return;
	}
	cl->unowned_now += u->configured && u->owner != cl->us;
	if (u->owner != cl->us) {
		if (cl->node[cl->us].left)
			return;
		to = should_be(cl, u, &at_once);
		if (to != cl->us && !is_due(cl, u, false))
			return;
	}
	take_add(t, cl, u);
	if ((*t)->n == STORE_OWN_MAX)
		take_send(t);
}

static void
count_primaries(struct cluster *cl, const struct unit *u)
{
	const char *labels[LABELS_MAX];
	unsigned n;

	if (!u->configured)
		return;
	n = cl->ops.labels(cl->ops.arg, u->name, labels, LABELS_MAX);
	for (unsigned i = 0; i < n; i++) {
		judged_count(cl, judged_get(cl, labels[i]), i == 0, u->owner);
	}
}

static void
look(struct cluster *cl, struct unit *u, struct take **t)
{
	if (u->state == UNIT_OURS)
		look_ours(cl, u);
	else if (u->state == UNIT_AWAY)
		look_away(cl, u, t);
}

/* ---- the walk */

static void
walk_ends(struct cluster *cl)
{
	cl->walked[0] = '\0';
	cl->unowned = cl->unowned_now;
	cl->unowned_now = 0;
	cl->complete = cl->walk++;
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

bool
units_walk(struct cluster *cl)
{
	unsigned budget = WALK_STEP;
	struct take *t = NULL;
	struct unit *u;

	while (budget > 0 && (u = TAILQ_FIRST(&cl->soon)) != NULL) {
		unit_calm(cl, u);
		look(cl, u, &t);
		budget--;
	}
	for (u = walk_next(cl); budget > 0 && u != NULL;
	     u = RB_NEXT(unit_tree, &cl->units, u)) {
		count_primaries(cl, u);
		look(cl, u, &t);
		(void)strlcpy(cl->walked, u->name, sizeof(cl->walked));
		budget--;
	}
	take_send(&t);
	if (u == NULL)
		walk_ends(cl);
	/* the first one after something happened is at once */
	if (u == NULL)
		cl->begun_ns = clock_now();
	return !TAILQ_EMPTY(&cl->soon) || cl->begun_ns == 0;
}

/* ---- what an operator or a fence does */

void
units_lose(struct cluster *cl)
{
	struct unit *u;

	RB_FOREACH (u, unit_tree, &cl->units)
		if (u->state != UNIT_TAKING && u->state != UNIT_GIVING) {
			cl->leaving -= u->state == UNIT_LEAVING;
			u->state = UNIT_AWAY;
		}
}

int
cluster_move(struct cluster *cl, const char *domain, unsigned node)
{
	char key[KEY_MAX], text[8];
	struct unit *u = unit_find(cl, domain);

	if (u == NULL || node == 0 || node >= NODES || !cl->node[node].known)
		return -MX_ENOENT;
	if (!node_is_live(cl, node) || cl->node[node].left)
		return -MX_EBUSY;
	(void)snprintf(key, sizeof(key), "pin/%s", domain);
	(void)snprintf(text, sizeof(text), "%u", node);
	put_state(cl, key, text, strlen(text));
	u->pin = (uint8_t)node;
	unit_hurry(cl, u);
	return 0;
}
