/* SPDX-License-Identifier: ISC
 * The keys of TLS tickets: when they turn, what they still open, and sessions
 * that are resumed at a server whose certificate was loaded anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/tickets.h"

#define HOUR (3600 * CLOCK_SEC)

static void
test_turn(void **state)
{
	struct tickets t = { 0 };
	uint8_t first[16], second[16];
	const struct ticket_key none = { 0 };

	(void)state;
	tickets_turn(&t, 1);
	memcpy(first, t.key[0].name, sizeof(first));
	assert_ptr_equal(tickets_find(&t, first), &t.key[0]);
	tickets_turn(&t, HOUR); /* not yet: it was made at 1 */
	assert_memory_equal(t.key[0].name, first, sizeof(first));
	tickets_turn(&t, HOUR + 1);
	memcpy(second, t.key[0].name, sizeof(second));
	assert_memory_not_equal(second, first, sizeof(first));
	assert_ptr_equal(tickets_find(&t, first), &t.key[1]);
	assert_ptr_equal(tickets_find(&t, second), &t.key[0]);
	tickets_turn(&t, 2 * HOUR + 1);
	assert_null(tickets_find(&t, first));
	assert_ptr_equal(tickets_find(&t, second), &t.key[1]);
	/* nobody came for long: both are gone, and wiped */
	tickets_turn(&t, 9 * HOUR);
	assert_null(tickets_find(&t, second));
	assert_memory_equal(&t.key[1], &none, sizeof(none));
	assert_true(t.key[0].made == 9 * HOUR);
}

static void
test_no_key_has_no_name(void **state)
{
	static const uint8_t zero[16];
	struct tickets t = { 0 };

	(void)state;
	assert_null(tickets_find(&t, zero));
	tickets_turn(&t, 1);
	assert_null(tickets_find(&t, zero));
}

/* ---- sessions, between two ends in memory */

static EVP_PKEY *key;
static X509 *cert;
static SSL_SESSION *session; /* the last one that a client was given */
static unsigned ntickets;

static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = s;
	ntickets++;
	return 1;
}

static SSL_CTX *
server_create(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	assert_true(tickets_use(ctx));
	return ctx;
}

/* One handshake of a client that brings `session`; was it resumed? */
static bool
talk(SSL_CTX *at, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *server = SSL_new(at), *client;
	BIO *a, *b;
	char byte;
	bool resumed;

	(void)SSL_CTX_set_max_proto_version(ctx, version);
	(void)SSL_CTX_set_session_cache_mode(ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	client = SSL_new(ctx);
	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	if (session != NULL)
		assert_int_equal(SSL_set_session(client, session), 1);
	for (int i = 0; i < 10; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(client));
	assert_true(SSL_is_init_finished(server));
	(void)SSL_read(client, &byte, 1); /* takes the tickets */
	resumed = SSL_session_reused(client) == 1;
	(void)SSL_shutdown(client);
	(void)SSL_shutdown(server);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(ctx);
	return resumed;
}

static void
resumed_over_a_renewal(int version)
{
	SSL_CTX *first = server_create(), *second;

	session = NULL;
	ntickets = 0;
	assert_false(talk(first, version));
	assert_int_equal(ntickets, 1);
	assert_non_null(session);
	assert_true(
	    SSL_SESSION_get_ticket_lifetime_hint(session) == TICKETS_TURN_S);
	assert_true(talk(first, version));
	SSL_CTX_free(first);
	second = server_create();
	assert_true(talk(second, version));
	SSL_CTX_free(second);
	SSL_SESSION_free(session);
	session = NULL;
}

static void
test_resumed(void **state)
{
	(void)state;
	resumed_over_a_renewal(TLS1_3_VERSION);
	resumed_over_a_renewal(TLS1_2_VERSION);
}

static int
make_cert(void **state)
{
	X509_NAME *name;

	(void)state;
	key = EVP_EC_gen("P-256");
	cert = X509_new();
	(void)X509_set_version(cert, X509_VERSION_3);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	(void)X509_set_pubkey(cert, key);
	name = X509_get_subject_name(cert);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"mx.example", -1, -1, 0);
	(void)X509_set_issuer_name(cert, name);
	return X509_sign(cert, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int
free_cert(void **state)
{
	(void)state;
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_no_key_has_no_name),
		cmocka_unit_test(test_resumed),
	};

	return cmocka_run_group_tests(tests, make_cert, free_cert);
}
