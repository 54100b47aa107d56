/* SPDX-License-Identifier: ISC
 * hmac: OpenSSL's EVP one-shot calls. They fail only when memory is out. */
#include "net/hmac.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static char *
hex(const unsigned char *p, size_t len, char *dst)
{
	for (size_t i = 0; i < len; i++)
		snprintf(dst + 2 * i, 3, "%02x", p[i]);
	return dst;
}

char *
hmac_sha256_hex(const void *key, size_t keylen, const void *data, size_t len,
    char dst[HMAC_HEX_MAX])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	MX_ASSERT(keylen <= INT_MAX);
	MX_ASSERT(
	    HMAC(EVP_sha256(), key, (int)keylen, data, len, md, &n) != NULL);
	return hex(md, n, dst);
}

char *
sha256_hex(const void *data, size_t len, char dst[HMAC_HEX_MAX])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	MX_ASSERT(EVP_Digest(data, len, md, &n, EVP_sha256(), NULL) == 1);
	return hex(md, n, dst);
}
