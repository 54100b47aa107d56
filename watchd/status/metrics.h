/* SPDX-License-Identifier: ISC
 * metrics: metrics.def as data. An exporter walks the table once, and for
 * each row the objects of its scope, and asks metric_value() for each place
 * of its labels. Pure; any thread. */
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
	METRIC_ONE_HOT, /* unsigned field == index of the label */
	METRIC_FLUSH_DURATION, /* of a struct snap_flush */
	METRIC_LIFETIME_USED, /* of a struct snap_domain */
	METRIC_STUCK, /* of a struct snap_domain, in seconds */
	METRIC_INFO_PRIORITY, /* 1; its label `priority` is the field */
	METRIC_HIST, /* struct hist */
	METRIC_SNAPSHOT_HIST, /* the same, of what is there now: it may fall */
	METRIC_FIRING, /* bit of a uint32_t: 1 << the index of the label */
};

struct metric_label {
	const char *name;
	unsigned index; /* place in the field's array */
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

/* The value at labels->label[i] (and labels2->label[j]); 0, 0 without. `base`
 * is the struct of the metric's scope. Not for histograms. */
double metric_value(const struct metric *, const void *base, unsigned i,
    unsigned j, int64_t wall_ms);

/* Whether the object has the family now: what probes of a primary saw is no more
 * when nobody probes it, and an alert about that would never end; what there is of
 * a domain's mail is shown by the node that has it, so that sums over the nodes are
 * right; and of a cluster there is nothing without one. */
bool metric_applies(const struct metric *, const void *base);

/* Whether the row goes on with the family of the row before it. */
bool metric_continues(const struct metric *);

#endif
