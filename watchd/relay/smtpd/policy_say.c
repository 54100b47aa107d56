/* SPDX-License-Identifier: ISC
 * policy_say: explains a verdict about a recipient for `mxwatchctl why`. Reads
 * the verdict and decides nothing. Called by smtpd.c. */
#include <strings.h>

#include "base/clock.h"
#include "relay/smtpd/policy.h"

static int
say_listed(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	if (v->key[0] == '@')
		return buf_addf(out,
		    "The list %s accepts any recipient of the domain: %s.",
		    v->list, v->key);
	if (strcasecmp(v->key, mailbox) == 0)
		return buf_addf(out, "It is in the list %s.", v->list);
	return buf_addf(out, "It is in the list %s as %s.", v->list, v->key);
}

/* The age, or "" when the clock was set back. */
static const char *
ago(int64_t ms, char text[32])
{
	int64_t age = clock_wall_ms() - ms;

	return text_duration_fmt(age > 0 ? age : 0, text, 32);
}

/* The name under which it was found, if it differs. */
static int
say_name(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	const char *as = v->learned.mailbox;

	if (strcasecmp(as, mailbox) == 0)
		return 0;
	return buf_addf(out, "It is treated like %s. ", as);
}

static int
say_good(const struct policy_verdict *v, struct buf *out)
{
	const struct learned_view *l = &v->learned;
	char at[32];

	if (l->word == LEARNED_TAKEN)
		return buf_addf(out,
		    "The primary accepted mail for it, last %s ago (delivery).",
		    ago(l->taken_ms, at));
	return buf_addf(out, "The primary accepted it, last %s ago (check).",
	    ago(l->passed_ms, at));
}

static int
say_unknown(const struct policy_verdict *v, struct buf *out)
{
	const struct learned_view *l = &v->learned;
	bool waits = v->rule == RULE_UNKNOWN_WAITS;
	char at[32];

	if (l->word == LEARNED_DOUBTED)
		return buf_addf(out,
		    "The primary refused it, last %s ago, which does not "
		    "count: that takes two refusals an hour apart, the last "
		    "within three days, and no other evidence against the "
		    "primary. So it is unknown (recipients_unknown = \"%s\").",
		    ago(l->refused_ms, at), waits ? "defer" : "accept");
	return buf_addf(out,
	    "Nothing is known about it (recipients_unknown = \"%s\").",
	    waits ? "defer" : "accept");
}

static int
say_bad(const struct policy_verdict *v, struct buf *out)
{
	const struct learned_view *l = &v->learned;
	char first[32], last[32];

	return buf_addf(out,
	    "The primary refused it, first %s ago and last %s ago.",
	    ago(l->refused_first_ms, first), ago(l->refused_ms, last));
}

static int
say_learned(const struct policy_verdict *v, const char *mailbox,
    struct buf *out)
{
	char at[32];
	int rc;

	if (v->rule == RULE_CATCH_ALL)
		return buf_addf(out,
		    "The primary is a catch-all: it accepted a name that "
		    "cannot exist, %s ago.",
		    ago(v->learned.tested_ms, at));
	if ((rc = say_name(v, mailbox, out)) != 0)
		return rc;
	if (v->rule == RULE_LEARNED_GOOD)
		return say_good(v, out);
	return v->rule == RULE_LEARNED_BAD ? say_bad(v, out) :
					     say_unknown(v, out);
}

static int
say_rule(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	switch (v->rule) {
	case RULE_NOT_OURS:
		return buf_addf(out,
		    "The domain has no section in the configuration.");
	case RULE_NOT_BACKUP:
		return 0;
	case RULE_DASHED:
		return buf_addf(out,
		    "A local part that begins with \"-\" is never accepted.");
	case RULE_ROUTE:
		return buf_addf(out,
		    "The primary could take its local part for a source route, "
		    "and the address itself is not in a list "
		    "(untrusted_routing).");
	case RULE_POSTMASTER:
		return buf_addf(out, "Postmaster is always accepted.");
	case RULE_NO_LIST:
		return buf_addf(out,
		    "The domain has no list (recipients): any recipient is "
		    "accepted.");
	case RULE_NO_TABLE:
		return buf_addf(out, "The list %s could not be read so far.",
		    v->list);
	case RULE_NO_DOMAIN:
		return buf_addf(out,
		    "The list %s has no entry of the domain, so it does not "
		    "apply to it.",
		    v->list);
	case RULE_LISTED:
		return say_listed(v, mailbox, out);
	case RULE_REJECTED:
		return buf_addf(out, "The list %s refuses %s.", v->list,
		    v->key);
	case RULE_SRS:
		return buf_addf(out,
		    "It is an SRS address of the primary, for which reports "
		    "are accepted.");
	case RULE_SRS_WAITS:
		return buf_addf(out,
		    "It is an SRS address, which only the primary can verify; "
		    "a report to it (from <>) is accepted.");
	case RULE_NOT_LISTED:
		return buf_addf(out,
		    "It is not in the list %s, which is read again when it "
		    "changes.",
		    v->list);
	case RULE_REFUSED:
		return buf_addf(out,
		    "It is in the list %s, but the primary has refused it for "
		    "longer than refusal_grace: it is not accepted until the "
		    "list changes.",
		    v->list);
	case RULE_LEARNED_GOOD:
	case RULE_CATCH_ALL:
	case RULE_LEARNED_BAD:
	case RULE_UNKNOWN:
	case RULE_UNKNOWN_WAITS:
		return say_learned(v, mailbox, out);
	case RULE_PRIMARY_UP:
		return buf_addf(out,
		    "It would be accepted, but the primary is up (admission = "
		    "\"outage\").");
	}
	return 0;
}

int
policy_say(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	int rc = v->asked_backup ? policy_backup_say(v, out) : 0;

	return rc != 0 ? rc : say_rule(v, mailbox, out);
}
