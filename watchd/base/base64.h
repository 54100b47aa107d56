/* SPDX-License-Identifier: ISC
 * base64: bytes of any kind as text (RFC 4648 4), with padding. Pure. */
#ifndef MX_BASE_BASE64_H
#define MX_BASE_BASE64_H

#include "base/defs.h"

#define BASE64_LEN(n) (((n) + 2) / 3 * 4) /* of n bytes, without NUL */

/* dst holds BASE64_LEN(len) + 1. Returns dst. */
char *base64_encode(const void *data, size_t len, char *dst);
/* dst holds strlen(src) / 4 * 3; *len is set. -MX_ESYNTAX: blanks and line ends,
 * too, for what we read is in one piece. */
int base64_decode(const char *src, void *dst, size_t *len) MX_NODISCARD;
/* The same into memory that the caller frees; NULL: not base64. */
char *base64_bytes(const char *src, size_t *len) MX_NODISCARD;

#endif
