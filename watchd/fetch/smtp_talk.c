/* SPDX-License-Identifier: ISC
 * smtp_talk: see smtp_talk.h. One command at a time: an alert has few
 * recipients. */
#include "fetch/smtp_talk.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define REPLIES_MAX (64u << 10)
#define OUT_MAX	    (4u * MESSAGE_MAX) /* a message of dots only doubles */

static void
say(struct smtp_talk *t, const char *text, size_t len)
{
	int rc = buf_add(&t->out, text, len);

	MX_ASSERT(rc == 0); /* see OUT_MAX */
}

static void
say_rcpt(struct smtp_talk *t)
{
	char *line = mem_printf("RCPT TO:<%s>\r\n", t->c->to.s[t->rcpt]);

	say(t, line, strlen(line));
	mem_free(&line);
}

/* Sends the message, dot-stuffed (RFC 5321 4.5.2). */
static void
say_body(struct smtp_talk *t)
{
	const char *p = t->body->data, *end = p + t->body->len, *next;

	for (; p < end; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next != NULL ? next + 1 : end;
		if (*p == '.')
			say(t, ".", 1);
		say(t, p, (size_t)(next - p));
	}
	say(t, ".\r\n", 3);
}

void
smtp_talk_init(struct smtp_talk *t, const struct carry *c,
    const struct buf *body)
{
	memset(t, 0, sizeof(*t));
	t->c = c;
	t->body = body;
	buf_init(&t->out, OUT_MAX);
	say(t, "MAIL FROM:<>\r\n", 14);
}

void
smtp_talk_fini(struct smtp_talk *t)
{
	buf_fini(&t->out);
}

/* A wrong password will be corrected some day; a missing mailbox does not
 * appear by retrying. */
static bool
give_up(struct smtp_talk *t, int code, struct send_result *r)
{
	r->result = code >= 550 && code < 560 ? CARRY_REJECTED : CARRY_RETRY;
	(void)strlcpy(r->text, t->refusal, sizeof(r->text));
	return true;
}

static bool
accepted(struct smtp_talk *t, struct send_result *r)
{
	char *text;

	r->result = CARRY_SENT;
	r->partly = t->taken < t->c->to.n;
	text = mem_printf("accepted%s%s", r->partly ? ", but it replied " : "",
	    r->partly ? t->refusal : "");
	text_cut(r->text, sizeof(r->text), text);
	mem_free(&text);
	return true;
}

static bool
next_rcpt(struct smtp_talk *t, int code, bool ok, struct send_result *r)
{
	t->taken += ok;
	if (++t->rcpt < t->c->to.n)
		say_rcpt(t);
	else if (t->taken == 0)
		return give_up(t, code, r);
	else {
		t->step = TALK_DATA;
		say(t, "DATA\r\n", 6);
	}
	return false;
}

/* Handles a complete reply with that code. */
static bool
obey(struct smtp_talk *t, int code, struct send_result *r)
{
	bool ok = code >= 200 && code < 300;

	r->status = code;
	if (code == 421) /* it closes, whatever was asked (RFC 5321 3.8) */
		return give_up(t, code, r);
	switch (t->step) {
	case TALK_MAIL:
		if (!ok)
			return give_up(t, code, r);
		t->step = TALK_RCPT;
		say_rcpt(t);
		return false;
	case TALK_RCPT:
		return next_rcpt(t, code, ok, r);
	case TALK_DATA:
		if (code != 354)
			return give_up(t, code, r);
		t->step = TALK_DOT;
		say_body(t);
		return false;
	case TALK_DOT:
		return ok ? accepted(t, r) : give_up(t, code, r);
	}
	return false;
}

/* The three digits; 0: not a reply line. */
static int
reply_code(const char *line)
{
	if (strspn(line, "0123456789") != 3 || line[0] < '2' || line[0] > '5' ||
	    (line[3] != '\0' && line[3] != ' ' && line[3] != '-'))
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
}

/* Handles the line in t->line. True: the talk is over. */
static bool
take_line(struct smtp_talk *t, struct send_result *r)
{
	int code;

	t->line[t->len] = '\0';
	t->line[strcspn(t->line, "\r\n")] = '\0';
	code = reply_code(t->line);
	if (code == 0) {
		(void)strlcpy(r->text, "its reply is not SMTP",
		    sizeof(r->text));
		return true;
	}
	if (t->line[3] == '-')
		return false;
	if (code >= 400) {
		text_cut(t->refusal, sizeof(t->refusal), t->line);
		text_ascii(t->refusal);
	}
	return obey(t, code, r);
}

bool
smtp_talk_take(struct smtp_talk *t, const char *data, size_t len,
    struct send_result *r)
{
	bool over = false;

	r->result = CARRY_RETRY;
	t->replies += len;
	if (t->replies > REPLIES_MAX) {
		(void)strlcpy(r->text, "its replies do not end",
		    sizeof(r->text));
		return true;
	}
	for (; len > 0 && !over; data++, len--) {
		/* A line longer than allowed (RFC 5321 4.5.3.1.5) has text for
		 * people, of which the beginning suffices. */
		if (t->len + 1 < sizeof(t->line))
			t->line[t->len++] = *data;
		if (*data != '\n')
			continue;
		over = take_line(t, r);
		t->len = 0;
	}
	if (over)
		say(t, "QUIT\r\n", 6);
	return over;
}
