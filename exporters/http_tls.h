/* SPDX-License-Identifier: ISC
 * http_tls: the certificate of the web server, and the verification of client
 * certificates. Uses GnuTLS, since libmicrohttpd does. Loading: loop thread;
 * the verification: the thread that serves the request. */
#ifndef MX_EXPORTERS_HTTP_TLS_H
#define MX_EXPORTERS_HTTP_TLS_H

#include "base/err.h"

/* PEM texts as MHD takes them; all NULL without TLS. */
struct http_tls {
	char *cert, *key, *ca;
};

#define HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Reads and checks the files (ca_file may be NULL). On failure *t is zeroed. */
int
http_tls_load(struct http_tls *t, const char *cert_file, const char *key_file,
    const char *ca_file, struct mx_errbuf *eb) MX_NODISCARD;
void http_tls_fini(struct http_tls *);

/* Whether the client of this session (a gnutls_session_t) has presented a
 * certificate of a configured authority. */
bool http_tls_client_ok(void *session);

#endif
