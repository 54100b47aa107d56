/* SPDX-License-Identifier: ISC
 * probe: what a reply to an ask is about, and the names of it. Pure. */
#include "probes/probe.h"

#include <string.h>

#include "probes/probe_int.h"

const char *
probe_finding_name(enum probe_finding finding)
{
	static const char *const names[] = {
		[PROBE_FINDING_NONE] = "none",
		[PROBE_FINDING_MAILBOX] = "mailbox",
		[PROBE_FINDING_SENDER] = "sender",
		[PROBE_FINDING_ROUTE] = "route",
		[PROBE_FINDING_US] = "us",
	};

	return (unsigned)finding < MX_COUNT(names) ? names[finding] : "unknown";
}

static bool
says(const struct smtp_reply *r, const char *word)
{
	return strcasestr(r->text, word) != NULL;
}

/* RFC 3463 X.1.2, X.4.6, X.4.4; the words of servers that know no better. */
static bool
is_route(const struct smtp_reply *r)
{
	const struct smtp_status *s = &r->status;

	return (s->subject == 1 && s->detail == 2) ||
	    (s->subject == 4 && (s->detail == 6 || s->detail == 4)) ||
	    says(r, "relay") || says(r, "loops back");
}

/* A refused sender is often told as late as at RCPT (X.1.7, X.1.8, words). */
static bool
is_sender(const struct smtp_reply *r, enum smtp_phase phase)
{
	const struct smtp_status *s = &r->status;

	return phase == SMTP_PHASE_MAIL ||
	    (s->subject == 1 && (s->detail == 7 || s->detail == 8)) ||
	    says(r, "sender");
}

enum probe_finding
probe_finding_of(const struct smtp_reply *r, enum smtp_phase phase)
{
	if (r->code < 400)
		return PROBE_FINDING_NONE;
	if (reach_about_us(r))
		return PROBE_FINDING_US;
	if (!reply_perm(r)) /* "later", unless the mailbox is full (X.2.2) */
		return r->status.subject == 2 ? PROBE_FINDING_MAILBOX :
						PROBE_FINDING_NONE;
	if (is_route(r))
		return PROBE_FINDING_ROUTE;
	return is_sender(r, phase) ? PROBE_FINDING_SENDER :
				     PROBE_FINDING_MAILBOX;
}

bool
probe_is_policy(const struct smtp_reply *r)
{
	return r->code >= 400 && r->status.subject == 7 && !says(r, "relay");
}
