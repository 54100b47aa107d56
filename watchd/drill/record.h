/* SPDX-License-Identifier: ISC
 * record: what is kept of the drills of a domain over a restart, and when the
 * next one is due. In the store it is a line:
 *
 *	1 ID BEGAN DEADLINE ENDED delivered|failed|never TOOK TEXT
 *
 * 1 is the version, ID "-" when none is under way; times are wall ms, 0 none;
 * the text extends to the end of the line. Pure. */
#ifndef MX_DRILL_RECORD_H
#define MX_DRILL_RECORD_H

#include "base/buf.h"
#include "status/drill.h"

#define DRILL_RECORD_MAX 512

struct drill_record {
	/* The one under way; id 0: none, or not accepted yet. */
	uint64_t id;
	int64_t began_ms, deadline_ms;
	/* The last one that ended; ended_ms 0: none. */
	int64_t ended_ms;
	bool ok; /* it was delivered */
	int64_t took_ms; /* from its begin to its end */
	char text[DRILL_TEXT_MAX]; /* the last reply, or a sentence */
};

/* `out` has room for DRILL_RECORD_MAX. */
void drill_record_write(const struct drill_record *, struct buf *out);
/* -MX_ECORRUPT: *r is zeroed. */
int drill_record_read(struct drill_record *r, const void *data,
    size_t len) MX_NODISCARD;

/* When the next scheduled drill is due, wall ms; INT64_MAX: never. Slots are
 * `period_ms` apart and lie at a different offset for each domain (`seed`, a
 * hash of its name), so that they are spread, and the same after a restart. Of
 * a drill that ended the next slot half a period later counts, or, if it
 * failed, a seventh of the period later. */
int64_t drill_record_next(const struct drill_record *, int64_t period_ms,
    uint64_t seed, int64_t now_ms);

#endif
