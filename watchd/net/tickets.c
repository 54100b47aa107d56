/* SPDX-License-Identifier: ISC
 * tickets: see tickets.h. OpenSSL asks on_ticket() for a key when it seals a
 * ticket and when a client presents one. The keys are static, because they have
 * to outlive every context, and are used only by handshakes, which all run on
 * the loop. */
#include "net/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { NO_TICKET = 0, USE_KEY = 1, USE_KEY_AND_RENEW = 2 };

static struct tickets tickets;

static void
make_key(struct ticket_key *k, int64_t now)
{
	arc4random_buf(k->name, sizeof(k->name));
	arc4random_buf(k->aes, sizeof(k->aes));
	arc4random_buf(k->hmac, sizeof(k->hmac));
	k->made = now;
}

void
tickets_turn(struct tickets *t, int64_t now)
{
	int64_t turn = TICKETS_TURN_S * CLOCK_SEC;

	if (t->key[0].made != 0 && now - t->key[0].made >= turn) {
		t->key[1] = t->key[0];
		explicit_bzero(&t->key[0], sizeof(t->key[0]));
	}
	/* two turns after it was made, all tickets sealed by it have expired */
	if (t->key[1].made != 0 && now - t->key[1].made >= 2 * turn)
		explicit_bzero(&t->key[1], sizeof(t->key[1]));
	if (t->key[0].made == 0)
		make_key(&t->key[0], now);
}

const struct ticket_key *
tickets_find(const struct tickets *t, const uint8_t name[16])
{
	const struct ticket_key *k;

	for (k = t->key; k < t->key + 2; k++) {
		if (k->made != 0 && memcmp(k->name, name, sizeof(k->name)) == 0)
			return k;
	}
	return NULL;
}

static bool
use_mac(EVP_MAC_CTX *mac, const struct ticket_key *k)
{
	uint8_t key[sizeof(k->hmac)];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(
				    OSSL_MAC_PARAM_KEY, key, sizeof(key)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
		    0),
		OSSL_PARAM_construct_end() };
	bool ok;

	memcpy(key, k->hmac, sizeof(key));
	ok = EVP_MAC_CTX_set_params(mac, params) == 1;
	explicit_bzero(key, sizeof(key));
	return ok;
}

/* If OpenSSL is out of memory, the ticket is lost, not the handshake. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	const struct ticket_key *k = &tickets.key[0];

	tickets_turn(&tickets, clock_now());
	if (seal) {
		memcpy(name, k->name, sizeof(k->name));
		arc4random_buf(iv, EVP_MAX_IV_LENGTH);
		return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL,
			   k->aes, iv) == 1 &&
			use_mac(mac, k) ?
		    USE_KEY :
		    NO_TICKET;
	}
	k = tickets_find(&tickets, name);
	if (k == NULL || !use_mac(mac, k) ||
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv) !=
		1)
		return NO_TICKET;
	/* TLS 1.3 tickets are for a single use (RFC 8446 C.4) */
	return k == &tickets.key[0] && SSL_version(ssl) < TLS1_3_VERSION ?
	    USE_KEY :
	    USE_KEY_AND_RENEW;
}

bool
tickets_use(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_timeout(ctx, TICKETS_TURN_S);
	/* One ticket is enough for mail, where one client resumes a session;
	 * OpenSSL sends two, for browsers. */
	return SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1;
}
