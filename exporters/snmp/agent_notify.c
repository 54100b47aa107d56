/* SPDX-License-Identifier: ISC
 * agent_notify: sends a notification as our own request, because the library's
 * send_v2trap() does not report whether the master accepted it. One at a
 * time. */
#include "exporters/snmp/agent_int.h"

static struct {
	uint64_t number; /* under way; 0: none */
	const struct agent_ops *ops;
} out;

static void
answered(uint64_t number, bool taken)
{
	if (number == 0 || number != out.number)
		return;
	out.number = 0;
	out.ops->notified(out.ops->arg, number, taken);
}

void
agent_notify_reset(void)
{
	answered(out.number, false);
}

static int
on_answer(int op, netsnmp_session *ss MX_UNUSED, int reqid MX_UNUSED,
    netsnmp_pdu *pdu, void *magic)
{
	answered((uint64_t)(uintptr_t)magic,
	    op == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE &&
		pdu->errstat == AGENTX_NO_ERROR);
	return 1;
}

static void
add_varbinds(netsnmp_pdu *pdu, const struct wire_notice *n)
{
	static const oid trap_oid[] = { 1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0 };
	struct mib_answer a[MIB_VARBINDS_MAX];
	unsigned nvarbinds = mib_notification(n, a);
	uint32_t name[MIB_OID_MAX];
	struct agent_value v;
	oid full[MIB_OID_MAX];
	size_t len;

	len = agent_oid(full, name, mib_event_oid(n->event, name));
	snmp_pdu_add_variable(pdu, trap_oid, OID_LENGTH(trap_oid),
	    ASN_OBJECT_ID, full, len * sizeof(oid));
	for (unsigned i = 0; i < nvarbinds; i++) {
		agent_value(&v, &a[i].value);
		len = agent_oid(full, a[i].oid, a[i].len);
		snmp_pdu_add_variable(pdu, full, len, v.type, v.data, v.len);
	}
}

bool
agent_notify_send(netsnmp_session *ss, const struct wire_notice *n,
    uint64_t number, const struct agent_ops *ops)
{
	netsnmp_pdu *pdu;

	if (out.number != 0 || n->event == 0 || n->event >= WIRE_EVENT_MAX)
		return false;
	pdu = snmp_pdu_create(AGENTX_NOTIFY);
	if (pdu == NULL)
		return false;
	pdu->sessid = ss->sessid;
	add_varbinds(pdu, n);
	out.number = number;
	out.ops = ops;
	if (agent_send(ss, pdu, on_answer, (uintptr_t)number))
		return true;
	out.number = 0;
	return false;
}
