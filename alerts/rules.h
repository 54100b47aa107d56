/* SPDX-License-Identifier: ISC
 * rules: what a snapshot means for each built-in alert, as a value to hold
 * against the thresholds of the configuration. What a single snapshot does
 * not tell (how much within the last hour, how fast mail leaves) is kept in
 * a struct rules between calls. Pure: no clock, no log, no I/O.
 *
 * A domain is evaluated when its block changed, when an alert about it is
 * pending or fires, and otherwise in turn, RULES_TURN domains a call at least
 * and all of them within a minute or so of calls each second; RULES_MOST a call
 * at most, so that many domains that change at once take some seconds, not the
 * processor. With RULES_TURN domains or fewer that is all of them at each call.
 * Alert thread. */
#ifndef MX_ALERTS_RULES_H
#define MX_ALERTS_RULES_H

#include "config/config.h"
#include "status/snapshot.h"

#define RULES_SUMMARY 320
#define RULES_TURN    1000
#define RULES_ROUND   60 /* calls in which each domain has its turn */
#define RULES_MOST    4000

struct rules;

struct rules *rules_create(void);
void rules_destroy(struct rules **);

/* The state of one alert about a domain now. */
struct rule_value {
	/* By the node that has the domain, or speaks: we know nothing of it, and
	 * the rest of this is empty (voice.h). */
	bool told_by_another;
	bool known; /* false: no statement; what was before stays */
	bool may_clear; /* false: too early to say that it is over */
	bool sticky; /* the severity does not fall while it lasts, and the
		      * value is the time since it began, restarts included */
	bool keeps; /* it begins nothing and makes nothing worse, but what fires
		     * goes on */
	bool safe; /* it is no alert, whatever the value */
	enum alert_severity least; /* it is this, whatever the value */
	double value; /* ms, or a number */
	double percent; /* the same, where a threshold may be one */
	int64_t since_ms; /* it began; 0: when it is noticed */
	char primary[TEXT_DOMAIN_MAX + 8]; /* that it is about; "" none */
	char summary[RULES_SUMMARY];
};

/* Knowledge of the alert thread about itself. */
struct rules_self {
	int64_t failing_since_ms; /* of the receiver that fails longest; 0 */
	char failing[SNAP_NAME_MAX]; /* its name */
	char error[96]; /* what its last attempt came to */
	unsigned others; /* that fail, too */
};

/* The fate of a value. The value is NULL when the domain is not configured any
 * more: the rule no longer looks. True when the domain is to be evaluated again
 * at the next call. */
typedef bool rules_cb(enum alert_kind, const char *domain,
    const struct rule_value *, void *arg);
/* Calls fn for each enabled alert of the daemon and of each list, and for each
 * enabled alert of the configured domains whose turn it is. `now` is wall ms. */
void rules_eval(struct rules *, const struct config *, const struct snapshot *,
    const struct rules_self *, int64_t now, rules_cb *fn, void *arg);

#endif
