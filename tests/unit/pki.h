/* SPDX-License-Identifier: ISC
 * pki: certificates for tests, made on the spot. A failure fails the test. */
#ifndef MX_TESTS_PKI_H
#define MX_TESTS_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#define DAY 86400

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

/* For the DNS name `name`; with issuer NULL an authority of that name. It is
 * valid between `from` and `to`, in seconds from now. `purpose` as openssl has
 * it, "serverAuth" for example; NULL: any. */
void identity_make(struct identity *, const char *name,
    const struct identity *issuer, const char *purpose, long from, long to);
void identity_fini(struct identity *);
/* As PEM, over what is there, the key with mode 0600; either may be NULL. */
void identity_write(const struct identity *, const char *cert_path,
    const char *key_path);

#endif
