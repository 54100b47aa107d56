/* SPDX-License-Identifier: ISC
 * agent_int: shared by the files of the agent: our own requests to the master
 * by AgentX (RFC 2741), and values in the library's types. */
#ifndef MX_SNMP_AGENT_INT_H
#define MX_SNMP_AGENT_INT_H

#include <net-snmp/net-snmp-config.h>
/* The order of these headers matters. */
#include <net-snmp/net-snmp-includes.h>

#include "exporters/snmp/agent.h"

/* Types of PDUs, RFC 2741 section 6.1, and the error code of success, 6.2.16.
 * The library has them, but not in its headers. */
enum { AGENTX_REGISTER = 3, AGENTX_NOTIFY = 12 };
#define AGENTX_NO_ERROR 0

/* A value in the library's form. */
struct agent_value {
	u_char type;
	const void *data;
	size_t len;
	long i;
	u_long u;
	struct counter64 c64;
	oid oid[MIB_OID_MAX];
};
void agent_value(struct agent_value *, const struct mib_value *);
size_t agent_oid(oid *dst, const uint32_t *src, size_t n);

/* Consumes the PDU (NULL: false). `cb` gets the answer, or that there was none;
 * it is not called if the session ends first. False: it could not be sent. */
bool agent_send(netsnmp_session *, netsnmp_pdu *, netsnmp_callback cb,
    uintptr_t magic);

/* agent_register.c: our subtrees at the master. Once: sets those of the mib; */
void agent_register_init(const struct mib *);
void agent_register_fini(void);
/* a session to the master began, or ended: nothing is registered; */
void agent_register_reset(void);
/* at the beginning: keeps the library from registering; */
void agent_register_claim(void);
/* requests missing registrations that are due; */
void agent_register_step(netsnmp_session *, int64_t now);
/* the state as bits, 1 << enum wire_module: the whole module is registered;
 * another agent has part of it. Neither: being requested. True: changed since
 * the last call. */
bool agent_register_state(uint32_t *standing, uint32_t *taken);

/* agent_notify.c: the session ended: no answer will come for the one under
 * way. */
void agent_notify_reset(void);
/* Sends it. False: impossible. */
bool agent_notify_send(netsnmp_session *, const struct wire_notice *,
    uint64_t number, const struct agent_ops *);

#endif
