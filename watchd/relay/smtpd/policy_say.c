/* SPDX-License-Identifier: ISC
 * policy_say: what decided about a recipient, in words for `mxwatchctl why`. Reads
 * the verdict and decides nothing. Called by smtpd.c. */
#include <strings.h>

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

int
policy_say(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	switch (v->rule) {
	case RULE_NOT_OURS:
		return buf_addf(out,
		    "The configuration has no section for that domain.");
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
	case RULE_PRIMARY_UP:
		return buf_addf(out,
		    "It would be taken, but the primary is up (admission = "
		    "\"outage\").");
	}
	return 0;
}
