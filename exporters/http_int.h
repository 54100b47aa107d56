/* SPDX-License-Identifier: ISC
 * http_int: shared by http.c (addresses), http_files.c (certificates and users,
 * which may change) and http_request.c (answers). */
#ifndef MX_EXPORTERS_HTTP_INT_H
#define MX_EXPORTERS_HTTP_INT_H

#include <microhttpd.h>

#include "exporters/http.h"
#include "exporters/http_auth.h"
#include "exporters/http_desk_int.h"
#include "exporters/http_host.h"
#include "exporters/http_page.h"
#include "exporters/http_tls.h"
#include "net/addr.h"
#include "net/local_socket.h"
#include "net/renewal.h"

struct server {
	const struct conf_listen *listen; /* of h->conf */
	struct local_socket local; /* the fd is owned by MHD */
	struct MHD_Daemon *daemon;
	struct MHD_Daemon *retired; /* with the previous certificate, or NULL */
	int64_t retired_until;
};

struct http {
	struct config *conf;
	struct snapshot_box *box;
	struct history *history;
	struct ledger *ledger; /* or NULL */
	struct http_desk *desk; /* or NULL */
	struct http_page page;
	struct http_hosts *hosts;
	struct http_tls tls; /* loop thread only */
	struct http_auth *auth; /* NULL: no passwords */
	struct renewal *renew_tls, *renew_users; /* NULL: not configured */
	struct server *server;
	size_t n;
};

/* http.c: serves with that certificate, which is taken over, from now on. */
void http_renew_tls(struct http *, struct http_tls *, int64_t now);

/* http_files.c */
/* Loads the configured files at the start; 0 or an error. */
int http_files_load(struct http *, struct mx_errbuf *) MX_NODISCARD;
/* Has the helper look at the files, and uses changed ones. */
void http_files_look(struct http *, struct helper *, int64_t now);
void http_files_fini(struct http *);

/* http_outages.c: the answer to /api/v1/outages for that query: 200 and the
 * text, which the caller frees; or 400, and the text is the reason. */
unsigned http_outages(struct http *, struct MHD_Connection *, char **text);

/* http_question.c: parses the query into a question: 0; or the status, and the
 * reason. */
unsigned http_question(struct http *, struct MHD_Connection *,
    enum http_question_kind, struct http_question *, const char **why);

/* The parameter of the query; NULL: it is not there, or has no value. */
const char *http_argument(struct MHD_Connection *, const char *name);
/* The client's address; false: it uses a socket in the file system. */
bool http_client(struct MHD_Connection *, struct net_addr *);

/* Handlers for MHD: of a request, and of its end. arg is the struct http. */
enum MHD_Result http_on_request(void *arg, struct MHD_Connection *,
    const char *url, const char *method, const char *version, const char *body,
    size_t *body_len, void **state);
void http_on_end(void *arg, struct MHD_Connection *, void **state,
    enum MHD_RequestTerminationCode);

#endif
