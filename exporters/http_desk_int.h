/* SPDX-License-Identifier: ISC
 * http_desk_int: the functions of http_desk.h for the servers. */
#ifndef MX_EXPORTERS_HTTP_DESK_INT_H
#define MX_EXPORTERS_HTTP_DESK_INT_H

#include <microhttpd.h>

#include "exporters/http_desk.h"

struct http;
struct http_asker; /* a suspended or answered request */

/* Suspends the connection; MHD calls its handler again when there is an answer.
 * NULL: too many are suspended, or the server is being stopped. Thread of the
 * address. */
struct http_asker *http_desk_ask(struct http_desk *, const struct http *,
    struct MHD_Connection *, const struct http_question *);
/* Returns the answer, which the caller frees, and ends the asker. NULL: no
 * answer yet, the asker stays. */
char *
http_desk_take(struct http_desk *, struct http_asker **, unsigned *status);
/* The connection has ended. NULL: no effect. */
void http_desk_forget(struct http_desk *, struct http_asker **);
/* http_desk_close() before that server ends: answers its suspended requests and
 * refuses new ones; http_desk_closed() afterwards. Loop thread; NULL: no
 * effect. */
void http_desk_close(struct http_desk *, const struct http *);
void http_desk_closed(struct http_desk *);

#endif
