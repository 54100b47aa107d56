/* SPDX-License-Identifier: ISC
 * tls_resume: the TLS sessions that servers let us resume, which saves a round
 * trip and a signature on a connection to a server that we used shortly before.
 * Never included outside net/. Loop thread.
 *
 * A session belongs to a context (what is verified), a peer (address and port)
 * and a name (sent as SNI, and verified), and is offered only for the same
 * three. A handshake that verifies never resumes a session of one that did not,
 * because it uses another context. With DANE nothing is kept or offered, since
 * the context does not decide what is verified.
 *
 * A resumed session shows no certificate. It proves that the peer has the keys
 * of a server that showed a good certificate in the original full handshake,
 * and nothing about the present: not which certificate the server has now, nor
 * whether that one was revoked or is still trusted. So the age of the full
 * handshake counts, not that of the ticket: each connection may bring a new
 * ticket, and a primary that gets mail all day would never be verified again
 * (RFC 8446 4.6.1). A session is offered for RESUME_AGE_S after its full
 * handshake, by either clock, and not longer than the server allows or any
 * certificate of the verified chain is valid: a certificate that no longer
 * verifies is noticed within the hour, a changed policy of this configuration
 * at once. Where nothing was verified, the same holds for what is reported of
 * the certificate.
 *
 * A ticket is used once if the server gives a new one with each connection.
 * Many do not for a resumed one (Postfix among them), and their ticket is used
 * again: RFC 8446 C.4 is about clients that hide their identity, and we connect
 * from one address and say our name. */
#ifndef MX_NET_TLS_RESUME_H
#define MX_NET_TLS_RESUME_H

#include <openssl/ssl.h>

#define RESUME_AGE_S 3600

struct tls_resume; /* of a client context, which outlives it */

struct tls_resume *tls_resume_create(SSL_CTX *); /* NULL: no memory */
void tls_resume_destroy(struct tls_resume **);
/* Before the handshake: offers a session of that context, peer (address and
 * port) and name, if there is one, and keeps those that the server gives. */
void tls_resume_offer(struct tls_resume *, SSL *, const char *peer,
    const char *name);
/* Drops all sessions with the peer of this connection. */
void tls_resume_forget(SSL *);

#endif
