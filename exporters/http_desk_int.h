/* SPDX-License-Identifier: ISC
 * http_desk_int: the side of http_desk.h that the servers have. */
#ifndef MX_EXPORTERS_HTTP_DESK_INT_H
#define MX_EXPORTERS_HTTP_DESK_INT_H

#include <microhttpd.h>

#include "exporters/http_desk.h"

struct http;
struct http_asker; /* a request that waits, or has its answer */

/* Suspends the connection, which is asked again when there is an answer; NULL: too
 * many wait, or the server is about to end. Thread of the address. */
struct http_asker *http_desk_ask(struct http_desk *, const struct http *,
    struct MHD_Connection *, const struct http_question *);
/* The answer, which the caller frees; the asker is gone. NULL: there is none
 * yet, and it stays. */
char *
http_desk_take(struct http_desk *, struct http_asker **, unsigned *status);
/* Nobody is left to take it. NULL: nothing. */
void http_desk_forget(struct http_desk *, struct http_asker **);
/* Before that server ends: who waits is told so, and nobody new is let wait; and when
 * it has ended. Loop thread; NULL: nothing. */
void http_desk_close(struct http_desk *, const struct http *);
void http_desk_closed(struct http_desk *);

#endif
