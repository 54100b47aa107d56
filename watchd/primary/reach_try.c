/* SPDX-License-Identifier: ISC
 * reach_try: one connection to one address: TCP, with the SMTP engine on it,
 * until it is ready or has failed. Where TLS may be left out, a TLS failure
 * leads to another connection to the same address, once more with TLS and then
 * in clear; the book of addresses records what was learned. Each event of the
 * connection ends in the engine's, in reach_next() or in reach_done(); after
 * these two the reach must not be touched. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "primary/judge.h"
#include "primary/reach_int.h"

#define QUIT_MS 1000 /* time for QUIT to be sent */
/* Finds out that a peer is gone. Probes only: a delivery survives a network
 * that is away for a while, or it would send the message twice. */
#define KEEPALIVE_S 20

static int64_t
now_ns(const struct reach *r)
{
	return loop_now(r->env.loop);
}

static struct address *
known(const struct reach *r)
{
	return address_book_get(r->env.book, &r->cand[r->at].addr);
}

static bool
needs_tls(const struct reach *r)
{
	return reach_needs_tls(r->policy.tls, r->host.dane);
}

static bool
may_clear(const struct reach *r)
{
	return !needs_tls(r) &&
	    address_may_clear(known(r), r->policy.clear_after_ms * CLOCK_MS,
		now_ns(r));
}

bool
reach_tries_on(const struct reach *r)
{
	return reach_has_more(r) || (r->state == REACH_ST_TLS && may_clear(r));
}

/* ---- time limits */

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A slow but healthy server gets its known time even under a short limit. */
static int64_t
raised_limit_ms(const struct reach *r, int64_t ms)
{
	int64_t slow = 2 * address_greeting_ns(known(r), now_ns(r)) / CLOCK_MS;

	return slow > ms ? slow : ms;
}

static int64_t
limit_ms(const struct reach *r)
{
	const struct reach_limits *l = r->env.limits;
	bool more = reach_has_more(r);
	int64_t ms;

	if (r->state == REACH_ST_CONNECT) {
		ms = r->policy.connect_ms;
		return more ? smaller(ms, l->short_connect_ms) : ms;
	}
	ms = smtp_client_timeout_ms(r->client);
	if (l->reply_ms != 0)
		ms = smaller(ms, l->reply_ms);
	if (r->state == REACH_ST_TLS && may_clear(r))
		ms = smaller(ms, raised_limit_ms(r, l->tls_silence_ms));
	if (more)
		ms = smaller(ms, raised_limit_ms(r, l->short_reply_ms));
	return ms;
}

/* A byte has come, or another try begins. */
static void
heard(struct reach *r)
{
	r->heard_ns = now_ns(r);
	r->heard_late_ns = loop_late_ns(r->env.loop);
}

/* Starts the wait for the next event. */
static void
arm(struct reach *r)
{
	r->since_ns = now_ns(r);
	r->late_ns = loop_late_ns(r->env.loop);
	conn_timeout(r->conn, limit_ms(r));
}

/* ---- the end of a connection */

static const char *
tls_word(const struct reach *r, const struct tls_info *ti)
{
	if (r->policy.tls == CONF_TLS_DANE)
		return dane_word(r->host.dane, ti);
	return config_tls_word(r->policy.tls);
}

/* Copies the facts of the connection into the result. */
static void
take_stock(struct reach *r)
{
	const struct tls_info *ti;

	if (r->conn != NULL && (ti = conn_tls_info(r->conn)) != NULL) {
		r->now.tls = true;
		r->now.tls_info = *ti;
		r->now.tls_by = tls_word(r, ti);
	}
	if (r->client == NULL)
		return;
	r->now.ext = smtp_client_ext(r->client);
	r->now.size_limit = smtp_client_size_limit(r->client);
	r->now.limits = smtp_client_limits(r->client);
	for (int i = SMTP_PHASE_GREETING; i < SMTP_PHASE_MAX; i++)
		r->now.phase_ns[i] =
		    smtp_client_phase_ns(r->client, (enum smtp_phase)i);
}

/* Drops the connection, after a QUIT if the server still listens. */
static void
hang_up(struct reach *r, bool politely)
{
	take_stock(r);
	smtp_client_destroy(&r->client);
	if (politely && r->conn != NULL) {
		conn_printf(r->conn, "QUIT\r\n");
		conn_finish_quit(&r->conn, QUIT_MS);
	}
	conn_destroy(&r->conn);
}

static void
say(struct reach *r, enum reach_code code, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	r->now.code = code;
	r->now.phase = phase;
	if (reply != NULL && reply->code != 0) {
		r->now.reply_code = reply->code;
		r->now.status = reply->status;
		text = reply->text;
	}
	(void)strlcpy(r->now.text, text != NULL ? text : "",
	    sizeof(r->now.text));
}

static void connect_again(struct reach *);

/* ---- TLS failures */

static void
in_clear(struct reach *r)
{
	r->in_clear = true;
	(void)strlcpy(r->now.tls_text, r->now.text, sizeof(r->now.tls_text));
	hang_up(r, false);
	connect_again(r);
}

/* r->now says how TLS failed. Silence is recorded only when it is the final
 * result, or when clear has worked: a server that hangs is silent in both. */
static void
tls_failed(struct reach *r, bool silent)
{
	struct address *a = known(r);

	if (r->conn != NULL)
		conn_tls_forget(r->conn);
	if (needs_tls(r)) {
		hang_up(r, false);
		reach_next(r, silent);
		return;
	}
	if (r->now.local || (silent && may_clear(r))) {
		r->mute = silent;
		in_clear(r);
		return;
	}
	address_tls_failed(a, silent, now_ns(r));
	if (a->tls_fails < ADDRESS_TLS_FAILS) {
		hang_up(r, false);
		connect_again(r);
	} else if (may_clear(r)) {
		in_clear(r);
	} else {
		hang_up(r, false);
		reach_next(r, silent);
	}
}

/* The connection has failed. */
static void
failed(struct reach *r, enum reach_code code, const struct smtp_reply *reply,
    const char *text, bool silent)
{
	enum smtp_phase phase = reach_phase(r);

	say(r, code, phase, reply, text);
	r->now.local = code == REACH_LOCAL;
	if (phase == SMTP_PHASE_CONNECT)
		r->now.phase_ns[phase] = now_ns(r) - r->connect_ns;
	if (r->state == REACH_ST_TLS) {
		tls_failed(r, silent);
		return;
	}
	r->now.about_us = phase < SMTP_PHASE_STARTTLS && judge_about_us(reply);
	hang_up(r, reply != NULL && reply->code != 421);
	reach_next(r, silent);
}

static enum reach_code
reply_code(const struct smtp_reply *reply)
{
	if (reply == NULL || reply->code == 0)
		return REACH_PROTOCOL;
	return reply_perm(reply) ? REACH_PERMFAIL : REACH_TEMPFAIL;
}

static void
client_failed(struct reach *r, const struct smtp_client_info *info)
{
	enum reach_code code = reply_code(info->reply);

	/* STARTTLS is not offered, or there was clear text behind it. */
	if (code == REACH_PROTOCOL && reach_phase(r) == SMTP_PHASE_STARTTLS)
		code = REACH_TLS_FAIL;
	failed(r, code, info->reply, info->text, false);
}

/* ---- events of the engine */

static void
start_tls(struct reach *r)
{
	const struct dane *dane = r->host.dane;
	bool strict = r->policy.tls == CONF_TLS_REQUIRE && !r->literal;
	struct tls_ctx *ctx = strict ? r->env.tls_strict : r->env.tls;
	const char *name = r->literal ? NULL : r->host.name;
	int rc = -MX_ETLS;

	if (ctx != NULL && dane != NULL && dane->need == DANE_VERIFY)
		rc = conn_tls_start_dane(r->conn, ctx, dane);
	else if (ctx != NULL && r->policy.probe) /* it reads certificates */
		rc = conn_tls_start(r->conn, ctx, name);
	else if (ctx != NULL)
		rc = conn_tls_resume(r->conn, ctx, name);
	if (rc == 0)
		arm(r);
	else
		failed(r, REACH_LOCAL, NULL, "TLS could not be started", false);
}

static void
ready(struct reach *r)
{
	struct address *a = known(r);

	address_good(a, now_ns(r));
	if (r->mute)
		address_tls_failed(a, true, now_ns(r));
	r->now.ehlo = true;
	take_stock(r);
	r->now.clear = r->in_clear;
	r->now.tls_lost = !r->now.tls && r->policy.depth == REACH_READY &&
	    r->policy.tls != CONF_TLS_NONE && address_did_tls(a, now_ns(r));
	say(r, REACH_OK, SMTP_PHASE_NONE, smtp_client_last_reply(r->client),
	    "");
	if (r->policy.depth < REACH_READY)
		hang_up(r, true);
	reach_done(r);
}

/* ---- a backup */

#define PEER_NAME_MAX 100 /* of its name in a message */

/* The first word of the reply to EHLO; peer text. */
static void
peer_name(const struct reach *r, char *dst, size_t size)
{
	const char *text = smtp_client_last_reply(r->client)->text;
	size_t n = 0;

	for (; n + 1 < size && isgraph((unsigned char)text[n]); n++)
		dst[n] = text[n];
	dst[n] = '\0';
}

/* EHLO had the word of a backup, and the policy does not allow one. */
static bool
is_backup(const struct reach *r)
{
	return !r->policy.may_be_backup &&
	    (smtp_client_ext(r->client) & CLIENT_EXT_BACKUP) != 0;
}

/* Does not send what the engine would send next, STARTTLS. */
static void
met_backup(struct reach *r)
{
	char name[PEER_NAME_MAX + 1], text[sizeof(r->now.text)];
	bool us;

	peer_name(r, name, sizeof(name));
	us = strcasecmp(name, r->policy.helo) == 0;
	(void)snprintf(text, sizeof(text),
	    "is %s (mxwatchd on %s), not a primary",
	    us ? "this server" : "a backup MX", name);
	r->now.ehlo = true;
	say(r, REACH_BACKUP, SMTP_PHASE_EHLO, NULL, text);
	hang_up(r, true);
	reach_next(r, false);
}

static void
follow_greeting(struct reach *r)
{
	if (!r->now.greeted && smtp_client_last_reply(r->client)->code != 0) {
		r->now.greeted =
		    smtp_client_phase(r->client) != SMTP_PHASE_GREETING;
		if (r->now.greeted && r->policy.greeted != NULL)
			r->policy.greeted(r->arg);
		if (!r->heard)
			address_greeted(known(r), reach_waited_ns(r),
			    now_ns(r));
		r->heard = true;
	}
}

/* Follows the phase of the engine. TLS is looked at before the event: a refusal
 * inside TLS proves that TLS works. */
static void
follow_tls(struct reach *r)
{
	if (r->state == REACH_ST_HELLO &&
	    smtp_client_tls_stage(r->client) == CLIENT_TLS_BEGUN) {
		r->now.ehlo = true;
		reach_set(r, REACH_ST_TLS);
	}
	if (r->state == REACH_ST_TLS &&
	    smtp_client_tls_stage(r->client) == CLIENT_TLS_PROVED) {
		reach_set(r, REACH_ST_HELLO);
		address_tls_ok(known(r), now_ns(r));
		host_memory_address(r->env.memory, &r->cand[r->at].addr,
		    known(r), now_ns(r));
	}
}

static void
banner_done(struct reach *r)
{
	say(r, REACH_OK, SMTP_PHASE_NONE, smtp_client_last_reply(r->client),
	    "");
	hang_up(r, true);
	reach_done(r);
}

static void
pump(struct reach *r)
{
	struct smtp_client_info info;
	enum smtp_client_event ev;
	struct buf *out;

	ev = smtp_client_next(r->client, now_ns(r), &info);
	follow_greeting(r);
	if (is_backup(r)) {
		met_backup(r);
		return;
	}
	follow_tls(r);
	if (ev == CLIENT_FAILED) {
		client_failed(r, &info);
		return;
	}
	if (r->policy.depth == REACH_BANNER && r->now.greeted) {
		banner_done(r);
		return;
	}
	if (ev == CLIENT_READY) {
		ready(r);
		return;
	}
	if (ev == CLIENT_START_TLS) {
		start_tls(r);
		return;
	}
	out = smtp_client_out(r->client);
	if (out->len == 0)
		return; /* the limit is for the whole reply */
	conn_write(r->conn, out->data, out->len);
	buf_clear(out);
	arm(r);
}

/* ---- events of the connection */

static enum smtp_client_tls
tls_wanted(const struct reach *r)
{
	if (r->policy.depth < REACH_READY)
		return CLIENT_TLS_NONE;
	if (needs_tls(r))
		return CLIENT_TLS_REQUIRE;
	if (r->policy.tls == CONF_TLS_NONE || r->in_clear || r->env.tls == NULL)
		return CLIENT_TLS_NONE;
	return CLIENT_TLS_MAY;
}

static void
connected(struct reach *r)
{
	struct smtp_client_conf conf = { .helo = r->policy.helo,
		.tls = tls_wanted(r) };

	r->now.phase_ns[SMTP_PHASE_CONNECT] = now_ns(r) - r->connect_ns;
	if (r->policy.depth == REACH_CONNECT) {
		say(r, REACH_OK, SMTP_PHASE_NONE, NULL, "connected");
		hang_up(r, false);
		reach_done(r);
		return;
	}
	r->client = smtp_client_create(&conf, now_ns(r));
	reach_set(r, REACH_ST_HELLO);
	arm(r);
}

static void
lost(struct reach *r)
{
	enum reach_code code = REACH_CLOSED;
	char text[sizeof(r->now.text)];

	(void)strlcpy(text, conn_error(r->conn), sizeof(text));
	if (r->state == REACH_ST_TLS || conn_error_is_tls(r->conn))
		code = REACH_TLS_FAIL;
	else if (r->state != REACH_ST_CONNECT)
		code = REACH_CLOSED;
	else if (conn_error_is_local(r->conn))
		code = REACH_LOCAL;
	else if (conn_errno(r->conn) == ECONNREFUSED)
		code = REACH_CONN_REFUSED;
	else if (conn_errno(r->conn) == ETIMEDOUT)
		code = REACH_CONN_TIMEOUT;
	else
		code = REACH_CONN_ERROR;
	failed(r, code, NULL, text, code == REACH_CONN_TIMEOUT);
}

static void
got(struct reach *r)
{
	const char *data;
	size_t n = conn_input(r->conn, &data);
	int rc = 0;

	if (r->client == NULL || n == 0)
		return;
	heard(r);
	rc = smtp_client_feed(r->client, data, n, now_ns(r));
	conn_consume(r->conn, n);
	(void)rc; /* input too long: smtp_client_next() reports it */
	pump(r);
}

static void
on_conn(struct conn *c MX_UNUSED, enum conn_event ev, void *arg)
{
	struct reach *r = arg;

	switch (ev) {
	case CONN_CONNECTED:
		connected(r);
		break;
	case CONN_READ:
		got(r);
		break;
	case CONN_TLS_UP:
		smtp_client_tls_up(r->client, now_ns(r));
		pump(r);
		break;
	case CONN_EOF:
		failed(r,
		    r->state == REACH_ST_TLS ? REACH_TLS_FAIL : REACH_CLOSED,
		    NULL, "the server closed the connection", false);
		break;
	case CONN_ERROR:
		lost(r);
		break;
	case CONN_TIMEOUT:
		if (r->state == REACH_ST_CONNECT)
			failed(r, REACH_CONN_TIMEOUT, NULL,
			    "timeout while connecting", true);
		else
			failed(r, REACH_TIMEOUT, NULL, "no answer in time",
			    true);
		break;
	case CONN_DRAINED:
		break;
	}
}

/* ---- the beginning of a connection */

static void
connect_again(struct reach *r)
{
	const struct net_addr *to = &r->cand[r->at].addr, *from = NULL;

	if (r->policy.source != NULL &&
	    r->policy.source->u.sa.sa_family == to->u.sa.sa_family)
		from = r->policy.source;
	reach_set(r, REACH_ST_CONNECT);
	memset(r->now.phase_ns, 0, sizeof(r->now.phase_ns));
	r->now.tls = r->now.greeted = r->now.ehlo = r->now.local = false;
	r->now.reply_code = 0;
	r->now.status = (struct smtp_status){ 0 };
	r->now.tls_by = tls_word(r, NULL);
	r->heard = false;
	heard(r);
	r->connect_ns = now_ns(r);
	r->tried++;
	r->conn =
	    conn_connect(r->env.loop, to, from, REACH_INPUT_MAX, on_conn, r);
	if (r->policy.probe)
		conn_keepalive(r->conn, KEEPALIVE_S);
	arm(r);
}

void
reach_try(struct reach *r)
{
	reach_blank(r);
	r->now.addr = r->cand[r->at].addr;
	r->mute = false;
	r->in_clear = r->policy.depth == REACH_READY && !r->policy.probe &&
	    r->policy.tls != CONF_TLS_NONE && !needs_tls(r) &&
	    address_is_clear(known(r), r->policy.clear_after_ms * CLOCK_MS,
		now_ns(r));
	if (r->in_clear)
		(void)strlcpy(r->now.tls_text, "TLS failed before",
		    sizeof(r->now.tls_text));
	connect_again(r);
}
