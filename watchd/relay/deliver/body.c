/* SPDX-License-Identifier: ISC
 * body: sends the content of a message from the store to the peer. Content in
 * memory is sent at once; a larger one is read in pieces, the next one while
 * the peer takes the present one, as a chunk each or after DATA. A piece sent
 * as a chunk is not copied if no output waits before it: the connection takes
 * it over. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define SLICE 65536 /* per call of the engine, to keep its buffer small */

static struct deliver *
deliver_of(const struct deliver_session *s)
{
	return s->lane->site->deliver;
}

void
body_drop(struct deliver_session *s)
{
	if (s->read != 0)
		store_cancel(deliver_of(s)->store, s->read);
	s->read = 0;
	mem_free(&s->piece);
	s->piece_len = 0;
	s->body = false;
}

/* The body is damaged or cannot be read. Its end is never sent, so that the
 * server discards what it has. */
static void
body_broken(struct deliver_session *s, int rc)
{
	struct delivery *w = s->cur;
	enum job_outcome outcome = delivery_unread(w, rc);
	char id[TEXT_ID_MAX];

	if (outcome != JOB_GONE)
		log_error("deliver", "id=%s event=body_%s error=%s",
		    text_id(w->job->id, id),
		    rc == -MX_EIO ? "unread" : "damaged",
		    log_q(mx_strerror(rc)));
	delivery_report(w, SMTP_PHASE_DATA,
	    outcome == JOB_GONE ? "gone" : "damaged");
	delivery_finish(deliver_of(s), &s->cur, outcome);
	deliver_session_gone(s);
}

/* Another node may be delivering this message by now, and this server has only
 * a part of it: it will not get the rest. Nothing was sent behind it. */
static void
body_returned(struct deliver_session *s)
{
	char id[TEXT_ID_MAX];

	MX_ASSERT(s->nbehind == 0);
	log_notice("deliver", "id=%s event=not_ours phase=data",
	    text_id(s->cur->job->id, id));
	body_drop(s);
	deliver_tx_return(s, &s->cur);
	deliver_session_gone(s);
}

/* The server has the whole message after this piece, or after the final dot. */
static bool
is_last(const struct deliver_session *s)
{
	size_t now = s->body_at == 0 ? s->cur->len : 0;

	if (s->piece != NULL)
		now += s->piece_len;
	return s->body_at + now >= s->cur->env->body.len;
}

static void
body_read(void *arg, int rc, char *data, size_t len)
{
	struct deliver_session *s = arg;

	s->read = 0;
	if (rc == 0 && len == 0)
		rc = -MX_ECORRUPT;
	if (rc != 0) {
		free(data);
		body_broken(s, rc);
		return;
	}
	s->piece = data;
	s->piece_len = len;
	body_send_more(s);
	deliver_session_pump(s);
}

void
body_put(struct deliver_session *s, const char *data, size_t len)
{
	size_t at, n;

	if (smtp_client_body_as_is(s->client, len)) {
		deliver_session_write(s);
		conn_write(s->conn, data, len);
		return;
	}
	for (at = 0; at < len; at += n) {
		n = len - at > SLICE ? SLICE : len - at;
		smtp_client_body(s->client, data + at, n);
		deliver_session_write(s);
	}
}

/* Sends the piece that was read. The store verifies only what it delivers as a
 * whole. */
static void
piece_send(struct deliver_session *s)
{
	char *data = s->piece;
	size_t len = s->piece_len;

	s->piece = NULL;
	s->piece_len = 0;
	s->body_at += len;
	if (!delivery_is_whole(s->cur))
		s->crc = store_crc(s->crc, data, len);
	if (smtp_client_body_as_is(s->client, len)) {
		deliver_session_write(s);
		conn_write_owned(s->conn, data, len);
	} else {
		body_put(s, data, len);
		free(data);
	}
	conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}

/* Sends what was loaded with the envelope: all of the content, or its
 * beginning. It is kept for the remaining recipients. */
static void
loaded_send(struct deliver_session *s)
{
	const struct delivery *w = s->cur;

	if (!delivery_is_whole(w))
		s->crc = store_crc(s->crc, w->data, w->len);
	s->body_at += w->len;
	body_put(s, w->data, w->len);
	conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}

void
body_send_more(struct deliver_session *s)
{
	struct deliver *dl = deliver_of(s);
	const struct envelope *env = s->cur->env;
	uint64_t left;

	/* Goes on before all output has left, because CONN_DRAINED, which calls
	 * this again, is not reported for output that leaves after a
	 * callback. */
	if (!s->body || conn_backlog(s->conn) >= DELIVER_PIECE)
		return;
	if (is_last(s) && !queue_job_holds(s->cur->job)) {
		body_returned(s);
		return;
	}
	if (s->body_at == 0 && s->cur->len > 0)
		loaded_send(s);
	else if (s->piece != NULL)
		piece_send(s);
	if (s->body_at > env->body.len) {
		body_broken(s, -MX_ECORRUPT);
		return;
	}
	left = env->body.len - s->body_at;
	if (left > 0) {
		if (s->read == 0 && s->piece == NULL)
			s->read = store_read(dl->store, &env->body, s->body_at,
			    left > DELIVER_PIECE ? DELIVER_PIECE : (size_t)left,
			    body_read, s);
		return;
	}
	if (!delivery_is_whole(s->cur) && s->crc != env->body.crc) {
		body_broken(s, -MX_ECORRUPT);
		return;
	}
	s->body = false;
	s->tx->sent = true;
	smtp_client_body_end(s->client, loop_now(dl->loop));
	flight_fill(s);
}
