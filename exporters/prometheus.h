/* SPDX-License-Identifier: ISC
 * prometheus: a snapshot in the Prometheus text format 0.0.4 or OpenMetrics
 * 1.0, from the rows of status/metrics.def, with build_info and process_*. The
 * size depends on the numbers of domains and primaries, never on mail. Pure
 * except for /proc/self; any thread. */
#ifndef MX_EXPORTERS_PROMETHEUS_H
#define MX_EXPORTERS_PROMETHEUS_H

#include "base/buf.h"
#include "status/snapshot.h"

enum prometheus_format { PROMETHEUS_TEXT, PROMETHEUS_OPENMETRICS };

/* To the letter: Prometheus 3 refuses a scrape with an unknown type. */
#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_CONTENT_TYPE                                               \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

struct prometheus_options {
	enum prometheus_format format;
	/* false: no label domain; `primary` only on mxwatch_primary_* */
	bool per_domain;
};

/* An exposition in pieces, to be sent while it is made; it has a reference to
 * the snapshot. 0, or -MX_ETOOBIG without an exposition: there are too many
 * domains. */
struct exposition;
int prometheus_begin(struct exposition **, struct snapshot *, int64_t wall_ms,
    const struct prometheus_options *) MX_NODISCARD;
/* Appends the next piece, 256 KB or more unless it is the last: 0: there is
 * more; 1: it was the last; or -MX_ETOOBIG when the cap of `out` is too
 * small. */
int prometheus_next(struct exposition *, struct buf *out) MX_NODISCARD;
void prometheus_end(struct exposition **);
/* Writes all of it: 0 or -MX_ETOOBIG. */
int prometheus_write(struct snapshot *, int64_t wall_ms,
    const struct prometheus_options *, struct buf *out) MX_NODISCARD;

/* The number of series for these numbers of domains, primaries of domains, and
 * servers. */
size_t prometheus_series(size_t ndomains, size_t nprimaries, size_t nservers,
    bool per_domain);

#endif
