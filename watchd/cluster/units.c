/* SPDX-License-Identifier: ISC
 * units: the domains, and what is known of each: its owner, who wants it, which
 * nodes do not know it.
 *
 * Reports of others about an owner (`heard`) only tell where a domain is. Only
 * the store's answer says that it is ours: our takes and gives are ordered
 * there, and what the follower has seen may be older than our last change. The
 * follower's last report is correct, though: it includes our own changes, so a
 * wrong belief is corrected. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

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

/* NULL: not a domain name. */
struct unit *
unit_get(struct cluster *cl, const char *domain)
{
	struct unit *u = unit_find(cl, domain);
	size_t len = strlen(domain) + 1;

	if (u != NULL || len == 1 || len > TEXT_DOMAIN_MAX)
		return u;
	u = mem_alloc(sizeof(*u) + len);
	memcpy(u->name, domain, len);
	RB_INSERT(unit_tree, &cl->units, u);
	cl->nunits++;
	return u;
}

void
unit_hurry(struct cluster *cl, struct unit *u)
{
	if (!u->hurried)
		TAILQ_INSERT_TAIL(&cl->soon, u, soon);
	u->hurried = true;
	cluster_tick_soon(cl);
}

void
unit_calm(struct cluster *cl, struct unit *u)
{
	if (u->hurried)
		TAILQ_REMOVE(&cl->soon, u, soon);
	u->hurried = false;
}

void
unit_drop(struct cluster *cl, struct unit *u)
{
	unit_calm(cl, u);
	RB_REMOVE(unit_tree, &cl->units, u);
	cl->nunits--;
	free(u);
}

/* It has nothing to remember. */
bool
unit_is_nothing(const struct unit *u)
{
	return !u->configured && u->state == UNIT_AWAY && u->owner == 0 &&
	    u->heard == 0 && u->pin == 0 && u->lacks == 0;
}

/* ---- owners */

/* The walk counts the senders to its primaries; an additional one is counted at
 * once. */
static void
count_sender(struct cluster *cl, const struct unit *u)
{
	const char *labels[LABELS_MAX];
	unsigned n;

	n = cl->ops.labels(cl->ops.arg, u->name, labels, LABELS_MAX);
	for (unsigned i = 0; i < n; i++)
		judged_owner(cl, judged_get(cl, labels[i]), u->owner);
}

void
unit_owner(struct cluster *cl, struct unit *u, unsigned node)
{
	if (u->owner == node)
		return;
	if (u->owner != 0)
		cl->node[u->owner].domains--;
	if (node != 0)
		cl->node[node].domains++;
	u->owner = (uint8_t)node;
	if (node != 0 && u->configured)
		count_sender(cl, u);
	cl->ops.owned(cl->ops.arg, u->name);
}

static void
load_owner(void *arg, const char *domain, unsigned node)
{
	struct cluster *cl = arg;
	struct unit *u;

	if (node >= NODES || (u = unit_get(cl, domain)) == NULL)
		return;
	u->heard = (uint8_t)node;
	if (cl->started)
		return; /* the walk follows */
	u->owner = u->heard;
	cl->node[node].domains += node != 0;
}

/* Again after each join, when nothing is ours. */
void
units_load(struct cluster *cl)
{
	struct unit *u;

	RB_FOREACH (u, unit_tree, &cl->units)
		u->lacks = 0;
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

	if (node >= NODES || (u = unit_get(cl, domain)) == NULL)
		return;
	u->heard = (uint8_t)node;
	if (u->state != UNIT_AWAY)
		return;
	unit_owner(cl, u, node);
	if (node == cl->us)
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

/* All at once; the walk corrects the owners. */
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

/* ---- which nodes know it */

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
	if (unit_is_nothing(u))
		unit_drop(cl, u);
}

void
unit_lacked(struct cluster *cl, const char *rest, size_t len)
{
	const char *domain;
	unsigned node = key_node(rest, &domain);
	struct unit *u;

	if (node == 0)
		return;
	u = len > 0 ? unit_get(cl, domain) : unit_find(cl, domain);
	if (u == NULL)
		return;
	if (len > 0)
		u->lacks |= UINT32_C(1) << node;
	else
		u->lacks &= ~(UINT32_C(1) << node);
}

/* Reported again each time it matters, and read again after a join: reports
 * made while another had our place were not accepted. */
void
unit_lack(struct cluster *cl, struct unit *u, bool lacks)
{
	char key[KEY_MAX], *rest = key + strlen("lacks/");

	(void)snprintf(key, sizeof(key), "lacks/%u/%s", cl->us, u->name);
	put_state(cl, key, "1", lacks ? 1 : 0);
	unit_lacked(cl, rest, lacks ? 1 : 0);
}
