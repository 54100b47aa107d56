/* SPDX-License-Identifier: ISC
 * tls_cert: see tls_cert.h. */
#include "net/tls_cert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_int.h"

struct tls_cert *
tls_cert_load(const char *path, struct mx_errbuf *eb)
{
	struct tls_cert *c = mem_alloc(sizeof(*c));
	BIO *bio = BIO_new_file(path, "r");
	char why[256];
	X509 *x;

	while (bio != NULL && c->n < TLS_CERT_CHAIN &&
	    (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		c->chain[c->n++] = x;
	BIO_free(bio);
	if (c->n == 0) {
		(void)mx_fail(eb, MX_ETLS, "%s: %s", path,
		    tls_error_text(NULL, why, sizeof(why)));
		tls_cert_destroy(&c);
	}
	ERR_clear_error(); /* of the end of the file */
	return c;
}

void
tls_cert_destroy(struct tls_cert **cp)
{
	if (*cp == NULL)
		return;
	for (unsigned i = 0; i < (*cp)->n; i++)
		X509_free((*cp)->chain[i]);
	mem_free(cp);
}

bool
tls_cert_covers(const struct tls_cert *c, const char *name)
{
	return X509_check_host(c->chain[0], name, 0,
		   X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

int64_t
tls_cert_not_after(const struct tls_cert *c)
{
	int64_t first = 0, t;

	for (unsigned i = 0; i < c->n; i++) {
		t = tls_not_after(c->chain[i]);
		if (t != 0 && (first == 0 || t < first))
			first = t;
	}
	return first;
}

/* The part of it that a record is about, in DER; the caller frees it with
 * OPENSSL_free(). */
static int
select_part(X509 *x, uint8_t selector, unsigned char **der)
{
	if (selector == TLSA_SELECTOR_CERT)
		return i2d_X509(x, der);
	if (selector == TLSA_SELECTOR_SPKI)
		return i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), der);
	return -1;
}

static bool
matches(const struct dns_tlsa *t, const uint8_t *want, const unsigned char *der,
    size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	const EVP_MD *md;
	unsigned n;

	if (t->matching == TLSA_MATCHING_FULL)
		return len == t->len && memcmp(der, want, len) == 0;
	if (t->matching != TLSA_MATCHING_SHA256 &&
	    t->matching != TLSA_MATCHING_SHA512)
		return false;
	md = t->matching == TLSA_MATCHING_SHA256 ? EVP_sha256() : EVP_sha512();
	return EVP_Digest(der, len, digest, &n, md, NULL) == 1 && n == t->len &&
	    memcmp(digest, want, n) == 0;
}

bool
tls_cert_fits(const struct tls_cert *c, const struct dns_answer *a,
    const struct dns_tlsa *t)
{
	unsigned end = t->usage == TLSA_USAGE_EE ? 1 :
	    t->usage == TLSA_USAGE_TA		 ? c->n :
						   0;
	bool fits = false;

	for (unsigned i = 0; i < end && !fits; i++) {
		unsigned char *der = NULL;
		int len = select_part(c->chain[i], t->selector, &der);

		fits = len > 0 &&
		    matches(t, a->tlsa_data + t->at, der, (size_t)len);
		OPENSSL_free(der);
	}
	return fits;
}
