/* SPDX-License-Identifier: ISC
 * pack: converts a snapshot to the terms of the MIB, as packets for
 * mxwatch-agentx. Pure, except for the indices, which get new names. */
#ifndef MX_SNMP_PACK_H
#define MX_SNMP_PACK_H

#include "exporters/snmp/index.h"
#include "exporters/snmp/wire.h"
#include "status/snapshot.h"

/* The numbers of all objects with rows. */
struct indices {
	struct index domains, primaries;
};

/* A snapshot being packed. A removed domain is included while it has mail.
 * Domains taken in by mx_backup, and their primaries, are not: a number is kept
 * for good, and strangers choose these. */
struct pack {
	struct snapshot *s; /* NULL: none */
	unsigned phase, next;
	uint32_t rows[WIRE_TYPE_MAX]; /* included rows */
	uint32_t done; /* rows of this phase */
	struct pack_sum {
		uint64_t messages;
		uint32_t breakers;
	} * sum; /* over the domains of each primary, as snapshot.server */
};
void pack_begin(struct pack *, struct snapshot *); /* takes a reference */
/* Adds to the packets, `budget` rows at most (for links: domains); false after
 * the last ones. */
bool
pack_step(struct pack *, struct wire_out *, struct indices *, unsigned budget);
void pack_end(struct pack *);
/* All of it at once. */
void pack_snapshot(struct wire_out *, struct snapshot *, struct indices *);

/* enum smtp_phase as number of mxwPrimaryFailedPhase. */
uint32_t pack_phase(enum smtp_phase);

#endif
