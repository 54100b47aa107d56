/* SPDX-License-Identifier: ISC
 * history: the last day of each domain in points of five minutes, for the
 * sparklines of the status page: queue depth, the slowest probe among its
 * primaries, the worst state. In memory only, lost at a restart: Prometheus can
 * keep more. Bounded: HISTORY_POINTS points of 12 bytes a domain (3.5 KB; 3.5
 * MB for a thousand domains), HISTORY_DOMAINS domains at most (17 MB); further
 * ones have no history. The loop feeds it, any thread may read it. */
#ifndef MX_STATUS_HISTORY_H
#define MX_STATUS_HISTORY_H

#include "status/snapshot.h"

#define HISTORY_POINTS	 288
#define HISTORY_STEP_SEC 300
#define HISTORY_DOMAINS	 5000

struct history;

struct history *history_create(void);
void history_destroy(struct history **);

/* Merges the snapshot into the point of its time, a thousand domains a call:
 * the largest depth and time, the worst state. After the clock was set back it
 * goes into the newest point; a clock set forward leaves a gap. Domains that
 * are no longer configured are removed. */
void history_feed(struct history *, const struct snapshot *);

/* The document of /api/v1/history, see mxwatch-status(7). The caller frees
 * it. Never NULL. */
char *history_json(struct history *, int64_t wall_ms);
/* The same of these domains alone, as far as there are such. */
char *history_json_of(struct history *, const char *const *names, size_t n,
    int64_t wall_ms);

#endif
