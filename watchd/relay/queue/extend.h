/* SPDX-License-Identifier: ISC
 * extend: what an operator added to the lifetime of mail that was queued at
 * some moment: "arrived up to T: so much longer". Few records a domain, kept
 * as text in the store's state. Pure. */
#ifndef MX_QUEUE_EXTEND_H
#define MX_QUEUE_EXTEND_H

#include "base/buf.h"
#include "base/defs.h"

#define EXTEND_MAX	16
#define EXTEND_TEXT_MAX (EXTEND_MAX * 48)

struct extend {
	unsigned n;
	struct extend_rec {
		int64_t until_ms; /* arrivals up to here, wall */
		int64_t add_ms;
	} * rec; /* ascending until_ms; NULL: none was ever added */
};

void extend_fini(struct extend *); /* none, again */

/* Adds for arrivals up to until_ms. When the table is full the two oldest
 * become one that takes nothing away from anybody. */
void extend_add(struct extend *, int64_t until_ms, int64_t add_ms);
/* The sum that an arrival has been given. */
int64_t extend_of(const struct extend *, int64_t arrival_ms);
/* Drops what covers no arrival from oldest_ms on (INT64_MAX: all). True when
 * anything was dropped. */
bool extend_trim(struct extend *, int64_t oldest_ms);
int extend_format(const struct extend *, struct buf *) MX_NODISCARD;
int extend_parse(struct extend *, const void *, size_t len) MX_NODISCARD;

#endif
