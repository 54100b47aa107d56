/* SPDX-License-Identifier: ISC
 * joint_watch: which nodes live, and since when each knows which primary. */
#include <string.h>

#include "base/mem.h"
#include "ledger/joint_int.h"

static int
known_cmp(const struct joint_known *a, const struct joint_known *b)
{
	int c = strcmp(a->label, b->label);

	if (c != 0)
		return c;
	return (a->node > b->node) - (a->node < b->node);
}
RB_GENERATE_INTERNAL(joint_known_tree, joint_known, link, known_cmp,
    static MX_UNUSED)

/* ---- who lives */

bool
joint_lives(const struct joint *j, unsigned node)
{
	return j->node[node].lives;
}

int64_t
joint_alive(const struct joint *j, unsigned node)
{
	return j->node[node].said;
}

void
joint_watch_look(struct joint *j)
{
	struct joint_node *nd;
	bool lives;

	for (unsigned i = 1; i < JOINT_NODES; i++) {
		nd = &j->node[i];
		lives = j->ops.alive(j->ops.arg, i, nd->said);
		if (lives == nd->lives)
			continue;
		nd->lives = lives;
		if (!lives)
			nd->died = nd->said;
		if (nd->things > 0)
			joint_all_again(j, nd->died);
	}
}

const char *
joint_name_of(const struct joint *j, unsigned node)
{
	return j->node[node].name != NULL ? j->node[node].name : "";
}

void
joint_named(struct joint *j, unsigned node, const char *name)
{
	struct joint_node *nd = &j->node[node];
	bool several = j->named > 1;

	if (node == 0 || node >= JOINT_NODES ||
	    strcmp(joint_name_of(j, node), name) == 0)
		return;
	j->named -= nd->name != NULL;
	mem_free(&nd->name);
	nd->name = *name != '\0' ? mem_strdup(name) : NULL;
	j->named += nd->name != NULL;
	/* the name of a single node is not shown */
	if (nd->things > 0 || several != (j->named > 1))
		joint_all_again(j, 0);
}

/* A node that is gone was watching until then. */
void
joint_said(struct joint *j, unsigned node, int64_t wall)
{
	struct joint_node *nd = &j->node[node];
	int64_t least;

	if (node == 0 || node >= JOINT_NODES || wall == nd->said)
		return;
	least = wall < nd->said ? wall : nd->said;
	nd->said = wall;
	if (nd->lives)
		return;
	if (least < nd->died)
		nd->died = least;
	if (nd->things > 0)
		joint_all_again(j, least);
}

/* ---- known primaries */

static struct joint_known *
known_find(const struct joint *j, unsigned node, const char *label)
{
	struct joint_known key = { .label = (char *)(uintptr_t)label,
		.node = node };

	return RB_FIND(joint_known_tree,
	    (struct joint_known_tree *)(uintptr_t)&j->known, &key);
}

/* The first entry of that primary, with the lowest node. */
struct joint_known *
joint_known_first(const struct joint *j, const char *label)
{
	struct joint_known key = { .label = (char *)(uintptr_t)label };
	struct joint_known *k = RB_NFIND(joint_known_tree,
	    (struct joint_known_tree *)(uintptr_t)&j->known, &key);

	return k != NULL && strcmp(k->label, label) == 0 ? k : NULL;
}

struct joint_known *
joint_known_next(struct joint_known *k)
{
	struct joint_known *next = RB_NEXT(joint_known_tree, NULL, k);

	return next != NULL && strcmp(next->label, k->label) == 0 ? next : NULL;
}

/* Absences of others are remade when the node comes or goes. */
static void
absences_again(struct joint *j, int64_t from)
{
	struct joint_name key = { .kind = OUTAGE_DAEMON,
		.name = (char *)(uintptr_t) "" };
	struct joint_name *nm = RB_NFIND(joint_names, &j->names, &key);

	for (; nm != NULL && nm->kind == OUTAGE_DAEMON;
	     nm = RB_NEXT(joint_names, &j->names, nm))
		joint_again(j, nm, from);
}

static void
known_changed(struct joint *j, const struct joint_known *k, int64_t since)
{
	struct joint_node *nd = &j->node[k->node];
	struct joint_name *nm = joint_name_find(j, OUTAGE_PRIMARY, k->label);
	int64_t least = since;

	if (k->since != 0 && (least == 0 || k->since < least))
		least = k->since;
	if (nm != NULL)
		joint_again(j, nm, least);
	if (k->since != 0 && k->since <= nd->since)
		nd->since_stale = true;
	if (nd->since_stale || nd->since == 0 || least < nd->since)
		absences_again(j, least);
	if (since != 0 && (nd->since == 0 || since < nd->since))
		nd->since = since;
}

void
joint_known(struct joint *j, unsigned node, const char *label, int64_t since,
    int64_t until)
{
	struct joint_known *k;

	if (node == 0 || node >= JOINT_NODES)
		return;
	k = known_find(j, node, label);
	if (k == NULL && since == 0)
		return;
	if (k != NULL && k->since == since && k->until == until)
		return;
	if (k == NULL) {
		k = mem_alloc(sizeof(*k));
		k->label = mem_strdup(label);
		k->node = node;
		RB_INSERT(joint_known_tree, &j->known, k);
		j->node[node].things++;
	}
	known_changed(j, k, since);
	j->ops.changed(j->ops.arg, label);
	k->since = since;
	k->until = until;
	if (since != 0)
		return;
	RB_REMOVE(joint_known_tree, &j->known, k);
	j->node[node].things--;
	mem_free(&k->label);
	mem_free(&k);
}

int64_t
joint_since(const struct joint *j, const char *label)
{
	struct joint_known *k = joint_known_first(j, label);
	int64_t since = 0;

	for (; k != NULL; k = joint_known_next(k))
		if (since == 0 || k->since < since)
			since = k->since;
	return since;
}

/* Of a domain any other node would have reported. */
static bool
is_watched_by_others(const struct joint *j, unsigned node,
    enum outage_kind kind, const char *name)
{
	const struct joint_known *k;

	if (kind == OUTAGE_PRIMARY) {
		for (k = joint_known_first(j, name); k != NULL;
		     k = joint_known_next((struct joint_known *)(uintptr_t)k))
			if (k->node != node && k->until == 0 &&
			    joint_lives(j, k->node))
				return true;
		return false;
	}
	for (unsigned i = 1; i < JOINT_NODES; i++)
		if (i != node && joint_lives(j, i))
			return true;
	return false;
}

enum joint_elsewhere
joint_elsewhere(struct joint *j, unsigned node, enum outage_kind kind,
    const char *name)
{
	struct joint_name *nm = joint_name_find(j, kind, name);
	struct joint_account *a;

	joint_watch_look(j);
	if (!is_watched_by_others(j, node, kind, name))
		return JOINT_NOBODY;
	if (nm == NULL)
		return JOINT_ENDED;
	RB_FOREACH (a, joint_by_time, &nm->accounts)
		if (a->node != node && a->state == OUTAGE_DOWN &&
		    joint_lives(j, a->node))
			return JOINT_GOES_ON;
	return JOINT_ENDED;
}

/* Since when it watches anything; 0: nothing. */
int64_t
joint_node_since(struct joint *j, unsigned node)
{
	struct joint_node *nd = &j->node[node];
	struct joint_known *k;

	if (!nd->since_stale)
		return nd->since;
	nd->since = 0;
	nd->since_stale = false;
	RB_FOREACH (k, joint_known_tree, &j->known)
		if (k->node == node && (nd->since == 0 || k->since < nd->since))
			nd->since = k->since;
	return nd->since;
}

/* Reports some of what a node knew that is gone, and at last its existence. */
static void
node_old(struct joint *j, unsigned node,
    void (*old)(void *arg, unsigned node, uint64_t id, const char *label),
    void *arg)
{
	struct joint_known *k, *next;
	unsigned n = 0;

	for (k = RB_MIN(joint_known_tree, &j->known);
	     k != NULL && n < JOINT_KNOWN_OLD; k = next) {
		next = RB_NEXT(joint_known_tree, &j->known, k);
		if (k->node != node)
			continue;
		n++;
		old(arg, node, 0, k->label);
	}
	if (n == 0)
		old(arg, node, 0, NULL);
}

void
joint_watch_old(struct joint *j, int64_t wall,
    void (*old)(void *arg, unsigned node, uint64_t id, const char *label),
    void *arg)
{
	struct joint_account key = { .id = 0 }, *a;

	for (unsigned i = 1; i < JOINT_NODES; i++) {
		key.node = i;
		if (j->node[i].lives || j->node[i].said == 0 ||
		    j->node[i].said >= wall)
			continue;
		a = joint_account_next(j, &key);
		if (a != NULL && a->node == i)
			continue;
		node_old(j, i, old, arg);
		return;
	}
}

void
joint_watch_fini(struct joint *j)
{
	struct joint_known *k;

	while ((k = RB_ROOT(&j->known)) != NULL) {
		RB_REMOVE(joint_known_tree, &j->known, k);
		mem_free(&k->label);
		mem_free(&k);
	}
	for (unsigned i = 0; i < JOINT_NODES; i++)
		mem_free(&j->node[i].name);
}
