/* SPDX-License-Identifier: ISC
 * judge: what a status document means to somebody who watches: a level, one
 * line, numbers for graphs, a line for each domain. Pure: the time is the
 * document's own. */
#ifndef NAGIOS_JUDGE_H
#define NAGIOS_JUDGE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "range.h"

/* The exit codes. */
enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_CRITICAL, LEVEL_UNKNOWN };

/* MODE(name, word, label, unit, units of its ranges, may be added up) */
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

/* CHECK_MODE_MAX when there is none of that name. */
enum check_mode check_mode_parse(const char *word, size_t len);

#define CHECK_DOMAINS_MAX 256

/* What was asked. Names are compared as text_domain() writes them. */
struct check {
	enum check_mode mode;
	const char *only[CHECK_DOMAINS_MAX], *except[CHECK_DOMAINS_MAX];
	unsigned nonly, nexcept;
	struct check_range warning, critical;
	const char *window; /* "1h" or "1d" of the counters; NULL: all */
	bool sum; /* judge the sum of the domains and not each */
	bool primary_critical; /* a primary that is down is CRITICAL */
	int verbose; /* 1: a line for every domain, 2: the replies, too */
};

#define JUDGE_PERF_DOMAINS 20 /* more of them: totals only (NRPE's length) */
#define JUDGE_LINES	   100

struct verdict {
	enum level level;
	struct buf line, perf, more; /* without "MXWATCH OK - " and "|" */
};

/* Sets all of *v; verdict_fini() frees it. Nothing in it has a '|' or a
 * control character. */
void judge(const struct check *, const cJSON *status, struct verdict *v);
void verdict_fini(struct verdict *);

const char *level_name(enum level);

#endif
