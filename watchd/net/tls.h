/* SPDX-License-Identifier: ISC
 * tls: OpenSSL contexts and the facts of a handshake. Loop thread. */
#ifndef MX_NET_TLS_H
#define MX_NET_TLS_H

#include "base/defs.h"
#include "base/err.h"

struct tls_ctx;

struct tls_info {
	char version[16]; /* "TLSv1.3" */
	char cipher[64];
	/* chain and name, or a TLSA record, match (client side) */
	bool verified;
	bool dane; /* verified by a TLSA record */
	bool resumed; /* an earlier session was resumed: no full handshake */
	char verify_error[128]; /* "" when verified */
	int64_t not_after; /* earliest in the peer's chain; 0: none */
};

/* Server side, from PEM files. NULL and *eb on failure. The context may be
 * replaced while connections made with the old one live (reference counted). */
struct tls_ctx *tls_server_create(const char *cert_file, const char *key_file,
    struct mx_errbuf *eb);
/* Client side: TLS >= 1.2, the system's CAs for tls_info.verified; the
 * handshake also succeeds with a peer that does not verify (opportunistic): the
 * caller decides. */
struct tls_ctx *tls_client_create(struct mx_errbuf *eb);
/* As above, but the handshake fails unless the peer verifies for its name. */
struct tls_ctx *tls_client_strict_create(struct mx_errbuf *eb);
void tls_ctx_destroy(struct tls_ctx **);

/* Tells of what clients will find wrong with certificates that can be served: dates,
 * their order, a name that they are not for (NULL: any will do). Reads the file;
 * one that cannot be read has none. Any thread. */
typedef void tls_tell_fn(void *arg, const char *text);
void tls_certificate_doubts(const char *cert_file, const char *name,
    tls_tell_fn *, void *arg);

#endif
