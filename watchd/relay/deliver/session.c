/* SPDX-License-Identifier: ISC
 * session: one outbound connection: a conn below, the SMTP engine beside it,
 * jobs from the queue. It walks the candidates until one is ready, then hands
 * over message after message: while the reply to the final dot is awaited the
 * next one is loaded, so that a kept connection waits for the network only.
 * Whatever happens, each job taken is ended once (work_end): JOB_RETURNED
 * when nothing was said of it, JOB_LOST when the transaction had begun.
 *
 * 8-bit content goes to a server without 8BITMIME as it is: rewriting a body
 * that is not ours would break signatures, and bouncing it helps nobody.
 * Loop thread; no call from outside re-enters a session. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"
#include "relay/deliver/result.h"

#define SESSION_INPUT	(16 * 1024)
#define SESSION_QUIT_MS 5000 /* politeness has its limits */

static void session_connect(struct session *);
static void session_next(struct session *);
static void session_pump(struct session *);
static void session_loaded(void *arg, struct store_loaded *);

static const char *const state_names[] = { "connect", "hello", "idle", "load",
	"send", "quit", "gone" };

static bool
is_busy(enum session_state st)
{
	return st == SESSION_CONNECT || st == SESSION_HELLO ||
	    st == SESSION_LOAD || st == SESSION_SEND;
}

static void
session_set(struct session *s, enum session_state to)
{
	struct dest *d = s->dest;
	struct deliver *dl = d->deliver;

	MX_ASSERT(s->state != SESSION_GONE);
	log_trace("deliver", "domain=%s state=%s->%s", d->domain,
	    state_names[s->state], state_names[to]);
	if (s->state == SESSION_IDLE)
		TAILQ_REMOVE(&dl->idle, s, list);
	if (is_busy(s->state))
		d->nbusy--;
	s->state = to;
	if (is_busy(to))
		d->nbusy++;
	if (to == SESSION_IDLE)
		TAILQ_INSERT_TAIL(&dl->idle, s, list);
	dest_touch(d);
}

static const struct candidate *
host_of(const struct session *s)
{
	return &s->cand[s->at];
}

/* A job of which the server has heard nothing is as good as never taken. */
static void
return_work(struct session *s, struct work **w)
{
	if (*w != NULL)
		work_end(s->dest->deliver, w, JOB_RETURNED);
}

static void
drop_connection(struct session *s)
{
	conn_destroy(&s->conn);
	smtp_client_destroy(&s->client);
	s->handshake = false;
}

static void
drop_body(struct session *s)
{
	if (s->read != 0)
		store_cancel(s->dest->deliver->store, s->read);
	s->read = 0;
	mem_free(&s->piece);
	s->piece_len = 0;
	s->body = false;
}

/* The end of a session; its memory stays until the task has freed it. */
static void
session_gone(struct session *s)
{
	struct dest *d = s->dest;

	MX_ASSERT(s->cur == NULL);
	return_work(s, &s->next);
	drop_body(s);
	drop_connection(s);
	session_set(s, SESSION_GONE);
	TAILQ_REMOVE(&d->sessions, s, link);
	d->nsessions--;
	d->deliver->nsessions--;
	TAILQ_INSERT_TAIL(&d->deliver->gone, s, list);
}

void
session_free(struct session *s)
{
	config_unref(&s->conf);
	free(s->cand);
	free(s);
}

/* ---- the end of an attempt */

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
batch_set(struct session *s, enum rcpt_state state, uint16_t code,
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

static int64_t
reply_ns(const struct session *s)
{
	return smtp_client_phase_ns(s->client, SMTP_PHASE_MAIL) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_RCPT) +
	    smtp_client_phase_ns(s->client, SMTP_PHASE_EOD);
}

/* The connection went down under a job. After the final dot the server may
 * have taken the message: sending it again is the lesser evil (RFC 1047). */
static void
lose_work(struct session *s, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	static const struct smtp_status lost = { 4, 4, 2 };
	struct work *w = s->cur;
	const struct smtp_status *st = reply != NULL ? &reply->status : &lost;

	/* A kept connection may have died before we spoke: no attempt. */
	if (s->state != SESSION_SEND ||
	    (s->messages > 1 && !s->answered && reply == NULL)) {
		return_work(s, &s->cur);
		return;
	}
	if (reply != NULL)
		note_reply(w, reply);
	else
		strlcpy(w->reply, text, sizeof(w->reply));
	batch_set(s, RCPT_PENDING, reply != NULL ? reply->code : 0,
	    st->cls == 4 ? st : &lost, w->reply, false);
	work_report(s->dest, w, s, phase,
	    s->sent && reply == NULL ? "lost_after_dot" : "lost");
	work_end(s->dest->deliver, &s->cur, JOB_LOST);
}

/* ---- the way to a ready connection */

static void
candidate_failed(struct session *s, enum smtp_phase phase, uint16_t code,
    const char *text)
{
	struct dest *d = s->dest;
	const struct candidate *c = host_of(s);
	char addr[ADDR_TEXT_MAX], why[256];
	struct host_note *note;

	/* `text` may live in what is dropped now. */
	strlcpy(why, text != NULL ? text : "", sizeof(why));
	drop_connection(s);
	log_info("deliver",
	    "domain=%s host=%s addr=%s event=connect_failed phase=%s code=%u "
	    "reply=%s",
	    d->domain, log_q(c->label), addr_text_port(&c->addr, addr),
	    smtp_phase_name(phase), (unsigned)code, log_q(why));
	if (s->at + 1 >= s->ncand ||
	    strcmp(s->cand[s->at + 1].label, c->label) != 0) {
		note = dest_note(d, c->label);
		note->down_until_ns =
		    loop_now(d->deliver->loop) + DELIVER_PENALTY_MS * CLOCK_MS;
	}
	if (s->at + 1 < s->ncand && !d->deliver->draining) {
		s->at++;
		session_set(s, SESSION_CONNECT);
		session_connect(s);
		return;
	}
	dest_failed(d, c->label, phase, code, why);
	session_gone(s);
}

/* TLS did not come about though it was offered. */
static void
tls_failed(struct session *s, const char *text)
{
	struct host_note *note;

	if (s->set->tls != CONF_TLS_MAY) {
		candidate_failed(s, SMTP_PHASE_STARTTLS, 0, text);
		return;
	}
	log_notice("deliver", "domain=%s host=%s event=tls_failed error=%s",
	    s->dest->domain, log_q(host_of(s)->label), log_q(text));
	note = dest_note(s->dest, host_of(s)->label);
	note->clear_until_ns =
	    loop_now(s->dest->deliver->loop) + DELIVER_PENALTY_MS * CLOCK_MS;
	drop_connection(s);
	session_set(s, SESSION_CONNECT);
	session_connect(s);
}

static bool
is_literal(const struct candidate *c)
{
	struct net_addr a;

	return addr_parse(&a, c->name, 25, ':') == 0;
}

/* `require` means encrypted and verified for the name of the host; a primary
 * that is given by address has no name to verify. `dane` is never less. */
static void
start_tls(struct session *s)
{
	struct deliver *dl = s->dest->deliver;
	const struct candidate *c = host_of(s);
	bool literal = is_literal(c);
	bool strict = s->set->tls != CONF_TLS_MAY && !literal;
	struct tls_ctx *ctx = strict ? dl->tls_strict : dl->tls;

	s->handshake = true;
	if (ctx == NULL ||
	    conn_tls_start(s->conn, ctx, literal ? NULL : c->name) != 0)
		tls_failed(s, "TLS could not be started");
}

static void
start_dialogue(struct session *s)
{
	struct smtp_client_conf conf = { .helo = s->conf->hostname };

	conf.tls = s->set->tls == CONF_TLS_NONE || s->clear ? CLIENT_TLS_NONE :
	    s->set->tls == CONF_TLS_MAY			    ? CLIENT_TLS_MAY :
							      CLIENT_TLS_REQUIRE;
	s->client = smtp_client_create(&conf, loop_now(s->dest->deliver->loop));
	session_set(s, SESSION_HELLO);
	conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}

/* ---- a transaction */

static void
batch_begin(struct session *s)
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
	struct rcpt *r;
	uint32_t i;

	s->nrcpts = 0;
	for (i = w->next_rcpt; i < env->nrcpts && s->nrcpts < DELIVER_RCPTS;
	     i++) {
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
	session_set(s, SESSION_SEND);
	smtp_client_mail(s->client, &tx, loop_now(s->dest->deliver->loop));
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

/* The job is loaded: begins its transaction, or ends it when there is none
 * to be had. True when it has begun. */
static bool
work_begin(struct session *s)
{
	struct work *w = s->cur;
	struct dest *d = s->dest;
	struct result res;
	const char *unfit;
	char id[TEXT_ID_MAX];
	uint32_t i;

	if (w->rc != 0 || w->env == NULL) {
		log_error("deliver", "id=%s event=unreadable error=%s",
		    text_id(w->job->id, id), log_q(mx_strerror(w->rc)));
		work_end(d->deliver, &s->cur, JOB_DAMAGED);
		return false;
	}
	w->start_ns = loop_now(d->deliver->loop);
	mem_free(&w->env->host);
	w->env->host = mem_strdup(host_of(s)->label);
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
	batch_begin(s);
	return true;
}

static void
session_loaded(void *arg, struct store_loaded *l)
{
	struct work *w = arg;
	struct session *s = w->session;

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
	if (!work_begin(s))
		session_next(s);
	session_pump(s);
}

static bool
spent(const struct session *s)
{
	int64_t age = loop_now(s->dest->deliver->loop) - s->since_ns;

	return s->messages >= s->set->max_messages ||
	    age >= s->set->max_age_ms * CLOCK_MS;
}

void
session_quit(struct session *s)
{
	if (s->state == SESSION_GONE || s->state == SESSION_QUIT)
		return;
	return_work(s, &s->cur);
	return_work(s, &s->next);
	if (s->state == SESSION_CONNECT || s->state == SESSION_HELLO) {
		session_gone(s);
		return;
	}
	session_set(s, SESSION_QUIT);
	smtp_client_quit(s->client, loop_now(s->dest->deliver->loop));
	session_pump(s);
}

/* The server awaits a transaction. */
static void
session_next(struct session *s)
{
	struct dest *d = s->dest;

	for (;;) {
		if (s->cur != NULL && s->cur->loaded) {
			/* One that was loaded ahead, or more recipients. */
			if (s->cur->start_ns != 0) {
				batch_begin(s);
				return;
			}
			if (work_begin(s))
				return;
		}
		if (spent(s) || dest_yields(d) || d->deliver->draining) {
			session_quit(s);
			return;
		}
		/* Not busy while it is decided whether it shall be. */
		if (s->state != SESSION_IDLE)
			session_set(s, SESSION_IDLE);
		conn_timeout(s->conn,
		    s->set->idle_ms > 0 ? s->set->idle_ms : 1);
		if (!dest_goes_on(d)) {
			return_work(s, &s->next);
			return;
		}
		s->cur = s->next != NULL ?
		    s->next :
		    work_take(d, s, DELIVER_PIECE, session_loaded);
		s->next = NULL;
		if (s->cur == NULL)
			return;
		session_set(s, SESSION_LOAD);
		conn_timeout(s->conn, 0);
		if (!s->cur->loaded)
			return;
	}
}

void
session_kick(struct session *s)
{
	if (s->state != SESSION_IDLE)
		return;
	session_next(s);
	session_pump(s);
}

/* While the last reply is awaited the disk may work on the next message. */
static void
prefetch(struct session *s)
{
	struct dest *d = s->dest;

	if (s->next == NULL && !spent(s) && !batch_left(s->cur) &&
	    !dest_yields(d) && !d->deliver->draining && d->nbusy <= d->wanted)
		s->next = work_take(d, s, DELIVER_PIECE, session_loaded);
}

/* ---- the body */

/* What the disk gives does not hold, or does not come: the final dot is
 * never sent, so the server forgets what it has. */
static void
body_damaged(struct session *s, int rc)
{
	char id[TEXT_ID_MAX];

	log_error("deliver", "id=%s event=body_damaged error=%s",
	    text_id(s->cur->job->id, id), log_q(mx_strerror(rc)));
	work_report(s->dest, s->cur, s, SMTP_PHASE_DATA, "damaged");
	work_end(s->dest->deliver, &s->cur, JOB_DAMAGED);
	session_gone(s);
}

static void body_step(struct session *);

static void
body_read(void *arg, int rc, char *data, size_t len)
{
	struct session *s = arg;

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
	body_step(s);
	session_pump(s);
}

static void
body_send(struct session *s, const char *data, size_t len)
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
static void
body_step(struct session *s)
{
	struct deliver *dl = s->dest->deliver;
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

/* ---- what the engine says */

static void
on_rcpt(struct session *s, const struct smtp_client_info *info)
{
	struct dest *d = s->dest;
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
static void
on_sent(struct session *s, const struct smtp_client_info *info)
{
	struct dest *d = s->dest;
	const struct smtp_reply *reply = info->reply;
	struct work *w = s->cur;
	enum result_scope scope = RESULT_RCPT;
	struct result res;

	s->answered = true;
	drop_body(s);
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
		dest_outcome(d,
		    &(struct deliver_outcome){ .ok = true,
			.host = host_of(s)->label,
			.text = "" });
	}
	if (scope != RESULT_SERVER && batch_left(w))
		return; /* READY follows: the next hundred */
	work_report(d, w, s, info->phase, "");
	if (scope != RESULT_SERVER) {
		work_end(d->deliver, &s->cur, JOB_TRIED);
		return;
	}
	/* It will not have anything from us now: the message waits, and so
	 * should the others, unless it took some just before. */
	if (s->accepted == 0)
		dest_outcome(d,
		    &(struct deliver_outcome){ .phase = info->phase,
			.code = reply->code,
			.host = host_of(s)->label,
			.text = reply->text });
	work_end(d->deliver, &s->cur,
	    reply->code == 421 ? JOB_LOST : JOB_TRIED);
	session_quit(s);
}

static void
on_ready(struct session *s)
{
	if (s->state == SESSION_HELLO) {
		s->since_ns = loop_now(s->dest->deliver->loop);
		dest_ready(s->dest, s);
	}
	if (s->state != SESSION_QUIT)
		session_next(s);
}

static void
on_failed(struct session *s, const struct smtp_client_info *info)
{
	const struct smtp_reply *r = info->reply;
	const char *text = info->text != NULL ? info->text : "";

	switch (s->state) {
	case SESSION_CONNECT:
	case SESSION_HELLO:
		candidate_failed(s, info->phase, r != NULL ? r->code : 0,
		    r != NULL ? r->text : text);
		return;
	case SESSION_LOAD:
	case SESSION_SEND:
		if (s->cur != NULL)
			lose_work(s, info->phase, r, text);
		break;
	default:
		break;
	}
	session_gone(s);
}

static void
on_event(struct session *s, enum smtp_client_event ev,
    const struct smtp_client_info *info)
{
	switch (ev) {
	case CLIENT_START_TLS:
		start_tls(s);
		break;
	case CLIENT_READY:
		on_ready(s);
		break;
	case CLIENT_RCPT:
		on_rcpt(s, info);
		break;
	case CLIENT_BODY:
		s->answered = true;
		s->body = true;
		s->body_at = 0;
		s->crc = 0;
		body_step(s);
		break;
	case CLIENT_SENT:
		on_sent(s, info);
		break;
	case CLIENT_CLOSED:
		session_gone(s);
		break;
	case CLIENT_FAILED:
		on_failed(s, info);
		break;
	case CLIENT_NONE:
		break;
	}
}

/* Acts on all that the engine has to say, sends what it wants sent, and arms
 * the timer when something new is awaited (not at every byte that drips). */
static void
session_pump(struct session *s)
{
	struct smtp_client_info info;
	enum smtp_client_event ev;
	struct buf *out;
	bool news = false;

	while (s->client != NULL) {
		ev = smtp_client_next(s->client,
		    loop_now(s->dest->deliver->loop), &info);
		if (ev == CLIENT_NONE)
			break;
		news = true;
		on_event(s, ev, &info);
	}
	if (s->client == NULL)
		return;
	out = smtp_client_out(s->client);
	if (out->len > 0) {
		conn_write(s->conn, out->data, out->len);
		buf_clear(out);
		news = true;
	}
	if (s->state == SESSION_QUIT)
		conn_timeout(s->conn, SESSION_QUIT_MS);
	else if (news && !s->body &&
	    (s->state == SESSION_HELLO || s->state == SESSION_SEND))
		conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}

/* ---- what the connection says */

static void
on_lost(struct session *s, const char *text)
{
	if (s->state == SESSION_CONNECT) {
		candidate_failed(s, SMTP_PHASE_CONNECT, 0, text);
	} else if (s->handshake) {
		tls_failed(s, text);
	} else if (s->state == SESSION_IDLE || s->state == SESSION_QUIT) {
		session_gone(s);
	} else {
		smtp_client_lost(s->client, text,
		    loop_now(s->dest->deliver->loop));
		session_pump(s);
	}
}

static void
session_event(struct conn *conn, enum conn_event ev, void *arg)
{
	struct session *s = arg;
	int64_t now = loop_now(s->dest->deliver->loop);
	const char *data;
	size_t n;

	switch (ev) {
	case CONN_CONNECTED:
		start_dialogue(s);
		break;
	case CONN_READ:
		if (s->client == NULL || (n = conn_input(conn, &data)) == 0)
			break;
		if (smtp_client_feed(s->client, data, n, now) != 0)
			log_trace("deliver", "domain=%s event=flood",
			    s->dest->domain);
		conn_consume(conn, n);
		session_pump(s);
		break;
	case CONN_DRAINED:
		if (!s->body)
			break;
		conn_timeout(conn, smtp_client_timeout_ms(s->client));
		body_step(s);
		session_pump(s);
		break;
	case CONN_TLS_UP:
		s->handshake = false;
		smtp_client_tls_up(s->client, now);
		session_pump(s);
		break;
	case CONN_EOF:
		on_lost(s, "the server closed the connection");
		break;
	case CONN_ERROR:
		on_lost(s, conn_error(conn));
		break;
	case CONN_TIMEOUT:
		if (s->state == SESSION_IDLE)
			session_quit(s);
		else
			on_lost(s, "timed out");
		break;
	}
}

static void
session_connect(struct session *s)
{
	struct deliver *dl = s->dest->deliver;
	const struct candidate *c = host_of(s);
	const struct net_addr *from = NULL;

	s->clear =
	    dest_note(s->dest, c->label)->clear_until_ns > loop_now(dl->loop);
	if (s->set->source != NULL &&
	    s->set->source_addr.u.sa.sa_family == c->addr.u.sa.sa_family)
		from = &s->set->source_addr;
	s->conn = conn_connect(dl->loop, &c->addr, from, SESSION_INPUT,
	    session_event, s);
	conn_timeout(s->conn, s->set->connect_ms);
}

struct session *
session_create(struct dest *d, struct candidate *cand, unsigned n)
{
	struct session *s = mem_alloc(sizeof(*s));
	const struct conf_domain *dom;

	s->dest = d;
	s->conf = config_ref(d->deliver->conf);
	dom = config_domain(s->conf, d->domain);
	s->set = dom != NULL ? &dom->deliver : &s->conf->defaults.deliver;
	s->cand = cand;
	s->ncand = n;
	TAILQ_INSERT_TAIL(&d->sessions, s, link);
	d->nsessions++;
	d->deliver->nsessions++;
	d->nbusy++; /* SESSION_CONNECT */
	session_connect(s);
	return s;
}

/* Shutdown: what the server has begun to hear of may have arrived. What was
 * refused for good cannot be reported any more: it is tried again. */
void
session_abort(struct session *s)
{
	struct deliver *dl = s->dest->deliver;
	struct work *w = s->cur;
	uint32_t i;

	if (w != NULL && s->state == SESSION_SEND) {
		for (i = 0; i < w->env->nrcpts; i++)
			if (w->env->rcpts[i].state == RCPT_FAILED &&
			    !w->env->rcpts[i].reported)
				w->env->rcpts[i].state = RCPT_PENDING;
		work_report(s->dest, w, s, smtp_client_phase(s->client),
		    "shutdown");
		work_end(dl, &s->cur, JOB_LOST);
	}
	return_work(s, &s->cur);
	session_gone(s);
}
