/* SPDX-License-Identifier: ISC
 * http_tls: the certificate of the web server and the check of its clients'
 * ones. GnuTLS, because that is what libmicrohttpd speaks TLS with. Loading:
 * loop thread; the check: the thread that serves the request. */
#ifndef MX_EXPORTERS_HTTP_TLS_H
#define MX_EXPORTERS_HTTP_TLS_H

#include "base/err.h"

/* PEM texts as MHD takes them; all NULL without TLS. */
struct http_tls {
	char *cert, *key, *ca;
};

#define HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Reads the files and tries them out (ca_file NULL: there is none); *t is zeroed
 * or holds all of it. */
int
http_tls_load(struct http_tls *t, const char *cert_file, const char *key_file,
    const char *ca_file, struct mx_errbuf *eb) MX_NODISCARD;
void http_tls_fini(struct http_tls *);

/* Whether the client of this session (a gnutls_session_t) has shown a
 * certificate of an authority that we were given. */
bool http_tls_client_ok(void *session);

#endif
