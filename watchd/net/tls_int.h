/* SPDX-License-Identifier: ISC
 * tls_int: the part of tls.c that conn.c needs. Never included outside net/. */
#ifndef MX_NET_TLS_INT_H
#define MX_NET_TLS_INT_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "net/dane.h"
#include "net/tls.h"
#include "net/tls_resume.h"

/* A session on fd (which stays the caller's) with its role, SNI and name check
 * set. The session holds a reference to what it needs of the context. NULL and
 * the reason in *eb when the name cannot be checked. */
SSL *tls_session_create(struct tls_ctx *, int fd, const char *name,
    struct mx_errbuf *eb);
/* The same for a host with TLSA records (DANE_VERIFY), which alone decide,
 * whatever the context demands. Only if OpenSSL can read none of them, the
 * handshake is unauthenticated, as with DANE_ENCRYPT. */
SSL *tls_session_dane(struct tls_ctx *, int fd, const struct dane *,
    struct mx_errbuf *eb);

/* For tls_resume_offer(); NULL on the server side. */
struct tls_resume *tls_ctx_resume(struct tls_ctx *);

/* tls_cert.c: the certificates of a file, in their order; never none. */
#define TLS_CERT_CHAIN 16 /* how many of them are read */
struct tls_cert {
	unsigned n;
	X509 *chain[TLS_CERT_CHAIN];
};

/* tls_pair.c: -MX_ETLS, and why the text of the file is no key, or the key not that
 * of the certificate. */
int tls_fail_key(const char *path, const struct buf *pem, struct mx_errbuf *);
int tls_fail_pair(const char *cert_file, const char *key_file, EVP_PKEY *,
    struct mx_errbuf *);

/* The end of a certificate, in seconds of the wall clock; 0: unreadable. */
int64_t tls_not_after(const X509 *);
/* To be called after the handshake. */
void tls_info_fill(struct tls_info *, SSL *);

/* The oldest entry of this thread's OpenSSL error queue in words, with the
 * verification error of ssl (may be NULL) when it is about that. Returns
 * dst. Empties the queue. */
char *tls_error_text(SSL *ssl, char *dst, size_t size);

#endif
