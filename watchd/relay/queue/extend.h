/* SPDX-License-Identifier: ISC
 * extend: the lifetime that an operator added to mail queued at some moment:
 * "arrived up to T: so much longer". A few records per domain, kept as text in
 * the store's state. Pure. */
#ifndef MX_QUEUE_EXTEND_H
#define MX_QUEUE_EXTEND_H

#include "base/buf.h"
#include "base/defs.h"

#define EXTEND_MAX	16
#define EXTEND_TEXT_MAX (EXTEND_MAX * 48)

struct extend {
	unsigned n;
	struct extend_rec {
		int64_t until_ms; /* arrivals up to this time, wall */
		int64_t add_ms;
	} * rec; /* ascending until_ms; NULL: no record yet */
};

void extend_fini(struct extend *); /* leaves it empty */

/* Extends arrivals up to until_ms. In a full table the two oldest records are
 * merged so that no message loses time. */
void extend_add(struct extend *, int64_t until_ms, int64_t add_ms);
/* The total extension of an arrival. */
int64_t extend_of(const struct extend *, int64_t arrival_ms);
/* Drops records that cover no arrival from oldest_ms on (INT64_MAX: all). True
 * if any was dropped. */
bool extend_trim(struct extend *, int64_t oldest_ms);
int extend_format(const struct extend *, struct buf *) MX_NODISCARD;
int extend_parse(struct extend *, const void *, size_t len) MX_NODISCARD;

#endif
