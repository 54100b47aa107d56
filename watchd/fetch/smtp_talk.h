/* SPDX-License-Identifier: ISC
 * smtp_talk: sends a message to a smarthost, from MAIL to the reply to the
 * final dot (RFC 5321 3.3). libcurl does connection, TLS and authentication,
 * and could do this as well, but would block the whole thread for that last
 * reply and for QUIT: one silent smarthost would keep every other receiver from
 * being told. Pure: bytes in and out, the caller has the socket. */
#ifndef MX_FETCH_SMTP_TALK_H
#define MX_FETCH_SMTP_TALK_H

#include "fetch/carry.h"

enum smtp_talk_step { TALK_MAIL, TALK_RCPT, TALK_DATA, TALK_DOT };

struct smtp_talk {
	const struct carry *c; /* the recipients; borrowed */
	const struct buf *body; /* with CRLF line ends; borrowed */
	enum smtp_talk_step step;
	size_t rcpt; /* index of the present RCPT */
	size_t taken; /* accepted recipients */
	char line[1024]; /* the reply line so far */
	size_t len;
	size_t replies; /* bytes of replies */
	char refusal[128]; /* the last refusal, ASCII */
	struct buf out; /* to be sent */
};

/* The sender is the null path, so that an undeliverable message does not bounce
 * to a watched domain. */
void smtp_talk_init(struct smtp_talk *, const struct carry *,
    const struct buf *body);
void smtp_talk_fini(struct smtp_talk *);
/* Takes input. True: it is over, with the result in *r; `out` is then QUIT,
 * whose reply is not awaited. A refused recipient does not affect the
 * others. */
bool smtp_talk_take(struct smtp_talk *, const char *data, size_t len,
    struct send_result *r);

#endif
