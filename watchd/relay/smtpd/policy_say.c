/* SPDX-License-Identifier: ISC
 * policy_say: what decided about a recipient, in words for `mxwatchctl why`. Reads
 * the verdict and decides nothing. Called by smtpd.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "relay/smtpd/policy.h"

static void add(struct buf *out, const char *fmt, ...) MX_PRINTF(2, 3);

/* A sentence that does not fit is left out. */
static void
add(struct buf *out, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (buf_adds(out, text) < 0)
		buf_clear(out);
}

static void
say_listed(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	if (v->key[0] == '@')
		add(out, "The list %s takes any recipient of that domain: %s.",
		    v->list, v->key);
	else if (strcasecmp(v->key, mailbox) == 0)
		add(out, "The list %s has it.", v->list);
	else
		add(out, "The list %s has it as %s.", v->list, v->key);
}

void
policy_say(const struct policy_verdict *v, const char *mailbox, struct buf *out)
{
	switch (v->rule) {
	case RULE_NOT_OURS:
		add(out, "The configuration has no section for that domain.");
		break;
	case RULE_DASHED:
		add(out, "A local part that begins with \"-\" is never taken.");
		break;
	case RULE_ROUTE:
		add(out,
		    "The primary could take its local part for a route, and "
		    "that very address is in no list (untrusted_routing).");
		break;
	case RULE_POSTMASTER:
		add(out, "Postmaster is always taken.");
		break;
	case RULE_NO_LIST:
		add(out,
		    "The domain has no list (recipients): any recipient is "
		    "taken.");
		break;
	case RULE_NO_TABLE:
		add(out, "The list %s could not be read so far.", v->list);
		break;
	case RULE_NO_DOMAIN:
		add(out,
		    "The list %s has nobody of that domain: it is taken for no "
		    "list of it.",
		    v->list);
		break;
	case RULE_LISTED:
		say_listed(v, mailbox, out);
		break;
	case RULE_REJECTED:
		add(out, "The list %s refuses %s.", v->list, v->key);
		break;
	case RULE_SRS:
		add(out,
		    "It is an SRS address of the primary, for whom reports are "
		    "taken.");
		break;
	case RULE_SRS_WAITS:
		add(out,
		    "It is an SRS address, which only the primary can check; a "
		    "report to it (from <>) is taken.");
		break;
	case RULE_NOT_LISTED:
		add(out,
		    "The list %s does not have it; it is read again when it "
		    "changes.",
		    v->list);
		break;
	case RULE_REFUSED:
		add(out,
		    "The list %s has it, and the primary refused it for longer "
		    "than refusal_grace: it is not taken until the list is "
		    "another one.",
		    v->list);
		break;
	case RULE_PRIMARY_UP:
		add(out,
		    "It would be taken, but the primary is up (admission = "
		    "\"outage\").");
		break;
	}
}
