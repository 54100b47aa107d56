/* SPDX-License-Identifier: ISC
 * reply: reads server replies for the client engine. It collects a line, parses
 * it, and continues until a line without a hyphen ends the reply. All stored
 * data is capped: the rest of an overlong line is dropped, and so is a whole
 * line for which the text has no room, so that no keyword or number is ever cut
 * in two. Sloppiness found in the field (LF alone, no text, a tab after the
 * code) is tolerated; input that is no reply at all is -MX_ESYNTAX and ends the
 * session. One parser belongs to one connection, on its thread. */
#include "smtp/reply.h"

#include <string.h>

#include "base/err.h"

void
reply_parser_init(struct reply_parser *p)
{
	*p = (struct reply_parser){ 0 };
	buf_init(&p->line, REPLY_LINE_MAX);
	buf_init(&p->text, REPLY_TEXT_MAX);
}

void
reply_parser_fini(struct reply_parser *p)
{
	buf_fini(&p->line);
	buf_fini(&p->text);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The code at the start of a line, or 0 when it is not an SMTP code. */
static uint16_t
read_code(const char *s, size_t len)
{
	if (len < 3 || s[0] < '2' || s[0] > '5' || !is_digit(s[1]) ||
	    !is_digit(s[2]) || (len > 3 && is_digit(s[3])))
		return 0;
	return (uint16_t)((s[0] - '0') * 100 + (s[1] - '0') * 10 + s[2] - '0');
}

static void
keep_part(struct reply_parser *p, const char *data, size_t len)
{
	size_t room = REPLY_LINE_MAX - p->line.len;

	if (len > room) {
		p->cut = true;
		len = room;
	}
	if (len > 0 && buf_add(&p->line, data, len) < 0)
		p->cut = true;
}

/* Adds a line's text to the reply's. A NUL would end the text early, so it
 * becomes '?'. */
static void
keep_text(struct reply_parser *p, char *s, size_t len)
{
	char *nul;

	while ((nul = memchr(s, '\0', len)) != NULL)
		*nul = '?';
	if (len + 1 > REPLY_TEXT_MAX - p->text.len)
		return;
	if (p->lines > 0 && buf_add(&p->text, "\n", 1) < 0)
		return;
	if (len > 0 && buf_add(&p->text, s, len) < 0)
		return;
}

/* A complete line is in p->line. 1: it ended the reply, 0: it did not. */
static int
end_line(struct reply_parser *p)
{
	char *s = p->line.data;
	size_t len = p->line.len, skip;
	uint16_t code;
	bool more;

	if (len > 0 && s[len - 1] == '\r')
		len--;
	code = read_code(s, len);
	if (code == 0 || (p->lines > 0 && code != p->code) ||
	    p->lines == REPLY_LINES_MAX)
		return -MX_ESYNTAX;
	p->code = code;
	more = len > 3 && s[3] == '-';
	skip = len > 3 && (more || s[3] == ' ' || s[3] == '\t') ? 4 : 3;
	keep_text(p, s + skip, len - skip);
	p->lines++;
	buf_clear(&p->line);
	p->cut = false;
	return more ? 0 : 1;
}

static void
give_reply(struct reply_parser *p, struct smtp_reply *out)
{
	static char empty[1];

	*out = (struct smtp_reply){
		.code = p->code,
		.lines = p->lines,
		.text = p->text.len > 0 ? p->text.data : empty,
	};
	/* RFC 2034 4: the class repeats the code's first digit. Otherwise it is
	 * just text. */
	if (smtp_status_parse(out->text, &out->status) > 0 &&
	    out->status.cls == p->code / 100) {
		out->has_status = true;
	} else {
		out->status = (struct smtp_status){
			.cls =
			    p->code / 100 == 3 ? 0 : (uint8_t)(p->code / 100),
		};
	}
	p->lines = 0;
	p->code = 0;
}

int
reply_parse(struct reply_parser *p, const char *data, size_t len, size_t *used,
    struct smtp_reply *out)
{
	const char *lf;
	size_t n;
	int rc;

	if (p->lines == 0) /* between replies: the last text may be freed */
		buf_clear(&p->text);
	*used = 0;
	while (*used < len) {
		lf = memchr(data + *used, '\n', len - *used);
		n = lf != NULL ? (size_t)(lf - data) - *used : len - *used;
		keep_part(p, data + *used, n);
		*used += n;
		if (lf == NULL)
			break;
		*used += 1;
		if ((rc = end_line(p)) < 0)
			return rc;
		if (rc == 1) {
			give_reply(p, out);
			return 1;
		}
	}
	return 0;
}

/* Up to three digits. */
static char *
put_number(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100 % 10);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

/* Called once a message: printf() would cost too much. */
char *
smtp_status_fmt(const struct smtp_status *st, char *dst)
{
	char *p = dst;

	if (st->cls != 0) {
		p = put_number(p, st->cls % 10u);
		*p++ = '.';
		p = put_number(p, st->subject % 1000u);
		*p++ = '.';
		p = put_number(p, st->detail % 1000u);
	}
	*p = '\0';
	return dst;
}

/* Reads one to three digits; returns how many, or 0. */
static size_t
read_number(const char *s, uint16_t *v)
{
	size_t n = 0;

	for (*v = 0; n < 3 && is_digit(s[n]); n++)
		*v = (uint16_t)(*v * 10 + s[n] - '0');
	return is_digit(s[n]) ? 0 : n;
}

size_t
smtp_status_parse(const char *s, struct smtp_status *st)
{
	const char *p = s;
	size_t n;

	*st = (struct smtp_status){ 0 };
	if ((s[0] != '2' && s[0] != '4' && s[0] != '5') || s[1] != '.')
		return 0;
	p += 2;
	if ((n = read_number(p, &st->subject)) == 0 || p[n] != '.')
		return 0;
	p += n + 1;
	if ((n = read_number(p, &st->detail)) == 0)
		return 0;
	p += n;
	if (*p != '\0' && *p != ' ' && *p != '\t' && *p != '\n' && *p != '\r')
		return 0;
	st->cls = (uint8_t)(s[0] - '0');
	return (size_t)(p - s);
}
