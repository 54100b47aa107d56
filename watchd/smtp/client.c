/* SPDX-License-Identifier: ISC
 * client: the dialogue itself, as states that say what is awaited. One reply
 * is read at a time and given to the state's function, which puts the next
 * command into the output and returns the event, if there is one. Pipelining
 * does not change the states: the commands went out earlier, the replies
 * come in the same order.
 *
 * Whatever does not fit (a reply that nobody asked for, a 3xx where none
 * belongs, bytes behind the 220 to STARTTLS) ends the session, because from
 * there on nobody can tell which reply answers which command. Delivery and
 * probes call it on the loop thread; memory is capped by the three caps
 * below. */
#include "smtp/client.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "smtp/client_int.h"

#define IN_MAX	      (256u << 10) /* unread input, and one whole reply */
#define OUT_MAX	      (8u << 20) /* bodies come in pieces of <= 64 KiB */
#define PIPELINE_RCPT 1000 /* more of them go one by one */
#define SLICE	      8192

#define SEC	      1000000000

/* Timeouts are the minimums of RFC 5321 4.5.3.2; what it does not name gets
 * the five minutes of a command. A QUIT is courtesy: nobody waits for it. */
static const struct {
	enum smtp_phase phase;
	int timeout_s;
} states[CL_STATE_MAX] = {
	[CL_GREETING] = { SMTP_PHASE_GREETING, 300 },
	[CL_EHLO] = { SMTP_PHASE_EHLO, 300 },
	[CL_HELO] = { SMTP_PHASE_EHLO, 300 },
	[CL_STARTTLS] = { SMTP_PHASE_STARTTLS, 300 },
	[CL_TLS] = { SMTP_PHASE_STARTTLS, 300 },
	[CL_SETTLED] = { SMTP_PHASE_NONE, 300 },
	[CL_READY] = { SMTP_PHASE_NONE, 300 },
	[CL_MAIL] = { SMTP_PHASE_MAIL, 300 },
	[CL_RCPT] = { SMTP_PHASE_RCPT, 300 },
	[CL_RCPTS_DONE] = { SMTP_PHASE_RCPT, 300 },
	[CL_DATA] = { SMTP_PHASE_DATA, 120 },
	[CL_BODY] = { SMTP_PHASE_DATA, 180 },
	[CL_EOD] = { SMTP_PHASE_EOD, 600 },
	[CL_DROP_RCPT] = { SMTP_PHASE_RCPT, 300 },
	[CL_DROP_DATA] = { SMTP_PHASE_DATA, 120 },
	[CL_DROP_DOT] = { SMTP_PHASE_EOD, 600 },
	[CL_RSET] = { SMTP_PHASE_QUIT, 300 },
	[CL_QUIT] = { SMTP_PHASE_QUIT, 10 },
	[CL_CLOSED] = { SMTP_PHASE_NONE, 10 },
	[CL_FAILED] = { SMTP_PHASE_NONE, 10 },
};

/* Whether time in the state is the server's: a handshake and a body are the
 * owner's work as much. */
static bool
is_waiting(enum client_state st)
{
	return states[st].phase != SMTP_PHASE_NONE && st != CL_BODY;
}

static void
set_state(struct smtp_client *c, enum client_state to)
{
	if (is_waiting(c->state))
		c->ns[states[c->state].phase] += c->now - c->since;
	c->state = to;
	c->since = c->now;
}

/* A command has been put into the output: its reply is awaited. What the
 * server said before it can have seen the command is no reply to it. */
static void
await(struct smtp_client *c, enum client_state to)
{
	c->unasked |= c->in_pos < c->in.len;
	set_state(c, to);
}

static enum smtp_client_event
fail(struct smtp_client *c, struct smtp_client_info *info, bool with_reply,
    const char *text)
{
	c->failed_phase = states[c->state].phase;
	set_state(c, CL_FAILED);
	info->phase = c->failed_phase;
	info->reply = with_reply ? &c->last : NULL;
	info->text = text;
	return CLIENT_FAILED;
}

static enum smtp_client_event
sent(struct smtp_client *c, struct smtp_client_info *info,
    enum smtp_phase phase)
{
	info->phase = phase;
	info->reply = &c->last;
	c->tx = (struct smtp_client_tx){ .nrcpts = c->tx.nrcpts,
		.probe = c->tx.probe };
	return CLIENT_SENT;
}

static void
send_reset(struct smtp_client *c)
{
	client_put(c, "RSET\r\n", 6);
	await(c, CL_RSET);
}

static enum smtp_client_event
on_greeting(struct smtp_client *c, struct smtp_client_info *info)
{
	if (!reply_ok(&c->last))
		return fail(c, info, true, "refused by the greeting");
	client_put_hello(c, "EHLO");
	await(c, CL_EHLO);
	return CLIENT_NONE;
}

/* EHLO or HELO was accepted: TLS next, or ready. */
static enum smtp_client_event
on_hello_ok(struct smtp_client *c, struct smtp_client_info *info)
{
	if (c->tls || c->conf.tls == CLIENT_TLS_NONE) {
		set_state(c, CL_SETTLED);
	} else if (c->ext & CLIENT_EXT_STARTTLS) {
		client_put(c, "STARTTLS\r\n", 10);
		await(c, CL_STARTTLS);
	} else if (c->conf.tls == CLIENT_TLS_REQUIRE) {
		set_state(c, CL_STARTTLS);
		return fail(c, info, false, "STARTTLS is not offered");
	} else {
		set_state(c, CL_SETTLED);
	}
	return CLIENT_NONE;
}

static enum smtp_client_event
on_ehlo(struct smtp_client *c, struct smtp_client_info *info)
{
	if (reply_ok(&c->last)) {
		client_read_ehlo(c, c->last.text);
		return on_hello_ok(c, info);
	}
	/* A server that never heard of EHLO says 5xx; one that is busy says
	 * 4xx and would say it to HELO too. */
	if (!reply_perm(&c->last))
		return fail(c, info, true, "EHLO was refused");
	client_put_hello(c, "HELO");
	await(c, CL_HELO);
	return CLIENT_NONE;
}

static enum smtp_client_event
on_helo(struct smtp_client *c, struct smtp_client_info *info)
{
	if (!reply_ok(&c->last))
		return fail(c, info, true, "HELO was refused");
	return on_hello_ok(c, info);
}

static enum smtp_client_event
on_starttls(struct smtp_client *c, struct smtp_client_info *info)
{
	if (reply_ok(&c->last)) {
		/* CVE-2011-0411, from the other side */
		if (c->in_pos < c->in.len)
			return fail(c, info, false,
			    "data in clear behind the reply to STARTTLS");
		set_state(c, CL_TLS);
		info->phase = SMTP_PHASE_STARTTLS;
		info->reply = &c->last;
		return CLIENT_START_TLS;
	}
	if (c->conf.tls == CLIENT_TLS_REQUIRE)
		return fail(c, info, true, "STARTTLS was refused");
	set_state(c, CL_SETTLED);
	return CLIENT_NONE;
}

/* Where the replies to what is still under way go to waste. */
static void
drop_rest(struct smtp_client *c)
{
	if (c->rcpt < c->tx.nrcpts)
		set_state(c, CL_DROP_RCPT);
	else if (!c->tx.probe)
		set_state(c, CL_DROP_DATA);
	else
		set_state(c, CL_SETTLED);
}

static enum smtp_client_event
on_mail(struct smtp_client *c, struct smtp_client_info *info)
{
	enum smtp_client_event ev;

	if (reply_ok(&c->last)) {
		c->mail_ok = true;
		if (c->pipelined) {
			set_state(c, CL_RCPT);
		} else {
			client_put_rcpt(c, 0);
			await(c, CL_RCPT);
		}
		return CLIENT_NONE;
	}
	ev = sent(c, info, SMTP_PHASE_MAIL);
	if (c->pipelined)
		drop_rest(c);
	else
		set_state(c, CL_SETTLED);
	return ev;
}

static enum smtp_client_event
on_rcpt(struct smtp_client *c, struct smtp_client_info *info)
{
	info->phase = SMTP_PHASE_RCPT;
	info->reply = &c->last;
	info->rcpt = c->rcpt++;
	if (reply_ok(&c->last))
		c->accepted++;
	if (c->rcpt == c->tx.nrcpts) {
		set_state(c, CL_RCPTS_DONE);
	} else if (c->pipelined) {
		set_state(c, CL_RCPT); /* each reply has its own time */
	} else {
		client_put_rcpt(c, c->rcpt);
		await(c, CL_RCPT);
	}
	return CLIENT_RCPT;
}

/* No reply belongs to this step: it follows the last CLIENT_RCPT. */
static enum smtp_client_event
end_rcpts(struct smtp_client *c, struct smtp_client_info *info)
{
	enum smtp_client_event ev;

	if (c->accepted > 0 && !c->tx.probe) {
		if (c->pipelined) {
			set_state(c, CL_DATA);
		} else {
			client_put(c, "DATA\r\n", 6);
			await(c, CL_DATA);
		}
		return CLIENT_NONE;
	}
	ev = sent(c, info, SMTP_PHASE_RCPT);
	if (c->pipelined && !c->tx.probe)
		set_state(c, CL_DROP_DATA);
	else
		send_reset(c);
	return ev;
}

static enum smtp_client_event
on_data(struct smtp_client *c, struct smtp_client_info *info)
{
	enum smtp_client_event ev;

	if (c->last.code / 100 == 3) {
		dot_writer_init(&c->dot);
		await(c, CL_BODY);
		info->phase = SMTP_PHASE_DATA;
		info->reply = &c->last;
		return CLIENT_BODY;
	}
	/* 2xx: it may take our mail for commands now */
	if (reply_ok(&c->last))
		return fail(c, info, false, "DATA was answered out of turn");
	ev = sent(c, info, SMTP_PHASE_DATA);
	send_reset(c);
	return ev;
}

/* Nobody waits for the body any more. Usually the server refuses DATA. */
static enum smtp_client_event
on_drop_data(struct smtp_client *c, struct smtp_client_info *info)
{
	if (c->last.code / 100 == 3) {
		/* A recipient was accepted though the sender was not: the
		 * dot would deliver an empty message. */
		if (c->accepted > 0)
			return fail(c, info, false,
			    "DATA was answered out of turn");
		client_put(c, ".\r\n", 3); /* RFC 2920 3.1 */
		await(c, CL_DROP_DOT);
	} else if (reply_ok(&c->last)) {
		return fail(c, info, false, "DATA was answered out of turn");
	} else if (c->mail_ok) {
		send_reset(c);
	} else {
		set_state(c, CL_SETTLED);
	}
	return CLIENT_NONE;
}

/* The session has nothing under way; input would be a reply to nothing. */
static enum smtp_client_event
settle(struct smtp_client *c)
{
	if (c->quit) {
		client_put(c, "QUIT\r\n", 6);
		await(c, CL_QUIT);
		return CLIENT_NONE;
	}
	set_state(c, CL_READY);
	return CLIENT_READY;
}

/* A 3xx belongs to DATA and to nothing else: taking it for a refusal, or for
 * consent, would be guessing. */
static bool
is_expected(const struct smtp_client *c)
{
	if (c->state == CL_DATA || c->state == CL_DROP_DATA)
		return true;
	return c->last.code / 100 != 3;
}

static enum smtp_client_event
on_reply(struct smtp_client *c, struct smtp_client_info *info)
{
	if (c->state == CL_QUIT) {
		set_state(c, CL_CLOSED);
		info->phase = SMTP_PHASE_QUIT;
		info->reply = &c->last;
		return CLIENT_CLOSED;
	}
	if (c->last.code == 421)
		return fail(c, info, true, "the server closes the session");
	if (c->unasked)
		return fail(c, info, false, "a reply that nobody asked for");
	if (!is_expected(c))
		return fail(c, info, false, "a 3xx reply out of place");
	switch (c->state) {
	case CL_GREETING:
		return on_greeting(c, info);
	case CL_EHLO:
		return on_ehlo(c, info);
	case CL_HELO:
		return on_helo(c, info);
	case CL_STARTTLS:
		return on_starttls(c, info);
	case CL_MAIL:
		return on_mail(c, info);
	case CL_RCPT:
		return on_rcpt(c, info);
	case CL_DATA:
		return on_data(c, info);
	case CL_BODY: /* what it thinks of the message so far */
		return fail(c, info, !reply_ok(&c->last),
		    "a reply in the middle of the message");
	case CL_EOD:
		set_state(c, CL_SETTLED);
		return sent(c, info, SMTP_PHASE_EOD);
	case CL_DROP_RCPT:
		c->accepted += reply_ok(&c->last);
		c->rcpt++;
		drop_rest(c);
		return CLIENT_NONE;
	case CL_DROP_DATA:
		return on_drop_data(c, info);
	case CL_DROP_DOT:
		set_state(c, CL_SETTLED);
		return CLIENT_NONE;
	case CL_RSET:
		if (!reply_ok(&c->last))
			return fail(c, info, true, "RSET was refused");
		set_state(c, CL_SETTLED);
		return CLIENT_NONE;
	default: /* nothing is awaited */
		return fail(c, info, false, "a reply that nobody asked for");
	}
}

/* 1: c->last is a new reply, 0: more bytes are wanted. */
static int
read_reply(struct smtp_client *c)
{
	struct smtp_reply r;
	size_t used;
	int rc;

	rc = reply_parse(&c->parser, c->in.data + c->in_pos,
	    c->in.len - c->in_pos, &used, &r);
	c->in_pos += used;
	c->reply_len += used;
	if (rc < 0 || c->reply_len > IN_MAX)
		return -MX_ESYNTAX;
	if (rc == 0)
		return 0;
	c->reply_len = 0;
	c->last = r;
	buf_clear(&c->last_text);
	if (buf_add(&c->last_text, r.text, strlen(r.text) + 1) < 0)
		return -MX_ETOOBIG;
	c->last.text = c->last_text.data;
	return 1;
}

static bool
has_input(const struct smtp_client *c)
{
	return c->in_pos < c->in.len || c->reply_len > 0;
}

enum smtp_client_event
smtp_client_next(struct smtp_client *c, int64_t now,
    struct smtp_client_info *info)
{
	enum smtp_client_event ev = CLIENT_NONE;
	int rc;

	*info = (struct smtp_client_info){ 0 };
	c->now = now;
	while (ev == CLIENT_NONE) {
		if (c->state == CL_CLOSED || c->state == CL_FAILED)
			return CLIENT_NONE;
		if (c->broken != NULL)
			return fail(c, info, false, c->broken);
		if (c->state == CL_RCPTS_DONE) {
			ev = end_rcpts(c, info);
			continue;
		}
		if (c->state == CL_SETTLED && !has_input(c) && !c->lost) {
			ev = settle(c);
			continue;
		}
		if (c->state == CL_TLS && has_input(c))
			return fail(c, info, false,
			    "data in clear behind the reply to STARTTLS");
		rc = c->in_pos < c->in.len ? read_reply(c) : 0;
		if (rc < 0)
			return fail(c, info, false,
			    "what the server said is no SMTP reply");
		if (rc > 0)
			ev = on_reply(c, info);
		else if (c->lost)
			return fail(c, info, false, c->text);
		else
			return CLIENT_NONE;
	}
	return ev;
}

struct smtp_client *
smtp_client_create(const struct smtp_client_conf *conf, int64_t now)
{
	struct smtp_client *c = mem_alloc(sizeof(*c));

	c->conf = *conf;
	c->state = CL_GREETING;
	c->now = c->since = now;
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	buf_init(&c->last_text, REPLY_TEXT_MAX + 1);
	reply_parser_init(&c->parser);
	return c;
}

void
smtp_client_destroy(struct smtp_client **cp)
{
	struct smtp_client *c = *cp;

	if (c == NULL)
		return;
	buf_fini(&c->in);
	buf_fini(&c->out);
	buf_fini(&c->last_text);
	reply_parser_fini(&c->parser);
	mem_free(cp);
}

int
smtp_client_feed(struct smtp_client *c, const char *data, size_t len,
    int64_t now)
{
	c->now = now;
	if (c->in_pos > 0) {
		buf_drain(&c->in, c->in_pos);
		c->in_pos = 0;
	}
	if (len > 0 && buf_add(&c->in, data, len) < 0) {
		c->broken = "the server talks without being asked";
		return -MX_ETOOBIG;
	}
	return 0;
}

void
smtp_client_lost(struct smtp_client *c, const char *text, int64_t now)
{
	c->now = now;
	c->lost = true;
	(void)strlcpy(c->text, text, sizeof(c->text));
}

void
smtp_client_tls_up(struct smtp_client *c, int64_t now)
{
	MX_ASSERT(c->state == CL_TLS);
	c->now = now;
	if (has_input(c)) /* came in clear, after the event */
		c->broken = "data in clear behind the reply to STARTTLS";
	c->tls = true;
	c->ext = 0;
	c->size_limit = 0;
	c->limits = (struct smtp_client_limits){ 0 };
	client_put_hello(c, "EHLO");
	await(c, CL_EHLO);
}

void
smtp_client_mail(struct smtp_client *c, const struct smtp_client_tx *tx,
    int64_t now)
{
	size_t i;

	MX_ASSERT(c->state == CL_READY && tx->nrcpts > 0);
	c->now = now;
	c->tx = *tx;
	c->mail_ok = false;
	c->rcpt = 0;
	c->accepted = 0;
	c->pipelined =
	    (c->ext & CLIENT_EXT_PIPELINING) && tx->nrcpts <= PIPELINE_RCPT;
	if (!client_tx_clean(tx)) {
		set_state(c, CL_MAIL);
		c->broken = "an address holds a control character";
		return;
	}
	if (has_input(c)) { /* no use in saying more: next() reads it */
		c->unasked = true;
		set_state(c, CL_MAIL);
		return;
	}
	client_put_mail(c);
	for (i = 0; c->pipelined && i < tx->nrcpts; i++)
		client_put_rcpt(c, i);
	if (c->pipelined && !tx->probe)
		client_put(c, "DATA\r\n", 6);
	await(c, CL_MAIL);
}

void
smtp_client_body(struct smtp_client *c, const char *data, size_t len)
{
	char stuffed[2 * SLICE];
	size_t n;

	/* The owner may not have seen yet that the session failed. */
	if (c->state != CL_BODY || c->broken != NULL)
		return;
	for (; len > 0 && c->broken == NULL; data += n, len -= n) {
		n = len < SLICE ? len : SLICE;
		client_put(c, stuffed, dot_write(&c->dot, data, n, stuffed));
	}
}

void
smtp_client_body_end(struct smtp_client *c, int64_t now)
{
	char end[5];

	if (c->state != CL_BODY || c->broken != NULL)
		return;
	c->now = now;
	client_put(c, end, dot_write_end(&c->dot, end));
	c->unasked |= c->reply_len > 0;
	await(c, CL_EOD);
}

void
smtp_client_quit(struct smtp_client *c, int64_t now)
{
	c->now = now;
	c->quit = true;
	if (c->state == CL_READY)
		set_state(c, CL_SETTLED);
	if (c->state == CL_SETTLED && !has_input(c))
		(void)settle(c);
}

struct buf *
smtp_client_out(struct smtp_client *c)
{
	return &c->out;
}

int64_t
smtp_client_timeout_ms(const struct smtp_client *c)
{
	int64_t ms = (int64_t)states[c->state].timeout_s * 1000;

	/* Counted from the command, so that a server that sends a byte now
	 * and then does not hold us for ever. A body has its own pace. */
	if (c->state != CL_BODY)
		ms -= (c->now - c->since) / (SEC / 1000);
	return ms > 0 ? ms : 1;
}

enum smtp_phase
smtp_client_phase(const struct smtp_client *c)
{
	return c->state == CL_FAILED ? c->failed_phase : states[c->state].phase;
}

unsigned
smtp_client_ext(const struct smtp_client *c)
{
	return c->ext;
}

uint64_t
smtp_client_size_limit(const struct smtp_client *c)
{
	return c->size_limit;
}

struct smtp_client_limits
smtp_client_limits(const struct smtp_client *c)
{
	return c->limits;
}

bool
smtp_client_tls(const struct smtp_client *c)
{
	return c->tls;
}

int64_t
smtp_client_phase_ns(const struct smtp_client *c, enum smtp_phase phase)
{
	int64_t ns = (size_t)phase < MX_COUNT(c->ns) ? c->ns[phase] : 0;

	if (is_waiting(c->state) && states[c->state].phase == phase)
		ns += c->now - c->since;
	return ns;
}

const struct smtp_reply *
smtp_client_last_reply(const struct smtp_client *c)
{
	return &c->last;
}
