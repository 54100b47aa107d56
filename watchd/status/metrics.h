/* SPDX-License-Identifier: ISC
 * metrics: metrics.def as data. An exporter walks the table, for each row the
 * objects of its scope, and calls metric_value() for each combination of
 * labels. Pure; any thread. */
#ifndef MX_STATUS_METRICS_H
#define MX_STATUS_METRICS_H

#include "status/snapshot.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_scope {
	METRIC_GLOBAL,
	METRIC_DOMAIN,
	METRIC_PRIMARY,
	METRIC_SERVER,
	METRIC_RECEIVER,
	METRIC_HEARTBEAT,
	METRIC_DNSBL,
	METRIC_NODE,
	METRIC_SCOPE_MAX,
};

enum metric_value {
	METRIC_U64,
	METRIC_I64,
	METRIC_UINT,
	METRIC_U16,
	METRIC_BOOL,
	METRIC_DOUBLE,
	METRIC_IS_ZERO, /* 1 when the unsigned field is 0 */
	METRIC_AGE_MS, /* now - wall ms, in seconds; 0 for 0 */
	METRIC_TIME_MS, /* wall ms as seconds */
	METRIC_EXPIRY_MS, /* wall ms as seconds, +Inf for 0 */
	/* 1 for the label whose index the unsigned field has, else 0 */
	METRIC_ONE_HOT,
	METRIC_FLUSH_DURATION, /* of a struct snap_flush */
	METRIC_LIFETIME_USED, /* of a struct snap_domain */
	METRIC_STUCK, /* of a struct snap_domain, in seconds */
	METRIC_INFO_PRIORITY, /* 1; its label `priority` is the field */
	METRIC_HIST, /* struct hist */
	/* the same for present contents: it may decrease */
	METRIC_SNAPSHOT_HIST,
	METRIC_FIRING, /* bit of a uint32_t: 1 << the index of the label */
};

struct metric_label {
	const char *name;
	unsigned index; /* index in the field's array */
};
struct metric_labels {
	const char *key; /* NULL: no label */
	unsigned n;
	unsigned stride; /* length of the array's dimension */
	const struct metric_label *label;
};

struct metric {
	enum metric_scope scope;
	const char *name; /* without METRIC_PREFIX */
	enum metric_type type;
	enum metric_value value;
	size_t offset; /* into the scope's struct */
	const struct metric_labels *labels, *labels2;
	const struct hist_bounds *bounds;
	const char *help;
};

#define METRIC_PREFIX "mxwatch_"

extern const struct metric metrics[];
extern const size_t nmetrics;

/* The value at labels->label[i] (and labels2->label[j]); 0, 0 without labels.
 * `base` is the struct of the metric's scope. Not for histograms. */
double metric_value(const struct metric *, const void *base, unsigned i,
    unsigned j, int64_t wall_ms);

/* Does the object have the family now? Probe results are dropped when the
 * primary is no longer probed, or alerts about them would never end; the queue
 * of a domain is shown by the node that owns it, so that sums over nodes are
 * right; cluster metrics need a cluster. */
bool metric_applies(const struct metric *, const void *base);

/* Does the row continue the family of the previous row? */
bool metric_continues(const struct metric *);

#endif
