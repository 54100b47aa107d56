/* SPDX-License-Identifier: ISC
 * smtp_talk: a message to a smarthost, from MAIL to the reply to the final dot
 * (RFC 5321 3.3). libcurl does what comes before, connection, TLS and password,
 * and could do this as well, but waits for that last reply and for QUIT with the
 * whole thread: one smarthost that is silent there would keep every other receiver
 * from being told. Pure: bytes come in and go out, the caller has the socket. */
#ifndef MX_FETCH_SMTP_TALK_H
#define MX_FETCH_SMTP_TALK_H

#include "fetch/carry.h"

enum smtp_talk_step { TALK_MAIL, TALK_RCPT, TALK_DATA, TALK_DOT };

struct smtp_talk {
	const struct carry *c; /* who it is for; borrowed */
	const struct buf
	    *body; /* with CRLF at the end of its lines; borrowed */
	enum smtp_talk_step step;
	size_t rcpt; /* the one that is asked for */
	size_t taken; /* recipients */
	char line[1024]; /* of a reply, so far */
	size_t len;
	size_t replies; /* bytes of them */
	char refusal[128]; /* the last one, ASCII */
	struct buf out; /* to be sent */
};

/* The sender is the null path: what cannot be delivered shall not come back to a
 * watched domain. */
void smtp_talk_init(struct smtp_talk *, const struct carry *,
    const struct buf *body);
void smtp_talk_fini(struct smtp_talk *);
/* What has come. True: it is over, and *r says how; `out` is QUIT then, to which
 * nobody waits for a reply. One recipient that is refused does not keep the others
 * from being told. */
bool smtp_talk_take(struct smtp_talk *, const char *data, size_t len,
    struct send_result *r);

#endif
