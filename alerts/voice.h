/* SPDX-License-Identifier: ISC
 * voice: who tells of an alert, where several nodes share a queue. Without a cluster
 * it is always we.
 *
 * One incident is told by one node, under a key that has the name of the cluster
 * and no node's, so that another goes on with it (incidents.h):
 *
 *	a domain's mail		its owner; nobody else knows it
 *	a primary		the owner of its domains; where several own some, the
 *				one that speaks for it
 *	the cluster		the one that speaks for it
 *
 * Facts of a node, its disk, clock, lists and probes, are told by itself, under a
 * key with its name: two full disks are two incidents. While the engine is away
 * nobody knows what the others see, so each tells of the primaries, under the same
 * key. Pure. */
#ifndef MX_ALERTS_VOICE_H
#define MX_ALERTS_VOICE_H

#include "status/snapshot.h"

enum voice {
	VOICE_NODE, /* each its own, under a key of its own */
	VOICE_EACH, /* each, under the same key */
	VOICE_OWNER,
	VOICE_PRIMARY,
	VOICE_CLUSTER,
};

enum voice voice_of(enum alert_kind); /* of a test: NODE */
/* Is it ours to tell? The domain is NULL where the alert is of another scope. */
bool voice_tells(const struct snapshot *, enum alert_kind,
    const struct snap_domain *);

#endif
