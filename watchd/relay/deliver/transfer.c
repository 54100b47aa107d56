/* SPDX-License-Identifier: ISC
 * transfer: the jobs of one session: a message offered to the server in
 * transactions of at most a hundred recipients, its body streamed as fast as
 * peer and disk allow, each reply turned into the recipients' results. While
 * the reply to the final dot is awaited the next message is loaded. Called by
 * outbound.c with what the SMTP engine says. Each job taken ends once, here or
 * in transfer_return(), whatever happens.
 *
 * 8-bit content goes to a server without 8BITMIME as it is: rewriting a body
 * that is not ours would break signatures, and bouncing it helps nobody. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"
#include "relay/deliver/result.h"

/* A job of which the server has heard nothing is as good as never taken. */
void
transfer_return(struct outbound *s, struct work **w)
{
	if (*w != NULL)
		work_end(s->target->deliver, w, JOB_RETURNED);
}

void
transfer_drop_body(struct outbound *s)
{
	if (s->read != 0)
		store_cancel(s->target->deliver->store, s->read);
	s->read = 0;
	mem_free(&s->piece);
	s->piece_len = 0;
	s->body = false;
}

static void
note_reply(struct work *w, const struct smtp_reply *r)
{
	w->code = r->code;
	w->status = r->status;
	strlcpy(w->reply, r->text != NULL ? r->text : "", sizeof(w->reply));
}

/* Gives the recipients of the batch that are still pending a reason.
 * `only_taken`: those whose RCPT was accepted. */
static void
batch_set(struct outbound *s, enum rcpt_state state, uint16_t code,
    const struct smtp_status *st, const char *text, bool only_taken)
{
	unsigned i;
	struct rcpt *r;

	for (i = 0; i < s->nrcpts; i++) {
		r = &s->cur->env->rcpts[s->map[i]];
		if (r->state == RCPT_PENDING && (!only_taken || s->taken[i]))
			rcpt_set(r, state, code, st, text);
	}
}

/* The message was taken. A server with DSN tells the senders what they asked
 * for; where there is none that is left to us (RFC 3461 5.2). */
static void
batch_taken(struct outbound *s)
{
	bool dsn = (smtp_client_ext(s->client) & CLIENT_EXT_DSN) != 0;
	unsigned i;

	for (i = 0; i < s->nrcpts; i++)
		if (s->taken[i])
			s->cur->env->rcpts[s->map[i]].reported = dsn;
}

static int64_t
reply_ns(const struct outbound *s)
{
	return smtp_client_phase_ns(s->client, SMTP_PHASE_MAIL) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_RCPT) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_EOD);
}

/* The connection went down under a job. After the final dot the server may
 * have taken the message: sending it again is the lesser evil (RFC 1047). */
void
transfer_lost(struct outbound *s, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	static const struct smtp_status lost = { 4, 4, 2 };
	struct work *w = s->cur;
	const struct smtp_status *st = reply != NULL ? &reply->status : &lost;

	/* A kept connection may have died before we spoke: no attempt. */
	if (s->state != SESSION_SEND ||
	    (s->messages > 1 && !s->answered && reply == NULL)) {
		transfer_return(s, &s->cur);
		return;
	}
	if (reply != NULL)
		note_reply(w, reply);
	else
		strlcpy(w->reply, text, sizeof(w->reply));
	batch_set(s, RCPT_PENDING, reply != NULL ? reply->code : 0,
	    st->cls == 4 ? st : &lost, w->reply, false);
	work_report(s->target, w, s, phase,
	    s->sent && reply == NULL ? "lost_after_dot" : "lost");
	work_end(s->target->deliver, &s->cur, JOB_LOST);
}

static bool
batch_left(const struct work *w)
{
	uint32_t i;

	for (i = w->next_rcpt; i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			return true;
	return false;
}

void
transfer_batch(struct outbound *s)
{
	struct work *w = s->cur;
	struct envelope *env = w->env;
	struct smtp_client_tx tx = { .sender = env->sender,
		.rcpts = s->rcpts,
		.size = env->body.len,
		.body =
		    (env->flags & ENV_8BIT) != 0 ? BODY_8BITMIME : BODY_7BIT,
		.smtputf8 = (env->flags & ENV_UTF8) != 0,
		.envid = env->envid,
		.ret = (enum smtp_ret)env->ret };
	unsigned most = smtp_client_limits(s->client).rcpts;
	struct rcpt *r;
	uint32_t i;

	if (most == 0 || most > DELIVER_RCPTS)
		most = DELIVER_RCPTS;
	s->nrcpts = 0;
	for (i = w->next_rcpt; i < env->nrcpts && s->nrcpts < most; i++) {
		r = &env->rcpts[i];
		if (r->state != RCPT_PENDING)
			continue;
		s->rcpts[s->nrcpts] =
		    (struct smtp_client_rcpt){ .mailbox = r->mailbox,
			    .orcpt = r->orcpt,
			    .notify = r->notify };
		s->taken[s->nrcpts] = false;
		s->map[s->nrcpts++] = i;
	}
	w->next_rcpt = i;
	tx.nrcpts = s->nrcpts;
	s->messages++;
	s->answered = false;
	s->sent = false;
	s->phase_ns = reply_ns(s);
	outbound_set(s, SESSION_SEND);
	smtp_client_mail(s->client, &tx, loop_now(s->target->deliver->loop));
}

/* What does not hold is kept and reported; what could not be read just now
 * (no descriptor left, a disk that errs) has its next time like any other. */
static enum job_outcome
unread_outcome(const struct work *w, int rc)
{
	if (rc != -MX_EIO)
		return JOB_DAMAGED;
	return w->env != NULL ? JOB_TRIED : JOB_LOST;
}

/* The job is loaded: begins its transaction, or ends it when there is none
 * to be had. True when it has begun. */
bool
transfer_begin(struct outbound *s)
{
	struct work *w = s->cur;
	struct target *d = s->target;
	struct result res;
	const char *unfit;
	char id[TEXT_ID_MAX];
	uint32_t i;

	if (w->rc != 0 || w->env == NULL) {
		log_error("deliver", "id=%s event=unreadable error=%s",
		    text_id(w->job->id, id), log_q(mx_strerror(w->rc)));
		work_end(d->deliver, &s->cur, unread_outcome(w, w->rc));
		return false;
	}
	w->start_ns = loop_now(d->deliver->loop);
	mem_free(&w->env->host);
	w->env->host = mem_strdup(outbound_host(s)->label);
	unfit = result_unfit(w->env->flags, w->env->body.len,
	    smtp_client_ext(s->client), smtp_client_size_limit(s->client),
	    &res);
	if (unfit != NULL) {
		for (i = 0; i < w->env->nrcpts; i++)
			if (w->env->rcpts[i].state == RCPT_PENDING)
				rcpt_set(&w->env->rcpts[i], res.state, res.code,
				    &res.status, unfit);
		w->status = res.status;
		strlcpy(w->reply, unfit, sizeof(w->reply));
		work_report(d, w, s, SMTP_PHASE_MAIL, "unfit");
	}
	if (!batch_left(w)) {
		work_end(d->deliver, &s->cur, JOB_TRIED);
		return false;
	}
	transfer_batch(s);
	return true;
}

void
transfer_loaded(void *arg, struct store_loaded *l)
{
	struct work *w = arg;
	struct outbound *s = w->session;

	w->load = 0;
	w->loaded = true;
	w->rc = l->rc;
	w->env = l->env;
	w->data = l->data;
	w->len = l->len;
	if (w->env != NULL) {
		w->pending = envelope_count(w->env, RCPT_PENDING);
		w->delivered = envelope_count(w->env, RCPT_DELIVERED);
		w->failed = envelope_count(w->env, RCPT_FAILED);
	}
	if (w != s->cur || s->state != SESSION_LOAD)
		return;
	if (!transfer_begin(s))
		outbound_next(s);
	outbound_pump(s);
}

/* ---- the body */

/* While the last reply is awaited the disk may work on the next message. */
static void
prefetch(struct outbound *s)
{
	struct target *d = s->target;

	if (s->next == NULL && !outbound_spent(s) && !batch_left(s->cur) &&
	    !target_yields(d) && !d->deliver->draining && d->nbusy <= d->wanted)
		s->next = work_take(d, s, DELIVER_PIECE, transfer_loaded);
}

/* What the disk gives does not hold, or does not come: the final dot is
 * never sent, so the server forgets what it has. */
static void
body_damaged(struct outbound *s, int rc)
{
	char id[TEXT_ID_MAX];

	log_error("deliver", "id=%s event=body_%s error=%s",
	    text_id(s->cur->job->id, id), rc == -MX_EIO ? "unread" : "damaged",
	    log_q(mx_strerror(rc)));
	work_report(s->target, s->cur, s, SMTP_PHASE_DATA, "damaged");
	work_end(s->target->deliver, &s->cur, unread_outcome(s->cur, rc));
	outbound_gone(s);
}

static void
body_read(void *arg, int rc, char *data, size_t len)
{
	struct outbound *s = arg;

	s->read = 0;
	if (rc == 0 && len == 0)
		rc = -MX_ECORRUPT;
	if (rc != 0) {
		free(data);
		body_damaged(s, rc);
		return;
	}
	s->piece = data;
	s->piece_len = len;
	transfer_body(s);
	outbound_pump(s);
}

static void
body_send(struct outbound *s, const char *data, size_t len)
{
	struct buf *out = smtp_client_out(s->client);
	size_t at, n;

	s->crc = store_crc(s->crc, data, len);
	s->body_at += len;
	/* In slices, so that the engine's buffer stays small. */
	for (at = 0; at < len; at += n) {
		n = len - at > 65536 ? 65536 : len - at;
		smtp_client_body(s->client, data + at, n);
		conn_write(s->conn, out->data, out->len);
		buf_clear(out);
	}
	conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}

/* Goes on with the body as far as the peer and the disk let it. */
void
transfer_body(struct outbound *s)
{
	struct deliver *dl = s->target->deliver;
	const struct envelope *env = s->cur->env;
	uint64_t left;

	if (!s->body || conn_backlog(s->conn) >= DELIVER_PIECE)
		return; /* CONN_DRAINED brings us back */
	if (s->body_at == 0 && s->cur->len > 0) {
		body_send(s, s->cur->data, s->cur->len);
	} else if (s->piece != NULL) {
		body_send(s, s->piece, s->piece_len);
		mem_free(&s->piece);
		s->piece_len = 0;
	}
	if (s->body_at > env->body.len) {
		body_damaged(s, -MX_ECORRUPT);
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
	if (s->crc != env->body.crc) {
		body_damaged(s, -MX_ECORRUPT);
		return;
	}
	s->body = false;
	s->sent = true;
	smtp_client_body_end(s->client, loop_now(dl->loop));
	prefetch(s);
}

/* ---- the replies */

void
transfer_rcpt(struct outbound *s, const struct smtp_client_info *info)
{
	struct target *d = s->target;
	const struct smtp_reply *reply = info->reply;
	struct rcpt *r;
	struct result res;
	bool suspect;

	s->answered = true;
	if (info->rcpt >= s->nrcpts || reply == NULL)
		return;
	r = &s->cur->env->rcpts[s->map[info->rcpt]];
	if (reply_ok(reply)) {
		s->taken[info->rcpt] = true;
		return;
	}
	suspect = reply_perm(reply) &&
	    queue_refusal_suspect(d->deliver->queue, d->domain, r->mailbox,
		&reply->status, reply->text);
	res = result_of(SMTP_PHASE_RCPT, reply, suspect);
	rcpt_set(r, res.state, res.code, &res.status, reply->text);
	note_reply(s->cur, reply);
}

/* The last reply of a transaction. */
void
transfer_sent(struct outbound *s, const struct smtp_client_info *info)
{
	struct target *d = s->target;
	const struct smtp_reply *reply = info->reply;
	struct work *w = s->cur;
	enum result_scope scope = RESULT_RCPT;
	struct result res;

	s->answered = true;
	transfer_drop_body(s);
	w->latency_ns += reply_ns(s) - s->phase_ns;
	if (reply != NULL && info->phase != SMTP_PHASE_RCPT) {
		res = result_of(info->phase, reply, false);
		batch_set(s, res.state, res.code, &res.status, reply->text,
		    info->phase != SMTP_PHASE_MAIL);
		note_reply(w, reply);
		if (!reply_ok(reply))
			scope = result_scope(info->phase, reply);
	}
	if (reply != NULL && reply_ok(reply) && info->phase == SMTP_PHASE_EOD) {
		s->accepted++;
		batch_taken(s);
		target_outcome(d,
		    &(struct deliver_outcome){ .ok = true,
			.host = outbound_host(s)->label,
			.text = "" });
	}
	if (scope != RESULT_SERVER && batch_left(w) && !outbound_full(s))
		return; /* READY follows: the next hundred */
	work_report(d, w, s, info->phase, "");
	if (scope != RESULT_SERVER) {
		work_end(d->deliver, &s->cur, JOB_TRIED);
		return;
	}
	/* It will not have anything from us now: the message waits, and so
	 * should the others, unless it took some just before. */
	if (s->accepted == 0)
		target_outcome(d,
		    &(struct deliver_outcome){ .phase = info->phase,
			.code = reply->code,
			.host = outbound_host(s)->label,
			.text = reply->text });
	work_end(d->deliver, &s->cur,
	    reply->code == 421 ? JOB_LOST : JOB_TRIED);
	outbound_quit(s);
}
