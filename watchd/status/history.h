/* SPDX-License-Identifier: ISC
 * history: the last day of each domain in points of five minutes, for the
 * sparklines of the status page: how much was queued, how long the slowest
 * primary's probe took, the worst state. In memory only, lost at a restart:
 * who wants to keep it runs Prometheus. Bounded: HISTORY_POINTS points of 12
 * bytes a domain (3.5 KB; 3.5 MB for a thousand domains), HISTORY_DOMAINS
 * domains at most (17 MB); more than those have none. The loop feeds it, any
 * thread may read it. */
#ifndef MX_STATUS_HISTORY_H
#define MX_STATUS_HISTORY_H

#include "status/snapshot.h"

#define HISTORY_POINTS	 288
#define HISTORY_STEP_SEC 300
#define HISTORY_DOMAINS	 5000

struct history;

struct history *history_create(void);
void history_destroy(struct history **);

/* Takes the snapshot into the point of its time, of many domains a thousand a
 * call: the largest depth and time, the worst state. A clock that was set back adds to the newest point; one
 * set forward leaves a gap. Domains that are no longer configured go. */
void history_feed(struct history *, const struct snapshot *);

/* The document of /api/v1/history, see mxwatch-status(7). The caller frees
 * it. Never NULL. */
char *history_json(struct history *, int64_t wall_ms);
/* The same of these domains alone, as far as there are such. */
char *history_json_of(struct history *, const char *const *names, size_t n,
    int64_t wall_ms);

#endif
