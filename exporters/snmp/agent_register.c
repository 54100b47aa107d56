/* SPDX-License-Identifier: ISC
 * agent_register: our subtrees at the master. The library would request them
 * when a session begins, and not report a refusal; so it is made to believe
 * that it did, and they are requested here. A subtree that another agent has is
 * requested again, with growing delays, until it is free. None is ever
 * released: net-snmp's master would take a subtree from its present owner,
 * whoever asks. */
#include "exporters/snmp/agent_int.h"

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include "base/clock.h"
#include "base/mem.h"

#define AGAIN_FIRST (2 * CLOCK_SEC)
#define AGAIN_MAX   (60 * CLOCK_SEC)
#define PRIORITY    127 /* RFC 2741 section 6.2.3: the default */

enum region_state {
	REGION_UNKNOWN, /* to be requested */
	REGION_ASKED,
	REGION_STANDS,
	REGION_TAKEN, /* refused, because another agent has it */
};

struct region {
	struct mib_region name;
	enum region_state state;
};

static struct {
	struct region *region;
	size_t n;
	/* number of the session; answers from earlier ones are ignored */
	uintptr_t epoch;
	int64_t next, again; /* monotonic ns */
	uint32_t standing, taken; /* as last reported */
} reg;

void
agent_register_init(const struct mib *m)
{
	struct mib_region r;

	while (mib_region(m, (unsigned)reg.n, &r)) {
		reg.region =
		    mem_grow(reg.region, reg.n + 1, sizeof(reg.region[0]));
		reg.region[reg.n++] =
		    (struct region){ .name = r, .state = REGION_UNKNOWN };
	}
	agent_register_reset();
}

void
agent_register_fini(void)
{
	mem_free(&reg.region);
	reg.n = 0;
}

void
agent_register_reset(void)
{
	for (size_t i = 0; i < reg.n; i++)
		reg.region[i].state = REGION_UNKNOWN;
	reg.epoch++;
	reg.next = 0;
	reg.again = AGAIN_FIRST;
}

void
agent_register_claim(void)
{
	const struct mib_region *r;
	netsnmp_subtree *sub;
	oid name[MIB_OID_MAX];

	for (size_t i = 0; i < reg.n; i++) {
		r = &reg.region[i].name;
		sub = netsnmp_subtree_find(name,
		    agent_oid(name, r->oid, r->len), NULL, "");
		if (sub != NULL)
			sub->flags |= SUBTREE_ATTACHED;
	}
}

static netsnmp_pdu *
request(netsnmp_session *ss, const struct mib_region *r)
{
	netsnmp_pdu *pdu = snmp_pdu_create(AGENTX_REGISTER);
	oid name[MIB_OID_MAX];

	if (pdu == NULL)
		return NULL;
	pdu->sessid = ss->sessid;
	pdu->priority = PRIORITY;
	snmp_add_null_var(pdu, name, agent_oid(name, r->oid, r->len));
	return pdu;
}

/* `magic` encodes the index of the region and the epoch. */
static int
on_answer(int op, netsnmp_session *ss MX_UNUSED, int reqid MX_UNUSED,
    netsnmp_pdu *pdu, void *magic)
{
	uintptr_t at = (uintptr_t)magic;
	struct region *r;

	if (at / reg.n != reg.epoch)
		return 1;
	r = &reg.region[at % reg.n];
	if (op != NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE)
		r->state = REGION_UNKNOWN;
	else
		r->state = pdu->errstat == AGENTX_NO_ERROR ? REGION_STANDS :
							     REGION_TAKEN;
	return 1;
}

static void
ask(netsnmp_session *ss, size_t i)
{
	struct region *r = &reg.region[i];

	r->state = REGION_ASKED;
	if (!agent_send(ss, request(ss, &r->name), on_answer,
		reg.epoch * reg.n + i))
		r->state = REGION_UNKNOWN;
}

void
agent_register_step(netsnmp_session *ss, int64_t now)
{
	bool asked = false;

	if (now < reg.next)
		return;
	for (size_t i = 0; i < reg.n; i++) {
		if (reg.region[i].state == REGION_STANDS ||
		    reg.region[i].state == REGION_ASKED)
			continue;
		ask(ss, i);
		asked = true;
	}
	if (!asked)
		return;
	reg.next = now + reg.again;
	reg.again = reg.again < AGAIN_MAX / 2 ? reg.again * 2 : AGAIN_MAX;
}

/* A region that is requested again still counts as taken. */
bool
agent_register_state(uint32_t *standing, uint32_t *taken)
{
	uint32_t missing = 0, bit;
	bool changed;

	*taken = 0;
	for (size_t i = 0; i < reg.n; i++) {
		bit = 1u << reg.region[i].name.module;
		if (reg.region[i].state == REGION_ASKED)
			*taken |= reg.taken & bit;
		if (reg.region[i].state == REGION_TAKEN)
			*taken |= bit;
		if (reg.region[i].state != REGION_STANDS)
			missing |= bit;
	}
	*standing = 0;
	for (size_t i = 0; i < reg.n; i++)
		*standing |= 1u << reg.region[i].name.module & ~missing;
	changed = *standing != reg.standing || *taken != reg.taken;
	reg.standing = *standing;
	reg.taken = *taken;
	return changed;
}
