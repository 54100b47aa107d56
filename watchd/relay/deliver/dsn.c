/* SPDX-License-Identifier: ISC
 * dsn: the writer behind dsn.h. Three parts: text for a person, fields for a
 * program, the original; dsn_text.h writes the lines. All of it is 7-bit,
 * addresses included (RFC 6533 3: \x{HEX}), except the original, which is
 * labelled 8bit if needed, and the To field. */
#include "relay/deliver/dsn.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "relay/deliver/dsn_text.h"

static const struct {
	const char *name, *subject, *words;
	unsigned notify; /* the NOTIFY flag that asks for it */
} actions[] = {
	[DSN_FAILED] = { "failed", "Undelivered mail returned to sender",
	    "could not be delivered to", NOTIFY_FAILURE },
	[DSN_DELAYED] = { "delayed", "Delayed mail (still being tried)",
	    "has not been delivered yet to", NOTIFY_DELAY },
	[DSN_RELAYED] = { "relayed", "Mail relayed to the next server",
	    "was relayed to the next mail server for", NOTIFY_SUCCESS },
};

const char *
dsn_action_name(enum dsn_action action)
{
	return actions[action].name;
}

static bool
concerns(const struct rcpt *r, enum dsn_action action)
{
	switch ((enum rcpt_state)r->state) {
	case RCPT_PENDING:
		if (action != DSN_DELAYED)
			return false;
		break;
	case RCPT_DELIVERED:
		if (action != DSN_RELAYED || r->reported)
			return false;
		break;
	case RCPT_FAILED:
	case RCPT_EXPIRED:
		if (action != DSN_FAILED || r->reported)
			return false;
		break;
	}
	if ((r->notify & NOTIFY_NEVER) != 0)
		return false;
	/* RFC 3461 4.1: without NOTIFY failures and delays are reported, but no
	 * relaying. */
	return (r->notify & NOTIFY_GIVEN) == 0 ?
	    action != DSN_RELAYED :
	    (r->notify & actions[action].notify) != 0;
}

unsigned
dsn_owed(const struct envelope *env, enum dsn_action action)
{
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < env->nrcpts; i++)
		n += concerns(&env->rcpts[i], action);
	return n;
}

/* The status of a failure is of class 5, or 4.4.7 after expiry; that of a delay
 * is of class 4 whatever the server said (RFC 3464 2.3.4). 2.1.9: relayed to a
 * system that sends no notifications (RFC 3886). */
static struct smtp_status
rcpt_status(const struct rcpt *r)
{
	struct smtp_status st = r->status;

	if (r->state == RCPT_EXPIRED)
		return (struct smtp_status){ 4, 4, 7 };
	if (r->state == RCPT_FAILED) {
		if (st.cls != 5)
			st = (struct smtp_status){ 5, 0, 0 };
		return st;
	}
	if (r->state == RCPT_DELIVERED)
		return (struct smtp_status){ 2, 1, 9 };
	if (st.cls == 0 || st.cls == 2)
		return (struct smtp_status){ 4, 4, 1 };
	st.cls = 4;
	return st;
}

/* Decodes "type;xtext" or a bare xtext. NULL when it is malformed. */
static char *
decode(const char *s, char *dst, size_t size)
{
	return s != NULL && *s != '\0' && smtp_xtext_decode(s, dst, size) == 0 ?
	    dst :
	    NULL;
}

static void
put_orcpt(struct dsn_writer *w, const struct rcpt *r)
{
	const char *semi = r->orcpt != NULL ? strchr(r->orcpt, ';') : NULL;
	char value[512], type[32];
	size_t n;

	if (semi == NULL || (n = (size_t)(semi - r->orcpt)) == 0 ||
	    n >= sizeof(type) ||
	    strspn(r->orcpt,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-") != n ||
	    decode(semi + 1, value, sizeof(value)) == NULL)
		return;
	memcpy(type, r->orcpt, n);
	type[n] = '\0';
	dsn_put(w, "Original-Recipient: ");
	dsn_put(w, type);
	dsn_put(w, "; ");
	dsn_put_text(w, value, true);
	dsn_put(w, "\r\n");
}

/* The label of a host without its port: the field names a host. */
static void
put_host(struct dsn_writer *w, const char *label)
{
	char host[TEXT_DOMAIN_MAX + 8];
	char *colon;

	strlcpy(host, label, sizeof(host));
	colon = strrchr(host, ':');
	if (colon != NULL &&
	    strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
	    (colon == strchr(host, ':') || (colon > host && colon[-1] == ']')))
		*colon = '\0';
	dsn_put_text(w, host, true);
}

static void
put_rcpt(struct dsn_writer *w, const struct dsn_input *in, const struct rcpt *r)
{
	const struct envelope *env = in->env;
	struct smtp_status st = rcpt_status(r);
	char status[16], code[24];

	dsn_put(w, "\r\n");
	put_orcpt(w, r);
	dsn_put(w,
	    dsn_is_8bit(r->mailbox, strlen(r->mailbox)) ?
		"Final-Recipient: utf-8; " :
		"Final-Recipient: rfc822; ");
	dsn_put_text(w, r->mailbox, true);
	dsn_put(w, "\r\nAction: ");
	dsn_put(w, dsn_action_name(in->action));
	dsn_put(w, "\r\n");
	dsn_put_field(w, "Status", smtp_status_fmt(&st, status), false);
	if (r->code != 0 && env->host != NULL && *env->host != '\0') {
		dsn_put(w, "Remote-MTA: dns; ");
		put_host(w, env->host);
		dsn_put(w, "\r\n");
	}
	if (r->reply != NULL && *r->reply != '\0') {
		dsn_put(w, "Diagnostic-Code: ");
		snprintf(code, sizeof(code), "smtp; %u ", (unsigned)r->code);
		dsn_put(w, r->code != 0 ? code : "x-mxwatch; ");
		dsn_put_text(w, r->reply, false);
		dsn_put(w, "\r\n");
	}
	if (env->last_try_ms != 0)
		dsn_put_date(w, "Last-Attempt-Date", env->last_try_ms / 1000);
	if (in->action == DSN_DELAYED && in->retry_until != 0)
		dsn_put_date(w, "Will-Retry-Until", in->retry_until);
}

static void
put_status(struct dsn_writer *w, const struct dsn_input *in)
{
	const struct envelope *env = in->env;
	char envid[128];
	uint32_t i;

	dsn_put(w, "Reporting-MTA: dns; ");
	dsn_put_text(w, in->reporting_mta, true);
	dsn_put(w, "\r\n");
	if (decode(env->envid, envid, sizeof(envid)) != NULL)
		dsn_put_field(w, "Original-Envelope-Id", envid, true);
	dsn_put_date(w, "Arrival-Date", env->arrival_ms / 1000);
	for (i = 0; i < env->nrcpts; i++)
		if (concerns(&env->rcpts[i], in->action))
			put_rcpt(w, in, &env->rcpts[i]);
}

/* The reason for one recipient: the server's reply, or why it was given up. */
static void
put_reason(struct dsn_writer *w, const struct rcpt *r)
{
	if (r->state == RCPT_EXPIRED)
		dsn_put(w,
		    "    Its mail server could not be reached, or did not "
		    "accept the message,\r\n    for as long as it is kept "
		    "here.\r\n");
	if (r->reply == NULL || *r->reply == '\0')
		return;
	dsn_put(w,
	    r->code == 0 ? "    Reason: " :
		r->state == RCPT_FAILED || r->state == RCPT_DELIVERED ?
			   "    Its mail server said: " :
			   "    The last answer was: ");
	dsn_put_text(w, r->reply, false);
	dsn_put(w, "\r\n");
}

/* What happens next, in words. */
static void
put_outlook(struct dsn_writer *w, const struct dsn_input *in)
{
	char date[64];

	switch (in->action) {
	case DSN_FAILED:
		dsn_put(w,
		    "\r\nThe message will not be tried again. To reach the "
		    "recipient, check the\r\naddress and send the message "
		    "again, or use another means.\r\n");
		break;
	case DSN_RELAYED:
		dsn_put(w,
		    "\r\nYou requested a notification of its delivery. The "
		    "next server does not\r\nsend any: this is the last one "
		    "about these recipients, unless that\r\nserver returns the "
		    "message.\r\n");
		break;
	case DSN_DELAYED:
		dsn_put(w,
		    "\r\nYou need not do anything: the message is stored and "
		    "delivery is retried");
		if (in->retry_until != 0) {
			dsn_put(w, " until ");
			dsn_put(w,
			    text_date_5322(in->retry_until, date,
				sizeof(date)));
		}
		dsn_put(w, ". This is a warning only.\r\n");
		break;
	}
}

/* The text: what happened, to whom, why and what happens next. */
static void
put_words(struct dsn_writer *w, const struct dsn_input *in)
{
	const struct envelope *env = in->env;
	const struct rcpt *r;
	char date[64];
	uint32_t i;

	dsn_put(w, "This is the mail server ");
	dsn_put_text(w, in->reporting_mta, true);
	dsn_put(w, ".\r\n\r\nYour message, received on ");
	dsn_put(w, text_date_5322(env->arrival_ms / 1000, date, sizeof(date)));
	dsn_put(w, ",\r\n");
	dsn_put(w, actions[in->action].words);
	dsn_put(w, ":\r\n");
	for (i = 0; i < env->nrcpts; i++) {
		r = &env->rcpts[i];
		if (!concerns(r, in->action))
			continue;
		dsn_put(w, "\r\n  <");
		dsn_put_text(w, r->mailbox, true);
		dsn_put(w, ">\r\n");
		put_reason(w, r);
	}
	put_outlook(w, in);
}

static void
put_part(struct dsn_writer *w, const char *boundary, const char *type,
    const char *description, bool eightbit)
{
	dsn_put(w, "\r\n--");
	dsn_put(w, boundary);
	dsn_put(w, "\r\nContent-Type: ");
	dsn_put(w, type);
	dsn_put(w, "\r\nContent-Description: ");
	dsn_put(w, description);
	dsn_put(w,
	    eightbit ? "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" :
		       "\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
}

/* To: an address with bytes above 127 is kept (the notification is sent with
 * SMTPUTF8); a parsed path cannot have control characters. */
static void
put_to(struct dsn_writer *w, const char *sender)
{
	const char *p;

	dsn_put(w, "To: <");
	for (p = sender; *p != '\0' && p - sender < TEXT_DOMAIN_MAX * 2; p++)
		if ((unsigned char)*p >= 32 && *p != 127)
			dsn_put_bytes(w, p, 1);
	dsn_put(w, ">\r\n");
}

static void
put_header(struct dsn_writer *w, const struct dsn_input *in,
    const char *boundary, bool eightbit)
{
	char id[TEXT_ID_MAX];

	dsn_put(w, "From: \"Mail Delivery System\" <");
	dsn_put_text(w, in->from, true);
	dsn_put(w, ">\r\n");
	put_to(w, in->env->sender);
	dsn_put_field(w, "Subject", actions[in->action].subject, false);
	dsn_put_date(w, "Date", in->now);
	dsn_put(w, "Message-ID: <");
	dsn_put(w, text_id(in->id, id));
	dsn_put(w, ".DSN@");
	dsn_put_text(w, in->reporting_mta, true);
	dsn_put(w,
	    ">\r\nAuto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"");
	dsn_put(w, boundary);
	dsn_put(w, "\"\r\n");
	dsn_put(w,
	    eightbit ? "Content-Transfer-Encoding: 8bit\r\n\r\n" :
		       "Content-Transfer-Encoding: 7bit\r\n\r\n");
	dsn_put(w, "This is a MIME report (RFC 3462).\r\n");
}

/* Contains 64 random bits, so that no line of the original can be made to match
 * the boundary except by guessing them. */
static void
boundary_make(const struct dsn_input *in, char *dst, size_t size)
{
	snprintf(dst, size, "=_%016llx", (unsigned long long)in->boundary);
}

/* RFC 6533 4: the header is UTF-8 if SMTPUTF8 allowed it. Octets above 127 in
 * any other header have an unknown encoding. */
static const char *
original_type(const struct dsn_input *in, size_t header, bool full)
{
	bool eightbit = dsn_is_8bit(in->body, header);

	if (eightbit && (in->env->flags & ENV_UTF8) != 0)
		return full ? "message/global" : "message/global-headers";
	if (full)
		return "message/rfc822";
	return eightbit ? "text/rfc822-headers; charset=utf-8" :
			  "text/rfc822-headers";
}

int
dsn_write(const struct dsn_input *in, struct buf *out)
{
	struct dsn_writer w = { .out = out };
	char boundary[40];
	bool full, eightbit;
	size_t len, header;

	/* RFC 3461 4.3: without RET the choice is ours; without a failure only
	 * the headers are to be returned. */
	full = in->action == DSN_FAILED && in->env->ret != RET_HDRS &&
	    in->body_whole && in->body_len <= in->body_max;
	header = dsn_header_len(in->body, in->body_len);
	len = full ? in->body_len :
		     dsn_whole_lines(in->body, header, in->body_max);
	eightbit = dsn_is_8bit(in->body, len);
	boundary_make(in, boundary, sizeof(boundary));

	put_header(&w, in, boundary, eightbit);
	put_part(&w, boundary, "text/plain; charset=us-ascii", "Notification",
	    false);
	put_words(&w, in);
	put_part(&w, boundary, "message/delivery-status", "Delivery report",
	    false);
	put_status(&w, in);
	put_part(&w, boundary,
	    original_type(in, header < len ? header : len, full),
	    full ? "Undelivered message" : "Message headers", eightbit);
	dsn_put_original(&w, in->body, len);
	dsn_put(&w, "\r\n--");
	dsn_put(&w, boundary);
	dsn_put(&w, "--\r\n");
	return w.rc;
}
