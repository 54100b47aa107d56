/* SPDX-License-Identifier: ISC
 * pki: see pki.h. */
#include "tests/unit/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void
add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_true(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

void
identity_make(struct identity *id, const char *name,
    const struct identity *issuer, const char *purpose, long from, long to)
{
	static long serial;
	char alt[64];
	X509_NAME *n;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_true(id->key != NULL && id->cert != NULL);
	X509_set_version(id->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(id->cert), from);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), to);
	X509_set_pubkey(id->cert, id->key);
	n = X509_get_subject_name(id->cert);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(id->cert,
	    issuer != NULL ? X509_get_subject_name(issuer->cert) : n);
	snprintf(alt, sizeof(alt), "DNS:%s", name);
	if (issuer != NULL)
		add_extension(id->cert, NID_subject_alt_name, alt);
	else
		add_extension(id->cert, NID_basic_constraints, "CA:TRUE");
	if (purpose != NULL)
		add_extension(id->cert, NID_ext_key_usage, purpose);
	assert_true(X509_sign(id->cert, issuer != NULL ? issuer->key : id->key,
			EVP_sha256()) > 0);
}

void
identity_fini(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
	*id = (struct identity){ NULL, NULL };
}

void
identity_write(const struct identity *id, const char *cert_path,
    const char *key_path)
{
	FILE *f;

	if (cert_path != NULL) {
		assert_non_null(f = fopen(cert_path, "w"));
		assert_int_equal(PEM_write_X509(f, id->cert), 1);
		assert_int_equal(fclose(f), 0);
	}
	if (key_path != NULL) {
		assert_non_null(f = fopen(key_path, "w"));
		assert_int_equal(fchmod(fileno(f), 0600), 0);
		assert_int_equal(
		    PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL),
		    1);
		assert_int_equal(fclose(f), 0);
	}
}
