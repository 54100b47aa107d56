/* SPDX-License-Identifier: ISC
 * cmd_mail: MAIL and RCPT: sequence, space in the spool, admission. Errors of
 * the client are 5xx, failures of ours 4xx. Called by cmd_dispatch(). */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/smtpd/session.h"

/* The code in the first line of the reply, for the counters. */
static unsigned
reply_code(const char *line)
{
	return (unsigned)(line[0] - '0') * 100 +
	    (unsigned)(line[1] - '0') * 10 + (unsigned)(line[2] - '0');
}

const char *
cmd_store_refusal(const struct session *s, uint64_t size)
{
	int rc = queue_accepting(s->smtpd->queue, size);

	/* Commits that wait for an engine that is away do not concern mail that
	 * goes into the local spool. */
	if (s->smtpd->overdue > 0 && !queue_away(s->smtpd->queue))
		return "451 4.3.0 the disk does not answer, try again "
		       "later\r\n";
	if (rc == -MX_EFULL && queue_away(s->smtpd->queue))
		return "451 4.3.0 the queue is not available, try again "
		       "later\r\n";
	if (rc == -MX_EFULL)
		return "452 4.3.1 insufficient storage, try again later\r\n";
	if (rc < 0)
		return "451 4.3.0 the spool is not available\r\n";
	return NULL;
}

static bool
is_drill(const struct session *s)
{
	const struct smtpd_ops *ops = &s->smtpd->ops;

	return ops->drill != NULL && s->tx.envid[0] != '\0' &&
	    s->tx.sender[0] == '\0' && ops->drill(ops->arg, s->tx.envid);
}

void
cmd_mail(struct session *s, struct smtp_command *cmd)
{
	uint64_t size = cmd->has_size ? cmd->size : 0;
	const char *no;

	if (s->helo[0] == '\0') {
		session_reply(s, "503 5.5.1 send EHLO first\r\n");
		return;
	}
	if (s->tx.open) {
		session_reply(s, "503 5.5.1 nested MAIL command\r\n");
		return;
	}
	if (size > session_conf(s)->smtpd.message_size) {
		stats_message_rejected(s->smtpd->stats, 552, SMTPD_REASON_SIZE);
		session_reply(s, "552 5.3.4 message too big\r\n");
		return;
	}
	no = cmd_store_refusal(s, size);
	if (no != NULL) {
		stats_message_rejected(s->smtpd->stats, reply_code(no),
		    SMTPD_REASON_SPOOL_FULL);
		session_reply(s, no);
		return;
	}
	transaction_begin(&s->tx, cmd);
	s->tx.drill = is_drill(s);
	session_reply(s, "250 2.1.0 Ok\r\n");
}

/* Was the sender told to use the primary, and has retried long enough? */
static bool
insists(struct session *s, const char *rcpt, const struct conf_domain *d)
{
	if (d->admission_patience_ms == 0 ||
	    !insist_enough(s->smtpd->insist, s->tx.sender, rcpt,
		s->seat->client_key, d->admission_patience_ms * CLOCK_MS,
		loop_now(s->smtpd->loop)))
		return false;
	if (session_log_ok(s))
		log_info("smtpd",
		    "session=%016" PRIx64 " client=%s from=%s to=%s "
		    "event=\"keeps retrying although the primary is up\"",
		    s->id, s->client, log_q(s->tx.sender), log_rcpt(rcpt));
	return true;
}

/* Counts a recipient in a domain without a section, while mx_backup is on. */
static void
count_backup(struct session *s, const struct policy_verdict *v)
{
	const struct smtpd_ops *ops = &s->smtpd->ops;
	enum mx_backup_result result = policy_backup_result(v);

	s->smtpd->stats->g.mx_backup[result]++;
	if (result == MX_BACKUP_ACCEPTED && ops->backup_accepted != NULL)
		ops->backup_accepted(ops->arg, v->domain->name);
}

void
cmd_rcpt(struct session *s, struct smtp_command *cmd)
{
	const uint64_t client = s->seat->counted ? s->seat->client_key : 0;
	const struct policy_asker asker = { .report = s->tx.sender[0] == '\0',
		.client = &client };
	struct policy_verdict v;
	int rc;

	if (!s->tx.open) {
		session_reply(s, "503 5.5.1 need MAIL command\r\n");
		return;
	}
	if (s->chunking) {
		session_reply(s, "503 5.5.1 the message has already begun\r\n");
		return;
	}
	/* Decided by the present policy, not that of the session: the client
	 * may have been here for an hour, and the domain may be gone. */
	policy_rcpt(s->smtpd->policy, &s->smtpd->ops, &asker, &cmd->path, &v);
	if (v.code < 500 && !smtp_is_postmaster(&cmd->path) &&
	    session_dnsbl_refuses(s))
		policy_refuse_listed(&v, s->literal, s->dnsbl.zone);
	else if (v.check)
		s->smtpd->ops.check(s->smtpd->ops.arg, v.domain->name,
		    v.learned.mailbox, client);
	/* A drill of a domain that takes mail in an outage only would end
	 * here. */
	if (v.reason == SMTPD_REASON_PRIMARY_UP &&
	    (s->tx.drill || insists(s, cmd->path.mailbox, v.domain)))
		v.code = 250;
	if (v.asked_backup)
		count_backup(s, &v);
	if (v.code != 250) {
		stats_rcpt_rejected(s->smtpd->stats, v.code, v.reason);
		if (v.domain != NULL)
			stats_domain(s->smtpd->stats, v.domain->name)
			    ->refused++;
		if (session_log_refusal(s, v.reason))
			log_info("smtpd",
			    "session=%016" PRIx64 " client=%s from=%s to=%s "
			    "refused=%u%s%s",
			    s->id, s->client, log_q(s->tx.sender),
			    log_rcpt(cmd->path.mailbox), v.code,
			    v.reason == SMTPD_REASON_DNSBL ? " dnsbl=" : "",
			    v.reason == SMTPD_REASON_DNSBL ? s->dnsbl.zone :
							     "");
		session_reply(s, v.reply);
		return;
	}
	rc = transaction_add(&s->tx, cmd, v.domain->name, s->smtpd->stats,
	    session_conf(s)->smtpd.max_recipients);
	if (rc == -MX_EEXIST) {
		s->commands++; /* a duplicate: stored once, no progress */
	} else if (rc < 0) {
		stats_rcpt_rejected(s->smtpd->stats, 452, SMTPD_REASON_OTHER);
		session_reply(s, "452 4.5.3 too many recipients\r\n");
		return;
	}
	session_reply(s, "250 2.1.5 Ok\r\n");
}
