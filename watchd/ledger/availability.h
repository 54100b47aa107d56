/* SPDX-License-Identifier: ISC
 * availability: since when each primary is known, and the ratio of that time in
 * which it was up. Counted from its first verdict on; time in which the daemon
 * did not run, and maintenance, are left out. The ratios are recomputed for
 * some primaries a second, and at once for one that changes. Bounded; further
 * primaries have none. Pure; loop thread. */
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
/* In a cluster: since when any node knows the primary (0: none does), which is
 * what counts; and notice of our own lines that changed or (gone) were
 * forgotten. */
struct availability_shared {
	int64_t (*since)(void *arg, const char *label);
	void (*changed)(void *arg, const char *label, bool gone);
	void *arg;
};
void
availability_share(struct availability *, const struct availability_shared *);
void availability_destroy(struct availability **);

/* The primary has a verdict, or a new one. True: it was not known, and its line
 * is to be written. */
bool availability_seen(struct availability *, const char *label, int64_t wall);
/* Its records have changed. */
void availability_again(struct availability *, const char *label, int64_t wall);
/* The ratios of the windows, NAN if unknown, and since when it is known. */
struct availability_ratios {
	double ratio[AVAILABILITY_WINDOW_MAX];
	int64_t since; /* wall seconds; 0: unknown */
};
void availability_get(const struct availability *, const char *label,
    struct availability_ratios *);
/* To be called every second. `is_there` says whether a primary still exists:
 * one that does not is forgotten `keep` seconds later. */
void availability_tick(struct availability *,
    bool (*is_there)(void *arg, const char *label), void *arg, int64_t wall,
    int64_t keep);

unsigned availability_count(const struct availability *);
/* Its line in the file, borrowed; NULL: unknown. */
struct kept_line *
availability_line(const struct availability *, const char *label);
/* Since when this node knows it, 0: it does not; and until when it existed, 0:
 * it does. */
int64_t availability_known(const struct availability *, const char *label,
    int64_t *until);
void availability_each(const struct availability *,
    void (*fn)(void *arg, const char *label), void *arg);
/* A reference to each of availability_count() lines. */
void availability_lines(const struct availability *, struct kept_line **);
/* Reads such a line; false: it is not one. Primaries not seen since `oldest`
 * (wall) are skipped. */
bool availability_load(struct availability *, const char *line, size_t len,
    int64_t oldest);

#endif
