/* SPDX-License-Identifier: ISC
 * agent: the library, its session and its requests. Its settings were measured:
 * with the library's own time-outs a stopped master freezes its subagent for 12
 * to 22 seconds at a time. */
#include "exporters/snmp/agent_int.h"

#include <net-snmp/agent/agent_callbacks.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <net-snmp/library/large_fd_set.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define NAME	     "mxwatch-agentx"
#define SESSION_USEC 500000 /* for an answer of the master; no retries */
/* The same for our own requests, which nothing waits for: longer than it takes
 * to detect a hung master, so that no answer is late. */
#define ANSWER_USEC 20000000
/* Between checks that the master still answers, and between tries to connect: a
 * returning master is joined within this time. */
#define PING_SEC      10
#define LOG_EVERY_SEC 10

static struct {
	struct mib *mib;
	const struct agent_ops *ops;
	uint64_t requests;
	netsnmp_session *session; /* to the master; NULL: none */
	int64_t next_log;
} agent;

/* ---- names and values */

size_t
agent_oid(oid *dst, const uint32_t *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i];
	return n;
}

void
agent_value(struct agent_value *r, const struct mib_value *v)
{
	r->type = ASN_INTEGER;
	r->data = &r->i;
	r->len = sizeof(r->i);
	r->i = v->i;
	r->u = (u_long)(uint32_t)v->u;
	switch (v->type) {
	case MIB_INTEGER:
	case MIB_ENUM:
	case MIB_TRUTH:
	case MIB_INTERVAL:
		return;
	case MIB_UNSIGNED32: /* the same on the wire */
	case MIB_GAUGE32:
		r->type = ASN_GAUGE;
		break;
	case MIB_COUNTER32:
		r->type = ASN_COUNTER;
		break;
	case MIB_STAMP:
		r->type = ASN_TIMETICKS;
		break;
	case MIB_COUNTER64:
		r->type = ASN_COUNTER64;
		r->c64.high = (u_long)(v->u >> 32);
		r->c64.low = (u_long)(v->u & UINT32_MAX);
		r->data = &r->c64;
		r->len = sizeof(r->c64);
		return;
	case MIB_STRING:
	case MIB_DATE:
		r->type = ASN_OCTET_STR;
		r->data = v->s;
		r->len = v->len;
		return;
	case MIB_OID:
		r->type = ASN_OBJECT_ID;
		r->len = agent_oid(r->oid, v->oid, v->len) * sizeof(oid);
		r->data = r->oid;
		return;
	}
	r->data = &r->u;
	r->len = sizeof(r->u);
}

static void
refresh_clocks(void)
{
	agent.mib->now_ms = clock_wall_ms();
	agent.mib->uptime = netsnmp_get_agent_uptime();
}

/* ---- requests */

/* An arc beyond 32 bits sorts after all of ours. */
static size_t
from_oid(uint32_t *dst, const oid *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] > UINT32_MAX ? UINT32_MAX : (uint32_t)src[i];
	return n;
}

static void
serve(netsnmp_request_info *req, netsnmp_agent_request_info *info)
{
	netsnmp_variable_list *vb = req->requestvb;
	uint32_t name[MAX_OID_LEN];
	oid found[MIB_OID_MAX];
	struct mib_answer a;
	struct agent_value raw;
	size_t n;
	bool ok;

	agent.requests++;
	n = from_oid(name, vb->name, vb->name_length);
	if (info->mode == MODE_GET)
		ok = mib_get(agent.mib, name, n, &a);
	else
		ok = mib_next(agent.mib, name, n, req->inclusive != 0, &a);
	if (!ok) {
		if (info->mode == MODE_GET)
			netsnmp_set_request_error(info, req,
			    SNMP_NOSUCHINSTANCE);
		return; /* GETNEXT: the library continues after our subtree */
	}
	if (info->mode != MODE_GET)
		snmp_set_var_objid(vb, found, agent_oid(found, a.oid, a.len));
	agent_value(&raw, &a.value);
	snmp_set_var_typed_value(vb, raw.type, raw.data, raw.len);
}

static int
on_request(netsnmp_mib_handler *handler MX_UNUSED,
    netsnmp_handler_registration *reg MX_UNUSED,
    netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
	if (info->mode != MODE_GET && info->mode != MODE_GETNEXT)
		return SNMP_ERR_NOTWRITABLE;
	refresh_clocks();
	for (netsnmp_request_info *r = requests; r != NULL; r = r->next)
		if (r->processed == 0)
			serve(r, info);
	return SNMP_ERR_NOERROR;
}

/* ---- notifications */

void
agent_notify(const struct wire_notice *n, uint64_t number)
{
	if (agent.session == NULL ||
	    !agent_notify_send(agent.session, n, number, agent.ops))
		agent.ops->notified(agent.ops->arg, number, false);
}

/* ---- the session */

static void
tell_state(void)
{
	uint32_t standing, taken;

	(void)agent_register_state(&standing, &taken);
	agent.ops->state(agent.ops->arg, agent.session != NULL, standing,
	    taken);
}

bool
agent_send(netsnmp_session *ss, netsnmp_pdu *pdu, netsnmp_callback cb,
    uintptr_t magic)
{
	bool sent;

	if (pdu == NULL)
		return false;
	ss->timeout = ANSWER_USEC;
	sent = snmp_async_send(ss, pdu, cb, (void *)magic) != 0;
	ss->timeout = SESSION_USEC;
	if (!sent)
		snmp_free_pdu(pdu);
	return sent;
}

static int
on_session(int major MX_UNUSED, int minor, void *session, void *arg MX_UNUSED)
{
	bool is = minor == SNMPD_CALLBACK_INDEX_START;

	agent.session = is ? session : NULL;
	agent_register_reset();
	if (is)
		agent_register_claim();
	agent_notify_reset();
	tell_state();
	return 0;
}

static int
on_session_init(int major MX_UNUSED, int minor MX_UNUSED, void *session,
    void *arg MX_UNUSED)
{
	netsnmp_session *s = session;

	s->timeout = SESSION_USEC;
	s->retries = 0;
	return 0;
}

/* Messages of the library, except those about connecting and registering, which
 * we log ourselves; rate limited. */
static int
on_log(int major MX_UNUSED, int minor MX_UNUSED, void *message,
    void *arg MX_UNUSED)
{
	const struct snmp_log_message *m = message;
	int64_t now = clock_now();

	if (m->priority > LOG_WARNING || now < agent.next_log ||
	    strstr(m->msg, "failed to respond to ping") != NULL ||
	    strstr(m->msg, "registering pdu failed") != NULL)
		return 0;
	agent.next_log = now + LOG_EVERY_SEC * CLOCK_SEC;
	agent.ops->log(agent.ops->arg, m->priority <= LOG_ERR, m->msg);
	return 0;
}

static void
set_up_library(const char *socket)
{
	setenv("MIBS", "", 1); /* the subagent needs no MIB names */
	snmp_disable_log();
	snmp_enable_calllog();
	snmp_register_callback(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_LOGGING,
	    on_log, NULL);
	netsnmp_enable_subagent();
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID,
	    NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID,
	    NETSNMP_DS_LIB_DISABLE_CONFIG_LOAD, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID,
	    NETSNMP_DS_LIB_ALARM_DONT_USE_SIG, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID,
	    NETSNMP_DS_AGENT_NO_ROOT_ACCESS, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID,
	    NETSNMP_DS_AGENT_NO_CONNECTION_WARNINGS, 1);
	netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID,
	    NETSNMP_DS_AGENT_DISABLE_PERL, 1);
	netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID,
	    NETSNMP_DS_AGENT_X_SOCKET, socket);
	snmp_register_callback(SNMP_CALLBACK_LIBRARY,
	    SNMP_CALLBACK_SESSION_INIT, on_session_init, NULL);
	snmp_register_callback(SNMP_CALLBACK_APPLICATION,
	    SNMPD_CALLBACK_INDEX_START, on_session, NULL);
	snmp_register_callback(SNMP_CALLBACK_APPLICATION,
	    SNMPD_CALLBACK_INDEX_STOP, on_session, NULL);
	init_agent(NAME);
	/* After init_agent(), which resets it to 15. */
	netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID,
	    NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL, PING_SEC);
}

/* One handler for each subtree: the library accepts only answers from the
 * subtree of the handler. */
void
agent_init(const char *socket, struct mib *mib, const struct agent_ops *ops)
{
	netsnmp_handler_registration *r;
	struct mib_region region;
	oid name[MIB_OID_MAX];

	agent.mib = mib;
	agent.ops = ops;
	agent_register_init(mib);
	set_up_library(socket);
	for (unsigned i = 0; mib_region(mib, i, &region); i++) {
		r = netsnmp_create_handler_registration(NAME, on_request, name,
		    agent_oid(name, region.oid, region.len), HANDLER_CAN_RONLY);
		if (r == NULL || netsnmp_register_handler(r) != 0)
			ops->log(ops->arg, true,
			    "a table cannot be registered");
	}
	init_snmp(NAME);
}

void
agent_fini(void)
{
	snmp_shutdown(NAME);
	shutdown_agent();
	agent_register_fini();
}

/* Alarms (pings, tries to connect) run before the poll, never between it and
 * the reading, because they may close a descriptor that the poll reported as
 * readable. */
bool
agent_poll(int fd, unsigned ms)
{
	struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
	netsnmp_large_fd_set set; /* descriptors above 1023, too */
	bool readable = false;
	int nfds = fd + 1, block = 0, n;
	uint32_t standing, taken;

	run_alarms();
	snmp_timeout();
	if (agent.session != NULL)
		agent_register_step(agent.session, clock_now());
	if (agent_register_state(&standing, &taken))
		tell_state();
	netsnmp_large_fd_set_init(&set, FD_SETSIZE);
	NETSNMP_LARGE_FD_ZERO(&set);
	snmp_select_info2(&nfds, &set, &tv, &block);
	if (fd >= 0) {
		NETSNMP_LARGE_FD_SET(fd, &set);
		if (nfds < fd + 1)
			nfds = fd + 1;
	}
	n = netsnmp_large_fd_set_select(nfds, &set, NULL, NULL, &tv);
	if (n > 0) {
		readable = fd >= 0 && NETSNMP_LARGE_FD_ISSET(fd, &set);
		if (readable)
			NETSNMP_LARGE_FD_CLR(fd, &set);
		snmp_read2(&set);
	}
	netsnmp_large_fd_set_cleanup(&set);
	return readable;
}

uint64_t
agent_requests(void)
{
	return agent.requests;
}
