/* SPDX-License-Identifier: ISC
 * http_desk: the questions of the web server that the snapshot cannot answer,
 * asked of the loop: why a domain is in its state, and its queued mail. The
 * connection is suspended meanwhile, so that no thread of the web server waits.
 * Answers are matched by number, since the connection may be gone. Bounded in
 * number and time: beyond HTTP_DESK_MAX, or after HTTP_DESK_MS, the answer is
 * 503. The desk outlives the servers that use it. */
#ifndef MX_EXPORTERS_HTTP_DESK_H
#define MX_EXPORTERS_HTTP_DESK_H

#include "base/text.h"
#include "net/loop.h"

#define HTTP_DESK_MAX 8 /* concurrent questions */
#define HTTP_DESK_MS  8000

enum http_question_kind {
	HTTP_QUESTION_WHY, /* the line of `mxwatchctl why DOMAIN --json` */
	HTTP_QUESTION_AGES, /* a histogram of the ages of queued mail */
	HTTP_QUESTION_MESSAGES, /* a page of envelopes of queued mail */
};

struct http_question {
	uint64_t number;
	enum http_question_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* canonical; may be unknown */
	uint64_t after; /* messages: after that id; 0: from the first */
	bool people; /* addresses may be shown; if not, they are masked */
};

struct http_desk;

/* Loop thread. `ask` has the question answered, during the call or later; or
 * never. */
struct http_desk *http_desk_create(struct loop *,
    void (*ask)(void *arg, const struct http_question *), void *arg);
/* After the last server. */
void http_desk_destroy(struct http_desk **);
/* Takes over the text: JSON if the status is 200, else a sentence. Loop
 * thread. */
void http_desk_answer(struct http_desk *, uint64_t number, unsigned status,
    char *text);

#endif
