/* SPDX-License-Identifier: ISC
 * early_talk: refuses clients that send before it is their turn. A client that
 * does not wait for the greeting or the reply to EHLO is not a mail server, or
 * so old that it gets 421 and may come again. A body sent before 354 may be the
 * work of a third party who predicts our replies (SMTP smuggling), so that
 * refusal is permanent (RFC 2920 3.1). Only input that is there at the instant
 * of our reply counts, and no client is delayed. */
#include <inttypes.h>

#include "base/log.h"
#include "relay/smtpd/session.h"

static const struct {
	const char *awaited;
	const char *reply;
} early[SMTPD_EARLY_MAX] = {
	[SMTPD_EARLY_GREETING] = { "the greeting",
	    "421 4.5.0 you spoke before the greeting\r\n" },
	[SMTPD_EARLY_EHLO] = { "the reply to EHLO",
	    "421 4.5.0 you spoke before the reply to EHLO\r\n" },
	[SMTPD_EARLY_DATA] = { "354",
	    "554 5.5.0 you sent the message before it was awaited\r\n" },
};

bool
session_early(struct session *s, enum smtpd_early awaited)
{
	if (s->may_talk || session_conf(s)->smtpd.early_talk == EARLY_ACCEPT ||
	    !conn_pending(s->conn))
		return false;
	s->smtpd->stats->g.early_talk[awaited]++;
	if (session_log_ok(s))
		log_info("smtpd",
		    "session=%016" PRIx64 " client=%s event=\"spoke before "
		    "%s\"",
		    s->id, s->client, early[awaited].awaited);
	session_close(s, early[awaited].reply);
	return true;
}
