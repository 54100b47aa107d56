/* SPDX-License-Identifier: ISC
 * fake_cluster: a cluster that says what a test put into it. */
#ifndef MX_TESTS_FAKE_CLUSTER_H
#define MX_TESTS_FAKE_CLUSTER_H

#include "cluster/cluster.h"

struct cluster {
	struct cluster_node node[STORE_NODE_MAX];
	unsigned nnodes;
	struct cluster_view view;
	struct store_info store; /* what store_info() says */
	unsigned owner; /* of any domain */
	uint32_t senders; /* to any primary */
	struct cluster_verdict verdict[STORE_NODE_MAX];
	unsigned nverdicts;
	const char *silent; /* for that label another one speaks */
};

#endif
