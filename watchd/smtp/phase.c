/* SPDX-License-Identifier: ISC
 * phase: one table of names, so that a log line, a metric label and the status
 * JSON have the same word for the same step. Any thread; never fails. */
#include "smtp/phase.h"

#include "base/defs.h"

static const char *const names[SMTP_PHASE_MAX] = {
	[SMTP_PHASE_NONE] = "none",
	[SMTP_PHASE_RESOLVE] = "resolve",
	[SMTP_PHASE_CONNECT] = "connect",
	[SMTP_PHASE_GREETING] = "greeting",
	[SMTP_PHASE_EHLO] = "ehlo",
	[SMTP_PHASE_STARTTLS] = "starttls",
	[SMTP_PHASE_MAIL] = "mail",
	[SMTP_PHASE_RCPT] = "rcpt",
	[SMTP_PHASE_DATA] = "data",
	[SMTP_PHASE_EOD] = "eod",
	[SMTP_PHASE_QUIT] = "quit",
};

const char *
smtp_phase_name(enum smtp_phase phase)
{
	if ((size_t)phase >= MX_COUNT(names))
		return "none";
	return names[phase];
}
