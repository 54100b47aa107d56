/* SPDX-License-Identifier: ISC
 * cmd_data: DATA, from 354 to the reply to the final dot, and the message
 * handling shared with BDAT. The content goes through the dot reader into the
 * queue's intake piece by piece. When the message cannot be accepted any more,
 * the intake is aborted at once and the rest is read and dropped, because the
 * reply has to follow the dot. 250 is sent only from the queue's completion,
 * which finds its session by id. Called by cmd_dispatch(), session.c and the
 * queue. Loop thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "relay/smtpd/session.h"

#define HEADER_PIECE 1024 /* read at once; most headers take two or three */

void
cmd_data_abort(struct session *s)
{
	queue_abort(&s->intake);
	s->congested = false;
	s->chunking = false;
	cmd_xforward_end(s);
	transaction_reset(&s->tx);
}

/* Aborts the intake; further content is read and dropped. */
static void
give_up(struct session *s, int rc)
{
	if (s->data_rc == 0)
		s->data_rc = rc;
	queue_abort(&s->intake);
}

/* The date is formatted once a second, not for each message. */
static const char *
date_now(struct smtpd *m)
{
	int64_t wall = clock_wall();

	if (m->date_wall != wall || m->date[0] == '\0')
		(void)text_date_5322(wall, m->date, sizeof(m->date));
	m->date_wall = wall;
	return m->date;
}

static void
prepend_received(struct session *s)
{
	char line[TRACE_RECEIVED_MAX], id[TEXT_ID_MAX];
	struct trace_received t = {
		.helo = s->helo,
		.client = s->literal,
		.host = session_conf(s)->hostname,
		.id = text_id(queue_intake_id(s->intake), id),
		.rcpt = transaction_only(&s->tx),
		.date = date_now(s->smtpd),
		.esmtp = s->esmtp,
		.tls = s->tls,
		.utf8 = s->tx.utf8,
	};
	size_t n = trace_received(&t, line, sizeof(line));
	int rc = queue_append(s->intake, line, n);

	if (rc < 0)
		give_up(s, rc);
}

/* A stalled client has the time-out of a command; one that sends has additional
 * time for its octets at the lowest accepted rate (500 B/s). */
static bool
arm_data(struct session *s)
{
	const struct conf_smtpd *c = &session_conf(s)->smtpd;
	int64_t ms = session_timeout_ms(s), left, bought = 0;
	int64_t now = loop_now(s->smtpd->loop);

	if (c->min_rate > 0) {
		bought = (int64_t)(s->data_got / c->min_rate) * CLOCK_SEC;
		left =
		    (s->data_begun + ms * CLOCK_MS + bought - now) / CLOCK_MS;
		if (left < ms)
			ms = left;
	}
	if (ms <= 0 || now >= s->deadline)
		return false;
	session_arm(s, ms);
	return true;
}

const char *
cmd_data_begin(struct session *s, bool counted)
{
	const char *no = cmd_store_refusal(s, s->tx.size);

	s->data_rc = 0;
	s->refused = no != NULL;
	if (counted)
		dot_reader_init_counted(&s->dot);
	else
		dot_reader_init(&s->dot);
	header_reader_init(&s->header);
	trace_scan_init(&s->trace, session_conf(s)->hostname);
	if (no != NULL) {
		stats_message_rejected(s->smtpd->stats,
		    no[2] == '2' ? 452 : 451, SMTPD_REASON_SPOOL_FULL);
		s->data_rc = no[2] == '2' ? -MX_EFULL : -MX_EIO;
		return no;
	}
	s->intake = queue_begin(s->smtpd->queue);
	if (s->tx.drill)
		s->smtpd->ops.drill_queued(s->smtpd->ops.arg, s->tx.envid,
		    queue_intake_id(s->intake));
	prepend_received(s);
	return NULL;
}

void
cmd_data_clock(struct session *s)
{
	s->data_begun = loop_now(s->smtpd->loop);
	s->data_got = 0;
	session_arm(s, session_timeout_ms(s));
}

void
cmd_data(struct session *s, struct smtp_command *cmd MX_UNUSED)
{
	const char *no;

	if (session_early(s, SMTPD_EARLY_DATA))
		return;
	if (!s->tx.open) {
		session_reply(s, "503 5.5.1 need MAIL command\r\n");
		return;
	}
	if (s->tx.nrcpts == 0) {
		session_reply(s, "503 5.5.1 no valid recipients\r\n");
		return;
	}
	if (s->chunking) {
		session_reply(s, "503 5.5.1 BDAT already in progress\r\n");
		return;
	}
	no = cmd_data_begin(s, false);
	if (no != NULL) {
		session_reply(s, no);
		return;
	}
	session_reply(s, "354 end data with <CR><LF>.<CR><LF>\r\n");
	session_set(s, ST_DATA);
	cmd_data_clock(s);
}

static void
store(struct session *s, const char *data, size_t len)
{
	int rc;

	trace_scan_feed(&s->trace, data, len);
	if (s->intake == NULL || len == 0)
		return;
	rc = queue_append(s->intake, data, len);
	if (rc < 0)
		give_up(s, rc);
}

void
cmd_data_take(struct session *s, const char *data, size_t len)
{
	char out[HEADER_OUT(HEADER_PIECE)];
	size_t n, used;

	if (s->dot.size > session_conf(s)->smtpd.message_size)
		give_up(s, -MX_ETOOBIG);
	for (; len > 0 && !s->header.over; data += used, len -= used) {
		n = len < HEADER_PIECE ? len : HEADER_PIECE;
		n = header_read(&s->header, data, n, &used, out);
		store(s, out, n);
	}
	store(s, data, len);
}

/* The reply that refuses the message; NULL: none. */
static const char *
find_refusal(const struct session *s, unsigned *code, enum smtpd_reason *reason)
{
	const struct config *conf = session_conf(s);

	*reason = SMTPD_REASON_SPOOL_FULL;
	switch (s->data_rc) {
	case 0:
		break;
	case -MX_ETOOBIG:
		*code = 552;
		*reason = SMTPD_REASON_SIZE;
		return "552 5.3.4 message too big\r\n";
	case -MX_EFULL:
		*code = 452;
		return "452 4.3.1 insufficient storage, try again later\r\n";
	default:
		*code = 451;
		*reason = SMTPD_REASON_OTHER;
		return "451 4.3.0 the message could not be stored\r\n";
	}
	if (s->dot.stray && conf->smtpd.bare_newline == NEWLINE_REJECT) {
		*code = 550;
		*reason = SMTPD_REASON_SYNTAX;
		return "550 5.5.2 bare CR or LF in the message\r\n";
	}
	if (s->trace.received >= conf->smtpd.max_received ||
	    s->trace.own >= conf->queue.loop_limit) {
		*code = 554;
		*reason = SMTPD_REASON_LOOP;
		return "554 5.4.6 mail is looping\r\n";
	}
	return NULL;
}

/* Ends the transaction, whatever its result. */
static void
finish(struct session *s, const char *reply)
{
	transaction_reset(&s->tx);
	cmd_xforward_end(s);
	session_set(s, s->conn != NULL ? ST_COMMAND : ST_CLOSED);
	if (s->conn == NULL)
		return;
	session_whole(s);
	if (reply != NULL)
		session_reply(s, reply);
	if (s->smtpd->draining)
		session_close(s, "421 4.3.2 shutting down\r\n");
	else
		session_await(s);
}

/* The client, at the end of the log line. */
static void
say_by(struct session *s)
{
	char by[1024];
	int n;

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	n = snprintf(by, sizeof(by),
	    " session=%016" PRIx64 " client=%s helo=%s tls=%s", s->id,
	    log_q(s->client), log_q(s->helo), s->tls ? "yes" : "no");
	if (s->orig_client != NULL && n > 0 && (size_t)n < sizeof(by))
		n += snprintf(by + n, sizeof(by) - (size_t)n, " orig_client=%s",
		    log_q(s->orig_client));
	if (s->orig_helo != NULL && n > 0 && (size_t)n < sizeof(by))
		(void)snprintf(by + n, sizeof(by) - (size_t)n, " orig_helo=%s",
		    log_q(s->orig_helo));
	queue_intake_by(s->intake, "smtpd", by);
}

static void
commit(struct session *s)
{
	struct smtpd *m = s->smtpd;
	struct transaction_client c = { .helo = s->helo,
		.address = s->client,
		.arrival_ms = clock_wall_ms(),
		.eightbit = s->dot.eightbit,
		.header_eightbit = s->trace.eightbit };
	uint32_t n = s->tx.nparts;

	say_by(s);
	transaction_seal(&s->tx, &c);
	s->tx.nparts = 0; /* the envelopes are gone; the counts stay */
	s->tx.part_count = n;
	session_set(s, ST_WAIT_COMMIT);
	conn_timeout(s->conn, session_conf(s)->smtpd.store_timeout_ms);
	m->commits->under_way++;
	queue_commit(&s->intake, s->tx.part, n, cmd_data_committed, m->commits,
	    s->id);
}

const char *
cmd_data_refusal(struct session *s)
{
	unsigned code = 0;
	enum smtpd_reason reason;
	const char *no = find_refusal(s, &code, &reason);

	if (no == NULL || s->refused)
		return no;
	s->refused = true;
	stats_message_rejected(s->smtpd->stats, code, reason);
	if (session_log_refusal(s, reason))
		log_info("smtpd",
		    "session=%016" PRIx64 " client=%s from=%s nrcpts=%u "
		    "size=%" PRIu64 " refused=%u",
		    s->id, s->client, log_q(s->tx.sender), s->tx.nrcpts,
		    s->dot.size, code);
	return no;
}

void
cmd_data_end(struct session *s)
{
	const char *no = cmd_data_refusal(s);

	if (no == NULL) {
		commit(s);
		return;
	}
	queue_abort(&s->intake);
	finish(s, no);
}

static void
on_space(void *arg)
{
	struct session *s = arg;
	int64_t paused = loop_now(s->smtpd->loop) - s->paused_at;

	s->congested = false;
	s->data_begun += paused;
	s->deadline += paused;
	conn_resume(s->conn);
	smtpd_press(s->smtpd);
	session_continue(s);
}

/* While the client waits for us its deadlines are suspended. */
bool
cmd_data_congested(struct session *s)
{
	if (s->intake == NULL || !queue_congested(s->intake, on_space, s))
		return false;
	s->congested = true;
	s->paused_at = loop_now(s->smtpd->loop);
	conn_pause(s->conn);
	conn_timeout(s->conn, session_conf(s)->smtpd.store_timeout_ms);
	smtpd_press(s->smtpd);
	return true;
}

/* A message refused in this way may still be stored and come again (RFC 1047):
 * a duplicate is better than a client that waits for a hanging disk. */
void
cmd_data_overdue(struct session *s)
{
	struct smtpd *m = s->smtpd;

	if (s->state == ST_WAIT_COMMIT) {
		s->overdue = true;
		if (m->overdue++ == 0 && !queue_away(m->queue))
			log_error("smtpd",
			    "error=\"the disk did not make a message durable "
			    "within store_timeout\" consequence=\"new mail "
			    "gets a temporary error\"");
	}
	stats_message_rejected(m->stats, 451, SMTPD_REASON_SPOOL_FULL);
	session_close(s,
	    "451 4.3.0 the disk does not answer, try again later\r\n");
}

/* The commit was answered after all. */
static void
not_overdue(struct session *s)
{
	if (!s->overdue)
		return;
	s->overdue = false;
	if (--s->smtpd->overdue == 0)
		log_notice("smtpd", "event=\"the disk answers again\"");
}

bool
cmd_data_wait(struct session *s)
{
	if (!arm_data(s)) {
		s->smtpd->stats->g.sessions_lost[SMTPD_LOST_DATA]++;
		session_close(s, "421 4.4.2 too slow, closing\r\n");
	}
	return false;
}

bool
cmd_data_run(struct session *s)
{
	struct smtpd *m = s->smtpd;
	uint64_t limit = session_conf(s)->smtpd.message_size;
	const char *p;
	size_t n = conn_input(s->conn, &p), used, out;

	if (n == 0)
		return cmd_data_wait(s);
	if (n > SESSION_CHUNK)
		n = SESSION_CHUNK;
	out = dot_read(&s->dot, p, n, &used, m->content);
	conn_consume(s->conn, used);
	s->data_got += used;
	cmd_data_take(s, m->content, out);
	if (s->dot.done) {
		cmd_data_end(s);
		return true;
	}
	if (s->dot.size > CMD_DATA_EXCESS(limit)) {
		session_close(s, "421 4.3.4 message far too big\r\n");
		return false;
	}
	return !cmd_data_congested(s);
}

static void
count_accepted(struct session *s)
{
	struct stats *st = s->smtpd->stats;
	uint32_t i;

	for (i = 0; i < s->tx.part_count; i++) {
		s->tx.stats[i]->accepted_messages++;
		s->tx.stats[i]->accepted_recipients += s->tx.part_rcpts[i];
		s->tx.stats[i]->accepted_bytes += s->dot.size;
	}
	hist_add(&st->g.message_size, &hist_message_size, (double)s->dot.size);
	s->errors = s->tempfails = s->commands = 0;
}

/* The group of our message is durable, or has failed as a whole. The session
 * may be gone (smtpd_destroy()), or smtpd itself. */
void
cmd_data_committed(void *arg, uint64_t token, int rc, uint64_t id)
{
	struct commits *c = arg;
	struct session *s = NULL;
	char reply[64], text[TEXT_ID_MAX];

	c->under_way--;
	if (c->smtpd != NULL) {
		smtpd_press(c->smtpd);
		s = idmap_get(&c->smtpd->by_id, token);
	} else if (c->under_way == 0) {
		free(c);
	}
	if (s == NULL || s->state != ST_WAIT_COMMIT)
		return;
	not_overdue(s);
	if (rc == 0) {
		count_accepted(s);
		snprintf(reply, sizeof(reply), "250 2.0.0 Ok: queued as %s\r\n",
		    text_id(id, text));
		finish(s, reply);
	} else {
		stats_message_rejected(s->smtpd->stats,
		    rc == -MX_EFULL && !queue_away(s->smtpd->queue) ? 452 : 451,
		    rc == -MX_EFULL ? SMTPD_REASON_SPOOL_FULL :
				      SMTPD_REASON_OTHER);
		finish(s,
		    rc == -MX_EFULL && queue_away(s->smtpd->queue) ?
			"451 4.3.0 the queue is not available, try again "
			"later\r\n" :
			rc == -MX_EFULL ?
			"452 4.3.1 insufficient storage, try again later\r\n" :
			"451 4.3.0 the message could not be stored\r\n");
	}
	if (!s->running)
		session_continue(s);
}
