/* SPDX-License-Identifier: ISC
 * tickets: what a TLS session needs to be resumed, sealed and kept by the
 * client (RFC 5077, RFC 8446 4.6.1), so that nothing is kept here for a peer.
 * The keys are the process's: another certificate or a reload costs nobody a
 * whole handshake. One key seals for TICKETS_TURN_S and opens for as long
 * again; then it is wiped, and what was recorded on the wire under it cannot
 * be read by who takes this process later. A restart forgets them: a client
 * whose ticket does not open gets a whole handshake, and notices nothing. */
#ifndef MX_NET_TICKETS_H
#define MX_NET_TICKETS_H

#include <openssl/ssl.h>

#include "base/defs.h"

#define TICKETS_TURN_S                                                         \
	3600 /* a client keeps a session as long, and no longer */

struct ticket_key {
	uint8_t name[16]; /* in the ticket, in clear */
	uint8_t aes[32];
	uint8_t hmac[32];
	int64_t made; /* ns; 0: none */
};

struct tickets {
	struct ticket_key key[2]; /* the one that seals, the one before */
};

/* Whose turn it is at `now`: makes a key when there is none or it is old. */
void tickets_turn(struct tickets *, int64_t now);
/* The key of that name, or NULL: too old, of another process, made up. */
const struct ticket_key *
tickets_find(const struct tickets *, const uint8_t name[16]);

/* Sessions of a server's context are resumed by tickets of this process. Any
 * thread; its handshakes are the loop's. False: OpenSSL has no memory. */
bool tickets_use(SSL_CTX *) MX_NODISCARD;

#endif
