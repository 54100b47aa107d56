/* SPDX-License-Identifier: ISC
 * le: little-endian integers at any address, for data on disk. The spool can be
 * moved to a machine of the other byte order. Pure. */
#ifndef MX_RELAY_LE_H
#define MX_RELAY_LE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void
le_put(uint8_t *dst, uint64_t v, size_t bytes)
{
	v = htole64(v);
	memcpy(dst, &v, bytes);
}

static inline uint64_t
le_get(const uint8_t *src, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, src, bytes);
	return le64toh(v);
}

#endif
