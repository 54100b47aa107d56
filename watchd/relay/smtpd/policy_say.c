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
		    "The list %s takes any recipient of that domain: %s.",
		    v->list, v->key);
	if (strcasecmp(v->key, mailbox) == 0)
		return buf_addf(out, "The list %s has it.", v->list);
	return buf_addf(out, "The list %s has it as %s.", v->list, v->key);
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
	return buf_addf(out, "It goes by what is known of %s. ", as);
}

static int
say_good(const struct policy_verdict *v, struct buf *out)
{
	const struct learned_view *l = &v->learned;
	char at[32];

	if (l->word == LEARNED_TAKEN)
		return buf_addf(out,
		    "The primary took mail for it, last %s ago (delivery).",
		    ago(l->taken_ms, at));
	return buf_addf(out, "The primary let it pass, last %s ago (check).",
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
		    "count: "
		    "it takes two refusals an hour apart, the last within "
		    "three "
		    "days, and nothing else that speaks against the primary. "
		    "So "
		    "it is unknown (recipients_unknown = \"%s\").",
		    ago(l->refused_ms, at), waits ? "defer" : "accept");
	return buf_addf(out,
	    "Nothing was learned of it (recipients_unknown = \"%s\").",
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
		    "The primary takes any recipient: a name that nobody has "
		    "passed %s ago.",
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
		    "The configuration has no section for that domain.");
	case RULE_NOT_BACKUP:
		return 0;
	case RULE_DASHED:
		return buf_addf(out,
		    "A local part that begins with \"-\" is never taken.");
	case RULE_ROUTE:
		return buf_addf(out,
		    "The primary could take its local part for a route, and "
		    "that very address is in no list (untrusted_routing).");
	case RULE_POSTMASTER:
		return buf_addf(out, "Postmaster is always taken.");
	case RULE_NO_LIST:
		return buf_addf(out,
		    "The domain has no list (recipients): any recipient is "
		    "taken.");
	case RULE_NO_TABLE:
		return buf_addf(out, "The list %s could not be read so far.",
		    v->list);
	case RULE_NO_DOMAIN:
		return buf_addf(out,
		    "The list %s has nobody of that domain: it is taken for no "
		    "list of it.",
		    v->list);
	case RULE_LISTED:
		return say_listed(v, mailbox, out);
	case RULE_REJECTED:
		return buf_addf(out, "The list %s refuses %s.", v->list,
		    v->key);
	case RULE_SRS:
		return buf_addf(out,
		    "It is an SRS address of the primary, for whom reports are "
		    "taken.");
	case RULE_SRS_WAITS:
		return buf_addf(out,
		    "It is an SRS address, which only the primary can check; a "
		    "report to it (from <>) is taken.");
	case RULE_NOT_LISTED:
		return buf_addf(out,
		    "The list %s does not have it; it is read again when it "
		    "changes.",
		    v->list);
	case RULE_REFUSED:
		return buf_addf(out,
		    "The list %s has it, and the primary refused it for longer "
		    "than refusal_grace: it is not taken until the list is "
		    "another one.",
		    v->list);
	case RULE_LEARNED_GOOD:
	case RULE_CATCH_ALL:
	case RULE_LEARNED_BAD:
	case RULE_UNKNOWN:
	case RULE_UNKNOWN_WAITS:
		return say_learned(v, mailbox, out);
	case RULE_PRIMARY_UP:
		return buf_addf(out,
		    "It would be taken, but the primary is up (admission = "
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
