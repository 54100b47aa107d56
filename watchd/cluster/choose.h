/* SPDX-License-Identifier: ISC
 * choose: at which node a domain should be. All nodes come to the same answer from
 * the same knowledge, and most domains stay where they are when a node comes or
 * goes (rendezvous hashing). Pure. */
#ifndef MX_CLUSTER_CHOOSE_H
#define MX_CLUSTER_CHOOSE_H

#include "base/defs.h"

enum choose_sees { CHOOSE_UNKNOWN, CHOOSE_UP, CHOOSE_DOWN };

struct choose_node {
	unsigned id;
	enum choose_sees sees; /* of the domain's primary */
};

/* The id of one of them, 0 when there is none. `owner` stays where its primary is
 * not seen down, whoever else sees it up; then those are left that see it up, if
 * any does. */
unsigned choose_node(const char *key, unsigned owner,
    const struct choose_node *, unsigned n);
/* Is a group too large to be one node's? `ceiling`: connections that its primary
 * takes (0: any): it is not split among more nodes than that. */
bool
choose_splits(unsigned domains, unsigned all, unsigned nodes, unsigned ceiling);

#endif
