/* SPDX-License-Identifier: ISC
 * voice: which node reports an alert, if several share a queue. Without a
 * cluster it is always this one.
 *
 * One incident is reported by one node, under a key with the name of the
 * cluster and not of a node, so that another can continue it (incidents.h):
 *
 *	a domain's mail		its owner; no other node knows it
 *	a primary		the owner of its domains; if there are several
 *				owners, the node that speaks for it
 *	the cluster		the node that speaks for it
 *
 * Facts about a node, its disk, clock, lists and probes, are reported by
 * itself, under a key with its name: two full disks are two incidents. While
 * the engine is away no node knows what the others see, so each reports about
 * primaries, under the same key. Pure. */
#ifndef MX_ALERTS_VOICE_H
#define MX_ALERTS_VOICE_H

#include "status/snapshot.h"

enum voice {
	VOICE_NODE, /* each node, under a key of its own */
	VOICE_EACH, /* each node, under the same key */
	VOICE_OWNER,
	VOICE_PRIMARY,
	VOICE_CLUSTER,
};

enum voice voice_of(enum alert_kind); /* for a test: NODE */
/* Does this node report it? The domain is NULL for alerts of another scope. */
bool voice_tells(const struct snapshot *, enum alert_kind,
    const struct snap_domain *);

#endif
