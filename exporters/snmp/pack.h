/* SPDX-License-Identifier: ISC
 * pack: what the daemon says to mxwatch-agentx, made from its snapshot and
 * its notices. Pure, but for the index, which grows by new domains. */
#ifndef MX_SNMP_PACK_H
#define MX_SNMP_PACK_H

#include "exporters/snmp/index.h"
#include "exporters/snmp/wire.h"
#include "status/notice.h"
#include "status/snapshot.h"

/* A snapshot being packed. A domain that left the configuration is in it for
 * as long as it has mail. */
struct pack {
	struct snapshot *s; /* NULL: none */
	unsigned phase, next;
	uint32_t ndomains, nprimaries; /* that go in */
	uint32_t done; /* domains of this phase */
};
void pack_begin(struct pack *, struct snapshot *); /* takes a reference */
/* Adds to the packets, of `budget` domains at most; false when those were the
 * last. */
bool
pack_step(struct pack *, struct wire_out *, struct index *, unsigned budget);
void pack_end(struct pack *);
/* All of it at once. */
void pack_snapshot(struct wire_out *, struct snapshot *, struct index *);

/* The notification that follows from a notice: false when there is none, or
 * none yet (mail expired: once in five minutes and domain). */
bool pack_notice(struct wire_notice *, const struct notice *, struct index *,
    int64_t now);

/* Ages of the domains against their lifetimes, in percent. A level is left
 * when the age is ten points below its threshold, so that a flush does not
 * make it rattle. `tell` is called for each change; where it returns false
 * there was no room, and the same is told the next time. Of many domains those
 * from *next on are looked at, all of them within a minute of calls each
 * second. */
struct age_limits {
	unsigned warning, critical; /* percent; 0: never */
};
void pack_ages(const struct snapshot *, struct index *,
    const struct age_limits *, unsigned *next,
    bool (*tell)(void *arg, const struct wire_notice *), void *arg);

#endif
