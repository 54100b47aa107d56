/* SPDX-License-Identifier: ISC
 * cmd_etrn: ETRN (RFC 1985): a listed client may ask for the queue of one of
 * our domains to be tried now. The daemon does it (smtpd_ops); this file
 * decides who may ask and what is answered. Called by cmd_dispatch(). */
#include <inttypes.h>

#include "base/log.h"
#include "relay/smtpd/session.h"

/* "@domain" includes subdomains; here those are domains of their own, to be
 * asked for by name. "#queue" is not supported. */
static const struct conf_domain *
asked_for(const struct session *s, const struct smtp_command *cmd)
{
	char name[TEXT_DOMAIN_MAX];
	size_t skip = cmd->arg_len > 0 && cmd->arg[0] == '@';

	if (text_domain(cmd->arg + skip, cmd->arg_len - skip, name) < 0)
		return NULL;
	return config_settings(session_conf(s), name);
}

static void
answer(struct session *s, const char *domain, enum smtpd_etrn did, uint64_t n)
{
	switch (did) {
	case SMTPD_ETRN_EMPTY:
		conn_printf(s->conn, "251 2.0.0 no messages waiting for %s\r\n",
		    domain);
		break;
	case SMTPD_ETRN_RUNNING:
		conn_printf(s->conn,
		    "252 2.0.0 delivery of pending messages for %s is in "
		    "progress\r\n",
		    domain);
		break;
	case SMTPD_ETRN_STARTED:
		conn_printf(s->conn,
		    "253 2.0.0 %" PRIu64 " pending messages for %s started\r\n",
		    n, domain);
		break;
	case SMTPD_ETRN_HELD:
		conn_printf(s->conn, "458 4.2.1 %s is held by the operator\r\n",
		    domain);
		break;
	}
}

void
cmd_etrn(struct session *s, struct smtp_command *cmd)
{
	const struct conf_domain *domain;
	enum smtpd_etrn did;
	uint64_t n = 0;

	if (session_conf(s)->smtpd.etrn.n == 0) {
		session_reply(s, "502 5.5.1 command not implemented\r\n");
		return;
	}
	if (s->helo[0] == '\0' || s->tx.open) {
		session_reply(s,
		    "503 5.5.1 send EHLO first, and ETRN outside a "
		    "transaction\r\n");
		return;
	}
	if (cmd->arg_len == 0) {
		session_reply(s, "501 5.5.4 ETRN needs a domain\r\n");
		return;
	}
	domain = asked_for(s, cmd);
	if (domain == NULL ||
	    !prefix_list_match(s->policy->etrn, conn_peer(s->conn))) {
		s->errors++;
		log_info("smtpd",
		    "session=%016" PRIx64 " client=%s etrn=refused why=%s",
		    s->id, s->client, domain == NULL ? "domain" : "client");
		session_reply(s,
		    "459 4.7.1 ETRN refused for this client or domain\r\n");
		return;
	}
	did =
	    s->smtpd->ops.etrn(s->smtpd->ops.arg, domain->name, s->client, &n);
	answer(s, domain->name, did, n);
}
