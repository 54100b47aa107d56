/* SPDX-License-Identifier: ISC
 * session: see session.h. Gives a session its turns, moves it from state to
 * state (session_line.c reads its lines), and enforces the deadlines: a command
 * has to be complete in time (single octets do not extend it), and a session
 * has to complete a message now and then. Every entry into this file from
 * outside ends in settle(), the only place that frees a session, so that no
 * function loses its session while it runs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/smtpd/session.h"

#define LINGER_MS 2000
/* Lines and pieces of a message handled for a session in one turn: some tens of
 * microseconds, so that a thousand busy sessions do not delay another
 * noticeably. */
#define TURN_STEPS 8u
#define STRESS_MS  10000

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
		"data", "bdat", "wait-commit", "wait-dnsbl", "closed" };

	return name[st];
}

void
session_set(struct session *s, enum session_state to)
{
	static const unsigned edges[ST_MAX] = {
		[ST_COMMAND] = 1u << ST_SKIP | 1u << ST_TLS | 1u << ST_DATA |
		    1u << ST_BDAT | 1u << ST_WAIT_DNSBL | 1u << ST_CLOSED,
		[ST_SKIP] = 1u << ST_COMMAND | 1u << ST_CLOSED,
		[ST_TLS] = 1u << ST_COMMAND | 1u << ST_CLOSED,
		[ST_DATA] =
		    1u << ST_COMMAND | 1u << ST_WAIT_COMMIT | 1u << ST_CLOSED,
		[ST_BDAT] =
		    1u << ST_COMMAND | 1u << ST_WAIT_COMMIT | 1u << ST_CLOSED,
		[ST_WAIT_COMMIT] = 1u << ST_COMMAND | 1u << ST_CLOSED,
		[ST_WAIT_DNSBL] = 1u << ST_COMMAND | 1u << ST_CLOSED,
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

	/* during a message arm_data() sets the time when more of it comes */
	if ((s->state == ST_DATA || s->state == ST_BDAT ||
		s->state == ST_TLS) &&
	    !s->congested)
		conn_timeout_by(s->conn, session_timeout_ms(s));
	if ((s->state == ST_COMMAND || s->state == ST_SKIP) &&
	    s->line_deadline > now + STRESS_MS * CLOCK_MS) {
		s->line_deadline = now + STRESS_MS * CLOCK_MS;
		session_arm(s, STRESS_MS);
	}
}

void
session_relax(struct session *s)
{
	if (s->state == ST_COMMAND || s->state == ST_SKIP)
		session_await(s);
}

/* The connection is closed, or about to be. An uncommitted message is dropped;
 * a commit under way continues. */
static void
leave(struct session *s)
{
	if (s->state != ST_WAIT_COMMIT) {
		cmd_data_abort(s);
		session_set(s, ST_CLOSED);
	}
	session_log_rest(s);
}

void
session_reply(struct session *s, const char *line)
{
	if (line[0] == '5')
		s->errors++;
	else if (line[0] == '4')
		s->tempfails++;
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
note_lost(struct session *s, const char *why)
{
	s->smtpd->stats->g.sessions_lost[lost_phase(s)]++;
	if (session_log_ok(s))
		log_info("smtpd",
		    "session=%016" PRIx64 " client=%s state=%s lost=%s", s->id,
		    s->client, state_name(s->state), log_q(why));
}

void
session_lost(struct session *s, const char *why)
{
	note_lost(s, why);
	conn_destroy(&s->conn);
	leave(s);
}

/* The rest of its input waits until other sessions had their turn. */
static bool
has_had_its_turn(struct session *s, unsigned steps)
{
	const char *p;

	if (steps < TURN_STEPS || s->state == ST_TLS ||
	    s->state == ST_WAIT_COMMIT || conn_input(s->conn, &p) == 0)
		return false;
	s->waits = true;
	conn_yield(s->conn);
	return true;
}

static void
run(struct session *s)
{
	bool more = true;
	unsigned steps = 0;

	s->running = true;
	s->waits = false;
	while (more && s->conn != NULL && !s->congested) {
		if (has_had_its_turn(s, steps++))
			break;
		switch (s->state) {
		case ST_COMMAND:
			more = session_line(s);
			break;
		case ST_SKIP:
			more = session_skip(s);
			break;
		case ST_DATA:
			more = cmd_data_run(s);
			break;
		case ST_BDAT:
			more = cmd_bdat_run(s);
			break;
		case ST_TLS:
		case ST_WAIT_COMMIT:
		case ST_WAIT_DNSBL:
		case ST_CLOSED:
		case ST_MAX:
			more = false;
			break;
		}
	}
	s->running = false;
	/* A client that closed its side still gets the replies to what it
	 * sent. */
	if (s->eof && s->conn != NULL && !s->congested && !s->waits &&
	    s->state != ST_WAIT_COMMIT && s->state != ST_WAIT_DNSBL) {
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
	if (s->waits) { /* input waits for our turn */
		session_arm(s, session_timeout_ms(s));
		return;
	}
	if (s->state == ST_TLS) {
		session_lost(s, "TLS handshake timed out");
		return;
	}
	if (s->state == ST_WAIT_COMMIT || s->congested) {
		cmd_data_overdue(s);
		return;
	}
	if (s->state == ST_WAIT_DNSBL) {
		session_dnsbl_overdue(s);
		run(s);
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
	case CONN_DRAINED: /* conn limits unread replies */
	case CONN_CONNECTED:
		break;
	}
	settle(s);
}

static void
set_client(struct session *s, const struct net_addr *a)
{
	addr_text(a, s->client);
	addr_literal(a, s->literal);
}

const char *
session_becomes(struct session *s, const struct net_addr *a)
{
	uint64_t key = addr_client_key(a);
	bool counted = !prefix_list_match(s->policy->trusted, a);
	enum smtpd_reject reason;
	const char *no = NULL;

	if (counted)
		no = smtpd_client_refusal(s->smtpd, s->policy, key, &reason);
	if (s->seat->counted)
		client_limit_leave(s->smtpd->limit, s->seat->client_key);
	s->seat->client_key = key;
	s->seat->counted = counted && no == NULL;
	set_client(s, a);
	session_dnsbl_begin(s, a);
	if (no != NULL)
		s->smtpd->stats->g.rejected[reason]++;
	return no;
}

void
session_start(struct smtpd *m, int fd, const struct net_addr *peer,
    struct seat *seat)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->smtpd = m;
	s->policy = policy_ref(m->policy);
	s->id = m->next_id++;
	s->seat = seat;
	s->state = ST_COMMAND;
	set_client(s, peer);
	s->proxy = prefix_list_match(s->policy->xclient, peer);
	s->filter = prefix_list_match(s->policy->xforward, peer);
	s->may_talk = !seat->counted;
	s->conn =
	    conn_accept(m->loop, fd, peer, SESSION_INPUT_MAX, on_event, s);
	conn_on_close(s->conn, smtpd_seat_leave, seat);
	seat->holders = 2;
	LIST_INSERT_HEAD(&m->sessions, s, link);
	idmap_put(&m->by_id, s->id, s);
	session_dnsbl_begin(s, peer);
	session_whole(s);
	if (!session_early(s, SMTPD_EARLY_GREETING)) {
		session_reply(s, s->policy->banner);
		session_await(s);
	}
	settle(s);
}

void
session_destroy(struct session **sp)
{
	struct session *s = *sp;
	struct smtpd *m = s->smtpd;

	*sp = NULL;
	conn_destroy(&s->conn);
	dnsbl_end(&s->dnsbl);
	cmd_data_abort(s);
	(void)idmap_take(&m->by_id, s->id);
	LIST_REMOVE(s, link);
	transaction_fini(&s->tx);
	policy_unref(&s->policy);
	smtpd_seat_leave(s->seat);
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
