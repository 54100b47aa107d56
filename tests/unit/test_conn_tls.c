/* SPDX-License-Identifier: ISC
 * test_conn_tls: a connection in TLS, with a certificate made here. */
#include <sys/resource.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/unit/conn_pair.h"

static char cert_file[64], key_file[64];

static bool
client_got_220(void)
{
	return strcmp(client.text, "220\r\n") == 0;
}

static void
start_tls(struct tls_ctx *ctx, const char *name)
{
	server.starttls = "STARTTLS";
	dial();
	conn_printf(client.c, "STARTTLS\r\nRSET injected\r\n");
	assert_true(run_until(client_got_220));
	client.text[0] = '\0';
	assert_int_equal(conn_tls_start(client.c, ctx, name), 0);
}

static bool
client_got_big(void)
{
	return client.got >= BIG;
}

static void
test_tls(void **state)
{
	const struct tls_info *info;

	(void)state;
	start_tls(client_ctx, "mx.example");
	assert_true(run_until(both_tls));
	assert_string_equal(server.text, ""); /* nothing injected */
	info = conn_tls_info(client.c);
	assert_non_null(info);
	assert_string_equal(info->version, "TLSv1.3");
	assert_true(info->cipher[0] != '\0');
	assert_false(info->verified);
	assert_non_null(strstr(info->verify_error, "self"));
	assert_true(info->not_after > clock_wall());
	assert_true(info->not_after <= clock_wall() + 86400);
	assert_non_null(conn_tls_info(server.c));
	server.text[0] = client.text[0] = '\0';
	server.got = client.got = 0;
	server.echo = true;
	write_big(client.c); /* there and back, through small windows */
	assert_true(run_until(client_got_big));
	assert_int_equal(server.got, BIG);
	conn_finish(&client.c, 5000);
	assert_true(run_until(server_ended));
	assert_non_null(strchr(server.events, 'E'));
}

static bool
server_got_four(void)
{
	return strcmp(server.text, "abcd") == 0;
}

#define RECORD 12000 /* more than the window, less than a record holds */

static bool
server_got_record(void)
{
	return server.got == RECORD;
}

/* What OpenSSL has taken off the socket is offered when there is room again,
 * though no descriptor becomes readable for it. */
static void
test_tls_window(void **state)
{
	char text[RECORD];

	(void)state;
	start_tls(client_ctx, NULL);
	assert_true(run_until(both_tls));
	server.keep = true;
	memset(text, 'x', sizeof(text));
	conn_write(client.c, text, sizeof(text));
	assert_true(run_until(server_full));
	later = clock_now() + 20 * CLOCK_MS;
	assert_true(run_until(a_while));
	server.keep = false;
	server.got = 8192;
	conn_consume(server.c, 8192);
	assert_true(run_until(server_got_record));
}

/* Two records that came in one read are two answers. */
static void
test_tls_two_records(void **state)
{
	(void)state;
	start_tls(client_ctx, NULL);
	assert_true(run_until(both_tls));
	memset(server.text, 0, sizeof(server.text));
	conn_pause(server.c);
	conn_write(client.c, "ab", 2);
	assert_true(run_until(client_sent));
	conn_write(client.c, "cd", 2);
	assert_true(run_until(client_sent));
	conn_resume(server.c);
	assert_true(run_until(server_got_four));
	assert_string_equal(server.text, "abcd");
}

static void
test_tls_strict(void **state)
{
	(void)state;
	start_tls(strict_ctx, "mx.example");
	assert_true(run_until(client_error));
	assert_true(conn_error_is_tls(client.c));
	assert_non_null(strstr(conn_error(client.c), "self"));
	assert_true(run_until(server_ended));
}

static void
test_tls_strict_needs_name(void **state)
{
	(void)state;
	dial();
	assert_int_equal(conn_tls_start(client.c, strict_ctx, NULL), -MX_ETLS);
}

/* Clear text where a handshake should be fails the connection. */
static void
test_tls_garbage(void **state)
{
	(void)state;
	server.starttls = "STARTTLS";
	dial();
	conn_printf(client.c, "STARTTLS\r\n");
	assert_true(run_until(client_got_220));
	conn_printf(client.c, "MAIL FROM:<a@b.example>\r\n");
	assert_true(run_until(server_ended));
	assert_non_null(strchr(server.events, '!'));
	assert_true(conn_error_is_tls(server.c));
}

static void
test_tls_files(void **state)
{
	struct mx_errbuf eb;

	(void)state;
	assert_null(tls_server_create("/nowhere/cert.pem", key_file, &eb));
	assert_non_null(strstr(eb.text, "/nowhere/cert.pem: "));
	assert_non_null(strstr(eb.text, "No such file"));
	assert_null(tls_server_create(cert_file, "/nowhere/key.pem", &eb));
	assert_non_null(strstr(eb.text, "/nowhere/key.pem: No such file"));
	assert_null(tls_server_create(key_file, key_file, &eb));
	assert_non_null(strstr(eb.text, key_file));
}

static void
make_certificate(EVP_PKEY **key, X509 **cert)
{
	X509_NAME *name;

	*key = EVP_EC_gen("P-256");
	*cert = X509_new();
	assert_true(*key != NULL && *cert != NULL);
	X509_set_version(*cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(*cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(*cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(*cert), 3600);
	X509_set_pubkey(*cert, *key);
	name = X509_get_subject_name(*cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"mx.example", -1, -1, 0);
	X509_set_issuer_name(*cert, name);
	assert_true(X509_sign(*cert, *key, EVP_sha256()) > 0);
}

static int
setup_tls(void **state)
{
	static char dir[] = "/tmp/test_conn.XXXXXX", other[64];
	struct mx_errbuf eb;
	EVP_PKEY *key, *key2;
	X509 *cert, *cert2;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", dir);
	snprintf(key_file, sizeof(key_file), "%s/key.pem", dir);
	snprintf(other, sizeof(other), "%s/other.pem", dir);
	make_certificate(&key, &cert);
	make_certificate(&key2, &cert2);
	f = fopen(cert_file, "w");
	assert_true(f != NULL && PEM_write_X509(f, cert) == 1);
	fclose(f);
	f = fopen(key_file, "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_true(f != NULL &&
	    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	f = fopen(other, "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_true(f != NULL &&
	    PEM_write_PrivateKey(f, key2, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	server_ctx = tls_server_create(cert_file, key_file, &eb);
	client_ctx = tls_client_create(&eb);
	strict_ctx = tls_client_strict_create(&eb);
	assert_true(
	    server_ctx != NULL && client_ctx != NULL && strict_ctx != NULL);
	assert_null(tls_server_create(cert_file, other, &eb));
	assert_non_null(strstr(eb.text, "mismatch"));
	assert_non_null(strstr(eb.text, other));
	unlink(other);
	EVP_PKEY_free(key);
	EVP_PKEY_free(key2);
	X509_free(cert);
	X509_free(cert2);
	return 0;
}

static int
teardown_tls(void **state)
{
	(void)state;
	tls_ctx_destroy(&server_ctx);
	tls_ctx_destroy(&client_ctx);
	tls_ctx_destroy(&strict_ctx);
	unlink(cert_file);
	unlink(key_file);
	*strrchr(key_file, '/') = '\0';
	rmdir(key_file);
	return 0;
}

#define CONN_TEST(fn)                                                          \
	cmocka_unit_test_setup_teardown(fn, pair_setup, pair_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONN_TEST(test_tls),
		CONN_TEST(test_tls_window),
		CONN_TEST(test_tls_two_records),
		CONN_TEST(test_tls_strict),
		CONN_TEST(test_tls_strict_needs_name),
		CONN_TEST(test_tls_garbage),
		CONN_TEST(test_tls_files),
	};

	return cmocka_run_group_tests(tests, setup_tls, teardown_tls);
}
