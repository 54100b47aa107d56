/* SPDX-License-Identifier: ISC
 * probe: what the reply to an ask is about, and the names of that. Pure. */
#include "probes/probe.h"

#include "primary/judge.h"
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

enum probe_finding
probe_finding_of(const struct smtp_reply *r, enum smtp_phase phase)
{
	if (r->code < 400)
		return PROBE_FINDING_NONE;
	/* 4xx means "later", unless the mailbox is full (X.2.2) or it is about
	 * us. */
	switch (judge_scope(phase, r)) {
	case JUDGE_US:
		return PROBE_FINDING_US;
	case JUDGE_ROUTE:
		return reply_perm(r) ? PROBE_FINDING_ROUTE : PROBE_FINDING_NONE;
	case JUDGE_SENDER:
		return reply_perm(r) ? PROBE_FINDING_SENDER :
				       PROBE_FINDING_NONE;
	default:
		break;
	}
	if (!reply_perm(r))
		return r->status.subject == 2 ? PROBE_FINDING_MAILBOX :
						PROBE_FINDING_NONE;
	return phase == SMTP_PHASE_MAIL ? PROBE_FINDING_SENDER :
					  PROBE_FINDING_MAILBOX;
}
