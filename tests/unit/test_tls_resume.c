/* SPDX-License-Identifier: ISC
 * test_tls_resume: which TLS sessions a client goes on with: by what was
 * verified, by peer and name, and for how long. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "net/tls_int.h"
#include "tests/unit/conn_pair.h"
#include "tests/unit/pki.h"

#define MINUTE 60
#define NAME   "mx.test"

/* How a connection of visit() came about. */
enum how { FULL, RESUMED, REFUSED };

static char dir[] = "/tmp/test_tls_resume.XXXXXX";
static struct identity ca, good, brief; /* brief ends in 20 minutes */
static struct identity brief_ca, under; /* one under an authority that does */
static struct identity unknown; /* of no authority */
static int64_t ahead_s, wall_ahead_s; /* of the true clocks */

static struct timespec
true_clock(clockid_t id)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(id, &ts), 0);
	return ts;
}

int64_t
clock_now(void)
{
	struct timespec ts = true_clock(CLOCK_MONOTONIC);

	return ((int64_t)ts.tv_sec + ahead_s) * CLOCK_SEC + ts.tv_nsec;
}

int64_t
clock_wall_ms(void)
{
	struct timespec ts = true_clock(CLOCK_REALTIME);

	return ((int64_t)ts.tv_sec + wall_ahead_s) * 1000 +
	    ts.tv_nsec / CLOCK_MS;
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

static void
pass(int64_t s)
{
	ahead_s += s;
	wall_ahead_s += s;
}

/* From now on the server shows that one. Its ticket keys stay as they are. */
static void
show(const struct identity *id)
{
	char cert[64], key[64];
	struct mx_errbuf eb;

	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	identity_write(id, cert, key);
	tls_ctx_destroy(&server_ctx);
	server_ctx = tls_server_create(cert, key, &eb);
	assert_non_null(server_ctx);
	unlink(cert);
	unlink(key);
}

/* ---- a connection */

static bool fails; /* visit() has TLS fail its owner at the end */
static bool dane_said; /* the handshake of the last was authenticated by DANE */

static bool
client_got_220(void)
{
	return strcmp(client.text, "220\r\n") == 0;
}

static bool
client_got_echo(void)
{
	return strstr(client.text, "echo") != NULL;
}

static bool
handshake_over(void)
{
	return both_tls() || client_error();
}

/* Something is said inside TLS, so that tickets have come. */
static enum how
talk(bool verified)
{
	const struct tls_info *ti;

	if (client_error()) {
		assert_true(conn_error_is_tls(client.c));
		assert_non_null(strstr(conn_error(client.c), "verif"));
		return REFUSED;
	}
	server.echo = true;
	conn_printf(client.c, "echo\r\n");
	assert_true(run_until(client_got_echo));
	ti = conn_tls_info(client.c);
	assert_int_equal(ti->verified, verified);
	assert_int_equal(ti->verify_error[0] == '\0', verified);
	dane_said = ti->dane;
	if (fails)
		conn_tls_forget(client.c);
	return ti->resumed ? RESUMED : FULL;
}

/* One connection. Full or not, what is known of the certificate is the same. */
static enum how
visit_as(struct tls_ctx *ctx, const char *name, const struct dane *dane,
    bool verified)
{
	enum how how;
	int rc;

	server.starttls = "STARTTLS";
	dial();
	conn_printf(client.c, "STARTTLS\r\n");
	assert_true(run_until(client_got_220));
	client.text[0] = '\0';
	rc = dane != NULL ? conn_tls_start_dane(client.c, ctx, dane) :
			    conn_tls_resume(client.c, ctx, name);
	assert_int_equal(rc, 0);
	assert_true(run_until(handshake_over));
	how = talk(verified);
	conn_destroy(&client.c);
	conn_destroy(&server.c);
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	return how;
}

static enum how
visit(struct tls_ctx *ctx)
{
	return visit_as(ctx, NAME, NULL, true);
}

/* What OpenSSL has of a context. */
static SSL_CTX *
inside(struct tls_ctx *ctx)
{
	struct mx_errbuf eb;
	SSL *ssl = tls_session_create(ctx, 0, NAME, &eb);
	SSL_CTX *ssl_ctx;

	assert_non_null(ssl);
	ssl_ctx = SSL_get_SSL_CTX(ssl); /* lives as long as ours */
	SSL_free(ssl);
	return ssl_ctx;
}

/* ---- tests */

/* A session is gone on with under the same peer and name alone; what was found
 * of the certificate stays known; what failed is not tried again. */
static void
test_peer_and_name(void **state)
{
	assert_int_equal(visit(client_ctx), FULL);
	assert_int_equal(visit(client_ctx), RESUMED);
	assert_int_equal(visit(client_ctx), RESUMED);
	assert_int_equal(visit_as(client_ctx, "other.test", NULL, false), FULL);
	assert_int_equal(visit_as(client_ctx, NULL, NULL, false), FULL);
	assert_int_equal(visit_as(client_ctx, NULL, NULL, false), RESUMED);
	assert_int_equal(visit(client_ctx), RESUMED);
	pair_teardown(state);
	pair_setup(state); /* another port of that address */
	assert_int_equal(visit(client_ctx), FULL);
	fails = true;
	assert_int_equal(visit(client_ctx), RESUMED);
	assert_int_equal(visit(client_ctx), FULL);
}

static unsigned given, brought; /* numbers in the tickets of the server */

static int
number_it(SSL *ssl, void *arg MX_UNUSED)
{
	given++;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &given,
	    sizeof(given));
}

static SSL_TICKET_RETURN
read_number(SSL *ssl MX_UNUSED, SSL_SESSION *session,
    const unsigned char *name MX_UNUSED, size_t len MX_UNUSED,
    SSL_TICKET_STATUS status, void *arg MX_UNUSED)
{
	void *data;
	size_t n;

	assert_int_equal(SSL_SESSION_get0_ticket_appdata(session, &data, &n),
	    1);
	assert_int_equal(n, sizeof(brought));
	memcpy(&brought, data, n);
	return status == SSL_TICKET_SUCCESS_RENEW ?
	    SSL_TICKET_RETURN_USE_RENEW :
	    SSL_TICKET_RETURN_USE;
}

/* The client brings that ticket (0: none), and the server gives so many. */
static void
brings(int gives, unsigned number)
{
	assert_int_equal(
	    SSL_CTX_set_num_tickets(inside(server_ctx), (size_t)gives), 1);
	assert_int_equal(visit(client_ctx), number == 0 ? FULL : RESUMED);
	if (number != 0)
		assert_int_equal(brought, number);
}

/* A ticket that was not used comes first, the newest of them; a server that
 * gives none with a connection that was resumed has one used again; and a new
 * one takes their place. */
static void
test_which_ticket(void **state)
{
	(void)state;
	given = 0;
	assert_int_equal(SSL_CTX_set_session_ticket_cb(inside(server_ctx),
			     number_it, read_number, NULL),
	    1);
	brings(3, 0);
	assert_int_equal(given, 3);
	brings(0, 3);
	brings(0, 2);
	brings(0, 1);
	brings(0, 3);
	brings(0, 3);
	brings(1, 3);
	brings(1, 4);
	brings(0, 5);
	brings(0, 5);
	pass(61 * MINUTE);
	brings(0, 0);
	brings(0, 0);
}

/* The policy of a host changes: what a handshake without verification has left
 * is nothing to one with it, for the name that it is for, whichever of the two
 * came first and also with a certificate that would hold. */
static void
test_unverified_is_not_for_the_strict(void **state)
{
	(void)state;
	show(&unknown);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), FULL);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), RESUMED);
	assert_int_equal(visit(strict_ctx), REFUSED);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), RESUMED);
	show(&good);
	assert_int_equal(visit(strict_ctx), FULL);
	assert_int_equal(visit(strict_ctx), RESUMED);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), RESUMED);
}

/* A record set 3 1 1 for the certificate of `id`. */
static struct dane *
record_of(const struct identity *id)
{
	struct dns_answer a = { .status = DNS_OK, .secure = true, .n = 1 };
	unsigned char *der = NULL;
	unsigned int n;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(id->cert), &der);

	assert_true(len > 0);
	EVP_Digest(der, (size_t)len, a.tlsa_data, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	a.tlsa[0] = (struct dns_tlsa){ 3, 1, 1, 0, (uint16_t)n };
	a.tlsa_used = (uint16_t)n;
	return dane_after(&a, NAME);
}

/* With DANE the records of today decide, in either context: nothing is offered,
 * and what the server gave is kept for nobody. */
static void
test_dane_neither_offers_nor_keeps(void **state)
{
	struct dane *fits = record_of(&unknown), *other = record_of(&good);
	struct tls_ctx *each[] = { client_ctx, strict_ctx };

	(void)state;
	show(&unknown);
	for (unsigned i = 0; i < MX_COUNT(each); i++) {
		assert_int_equal(visit_as(each[i], NAME, fits, true), FULL);
		assert_true(dane_said);
		assert_int_equal(visit_as(each[i], NAME, fits, true), FULL);
		assert_int_equal(visit_as(each[i], NAME, other, true), REFUSED);
	}
	assert_int_equal(visit(strict_ctx), REFUSED);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), FULL);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), RESUMED);
	assert_int_equal(visit_as(client_ctx, NAME, fits, true), FULL);
	assert_int_equal(visit_as(client_ctx, NAME, other, true), REFUSED);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), RESUMED);
	show(&good);
	assert_int_equal(visit(strict_ctx), FULL);
	assert_int_equal(visit_as(strict_ctx, NAME, fits, true), REFUSED);
	dane_unref(&fits);
	dane_unref(&other);
}

/* The server has another certificate, which does not verify, and its ticket
 * keys: it is the one that was verified until an hour after the handshake that
 * did, however often its tickets were renewed meanwhile. */
static void
an_hour_from_the_proof(void)
{
	assert_int_equal(visit(strict_ctx), FULL);
	assert_int_equal(visit(strict_ctx), RESUMED);
	show(&unknown);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(visit(strict_ctx), RESUMED);
		pass(11 * MINUTE);
	}
	assert_int_equal(visit(strict_ctx), RESUMED);
	pass(6 * MINUTE); /* the ticket is six minutes old, the proof 61 */
	assert_int_equal(visit(strict_ctx), REFUSED);
	show(&good);
	assert_int_equal(visit(strict_ctx), FULL);
	assert_int_equal(visit(strict_ctx), RESUMED);
}

static void
test_an_hour_from_the_proof(void **state)
{
	(void)state;
	an_hour_from_the_proof();
}

/* A session of TLS 1.2 is offered again and again: the same bound. */
static void
test_an_hour_from_the_proof_tls12(void **state)
{
	(void)state;
	assert_int_equal(
	    SSL_CTX_set_max_proto_version(inside(strict_ctx), TLS1_2_VERSION),
	    1);
	an_hour_from_the_proof();
}

/* The server says less than that: SSL_CTX_set_timeout() is what it hints at. */
static void
test_no_longer_than_the_server_says(void **state)
{
	(void)state;
	(void)SSL_CTX_set_timeout(inside(server_ctx), 10 * MINUTE);
	assert_int_equal(visit(client_ctx), FULL);
	pass(9 * MINUTE);
	assert_int_equal(visit(client_ctx), RESUMED);
	pass(9 * MINUTE);
	assert_int_equal(visit(client_ctx), RESUMED);
	pass(11 * MINUTE);
	assert_int_equal(visit(client_ctx), FULL);
}

/* What is reported of a peer that nobody asks to verify is no older either. */
static void
test_an_hour_of_opportunism(void **state)
{
	(void)state;
	assert_int_equal(visit(client_ctx), FULL);
	show(&unknown);
	pass(40 * MINUTE);
	assert_int_equal(visit(client_ctx), RESUMED);
	pass(40 * MINUTE);
	assert_int_equal(visit_as(client_ctx, NAME, NULL, false), FULL);
}

/* Each of the clocks bounds, whatever the other says: the machine slept, or
 * its wall clock was set. The tickets are young. */
static void
test_either_clock(void **state)
{
	int64_t *each[] = { &ahead_s, &wall_ahead_s };

	(void)state;
	for (unsigned i = 0; i < MX_COUNT(each); i++) {
		assert_int_equal(visit(strict_ctx), FULL);
		*each[i] += 40 * MINUTE;
		assert_int_equal(visit(strict_ctx), RESUMED);
		*each[i] += 21 * MINUTE;
		assert_int_equal(visit(strict_ctx), FULL);
		fails = true;
		assert_int_equal(visit(strict_ctx), RESUMED);
		fails = false;
	}
	assert_int_equal(visit(strict_ctx), FULL);
	wall_ahead_s -= MINUTE;
	assert_int_equal(visit(strict_ctx), FULL);
}

/* A certificate that ends within the hour, or that of an authority above one
 * that lasts, ends the session. */
static void
test_not_beyond_the_certificates(void **state)
{
	const struct identity *each[] = { &brief, &under };

	(void)state;
	for (unsigned i = 0; i < MX_COUNT(each); i++) {
		show(each[i]);
		ahead_s = wall_ahead_s = 0;
		assert_int_equal(visit(strict_ctx), FULL);
		pass(19 * MINUTE);
		assert_int_equal(visit(strict_ctx), RESUMED);
		pass(2 * MINUTE);
		show(&good);
		assert_int_equal(visit(strict_ctx), FULL);
		fails = true;
		assert_int_equal(visit(strict_ctx), RESUMED);
		fails = false;
	}
}

static int
setup(void **state)
{
	struct mx_errbuf eb;

	ahead_s = wall_ahead_s = 0;
	fails = false;
	client_ctx = tls_client_create(&eb);
	strict_ctx = tls_client_strict_create(&eb);
	assert_true(client_ctx != NULL && strict_ctx != NULL);
	show(&good);
	return pair_setup(state);
}

static int
teardown(void **state)
{
	tls_ctx_destroy(&server_ctx);
	tls_ctx_destroy(&client_ctx);
	tls_ctx_destroy(&strict_ctx);
	return pair_teardown(state);
}

static char ca_file[64];

static void
trust(void)
{
	FILE *f = fopen(ca_file, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, ca.cert), 1);
	assert_int_equal(PEM_write_X509(f, brief_ca.cert), 1);
	assert_int_equal(fclose(f), 0);
}

static int
make_all(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", dir);
	identity_make(&ca, "authority", NULL, NULL, -DAY, DAY);
	identity_make(&good, NAME, &ca, NULL, -DAY, DAY);
	identity_make(&brief, NAME, &ca, NULL, -DAY, 20 * MINUTE);
	identity_make(&brief_ca, "brief authority", NULL, NULL, -DAY,
	    20 * MINUTE);
	identity_make(&under, NAME, &brief_ca, NULL, -DAY, DAY);
	identity_make(&unknown, NAME, NULL, NULL, -DAY, DAY);
	trust();
	return setenv("SSL_CERT_FILE", ca_file, 1);
}

static int
remove_all(void **state)
{
	struct identity *all[] = { &ca, &good, &brief, &brief_ca, &under,
		&unknown };

	(void)state;
	for (unsigned i = 0; i < MX_COUNT(all); i++)
		identity_fini(all[i]);
	unlink(ca_file);
	return rmdir(dir);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peer_and_name),
		TEST(test_which_ticket),
		TEST(test_unverified_is_not_for_the_strict),
		TEST(test_dane_neither_offers_nor_keeps),
		TEST(test_an_hour_from_the_proof),
		TEST(test_an_hour_from_the_proof_tls12),
		TEST(test_no_longer_than_the_server_says),
		TEST(test_an_hour_of_opportunism),
		TEST(test_either_clock),
		TEST(test_not_beyond_the_certificates),
	};

	return cmocka_run_group_tests(tests, make_all, remove_all);
}
