/* SPDX-License-Identifier: ISC
 * rules: evaluates a snapshot for each built-in alert, giving a value to
 * compare with the thresholds of the configuration. Data beyond a single
 * snapshot (counts within the last hour, the drain rate) is kept in a struct
 * rules between calls. Pure: no clock, no log, no I/O.
 *
 * A domain is evaluated when its block changed, when an alert about it is
 * pending or fires, and otherwise in turn, at least RULES_TURN domains a call
 * and all of them within a minute or so of calls each second; at most
 * RULES_MOST a call, so that many simultaneous changes take some seconds
 * instead of the processor. With RULES_TURN domains or fewer every call
 * evaluates all. Alert thread. */
#ifndef MX_ALERTS_RULES_H
#define MX_ALERTS_RULES_H

#include "config/config.h"
#include "status/snapshot.h"

#define RULES_SUMMARY 320
#define RULES_TURN    1000
#define RULES_ROUND   60 /* calls that cover all domains */
#define RULES_MOST    4000

struct rules;

struct rules *rules_create(void);
void rules_destroy(struct rules **);

/* The present value of one alert about a domain. */
struct rule_value {
	/* Another node reports it, as owner of the domain or speaker: unknown
	 * here, and the rest is empty (voice.h). */
	bool told_by_another;
	bool known; /* false: no statement; the state stays */
	bool may_clear; /* false: too early to say that it is over */
	/* the severity does not fall while it lasts, and the value is the time
	 * since it began, restarts included */
	bool sticky;
	/* begins nothing and worsens nothing, but keeps a firing alert */
	bool keeps;
	bool safe; /* no alert, whatever the value */
	/* at least this severity, whatever the value */
	enum alert_severity least;
	double value; /* ms, or a number */
	double percent; /* the same, if a threshold may be in percent */
	int64_t since_ms; /* begin; 0: when it is noticed */
	char primary[TEXT_DOMAIN_MAX + 8]; /* that it is about; "" none */
	char summary[RULES_SUMMARY];
};

/* The alert thread's own state. */
struct rules_self {
	/* of the receiver that has failed longest; 0 */
	int64_t failing_since_ms;
	char failing[SNAP_NAME_MAX]; /* its name */
	char error[96]; /* of its last attempt */
	unsigned others; /* further failing ones */
};

/* Called with a value; NULL when the domain is not configured any more. Returns
 * true when the domain is to be evaluated again by the next call. */
typedef bool rules_cb(enum alert_kind, const char *domain,
    const struct rule_value *, void *arg);
/* Calls fn for each enabled alert of the daemon and of each list, and for each
 * enabled alert of the configured domains whose turn it is. `now` is wall ms. */
void rules_eval(struct rules *, const struct config *, const struct snapshot *,
    const struct rules_self *, int64_t now, rules_cb *fn, void *arg);

#endif
