/* SPDX-License-Identifier: ISC
 * probe_smtp: one session with one host. reach.c brings it to "ready"; then the
 * asks, a transaction each: MAIL, RCPT, RSET, never DATA. The session ends with
 * QUIT, whose reply is not awaited.
 *
 *	reach --fails--> the host's verdict
 *	      --ready--> ask 0 --> ask 1 ... --> QUIT: OK
 *	                 a failure before the first answer is the host's;
 *	                 after one it only cuts the session short
 *
 * One timer tells the owner of slowness and silence. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "primary/judge.h"
#include "probes/probe_int.h"

#define PROBE_LINGER_MS 1000

struct probe_run {
	struct loop *loop;
	struct address_book *book;
	char sender[PATH_MAILBOX_MAX];
	struct {
		char mailbox[PATH_MAILBOX_MAX];
	} ask[PROBE_ASKS_MAX];
	unsigned nasks, at; /* ask[at] is under way */
	unsigned refusals;
	int64_t timeout_ms, interval_ms;
	int64_t resolve_ns;
	struct probe_ops ops;
	void *arg;

	struct reach *reach; /* NULL: it has ended */
	struct conn *conn;
	struct smtp_client *client;
	struct smtp_client_rcpt rcpt;
	int64_t since_ns, late_ns; /* start of the session */
	int64_t heard_ns, heard_late_ns; /* last byte, after "ready" */
	struct loop_timer *timer; /* until slow, then intervals of silence */
	bool told_slow;
	unsigned silent; /* intervals reported */
	struct probe_result result;
};

void
probe_smtp_cancel(struct probe_run **pp)
{
	struct probe_run *p = *pp;

	if (p == NULL)
		return;
	reach_cancel(&p->reach);
	conn_destroy(&p->conn);
	smtp_client_destroy(&p->client);
	loop_timer_destroy(&p->timer);
	mem_free(pp);
}

static void
measure(struct probe_run *p)
{
	for (int i = SMTP_PHASE_GREETING; i < SMTP_PHASE_MAX; i++)
		p->result.phase_ns[i] =
		    smtp_client_phase_ns(p->client, (enum smtp_phase)i);
}

/* The result is final. Output that the engine still has (RSET) is dropped. */
static void
end(struct probe_run *p)
{
	struct probe_result *result = mem_alloc(sizeof(*result));
	struct probe_ops ops = p->ops;
	void *arg = p->arg;

	if (p->conn != NULL && p->result.code == REACH_OK) {
		conn_printf(p->conn, "QUIT\r\n");
		conn_finish(&p->conn, PROBE_LINGER_MS);
	}
	p->result.cut = p->result.code == REACH_OK &&
	    p->result.answered + p->result.skipped < p->result.nanswers;
	p->result.slow = p->told_slow ? p->silent + 1 : 0;
	*result = p->result;
	probe_smtp_cancel(&p);
	ops.done(result, arg);
	mem_free(&result);
}

static void
say(struct probe_run *p, const struct smtp_reply *r, const char *text)
{
	p->result.reply_code = 0;
	if (r != NULL && r->code != 0) {
		p->result.reply_code = r->code;
		text = r->text;
	}
	strlcpy(p->result.text, text != NULL ? text : "",
	    sizeof(p->result.text));
}

/* The session broke off. */
static void
broken(struct probe_run *p, enum reach_code code, enum smtp_phase phase,
    const struct smtp_reply *r, const char *text)
{
	if (p->result.answered == 0) {
		p->result.code = code;
		p->result.phase = phase;
		say(p, r, text);
		measure(p);
	}
	end(p);
}

/* ---- the asks */

static void
arm(struct probe_run *p)
{
	conn_timeout(p->conn, smtp_client_timeout_ms(p->client));
}

static void
send_out(struct probe_run *p)
{
	struct buf *out = smtp_client_out(p->client);

	if (out->len == 0)
		return;
	conn_write(p->conn, out->data, out->len);
	buf_clear(out);
	arm(p);
}

/* Finds a wanted ask from ask[at] on; false: none. */
static bool
find_wanted(struct probe_run *p)
{
	for (; p->at < p->nasks; p->at++, p->result.skipped++)
		if (p->ops.wanted == NULL || p->ops.wanted(p->at, p->arg))
			return true;
	return false;
}

static void
ask(struct probe_run *p)
{
	const struct smtp_client_tx tx = { .sender = p->sender,
		.rcpts = &p->rcpt,
		.nrcpts = 1,
		.probe = true };

	p->rcpt.mailbox = p->ask[p->at].mailbox;
	smtp_client_mail(p->client, &tx, loop_now(p->loop));
}

/* RFC 3207 4: nothing is accepted without STARTTLS, or without authentication.
 * Another mailbox does not change that. */
static bool
wants_more(const struct smtp_reply *r)
{
	return r->code == 530;
}

/* The reply that decides the present ask; false: p is gone. */
static bool
answer(struct probe_run *p, enum smtp_phase phase, const struct smtp_reply *r)
{
	struct probe_answer *a = &p->result.answer[p->at];

	if (p->result.answered == 0 && wants_more(r)) {
		if (!smtp_client_tls(p->client))
			address_tls_only(
			    address_book_get(p->book, &p->result.reach.addr),
			    loop_now(p->loop));
		broken(p, REACH_PERMFAIL,
		    smtp_client_tls(p->client) ? phase : SMTP_PHASE_STARTTLS, r,
		    NULL);
		return false;
	}
	if (p->result.answered > 0 && judge_is_policy(r)) {
		end(p);
		return false;
	}
	a->code = reply_ok(r) ? ANSWER_TAKEN :
	    reply_perm(r)     ? ANSWER_REFUSED :
				ANSWER_DEFERRED;
	a->finding = probe_finding_of(r, phase);
	a->no_mailbox = judge_is_no_mailbox(phase, r);
	a->phase = phase;
	a->reply_code = r->code;
	a->status = r->status;
	strlcpy(a->text, r->text, sizeof(a->text));
	if (p->result.answered++ == 0) {
		say(p, r, NULL);
		measure(p);
	}
	p->refusals += a->code != ANSWER_TAKEN;
	return true;
}

/* The transaction is over except for its RSET. */
static bool
next_ask(struct probe_run *p)
{
	p->at++;
	if (p->refusals < PROBE_REFUSALS_MAX && find_wanted(p))
		return true;
	end(p);
	return false;
}

static enum reach_code
failed_code(const struct smtp_client_info *info)
{
	if (info->reply == NULL || info->reply->code == 0)
		return REACH_PROTOCOL;
	return reply_perm(info->reply) ? REACH_PERMFAIL : REACH_TEMPFAIL;
}

/* Handles events of the engine until it needs input; false: p is gone. */
static bool
run_engine(struct probe_run *p)
{
	struct smtp_client_info info;

	for (;;) {
		switch (smtp_client_next(p->client, loop_now(p->loop), &info)) {
		case CLIENT_NONE:
			return true;
		case CLIENT_READY:
			ask(p);
			break;
		case CLIENT_RCPT:
			if (!answer(p, SMTP_PHASE_RCPT, info.reply))
				return false;
			break;
		case CLIENT_SENT:
			if (info.phase == SMTP_PHASE_MAIL &&
			    !answer(p, SMTP_PHASE_MAIL, info.reply))
				return false;
			if (!next_ask(p))
				return false;
			break;
		case CLIENT_START_TLS: /* done, or not wanted */
		case CLIENT_BODY: /* never asked for */
		case CLIENT_CLOSED:
		case CLIENT_FAILED:
			broken(p, failed_code(&info), info.phase, info.reply,
			    info.text);
			return false;
		}
	}
}

static void
advance(struct probe_run *p)
{
	if (run_engine(p))
		send_out(p);
}

static void
heard(struct probe_run *p)
{
	p->heard_ns = loop_now(p->loop);
	p->heard_late_ns = loop_late_ns(p->loop);
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct probe_run *p = arg;
	const char *data;
	size_t len;
	int rc;

	switch (ev) {
	case CONN_READ:
		len = conn_input(c, &data);
		rc = smtp_client_feed(p->client, data, len, loop_now(p->loop));
		(void)rc; /* input too long: smtp_client_next() reports it */
		conn_consume(c, len);
		heard(p);
		advance(p);
		break;
	case CONN_EOF:
		broken(p, REACH_CLOSED, smtp_client_phase(p->client), NULL,
		    "the server closed the connection");
		break;
	case CONN_ERROR:
		broken(p, REACH_CLOSED, smtp_client_phase(p->client), NULL,
		    conn_error(c));
		break;
	case CONN_TIMEOUT:
		broken(p, REACH_TIMEOUT, smtp_client_phase(p->client), NULL,
		    "no answer in time");
		break;
	case CONN_CONNECTED:
	case CONN_TLS_UP:
	case CONN_DRAINED:
		break;
	}
}

/* ---- the host */

static void
on_reached(const struct reach_result *r, void *arg)
{
	struct probe_run *p = arg;
	struct probe_result *to = &p->result;

	p->reach = NULL;
	p->conn = r->conn;
	p->client = r->client;
	to->reach = *r;
	to->reach.conn = NULL;
	to->reach.client = NULL;
	to->code = r->code;
	to->phase = r->phase;
	to->reply_code = r->reply_code;
	strlcpy(to->text, r->text, sizeof(to->text));
	memcpy(to->phase_ns, r->phase_ns, sizeof(to->phase_ns));
	to->phase_ns[SMTP_PHASE_RESOLVE] = p->resolve_ns;
	to->cert_not_after = r->tls ? r->tls_info.not_after : 0;
	to->tls_by = r->tls_by;
	to->tls_why = r->tls_why;
	if (p->conn != NULL)
		conn_owner(p->conn, on_conn, p);
	if (p->conn == NULL || !find_wanted(p)) {
		end(p);
		return;
	}
	heard(p);
	ask(p);
	advance(p);
}

/* ---- slowness and silence */

static int64_t
silent_ns(const struct probe_run *p)
{
	int64_t ns;

	if (p->reach != NULL)
		return reach_silent_ns(p->reach);
	ns = loop_now(p->loop) - p->heard_ns -
	    (loop_late_ns(p->loop) - p->heard_late_ns);
	return ns > 0 ? ns : 0;
}

static int64_t
session_ns(const struct probe_run *p)
{
	int64_t ns = loop_now(p->loop) - p->since_ns -
	    (loop_late_ns(p->loop) - p->late_ns);

	return ns > 0 ? ns : 0;
}

/* The wait is not longer than a known one for a greeting. */
static bool
is_usual(const struct probe_run *p, enum smtp_phase phase)
{
	const struct address *a;

	if (p->reach == NULL || phase != SMTP_PHASE_GREETING)
		return false;
	a = address_book_peek(p->book, reach_addr(p->reach));
	return reach_waited_ns(p->reach) <=
	    address_greeting_ns(a, loop_now(p->loop));
}

static void
tell(struct probe_run *p)
{
	enum smtp_phase phase = p->reach != NULL ? reach_phase(p->reach) :
						   smtp_client_phase(p->client);
	struct probe_wait w = { .n = p->silent,
		.code = phase == SMTP_PHASE_CONNECT ? REACH_CONN_TIMEOUT :
						      REACH_TIMEOUT,
		.phase = phase,
		.waited_ns = session_ns(p) };
	char text[64];

	w.counts = w.n > 0 && !is_usual(p, phase) &&
	    (p->reach == NULL || !reach_tries_on(p->reach));
	(void)snprintf(text, sizeof(text),
	    "no answer for %lld s, still waiting",
	    (long long)(silent_ns(p) / CLOCK_SEC));
	w.text = text;
	if (p->ops.wait != NULL)
		p->ops.wait(&w, p->arg); /* p may be gone */
}

/* Lateness of our own loop is not silence: waits for the rest, and reads what
 * is in the socket. */
static void
on_timer(void *arg)
{
	struct probe_run *p = arg;
	int64_t left_ms;

	if (!p->told_slow)
		left_ms = p->timeout_ms - session_ns(p) / CLOCK_MS;
	else
		left_ms = p->interval_ms - silent_ns(p) / CLOCK_MS;
	if (left_ms > 0) {
		loop_timer_set(p->timer, left_ms);
		return;
	}
	if (p->told_slow)
		p->silent++;
	p->told_slow = true;
	loop_timer_set(p->timer, p->interval_ms);
	tell(p);
}

struct probe_run *
probe_smtp_start(const struct reach_env *env, const struct probe_target *t,
    const struct probe_ops *ops, void *arg)
{
	static const enum reach_depth depths[] = {
		[DEPTH_CONNECT] = REACH_CONNECT,
		[DEPTH_BANNER] = REACH_BANNER,
		[DEPTH_EHLO] = REACH_EHLO,
		[DEPTH_STARTTLS] = REACH_READY,
		[DEPTH_RCPT] = REACH_READY,
	};
	/* A requirement without which nothing can be delivered is tested at any
	 * depth. */
	const enum reach_depth least = reach_needs_tls(t->tls, t->host->dane) ?
	    REACH_READY :
	    t->to_ehlo ? REACH_EHLO :
			 REACH_CONNECT;
	const struct reach_policy policy = { .helo = t->helo,
		.tls = t->tls,
		.source = t->source,
		.connect_ms = t->connect_ms,
		.clear_after_ms = t->clear_after_ms,
		.probe = true,
		.may_be_backup = t->may_be_backup,
		.depth = depths[t->depth] > least ? depths[t->depth] : least };
	struct probe_run *p = mem_alloc(sizeof(*p));

	p->loop = env->loop;
	p->book = env->book;
	strlcpy(p->sender, t->sender, sizeof(p->sender));
	for (; t->depth == DEPTH_RCPT && p->nasks < t->nasks &&
	     p->nasks < PROBE_ASKS_MAX;
	     p->nasks++)
		strlcpy(p->ask[p->nasks].mailbox, t->ask[p->nasks].mailbox,
		    sizeof(p->ask[0].mailbox));
	p->result.nanswers = p->nasks;
	p->timeout_ms = t->timeout_ms;
	p->interval_ms = t->interval_ms;
	p->resolve_ns = t->resolve_ns;
	p->ops = *ops;
	p->arg = arg;
	p->since_ns = loop_now(env->loop);
	p->late_ns = loop_late_ns(env->loop);
	p->timer = loop_timer_create(env->loop, on_timer, p);
	loop_timer_set(p->timer, p->timeout_ms);
	p->reach = reach_start(env, t->host, &policy, on_reached, p);
	return p;
}
