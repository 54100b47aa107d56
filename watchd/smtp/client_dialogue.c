/* SPDX-License-Identifier: ISC
 * client_dialogue: the dialogue as states named by the awaited reply. The
 * function of the state gets the reply, adds the next command to the output and
 * returns the event, if there is one. Pipelining does not change the states:
 * the commands were sent earlier, the replies come in the same order. Runs
 * under client.c. */
#include "smtp/client_int.h"

static enum smtp_client_event
sent(struct smtp_client *c, struct smtp_client_info *info,
    enum smtp_phase phase)
{
	info->phase = phase;
	info->reply = &c->last;
	c->tx = (struct smtp_client_tx){ .nrcpts = c->tx.nrcpts,
		.probe = c->tx.probe,
		.way = c->tx.way };
	return CLIENT_SENT;
}

/* A transaction that follows was sent with its own RSET. */
static void
send_reset(struct smtp_client *c)
{
	if (c->nbehind > 0) {
		client_set_over(c);
		return;
	}
	client_put(c, "RSET\r\n", 6);
	client_await(c, CL_RSET);
}

static enum smtp_client_event
on_greeting(struct smtp_client *c, struct smtp_client_info *info)
{
	if (!reply_ok(&c->last))
		return client_fail(c, info, true, "refused by the greeting");
	client_put_hello(c, "EHLO");
	client_await(c, CL_EHLO);
	return CLIENT_NONE;
}

/* EHLO or HELO was accepted: TLS next, or ready. */
static enum smtp_client_event
on_hello_ok(struct smtp_client *c, struct smtp_client_info *info)
{
	if (c->tls || c->conf.tls == CLIENT_TLS_NONE) {
		client_set_state(c, CL_SETTLED);
	} else if (c->ext & CLIENT_EXT_STARTTLS) {
		client_put(c, "STARTTLS\r\n", 10);
		c->stage = CLIENT_TLS_BEGUN;
		client_await(c, CL_STARTTLS);
	} else if (c->conf.tls == CLIENT_TLS_REQUIRE) {
		client_set_state(c, CL_STARTTLS);
		return client_fail(c, info, false, "STARTTLS is not offered");
	} else {
		client_set_state(c, CL_SETTLED);
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
	/* A server without EHLO says 5xx; a busy one says 4xx and would say it
	 * to HELO, too. */
	if (!reply_perm(&c->last))
		return client_fail(c, info, true, "EHLO was refused");
	client_put_hello(c, "HELO");
	client_await(c, CL_HELO);
	return CLIENT_NONE;
}

static enum smtp_client_event
on_helo(struct smtp_client *c, struct smtp_client_info *info)
{
	if (!reply_ok(&c->last))
		return client_fail(c, info, true, "HELO was refused");
	return on_hello_ok(c, info);
}

static enum smtp_client_event
on_starttls(struct smtp_client *c, struct smtp_client_info *info)
{
	if (reply_ok(&c->last)) {
		/* CVE-2011-0411, on the client side */
		if (c->in_pos < c->in.len)
			return client_fail(c, info, false,
			    "clear text after the reply to STARTTLS");
		client_set_state(c, CL_TLS);
		info->phase = SMTP_PHASE_STARTTLS;
		info->reply = &c->last;
		return CLIENT_START_TLS;
	}
	if (c->conf.tls == CLIENT_TLS_REQUIRE)
		return client_fail(c, info, true, "STARTTLS was refused");
	c->stage = CLIENT_TLS_IDLE;
	client_set_state(c, CL_SETTLED);
	return CLIENT_NONE;
}

/* Nothing is under way any more. A server that accepted MAIL, or a recipient
 * without it, has an open transaction, and would add the next one to it. */
static void
end_dropped(struct smtp_client *c)
{
	if (c->mail_ok || c->accepted > 0)
		send_reset(c);
	else
		client_set_over(c);
}

/* The state in which the outstanding replies are dropped. */
static void
drop_rest(struct smtp_client *c)
{
	if (c->rcpt < c->tx.nrcpts)
		client_set_state(c, CL_DROP_RCPT);
	else if (c->tx.probe || c->tx.way == CLIENT_BDAT)
		end_dropped(c);
	else
		client_set_state(c,
		    c->tx.way == CLIENT_BURST ? CL_DROP_BDAT : CL_DROP_DATA);
}

static enum smtp_client_event
on_mail(struct smtp_client *c, struct smtp_client_info *info)
{
	enum smtp_client_event ev;

	if (reply_ok(&c->last)) {
		c->mail_ok = true;
		if (c->pipelined) {
			client_set_state(c, CL_RCPT);
		} else {
			client_put_rcpt(c, &c->tx, 0);
			client_await(c, CL_RCPT);
		}
		return CLIENT_NONE;
	}
	ev = sent(c, info, SMTP_PHASE_MAIL);
	if (c->pipelined)
		drop_rest(c);
	else
		client_set_state(c, CL_SETTLED);
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
		client_set_state(c, CL_RCPTS_DONE);
	} else if (c->pipelined) {
		/* each reply has its own time-out */
		client_set_state(c, CL_RCPT);
	} else {
		client_put_rcpt(c, &c->tx, c->rcpt);
		client_await(c, CL_RCPT);
	}
	return CLIENT_RCPT;
}

/* At least one recipient was accepted. */
static enum smtp_client_event
begin_content(struct smtp_client *c, struct smtp_client_info *info)
{
	switch (c->tx.way) {
	case CLIENT_BURST:
		client_set_state(c, CL_EOD);
		break;
	case CLIENT_BDAT:
		client_put_bdat(c, &c->tx);
		client_await(c, CL_BODY);
		info->phase = SMTP_PHASE_DATA;
		return CLIENT_BODY;
	case CLIENT_DATA:
		if (c->pipelined) {
			client_set_state(c, CL_DATA);
		} else {
			client_put(c, "DATA\r\n", 6);
			client_await(c, CL_DATA);
		}
		break;
	}
	return CLIENT_NONE;
}

enum smtp_client_event
client_end_rcpts(struct smtp_client *c, struct smtp_client_info *info)
{
	enum smtp_client_event ev;

	if (c->accepted > 0 && !c->tx.probe)
		return begin_content(c, info);
	ev = sent(c, info, SMTP_PHASE_RCPT);
	if (c->tx.way == CLIENT_BURST)
		client_set_state(c, CL_DROP_BDAT);
	else if (c->pipelined && !c->tx.probe && c->tx.way == CLIENT_DATA)
		client_set_state(c, CL_DROP_DATA);
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
		c->writing = true;
		c->chunk = false;
		client_await(c, CL_BODY);
		info->phase = SMTP_PHASE_DATA;
		info->reply = &c->last;
		return CLIENT_BODY;
	}
	/* 2xx: it may take our content for commands now */
	if (reply_ok(&c->last))
		return client_fail(c, info, false,
		    "DATA was answered out of turn");
	ev = sent(c, info, SMTP_PHASE_DATA);
	send_reset(c);
	return ev;
}

/* The body is not wanted any more. Usually the server refuses DATA. */
static enum smtp_client_event
on_drop_data(struct smtp_client *c, struct smtp_client_info *info)
{
	if (c->last.code / 100 == 3) {
		/* A recipient was accepted although the sender was not: the dot
		 * would deliver an empty message. */
		if (c->accepted > 0)
			return client_fail(c, info, false,
			    "DATA was answered out of turn");
		client_put(c, ".\r\n", 3); /* RFC 2920 3.1 */
		client_await(c, CL_DROP_DOT);
	} else if (reply_ok(&c->last)) {
		return client_fail(c, info, false,
		    "DATA was answered out of turn");
	} else {
		end_dropped(c);
	}
	return CLIENT_NONE;
}

/* The chunk is not wanted any more, and no server should have accepted it. */
static enum smtp_client_event
on_drop_bdat(struct smtp_client *c, struct smtp_client_info *info)
{
	if (reply_ok(&c->last) && c->accepted > 0)
		return client_fail(c, info, false,
		    "BDAT was answered out of turn");
	end_dropped(c);
	return CLIENT_NONE;
}

/* After a refused chunk the transaction may stay open (RFC 3030 2). */
static enum smtp_client_event
on_eod(struct smtp_client *c, struct smtp_client_info *info)
{
	bool open = c->tx.way != CLIENT_DATA && !reply_ok(&c->last);
	enum smtp_client_event ev = sent(c, info, SMTP_PHASE_EOD);

	if (open)
		send_reset(c);
	else
		client_set_over(c);
	return ev;
}

enum smtp_client_event
client_settle(struct smtp_client *c)
{
	if (c->quit) {
		client_put(c, "QUIT\r\n", 6);
		client_await(c, CL_QUIT);
		return CLIENT_NONE;
	}
	client_set_state(c, CL_READY);
	return CLIENT_READY;
}

/* A 3xx is valid after DATA only: taking it for a refusal, or for consent,
 * would be guessing. */
static bool
is_expected(const struct smtp_client *c)
{
	if (c->state == CL_DATA || c->state == CL_DROP_DATA)
		return true;
	return c->last.code / 100 != 3;
}

enum smtp_client_event
client_on_reply(struct smtp_client *c, struct smtp_client_info *info)
{
	if (c->tls)
		c->stage = CLIENT_TLS_PROVED;
	if (c->state == CL_QUIT) {
		client_set_state(c, CL_CLOSED);
		info->phase = SMTP_PHASE_QUIT;
		info->reply = &c->last;
		return CLIENT_CLOSED;
	}
	if (c->last.code == 421)
		return client_fail(c, info, true,
		    "the server closes the session");
	if (c->unasked)
		return client_fail(c, info, false, "a reply without a command");
	if (!is_expected(c))
		return client_fail(c, info, false, "a misplaced 3xx reply");
	switch (c->state) {
	case CL_BEHIND:
		if (!reply_ok(&c->last))
			return client_fail(c, info, true, "RSET was refused");
		client_set_state(c, CL_MAIL);
		return CLIENT_NONE;
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
	case CL_BODY: /* an early reply to the message */
		return client_fail(c, info, !reply_ok(&c->last),
		    "a reply in the middle of the message");
	case CL_EOD:
		return on_eod(c, info);
	case CL_DROP_RCPT:
		c->accepted += reply_ok(&c->last);
		c->rcpt++;
		drop_rest(c);
		return CLIENT_NONE;
	case CL_DROP_DATA:
		return on_drop_data(c, info);
	case CL_DROP_BDAT:
		return on_drop_bdat(c, info);
	case CL_DROP_DOT:
		client_set_state(c, CL_SETTLED);
		return CLIENT_NONE;
	case CL_RSET:
		if (!reply_ok(&c->last))
			return client_fail(c, info, true, "RSET was refused");
		client_set_state(c, CL_SETTLED);
		return CLIENT_NONE;
	default: /* no reply is awaited */
		return client_fail(c, info, false, "a reply without a command");
	}
}
