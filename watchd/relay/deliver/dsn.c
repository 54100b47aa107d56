/* SPDX-License-Identifier: ISC
 * dsn: the writer behind dsn.h. Three parts: words for a person, fields for
 * a program, the original. Whatever comes from outside (addresses, replies,
 * ENVID, ORCPT, the original itself) is taken for hostile: it passes put_text
 * or put_original, the only two places that copy it, and neither can end a
 * line, begin a header or write a line over 998 octets (RFC 5322 2.1.1).
 * All of it is 7-bit, addresses included (RFC 6533 3: \x{HEX}), but for the
 * original, which is labelled 8bit when it needs that, and the To line. */
#include "relay/deliver/dsn.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define FOLD_AT	 76 /* at the blank before it */
#define LINE_MAX 900 /* without a blank; leaves room below 998 */
#define TEXT_MAX 1024 /* of one value from outside */

/* A writer that remembers its first failure, so that it is asked once. */
struct writer {
	struct buf *out;
	int rc;
	size_t col; /* of the line being written */
};

static void
put(struct writer *w, const char *data, size_t len)
{
	if (w->rc == 0)
		w->rc = buf_add(w->out, data, len);
}

/* Our own words, line ends included. */
static void
puts_raw(struct writer *w, const char *s)
{
	const char *nl = strrchr(s, '\n');

	put(w, s, strlen(s));
	w->col = nl != NULL ? strlen(nl + 1) : w->col + strlen(s);
}

/* Reads one UTF-8 character of s; its length, 0 when it is none. */
static size_t
utf8_read(const char *s, size_t len, uint32_t *cp)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] >= 0xf0 && u[0] < 0xf5 ? 4 :
	    u[0] >= 0xe0 && u[0] < 0xf0	       ? 3 :
	    u[0] >= 0xc2 && u[0] < 0xe0	       ? 2 :
						 0;
	size_t i;

	if (n == 0 || n > len)
		return 0;
	*cp = u[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (u[i] & 0x3f);
	}
	return n;
}

/* One value from outside: control characters become blanks, what is not
 * ASCII \x{HEX} or, in text that is no address, "?"; folded with a CRLF and a
 * blank, so that it can be nothing but the rest of the field it is in. */
static void
put_text(struct writer *w, const char *s, bool address)
{
	size_t len = strnlen(s, TEXT_MAX), i, n;
	char piece[16];
	uint32_t cp = 0;

	for (i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)s[i];

		n = 1;
		if (c > 127) {
			if ((n = utf8_read(s + i, len - i, &cp)) == 0 ||
			    !address) {
				n = n == 0 ? 1 : n;
				strlcpy(piece, "?", sizeof(piece));
			} else {
				snprintf(piece, sizeof(piece), "\\x{%X}",
				    (unsigned)cp);
			}
		} else {
			piece[0] = c < 32 || c == 127 ? ' ' : (char)c;
			piece[1] = '\0';
		}
		if ((piece[0] == ' ' && w->col >= FOLD_AT && !address) ||
		    w->col >= LINE_MAX) {
			puts_raw(w, "\r\n ");
			if (piece[0] == ' ')
				continue;
		}
		puts_raw(w, piece);
	}
}

static void
put_field(struct writer *w, const char *name, const char *value, bool address)
{
	puts_raw(w, name);
	puts_raw(w, ": ");
	put_text(w, value, address);
	puts_raw(w, "\r\n");
}

static void
put_date(struct writer *w, const char *name, int64_t wall)
{
	char date[64];

	put_field(w, name, text_date_5322(wall, date, sizeof(date)), false);
}

static bool
concerns(const struct rcpt *r, enum dsn_action action)
{
	unsigned asked = action == DSN_FAILED ? NOTIFY_FAILURE : NOTIFY_DELAY;

	if (action == DSN_DELAYED ? r->state != RCPT_PENDING :
				    r->reported ||
		    (r->state != RCPT_FAILED && r->state != RCPT_EXPIRED))
		return false;
	/* RFC 3461 4.1: without NOTIFY both are in order. */
	return (r->notify & NOTIFY_GIVEN) == 0 ?
	    (r->notify & NOTIFY_NEVER) == 0 :
	    (r->notify & asked) != 0 && (r->notify & NOTIFY_NEVER) == 0;
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

/* The status of a failure is of class 5, or 4.4.7 for what expired; that of
 * a delay is of class 4 whatever the server said (RFC 3464 2.3.4). */
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
	if (st.cls == 0 || st.cls == 2)
		return (struct smtp_status){ 4, 4, 1 };
	st.cls = 4;
	return st;
}

/* "type;xtext" or a bare xtext, decoded. NULL when it does not hold. */
static char *
decode(const char *s, char *dst, size_t size)
{
	return s != NULL && *s != '\0' && smtp_xtext_decode(s, dst, size) == 0 ?
	    dst :
	    NULL;
}

static void
put_orcpt(struct writer *w, const struct rcpt *r)
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
	puts_raw(w, "Original-Recipient: ");
	puts_raw(w, type);
	puts_raw(w, "; ");
	put_text(w, value, true);
	puts_raw(w, "\r\n");
}

static bool
is_8bit(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] > 127)
			return true;
	return false;
}

/* The label of a host without its port: the field names a host. */
static void
put_host(struct writer *w, const char *label)
{
	char host[TEXT_DOMAIN_MAX + 8];
	char *colon;

	strlcpy(host, label, sizeof(host));
	colon = strrchr(host, ':');
	if (colon != NULL &&
	    strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
	    (colon == strchr(host, ':') || (colon > host && colon[-1] == ']')))
		*colon = '\0';
	put_text(w, host, true);
}

static void
put_rcpt(struct writer *w, const struct dsn_input *in, const struct rcpt *r)
{
	const struct envelope *env = in->env;
	struct smtp_status st = rcpt_status(r);
	char status[16], code[24];

	puts_raw(w, "\r\n");
	put_orcpt(w, r);
	puts_raw(w,
	    is_8bit(r->mailbox, strlen(r->mailbox)) ?
		"Final-Recipient: utf-8; " :
		"Final-Recipient: rfc822; ");
	put_text(w, r->mailbox, true);
	puts_raw(w, "\r\nAction: ");
	puts_raw(w, in->action == DSN_FAILED ? "failed" : "delayed");
	puts_raw(w, "\r\n");
	put_field(w, "Status", smtp_status_fmt(&st, status), false);
	if (r->code != 0 && env->host != NULL && *env->host != '\0') {
		puts_raw(w, "Remote-MTA: dns; ");
		put_host(w, env->host);
		puts_raw(w, "\r\n");
	}
	if (r->reply != NULL && *r->reply != '\0') {
		puts_raw(w, "Diagnostic-Code: ");
		snprintf(code, sizeof(code), "smtp; %u ", (unsigned)r->code);
		puts_raw(w, r->code != 0 ? code : "x-mxwatch; ");
		put_text(w, r->reply, false);
		puts_raw(w, "\r\n");
	}
	if (env->last_try_ms != 0)
		put_date(w, "Last-Attempt-Date", env->last_try_ms / 1000);
	if (in->action == DSN_DELAYED && in->retry_until != 0)
		put_date(w, "Will-Retry-Until", in->retry_until);
}

static void
put_status(struct writer *w, const struct dsn_input *in)
{
	const struct envelope *env = in->env;
	char envid[128];
	uint32_t i;

	puts_raw(w, "Reporting-MTA: dns; ");
	put_text(w, in->reporting_mta, true);
	puts_raw(w, "\r\n");
	if (decode(env->envid, envid, sizeof(envid)) != NULL)
		put_field(w, "Original-Envelope-Id", envid, true);
	put_date(w, "Arrival-Date", env->arrival_ms / 1000);
	for (i = 0; i < env->nrcpts; i++)
		if (concerns(&env->rcpts[i], in->action))
			put_rcpt(w, in, &env->rcpts[i]);
}

/* What, who, why and what now, in the order in which a sender asks. */
static void
put_words(struct writer *w, const struct dsn_input *in)
{
	const struct envelope *env = in->env;
	const struct rcpt *r;
	char date[64];
	uint32_t i;

	puts_raw(w, "This is the mail server ");
	put_text(w, in->reporting_mta, true);
	puts_raw(w, ".\r\n\r\nYour message, received on ");
	puts_raw(w, text_date_5322(env->arrival_ms / 1000, date, sizeof(date)));
	puts_raw(w,
	    in->action == DSN_FAILED ?
		",\r\ncould not be delivered to:\r\n" :
		",\r\nhas not been delivered yet to:\r\n");
	for (i = 0; i < env->nrcpts; i++) {
		r = &env->rcpts[i];
		if (!concerns(r, in->action))
			continue;
		puts_raw(w, "\r\n  <");
		put_text(w, r->mailbox, true);
		puts_raw(w, ">\r\n");
		if (r->state == RCPT_EXPIRED)
			puts_raw(w,
			    "    Its mail server could not be reached, or did "
			    "not take the message,\r\n    for as long as we "
			    "may keep it.\r\n");
		if (r->reply != NULL && *r->reply != '\0') {
			puts_raw(w,
			    r->code == 0		? "    Reason: " :
				r->state == RCPT_FAILED ? "    Its mail server "
							  "said: " :
							  "    The last answer "
							  "was: ");
			put_text(w, r->reply, false);
			puts_raw(w, "\r\n");
		}
	}
	if (in->action == DSN_FAILED) {
		puts_raw(w,
		    "\r\nThe message will not be tried again. To reach the "
		    "recipient, check the\r\naddress and send it once more, "
		    "or use another way.\r\n");
		return;
	}
	puts_raw(w,
	    "\r\nYou need not do anything: the message is kept safe and "
	    "delivery is tried\r\nagain");
	if (in->retry_until != 0) {
		puts_raw(w, " until ");
		puts_raw(w,
		    text_date_5322(in->retry_until, date, sizeof(date)));
	}
	puts_raw(w, ". This is a warning only.\r\n");
}

/* How much of the original's beginning is its header. */
static size_t
header_len(const char *s, size_t len)
{
	size_t i;

	if (len >= 2 && s[0] == '\r' && s[1] == '\n')
		return 0;
	for (i = 0; i + 3 < len; i++)
		if (memcmp(s + i, "\r\n\r\n", 4) == 0)
			return i + 2;
	return len;
}

/* Cut back to whole lines of at most `max` octets together. */
static size_t
whole_lines(const char *s, size_t len, size_t max)
{
	if (len > max)
		len = max;
	while (len > 0 && s[len - 1] != '\n')
		len--;
	return len;
}

/* One line of the original without its end: a NUL becomes "?", what is over
 * the limit is broken off, inside the header by folding. */
static void
put_line(struct writer *w, const char *s, size_t len, bool header)
{
	size_t col = 0, n;
	const char *nul;

	for (; len > 0; s += n, len -= n, col += n) {
		if (col >= LINE_MAX) {
			put(w, "\r\n ", header ? 3 : 2);
			col = header;
		}
		n = len > LINE_MAX - col ? LINE_MAX - col : len;
		if ((nul = memchr(s, '\0', n)) == s) {
			n = 1;
			put(w, "?", 1);
			continue;
		}
		if (nul != NULL)
			n = (size_t)(nul - s);
		put(w, s, n);
	}
	put(w, "\r\n", 2);
}

/* The original: whatever ends its lines becomes CRLF. */
static void
put_original(struct writer *w, const char *s, size_t len)
{
	bool header = true;
	size_t i = 0, n;

	while (i < len) {
		for (n = i; n < len && s[n] != '\r' && s[n] != '\n'; n++)
			;
		header = header && n > i;
		put_line(w, s + i, n - i, header);
		i = n + 1;
		if (n + 1 < len && s[n] == '\r' && s[n + 1] == '\n')
			i++;
	}
}

static void
put_part(struct writer *w, const char *boundary, const char *type,
    const char *description, bool eightbit)
{
	puts_raw(w, "\r\n--");
	puts_raw(w, boundary);
	puts_raw(w, "\r\nContent-Type: ");
	puts_raw(w, type);
	puts_raw(w, "\r\nContent-Description: ");
	puts_raw(w, description);
	puts_raw(w,
	    eightbit ? "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" :
		       "\r\nContent-Transfer-Encoding: 7bit\r\n\r\n");
}

/* To: an address with bytes above 127 stays as it is (the notification goes
 * out with SMTPUTF8); control characters cannot be in a parsed path. */
static void
put_to(struct writer *w, const char *sender)
{
	const char *p;

	puts_raw(w, "To: <");
	for (p = sender; *p != '\0' && p - sender < TEXT_DOMAIN_MAX * 2; p++)
		if ((unsigned char)*p >= 32 && *p != 127)
			put(w, p, 1);
	puts_raw(w, ">\r\n");
}

static void
put_header(struct writer *w, const struct dsn_input *in, const char *boundary,
    bool eightbit)
{
	char id[TEXT_ID_MAX];

	puts_raw(w, "From: \"Mail Delivery System\" <");
	put_text(w, in->from, true);
	puts_raw(w, ">\r\n");
	put_to(w, in->env->sender);
	put_field(w, "Subject",
	    in->action == DSN_FAILED ? "Undelivered mail returned to sender" :
				       "Delayed mail (still being tried)",
	    false);
	put_date(w, "Date", in->now);
	puts_raw(w, "Message-ID: <");
	puts_raw(w, text_id(in->id, id));
	puts_raw(w, ".DSN@");
	put_text(w, in->reporting_mta, true);
	puts_raw(w,
	    ">\r\nAuto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"");
	puts_raw(w, boundary);
	puts_raw(w, "\"\r\n");
	puts_raw(w,
	    eightbit ? "Content-Transfer-Encoding: 8bit\r\n\r\n" :
		       "Content-Transfer-Encoding: 7bit\r\n\r\n");
	puts_raw(w, "This is a MIME report (RFC 3462).\r\n");
}

/* Numbers that stand for nothing else, so that no line of the original can
 * be taken for the boundary but by guessing 64 random bits. */
static void
boundary_make(const struct dsn_input *in, char *dst, size_t size)
{
	snprintf(dst, size, "=_%016llx", (unsigned long long)in->boundary);
}

int
dsn_write(const struct dsn_input *in, struct buf *out)
{
	struct writer w = { .out = out };
	char boundary[40];
	bool full, eightbit;
	size_t len;

	/* RFC 3461 4.3: without RET the choice is ours; without a failure
	 * only the headers are due. */
	full = in->action == DSN_FAILED && in->env->ret != RET_HDRS &&
	    in->body_whole && in->body_len <= in->body_max;
	len = full ? in->body_len :
		     whole_lines(in->body, header_len(in->body, in->body_len),
			 in->body_max);
	eightbit = is_8bit(in->body, len);
	boundary_make(in, boundary, sizeof(boundary));

	put_header(&w, in, boundary, eightbit);
	put_part(&w, boundary, "text/plain; charset=us-ascii", "Notification",
	    false);
	put_words(&w, in);
	put_part(&w, boundary, "message/delivery-status", "Delivery report",
	    false);
	put_status(&w, in);
	put_part(&w, boundary,
	    full	 ? "message/rfc822" :
		eightbit ? "text/rfc822-headers; charset=utf-8" :
			   "text/rfc822-headers",
	    full ? "Undelivered message" : "Message headers", eightbit);
	put_original(&w, in->body, len);
	puts_raw(&w, "\r\n--");
	puts_raw(&w, boundary);
	puts_raw(&w, "--\r\n");
	return w.rc;
}
