/* SPDX-License-Identifier: ISC
 * header: see header.h. A line is held back from its beginning up to the octet
 * that decides its kind: the colon of a field, or the first octet that cannot
 * be in a field name. The rest of a field passes in one piece. The rule is
 * Postfix's, not that of RFC 5322: blanks may precede the colon. Called by
 * cmd_data.c only. */
#include "relay/smtpd/header.h"

#include <string.h>

enum {
	AT_START, /* of a line */
	IN_NAME,
	BEHIND_NAME, /* blanks before the colon */
	IN_FIELD, /* to the end of the line */
	IN_MAILBOX, /* the same, before any field */
};

/* The kind of a line. */
enum kind { UNKNOWN, FIELD, MAILBOX, BODY };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "From " of a mailbox; that of a nested mailbox begins with '>'. */
static bool
is_mailbox(const struct header_reader *h)
{
	size_t n = 0;

	while (n < h->held && h->hold[n] == '>')
		n++;
	return h->held - n == 4 && memcmp(h->hold + n, "From", 4) == 0;
}

static enum kind
judge(struct header_reader *h, char c)
{
	bool name = (unsigned char)c > ' ' && (unsigned char)c < 127;

	if (h->state == AT_START && is_blank(c))
		return h->begun ? FIELD : BODY;
	if (c == ':')
		return h->state == AT_START ? BODY : FIELD;
	if (h->held == sizeof(h->hold))
		return BODY;
	if (h->state == IN_NAME && c == ' ' && !h->begun && is_mailbox(h))
		return MAILBOX;
	if (h->state != AT_START && is_blank(c)) {
		h->state = BEHIND_NAME;
		return UNKNOWN;
	}
	if (h->state == BEHIND_NAME || !name)
		return BODY;
	h->state = IN_NAME;
	return UNKNOWN;
}

static char *
put(char *dst, const char *src, size_t len)
{
	memcpy(dst, src, len);
	return dst + len;
}

/* The kind of the line whose start is held is decided; c is the next octet, not
 * consumed. */
static char *
settle(struct header_reader *h, enum kind kind, char c, char *out)
{
	static const char mailbox[] = "X-Mailbox-Line: ";

	if (kind == BODY) {
		h->over = true;
		if (h->held > 0 || c != '\r')
			out = put(out, "\r\n", 2);
	} else if (kind == MAILBOX) {
		h->state = IN_MAILBOX;
		out = put(out, mailbox, sizeof(mailbox) - 1);
	} else {
		h->state = IN_FIELD;
		h->begun = true;
	}
	out = put(out, h->hold, h->held);
	h->held = 0;
	return out;
}

void
header_reader_init(struct header_reader *h)
{
	h->state = AT_START;
	h->begun = h->over = false;
	h->held = 0;
}

size_t
header_read(struct header_reader *h, const char *src, size_t len, size_t *used,
    char *dst)
{
	const char *p = src, *end = src + len, *lf;
	char *out = dst;
	enum kind kind;
	size_t n;

	while (p < end && !h->over) {
		if (h->state == IN_FIELD || h->state == IN_MAILBOX) {
			lf = memchr(p, '\n', (size_t)(end - p));
			n = (size_t)((lf != NULL ? lf + 1 : end) - p);
			out = put(out, p, n);
			p += n;
			if (lf != NULL)
				h->state = AT_START;
			continue;
		}
		kind = judge(h, *p);
		if (kind == UNKNOWN)
			h->hold[h->held++] = *p++;
		else
			out = settle(h, kind, *p, out);
	}
	*used = (size_t)(p - src);
	return (size_t)(out - dst);
}
