/* SPDX-License-Identifier: ISC
 * session_dnsbl: a session and the lists that its client is in (dnsbl.h). The
 * look-ups begin with the connection, so that most are complete at the first
 * RCPT; if not, that line stays unread until they are or the client has waited
 * long enough, and the result then holds for the session. Called by session.c,
 * cmd_mail.c and, when an answer comes, dnsbl.c. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "relay/smtpd/session.h"

void
session_dnsbl_begin(struct session *s, const struct net_addr *client)
{
	dnsbl_end(&s->dnsbl);
	if (!policy_exempts(s->policy, client))
		dnsbl_begin(s->smtpd->dnsbl, &s->dnsbl, client);
}

bool
session_dnsbl_wait(struct session *s)
{
	if (s->dnsbl.state != DNSBL_PENDING)
		return false;
	if (!dnsbl_is_awaited(&s->dnsbl)) {
		dnsbl_decide(&s->dnsbl);
		return false;
	}
	session_set(s, ST_WAIT_DNSBL);
	session_arm(s, session_conf(s)->smtpd.dnsbl_wait_ms);
	return true;
}

void
session_dnsbl_overdue(struct session *s)
{
	dnsbl_decide(&s->dnsbl);
	session_set(s, ST_COMMAND);
}

void
session_dnsbl_known(struct dnsbl_use *u)
{
	struct session *s =
	    (struct session *)((char *)u - offsetof(struct session, dnsbl));

	if (s->state != ST_WAIT_DNSBL)
		return;
	session_set(s, ST_COMMAND);
	session_continue(s);
}

bool
session_dnsbl_refuses(struct session *s)
{
	const struct smtpd_ops *ops = &s->smtpd->ops;
	struct net_addr client;

	if (s->dnsbl.state != DNSBL_LISTED)
		return false;
	if (ops->is_primary != NULL &&
	    addr_parse(&client, s->client, 0, ':') == 0 &&
	    ops->is_primary(ops->arg, &client)) {
		s->dnsbl.state = DNSBL_CLEAR;
		if (session_log_ok(s))
			log_info("smtpd",
			    "session=%016" PRIx64 " client=%s dnsbl=%s "
			    "event=\"listed, but accepted: a primary\"",
			    s->id, s->client, s->dnsbl.zone);
		return false;
	}
	dnsbl_count_refusal(s->smtpd->dnsbl, &s->dnsbl);
	return true;
}
