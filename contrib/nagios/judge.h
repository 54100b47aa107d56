/* SPDX-License-Identifier: ISC
 * judge: evaluates a status document for a monitor: a level, one line, numbers
 * for graphs, a line for each domain. Pure: the time is that of the
 * document. */
#ifndef NAGIOS_JUDGE_H
#define NAGIOS_JUDGE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "range.h"

/* The exit codes. */
enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_CRITICAL, LEVEL_UNKNOWN };

/* MODE(name, word, label, unit, units of its ranges, values have a sum) */
#define CHECK_MODES                                                            \
	MODE(QUEUE, "queue", "msgs", "", 0, true)                              \
	MODE(AGE, "age", "age", "s", RANGE_TIME | RANGE_PERCENT, false)        \
	MODE(EXPIRY, "expiry", "expiry", "s", RANGE_TIME | RANGE_PERCENT,      \
	    false)                                                             \
	MODE(BYTES, "bytes", "bytes", "B", RANGE_SIZE, true)                   \
	MODE(PRIMARY, "primary", "down", "s", RANGE_TIME | RANGE_PERCENT,      \
	    false)                                                             \
	MODE(PROBE_TIME, "probe-time", "probe", "s", RANGE_TIME, false)        \
	MODE(BOUNCES, "bounces", "bounced", "c", RANGE_PERCENT, true)          \
	MODE(EXPIRED, "expired", "expired", "c", RANGE_PERCENT, true)          \
	MODE(FLUSH, "flush", "eta", "s", RANGE_TIME, false)                    \
	MODE(SPOOL, "spool", "free", "B", RANGE_SIZE | RANGE_PERCENT, false)   \
	MODE(HEARTBEAT, "heartbeat", "heartbeat", "s", RANGE_TIME, false)      \
	MODE(CLUSTER, "cluster", "local", "s", RANGE_TIME, false)              \
	MODE(ALL, "all", "age", "s", RANGE_TIME | RANGE_PERCENT, false)

enum check_mode {
#define MODE(name, word, label, unit, units, sums) CHECK_##name,
	CHECK_MODES
#undef MODE
	    CHECK_MODE_MAX,
};

struct mode_info {
	const char *word, *label, *unit;
	unsigned units;
	bool sums;
};
extern const struct mode_info mode_info[CHECK_MODE_MAX];

/* CHECK_MODE_MAX: no mode of that name. */
enum check_mode check_mode_parse(const char *word, size_t len);

#define CHECK_DOMAINS_MAX 256

/* The check requested. Names are as text_domain() writes them. */
struct check {
	enum check_mode mode;
	const char *only[CHECK_DOMAINS_MAX], *except[CHECK_DOMAINS_MAX];
	unsigned nonly, nexcept;
	struct check_range warning, critical;
	const char *window; /* "1h" or "1d" for counters; NULL: all */
	bool sum; /* judge the sum of all domains, not each */
	bool primary_critical; /* a primary that is down is CRITICAL */
	int verbose; /* 1: a line for each domain, 2: also replies */
};

#define JUDGE_PERF_DOMAINS 20 /* above: only totals (NRPE's limit) */
#define JUDGE_LINES	   100

struct verdict {
	enum level level;
	struct buf line, perf, more; /* without "MXWATCH OK - " and "|" */
};

/* Sets all of *v; verdict_fini() frees it. It contains no '|' and no control
 * character. */
void judge(const struct check *, const cJSON *status, struct verdict *v);
void verdict_fini(struct verdict *);

const char *level_name(enum level);

#endif
