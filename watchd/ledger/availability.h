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
/* In a cluster: since when any node knows that primary (0: none does), which is what
 * counts; and which of ours have another line than before, or (gone) are forgotten.
 */
struct availability_shared {
	int64_t (*since)(void *arg, const char *label);
	void (*changed)(void *arg, const char *label, bool gone);
	void *arg;
};
void
availability_share(struct availability *, const struct availability_shared *);
void availability_destroy(struct availability **);

/* That primary has a verdict, or another one. True: it is new, and its line is to
 * be written. */
bool availability_seen(struct availability *, const char *label, int64_t wall);
/* Its records are others than before. */
void availability_again(struct availability *, const char *label, int64_t wall);
/* The ratios of the windows, NAN where nothing is known, and since when it is
 * known. */
struct availability_ratios {
	double ratio[AVAILABILITY_WINDOW_MAX];
	int64_t since; /* wall seconds; 0: it is not */
};
void availability_get(const struct availability *, const char *label,
    struct availability_ratios *);
/* Every second. `is_there` says whether a primary still exists: one that does not
 * is forgotten `keep` seconds later. */
void availability_tick(struct availability *,
    bool (*is_there)(void *arg, const char *label), void *arg, int64_t wall,
    int64_t keep);

unsigned availability_count(const struct availability *);
/* Its line of the file, borrowed; NULL: it is not known. */
struct kept_line *
availability_line(const struct availability *, const char *label);
/* Since when we know it ourselves, 0: we do not; until when it was there, 0: it is. */
int64_t availability_known(const struct availability *, const char *label,
    int64_t *until);
void availability_each(const struct availability *,
    void (*fn)(void *arg, const char *label), void *arg);
/* A reference to each of availability_count() lines. */
void availability_lines(const struct availability *, struct kept_line **);
/* Reads such a line; false: it is none. Those not seen since `oldest` (wall) are
 * passed over. */
bool availability_load(struct availability *, const char *line, size_t len,
    int64_t oldest);

#endif
