/* SPDX-License-Identifier: ISC
 * db_format: the pages of LMDB's file, from its mdb.c, for who looks at them
 * without LMDB:
 *
 *	page	u64 number, u16 pad, u16 flags, u16 lower, u16 upper (of an
 *		overflow page: u32 pages), then from byte 16 a u16 offset of
 *		each node; nodes lie between upper and the end
 *	node	u16 lo, u16 hi, u16 flags, u16 length of the key, key, value;
 *		a leaf's lo and hi are the length of the value, which is the
 *		number of an overflow page when it is too big for the page; a
 *		branch's lo, hi and flags are the number of a page
 *	meta	pages 0 and 1, the one with the greater transaction counts:
 *		u32 magic, u32 version, u64, u64, table of free pages, table
 *		of tables, u64 last page, u64 transaction
 *	table	u32 page size (in the first only), u16, u16 depth, 3 x u64,
 *		u64 entries, u64 root
 *
 * Numbers are the machine's. Never leaves this folder. */
#ifndef MX_STORE_DB_FORMAT_H
#define MX_STORE_DB_FORMAT_H

#include <string.h>

#include "base/defs.h"

#define PAGE_BRANCH   0x01u
#define PAGE_LEAF     0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META     0x08u
#define PAGE_KIND     0x0fu
#define PAGE_HEAD     16u
#define NODE_HEAD     8u
#define NODE_BIG      0x01u
#define NODE_TABLE    0x02u
#define TABLE_BYTES   48u
#define TABLE_BRANCH  8u
#define TABLE_LEAF    16u
#define TABLE_ENTRIES 32u
#define TABLE_ROOT    40u
#define NO_PAGE	      UINT64_MAX
#define DEPTH_MAX     32u

static inline uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#endif
