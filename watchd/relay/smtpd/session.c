/* SPDX-License-Identifier: ISC
 * session: see session.h. Reads command lines in a window of bounded size,
 * hands them to cmd_dispatch() one at a time, and holds the client to its
 * deadlines: a command has to be whole in time (a byte now and then buys
 * nothing), and now and then a session has to get a message done. Every way
 * into this file from outside ends in settle(), the only place that frees a
 * session, so that no function finds the ground gone under its feet. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/smtpd/session.h"

#define LINGER_MS     2000
#define SKIP_MAX      65536u /* of a line without end */
#define STRESS_MS     10000
#define STRESS_ERRORS 5u

static void
settle(struct session *s)
{
	if (s->state == ST_CLOSED)
		session_destroy(&s);
}

static const char *
state_name(enum session_state st)
{
	static const char *const name[ST_MAX] = { "command", "skip", "tls",
		"data", "bdat", "wait-commit", "closed" };

	return name[st];
}

void
session_set(struct session *s, enum session_state to)
{
	static const unsigned edges[ST_MAX] = {
		[ST_COMMAND] = 1u << ST_SKIP | 1u << ST_TLS | 1u << ST_DATA |
		    1u << ST_BDAT | 1u << ST_CLOSED,
		[ST_SKIP] = 1u << ST_COMMAND | 1u << ST_CLOSED,
		[ST_TLS] = 1u << ST_COMMAND | 1u << ST_CLOSED,
		[ST_DATA] =
		    1u << ST_COMMAND | 1u << ST_WAIT_COMMIT | 1u << ST_CLOSED,
		[ST_BDAT] =
		    1u << ST_COMMAND | 1u << ST_WAIT_COMMIT | 1u << ST_CLOSED,
		[ST_WAIT_COMMIT] = 1u << ST_COMMAND | 1u << ST_CLOSED,
	};

	MX_ASSERT((edges[s->state] & 1u << to) != 0);
	if (log_enabled(LOG_LEVEL_TRACE))
		log_trace("smtpd", "session=%016" PRIx64 " state=%s->%s", s->id,
		    state_name(s->state), state_name(to));
	s->state = to;
}

int64_t
session_timeout_ms(const struct session *s)
{
	int64_t ms = session_conf(s)->smtpd.timeout_ms;

	return s->smtpd->stress && ms > STRESS_MS ? STRESS_MS : ms;
}

void
session_arm(struct session *s, int64_t ms)
{
	int64_t left = (s->deadline - loop_now(s->smtpd->loop)) / CLOCK_MS;

	if (left < ms)
		ms = left;
	conn_timeout(s->conn, ms > 0 ? ms : 1);
}

void
session_whole(struct session *s)
{
	s->deadline = loop_now(s->smtpd->loop) +
	    session_conf(s)->smtpd.session_ms * CLOCK_MS;
}

void
session_await(struct session *s)
{
	int64_t ms = session_timeout_ms(s);

	s->line_deadline = loop_now(s->smtpd->loop) + ms * CLOCK_MS;
	session_arm(s, ms);
}

void
session_stress(struct session *s)
{
	int64_t now = loop_now(s->smtpd->loop);

	if ((s->state == ST_COMMAND || s->state == ST_SKIP) &&
	    s->line_deadline > now + STRESS_MS * CLOCK_MS) {
		s->line_deadline = now + STRESS_MS * CLOCK_MS;
		session_arm(s, STRESS_MS);
	}
}

/* The connection is closed, or about to be. What was not committed is
 * dropped; a commit that is under way goes on. */
static void
leave(struct session *s)
{
	if (s->state != ST_WAIT_COMMIT) {
		cmd_data_abort(s);
		session_set(s, ST_CLOSED);
	}
	smtpd_session_left(s->smtpd, s);
}

void
session_reply(struct session *s, const char *line)
{
	if (line[0] == '5')
		s->errors++;
	conn_write(s->conn, line, strlen(line));
}

void
session_close(struct session *s, const char *line)
{
	if (line != NULL)
		conn_write(s->conn, line, strlen(line));
	conn_finish(&s->conn, LINGER_MS);
	leave(s);
}

void
session_quit(struct session *s, const char *line)
{
	conn_write(s->conn, line, strlen(line));
	conn_finish_quit(&s->conn, LINGER_MS);
	leave(s);
}

static enum smtpd_lost
lost_phase(const struct session *s)
{
	if (s->state == ST_TLS)
		return SMTPD_LOST_STARTTLS;
	if (s->state == ST_DATA || s->state == ST_BDAT || s->chunking ||
	    s->state == ST_WAIT_COMMIT)
		return SMTPD_LOST_DATA;
	if (s->tx.nrcpts > 0)
		return SMTPD_LOST_RCPT;
	if (s->tx.open)
		return SMTPD_LOST_MAIL;
	return s->helo[0] != '\0' ? SMTPD_LOST_EHLO : SMTPD_LOST_GREETING;
}

static void
note_lost(const struct session *s, const char *why)
{
	s->smtpd->stats->g.sessions_lost[lost_phase(s)]++;
	log_info("smtpd", "session=%016" PRIx64 " client=%s state=%s lost=%s",
	    s->id, s->client, state_name(s->state), log_q(why));
}

void
session_lost(struct session *s, const char *why)
{
	note_lost(s, why);
	conn_destroy(&s->conn);
	leave(s);
}

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

/* A line that is not obeyed. Behind a BDAT stands a chunk of a length that we
 * do not know: what comes next is not to be taken for commands. */
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

/* Parses and obeys one line; `whole` is its length with the line end. */
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
	/* After HELO no extension was offered. Before any greeting the missing
	 * EHLO is the mistake to name, not the parameter. */
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

/* False when the client has had its share of errors or idle commands: the
 * command that waits is answered with 421. */
static bool
has_patience(struct session *s)
{
	const struct conf_smtpd *c = &session_conf(s)->smtpd;
	unsigned errors = c->max_errors;

	if (s->smtpd->stress && errors > STRESS_ERRORS)
		errors = STRESS_ERRORS;
	if (s->errors >= errors)
		session_close(s, "421 4.7.0 too many errors\r\n");
	else if (s->commands >= c->max_commands)
		session_close(s,
		    "421 4.7.0 too many commands without mail\r\n");
	return s->conn != NULL;
}

/* One command line; false when there is none that is whole. */
static bool
run_line(struct session *s)
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
	if (!has_patience(s))
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
	obey(s, p, len, whole);
	if (s->state == ST_COMMAND)
		session_await(s);
	return true;
}

/* Drops a line that is too long, up to its end or our patience's. */
static bool
run_skip(struct session *s)
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

static void
run(struct session *s)
{
	bool more = true;

	s->running = true;
	while (more && s->conn != NULL && !s->congested) {
		switch (s->state) {
		case ST_COMMAND:
			more = run_line(s);
			break;
		case ST_SKIP:
			more = run_skip(s);
			break;
		case ST_DATA:
			more = cmd_data_run(s);
			break;
		case ST_BDAT:
			more = cmd_bdat_run(s);
			break;
		case ST_TLS:
		case ST_WAIT_COMMIT:
		case ST_CLOSED:
		case ST_MAX:
			more = false;
			break;
		}
	}
	s->running = false;
	/* A client that closed its half still gets the answers to what it
	 * sent. */
	if (s->eof && s->conn != NULL && !s->congested &&
	    s->state != ST_WAIT_COMMIT) {
		note_lost(s, "closed by the client");
		session_close(s, NULL);
	}
}

void
session_continue(struct session *s)
{
	run(s);
	settle(s);
}

static void
on_timeout(struct session *s)
{
	if (s->state == ST_TLS) {
		session_lost(s, "TLS handshake timed out");
		return;
	}
	note_lost(s, "timeout");
	session_close(s, "421 4.4.2 timeout, closing\r\n");
}

static void
on_event(struct conn *c, enum conn_event ev, void *arg)
{
	struct session *s = arg;

	switch (ev) {
	case CONN_READ:
		run(s);
		break;
	case CONN_TLS_UP:
		session_set(s, ST_COMMAND);
		cmd_tls_up(s);
		session_await(s);
		break;
	case CONN_EOF:
		s->eof = true;
		run(s);
		break;
	case CONN_ERROR:
		session_lost(s, conn_error(c));
		break;
	case CONN_TIMEOUT:
		on_timeout(s);
		break;
	case CONN_DRAINED: /* conn reads no more of who does not listen */
	case CONN_CONNECTED:
		break;
	}
	settle(s);
}

void
session_start(struct smtpd *m, int fd, const struct net_addr *peer,
    uint64_t client_key, bool counted)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->smtpd = m;
	s->policy = policy_ref(m->policy);
	s->id = m->next_id++;
	s->client_key = client_key;
	s->counted = counted;
	s->state = ST_COMMAND;
	addr_text(peer, s->client);
	addr_literal(peer, s->literal);
	s->conn =
	    conn_accept(m->loop, fd, peer, SESSION_INPUT_MAX, on_event, s);
	LIST_INSERT_HEAD(&m->sessions, s, link);
	idmap_put(&m->by_id, s->id, s);
	m->open++;
	session_whole(s);
	session_reply(s, s->policy->banner);
	session_await(s);
}

void
session_destroy(struct session **sp)
{
	struct session *s = *sp;
	struct smtpd *m = s->smtpd;

	*sp = NULL;
	if (s->conn != NULL) {
		conn_destroy(&s->conn);
		smtpd_session_left(m, s);
	}
	cmd_data_abort(s);
	(void)idmap_take(&m->by_id, s->id);
	LIST_REMOVE(s, link);
	transaction_fini(&s->tx);
	policy_unref(&s->policy);
	mem_free(&s);
	smtpd_session_gone(m);
}

void
session_drain(struct session *s)
{
	if (s->conn == NULL || s->state == ST_DATA || s->state == ST_BDAT ||
	    s->state == ST_WAIT_COMMIT)
		return;
	if (s->state == ST_TLS)
		session_lost(s, "shutting down");
	else
		session_close(s, "421 4.3.2 shutting down\r\n");
	settle(s);
}
