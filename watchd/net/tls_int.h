/* SPDX-License-Identifier: ISC
 * tls_int: what conn.c needs of tls.c. Never included outside net/. */
#ifndef MX_NET_TLS_INT_H
#define MX_NET_TLS_INT_H

#include <openssl/ssl.h>

#include "net/dane.h"
#include "net/tls.h"

/* A session on fd (which stays the caller's) with its role, SNI and name
 * check set. The session keeps what it needs of the context. NULL and the
 * reason in *eb when the name cannot be checked. */
SSL *tls_session_create(struct tls_ctx *, int fd, const char *name,
    struct mx_errbuf *eb);
/* The same for a host with TLSA records (DANE_VERIFY), which decide alone,
 * whatever the context asks for. Only when OpenSSL finds none of them
 * readable the handshake goes without authentication, as DANE_ENCRYPT. */
SSL *tls_session_dane(struct tls_ctx *, int fd, const struct dane *,
    struct mx_errbuf *eb);

/* ---- tls_resume.c; a context of the client side has one. */
struct tls_resume;
struct tls_resume *tls_resume_create(SSL_CTX *); /* NULL: no memory */
void tls_resume_destroy(struct tls_resume **);
/* Before the handshake: goes on with a session of that context, peer (address
 * and port) and name, if there is one, and keeps what the server gives. */
void tls_resume_offer(struct tls_resume *, SSL *, const char *peer,
    const char *name);
/* Nothing that is known of its peer is to be used again. */
void tls_resume_forget(SSL *);

/* For tls_resume_offer(); NULL on the server side. */
struct tls_resume *tls_ctx_resume(struct tls_ctx *);

/* After the handshake. */
void tls_info_fill(struct tls_info *, SSL *);

/* The oldest entry of this thread's OpenSSL error queue in words, with the
 * verification error of ssl (may be NULL) when it is about that. Returns
 * dst. Empties the queue. */
char *tls_error_text(SSL *ssl, char *dst, size_t size);

#endif
