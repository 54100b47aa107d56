/* SPDX-License-Identifier: ISC
 * policy_backup: admission for a domain without a section, by mx_backup
 * (relay/mxbackup). No client waits for the DNS: one that comes before the
 * answer is deferred. Recipients are learned (policy_learned.c), and an unknown
 * one is neither accepted nor permanently refused. Called by policy.c and
 * cmd_mail.c. */
#include <string.h>

#include "base/clock.h"
#include "relay/smtpd/policy.h"

static void
deny(struct policy_verdict *v)
{
	policy_refuse(v, SMTPD_RCPT_NO_DOMAIN, 554, SMTPD_REASON_RELAY_DENIED,
	    "5.7.1", "relay access denied");
}

static void
put_off(struct policy_verdict *v)
{
	const char *text;

	switch (v->backup.result) {
	case MX_BACKUP_DNS:
		text = "no DNS answer for this domain, try again later";
		break;
	case MX_BACKUP_FULL:
		text = "no room for mail for this domain, try again later";
		break;
	default:
		text = "this domain is being looked up, try again later";
	}
	policy_refuse(v, SMTPD_RCPT_UNAVAILABLE, 450, SMTPD_REASON_OTHER,
	    "4.7.1", text);
}

bool
policy_backup(const struct policy *p, const struct smtpd_ops *ops,
    const struct policy_asker *asker, const struct smtp_path *path,
    struct policy_verdict *v)
{
	const struct config *conf = p->conf;

	/* A reload does not affect a session: it keeps its own settings. */
	if (path->literal || path->domain[0] == '\0' || ops == NULL ||
	    ops->backup == NULL || conf->mx_backup.networks.n == 0 ||
	    !ops->backup(ops->arg, path->domain, asker->client, &v->backup)) {
		deny(v);
		return false;
	}
	v->asked_backup = true;
	v->rule = RULE_NOT_BACKUP;
	switch (v->backup.answer) {
	case MX_BACKUP_NO:
		deny(v);
		return false;
	case MX_BACKUP_LATER:
		put_off(v);
		return false;
	case MX_BACKUP_YES:
		break;
	}
	v->taken_in = conf->mx_backup.domain;
	v->taken_in.name = path->domain;
	v->domain = &v->taken_in;
	return true;
}

enum mx_backup_result
policy_backup_result(const struct policy_verdict *v)
{
	if (v->backup.answer != MX_BACKUP_YES)
		return v->backup.result;
	if (v->code == 250)
		return MX_BACKUP_ACCEPTED;
	return v->reason == SMTPD_REASON_UNKNOWN_RECIPIENT ?
	    MX_BACKUP_UNKNOWN_RECIPIENT :
	    MX_BACKUP_OTHER;
}

int
policy_backup_say(const struct policy_verdict *v, struct buf *out)
{
	const struct mx_backup_view *b = &v->backup;
	int64_t age = clock_wall_ms() - b->looked_ms;
	char at[32];
	int rc;

	text_duration_fmt(age > 0 ? age / 1000 * 1000 : 0, at, sizeof(at));
	if (b->result == MX_BACKUP_ASKED || b->result == MX_BACKUP_BUSY)
		return buf_addf(out,
		    "The domain has no section in the configuration and is not "
		    "known to mx_backup yet; a DNS lookup has been started, "
		    "try again.");
	rc = buf_addf(out,
	    "The domain has no section in the configuration; mx_backup %s",
	    b->answer == MX_BACKUP_YES	     ? "has accepted it" :
		b->is_entry		     ? "accepted it, but no mail for "
					       "it" :
		b->answer == MX_BACKUP_LATER ? "cannot decide yet" :
					       "does not accept it");
	if (rc == 0 && b->evidence[0] != '\0')
		rc = buf_addf(out, ": %s (looked up %s ago)", b->evidence, at);
	else if (rc == 0 && b->looked_ms > 0)
		rc = buf_addf(out, ", according to the DNS %s ago", at);
	if (rc == 0 && b->result == MX_BACKUP_FULL && b->is_entry)
		rc = buf_addf(out,
		    "; mx_backup { recipients_max } recipients are queued for "
		    "it");
	return rc != 0 ? rc : buf_addf(out, ". ");
}
