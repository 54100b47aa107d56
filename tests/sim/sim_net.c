/* SPDX-License-Identifier: ISC
 * sim_net: net/conn.h and net/tls.h over servers that are not there, by
 * link-time substitution. Bytes and ends travel for the server's latency, each
 * way, in order. What the client writes is one packet until it arrives. A
 * connection that was let go lives on as a visit until the server has heard of
 * it. Loop thread. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/conn.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_server.h"

#define KERNEL_GIVES_UP_MS 130000

struct event {
	STAILQ_ENTRY(event) link;
	int64_t at;
	enum event_kind {
		EV_CONNECTED,
		EV_DATA,
		EV_TLS,
		EV_EOF,
		EV_ERROR
	} kind;
	const char *error; /* static */
	int number; /* errno */
	struct receipt receipt;
	size_t len;
	char data[];
};

struct conn {
	struct loop *loop;
	struct net_addr peer, local;
	conn_cb *cb;
	void *arg;
	struct visit *visit; /* NULL: not accepted, or over */
	struct server *server; /* NULL: nobody there */
	unsigned addr;
	struct loop_timer *timer; /* the owner's */
	struct loop_timer *next; /* events */
	struct loop_timer *keep; /* the kernel asks a silent peer; or NULL */
	int keep_s;
	unsigned missed;
	struct loop_task *offer;
	STAILQ_HEAD(, event) events;
	char *in;
	size_t in_len, in_size;
	const char *error;
	int number; /* errno */
	bool is_tls, tls_up, dead;
	unsigned depth;
};

struct tls_ctx {
	bool strict;
};

static unsigned nvisits;

/* ---- tls.h */

static struct tls_ctx *
ctx_new(bool strict)
{
	struct tls_ctx *ctx = mem_alloc(sizeof(*ctx));

	ctx->strict = strict;
	return ctx;
}

struct tls_ctx *
tls_client_create(struct mx_errbuf *eb)
{
	(void)eb;
	return ctx_new(false);
}

struct tls_ctx *
tls_client_strict_create(struct mx_errbuf *eb)
{
	(void)eb;
	return ctx_new(true);
}

struct tls_ctx *
tls_server_create(const char *cert, const char *key, struct mx_errbuf *eb)
{
	(void)cert;
	(void)key;
	(void)eb;
	return ctx_new(false);
}

void
tls_ctx_destroy(struct tls_ctx **ctx)
{
	mem_free(ctx);
}

/* ---- events on their way to the client */

static void
event_arm(struct conn *c)
{
	const struct event *e = STAILQ_FIRST(&c->events);

	if (e != NULL)
		loop_timer_set(c->next,
		    (e->at - loop_now(c->loop) + CLOCK_MS - 1) / CLOCK_MS);
}

static struct event *
event_add(struct conn *c, enum event_kind kind, int64_t at, size_t len)
{
	struct event *e = mem_alloc(sizeof(*e) + len);
	bool first = STAILQ_EMPTY(&c->events);

	e->kind = kind;
	e->at = at;
	e->len = len;
	STAILQ_INSERT_TAIL(&c->events, e, link);
	if (first)
		event_arm(c);
	return e;
}

static void
conn_free(struct conn *c)
{
	struct event *e;

	while ((e = STAILQ_FIRST(&c->events)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->events, link);
		free(e);
	}
	loop_timer_destroy(&c->timer);
	loop_timer_destroy(&c->next);
	loop_timer_destroy(&c->keep);
	loop_task_destroy(&c->offer);
	free(c->in);
	free(c);
}

/* False when the owner destroyed it. */
static bool
tell(struct conn *c, enum conn_event ev)
{
	bool alive;

	c->depth++;
	c->cb(c, ev, c->arg);
	alive = !c->dead;
	if (--c->depth == 0 && c->dead)
		conn_free(c);
	return alive;
}

static void
take_data(struct conn *c, const struct event *e)
{
	if (c->in_len + e->len > c->in_size) {
		c->in_size = c->in_len + e->len + 256;
		c->in = mem_grow(c->in, c->in_size, 1);
	}
	memcpy(c->in + c->in_len, e->data, e->len);
	c->in_len += e->len;
}

static bool
event_run(struct conn *c, const struct event *e)
{
	switch (e->kind) {
	case EV_CONNECTED:
		return tell(c, CONN_CONNECTED);
	case EV_DATA:
		take_data(c, e);
		if (e->receipt.seq != 0)
			judge_acked(&e->receipt);
		return tell(c, CONN_READ);
	case EV_TLS:
		c->tls_up = true;
		if (c->visit != NULL)
			server_tls_up(c->visit);
		return tell(c, CONN_TLS_UP);
	case EV_EOF:
		return tell(c, CONN_EOF);
	case EV_ERROR:
		break;
	}
	c->error = e->error;
	c->number = e->number;
	return tell(c, CONN_ERROR);
}

static void
on_next(void *arg)
{
	struct conn *c = arg;
	struct event *e;
	bool alive = true;

	while (alive && (e = STAILQ_FIRST(&c->events)) != NULL &&
	    e->at <= loop_now(c->loop)) {
		STAILQ_REMOVE_HEAD(&c->events, link);
		alive = event_run(c, e);
		free(e);
	}
	if (alive)
		event_arm(c);
}

static void
on_timer(void *arg)
{
	(void)tell(arg, CONN_TIMEOUT);
}

static void
on_offer(void *arg)
{
	struct conn *c = arg;

	if (c->in_len > 0)
		(void)tell(c, CONN_READ);
}

/* ---- visits */

static int64_t
arrival(struct visit *v, int64_t delay_ms)
{
	int64_t at = loop_now(v->conn->loop) +
	    (delay_ms + v->server->latency_ms) * CLOCK_MS;

	if (at < v->last_at)
		at = v->last_at;
	v->last_at = at;
	return at;
}

void
visit_say(struct visit *v, int64_t delay_ms, const struct receipt *receipt,
    const char *text, size_t len)
{
	struct event *e;

	if (v->conn == NULL)
		return;
	e = event_add(v->conn, EV_DATA, arrival(v, delay_ms), len);
	memcpy(e->data, text, len);
	e->receipt = *receipt;
}

void
visit_free(struct visit *v)
{
	if (v->conn != NULL) {
		judge_closed(v);
		v->conn->visit = NULL;
	}
	LIST_REMOVE(v, link);
	v->server->nopen--;
	nvisits--;
	loop_timer_destroy(&v->wire);
	free(v->up);
	free(v->sent);
	free(v);
}

/* A reset destroys what is on its way before it. */
void
visit_close(struct visit *v, int64_t delay_ms, bool reset)
{
	struct conn *c = v->conn;
	struct event *e;

	v->state = V_OVER;
	if (c == NULL || v->mute)
		return;
	if (reset) {
		while ((e = STAILQ_FIRST(&c->events)) != NULL) {
			STAILQ_REMOVE_HEAD(&c->events, link);
			free(e);
		}
		v->last_at = 0;
		e = event_add(c, EV_ERROR, arrival(v, delay_ms), 0);
		e->error = "connection reset by peer";
		e->number = ECONNRESET;
		c->is_tls = c->tls_up && v->server->tls == STLS_LATE_ALERT;
	} else {
		(void)event_add(c, EV_EOF, arrival(v, delay_ms), 0);
	}
	visit_free(v);
}

/* A machine that answers no packet is given up after the third; one that has
 * begun anew knows of no connection. A process that hangs does not matter. */
static void
on_keep(void *arg)
{
	struct conn *c = arg;
	struct visit *v = c->visit;
	struct event *e;

	if (v == NULL || !v->mute)
		return;
	if (v->server->mood == MOOD_HOLE || v->server->hole[v->addr]) {
		if (++c->missed < 4) {
			loop_timer_set(c->keep, c->keep_s * INT64_C(1000));
			return;
		}
		e = event_add(c, EV_ERROR, loop_now(c->loop), 0);
		e->error = "connection timed out";
		e->number = ETIMEDOUT;
		return;
	}
	c->missed = 0;
	if (v->server->mood != MOOD_SILENT) {
		v->mute = false;
		visit_close(v, 0, true);
		return;
	}
	loop_timer_set(c->keep, c->keep_s * INT64_C(1000));
}

void
visit_mute(struct visit *v)
{
	struct conn *c = v->conn;

	v->mute = true;
	if (c == NULL || c->keep_s == 0)
		return;
	if (c->keep == NULL)
		c->keep = loop_timer_create(c->loop, on_keep, c);
	if (!loop_timer_pending(c->keep))
		loop_timer_set(c->keep, c->keep_s * INT64_C(1000));
}

void
visit_wake(struct visit *v)
{
	v->mute = false;
	if (v->state == V_GREETING || v->nup > 0)
		loop_timer_set(v->wire, v->server->latency_ms);
}

static void
on_wire(void *arg)
{
	struct visit *v = arg;
	bool closing = v->closing;

	if (v->state == V_GREETING && v->nup == 0 && !closing)
		server_greet(v);
	else if (closing && v->nup == 0)
		visit_free(v);
	else {
		server_input(v);
		/* v may be gone: those that are closing have no owner. */
		if (closing)
			visit_free(v);
	}
}

static void
visit_open(struct conn *c)
{
	struct visit *v = mem_alloc(sizeof(*v));

	v->server = c->server;
	v->conn = c;
	v->addr = c->addr;
	v->since = clock_now();
	v->wire = sim_timer(on_wire, v);
	LIST_INSERT_HEAD(&c->server->visits, v, link);
	c->server->nopen++;
	nvisits++;
	c->visit = v;
	(void)event_add(c, EV_CONNECTED, arrival(v, c->server->latency_ms), 0);
	loop_timer_set(v->wire, c->server->latency_ms);
}

/* ---- conn.h */

struct conn *
conn_connect(struct loop *l, const struct net_addr *to,
    const struct net_addr *from, size_t input_max, conn_cb *cb, void *arg)
{
	struct conn *c = mem_alloc(sizeof(*c));
	struct event *e;

	(void)input_max;
	c->loop = l;
	c->peer = *to;
	if (from != NULL)
		c->local = *from;
	c->cb = cb;
	c->arg = arg;
	c->error = "";
	c->timer = loop_timer_create(l, on_timer, c);
	c->next = loop_timer_create(l, on_next, c);
	c->offer = loop_task_create(l, on_offer, c);
	STAILQ_INIT(&c->events);
	c->server = server_at(to, &c->addr);
	judge_connect(c->server);
	if (c->server != NULL)
		trace("host %u: connect to address %u, mood %s, %u open",
		    c->server->index, c->addr, mood_name(c->server->mood),
		    c->server->nopen);
	switch (c->server != NULL ? server_syn(c->server, c->addr) : SYN_LOST) {
	case SYN_ACCEPTED:
		visit_open(c);
		break;
	case SYN_REFUSED:
		e = event_add(c, EV_ERROR,
		    loop_now(l) + 2 * c->server->latency_ms * CLOCK_MS, 0);
		e->error = "connection refused";
		e->number = ECONNREFUSED;
		break;
	case SYN_LOST:
		e = event_add(c, EV_ERROR,
		    loop_now(l) + KERNEL_GIVES_UP_MS * CLOCK_MS, 0);
		e->error = "connection timed out";
		e->number = ETIMEDOUT;
		break;
	}
	return c;
}

struct conn *
conn_accept(struct loop *l, int fd, const struct net_addr *peer,
    size_t input_max, conn_cb *cb, void *arg)
{
	(void)l;
	(void)fd;
	(void)peer;
	(void)input_max;
	(void)cb;
	(void)arg;
	mx_panic("nobody connects to us", __FILE__, __LINE__);
}

/* The server learns it when the news arrives. */
static void
let_go(struct conn *c)
{
	struct visit *v = c->visit;

	if (v != NULL) {
		judge_closed(v);
		v->conn = NULL;
		v->closing = true;
		if (v->state == V_GREETING && v->nup == 0)
			v->state = V_OVER;
		loop_timer_set(v->wire, v->server->latency_ms);
	}
	judge_disconnect(c->server);
	c->visit = NULL;
	c->dead = true;
	loop_timer_cancel(c->timer);
	loop_timer_cancel(c->next);
	if (c->keep != NULL)
		loop_timer_cancel(c->keep);
	if (c->depth == 0)
		conn_free(c);
}

void
conn_destroy(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c != NULL)
		let_go(c);
}

void
conn_finish(struct conn **cp, int64_t linger_ms)
{
	(void)linger_ms;
	conn_destroy(cp);
}

void
conn_finish_quit(struct conn **cp, int64_t linger_ms)
{
	conn_finish(cp, linger_ms);
}

void
conn_owner(struct conn *c, conn_cb *cb, void *arg)
{
	c->cb = cb;
	c->arg = arg;
}

int
conn_errno(const struct conn *c)
{
	return c->number;
}

void
conn_keepalive(struct conn *c, int s)
{
	c->keep_s = s;
	if (c->visit != NULL && c->visit->mute)
		visit_mute(c->visit);
}

size_t
conn_input(const struct conn *c, const char **data)
{
	*data = c->in;
	return c->in_len;
}

bool
conn_pending(const struct conn *c)
{
	const char *p;

	return conn_input(c, &p) > 0;
}

void
conn_consume(struct conn *c, size_t n)
{
	MX_ASSERT(n <= c->in_len);
	memmove(c->in, c->in + n, c->in_len - n);
	c->in_len -= n;
}

void
conn_pause(struct conn *c)
{
	(void)c;
}

void
conn_resume(struct conn *c)
{
	loop_task_schedule(c->offer);
}

void
conn_yield(struct conn *c)
{
	loop_task_wait(c->offer);
}

void
conn_write(struct conn *c, const void *data, size_t len)
{
	struct visit *v = c->visit;

	if (v == NULL || v->conn == NULL)
		return;
	if (v->mute) {
		/* It is back and knows nothing of the connection. */
		if (v->server->mood == MOOD_WELL) {
			v->mute = false;
			visit_close(v, v->server->latency_ms, true);
			return;
		}
	}
	if (v->nup + len > v->size) {
		v->size = (v->nup + len) * 2 + 128;
		v->up = mem_grow(v->up, v->size, 1);
	}
	memcpy(v->up + v->nup, data, len);
	v->nup += len;
	server_sent(v);
	if (!v->mute && !loop_timer_pending(v->wire))
		loop_timer_set(v->wire, v->server->latency_ms);
}

void
conn_write_owned(struct conn *c, char *data, size_t len)
{
	conn_write(c, data, len);
	free(data);
}

void
conn_printf(struct conn *c, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	MX_ASSERT(n >= 0 && (size_t)n < sizeof(line));
	conn_write(c, line, (size_t)n);
}

size_t
conn_backlog(const struct conn *c)
{
	(void)c;
	return 0;
}

void
conn_timeout(struct conn *c, int64_t ms)
{
	if (ms > 0)
		loop_timer_set(c->timer, ms);
	else
		loop_timer_cancel(c->timer);
}

int
conn_tls_start(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	struct visit *v = c->visit;
	struct event *e;
	int64_t at;

	(void)name;
	c->in_len = 0;
	if (v == NULL || v->mute)
		return 0; /* silence, or the end is on its way */
	at = arrival(v, v->server->latency_ms);
	switch (v->server->tls) {
	case STLS_BROKEN:
		e = event_add(c, EV_ERROR, at, 0);
		e->error = "TLS: handshake failure";
		c->is_tls = true;
		break;
	case STLS_CLOSES:
		visit_close(v, v->server->latency_ms, false);
		break;
	default:
		if (ctx->strict) {
			e = event_add(c, EV_ERROR, at, 0);
			e->error = "TLS: certificate verify failed";
			c->is_tls = true;
		} else {
			(void)event_add(c, EV_TLS, at, 0);
		}
	}
	return 0;
}

int
conn_tls_resume(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	return conn_tls_start(c, ctx, name);
}

void
conn_tls_forget(struct conn *c)
{
	(void)c; /* nothing is resumed */
}

int
conn_tls_start_dane(struct conn *c, struct tls_ctx *ctx,
    const struct dane *dane)
{
	(void)dane;
	return conn_tls_start(c, ctx, NULL);
}

const struct tls_info *
conn_tls_info(const struct conn *c)
{
	static const struct tls_info info = { .version = "TLSv1.3",
		.cipher = "TLS_AES_256_GCM_SHA384" };

	return c->tls_up ? &info : NULL;
}

const struct net_addr *
conn_peer(const struct conn *c)
{
	return &c->peer;
}

const struct net_addr *
conn_local(struct conn *c)
{
	return &c->local;
}

const char *
conn_error(const struct conn *c)
{
	return c->error;
}

bool
conn_error_is_tls(const struct conn *c)
{
	return c->is_tls;
}

bool
conn_error_is_local(const struct conn *c)
{
	(void)c;
	return false;
}

/* Those that say goodbye have their time. */
void
sim_net_end(void)
{
	sim_run(clock_now() + 10 * CLOCK_SEC);
	MX_ASSERT(nvisits == 0);
}
