/* SPDX-License-Identifier: ISC
 * talk: see talk.h. The null reverse-path and NOTIFY=NEVER see to it that the
 * message is never reported about. */
#include "drill/talk.h"

#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "smtp/command.h"

#define LINGER_MS  1000
#define CONNECT_MS 5000

struct drill_talk {
	struct loop *loop;
	struct drill_hello hello;
	struct smtp_client_rcpt rcpt;
	drill_talk_cb *cb;
	void *arg;
	struct reach *reach; /* NULL: it has ended */
	struct conn *conn;
	struct smtp_client *client;
	struct drill_heard heard;
	char text[256], addr[ADDR_TEXT_MAX], tls[32];
};

/* Shorter than those of a delivery: it is ourselves who answer. */
static const struct reach_limits limits = { .short_connect_ms = CONNECT_MS,
	.short_reply_ms = 30000,
	.tls_silence_ms = 10000,
	.total_ms = 60000,
	.reply_ms = 60000 };

void
drill_talk_addr(const struct conf_listen *l, struct net_addr *addr)
{
	*addr = l->addr;
	if (!addr_is_any(addr))
		return;
	if (addr->u.sa.sa_family == AF_INET6)
		addr->u.in6.sin6_addr = in6addr_loopback;
	else
		addr->u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

void
drill_talk_cancel(struct drill_talk **tp)
{
	struct drill_talk *t = *tp;

	if (t == NULL)
		return;
	reach_cancel(&t->reach);
	conn_destroy(&t->conn);
	smtp_client_destroy(&t->client);
	mem_free(tp);
}

static void
end(struct drill_talk *t)
{
	drill_talk_cb *cb = t->cb;
	void *arg = t->arg;

	if (t->conn != NULL && t->client != NULL && t->heard.code != 0) {
		conn_printf(t->conn, "QUIT\r\n");
		conn_finish(&t->conn, LINGER_MS);
	}
	t->heard.text = t->text;
	t->heard.addr = t->addr;
	t->heard.tls = t->tls;
	cb(&t->heard, arg);
	drill_talk_cancel(&t);
}

/* The reply that decides, or why there is none. */
static void
note(struct drill_talk *t, enum smtp_phase phase, const struct smtp_reply *r,
    const char *text)
{
	t->heard.phase = phase;
	t->heard.code = r != NULL ? r->code : 0;
	if (t->heard.code != 0)
		text = r->text;
	(void)strlcpy(t->text, text != NULL ? text : "", sizeof(t->text));
}

static void
send_mail(struct drill_talk *t)
{
	const struct smtp_client_tx tx = { .sender = "",
		.rcpts = &t->rcpt,
		.nrcpts = 1,
		.size = t->hello.len,
		.envid = t->hello.mark,
		.way = CLIENT_DATA };

	smtp_client_mail(t->client, &tx, loop_now(t->loop));
}

static void
send_out(struct drill_talk *t)
{
	struct buf *out = smtp_client_out(t->client);

	if (out->len == 0)
		return;
	conn_write(t->conn, out->data, out->len);
	buf_clear(out);
	conn_timeout(t->conn, smtp_client_timeout_ms(t->client));
}

/* Handles events of the engine until it needs input; false: t is gone. */
static bool
run_engine(struct drill_talk *t)
{
	struct smtp_client_info info;

	for (;;) {
		switch (smtp_client_next(t->client, loop_now(t->loop), &info)) {
		case CLIENT_NONE:
			return true;
		case CLIENT_RCPT:
			if (!reply_ok(info.reply))
				note(t, SMTP_PHASE_RCPT, info.reply, NULL);
			break;
		case CLIENT_BODY:
			smtp_client_body(t->client, t->hello.data,
			    t->hello.len);
			smtp_client_body_end(t->client, loop_now(t->loop));
			break;
		case CLIENT_SENT:
			if (t->heard.code == 0)
				note(t, info.phase, info.reply, info.text);
			t->heard.ok = info.phase == SMTP_PHASE_EOD &&
			    info.reply != NULL && reply_ok(info.reply);
			t->heard.durable_ms =
			    smtp_client_phase_ns(t->client, SMTP_PHASE_EOD) /
			    CLOCK_MS;
			end(t);
			return false;
		case CLIENT_READY:
		case CLIENT_START_TLS:
		case CLIENT_CLOSED:
		case CLIENT_FAILED:
			note(t, info.phase, info.reply, info.text);
			end(t);
			return false;
		}
	}
}

static void
advance(struct drill_talk *t)
{
	if (run_engine(t))
		send_out(t);
}

static void
broken(struct drill_talk *t, const char *text)
{
	note(t, smtp_client_phase(t->client), NULL, text);
	end(t);
}

static void
on_conn(struct conn *c, enum conn_event ev, void *arg)
{
	struct drill_talk *t = arg;
	const char *data;
	size_t len;
	int rc;

	switch (ev) {
	case CONN_READ:
		len = conn_input(c, &data);
		rc = smtp_client_feed(t->client, data, len, loop_now(t->loop));
		(void)rc; /* input too long: smtp_client_next() reports it */
		conn_consume(c, len);
		advance(t);
		break;
	case CONN_EOF:
		broken(t, "the connection was closed");
		break;
	case CONN_ERROR:
		broken(t, conn_error(c));
		break;
	case CONN_TIMEOUT:
		broken(t, "no answer in time");
		break;
	case CONN_CONNECTED:
	case CONN_TLS_UP:
	case CONN_DRAINED:
		break;
	}
}

static void
on_reached(const struct reach_result *r, void *arg)
{
	struct drill_talk *t = arg;

	t->reach = NULL;
	t->conn = r->conn;
	t->client = r->client;
	if (r->tls)
		(void)strlcpy(t->tls, r->tls_info.version, sizeof(t->tls));
	if (r->conn == NULL) {
		t->heard.phase = r->phase;
		t->heard.code = r->reply_code;
		(void)strlcpy(t->text, r->text, sizeof(t->text));
		end(t);
		return;
	}
	conn_owner(t->conn, on_conn, t);
	send_mail(t);
	advance(t);
}

struct drill_talk *
drill_talk_start(const struct reach_env *shared, const struct drill_hello *h,
    drill_talk_cb *cb, void *arg)
{
	const struct reach_policy policy = { .helo = h->helo,
		.tls = CONF_TLS_MAY,
		.connect_ms = CONNECT_MS,
		.probe = true,
		.may_be_backup = true,
		.depth = REACH_READY };
	struct drill_talk *t = mem_alloc(sizeof(*t));
	struct reach_env env = *shared;
	struct route_host host = { .naddrs = 1 };

	t->loop = env.loop;
	t->hello = *h;
	t->rcpt = (struct smtp_client_rcpt){ .mailbox = h->recipient,
		.notify = NOTIFY_GIVEN | NOTIFY_NEVER };
	t->cb = cb;
	t->arg = arg;
	drill_talk_addr(h->listen, &host.addr[0]);
	host.port = addr_port(&host.addr[0]);
	(void)addr_text(&host.addr[0], host.name);
	(void)route_label(host.name, host.port, host.label);
	(void)addr_text_port(&host.addr[0], t->addr);
	env.limits = &limits;
	t->reach = reach_start(&env, &host, &policy, on_reached, t);
	return t;
}
