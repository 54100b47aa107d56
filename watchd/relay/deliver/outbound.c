/* SPDX-License-Identifier: ISC
 * outbound: one connection to a server: a conn below, the SMTP engine beside
 * it. Once one of its candidates is ready (reach.c) it takes job after job
 * and has transfer.c offer them, until it is spent, idle for too long, or
 * gone. What breaks here ends or returns the jobs at hand: JOB_RETURNED when
 * nothing was said of one, JOB_LOST when its transaction had begun. Loop
 * thread; no call from outside re-enters a session. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define SESSION_QUIT_MS 5000 /* politeness has its limits */

static const char *const state_names[] = { "connect", "hello", "idle", "load",
	"send", "quit", "gone" };

static bool
is_busy(enum outbound_state st)
{
	return st == SESSION_CONNECT || st == SESSION_HELLO ||
	    st == SESSION_LOAD || st == SESSION_SEND;
}

void
outbound_set(struct outbound *s, enum outbound_state to)
{
	struct target *d = s->target;
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
	target_touch(d);
}

const struct candidate *
outbound_host(const struct outbound *s)
{
	return &s->cand[s->at];
}

/* The end of a session; its memory stays until the task has freed it. */
void
outbound_gone(struct outbound *s)
{
	struct target *d = s->target;

	MX_ASSERT(s->cur == NULL);
	transfer_return(s, &s->next);
	transfer_drop_body(s);
	reach_drop(s);
	outbound_set(s, SESSION_GONE);
	TAILQ_REMOVE(&d->sessions, s, link);
	d->nsessions--;
	d->deliver->nsessions--;
	d->deliver->nforeign -= s->foreign;
	TAILQ_INSERT_TAIL(&d->deliver->gone, s, list);
}

void
outbound_free(struct outbound *s)
{
	unsigned i;

	config_unref(&s->conf);
	for (i = 0; i < s->ncand; i++)
		dane_unref(&s->cand[i].dane);
	free(s->cand);
	free(s);
}

/* ---- what to do with a ready connection */

/* RFC 9422: another transaction would be refused. */
bool
outbound_full(const struct outbound *s)
{
	unsigned most = smtp_client_limits(s->client).mails;

	return most != 0 && s->messages >= most;
}

bool
outbound_spent(const struct outbound *s)
{
	int64_t age = loop_now(s->target->deliver->loop) - s->since_ns;

	return s->conf != s->target->deliver->conf || outbound_full(s) ||
	    s->messages >= s->set->max_messages ||
	    age >= s->set->max_age_ms * CLOCK_MS;
}

void
outbound_quit(struct outbound *s)
{
	if (s->state == SESSION_GONE || s->state == SESSION_QUIT)
		return;
	transfer_return(s, &s->cur);
	transfer_return(s, &s->next);
	if (s->state == SESSION_CONNECT || s->state == SESSION_HELLO) {
		outbound_gone(s);
		return;
	}
	outbound_set(s, SESSION_QUIT);
	smtp_client_quit(s->client, loop_now(s->target->deliver->loop));
	outbound_pump(s);
}

/* The server awaits a transaction. */
void
outbound_next(struct outbound *s)
{
	struct target *d = s->target;

	for (;;) {
		if (s->cur != NULL && s->cur->loaded) {
			/* One that was loaded ahead, or more recipients. */
			if (s->cur->start_ns != 0) {
				transfer_batch(s);
				return;
			}
			if (transfer_begin(s))
				return;
		}
		if (outbound_spent(s) || target_yields(d) ||
		    d->deliver->draining) {
			outbound_quit(s);
			return;
		}
		/* Not busy while it is decided whether it shall be. */
		if (s->state != SESSION_IDLE)
			outbound_set(s, SESSION_IDLE);
		conn_timeout(s->conn,
		    s->set->idle_ms > 0 ? s->set->idle_ms : 1);
		if (!target_goes_on(d)) {
			transfer_return(s, &s->next);
			return;
		}
		s->cur = s->next != NULL ?
		    s->next :
		    work_take(d, s, DELIVER_PIECE, transfer_loaded);
		s->next = NULL;
		if (s->cur == NULL)
			return;
		outbound_set(s, SESSION_LOAD);
		conn_timeout(s->conn, 0);
		if (!s->cur->loaded)
			return;
	}
}

void
outbound_kick(struct outbound *s)
{
	if (s->state != SESSION_IDLE)
		return;
	outbound_next(s);
	outbound_pump(s);
}

/* ---- what the engine says */

static void
on_ready(struct outbound *s)
{
	if (s->state == SESSION_HELLO) {
		s->since_ns = loop_now(s->target->deliver->loop);
		target_ready(s->target, s);
	}
	if (s->state != SESSION_QUIT)
		outbound_next(s);
}

static void
on_failed(struct outbound *s, const struct smtp_client_info *info)
{
	const struct smtp_reply *r = info->reply;
	const char *text = info->text != NULL ? info->text : "";

	switch (s->state) {
	case SESSION_CONNECT:
	case SESSION_HELLO:
		if (info->phase == SMTP_PHASE_STARTTLS) {
			reach_tls_failed(s, r != NULL ? r->code : 0,
			    r != NULL ? r->text : text);
			return;
		}
		reach_failed(s, info->phase, r != NULL ? r->code : 0,
		    r != NULL ? r->text : text);
		return;
	case SESSION_LOAD:
	case SESSION_SEND:
		if (s->cur != NULL)
			transfer_lost(s, info->phase, r, text);
		break;
	default:
		break;
	}
	outbound_gone(s);
}

static void
on_event(struct outbound *s, enum smtp_client_event ev,
    const struct smtp_client_info *info)
{
	switch (ev) {
	case CLIENT_START_TLS:
		reach_tls(s);
		break;
	case CLIENT_READY:
		on_ready(s);
		break;
	case CLIENT_RCPT:
		transfer_rcpt(s, info);
		break;
	case CLIENT_BODY:
		s->answered = true;
		s->body = true;
		s->body_at = 0;
		s->crc = 0;
		transfer_body(s);
		break;
	case CLIENT_SENT:
		transfer_sent(s, info);
		break;
	case CLIENT_CLOSED:
		outbound_gone(s);
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
void
outbound_pump(struct outbound *s)
{
	struct smtp_client_info info;
	enum smtp_client_event ev;
	struct buf *out;
	bool news = false;

	while (s->client != NULL) {
		ev = smtp_client_next(s->client,
		    loop_now(s->target->deliver->loop), &info);
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
on_lost(struct outbound *s, const char *text)
{
	if (s->state == SESSION_CONNECT) {
		reach_failed(s, SMTP_PHASE_CONNECT, 0, text);
	} else if (s->handshake) {
		reach_tls_failed(s, 0, text);
	} else if (s->state == SESSION_IDLE || s->state == SESSION_QUIT) {
		outbound_gone(s);
	} else {
		smtp_client_lost(s->client, text,
		    loop_now(s->target->deliver->loop));
		outbound_pump(s);
	}
}

void
outbound_event(struct conn *conn, enum conn_event ev, void *arg)
{
	struct outbound *s = arg;
	int64_t now = loop_now(s->target->deliver->loop);
	const char *data;
	size_t n;

	switch (ev) {
	case CONN_CONNECTED:
		reach_dialogue(s);
		break;
	case CONN_READ:
		if (s->client == NULL || (n = conn_input(conn, &data)) == 0)
			break;
		if (smtp_client_feed(s->client, data, n, now) != 0)
			log_trace("deliver", "domain=%s event=flood",
			    s->target->domain);
		conn_consume(conn, n);
		outbound_pump(s);
		break;
	case CONN_DRAINED:
		if (!s->body)
			break;
		conn_timeout(conn, smtp_client_timeout_ms(s->client));
		transfer_body(s);
		outbound_pump(s);
		break;
	case CONN_TLS_UP:
		s->handshake = false;
		smtp_client_tls_up(s->client, now);
		outbound_pump(s);
		break;
	case CONN_EOF:
		on_lost(s, "the server closed the connection");
		break;
	case CONN_ERROR:
		on_lost(s, conn_error(conn));
		break;
	case CONN_TIMEOUT:
		if (s->state == SESSION_IDLE)
			outbound_quit(s);
		else
			on_lost(s, "timed out");
		break;
	}
}

struct outbound *
outbound_create(struct target *d, struct candidate *cand, unsigned n)
{
	struct outbound *s = mem_alloc(sizeof(*s));
	const struct conf_domain *dom;

	s->target = d;
	s->conf = config_ref(d->deliver->conf);
	dom = config_domain(s->conf, d->domain);
	s->set = dom != NULL ? &dom->deliver : &s->conf->defaults.deliver;
	s->cand = cand;
	s->ncand = n;
	TAILQ_INSERT_TAIL(&d->sessions, s, link);
	d->nsessions++;
	d->deliver->nsessions++;
	s->foreign = dom == NULL;
	d->deliver->nforeign += s->foreign;
	d->nbusy++; /* SESSION_CONNECT */
	reach_connect(s);
	return s;
}

/* Shutdown: what the server has begun to hear of may have arrived. What was
 * refused for good cannot be reported any more: it is tried again. */
void
outbound_abort(struct outbound *s)
{
	struct deliver *dl = s->target->deliver;
	struct work *w = s->cur;
	uint32_t i;

	if (w != NULL && s->state == SESSION_SEND) {
		for (i = 0; i < w->env->nrcpts; i++)
			if (w->env->rcpts[i].state == RCPT_FAILED &&
			    !w->env->rcpts[i].reported)
				w->env->rcpts[i].state = RCPT_PENDING;
		work_report(s->target, w, s, smtp_client_phase(s->client),
		    "shutdown");
		work_end(dl, &s->cur, JOB_LOST);
	}
	transfer_return(s, &s->cur);
	outbound_gone(s);
}
