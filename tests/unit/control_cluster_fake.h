/* SPDX-License-Identifier: ISC
 * control_cluster_fake: three nodes for tests of what travels between them: each is a
 * server of its own (control.h) with a relay of its own (control_fake.h), in one loop.
 * Requests and answers are carried by a task, as the engine would do it, with knobs
 * for nodes that do not answer. The one that is asked first is `mx1`, that of
 * control_world.h. example.org is mx2's, hold.example mx3's, example.net mx1's. */
#ifndef MX_TESTS_CONTROL_CLUSTER_FAKE_H
#define MX_TESTS_CONTROL_CLUSTER_FAKE_H

#include "control_fake.h"

#define FAKE_NODES 3

struct fake_node {
	unsigned id;
	const char *name, *state;
	bool asks, mute; /* mute: no answer comes in time */
	const char *moved; /* a domain that it takes for another's; NULL */
	unsigned moved_to; /* that node; 0: nobody's */
	struct control *control;
	struct fake *fake; /* its relay */
	unsigned asked; /* requests that came here */
	size_t longest; /* answer to one of them */
};

struct fake_flight { /* a request on its way */
	uint64_t ticket;
	struct fake_node *from, *to;
	char *line;
	bool there; /* it has arrived */
	size_t said;
	control_said_cb *cb;
	void *arg;
};

struct fake_cluster {
	struct fake_node node[FAKE_NODES];
	struct fake_flight flight[16];
	unsigned nflights, most; /* at once */
	uint64_t last_ticket;
	unsigned forgotten;
	struct loop_task *task;
	struct snap_cluster view;
	bool cuts; /* answers come without their head */
	int rc; /* of what an operator orders */
	char ordered[128]; /* the last of it */
};

/* Three nodes, the first with `fake`, whose control is not made here. */
void fake_cluster_init(struct fake_cluster *, struct loop *, struct fake *,
    const char *dir);
void fake_cluster_fini(struct fake_cluster *, const char *dir);

#endif
