/* SPDX-License-Identifier: ISC
 * cmd_bdat: BDAT (RFC 3030 without BINARYMIME): a message in chunks of declared
 * length. The octets of a bad chunk are read before the reply, or they would be
 * taken for commands; if that is impossible, because the length is unknown or
 * too large, the connection is closed. A message that has failed stays failed,
 * each further chunk with the same reply, until its last chunk or RSET.
 * cmd_data.c has the rest of the message handling. Called by cmd_dispatch() and
 * session.c. Loop thread. */
#include <inttypes.h>

#include "relay/smtpd/session.h"

/* The first chunk of a message. A message that the spool cannot take is begun,
 * too: all of its chunks have to fail, even if there is space again. */
static void
begin(struct session *s)
{
	s->chunk_no = NULL;
	if (!s->tx.open) {
		s->chunk_no = "503 5.5.1 need MAIL command\r\n";
	} else if (s->tx.nrcpts == 0) {
		s->chunk_no = "503 5.5.1 no valid recipients\r\n";
	} else {
		s->chunking = true;
		(void)cmd_data_begin(s, true);
	}
}

void
cmd_bdat(struct session *s, struct smtp_command *cmd)
{
	uint64_t limit = session_conf(s)->smtpd.message_size;
	uint64_t worth = s->tx.nrcpts > 0 ? CMD_DATA_EXCESS(limit) : limit;

	if (cmd->chunk > worth) {
		stats_message_rejected(s->smtpd->stats, 552, SMTPD_REASON_SIZE);
		session_close(s, "552 5.3.4 message far too big, closing\r\n");
		return;
	}
	if (cmd->chunk == 0 && !cmd->last)
		s->commands++; /* counted: no progress towards a message */
	if (!s->chunking)
		begin(s);
	s->chunk_left = cmd->chunk;
	s->chunk_last = cmd->last;
	session_set(s, ST_BDAT);
	cmd_data_clock(s);
}

static void
take(struct session *s, const char *p, size_t n)
{
	struct smtpd *m = s->smtpd;
	size_t used, out;

	if (s->chunking) {
		out = dot_read(&s->dot, p, n, &used, m->content);
		MX_ASSERT(used == n);
		cmd_data_take(s, m->content, out);
	}
	conn_consume(s->conn, n);
	s->chunk_left -= n;
	s->data_got += n;
}

static void
next_command(struct session *s)
{
	session_set(s, ST_COMMAND);
	if (s->smtpd->draining)
		session_close(s, "421 4.3.2 shutting down\r\n");
	else
		session_await(s);
}

static void
chunk_end(struct session *s, uint64_t octets)
{
	char tail[2];
	const char *no = s->chunk_no;

	if (s->chunking && s->chunk_last) {
		s->chunking = false;
		cmd_data_take(s, tail, dot_read_end(&s->dot, tail));
		cmd_data_end(s);
		return;
	}
	if (s->chunking)
		no = cmd_data_refusal(s);
	else if (s->chunk_last)
		cmd_data_abort(s); /* the transaction ends here, too */
	if (no != NULL)
		session_reply(s, no);
	else
		conn_printf(s->conn,
		    "250 2.0.0 %" PRIu64 " octets received\r\n", octets);
	next_command(s);
}

bool
cmd_bdat_run(struct session *s)
{
	const char *p;
	size_t n;

	if (s->chunk_left == 0) {
		chunk_end(s, s->data_got);
		return true;
	}
	n = conn_input(s->conn, &p);
	if (n == 0)
		return cmd_data_wait(s);
	if (n > SESSION_CHUNK)
		n = SESSION_CHUNK;
	if (n > s->chunk_left)
		n = (size_t)s->chunk_left;
	take(s, p, n);
	return !cmd_data_congested(s);
}
