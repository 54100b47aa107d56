/* SPDX-License-Identifier: ISC
 * prometheus: a snapshot as Prometheus text format 0.0.4 or OpenMetrics 1.0,
 * from the rows of status/metrics.def, plus build_info and process_*. Its
 * size depends on domains and primaries, never on mail. Pure but for
 * /proc/self; any thread. */
#ifndef MX_EXPORTERS_PROMETHEUS_H
#define MX_EXPORTERS_PROMETHEUS_H

#include "base/buf.h"
#include "status/snapshot.h"

enum prometheus_format { PROMETHEUS_TEXT, PROMETHEUS_OPENMETRICS };

/* Prometheus 3 refuses a scrape whose type it does not know: to the letter. */
#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_CONTENT_TYPE                                               \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

struct prometheus_options {
	enum prometheus_format format;
	bool per_domain; /* false: no label domain; `primary` only on
			  * mxwatch_primary_* */
};

/* An exposition in pieces, for who sends it while it is made; it has a
 * reference to the snapshot. 0 or -MX_ETOOBIG: there are too many domains, and
 * then there is none. */
struct exposition;
int prometheus_begin(struct exposition **, struct snapshot *, int64_t wall_ms,
    const struct prometheus_options *) MX_NODISCARD;
/* Adds the next piece, a megabyte or so: 0 there is more, 1 that was the last
 * one, or -MX_ETOOBIG when out's cap is too small. */
int prometheus_next(struct exposition *, struct buf *out) MX_NODISCARD;
void prometheus_end(struct exposition **);
/* All of it: 0 or -MX_ETOOBIG. */
int prometheus_write(struct snapshot *, int64_t wall_ms,
    const struct prometheus_options *, struct buf *out) MX_NODISCARD;

/* How many series that many domains, primaries of domains, and servers make. */
size_t prometheus_series(size_t ndomains, size_t nprimaries, size_t nservers,
    bool per_domain);

#endif
