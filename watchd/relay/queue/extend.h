/* SPDX-License-Identifier: ISC
 * extend: the lifetime that an operator added. To all mail of a domain queued at
 * some moment: "arrived up to T: so much longer", a few records per domain, kept
 * as text in the store's state. To single parts: kept in their records; in
 * memory a part has a class of those of its domain that were extended by the
 * same time. Of the parts of a class that the same records cover, the oldest
 * expires first. Pure. */
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

#define EXTEND_CLASSES 16 /* class 0: not extended */

struct extend_classes {
	struct extend_class {
		int64_t ms;
		uint64_t parts;
	} of[EXTEND_CLASSES];
};

/* Takes a place in the class of that time. When all classes are in use it is
 * the one with the next longer time; if there is none, the time of the longest
 * class is raised: nobody gets less than was ordered. */
unsigned extend_class_enter(struct extend_classes *, int64_t ms);
void extend_class_leave(struct extend_classes *, unsigned class);
/* The sum of two extensions, within bounds. */
int64_t extend_sum(int64_t a_ms, int64_t b_ms);

#endif
