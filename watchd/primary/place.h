/* SPDX-License-Identifier: ISC
 * place: a connection of a probe, counted among ours at the host. A host takes
 * only so many connections from us (host.h), whatever they are for; a probe
 * beside the most deliveries would be refused as one too many.
 *
 * Where deliveries are connected, a probe asks for a place and may have to
 * wait: one delivery then ends its connection after its message. Where none is
 * connected or connecting, the probe goes at once. Loop thread. */
#ifndef MX_PRIMARY_PLACE_H
#define MX_PRIMARY_PLACE_H

#include <sys/queue.h>

#include "net/route.h"

/* Longest wait; then the probe goes without a place, because a verdict is due.
 * (After a slow greeting the delivery keeps its connection for host_turn_ns()
 * first.) */
#define PLACE_WAIT_MS 5000

struct loop_timer;
struct site;

/* Owned by the caller, zeroed before its first use; its members are private to
 * the module that counts connections. */
struct place {
	/* in the list of those that wait for the host */
	TAILQ_ENTRY(place) link;
	struct site *site; /* NULL: not counted */
	bool waiting;
	/* a delivery waits for it, or will: keep the session short */
	bool scarce;
	struct loop_timer *limit; /* of its wait */
	void (*go)(void *arg);
	void *arg;
};
TAILQ_HEAD(place_list, place);

/* The counter of connections. Without `take` nothing is counted. */
struct place_ops {
	/* True: the place is taken. False: go(arg) is called when it is, from
	 * the loop, not from inside the call. Either way it is to be given
	 * back, also while it waits. */
	bool (*take)(void *arg, struct place *, const struct route_host *,
	    const struct net_addr *source);
	void (*give_back)(void *arg, struct place *);
	void *arg;
};

#endif
