/* SPDX-License-Identifier: ISC
 * choose: see choose.h. */
#include "cluster/choose.h"

#include "base/hash.h"

#define SPLIT_LEAST 20 /* domains: smaller groups are not split */

/* FNV leaves the last octets in the low bits: mixed (splitmix64). */
static uint64_t
weight(const char *key, unsigned node)
{
	uint64_t h = hash_bytes(hash_text(HASH_INIT, key), &node, sizeof(node));

	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

struct choice {
	const char *key;
	unsigned owner;
	bool owner_down, any_up;
	bool any; /* none qualifies: some node has to have it */
};

static bool
fits(const struct choice *c, const struct choose_node *node)
{
	if (c->any)
		return true;
	if (c->owner_down)
		return !c->any_up || node->sees == CHOOSE_UP;
	/* not to a node that would give it away at once */
	return node->id == c->owner || node->sees != CHOOSE_DOWN;
}

static unsigned
best_of(const struct choice *c, const struct choose_node *nodes, unsigned n)
{
	uint64_t w, most = 0;
	unsigned best = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!fits(c, &nodes[i]))
			continue;
		w = weight(c->key, nodes[i].id);
		if (best == 0 || w > most) {
			most = w;
			best = nodes[i].id;
		}
	}
	return best;
}

unsigned
choose_node(const char *key, unsigned owner, const struct choose_node *nodes,
    unsigned n)
{
	struct choice c = { .key = key, .owner = owner };
	unsigned best;

	for (unsigned i = 0; i < n; i++) {
		if (nodes[i].id == owner)
			c.owner_down = nodes[i].sees == CHOOSE_DOWN;
		else
			c.any_up = c.any_up || nodes[i].sees == CHOOSE_UP;
	}
	best = best_of(&c, nodes, n);
	c.any = true;
	return best != 0 ? best : best_of(&c, nodes, n);
}

bool
choose_splits(unsigned domains, unsigned all, unsigned nodes, unsigned ceiling)
{
	return nodes > 1 && domains >= SPLIT_LEAST && domains > all / 2 &&
	    (ceiling == 0 || ceiling >= nodes);
}
