/* SPDX-License-Identifier: ISC
 * reply: reads a server's replies (RFC 5321 4.2, RFC 2034), whatever it
 * sends: bounded, tolerant of missing text, judged by the first digit. Pure. */
#ifndef MX_SMTP_REPLY_H
#define MX_SMTP_REPLY_H

#include "base/buf.h"
#include "base/defs.h"

#define REPLY_LINE_MAX	1024 /* longer lines are truncated, not refused */
#define REPLY_TEXT_MAX	4096 /* all lines of one reply together */
#define REPLY_LINES_MAX 256 /* more: protocol error */

/* RFC 3463 status "x.y.z"; cls 0: none. */
struct smtp_status {
	uint8_t cls;
	uint16_t subject;
	uint16_t detail;
};

struct smtp_reply {
	uint16_t code; /* 200..599, or 0 before any */
	struct smtp_status status; /* from the text, or class.0.0 */
	bool has_status; /* the text had one */
	unsigned lines;
	/* all lines without codes, joined by LF; control and 8-bit bytes
	 * unchanged; owned by the parser */
	char *text;
};

struct reply_parser {
	struct buf line;
	struct buf text;
	unsigned lines;
	uint16_t code;
	bool cut;
};

void reply_parser_init(struct reply_parser *);
void reply_parser_fini(struct reply_parser *);

/* Reads from data[0..len); *used is the number of bytes consumed (never beyond
 * the end of one reply). 1: *out is a complete reply, valid until the next
 * call; 0: more bytes are needed; -MX_ESYNTAX: not SMTP (code outside 200..599
 * or not digits, codes differ within a reply, too many lines). */
int reply_parse(struct reply_parser *, const char *data, size_t len,
    size_t *used, struct smtp_reply *out) MX_NODISCARD;

static inline bool
reply_ok(const struct smtp_reply *r)
{
	return r->code / 100 == 2;
}
static inline bool
reply_perm(const struct smtp_reply *r)
{
	return r->code / 100 == 5;
}

/* "x.y.z", or "" when cls is 0. dst holds 16. */
char *smtp_status_fmt(const struct smtp_status *, char *dst);
/* Reads "x.y.z" at the start of s (class 2, 4 or 5); length read or 0. */
size_t smtp_status_parse(const char *s, struct smtp_status *);

#endif
