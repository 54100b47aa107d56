/* SPDX-License-Identifier: ISC
 * hash: 64-bit FNV-1a, for internal tables. It is predictable: where a peer
 * chooses the keys, start with a random number instead of HASH_INIT. Pure. */
#ifndef MX_BASE_HASH_H
#define MX_BASE_HASH_H

#include "base/defs.h"

#define HASH_INIT UINT64_C(0xcbf29ce484222325)

/* Continues from h, which is HASH_INIT, a seed, or an earlier result. */
static inline uint64_t
hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len-- > 0)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

/* A string with its NUL, so that "a" "bc" and "ab" "c" differ. */
static inline uint64_t
hash_text(uint64_t h, const char *s)
{
	do {
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	} while (*s++ != '\0');
	return h;
}

static inline uint32_t
hash_fold(uint64_t h)
{
	return (uint32_t)(h ^ (h >> 32));
}

#endif
