/* SPDX-License-Identifier: ISC
 * session: one connection to a host, from reach (primary/reach.h) until it has
 * carried its messages, was idle for too long, or broke. When ready it takes
 * the first of its lane's line for each message and has flight.c send it. A
 * break ends or returns the deliveries at hand: JOB_RETURNED when the server
 * had not answered any of it, JOB_LOST when its transaction had begun.
 *
 *	 reach --ready--> idle --work--> load --body--> send --.
 *	   |               ^ \                                 |
 *	   |               |  `--idle too long, spent--.       |
 *	   |               `---------- next -----------|-------'
 *	   `--failed--> gone <--closed, error-- quit <-'
 *
 * Loop thread; no call from outside re-enters a session. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define SESSION_QUIT_MS 5000 /* time for the reply to QUIT */
/* EHLO is asked again on a new connection: a message that did not fit would not
 * fit as long as this connection is kept busy. */
#define OFFER_AGAIN (2 * CLOCK_SEC)

#define EDGE(st)    (1u << (st))

static const struct {
	const char *name;
	bool working; /* carrying a message */
	unsigned to;
} states[SESSION_STATE_MAX] = {
	[SESSION_REACH] = { "reach", false,
	    EDGE(SESSION_IDLE) | EDGE(SESSION_QUIT) | EDGE(SESSION_GONE) },
	[SESSION_IDLE] = { "idle", false,
	    EDGE(SESSION_LOAD) | EDGE(SESSION_QUIT) | EDGE(SESSION_GONE) },
	[SESSION_LOAD] = { "load", true,
	    EDGE(SESSION_SEND) | EDGE(SESSION_IDLE) | EDGE(SESSION_QUIT) |
		EDGE(SESSION_GONE) },
	[SESSION_SEND] = { "send", true,
	    EDGE(SESSION_SEND) | EDGE(SESSION_IDLE) | EDGE(SESSION_QUIT) |
		EDGE(SESSION_GONE) },
	[SESSION_QUIT] = { "quit", false, EDGE(SESSION_GONE) },
	[SESSION_GONE] = { "gone", false, 0 },
};

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

static const char *
domain_of(const struct deliver_session *s)
{
	return s->dest != NULL ? s->dest->domain : "";
}

void
deliver_session_set(struct deliver_session *s, enum deliver_session_state to)
{
	struct deliver *dl = deliver_of(s);

	MX_ASSERT(states[s->state].to & EDGE(to));
	log_trace("deliver", "domain=%s state=%s->%s", log_q(domain_of(s)),
	    states[s->state].name, states[to].name);
	if (s->state == SESSION_IDLE)
		TAILQ_REMOVE(&dl->idle, s, list);
	host_of(s)->working -= states[s->state].working;
	s->state = to;
	host_of(s)->working += states[to].working;
	if (to == SESSION_IDLE)
		TAILQ_INSERT_TAIL(&dl->idle, s, list);
}

bool
deliver_session_is_current(const struct deliver_session *s)
{
	return s->epoch == host_of(s)->epoch;
}

static void
count_ours(struct deliver_session *s, bool more)
{
	address_ours(address_book_get(deliver_of(s)->reach->book, &s->addr),
	    more);
}

/* Called by reach.h, perhaps repeatedly: for one address after the other. */
static void
on_greeted(void *arg)
{
	struct deliver_session *s = arg;

	if (s->greeted || !deliver_session_is_current(s))
		return;
	s->greeted = true;
	host_greeted(host_of(s), s->since_ns);
	site_touch(s->lane->site); /* further connections may start */
}

/* The connection did not become ready. */
static void
ungreet(struct deliver_session *s)
{
	if (s->greeted && deliver_session_is_current(s))
		host_ungreeted(host_of(s));
	s->greeted = false;
}

/* Ends the session; the task frees its memory. */
void
deliver_session_gone(struct deliver_session *s)
{
	struct deliver *dl = deliver_of(s);
	struct lane *l = s->lane;

	MX_ASSERT(s->cur == NULL);
	flight_drop_behind(s);
	deliver_tx_return(s, &s->next);
	body_drop(s);
	deliver_dest_release(s);
	if (s->state == SESSION_REACH)
		ungreet(s);
	if (deliver_session_is_current(s)) {
		host_closed(host_of(s), s->state != SESSION_REACH, now_of(s));
	} else {
		host_of(s)->before--;
	}
	if (s->state != SESSION_REACH)
		count_ours(s, false);
	reach_cancel(&s->reach);
	conn_destroy(&s->conn);
	smtp_client_destroy(&s->client);
	deliver_session_set(s, SESSION_GONE);
	l->site->quitting -= s->making_room;
	TAILQ_REMOVE(&l->sessions, s, link);
	l->nsessions--;
	dl->nsessions--;
	dl->nforeign -= l->foreign;
	TAILQ_INSERT_TAIL(&dl->gone, s, list);
	site_touch(l->site);
}

void
deliver_session_free(struct deliver_session *s)
{
	config_unref(&s->conf);
	free(s->tx);
	free(s);
}

/* ---- the next work of a ready connection */

/* Another transaction would be refused: by RFC 9422 limits, or learned ones. */
bool
deliver_session_full(const struct deliver_session *s)
{
	unsigned most = smtp_client_limits(s->client).mails;
	unsigned learned = host_limit_value(&host_of(s)->messages, now_of(s));

	unsigned refusals = host_limit_value(&host_of(s)->refusals, now_of(s));

	if (most == 0 || (learned != 0 && learned < most))
		most = learned;
	if (refusals != 0 && s->refused > 0 && s->refused + 1 >= refusals)
		return true;
	return most != 0 && s->messages >= most;
}

bool
deliver_session_spent(const struct deliver_session *s)
{
	int64_t age = now_of(s) - s->since_ns;

	return s->last || s->conf != deliver_of(s)->conf ||
	    !deliver_session_is_current(s) || deliver_session_full(s) ||
	    s->messages >= s->set->max_messages ||
	    (s->offers_less && age >= OFFER_AGAIN) ||
	    age >= s->set->max_age_ms * CLOCK_MS;
}

void
deliver_session_quit(struct deliver_session *s, bool making_room)
{
	if (s->state == SESSION_GONE || s->state == SESSION_QUIT)
		return;
	deliver_tx_return(s, &s->cur);
	deliver_tx_return(s, &s->next);
	deliver_dest_release(s);
	if (s->state == SESSION_REACH) {
		deliver_session_gone(s);
		return;
	}
	if (making_room) {
		s->making_room = true;
		s->lane->site->quitting++;
	}
	deliver_session_set(s, SESSION_QUIT);
	smtp_client_quit(s->client, now_of(s));
	deliver_session_pump(s);
}

/* Takes the next delivery: the one loaded ahead, or the first of the line.
 * False: there is none for now. */
static bool
session_take(struct deliver_session *s)
{
	s->cur = s->next;
	s->next = NULL;
	if (s->cur == NULL && now_of(s) >= host_of(s)->next_ns)
		s->cur = lane_next(s->lane, s);
	if (s->cur == NULL)
		return false;
	s->dest = s->cur->dest;
	deliver_dest_busy(s->dest, s->lane);
	return true;
}

/* The server can take a transaction. */
void
deliver_session_next(struct deliver_session *s)
{
	bool yields;

	for (;;) {
		if (s->cur != NULL && s->cur->loaded) {
			/* A delivery loaded ahead, or one with more
			 * recipients. */
			if (s->cur->start_ns != 0) {
				flight_batch(s);
				return;
			}
			if (flight_begin(s))
				return;
		}
		/* The destinations in line come before the present one. */
		deliver_dest_release(s);
		yields = lane_yields(s);
		if (yields || deliver_session_spent(s) ||
		    deliver_of(s)->draining) {
			deliver_session_quit(s, yields);
			return;
		}
		if (s->state != SESSION_IDLE)
			deliver_session_set(s, SESSION_IDLE);
		conn_timeout(s->conn,
		    s->set->idle_ms > 0 ? s->set->idle_ms : 1);
		if (!session_take(s)) {
			site_touch(s->lane->site);
			return;
		}
		deliver_session_set(s, SESSION_LOAD);
		conn_timeout(s->conn, 0);
		if (!s->cur->loaded)
			return;
	}
}

void
deliver_session_kick(struct deliver_session *s)
{
	if (s->state != SESSION_IDLE)
		return;
	deliver_session_next(s);
	deliver_session_pump(s);
}

/* ---- events of the engine */

/* A server that closes after the same number of messages repeatedly has a
 * limit. */
static void
learn_closed(struct deliver_session *s)
{
	if (s->accepted > 0 && s->accepted == s->messages)
		host_closed_after(host_of(s), s->accepted, now_of(s));
}

static void
on_failed(struct deliver_session *s, const struct smtp_client_info *info)
{
	if (s->cur != NULL)
		deliver_tx_lost(s, info->phase, info->reply,
		    info->text != NULL ? info->text : "");
	else if (s->state == SESSION_IDLE || s->state == SESSION_SEND)
		learn_closed(s); /* after the reply, or later */
	deliver_session_gone(s);
}

static void
on_event(struct deliver_session *s, enum smtp_client_event ev,
    const struct smtp_client_info *info)
{
	switch (ev) {
	case CLIENT_READY:
		if (s->state != SESSION_QUIT)
			deliver_session_next(s);
		break;
	case CLIENT_RCPT:
		deliver_tx_rcpt(s, info);
		break;
	case CLIENT_BODY:
		s->tx->answered = true;
		s->body = true;
		s->body_at = 0;
		s->crc = 0;
		body_send_more(s);
		break;
	case CLIENT_SENT:
		deliver_tx_sent(s, info);
		break;
	case CLIENT_CLOSED:
		deliver_session_gone(s);
		break;
	case CLIENT_FAILED:
		on_failed(s, info);
		break;
	case CLIENT_START_TLS: /* done by reach.c */
	case CLIENT_NONE:
		break;
	}
}

void
deliver_session_write(struct deliver_session *s)
{
	struct buf *out = smtp_client_out(s->client);

	conn_write(s->conn, out->data, out->len);
	buf_clear(out);
}

/* Handles all events of the engine, sends its output, and sets the timer when a
 * new reply is awaited (not for every byte received). */
void
deliver_session_pump(struct deliver_session *s)
{
	struct smtp_client_info info;
	enum smtp_client_event ev;
	bool news = false;

	while (s->client != NULL) {
		ev = smtp_client_next(s->client, now_of(s), &info);
		if (ev == CLIENT_NONE)
			break;
		news = true;
		on_event(s, ev, &info);
	}
	if (s->client == NULL)
		return;
	if (smtp_client_out(s->client)->len > 0) {
		deliver_session_write(s);
		news = true;
	}
	if (s->state == SESSION_QUIT)
		conn_timeout(s->conn, SESSION_QUIT_MS);
	else if (news && !s->body && s->state == SESSION_SEND)
		conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}

/* ---- events of the connection */

static void
on_lost(struct deliver_session *s, const char *text)
{
	if (s->state == SESSION_IDLE || s->state == SESSION_QUIT) {
		if (s->state == SESSION_IDLE)
			learn_closed(s);
		deliver_session_gone(s);
	} else {
		smtp_client_lost(s->client, text, now_of(s));
		deliver_session_pump(s);
	}
}

static void
on_conn(struct conn *conn, enum conn_event ev, void *arg)
{
	struct deliver_session *s = arg;
	const char *data;
	size_t n;

	switch (ev) {
	case CONN_READ:
		if (s->client == NULL || (n = conn_input(conn, &data)) == 0)
			break;
		if (smtp_client_feed(s->client, data, n, now_of(s)) != 0)
			log_trace("deliver", "domain=%s event=flood",
			    log_q(domain_of(s)));
		conn_consume(conn, n);
		s->heard_ns = now_of(s);
		deliver_session_pump(s);
		break;
	case CONN_DRAINED:
		if (s->body) {
			conn_timeout(conn, smtp_client_timeout_ms(s->client));
			body_send_more(s);
		} else {
			flight_fill(s);
		}
		deliver_session_pump(s);
		break;
	case CONN_EOF:
		on_lost(s, "the server closed the connection");
		break;
	case CONN_ERROR:
		on_lost(s, conn_error(conn));
		break;
	case CONN_TIMEOUT:
		if (s->state == SESSION_IDLE)
			deliver_session_quit(s, false);
		else
			on_lost(s, "timed out");
		break;
	case CONN_CONNECTED: /* handled by reach.c */
	case CONN_TLS_UP:
		break;
	}
}

/* ---- connecting */

static bool
is_silence(const struct reach_result *r)
{
	return r->code == REACH_CONN_TIMEOUT || r->code == REACH_TIMEOUT;
}

/* Another policy may succeed: the host is not to blame. */
static bool
fails_by_policy(const struct reach_result *r)
{
	return r->phase == SMTP_PHASE_STARTTLS || r->code == REACH_BACKUP;
}

/* The failure is outdated: the connection timed out, over one or more
 * addresses, while another became ready after it began; or it was refused as
 * one too many, but a later one was greeted, or one has ended since it
 * began. */
static bool
is_old_news(const struct deliver_session *s, const struct reach_result *r)
{
	const struct host *h = host_of(s);
	bool crowded = host_says_crowded(r->phase, r->reply_code);

	if (r->code == REACH_BACKUP)
		return false;
	return (is_silence(r) && h->ready_ns > s->since_ns) ||
	    (crowded &&
		(h->newest_ns > s->since_ns || h->left_ns > s->since_ns));
}

static void
session_unreached(struct deliver_session *s, const struct reach_result *r)
{
	static const char *const failures[] = { [HOST_CROWDED] = "crowded",
		[HOST_FAILED] = "connect_failed",
		[HOST_AGAIN] = "connect_failed" };
	struct lane *l = s->lane;
	struct deliver_dest *d = s->dest;
	enum host_failure f = HOST_FAILED;
	char addr[ADDR_TEXT_MAX];

	ungreet(s);
	/* A failure of this policy only says nothing of the host. */
	if (!deliver_session_is_current(s))
		f = HOST_AGAIN;
	else if (is_old_news(s, r))
		f = HOST_CROWDED;
	else if (!fails_by_policy(r))
		f = host_connect_failed(host_of(s), r->phase, r->reply_code,
		    is_silence(r), s->since_ns, now_of(s));
	log_info("deliver",
	    "domain=%s host=%s addr=%s event=%s phase=%s code=%u reply=%s",
	    d->domain, log_q(s->label),
	    r->addr.len != 0 ? addr_text_port(&r->addr, addr) : "none",
	    failures[f], smtp_phase_name(r->phase), (unsigned)r->reply_code,
	    log_peer(r->text));
	if (f == HOST_FAILED)
		lane_failed(l, fails_by_policy(r), now_of(s) - s->since_ns);
	s->dest = NULL;
	d->busy--;
	if (f == HOST_CROWDED) {
		if (!d->in_line && d->lane == l && deliver_dest_hungry(d))
			lane_line_put(d, true);
		lane_work(l);
	}
	deliver_dest_failed(d, s, r, f);
	deliver_session_gone(s);
}

static void
count_handshake(const struct deliver_session *s)
{
	const struct tls_info *ti = conn_tls_info(s->conn);
	enum tls_handshake how;

	if (ti == NULL)
		return;
	how = ti->resumed ? TLS_RESUMED : TLS_FULL;
	deliver_of(s)->stats->g.deliver_handshakes[how]++;
}

static void
on_reached(const struct reach_result *r, void *arg)
{
	struct deliver_session *s = arg;
	struct deliver_dest *d = s->dest;

	s->reach = NULL;
	if (r->code != REACH_OK) {
		session_unreached(s, r);
		return;
	}
	s->conn = r->conn;
	s->client = r->client;
	s->addr = r->addr;
	addr_text_port(&s->addr, s->peer);
	s->tls_by = r->tls_by;
	on_greeted(s);
	if (deliver_session_is_current(s))
		host_connected(host_of(s), now_of(s) - s->since_ns, now_of(s));
	s->connect_ns = now_of(s) - s->since_ns;
	s->since_ns = s->heard_ns = now_of(s);
	conn_owner(s->conn, on_conn, s);
	count_handshake(s);
	count_ours(s, true);
	site_touch(s->lane->site);
	s->lane->failed_until_ns = 0;
	s->lane->fails = 0;
	/* Not yet a success for the health: a server that greets and then
	 * refuses each message would alternate between up and suspect for
	 * ever. */
	deliver_session_set(s, SESSION_IDLE);
	deliver_dest_arrived(d);
	deliver_dest_release(s);
	if (!d->in_line && d->lane == s->lane && deliver_dest_hungry(d))
		lane_line_put(d, true);
	deliver_session_next(s);
	deliver_session_pump(s);
}

/* The longest known greeting of its addresses. */
static int64_t
usual_way_ns(const struct deliver *dl, const struct route_host *h)
{
	int64_t worst = 0, ns;
	struct net_addr a;

	for (unsigned i = 0; i < h->naddrs; i++) {
		a = h->addr[i];
		addr_port_set(&a, h->port);
		ns = address_greeting_ns(address_book_peek(dl->reach->book, &a),
		    loop_now(dl->loop));
		if (ns > worst)
			worst = ns;
	}
	return worst;
}

void
deliver_session_create(struct lane *l, struct deliver_dest *d)
{
	struct deliver *dl = l->site->deliver;
	struct deliver_session *s = mem_alloc(sizeof(*s));
	const struct conf_domain *dom;
	struct reach_policy p;

	s->lane = l;
	s->dest = d;
	TAILQ_INIT(&s->behind);
	s->epoch = l->site->host.epoch;
	s->since_ns = loop_now(dl->loop);
	strlcpy(s->label, d->label, sizeof(s->label));
	d->busy++;
	s->conf = config_ref(dl->conf);
	dom = config_settings(s->conf, d->domain);
	if (dom == NULL)
		dom = &s->conf->defaults;
	s->set = &dom->deliver;
	TAILQ_INSERT_TAIL(&l->sessions, s, link);
	l->nsessions++;
	host_opened(&l->site->host, usual_way_ns(dl, &d->route->host[d->at]),
	    loop_now(dl->loop));
	dl->nsessions++;
	dl->nforeign += l->foreign;
	p = (struct reach_policy){ .helo = s->conf->hostname,
		.tls = s->set->tls,
		.source = s->set->source != NULL ? &s->set->source_addr : NULL,
		.connect_ms = s->set->connect_ms,
		.clear_after_ms = dom->retry.first_ms,
		.may_be_backup = deliver_dest_may_be_backup(d),
		.depth = REACH_READY,
		.greeted = on_greeted };
	s->reach =
	    reach_start(dl->reach, &d->route->host[d->at], &p, on_reached, s);
}

/* Shutdown: a message that was sent completely may have arrived. One that was
 * not is not counted as failed: it is sent first after the next start. A
 * permanent refusal can no longer be reported: that recipient is tried
 * again. */
void
deliver_session_abort(struct deliver_session *s)
{
	struct deliver *dl = deliver_of(s);
	struct delivery *w = s->cur;
	uint32_t i;

	if (w != NULL && s->state == SESSION_SEND) {
		for (i = 0; i < w->env->nrcpts; i++)
			if (w->env->rcpts[i].state == RCPT_FAILED &&
			    !w->env->rcpts[i].reported)
				w->env->rcpts[i].state = RCPT_PENDING;
		delivery_report(w, smtp_client_phase(s->client), "shutdown");
		if (s->tx->sent)
			delivery_finish(dl, &s->cur, JOB_LOST);
	}
	deliver_tx_return(s, &s->cur);
	deliver_session_gone(s);
}
