/* SPDX-License-Identifier: ISC
 * policy_learned: admission of a recipient of a domain without a list, by what
 * was learned (queue/learned.h). It depends on what is known and never on
 * whether the primary is up, so that a client cannot find that out here. Called
 * by policy.c. */
#include <string.h>

#include "relay/smtpd/policy.h"

/* Only an address that can be repeated in RCPT unchanged. */
static bool
may_be_asked(const struct smtp_path *path, const struct learned_view *l)
{
	struct smtp_path again;

	return !path->utf8 && l->mailbox[0] != '\0' &&
	    smtp_mailbox_parse(l->mailbox, strlen(l->mailbox), &again) == 0;
}

static bool
waits(struct policy_verdict *v, const char *text)
{
	policy_refuse(v, SMTPD_RCPT_UNAVAILABLE, 450,
	    SMTPD_REASON_UNKNOWN_RECIPIENT, "4.1.1", text);
	return false;
}

static bool
unknown(struct policy_verdict *v)
{
	v->rule = RULE_UNKNOWN;
	if (v->domain->recipients_unknown == UNKNOWN_ACCEPT)
		return true;
	v->rule = RULE_UNKNOWN_WAITS;
	return waits(v, "recipient not known yet, try again later");
}

bool
policy_learned(const struct smtpd_ops *ops, const struct smtp_path *path,
    struct policy_verdict *v)
{
	struct learned_view *l = &v->learned;
	char core[PATH_MAILBOX_MAX];

	v->rule = RULE_NO_LIST;
	if (ops == NULL || ops->learned == NULL ||
	    (v->domain->recipient_srs && rcpt_srs(path->mailbox, core)) ||
	    !ops->learned(ops->arg, v->domain->name, path->mailbox, l))
		return v->domain->mx_backup ? unknown(v) : true;
	v->check = ops->check != NULL && l->due && may_be_asked(path, l);
	switch (l->word) {
	case LEARNED_TAKEN:
	case LEARNED_PASSED:
		v->rule = RULE_LEARNED_GOOD;
		return true;
	case LEARNED_CATCH_ALL:
		v->rule = RULE_CATCH_ALL;
		return true;
	case LEARNED_REFUSED:
		v->rule = RULE_LEARNED_BAD;
		if (v->domain->mx_backup)
			return waits(v,
			    "the primary server refuses this "
			    "recipient, try again later");
		policy_refuse_unknown(v);
		return false;
	case LEARNED_UNKNOWN:
	case LEARNED_DOUBTED:
		break;
	}
	return unknown(v);
}

void
policy_known_as(const struct policy *p, const char *domain, const char *mailbox,
    char *as)
{
	const struct conf_domain *d = config_settings(p->conf, domain);
	char form[RCPT_FORMS_MAX][PATH_MAILBOX_MAX];
	struct rcpt_rules rules;
	unsigned n = 0;

	if (d != NULL) {
		rules = policy_rcpt_rules(d);
		n = rcpt_forms(&rules, mailbox, form);
	}
	(void)strlcpy(as, n > 0 ? form[n - 1] : mailbox, PATH_MAILBOX_MAX);
}
