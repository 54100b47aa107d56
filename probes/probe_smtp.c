/* SPDX-License-Identifier: ISC
 * probe_smtp: one conversation with one host, to the configured depth, over
 * the same engine as delivery. All addresses of the host share the time-out;
 * the next one is tried only when no connection came about. A host that takes
 * connections but is silent has failed: the next address is the same host.
 *
 * A server that puts us off for policy (greylisting: 450, or 4.7.x, at MAIL
 * or RCPT) is alive: that is OK, and the text says what it said. At depth
 * rcpt a failed handshake is tried again in clear, as delivery would. Where
 * DANE asks for more it fails here as delivery would: whoever is to renew the
 * certificate, or the records, learns it before mail waits for it. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn.h"
#include "probes/probe.h"
#include "smtp/client.h"

#define PROBE_INPUT_MAX 8192
#define PROBE_LINGER_MS 1000

struct probe_run {
	struct loop *loop;
	struct tls_ctx *tls;
	struct route_host host;
	char helo[TEXT_DOMAIN_MAX];
	char sender[PATH_MAILBOX_MAX];
	char rcpt_mailbox[PATH_MAILBOX_MAX];
	struct smtp_client_rcpt rcpt;
	enum probe_depth depth;
	struct net_addr source;
	probe_cb *cb;
	void *arg;

	struct conn *conn;
	struct smtp_client *client;
	struct loop_timer *timer; /* of everything together */
	struct loop_task *begin;
	unsigned next_addr;
	int64_t addr_start;
	bool connected; /* to the address at hand */
	bool in_clear; /* the handshake failed before */
	bool decided; /* the result stands; QUIT is a courtesy */
	struct probe_result result;
};

static void probe_connect(struct probe_run *);

/* Adds up what the engine measured of the conversation that ends now. */
static void
probe_measure(struct probe_run *p)
{
	if (p->client == NULL)
		return;
	for (int i = SMTP_PHASE_GREETING; i < SMTP_PHASE_MAX; i++)
		p->result.phase_ns[i] +=
		    smtp_client_phase_ns(p->client, (enum smtp_phase)i);
}

static void
probe_hang_up(struct probe_run *p)
{
	probe_measure(p);
	smtp_client_destroy(&p->client);
	if (p->conn != NULL)
		conn_finish(&p->conn, PROBE_LINGER_MS);
}

void
probe_smtp_cancel(struct probe_run **pp)
{
	struct probe_run *p = *pp;

	if (p == NULL)
		return;
	conn_destroy(&p->conn);
	smtp_client_destroy(&p->client);
	loop_timer_destroy(&p->timer);
	loop_task_destroy(&p->begin);
	dane_unref(&p->host.dane);
	mem_free(pp);
}

static void
probe_end(struct probe_run *p)
{
	struct probe_result result;
	probe_cb *cb = p->cb;
	void *arg = p->arg;

	probe_hang_up(p);
	result = p->result;
	probe_smtp_cancel(&p);
	cb(&result, arg);
}

/* The first verdict stands. */
static void
probe_decide(struct probe_run *p, enum probe_code code, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	if (p->decided)
		return;
	p->decided = true;
	p->result.code = code;
	p->result.phase = code == PROBE_OK ? SMTP_PHASE_NONE : phase;
	if (reply != NULL && reply->code != 0) {
		p->result.reply_code = reply->code;
		text = reply->text;
	}
	strlcpy(p->result.text, text != NULL ? text : "",
	    sizeof(p->result.text));
}

static void
probe_fail(struct probe_run *p, enum probe_code code, enum smtp_phase phase,
    const struct smtp_reply *reply, const char *text)
{
	probe_decide(p, code, phase, reply, text);
	probe_end(p);
}

/* 4xx that is about policy, not about the server's state. */
static bool
reply_greylists(const struct smtp_reply *r)
{
	return r->code == 450 || (r->code / 100 == 4 && r->status.subject == 7);
}

static void
probe_judge(struct probe_run *p, enum smtp_phase phase,
    const struct smtp_reply *r)
{
	if (r == NULL)
		return;
	if (reply_ok(r) || reply_greylists(r))
		probe_decide(p, PROBE_OK, phase, r, NULL);
	else
		probe_decide(p, reply_perm(r) ? PROBE_PERMFAIL : PROBE_TEMPFAIL,
		    phase, r, NULL);
}

static void
probe_ready(struct probe_run *p, int64_t now)
{
	struct smtp_client_tx tx = { .sender = p->sender,
		.rcpts = &p->rcpt,
		.nrcpts = 1,
		.probe = true };

	if (p->depth == PROBE_DEPTH_RCPT && !p->decided) {
		smtp_client_mail(p->client, &tx, now);
		return;
	}
	probe_decide(p, PROBE_OK, SMTP_PHASE_EHLO,
	    smtp_client_last_reply(p->client), "");
	smtp_client_quit(p->client, now);
}

static bool
probe_start_tls(struct probe_run *p)
{
	const struct dane *dane = p->host.dane;
	int rc;

	if (dane != NULL && dane->need == DANE_VERIFY)
		rc = conn_tls_start_dane(p->conn, p->tls, dane);
	else
		rc = conn_tls_start(p->conn, p->tls, p->host.name);
	if (rc == 0)
		return true;
	probe_fail(p, PROBE_LOCAL, SMTP_PHASE_STARTTLS, NULL,
	    "cannot start TLS");
	return false;
}

static void
probe_client_failed(struct probe_run *p, const struct smtp_client_info *info)
{
	enum probe_code code = PROBE_PROTOCOL;

	if (info->reply != NULL && info->reply->code != 0)
		code =
		    reply_perm(info->reply) ? PROBE_PERMFAIL : PROBE_TEMPFAIL;
	else if (info->phase == SMTP_PHASE_STARTTLS)
		code = PROBE_TLS_FAIL;
	probe_fail(p, code, info->phase, info->reply, info->text);
}

/* Runs the engine until it wants more input; false when p is gone. */
static bool
probe_run_events(struct probe_run *p)
{
	struct smtp_client_info info;
	int64_t now = loop_now(p->loop);

	for (;;) {
		switch (smtp_client_next(p->client, now, &info)) {
		case CLIENT_NONE:
			return true;
		case CLIENT_START_TLS:
			return probe_start_tls(p);
		case CLIENT_READY:
			probe_ready(p, now);
			break;
		case CLIENT_RCPT:
		case CLIENT_SENT:
			probe_judge(p, info.phase, info.reply);
			break;
		case CLIENT_CLOSED:
			probe_end(p);
			return false;
		case CLIENT_BODY: /* never asked for */
		case CLIENT_FAILED:
			probe_client_failed(p, &info);
			return false;
		}
	}
}

/* What the engine wants sent goes out; at depth banner the greeting was all
 * we came for. */
static void
probe_advance(struct probe_run *p)
{
	struct buf *out;

	if (!probe_run_events(p))
		return;
	out = smtp_client_out(p->client);
	if (p->depth == PROBE_DEPTH_BANNER && !p->decided &&
	    smtp_client_phase(p->client) != SMTP_PHASE_GREETING) {
		probe_decide(p, PROBE_OK, SMTP_PHASE_GREETING,
		    smtp_client_last_reply(p->client), "");
		conn_printf(p->conn, "QUIT\r\n");
		probe_end(p);
		return;
	}
	conn_write(p->conn, out->data, out->len);
	buf_clear(out);
}

static void
probe_read(struct probe_run *p)
{
	const char *data;
	size_t len = conn_input(p->conn, &data);
	int rc = smtp_client_feed(p->client, data, len, loop_now(p->loop));

	conn_consume(p->conn, len);
	(void)rc; /* too much talk: smtp_client_next() says so */
	probe_advance(p);
}

static void
probe_connected(struct probe_run *p)
{
	struct smtp_client_conf conf = { .helo = p->helo };
	int64_t now = loop_now(p->loop);

	p->connected = true;
	p->result.phase_ns[SMTP_PHASE_CONNECT] += now - p->addr_start;
	if (p->depth == PROBE_DEPTH_CONNECT) {
		probe_fail(p, PROBE_OK, SMTP_PHASE_CONNECT, NULL, "connected");
		return;
	}
	conf.tls = CLIENT_TLS_NONE;
	if (p->depth == PROBE_DEPTH_STARTTLS)
		conf.tls = CLIENT_TLS_REQUIRE;
	else if (p->depth == PROBE_DEPTH_RCPT && !p->in_clear)
		conf.tls = dane_needs_tls(p->host.dane) ? CLIENT_TLS_REQUIRE :
							  CLIENT_TLS_MAY;
	p->client = smtp_client_create(&conf, now);
}

static void
probe_tls_up(struct probe_run *p)
{
	const struct tls_info *ti = conn_tls_info(p->conn);

	p->result.cert_not_after = ti != NULL ? ti->not_after : 0;
	if (p->host.dane != NULL)
		p->result.tls_by = dane_word(p->host.dane, ti);
	smtp_client_tls_up(p->client, loop_now(p->loop));
	probe_advance(p);
}

static void
probe_conn_error(struct probe_run *p)
{
	bool local = conn_error_is_local(p->conn);
	char text[128];
	enum smtp_phase phase;

	strlcpy(text, conn_error(p->conn), sizeof(text));
	if (!p->connected) {
		p->result.phase_ns[SMTP_PHASE_CONNECT] +=
		    loop_now(p->loop) - p->addr_start;
		conn_destroy(&p->conn);
		if (p->next_addr < p->host.naddrs) {
			probe_connect(p);
			return;
		}
		probe_fail(p,
		    local				? PROBE_LOCAL :
			strstr(text, "refused") != NULL ? PROBE_CONN_REFUSED :
							  PROBE_CONN_ERROR,
		    SMTP_PHASE_CONNECT, NULL, text);
		return;
	}
	if (conn_error_is_tls(p->conn) && p->depth == PROBE_DEPTH_RCPT &&
	    !p->in_clear && !dane_needs_tls(p->host.dane)) {
		p->in_clear = true;
		p->next_addr--;
		probe_measure(p);
		smtp_client_destroy(&p->client);
		conn_destroy(&p->conn);
		probe_connect(p);
		return;
	}
	phase = p->client != NULL ? smtp_client_phase(p->client) :
				    SMTP_PHASE_CONNECT;
	probe_fail(p,
	    conn_error_is_tls(p->conn) ? PROBE_TLS_FAIL : PROBE_CLOSED, phase,
	    NULL, text);
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct probe_run *p = arg;

	(void)c;
	switch (ev) {
	case CONN_CONNECTED:
		probe_connected(p);
		break;
	case CONN_READ:
		probe_read(p);
		break;
	case CONN_TLS_UP:
		probe_tls_up(p);
		break;
	case CONN_EOF:
		probe_fail(p, PROBE_CLOSED,
		    p->client != NULL ? smtp_client_phase(p->client) :
					SMTP_PHASE_CONNECT,
		    NULL, "the server closed the connection");
		break;
	case CONN_ERROR:
		probe_conn_error(p);
		break;
	case CONN_DRAINED:
	case CONN_TIMEOUT: /* the run has one timer for everything */
		break;
	}
}

static void
probe_connect(struct probe_run *p)
{
	const struct net_addr *to = &p->host.addr[p->next_addr++];

	p->connected = false;
	p->addr_start = loop_now(p->loop);
	p->conn =
	    conn_connect(p->loop, to, p->source.len != 0 ? &p->source : NULL,
		PROBE_INPUT_MAX, on_conn, p);
}

static void
on_begin(void *arg)
{
	struct probe_run *p = arg;

	if (p->host.naddrs > 0) {
		probe_connect(p);
		return;
	}
	if (p->host.dane != NULL && p->host.dane->need == DANE_DEFER)
		probe_fail(p, PROBE_DNS_FAIL, SMTP_PHASE_RESOLVE, NULL,
		    p->host.dane->why);
	else if (p->host.dns == DNS_NXDOMAIN || p->host.dns == DNS_NODATA)
		probe_fail(p, PROBE_NO_HOST, SMTP_PHASE_RESOLVE, NULL,
		    "the host has no address");
	else
		probe_fail(p, PROBE_DNS_FAIL, SMTP_PHASE_RESOLVE, NULL,
		    dns_status_name(p->host.dns));
}

static void
on_timeout(void *arg)
{
	struct probe_run *p = arg;

	if (p->connected) {
		probe_fail(p, PROBE_TIMEOUT,
		    p->client != NULL ? smtp_client_phase(p->client) :
					SMTP_PHASE_CONNECT,
		    NULL, "no answer in time");
		return;
	}
	p->result.phase_ns[SMTP_PHASE_CONNECT] +=
	    loop_now(p->loop) - p->addr_start;
	probe_fail(p, PROBE_CONN_TIMEOUT, SMTP_PHASE_CONNECT, NULL,
	    "no connection in time");
}

struct probe_run *
probe_smtp_start(struct loop *loop, struct tls_ctx *tls,
    const struct probe_target *t, probe_cb *cb, void *arg)
{
	struct probe_run *p = mem_alloc(sizeof(*p));

	p->loop = loop;
	p->tls = tls;
	p->host = *t->host;
	(void)dane_ref(p->host.dane);
	p->result.tls_by = t->tls;
	p->result.tls_why = "";
	if (p->host.dane != NULL) {
		p->result.tls_by = dane_word(p->host.dane, NULL);
		p->result.tls_why = p->host.dane->why;
	}
	strlcpy(p->helo, t->helo, sizeof(p->helo));
	strlcpy(p->sender, t->sender, sizeof(p->sender));
	strlcpy(p->rcpt_mailbox, t->rcpt, sizeof(p->rcpt_mailbox));
	p->rcpt.mailbox = p->rcpt_mailbox;
	p->depth = t->depth;
	if (t->source != NULL)
		p->source = *t->source;
	p->cb = cb;
	p->arg = arg;
	p->result.phase_ns[SMTP_PHASE_RESOLVE] = t->resolve_ns;
	p->timer = loop_timer_create(loop, on_timeout, p);
	loop_timer_set(p->timer, t->timeout_ms);
	p->begin = loop_task_create(loop, on_begin, p);
	loop_task_schedule(p->begin);
	return p;
}
