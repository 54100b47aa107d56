/* SPDX-License-Identifier: ISC
 * prometheus: a snapshot as Prometheus text exposition format 0.0.4, from
 * the rows of status/metrics.def, plus build_info and process_*. Its size
 * depends on domains and primaries, never on mail. Pure but for /proc/self;
 * any thread. */
#ifndef MX_EXPORTERS_PROMETHEUS_H
#define MX_EXPORTERS_PROMETHEUS_H

#include "base/buf.h"
#include "status/snapshot.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* 0, or -MX_ETOOBIG when out's cap is too small. */
int prometheus_write(const struct snapshot *, int64_t wall_ms,
    struct buf *out) MX_NODISCARD;

#endif
