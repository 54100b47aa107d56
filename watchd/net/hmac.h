/* SPDX-License-Identifier: ISC
 * hmac: digests for modules that may not include OpenSSL. Pure; any thread. */
#ifndef MX_NET_HMAC_H
#define MX_NET_HMAC_H

#include "base/defs.h"

#define HMAC_HEX_MAX 65 /* with the NUL */

/* Lower-case hexadecimal into dst; returns dst. */
char *hmac_sha256_hex(const void *key, size_t keylen, const void *data,
    size_t len, char dst[HMAC_HEX_MAX]);
char *sha256_hex(const void *data, size_t len, char dst[HMAC_HEX_MAX]);

#endif
