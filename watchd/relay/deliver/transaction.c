/* SPDX-License-Identifier: ISC
 * transaction: a message on a session: offered in transactions of at most a
 * hundred recipients, or as many as the server takes, its body streamed as fast
 * as peer and disk allow, each reply turned into the recipients' results and
 * into what is learned of the host. While the reply to the final dot is
 * awaited the next message of the lane is loaded. Called by session.c with
 * what the SMTP engine says. Each delivery taken ends once, here or in
 * deliver_tx_return(), whatever happens.
 *
 * 8-bit content goes to a server without 8BITMIME as it is: rewriting a body
 * that is not ours would break signatures, and bouncing it helps nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define TAKEN_LATELY (10 * 60 * CLOCK_SEC)

static struct deliver *
deliver_of(const struct deliver_session *s)
{
	return s->lane->site->deliver;
}

static struct host *
host_of(const struct deliver_session *s)
{
	return &s->lane->site->host;
}

static int64_t
now_of(const struct deliver_session *s)
{
	return loop_now(deliver_of(s)->loop);
}

/* A delivery of which the server has heard nothing is as good as never taken.
 * What became of the recipients of an earlier transaction stands. */
void
deliver_tx_return(struct deliver_session *s, struct delivery **w)
{
	if (*w == NULL)
		return;
	if ((*w)->decided == 0) {
		delivery_finish(deliver_of(s), w, JOB_RETURNED);
		return;
	}
	delivery_report(*w, SMTP_PHASE_EOD, "");
	delivery_finish(deliver_of(s), w, JOB_LOST);
}

void
deliver_tx_drop_body(struct deliver_session *s)
{
	if (s->read != 0)
		store_cancel(deliver_of(s)->store, s->read);
	s->read = 0;
	mem_free(&s->piece);
	s->piece_len = 0;
	s->body = false;
}

static void
note_reply(struct delivery *w, const struct smtp_reply *r)
{
	w->code = r->code;
	w->status = r->status;
	strlcpy(w->reply, r->text != NULL ? r->text : "", sizeof(w->reply));
}

/* The connection went down under them: a reason for those of the batch that are
 * still pending. */
static void
batch_lost(struct deliver_session *s, uint16_t code,
    const struct smtp_status *st, const char *text)
{
	struct rcpt *r;

	for (unsigned i = 0; i < s->nrcpts; i++) {
		r = &s->cur->env->rcpts[s->map[i]];
		if (r->state == RCPT_PENDING)
			rcpt_set(r, RCPT_PENDING, code, st, text);
	}
}

/* ---- verdicts */

/* The judge's, on a recipient or (NULL) on the message. */
static struct judge_verdict
judged(struct deliver_session *s, struct judge_case *c, const char *mailbox)
{
	struct delivery *w = s->cur;
	struct judge_verdict v;
	int64_t again_ms;

	for (uint32_t i = 0; mailbox == NULL && i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			mailbox = w->env->rcpts[i].mailbox;
	v = queue_judge(deliver_of(s)->queue, w->dest->domain, c, w->env,
	    mailbox != NULL ? mailbox : "", &again_ms);
	if (again_ms > w->job->wait_ms)
		w->job->wait_ms = again_ms;
	return v;
}

static enum rcpt_state
state_of(const struct judge_verdict *v)
{
	static const enum rcpt_state states[] = {
		[JUDGE_GO_ON] = RCPT_PENDING,
		[JUDGE_TAKEN] = RCPT_DELIVERED,
		[JUDGE_LATER] = RCPT_PENDING,
		[JUDGE_PUT_OFF] = RCPT_PENDING,
		[JUDGE_FAILED] = RCPT_FAILED,
	};

	return states[v->outcome];
}

/* Of what is in a message nobody is told whose address may be another's: the
 * primary knows why, and the message is kept (vault). */
static bool
is_not_reported(const struct deliver_session *s, const struct judge_verdict *v)
{
	if (!v->content || s->conf->dsn.content)
		return false;
	deliver_of(s)->stats->g.dsn_suppressed[DSN_SUPPRESS_POLICY]++;
	return true;
}

/* The verdict on the message: of its recipients in this transaction, behind MAIL
 * of those whose RCPT was taken. */
static void
batch_set(struct deliver_session *s, enum smtp_phase phase,
    const struct judge_verdict *v, const struct smtp_reply *reply)
{
	bool silent = is_not_reported(s, v);
	bool all = phase == SMTP_PHASE_MAIL;
	struct rcpt *r;

	for (unsigned i = 0; i < s->nrcpts; i++) {
		r = &s->cur->env->rcpts[s->map[i]];
		if (r->state != RCPT_PENDING || (!all && !s->taken[i]))
			continue;
		rcpt_set(r, state_of(v), reply->code, &reply->status,
		    reply->text);
		r->reported |= silent;
	}
}

/* The message was taken. A server with DSN tells the senders what they asked
 * for; where there is none that is left to us (RFC 3461 5.2). */
static void
batch_taken(struct deliver_session *s)
{
	bool dsn = (smtp_client_ext(s->client) & CLIENT_EXT_DSN) != 0;
	unsigned i;

	for (i = 0; i < s->nrcpts; i++)
		if (s->taken[i])
			s->cur->env->rcpts[s->map[i]].reported = dsn;
}

static int64_t
reply_ns(const struct deliver_session *s)
{
	return smtp_client_phase_ns(s->client, SMTP_PHASE_MAIL) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_RCPT) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_EOD);
}

/* A kept connection died before we spoke, or the server says 421 to the first
 * word of a transaction behind others: that one was not begun. */
static bool
lost_between(const struct deliver_session *s, const struct smtp_reply *reply)
{
	return s->state != SESSION_SEND || s->decided ||
	    (s->messages > 1 && !s->answered &&
		(reply == NULL || reply->code == 421));
}

/* It took all that were offered before the one at hand. */
static bool
has_taken_all(const struct deliver_session *s)
{
	return s->state == SESSION_SEND && s->accepted > 0 &&
	    s->accepted + !s->decided == s->messages;
}

/* A server ends a session behind so many refused recipients (Postfix behind the
 * twentieth): it defends itself, and says nothing of those that it was not asked
 * for. */
static bool
is_defence(const struct deliver_session *s, const struct smtp_reply *reply)
{
	return s->refused > 0 && !s->sent && s->cur->env != NULL &&
	    (reply == NULL || reply->code == 421);
}

/* The connection went down under a delivery. After the final dot the server
 * may have taken the message: sending it again is the lesser evil (RFC
 * 1047). */
void
deliver_tx_lost(struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	static const struct smtp_status lost = { 4, 4, 2 };
	struct delivery *w = s->cur;
	const struct smtp_status *st = reply != NULL ? &reply->status : &lost;

	if (is_defence(s, reply)) {
		host_closed_behind(host_of(s), s->refused, now_of(s));
		delivery_report(w, phase, "refusals_limited");
		delivery_finish(deliver_of(s), &s->cur, JOB_LOST);
		return;
	}
	if (lost_between(s, reply)) {
		if (has_taken_all(s))
			host_closed_after(host_of(s), s->accepted, now_of(s));
		deliver_tx_return(s, &s->cur);
		return;
	}
	if (deliver_session_is_of_today(s) &&
	    (reply == NULL || !host_rate_reply(host_of(s), reply, now_of(s))))
		host_trouble(host_of(s));
	if (reply != NULL)
		note_reply(w, reply);
	else
		strlcpy(w->reply, text, sizeof(w->reply));
	batch_lost(s, reply != NULL ? reply->code : 0,
	    st->cls == 4 ? st : &lost, w->reply);
	delivery_report(w, phase,
	    s->sent && reply == NULL ? "lost_after_dot" : "lost");
	delivery_finish(deliver_of(s), &s->cur, JOB_LOST);
}

static bool
batch_left(const struct delivery *w)
{
	uint32_t i;

	for (i = w->next_rcpt; i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			return true;
	return false;
}

void
deliver_tx_batch(struct deliver_session *s)
{
	struct delivery *w = s->cur;
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
	unsigned learned = host_limit_value(&host_of(s)->rcpts, now_of(s));
	struct rcpt *r;
	uint32_t i;

	if (most == 0 || most > DELIVER_RCPTS)
		most = DELIVER_RCPTS;
	if (learned != 0 && learned < most)
		most = learned;
	learned = host_limit_value(&host_of(s)->refusals, now_of(s));
	if (learned != 0 && learned < most + s->refused + 1)
		most = learned > s->refused + 2 ? learned - s->refused - 1 : 1;
	s->nrcpts = 0;
	s->ntaken = 0;
	s->too_many = false;
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
	s->answered = s->decided = false;
	s->sent = false;
	s->phase_ns = reply_ns(s);
	if (host_of(s)->gap_ns != 0)
		host_of(s)->next_ns = now_of(s) + host_of(s)->gap_ns;
	s->heard_ns = now_of(s);
	deliver_session_set(s, SESSION_SEND);
	smtp_client_mail(s->client, &tx, now_of(s));
}

/* A record that does not hold is kept and reported; one that could not be read
 * just now (no descriptor left, a disk that errs) has its next time like any
 * other. */
static enum job_outcome
unread_outcome(const struct delivery *w, int rc)
{
	if (rc != -MX_EIO)
		return JOB_DAMAGED;
	return w->env != NULL ? JOB_TRIED : JOB_LOST;
}

/* What the host offered before, be it by a probe: it lacks it now. */
static bool
offered_before(const struct deliver_session *s, const struct delivery *w,
    enum judge_unfit unfit)
{
	const struct deliver_ops *ops = &deliver_of(s)->ops;
	uint64_t size = 0;
	unsigned ext = 0;

	if (ops->offered == NULL ||
	    !ops->offered(ops->arg, w->label, &ext, &size))
		return false;
	if (unfit == JUDGE_UNFIT_SMTPUTF8)
		return (ext & CLIENT_EXT_SMTPUTF8) != 0;
	return size == 0 || size >= w->env->body.len;
}

static enum judge_unfit
unfit_of(const struct deliver_session *s, const struct envelope *env)
{
	unsigned ext = smtp_client_ext(s->client);
	uint64_t limit = smtp_client_size_limit(s->client);

	if ((env->flags & ENV_UTF8) != 0 && (ext & CLIENT_EXT_SMTPUTF8) == 0)
		return JUDGE_UNFIT_SMTPUTF8;
	return (ext & CLIENT_EXT_SIZE) != 0 && limit != 0 &&
		env->body.len > limit ?
	    JUDGE_UNFIT_SIZE :
	    JUDGE_FITS;
}

/* A message that the host cannot take: nothing is sent. */
static bool
is_unfit(struct deliver_session *s, struct delivery *w)
{
	static const struct smtp_status status[] = {
		[JUDGE_UNFIT_SMTPUTF8] = { 5, 6, 7 },
		[JUDGE_UNFIT_SIZE] = { 5, 3, 4 },
	};
	static const char *const text[] = {
		[JUDGE_UNFIT_SMTPUTF8] = "the message needs SMTPUTF8, which "
					 "the server does not offer",
		[JUDGE_UNFIT_SIZE] = "the message is larger than the server "
				     "takes",
	};
	struct judge_case c = { .phase = SMTP_PHASE_MAIL,
		.unfit = unfit_of(s, w->env) };
	struct judge_verdict v;

	if (c.unfit == JUDGE_FITS)
		return false;
	c.known.fitted = offered_before(s, w, c.unfit);
	v = judged(s, &c, NULL);
	s->offers_less |= c.known.fitted;
	w->status = status[c.unfit];
	snprintf(w->reply, sizeof(w->reply), "%s%s", text[c.unfit],
	    v.outcome == JUDGE_PUT_OFF ? "; it did before" : "");
	for (uint32_t i = 0; i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			rcpt_set(&w->env->rcpts[i], state_of(&v), 0, &w->status,
			    w->reply);
	delivery_report(w, SMTP_PHASE_MAIL, "unfit");
	return true;
}

/* The job is loaded: begins its transaction, or ends it when there is none
 * to be had, or the gate was closed meanwhile. True when it has begun. */
bool
deliver_tx_begin(struct deliver_session *s)
{
	struct delivery *w = s->cur;
	struct deliver *dl = deliver_of(s);
	char id[TEXT_ID_MAX];

	if (!queue_job_stands(w->job)) {
		deliver_tx_return(s, &s->cur);
		return false;
	}
	if (w->rc != 0 || w->env == NULL) {
		log_error("deliver", "id=%s event=unreadable error=%s",
		    text_id(w->job->id, id), log_q(mx_strerror(w->rc)));
		delivery_finish(dl, &s->cur, unread_outcome(w, w->rc));
		return false;
	}
	w->start_ns = loop_now(dl->loop);
	mem_free(&w->env->host);
	w->env->host = mem_strdup(w->label);
	if (is_unfit(s, w) || !batch_left(w)) {
		delivery_finish(dl, &s->cur, JOB_TRIED);
		return false;
	}
	deliver_tx_batch(s);
	return true;
}

void
deliver_tx_loaded(void *arg, struct store_loaded *l)
{
	struct delivery *w = arg;
	struct deliver_session *s = w->session;

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
	if (!deliver_tx_begin(s))
		deliver_session_next(s);
	deliver_session_pump(s);
}

/* ---- the body */

/* While the last reply is awaited the disk may work on the next message: of
 * who is next in the line, or of the same domain. */
static void
prefetch(struct deliver_session *s)
{
	struct deliver_dest *d = s->dest;

	if (s->next != NULL || deliver_session_spent(s) || batch_left(s->cur) ||
	    lane_yields(s) || deliver_of(s)->draining ||
	    host_of(s)->gap_ns != 0)
		return;
	s->next = lane_next(s->lane, s);
	if (s->next == NULL && d->busy <= d->wanted && d->lane == s->lane)
		s->next = delivery_take(d, s, DELIVER_PIECE, deliver_tx_loaded);
}

/* A body that does not hold, or does not come: the final dot is never sent, so
 * the server forgets what it has. */
static void
body_damaged(struct deliver_session *s, int rc)
{
	char id[TEXT_ID_MAX];

	log_error("deliver", "id=%s event=body_%s error=%s",
	    text_id(s->cur->job->id, id), rc == -MX_EIO ? "unread" : "damaged",
	    log_q(mx_strerror(rc)));
	delivery_report(s->cur, SMTP_PHASE_DATA, "damaged");
	delivery_finish(deliver_of(s), &s->cur, unread_outcome(s->cur, rc));
	deliver_session_gone(s);
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
		body_damaged(s, rc);
		return;
	}
	s->piece = data;
	s->piece_len = len;
	deliver_tx_body(s);
	deliver_session_pump(s);
}

static void
body_send(struct deliver_session *s, const char *data, size_t len)
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
deliver_tx_body(struct deliver_session *s)
{
	struct deliver *dl = deliver_of(s);
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

/* Too many recipients of one transaction (RFC 5321 4.5.3.1.10): nothing is
 * said of this one, which is offered again at once with those behind it. */
static bool
rcpt_too_many(struct deliver_session *s, size_t i, const struct smtp_reply *r)
{
	struct delivery *w = s->cur;

	if ((r->code != 452 && r->code != 552) || s->ntaken == 0 ||
	    (r->has_status &&
		(r->status.subject != 5 || r->status.detail != 3)))
		return false;
	if (!r->has_status && r->code == 452)
		return false; /* it may be short of room */
	if (!s->too_many) {
		host_rcpts_after(host_of(s), s->ntaken, now_of(s));
		w->next_rcpt = s->map[i];
	}
	s->too_many = true;
	return true;
}

void
deliver_tx_rcpt(struct deliver_session *s, const struct smtp_client_info *info)
{
	const struct smtp_reply *reply = info->reply;
	struct rcpt *r;
	struct judge_case c = { .phase = SMTP_PHASE_RCPT,
		.reply = info->reply };
	struct judge_verdict v;

	s->answered = true;
	if (info->rcpt >= s->nrcpts || reply == NULL)
		return;
	r = &s->cur->env->rcpts[s->map[info->rcpt]];
	if (reply_ok(reply)) {
		s->taken[info->rcpt] = true;
		s->ntaken++;
		return;
	}
	if (rcpt_too_many(s, info->rcpt, reply))
		return;
	s->refused += reply_perm(reply);
	v = judged(s, &c, r->mailbox);
	rcpt_set(r, state_of(&v), reply->code, &reply->status, reply->text);
	note_reply(s->cur, reply);
}

/* Lessons of the transaction about the host, whoever the message is for. */
static void
host_learns(struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply)
{
	struct host *h = host_of(s);
	const struct envelope *env = s->cur->env;
	unsigned i;

	if (reply != NULL && reply_ok(reply) && phase == SMTP_PHASE_EOD) {
		host_taken(h, reply_ns(s) - s->phase_ns, now_of(s));
	} else {
		if (reply != NULL && host_rate_reply(h, reply, now_of(s)))
			return;
		host_answered(h);
	}
	/* 452: the server is short of room (but 4.2.2 is one mailbox). */
	for (i = 0; i < s->nrcpts && !s->too_many; i++) {
		const struct rcpt *r = &env->rcpts[s->map[i]];

		if (r->state == RCPT_PENDING && r->code == 452 &&
		    r->status.subject != 2) {
			host_trouble(h);
			return;
		}
	}
}

/* It took a message just now, on this connection or another. */
static bool
is_working(const struct deliver_session *s)
{
	const struct host *h = host_of(s);

	return s->accepted > 0 ||
	    (h->taken_ns != 0 && now_of(s) - h->taken_ns < TAKEN_LATELY);
}

/* 530 in clear (RFC 3207 4): the fault of TLS that failed, not of the message.
 * That address is not talked to in clear any more. */
static void
tls_is_wanted(struct deliver_session *s, const struct smtp_reply *r)
{
	if (r->code == 530 && !smtp_client_tls(s->client))
		address_tls_only(
		    address_book_get(deliver_of(s)->reach->book, &s->addr),
		    now_of(s));
}

/* A host that takes no message now, whoever it is for (452 to each MAIL), is the
 * last choice for a while where there is another. */
static bool
is_passed_over(const struct deliver_session *s, enum smtp_phase phase,
    const struct smtp_reply *reply, bool ends)
{
	return s->accepted == 0 && reply != NULL && reply->code / 100 == 4 &&
	    (phase == SMTP_PHASE_MAIL || ends);
}

/* It wants nothing from us now, or is out of order: so the session ends. What it
 * says of one recipient it does not say of all. */
static bool
ends_session(enum smtp_phase phase, const struct smtp_reply *reply,
    const struct judge_verdict *v)
{
	return phase != SMTP_PHASE_RCPT &&
	    (v->scope == JUDGE_PRIMARY ||
		(v->scope == JUDGE_US && reply_perm(reply)));
}

/* The last reply of a transaction. */
void
deliver_tx_sent(struct deliver_session *s, const struct smtp_client_info *info)
{
	struct deliver *dl = deliver_of(s);
	struct deliver_dest *d = s->dest;
	const struct smtp_reply *reply = info->reply;
	struct delivery *w = s->cur;
	struct judge_case c = { .phase = info->phase, .reply = info->reply };
	struct judge_verdict v = { .scope = JUDGE_NOBODY };
	bool ends = false;

	s->answered = s->decided = true;
	w->decided++;
	deliver_tx_drop_body(s);
	/* With no recipient left what it says to DATA is about nothing. */
	if (reply != NULL && info->phase != SMTP_PHASE_RCPT &&
	    (info->phase != SMTP_PHASE_DATA || s->ntaken > 0)) {
		v = judged(s, &c, NULL);
		batch_set(s, info->phase, &v, reply);
		note_reply(w, reply);
		ends = ends_session(info->phase, reply, &v);
	}
	if (deliver_session_is_of_today(s))
		host_learns(s, info->phase, reply);
	if (reply != NULL && reply_ok(reply) && info->phase == SMTP_PHASE_EOD) {
		s->accepted++;
		batch_taken(s);
		deliver_dest_outcome(d,
		    &(struct deliver_outcome){ .ok = true,
			.host = w->label,
			.text = "" });
	}
	if (!ends && batch_left(w)) {
		if (deliver_session_full(s)) /* the others over another one */
			deliver_tx_return(s, &s->cur);
		return; /* READY follows: the next hundred */
	}
	if (is_passed_over(s, info->phase, reply, ends)) {
		lane_failed(s->lane, info->phase, 0);
		if (info->phase == SMTP_PHASE_MAIL && w->decided == 1 &&
		    deliver_dest_has_other(d)) {
			delivery_report(w, info->phase, "next_host");
			delivery_finish(dl, &s->cur, JOB_RETURNED);
			return;
		}
	}
	delivery_report(w, info->phase, "");
	if (!ends) {
		delivery_finish(dl, &s->cur, JOB_TRIED);
		return;
	}
	tls_is_wanted(s, reply);
	/* It will not have anything from us now: the message waits, and so
	 * should the others, unless it takes theirs. That it refuses us alone is
	 * for the breaker. */
	if (v.scope == JUDGE_PRIMARY && !is_working(s))
		deliver_dest_outcome(d,
		    &(struct deliver_outcome){ .phase = info->phase,
			.code = reply->code,
			.host = w->label,
			.text = reply->text });
	delivery_finish(dl, &s->cur, reply->code == 421 ? JOB_LOST : JOB_TRIED);
	deliver_session_quit(s, false);
}
