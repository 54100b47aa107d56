/* SPDX-License-Identifier: ISC
 * availability: since when each primary is known, and which share of that time it
 * was up. Counted from its first verdict on; time in which the daemon did not run,
 * and maintenance, count neither way. The ratios are worked out anew some primaries
 * a second, and for one that changes at once. Bounded; the next ones have none.
 * Pure; loop thread. */
#ifndef MX_LEDGER_AVAILABILITY_H
#define MX_LEDGER_AVAILABILITY_H

#include "ledger/kept.h"

#define AVAILABILITY_MAX 20000 /* primaries */

enum availability_window {
	AVAILABILITY_30D,
	AVAILABILITY_365D,
	AVAILABILITY_WINDOW_MAX,
};

struct availability;

struct availability *availability_create(const struct kept *);
void availability_destroy(struct availability **);

/* That primary has a verdict, or another one. True: it is new, and is to be written
 * (availability_print()). */
bool availability_seen(struct availability *, const char *label, int64_t wall);
/* The ratios of the windows, NAN where nothing is known. */
void availability_get(const struct availability *, const char *label,
    double ratio[AVAILABILITY_WINDOW_MAX]);
/* Since when it is known; 0: it is not. */
int64_t availability_since(const struct availability *, const char *label);
/* Every second. `is_there` says whether a primary still exists: one that does not
 * is forgotten `keep` seconds later. */
void availability_tick(struct availability *,
    bool (*is_there)(void *arg, const char *label), void *arg, int64_t wall,
    int64_t keep);

unsigned availability_count(const struct availability *);
/* The line of the file of that one, of each after the label *last ("": from the
 * start), which is set; NULL: that was the last one. The caller frees it. */
char *availability_print(const struct availability *, const char *label);
const char *availability_next(const struct availability *, const char *last);
/* Reads such a line; false: it is none. Those not seen since `oldest` (wall) are
 * passed over. */
bool availability_load(struct availability *, const char *line, size_t len,
    int64_t oldest);

#endif
