/* SPDX-License-Identifier: ISC
 * rules: what a snapshot means for each built-in alert, as a value to hold
 * against the thresholds of the configuration. What a single snapshot does
 * not tell (how much within the last hour, how fast mail leaves) is kept in
 * a struct rules between calls. Pure: no clock, no log, no I/O.
 * Alert thread. */
#ifndef MX_ALERTS_RULES_H
#define MX_ALERTS_RULES_H

#include "config/config.h"
#include "status/snapshot.h"

#define RULES_WINDOW_MS INT64_C(3600000) /* of counts: the last hour */
#define RULES_SUMMARY	256

struct rules;

struct rules *rules_create(void);
void rules_destroy(struct rules **);

/* What one alert is about a domain now. */
struct rule_value {
	bool known; /* false: no statement; what was before stays */
	bool may_clear; /* false: too early to say that it is over */
	bool sticky; /* the severity does not fall while it lasts */
	bool safe; /* it is no alert, whatever the value */
	enum alert_severity least; /* it is this, whatever the value */
	double value; /* ms, or a number */
	double percent; /* the same, where a threshold may be one */
	char primary[TEXT_DOMAIN_MAX + 8]; /* that it is about; "" none */
	char summary[RULES_SUMMARY];
};

/* What the alert thread knows of itself. */
struct rules_self {
	int64_t failing_since_ms; /* of the receiver that fails longest; 0 */
	char failing[SNAP_NAME_MAX]; /* its name */
};

/* Calls fn for each enabled alert, and for each configured domain where it
 * has a scope of domains. `now` is wall ms. */
void rules_eval(struct rules *, const struct config *, const struct snapshot *,
    const struct rules_self *, int64_t now,
    void (*fn)(enum alert_kind, const char *domain, const struct rule_value *,
	void *arg),
    void *arg);

/* "At the present drain rate N messages expire before they leave, the first
 * at T". Arrivals are taken as spread evenly between the oldest and now, and
 * delivery as oldest first. rate: messages a second. */
struct rules_forecast {
	uint64_t expire;
	int64_t first_ms; /* 0: none expires */
};
struct rules_forecast rules_forecast(uint64_t messages, int64_t oldest_ms,
    int64_t next_expiry_ms, double rate, int64_t now);

#endif
