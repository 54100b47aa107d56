/* SPDX-License-Identifier: ISC
 * place: a connection to a host that is no delivery's, but counts as one of
 * ours there: a probe's. A host bears so many connections of us (host.h),
 * whatever they are for; a probe beside as many deliveries would be the one too
 * many that is refused.
 *
 * Where deliveries stand, a place has to be asked for, and may have to be waited
 * for: one delivery ends its connection after its message. Where none works, nor
 * is on its way, there is nobody to share with, and the probe goes at once.
 * Loop thread. */
#ifndef MX_PRIMARY_PLACE_H
#define MX_PRIMARY_PLACE_H

#include <sys/queue.h>

#include "net/route.h"

/* Then it goes all the same: a verdict has its time. (Behind a late greeting the
 * delivery has its turn first, host_turn_ns().) */
#define PLACE_WAIT_MS 5000

struct loop_timer;
struct site;

/* The owner's, zeroed before its first use; private to who counts. */
struct place {
	TAILQ_ENTRY(place) link; /* of those that wait for the host */
	struct site *site; /* NULL: nobody counts */
	bool waiting;
	bool scarce; /* a delivery waits for it, or will: be short */
	struct loop_timer *patience;
	void (*go)(void *arg);
	void *arg;
};
TAILQ_HEAD(place_list, place);

/* The counter of connections. Without `take` there is none. */
struct place_ops {
	/* True: it is taken. False: go(arg) comes when it is, from the loop, not
	 * from inside a call. In either case it is given back in the end, also
	 * while it waits. */
	bool (*take)(void *arg, struct place *, const struct route_host *,
	    const struct net_addr *source);
	void (*give_back)(void *arg, struct place *);
	void *arg;
};

#endif
