/* SPDX-License-Identifier: ISC
 * pack: a snapshot in the terms of the MIB, as the packets that mxwatch-agentx
 * is sent. Pure, but for the indices, which grow by new names. */
#ifndef MX_SNMP_PACK_H
#define MX_SNMP_PACK_H

#include "exporters/snmp/index.h"
#include "exporters/snmp/wire.h"
#include "status/snapshot.h"

/* The numbers of all that has rows. */
struct indices {
	struct index domains, primaries;
};

/* A snapshot being packed. A domain that left the configuration is in it for
 * as long as it has mail. Those that mx_backup took in, and their primaries, are
 * not: a number is kept for good, and strangers choose them. */
struct pack {
	struct snapshot *s; /* NULL: none */
	unsigned phase, next;
	uint32_t rows[WIRE_TYPE_MAX]; /* that go in */
	uint32_t done; /* rows of this phase */
	struct pack_sum {
		uint64_t messages;
		uint32_t breakers;
	} * sum; /* of the domains of each primary, as snapshot.server */
};
void pack_begin(struct pack *, struct snapshot *); /* takes a reference */
/* Adds to the packets, `budget` rows at most (of links: domains); false when
 * those were the last. */
bool
pack_step(struct pack *, struct wire_out *, struct indices *, unsigned budget);
void pack_end(struct pack *);
/* All of it at once. */
void pack_snapshot(struct wire_out *, struct snapshot *, struct indices *);

/* enum smtp_phase in the numbers of mxwPrimaryFailedPhase. */
uint32_t pack_phase(enum smtp_phase);

#endif
