/* SPDX-License-Identifier: ISC
 * http_desk: what the snapshot does not have is asked of the loop: why a domain is as
 * it is, and what is queued for it. The connection of who asks is suspended meanwhile,
 * so no thread of the web server waits; answers come by number, for the one that a
 * number meant may be gone. Bounded in number and time: beyond HTTP_DESK_MAX, or after
 * HTTP_DESK_MS, it is a 503. The desk outlives the servers that ask at it. */
#ifndef MX_EXPORTERS_HTTP_DESK_H
#define MX_EXPORTERS_HTTP_DESK_H

#include "base/text.h"
#include "net/loop.h"

#define HTTP_DESK_MAX 8 /* questions at once */
#define HTTP_DESK_MS  8000

enum http_question_kind {
	HTTP_QUESTION_WHY, /* the line of `mxwatchctl why DOMAIN --json` */
	HTTP_QUESTION_AGES, /* how old what is queued is */
	HTTP_QUESTION_MESSAGES, /* a page of what is queued: envelopes */
};

struct http_question {
	uint64_t number;
	enum http_question_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* canonical; nobody may have it */
	uint64_t after; /* of messages: behind that id; 0: the first */
};

struct http_desk;

/* Loop thread. Who is called answers, in that call or later; or never. */
struct http_desk *http_desk_create(struct loop *,
    void (*ask)(void *arg, const struct http_question *), void *arg);
/* When no server is left. */
void http_desk_destroy(struct http_desk **);
/* Takes the text: JSON if the status is 200, else a sentence. Loop thread. */
void http_desk_answer(struct http_desk *, uint64_t number, unsigned status,
    char *text);

#endif
