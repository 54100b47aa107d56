/* SPDX-License-Identifier: ISC
 * session_log: limits the log lines that a client can cause. A kind of refusal
 * has one line a session, and the session's last line has the number of further
 * ones; the lines of one client are limited per minute. Suppressed lines are
 * counted. Accepted mail is always logged, as evidence. Called by session.c and
 * cmd_*.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "relay/smtpd/session.h"

bool
session_log_ok(struct session *s)
{
	if (client_limit_line(s->smtpd->limit, s->seat->client_key,
		session_conf(s)->smtpd.client_log_lines,
		loop_now(s->smtpd->loop)))
		return true;
	s->smtpd->stats->g.lines_unlogged++;
	return false;
}

bool
session_log_refusal(struct session *s, enum smtpd_reason kind)
{
	if (s->refusals[kind]++ == 0)
		return session_log_ok(s);
	s->smtpd->stats->g.lines_unlogged++;
	return false;
}

void
session_log_rest(struct session *s)
{
	char text[SMTPD_REASON_MAX * 40];
	size_t n = 0, i;

	for (i = 0; i < SMTPD_REASON_MAX; i++)
		if (s->refusals[i] > 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    " %s=%" PRIu32,
			    smtpd_reason_name((enum smtpd_reason)i),
			    s->refusals[i] - 1);
	memset(s->refusals, 0, sizeof(s->refusals));
	if (n > 0 && session_log_ok(s))
		log_info("smtpd",
		    "session=%016" PRIx64
		    " client=%s event=\"further refusals of the same kind\"%s",
		    s->id, s->client, text);
}
