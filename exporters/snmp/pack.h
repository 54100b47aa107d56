/* SPDX-License-Identifier: ISC
 * pack: what the daemon says to mxwatch-agentx, made from its snapshot and
 * its notices. Pure, but for the index, which grows by new domains. */
#ifndef MX_SNMP_PACK_H
#define MX_SNMP_PACK_H

#include "exporters/snmp/index.h"
#include "exporters/snmp/wire.h"
#include "status/notice.h"
#include "status/snapshot.h"

/* All packets of a snapshot. A domain that left the configuration is in it
 * for as long as it has mail. */
void pack_snapshot(struct wire_out *, const struct snapshot *, struct index *);

/* The notification that follows from a notice: false when there is none, or
 * none yet (mail expired: once in five minutes and domain). */
bool pack_notice(struct wire_notice *, const struct notice *, struct index *,
    int64_t now);

/* Ages of the domains against their lifetimes, in percent. A level is left
 * when the age is ten points below its threshold, so that a flush does not
 * make it rattle. `tell` is called for each change; where it returns false
 * there was no room, and the same is told the next time. */
struct age_limits {
	unsigned warning, critical; /* percent; 0: never */
};
void
pack_ages(const struct snapshot *, struct index *, const struct age_limits *,
    bool (*tell)(void *arg, const struct wire_notice *), void *arg);

#endif
