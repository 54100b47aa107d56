/* SPDX-License-Identifier: ISC
 * http_int: what http.c (addresses, certificates, files that change) and
 * http_request.c (answers) share. */
#ifndef MX_EXPORTERS_HTTP_INT_H
#define MX_EXPORTERS_HTTP_INT_H

#include <microhttpd.h>

#include "exporters/http.h"
#include "exporters/http_auth.h"
#include "exporters/http_page.h"
#include "exporters/http_tls.h"
#include "net/local_socket.h"

/* What tells that a file is not the one that was read. */
struct stamp {
	int64_t mtime_ns, size;
	uint64_t ino;
};

struct server {
	const struct conf_listen *listen; /* of h->conf */
	struct local_socket local; /* its fd is MHD's */
	struct MHD_Daemon *daemon;
	struct MHD_Daemon *retired; /* of the certificate before, or NULL */
	int64_t retired_until;
};

struct http {
	struct config *conf;
	struct snapshot_box *box;
	struct history *history;
	struct http_page page;
	struct http_tls tls; /* loop thread only */
	struct http_auth *auth; /* NULL: nobody is asked */
	struct stamp tls_stamp[3], auth_stamp;
	int64_t next_look;
	struct server *server;
	size_t n;
};

/* The access handler of MHD; arg is the struct http. */
enum MHD_Result http_on_request(void *arg, struct MHD_Connection *,
    const char *url, const char *method, const char *version, const char *body,
    size_t *body_len, void **state);

#endif
