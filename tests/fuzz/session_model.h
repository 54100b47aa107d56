/* SPDX-License-Identifier: ISC
 * session_model: what a mail server must have stored, computed from what a
 * client sent and the replies it got, by other means than smtpd's: the whole
 * conversation lies in memory, and each line is paired with its reply.
 * Written for fuzz_session. */
#ifndef MX_TESTS_SESSION_MODEL_H
#define MX_TESTS_SESSION_MODEL_H

#include "base/buf.h"

enum model_state {
	MODEL_GREETING, /* the 220 is awaited */
	MODEL_COMMAND,
	MODEL_DATA, /* between 354 and the reply behind the dot */
	MODEL_TLS, /* 220 to STARTTLS: the client may begin */
	MODEL_OVER, /* the server has said its last */
};

struct model {
	enum model_state state;
	bool tls;
	struct buf sent; /* all that the client said, in clear and within TLS */
	size_t at; /* what lies before it has its reply */
	struct buf heard; /* replies that no line was found for yet */
	struct buf chunks; /* of a message that comes with BDAT */
	struct buf want; /* what has to be stored of the message in hand */
	bool stray; /* a CR or LF by itself was in it */
	bool failed; /* one of those chunks was refused */
	unsigned rcpts; /* that were taken in this transaction */
	unsigned stored; /* messages that got their 250 */
};

void model_init(struct model *);
void model_fini(struct model *);
/* As they come. `stored` is called with m->want when a message has its 250;
 * `id` is what the reply names. */
void model_sent(struct model *, const void *, size_t);
void model_heard(struct model *, const void *, size_t);
void model_walk(struct model *, void (*stored)(struct model *, const char *id));
/* How many of these bytes may be said before a reply decides what the rest is,
 * or whether it came too early: none before the greeting, and up to the end of
 * a line DATA, STARTTLS, EHLO or HELO that has no reply yet. */
size_t model_may_send(struct model *, const uint8_t *p, size_t n);

#endif
