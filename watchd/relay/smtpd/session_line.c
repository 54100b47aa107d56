/* SPDX-License-Identifier: ISC
 * session_line: reads command lines in a window of bounded size and passes them
 * to cmd_dispatch() one at a time. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "relay/smtpd/session.h"

#define SKIP_MAX      65536u /* of an endless line */
#define STRESS_ERRORS 5u

static bool
has_verb(const char *p, size_t n, const char *verb)
{
	return n >= 4 && strncasecmp(p, verb, 4) == 0;
}

static bool
is_too_long(const char *p, size_t len, size_t whole)
{
	if (whole <= COMMAND_LINE_MAX)
		return false;
	return whole > COMMAND_LINE_EXT_MAX ||
	    !(has_verb(p, len, "MAIL") || has_verb(p, len, "RCPT"));
}

/* A rejected line. After a bad BDAT the length of the chunk is unknown, so
 * further input must not be taken for commands. */
static void
wrong_line(struct session *s, const char *p, size_t len, size_t whole,
    const char *reply)
{
	bool chunk = has_verb(p, len, "BDAT");

	conn_consume(s->conn, whole);
	if (chunk)
		session_close(s, reply);
	else
		session_reply(s, reply);
}

/* Parses and executes one line; `whole` is its length with the line end. */
static void
obey(struct session *s, const char *p, size_t len, size_t whole)
{
	static const struct smtp_command_ext offered = { .size = true,
		.eightbit = true,
		.smtputf8 = true,
		.dsn = true };
	struct smtp_command_ext ext = { 0 };
	struct smtp_command *cmd = &s->smtpd->cmd;
	struct smtp_refusal why;
	char reply[128];
	int rc;

	if (is_too_long(p, len, whole)) {
		wrong_line(s, p, len, whole, "500 5.5.2 line too long\r\n");
		return;
	}
	/* After HELO no extensions were offered. Before any greeting the
	 * missing EHLO is the error to report, not the parameter. */
	if (s->esmtp || s->helo[0] == '\0')
		ext = offered;
	ext.tx_utf8 = s->tx.open && s->tx.utf8;
	rc = smtp_command_parse(p, len, &ext, cmd, &why);
	if (rc < 0 && has_verb(p, len, "RCPT"))
		stats_rcpt_rejected(s->smtpd->stats, why.code,
		    SMTPD_REASON_SYNTAX);
	if (rc < 0) {
		snprintf(reply, sizeof(reply), "%u %s %s\r\n", why.code,
		    why.status, why.text);
		wrong_line(s, p, len, whole, reply);
		return;
	}
	conn_consume(s->conn, whole);
	cmd_dispatch(s, cmd);
}

/* False when the client has made too many errors or idle commands: its next
 * command is answered with 421. */
static bool
is_within_limits(struct session *s)
{
	const struct conf_smtpd *c = &session_conf(s)->smtpd;
	unsigned errors = c->max_errors;

	if (s->smtpd->stress && errors > STRESS_ERRORS)
		errors = STRESS_ERRORS;
	if (s->errors >= errors)
		session_close(s, "421 4.7.0 too many errors\r\n");
	else if (s->tempfails >= c->max_tempfails)
		session_close(s, "421 4.7.0 too many temporary errors\r\n");
	else if (s->commands >= c->max_commands)
		session_close(s,
		    "421 4.7.0 too many commands without mail\r\n");
	return s->conn != NULL;
}

bool
session_line(struct session *s)
{
	const char *p, *lf;
	size_t n = conn_input(s->conn, &p), whole, len;

	lf = n > 0 ? memchr(p, '\n', n) : NULL;
	if (lf == NULL) {
		if (n <= COMMAND_LINE_EXT_MAX)
			return false;
		s->skipped = 0;
		session_set(s, ST_SKIP);
		return true;
	}
	if (!is_within_limits(s))
		return true;
	len = (size_t)(lf - p);
	whole = len + 1;
	if (len > 0 && p[len - 1] == '\r') {
		len--;
	} else if (session_conf(s)->smtpd.bare_newline == NEWLINE_REJECT) {
		wrong_line(s, p, len, whole,
		    "500 5.5.2 bare newline received\r\n");
		if (s->state == ST_COMMAND)
			session_await(s);
		return true;
	}
	if (s->tx.open && has_verb(p, len, "RCPT") && session_dnsbl_wait(s))
		return true; /* it is read when the answers have come */
	obey(s, p, len, whole);
	if (s->state == ST_COMMAND)
		session_await(s);
	return true;
}

bool
session_skip(struct session *s)
{
	const char *p, *lf;
	size_t n = conn_input(s->conn, &p);

	if (n == 0)
		return false;
	lf = memchr(p, '\n', n);
	if (lf != NULL)
		n = (size_t)(lf - p) + 1;
	conn_consume(s->conn, n);
	s->skipped += n;
	if (lf != NULL) {
		session_set(s, ST_COMMAND);
		session_reply(s, "500 5.5.2 line too long\r\n");
		session_await(s);
	} else if (s->skipped > SKIP_MAX) {
		session_close(s, "421 4.7.0 line far too long\r\n");
	}
	return true;
}
