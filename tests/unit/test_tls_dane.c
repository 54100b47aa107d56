/* SPDX-License-Identifier: ISC
 * test_tls_dane: handshakes between two ends in one loop, with certificates
 * made here, against TLSA records of all sorts (RFC 7672 3.1). */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "net/conn.h"
#include "net/tls_cert.h"

#define DAY 86400

enum what { NONE, EE, OLD, CA, OTHER, JUNK }; /* whose certificate it is */

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};
static struct identity ca, ee, old, other;
static char dir[] = "/tmp/test_tls_dane.XXXXXX";
static struct tls_ctx *client_ctx;
static struct loop *loop;
static struct loop_timer *watchdog;
static enum conn_event client_event;

static void
make(struct identity *id, const char *name, const struct identity *issuer,
    long from, long to)
{
	char alt[64];
	X509_EXTENSION *ext;
	X509_NAME *n;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_true(id->key != NULL && id->cert != NULL);
	X509_set_version(id->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), from);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), to);
	X509_set_pubkey(id->cert, id->key);
	n = X509_get_subject_name(id->cert);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(id->cert,
	    issuer != NULL ? X509_get_subject_name(issuer->cert) : n);
	snprintf(alt, sizeof(alt), issuer != NULL ? "DNS:%s" : "CA:TRUE", name);
	ext = X509V3_EXT_conf_nid(NULL, NULL,
	    issuer != NULL ? NID_subject_alt_name : NID_basic_constraints, alt);
	assert_true(ext != NULL && X509_add_ext(id->cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(id->cert, issuer != NULL ? issuer->key : id->key,
			EVP_sha256()) > 0);
}

/* A chain of one or, with `behind`, of two. */
static void
write_pem(const char *path, const struct identity *id,
    const struct identity *behind)
{
	FILE *f = fopen(path, "w");

	assert_true(f != NULL && PEM_write_X509(f, id->cert) == 1);
	assert_true(behind == NULL || PEM_write_X509(f, behind->cert) == 1);
	fclose(f);
}

/* A context that shows `id`, and behind it the authority if `with_ca`. */
static struct tls_ctx *
server_create(const struct identity *id, bool with_ca)
{
	char cert[64], key[64];
	struct mx_errbuf eb;
	struct tls_ctx *t;
	FILE *f;

	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	write_pem(cert, id, with_ca ? &ca : NULL);
	f = fopen(key, "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_true(f != NULL &&
	    PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	t = tls_server_create(cert, key, &eb);
	assert_non_null(t);
	unlink(cert);
	unlink(key);
	return t;
}

/* Adds to the answer the record that fits the certificate of `whose`. */
static void
add_record(struct dns_answer *a, enum what whose, uint8_t usage,
    uint8_t selector, uint8_t matching)
{
	const struct identity
	    *id[] = { [EE] = &ee, [OLD] = &old, [CA] = &ca, [OTHER] = &other };
	static const unsigned char junk[] = "this is no certificate";
	struct dns_tlsa *t = &a->tlsa[a->n++];
	unsigned char *der = NULL, *to = a->tlsa_data + a->tlsa_used;
	unsigned int n;
	int len;

	if (whose == JUNK) {
		memcpy(to, junk, sizeof(junk));
		len = sizeof(junk);
	} else {
		len = selector == 0 ?
		    i2d_X509(id[whose]->cert, &der) :
		    i2d_X509_PUBKEY(X509_get_X509_PUBKEY(id[whose]->cert),
			&der);
		assert_true(len > 0);
		if (matching == 0) {
			memcpy(to, der, (size_t)len);
		} else {
			EVP_Digest(der, (size_t)len, to, &n,
			    matching == 1 ? EVP_sha256() : EVP_sha512(), NULL);
			len = (int)n;
		}
		OPENSSL_free(der);
	}
	*t = (struct dns_tlsa){ usage, selector, matching, a->tlsa_used,
		(uint16_t)len };
	a->tlsa_used = (uint16_t)(a->tlsa_used + len);
}

static void
on_client(struct conn *c MX_UNUSED, enum conn_event ev, void *arg MX_UNUSED)
{
	if (ev == CONN_READ)
		return;
	client_event = ev;
	loop_stop(loop);
}

static void
on_server(struct conn *c MX_UNUSED, enum conn_event ev MX_UNUSED,
    void *arg MX_UNUSED)
{
}

static void
on_late(void *arg MX_UNUSED)
{
	fail_msg("no end of the handshake");
}

static const struct {
	const char *name;
	struct {
		enum what whose;
		uint8_t usage, selector, matching;
	} rr[2];
	enum what shows; /* the server */
	bool with_ca;
	const char *base, *also;
	bool verified;
	const char *error; /* NULL: TLS comes about */
} cases[] = {
	{ "3 1 1", { { EE, 3, 1, 1 } }, EE, false, "mx.test", NULL, true,
	    NULL },
	{ "3 1 1, whatever the name", { { EE, 3, 1, 1 } }, EE, false,
	    "x.example", NULL, true, NULL },
	{ "3 1 1, expired", { { OLD, 3, 1, 1 } }, OLD, false, "mx.test", NULL,
	    true, NULL },
	{ "3 1 2", { { EE, 3, 1, 2 } }, EE, false, "mx.test", NULL, true,
	    NULL },
	{ "3 1 0", { { EE, 3, 1, 0 } }, EE, false, "mx.test", NULL, true,
	    NULL },
	{ "3 0 1", { { EE, 3, 0, 1 } }, EE, false, "mx.test", NULL, true,
	    NULL },
	{ "3 0 0", { { EE, 3, 0, 0 } }, EE, false, "mx.test", NULL, true,
	    NULL },
	{ "3 1 1 of another", { { OTHER, 3, 1, 1 } }, EE, false, "mx.test",
	    NULL, false, "TLSA" },
	{ "one of two", { { OTHER, 3, 1, 1 }, { EE, 3, 1, 1 } }, EE, false,
	    "mx.test", NULL, true, NULL },
	{ "the authority is not the host", { { CA, 3, 0, 1 } }, EE, true,
	    "mx.test", NULL, false, "TLSA" },
	{ "2 0 1", { { CA, 2, 0, 1 } }, EE, true, "mx.test", NULL, true, NULL },
	{ "2 1 1", { { CA, 2, 1, 1 } }, EE, true, "mx.test", NULL, true, NULL },
	{ "2 0 1, for another name", { { CA, 2, 0, 1 } }, EE, true, "x.test",
	    NULL, false, "mismatch" },
	{ "2 0 1, for the second name", { { CA, 2, 0, 1 } }, EE, true, "x.test",
	    "mx.test", true, NULL },
	{ "2 0 1, expired", { { CA, 2, 0, 1 } }, OLD, true, "mx.test", NULL,
	    false, "expired" },
	{ "2 0 1, the authority is not shown", { { CA, 2, 0, 1 } }, EE, false,
	    "mx.test", NULL, false, "TLSA" },
	{ "2 0 0 brings it along", { { CA, 2, 0, 0 } }, EE, false, "mx.test",
	    NULL, true, NULL },
	{ "2 0 1 of another", { { OTHER, 2, 0, 1 } }, EE, true, "mx.test", NULL,
	    false, "TLSA" },
	{ "no certificate in it", { { JUNK, 3, 0, 0 } }, EE, false, "mx.test",
	    NULL, false, NULL },
	{ "no certificate in one of two",
	    { { JUNK, 3, 0, 0 }, { OTHER, 3, 1, 1 } }, EE, false, "mx.test",
	    NULL, false, "TLSA" },
};

static void
handshake(size_t i)
{
	struct dns_answer a = { .status = DNS_OK, .secure = true };
	struct tls_ctx *server_ctx;
	struct conn *client, *server;
	struct net_addr none = { .len = 0 };
	const struct tls_info *ti;
	struct dane *d;
	int fd[2];
	unsigned r;

	for (r = 0; r < 2 && cases[i].rr[r].whose != NONE; r++)
		add_record(&a, cases[i].rr[r].whose, cases[i].rr[r].usage,
		    cases[i].rr[r].selector, cases[i].rr[r].matching);
	d = dane_after(&a, cases[i].base);
	assert_int_equal(d->need, DANE_VERIFY);
	if (cases[i].also != NULL)
		dane_add_name(d, cases[i].also);
	server_ctx =
	    server_create(cases[i].shows == EE ? &ee : &old, cases[i].with_ca);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	client = conn_accept(loop, fd[0], &none, 8192, on_client, NULL);
	server = conn_accept(loop, fd[1], &none, 8192, on_server, NULL);
	assert_int_equal(conn_tls_start(server, server_ctx, NULL), 0);
	assert_int_equal(conn_tls_start_dane(client, client_ctx, d), 0);
	dane_unref(&d);
	loop_timer_set(watchdog, 10000);
	loop_run(loop);
	loop_timer_cancel(watchdog);
	ti = conn_tls_info(client);
	if (cases[i].error == NULL) {
		if (client_event != CONN_TLS_UP || ti == NULL)
			fail_msg("%s: %s", cases[i].name, conn_error(client));
		if (ti->dane != cases[i].verified ||
		    ti->verified != cases[i].verified)
			fail_msg("%s: verified %d, dane %d", cases[i].name,
			    ti->verified, ti->dane);
	} else if (client_event != CONN_ERROR || !conn_error_is_tls(client) ||
	    strstr(conn_error(client), cases[i].error) == NULL) {
		fail_msg("%s: event %d: %s", cases[i].name, (int)client_event,
		    conn_error(client));
	}
	conn_destroy(&client);
	conn_destroy(&server);
	tls_ctx_destroy(&server_ctx);
}

static void
test_handshakes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(cases); i++)
		handshake(i);
}

/* The same judged without a handshake, of the file that a server shows. */
static const struct {
	enum what whose;
	uint8_t usage, selector, matching;
	bool fits;
} file_cases[] = {
	{ EE, 3, 1, 1, true },
	{ EE, 3, 0, 2, true },
	{ EE, 3, 0, 0, true },
	{ CA, 2, 0, 1, true },
	{ CA, 2, 1, 0, true },
	{ CA, 3, 1, 1, false },
	{ OTHER, 3, 1, 1, false },
	{ EE, 1, 1, 1, false },
	{ EE, 3, 2, 1, false },
	{ EE, 3, 1, 3, false },
	{ JUNK, 3, 0, 0, false },
};

static void
test_file(void **state)
{
	struct mx_errbuf eb = { "" };
	struct dns_answer a;
	struct tls_cert *c;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/chain", dir);
	write_pem(path, &ee, &ca);
	c = tls_cert_load(path, &eb);
	assert_non_null(c);
	for (size_t i = 0; i < MX_COUNT(file_cases); i++) {
		memset(&a, 0, sizeof(a));
		add_record(&a, file_cases[i].whose, file_cases[i].usage,
		    file_cases[i].selector, file_cases[i].matching);
		if (tls_cert_fits(c, &a, &a.tlsa[0]) != file_cases[i].fits)
			fail_msg("case %zu", i);
	}
	assert_true(tls_cert_covers(c, "mx.test"));
	assert_false(tls_cert_covers(c, "x.test"));
	assert_true(tls_cert_not_after(c) > time(NULL));
	tls_cert_destroy(&c);
	unlink(path);
	assert_null(tls_cert_load(path, &eb));
	assert_non_null(strstr(eb.text, "No such file"));
}

static int
setup(void **state)
{
	struct mx_errbuf eb;

	(void)state;
	assert_non_null(mkdtemp(dir));
	make(&ca, "authority", NULL, -DAY, DAY);
	make(&ee, "mx.test", &ca, -DAY, DAY);
	make(&old, "mx.test", &ca, -2 * DAY, -DAY);
	make(&other, "mx.test", &ca, -DAY, DAY);
	client_ctx = tls_client_create(&eb);
	assert_non_null(client_ctx);
	loop = loop_create();
	watchdog = loop_timer_create(loop, on_late, NULL);
	return 0;
}

static int
teardown(void **state)
{
	struct identity *id[] = { &ca, &ee, &old, &other };
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(id); i++) {
		EVP_PKEY_free(id[i]->key);
		X509_free(id[i]->cert);
	}
	tls_ctx_destroy(&client_ctx);
	loop_timer_destroy(&watchdog);
	loop_destroy(&loop);
	rmdir(dir);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
