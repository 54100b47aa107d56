/* SPDX-License-Identifier: ISC
 * cmd_session: the commands that carry no mail, and the table of all commands.
 * The syntax was checked before (smtp/command.h); this file checks the sequence
 * and acts. Called by session.c with a command that is removed from the input;
 * a handler replies exactly once. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "relay/smtpd/session.h"

#define TLS_HANDSHAKE_MS 60000

static void
hello(struct session *s, const struct smtp_command *cmd, bool esmtp)
{
	const struct policy *p = s->policy;
	unsigned offered = 0;

	cmd_data_abort(s);
	strlcpy(s->helo, cmd->domain, sizeof(s->helo));
	s->esmtp = esmtp;
	if (session_early(s, SMTPD_EARLY_EHLO))
		return;
	if (!s->tls && s->smtpd->tls != NULL && p->conf->smtpd.tls_cert != NULL)
		offered |= EHLO_STARTTLS;
	if (s->proxy)
		offered |= EHLO_XCLIENT;
	if (s->filter)
		offered |= EHLO_XFORWARD;
	session_reply(s, esmtp ? p->ehlo[offered] : p->helo);
}

static void
cmd_helo(struct session *s, struct smtp_command *cmd)
{
	hello(s, cmd, false);
}

static void
cmd_ehlo(struct session *s, struct smtp_command *cmd)
{
	hello(s, cmd, true);
}

/* 220; clear text that the client sent after STARTTLS is dropped, because a
 * third party may have injected it (CVE-2011-0411). The state of the session is
 * reset when the handshake is complete. */
static void
cmd_starttls(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	static struct log_limit limit;
	const char *p;

	if (s->tls) {
		session_reply(s, "503 5.5.1 TLS is already active\r\n");
		return;
	}
	if (s->policy->conf->smtpd.tls_cert == NULL) {
		session_reply(s, "502 5.5.1 command not implemented\r\n");
		return;
	}
	if (s->smtpd->tls == NULL) {
		session_reply(s, "454 4.7.0 TLS is not available now\r\n");
		return;
	}
	if (conn_input(s->conn, &p) > 0 && log_limit_ok(&limit, 60))
		log_warn("smtpd",
		    "session=%016" PRIx64
		    " client=%s event=\"clear text after STARTTLS dropped\"",
		    s->id, s->client);
	cmd_data_abort(s);
	session_reply(s, "220 2.0.0 ready to start TLS\r\n");
	session_set(s, ST_TLS);
	if (conn_tls_start(s->conn, s->smtpd->tls, NULL) < 0) {
		session_lost(s, "cannot start TLS");
		return;
	}
	session_arm(s,
	    session_timeout_ms(s) < TLS_HANDSHAKE_MS ? session_timeout_ms(s) :
						       TLS_HANDSHAKE_MS);
}

void
cmd_tls_up(struct session *s)
{
	const struct tls_info *info = conn_tls_info(s->conn);
	enum tls_version_label v = TLS_OTHER;

	if (strcmp(info->version, "TLSv1.3") == 0)
		v = TLS_1_3;
	else if (strcmp(info->version, "TLSv1.2") == 0)
		v = TLS_1_2;
	s->smtpd->stats->g.tls_sessions[v]++;
	s->smtpd->stats->g
	    .tls_handshakes[info->resumed ? TLS_RESUMED : TLS_FULL]++;
	s->tls = true;
	s->helo[0] = '\0';
	s->esmtp = false;
}

static void
cmd_rset(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	cmd_data_abort(s);
	session_reply(s, "250 2.0.0 Ok\r\n");
}

static void
cmd_noop(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	session_reply(s, "250 2.0.0 Ok\r\n");
}

static void
cmd_vrfy(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	session_reply(s, "252 2.0.0 cannot verify, send the mail\r\n");
}

static void
cmd_help(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	session_reply(s, "214 2.0.0 see RFC 5321\r\n");
}

static void
cmd_none(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	session_reply(s, "502 5.5.1 command not implemented\r\n");
}

static void
cmd_unknown(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	session_reply(s, "500 5.5.1 command unrecognized\r\n");
}

static void
cmd_quit(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	session_quit(s, "221 2.0.0 Bye\r\n");
}

/* A browser, or a form abused to talk to us: the rest is not meant for a mail
 * server. */
static void
cmd_forbidden(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	if (session_log_ok(s))
		log_info("smtpd",
		    "session=%016" PRIx64 " client=%s event=\"not SMTP\"",
		    s->id, s->client);
	session_close(s, "421 4.7.0 this is an SMTP server\r\n");
}

/* `mail`: progress towards a message, not counted against max_commands. */
static const struct {
	void (*run)(struct session *, struct smtp_command *);
	bool mail;
} commands[] = {
	[VERB_UNKNOWN] = { cmd_unknown, false },
	[VERB_HELO] = { cmd_helo, false },
	[VERB_EHLO] = { cmd_ehlo, false },
	[VERB_STARTTLS] = { cmd_starttls, false },
	[VERB_MAIL] = { cmd_mail, true },
	[VERB_RCPT] = { cmd_rcpt, true },
	[VERB_DATA] = { cmd_data, true },
	[VERB_BDAT] = { cmd_bdat, true },
	[VERB_RSET] = { cmd_rset, false },
	[VERB_NOOP] = { cmd_noop, false },
	[VERB_VRFY] = { cmd_vrfy, false },
	[VERB_EXPN] = { cmd_none, false },
	[VERB_HELP] = { cmd_help, false },
	[VERB_ETRN] = { cmd_etrn, false },
	[VERB_AUTH] = { cmd_none, false },
	[VERB_XCLIENT] = { cmd_xclient, false },
	[VERB_XFORWARD] = { cmd_xforward, false },
	[VERB_QUIT] = { cmd_quit, false },
	[VERB_FORBIDDEN] = { cmd_forbidden, false },
};

void
cmd_dispatch(struct session *s, struct smtp_command *cmd)
{
	MX_ASSERT((size_t)cmd->verb < MX_COUNT(commands));
	if (!commands[cmd->verb].mail)
		s->commands++;
	commands[cmd->verb].run(s, cmd);
}
