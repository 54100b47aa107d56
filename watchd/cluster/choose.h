/* SPDX-License-Identifier: ISC
 * choose: the node at which a domain should be. All nodes compute the same
 * answer from the same knowledge, and most domains stay where they are when a
 * node comes or goes (rendezvous hashing). Pure. */
#ifndef MX_CLUSTER_CHOOSE_H
#define MX_CLUSTER_CHOOSE_H

#include "base/defs.h"

enum choose_sees { CHOOSE_UNKNOWN, CHOOSE_UP, CHOOSE_DOWN };

struct choose_node {
	unsigned id;
	enum choose_sees sees; /* its view of the domain's primary */
};

/* The id of one of them, 0 when there is none. `owner` keeps the domain unless
 * it sees its primary down; then the nodes that see it up are preferred, if
 * there are any. */
unsigned choose_node(const char *key, unsigned owner,
    const struct choose_node *, unsigned n);
/* Is a group of domains too large for one node? `ceiling`: connections that its
 * primary takes (0: any): the group is not split among more nodes than that. */
bool
choose_splits(unsigned domains, unsigned all, unsigned nodes, unsigned ceiling);

#endif
