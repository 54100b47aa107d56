/* SPDX-License-Identifier: ISC
 * fake_cluster: see fake_cluster.h. The store of a cluster is the cluster. */
#include "fake_cluster.h"

#include <string.h>

const char *
cluster_state_name(enum cluster_state state)
{
	static const char *const names[] = { "live", "left", "silent",
		"stopped", "dead" };

	return names[state];
}

bool
cluster_is_ours(const struct cluster *c, const char *domain MX_UNUSED)
{
	return c->owner == c->view.node;
}

unsigned
cluster_owner_of(const struct cluster *c, const char *domain MX_UNUSED)
{
	return c->owner;
}

const char *
cluster_node_name(const struct cluster *c, unsigned node)
{
	for (unsigned i = 0; i < c->nnodes; i++)
		if (c->node[i].id == node)
			return c->node[i].name;
	return "";
}

unsigned
cluster_list(const struct cluster *c, struct cluster_node *to, unsigned max)
{
	unsigned n = c->nnodes < max ? c->nnodes : max;

	memcpy(to, c->node, n * sizeof(*to));
	return n;
}

unsigned
cluster_verdicts(const struct cluster *c, const char *domain MX_UNUSED,
    struct cluster_verdict *to, unsigned max)
{
	unsigned n = c->nverdicts < max ? c->nverdicts : max;

	memcpy(to, c->verdict, n * sizeof(*to));
	return n;
}

uint32_t
cluster_senders(const struct cluster *c, const char *label MX_UNUSED)
{
	return c->senders;
}

bool
cluster_speaks(const struct cluster *c, const char *label)
{
	return c->silent == NULL || strcmp(c->silent, label) != 0;
}

void
cluster_view(const struct cluster *c, struct cluster_view *v)
{
	*v = c->view;
}

void
store_info(const struct store *s, struct store_info *si)
{
	*si = ((const struct cluster *)(const void *)s)->store;
}
