/* SPDX-License-Identifier: ISC
 * http_int: what http.c (addresses), http_files.c (certificates and users, which
 * change) and http_request.c (answers) share. */
#ifndef MX_EXPORTERS_HTTP_INT_H
#define MX_EXPORTERS_HTTP_INT_H

#include <microhttpd.h>

#include "exporters/http.h"
#include "exporters/http_auth.h"
#include "exporters/http_page.h"
#include "exporters/http_tls.h"
#include "net/local_socket.h"

/* The stamp that tells a file from the one that was read. */
struct http_stamp {
	int64_t mtime_ns, size;
	uint64_t ino;
};

struct http_files {
	struct http_stamp cert, key, ca, users;
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
	struct http_files files;
	struct http_look *look; /* under way in the helper; NULL: none */
	int64_t next_look;
	struct server *server;
	size_t n;
};

/* http.c: serves with that certificate, which it takes, from now on. */
void http_renew_tls(struct http *, struct http_tls *, int64_t now);

/* http_files.c */
#define HTTP_FILES_TLS	 1u
#define HTTP_FILES_USERS 2u
/* Which of them are others than at the last call. Any thread. */
unsigned http_files_moved(struct http_files *, const struct conf_web *);
/* Looks, in the helper's thread, and takes what is new. None is under way. */
void http_files_look(struct http *, struct helper *);
void http_files_forget(struct http *); /* what is under way finds nobody */

/* The access handler of MHD; arg is the struct http. */
enum MHD_Result http_on_request(void *arg, struct MHD_Connection *,
    const char *url, const char *method, const char *version, const char *body,
    size_t *body_len, void **state);

#endif
