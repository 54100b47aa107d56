/* SPDX-License-Identifier: ISC
 * tickets: session tickets of the server side. The state needed to resume a TLS
 * session is sealed and kept by the client (RFC 5077, RFC 8446 4.6.1), so that
 * nothing is stored here for a peer. The keys belong to the process: a new
 * certificate or a reload costs no full handshakes. A key seals for
 * TICKETS_TURN_S and opens for as long again; then it is wiped, so that traffic
 * recorded under it cannot be decrypted by taking over this process later. A
 * restart loses the keys: a client whose ticket does not open gets a full
 * handshake, and notices nothing. */
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
	struct ticket_key key[2]; /* the one that seals, and the previous one */
};

/* Rotates the keys at `now`: makes a new one when there is none or it is
 * old. */
void tickets_turn(struct tickets *, int64_t now);
/* The key of that name, or NULL: expired, of another process, or invented. */
const struct ticket_key *
tickets_find(const struct tickets *, const uint8_t name[16]);

/* Makes a server context resume sessions by the tickets of this process. Any
 * thread; the handshakes run on the loop. False: OpenSSL is out of memory. */
bool tickets_use(SSL_CTX *) MX_NODISCARD;

#endif
