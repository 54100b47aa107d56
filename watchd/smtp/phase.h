/* SPDX-License-Identifier: ISC
 * phase: the steps of an SMTP conversation, under the names that logs,
 * metrics, SNMP and the status JSON share. Pure. */
#ifndef MX_SMTP_PHASE_H
#define MX_SMTP_PHASE_H

enum smtp_phase {
	SMTP_PHASE_NONE,
	SMTP_PHASE_RESOLVE,
	SMTP_PHASE_CONNECT,
	SMTP_PHASE_GREETING,
	SMTP_PHASE_EHLO,
	SMTP_PHASE_STARTTLS,
	SMTP_PHASE_MAIL,
	SMTP_PHASE_RCPT,
	SMTP_PHASE_DATA,
	SMTP_PHASE_EOD,
	SMTP_PHASE_QUIT, /* includes RSET */
	SMTP_PHASE_MAX,
};

const char *smtp_phase_name(enum smtp_phase); /* "none", "resolve", ... */

#endif
