/* SPDX-License-Identifier: ISC
 * client: a session as its owner sees it: bytes in, bytes out, events, time.
 * One reply is read at a time and passed to client_dialogue.c, which interprets
 * it. Anything out of sequence (an unsolicited reply, a 3xx where none is
 * possible, bytes after the 220 to STARTTLS) ends the session, because
 * afterwards replies could not be matched with commands. Delivery and probes
 * call it on the loop thread; memory is limited by the three caps below. */
#include "smtp/client.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "smtp/client_int.h"

#define IN_MAX	      (256u << 10) /* unread input, and one whole reply */
#define OUT_MAX	      (8u << 20) /* bodies come in pieces of <= 64 KiB */
#define PIPELINE_RCPT 1000 /* further ones are sent one by one */
#define SLICE	      8192

#define SEC	      1000000000

/* Time-outs are the minimums of RFC 5321 4.5.3.2; steps it does not name have
 * the five minutes of a command. QUIT is a courtesy: no delivery waits for
 * it. */
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
	[CL_BEHIND] = { SMTP_PHASE_MAIL, 300 },
	[CL_MAIL] = { SMTP_PHASE_MAIL, 300 },
	[CL_RCPT] = { SMTP_PHASE_RCPT, 300 },
	[CL_RCPTS_DONE] = { SMTP_PHASE_RCPT, 300 },
	[CL_DATA] = { SMTP_PHASE_DATA, 120 },
	[CL_BODY] = { SMTP_PHASE_DATA, 180 },
	[CL_EOD] = { SMTP_PHASE_EOD, 600 },
	[CL_DROP_RCPT] = { SMTP_PHASE_RCPT, 300 },
	[CL_DROP_DATA] = { SMTP_PHASE_DATA, 120 },
	[CL_DROP_DOT] = { SMTP_PHASE_EOD, 600 },
	[CL_DROP_BDAT] = { SMTP_PHASE_EOD, 600 },
	[CL_RSET] = { SMTP_PHASE_QUIT, 300 },
	[CL_QUIT] = { SMTP_PHASE_QUIT, 10 },
	[CL_CLOSED] = { SMTP_PHASE_NONE, 10 },
	[CL_FAILED] = { SMTP_PHASE_NONE, 10 },
};

/* Is the time in this state the server's? A handshake and a body are also the
 * owner's work. */
static bool
is_waiting(enum client_state st)
{
	return states[st].phase != SMTP_PHASE_NONE && st != CL_BODY;
}

void
client_set_state(struct smtp_client *c, enum client_state to)
{
	if (is_waiting(c->state))
		c->ns[states[c->state].phase] += c->now - c->since;
	c->state = to;
	c->since = c->now;
}

void
client_await(struct smtp_client *c, enum client_state to)
{
	c->unasked |= c->in_pos < c->in.len;
	client_set_state(c, to);
}

/* Initialises the state of one transaction. */
static void
take_up(struct smtp_client *c, const struct smtp_client_tx *tx)
{
	c->tx = *tx;
	c->mail_ok = false;
	c->rcpt = 0;
	c->accepted = 0;
	c->pipelined =
	    (c->ext & CLIENT_EXT_PIPELINING) && tx->nrcpts <= PIPELINE_RCPT;
}

void
client_set_over(struct smtp_client *c)
{
	if (c->nbehind == 0) {
		client_set_state(c, CL_SETTLED);
		return;
	}
	take_up(c, &c->behind[0]);
	c->nbehind--;
	memmove(c->behind, c->behind + 1, c->nbehind * sizeof(c->behind[0]));
	client_set_state(c, c->tx.way == CLIENT_DATA ? CL_MAIL : CL_BEHIND);
}

enum smtp_client_event
client_fail(struct smtp_client *c, struct smtp_client_info *info,
    bool with_reply, const char *text)
{
	c->failed_phase = states[c->state].phase;
	client_set_state(c, CL_FAILED);
	c->writing = false;
	info->phase = c->failed_phase;
	info->reply = with_reply ? &c->last : NULL;
	info->text = text;
	return CLIENT_FAILED;
}

/* 1: c->last is a new reply, 0: more bytes are needed. */
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
			return client_fail(c, info, false, c->broken);
		if (c->state == CL_RCPTS_DONE) {
			ev = client_end_rcpts(c, info);
			continue;
		}
		if (c->state == CL_SETTLED && !has_input(c) && !c->lost) {
			ev = client_settle(c);
			continue;
		}
		if (c->state == CL_TLS && has_input(c))
			return client_fail(c, info, false,
			    "clear text after the reply to STARTTLS");
		rc = c->in_pos < c->in.len ? read_reply(c) : 0;
		if (rc < 0)
			return client_fail(c, info, false,
			    "the server sent no valid SMTP reply");
		if (rc > 0)
			ev = client_on_reply(c, info);
		else if (c->lost)
			return client_fail(c, info, false, c->text);
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
		c->broken = "the server sent a reply without a command";
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
	if (has_input(c)) /* clear text that came after the event */
		c->broken = "clear text after the reply to STARTTLS";
	c->tls = true;
	c->ext = 0;
	c->size_limit = 0;
	c->limits = (struct smtp_client_limits){ 0 };
	client_put_hello(c, "EHLO");
	client_await(c, CL_EHLO);
}

/* Is a completely sent burst under way? Its reply may be there already; the
 * RSET that we send after a failure is awaited. */
static bool
is_burst_out(const struct smtp_client *c)
{
	switch (c->state) {
	case CL_BEHIND:
	case CL_MAIL:
	case CL_RCPT:
	case CL_RCPTS_DONE:
	case CL_EOD:
	case CL_DROP_RCPT:
	case CL_DROP_BDAT:
		return c->tx.way == CLIENT_BURST && !c->writing;
	default:
		return false;
	}
}

/* Content may begin a group of commands, and DATA has to be the last of one
 * (RFC 2920 3.1): so one transaction may follow the final dot. */
static bool
is_dot_out(const struct smtp_client *c)
{
	return c->state == CL_EOD && c->tx.way == CLIENT_DATA &&
	    c->nbehind == 0 && (c->ext & CLIENT_EXT_PIPELINING) != 0;
}

static bool
has_way_behind(const struct smtp_client *c, const struct smtp_client_tx *tx)
{
	switch (tx->way) {
	case CLIENT_DATA:
		return is_dot_out(c) && !tx->probe;
	case CLIENT_BURST:
		return is_burst_out(c) && c->nbehind < MX_COUNT(c->behind);
	default:
		return false;
	}
}

bool
smtp_client_follows(const struct smtp_client *c,
    const struct smtp_client_tx *tx)
{
	return has_way_behind(c, tx) && tx->nrcpts <= PIPELINE_RCPT &&
	    !c->quit && !c->lost && !c->unasked && c->broken == NULL &&
	    client_tx_clean(tx);
}

/* Sends everything that need not wait for a reply. */
static void
put_tx(struct smtp_client *c, const struct smtp_client_tx *tx, bool pipelined)
{
	size_t i;

	client_put_mail(c, tx);
	for (i = 0; pipelined && i < tx->nrcpts; i++)
		client_put_rcpt(c, tx, i);
	if (tx->probe || !pipelined)
		return;
	if (tx->way == CLIENT_BURST)
		client_put_bdat(c, tx);
	else if (tx->way == CLIENT_DATA)
		client_put(c, "DATA\r\n", 6);
}

void
smtp_client_mail(struct smtp_client *c, const struct smtp_client_tx *tx,
    int64_t now)
{
	MX_ASSERT(tx->nrcpts > 0);
	MX_ASSERT(tx->way == CLIENT_DATA ||
	    ((c->ext & CLIENT_EXT_CHUNKING) && tx->size > 0 && !tx->probe));
	c->now = now;
	if (c->state != CL_READY) {
		MX_ASSERT(smtp_client_follows(c, tx));
		c->behind[c->nbehind++] = *tx;
		if (tx->way == CLIENT_BURST)
			client_put(c, "RSET\r\n", 6);
		put_tx(c, tx, true);
		return;
	}
	take_up(c, tx);
	MX_ASSERT(c->pipelined || tx->way != CLIENT_BURST);
	if (!client_tx_clean(tx)) {
		client_set_state(c, CL_MAIL);
		c->broken = "an address has a control character";
		return;
	}
	if (has_input(c)) { /* unsolicited input: next() fails on it */
		c->unasked = true;
		client_set_state(c, CL_MAIL);
		return;
	}
	put_tx(c, tx, c->pipelined);
	client_await(c, CL_MAIL);
}

static void
put_chunk(struct smtp_client *c, const char *data, size_t len)
{
	if (len > c->chunk_left) {
		c->broken = "the body is longer than announced";
		return;
	}
	c->chunk_left -= len;
	client_put(c, data, len);
}

bool
smtp_client_body_as_is(struct smtp_client *c, size_t len)
{
	if (!c->writing || c->broken != NULL || !c->chunk ||
	    len > c->chunk_left)
		return false;
	c->chunk_left -= len;
	return true;
}

void
smtp_client_body(struct smtp_client *c, const char *data, size_t len)
{
	char *stuffed;
	size_t n;

	/* The owner may not know yet that the session failed. */
	if (!c->writing || c->broken != NULL)
		return;
	if (c->chunk) {
		put_chunk(c, data, len);
		return;
	}
	for (; len > 0 && c->broken == NULL; data += n, len -= n) {
		n = len < SLICE ? len : SLICE;
		if ((stuffed = buf_room(&c->out, 2 * n)) == NULL)
			c->broken = "no room for the data to send";
		else
			buf_added(&c->out,
			    dot_write(&c->dot, data, n, stuffed));
	}
}

void
smtp_client_body_end(struct smtp_client *c, int64_t now)
{
	char end[5];

	if (!c->writing || c->broken != NULL)
		return;
	c->now = now;
	c->writing = false;
	if (c->chunk && c->chunk_left > 0) {
		c->broken = "the body is shorter than announced";
		return;
	}
	if (!c->chunk)
		client_put(c, end, dot_write_end(&c->dot, end));
	if (c->state != CL_BODY) /* in a burst: replies may already come */
		return;
	c->unasked |= c->reply_len > 0;
	client_await(c, CL_EOD);
}

void
smtp_client_quit(struct smtp_client *c, int64_t now)
{
	c->now = now;
	c->quit = true;
	if (c->state == CL_READY)
		client_set_state(c, CL_SETTLED);
	if (c->state == CL_SETTLED && !has_input(c))
		(void)client_settle(c);
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

	/* Counted from the command, so that a server that sends single bytes
	 * cannot hold us for ever. A body has its own pace. */
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

enum smtp_client_tls_stage
smtp_client_tls_stage(const struct smtp_client *c)
{
	return c->stage;
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
