/* SPDX-License-Identifier: ISC
 * agent_int: what the files of the agent share: requests of our own to the
 * master, by AgentX (RFC 2741), and values as the library takes them. */
#ifndef MX_SNMP_AGENT_INT_H
#define MX_SNMP_AGENT_INT_H

#include <net-snmp/net-snmp-config.h>
/* Their headers stand in this order. */
#include <net-snmp/net-snmp-includes.h>

#include "exporters/snmp/agent.h"

/* Types of PDUs, RFC 2741 section 6.1, and that a response has no error,
 * 6.2.16. The library has them, but not in its headers. */
enum { AGENTX_REGISTER = 3, AGENTX_NOTIFY = 12 };
#define AGENTX_NO_ERROR 0

/* The type and the bytes of a value as the library takes them. */
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

/* Consumes the PDU (NULL: false). `cb` gets the answer, or hears that none came;
 * nothing when the session ends first. False: it could not be sent. */
bool agent_send(netsnmp_session *, netsnmp_pdu *, netsnmp_callback cb,
    uintptr_t magic);

/* agent_register.c: our subtrees with the master. Those of the mib, once; */
void agent_register_init(const struct mib *);
void agent_register_fini(void);
/* a session to the master began, or ended: nothing stands; */
void agent_register_reset(void);
/* at the beginning: the library does not register; */
void agent_register_claim(void);
/* asks for what does not stand and is due; */
void agent_register_step(netsnmp_session *, int64_t now);
/* as bits, 1 << enum wire_module: all of the module stands; another has some
 * of it. Neither: it is being asked for. True: they changed since the last
 * call. */
bool agent_register_state(uint32_t *standing, uint32_t *taken);

/* agent_notify.c: the session ended: the one on its way is not answered. */
void agent_notify_reset(void);
/* Sends it. False: it cannot be. */
bool agent_notify_send(netsnmp_session *, const struct wire_notice *,
    uint64_t number, const struct agent_ops *);

#endif
