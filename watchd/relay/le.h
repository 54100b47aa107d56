/* SPDX-License-Identifier: ISC
 * le: little-endian integers at any address, for what is kept on disk. The
 * spool can be carried to a machine of the other byte order. Pure. */
#ifndef MX_RELAY_LE_H
#define MX_RELAY_LE_H

#include <stddef.h>
#include <stdint.h>

static inline void
le_put(uint8_t *dst, uint64_t v, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		dst[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t
le_get(const uint8_t *src, size_t bytes)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		v |= (uint64_t)src[i] << (8 * i);
	return v;
}

#endif
