/* SPDX-License-Identifier: ISC
 * cluster_show: see cluster_show.h. */
#include "daemon/cluster_show.h"

#include <string.h>

_Static_assert(SNAP_NODES == STORE_NODE_MAX, "a node would not be shown");
/* The values are those of the MIB minus one. */
_Static_assert(CLUSTER_LIVE == 0 && CLUSTER_LEFT == 1 && CLUSTER_SILENT == 2 &&
	CLUSTER_STOPPED == 3 && CLUSTER_DEAD == 4,
    "states of another order");

/* The key by which one live node is chosen to report for the whole cluster. */
#define ALL_OF_IT "cluster"

void
cluster_show_domain(const struct cluster *c, struct snap_domain *s,
    struct snap_verdict room[SNAP_NODES])
{
	struct cluster_verdict said[SNAP_NODES];
	unsigned n;

	if (c == NULL)
		return;
	s->shared = true;
	s->owner = cluster_node_name(c, cluster_owner_of(c, s->name));
	s->ours = cluster_is_ours(c, s->name);
	n = cluster_verdicts(c, s->name, said, SNAP_NODES);
	for (unsigned i = 0; i < n; i++)
		room[i] = (struct snap_verdict){ .node = cluster_node_name(c,
						     said[i].node),
			.state_name = health_state_name(said[i].state),
			.since = said[i].since,
			.cause = said[i].cause };
	s->verdict = room;
	s->nverdicts = n;
}

void
cluster_show_primary(const struct cluster *c, const char *label,
    struct snap_host *h)
{
	if (c == NULL)
		return;
	h->told_by_another = !cluster_speaks(c, label);
	for (uint32_t m = cluster_senders(c, label); m != 0; m &= m - 1)
		h->owners++;
}

static const struct cluster_node *
find_us(const struct cluster_node *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].us)
			return &list[i];
	return NULL;
}

static bool
is_up(const struct cluster_node *n)
{
	return n->state == CLUSTER_LIVE || n->state == CLUSTER_LEFT;
}

static void
show_nodes(const struct cluster *c, struct snapshot *s)
{
	struct cluster_node list[SNAP_NODES];
	unsigned n = cluster_list(c, list, SNAP_NODES);
	const struct cluster_node *us = find_us(list, n);
	struct snap_node *to = snapshot_nodes(s, n);

	for (unsigned i = 0; i < n; i++, to++) {
		(void)strlcpy(to->name, list[i].name, sizeof(to->name));
		to->id = list[i].id;
		to->state = list[i].state;
		to->state_name = cluster_state_name(list[i].state);
		to->us = list[i].us;
		to->up = is_up(&list[i]);
		to->missing = list[i].state == CLUSTER_SILENT ||
		    list[i].state == CLUSTER_DEAD;
		/* A node that has not sent its digest yet does not differ. */
		to->differs = us != NULL && to->up &&
		    list[i].config[0] != '\0' && us->config[0] != '\0' &&
		    strcmp(list[i].config, us->config) != 0;
		to->silent_seconds = (double)list[i].silent_ms / 1e3;
		to->domains = list[i].domains;
		(void)strlcpy(to->version, list[i].version,
		    sizeof(to->version));
		(void)strlcpy(to->hostname, list[i].hostname,
		    sizeof(to->hostname));
		(void)strlcpy(to->url, list[i].url, sizeof(to->url));
	}
}

void
cluster_show_whole(const struct cluster *c, const struct store *store,
    bool require_sync, struct snap_cluster *to)
{
	struct cluster_view v;
	struct store_info si;

	cluster_view(c, &v);
	store_info(store, &si);
	to->on = true;
	(void)strlcpy(to->node, v.name, sizeof(to->node));
	to->left = v.left;
	to->fenced = si.fenced;
	to->speaks = cluster_speaks(c, ALL_OF_IT);
	to->live = v.live;
	to->missing = v.missing;
	to->domains = v.domains;
	to->ours = v.ours;
	to->unowned = v.unowned;
	to->leaving = v.leaving;
	to->differing = v.differing;
	to->away_ms = si.away_ms;
	to->synchronous = !si.alone;
	to->requires_sync = require_sync;
}

void
cluster_show(const struct cluster *c, const struct store *store,
    bool require_sync, struct snapshot *s)
{
	if (c == NULL)
		return;
	cluster_show_whole(c, store, require_sync, &s->cluster);
	show_nodes(c, s);
}
