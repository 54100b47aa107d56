/* SPDX-License-Identifier: ISC
 * tls_resume: the TLS sessions that servers let us go on with, so that a
 * connection to one that we were at just now costs a round trip and the work
 * of a signature less. Never included outside net/. Loop thread.
 *
 * Each belongs to a context (what is verified), a peer (address and port) and
 * a name (sent as SNI, and verified), and is offered under just these. A
 * handshake that verifies never goes on with a session of one that did not:
 * for it a context of its own is used. With DANE nothing is kept or offered,
 * since it is not the context that says what is verified.
 *
 * A resumed session shows no certificate. It proves that the peer has the keys
 * of one that showed a good one in the full handshake that the session goes
 * back to, and nothing of today: not which certificate the server has by now,
 * not whether an authority has revoked that one, or is trusted still. So what
 * counts is the age of the full handshake, not of the ticket: a connection may
 * bring a new one, and a primary that is delivered to all day would never be
 * looked at again (RFC 8446 4.6.1). A session is offered for RESUME_AGE_S from
 * its full handshake, by either clock, and never longer than the server said
 * or any certificate of the chain that was verified is valid: a certificate
 * that does not verify any more is noticed within the hour, as a policy of
 * this configuration is at once. Where nothing was verified the same holds for
 * what is reported of the certificate.
 *
 * A ticket is used once where the server gives another with each connection.
 * Many do not for one that was resumed (Postfix is among them), and have it
 * used again: that of RFC 8446 C.4 is about clients that hide who they are, and
 * we come from one address and say our name. */
#ifndef MX_NET_TLS_RESUME_H
#define MX_NET_TLS_RESUME_H

#include <openssl/ssl.h>

#define RESUME_AGE_S 3600

struct tls_resume; /* of a context of the client side, which outlives it */

struct tls_resume *tls_resume_create(SSL_CTX *); /* NULL: no memory */
void tls_resume_destroy(struct tls_resume **);
/* Before the handshake: goes on with a session of that context, peer (address
 * and port) and name, if there is one, and keeps what the server gives. */
void tls_resume_offer(struct tls_resume *, SSL *, const char *peer,
    const char *name);
/* Nothing that is known of its peer is to be used again. */
void tls_resume_forget(SSL *);

#endif
