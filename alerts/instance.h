/* SPDX-License-Identifier: ISC
 * instance: one alert about one domain or list: an incident, with an identity
 * over time. The value of a rule is the input of its state machine; thresholds,
 * hysteresis and the times `for` and `clear` are applied here. Pure. Alert
 * thread.
 *
 *	inactive --over the threshold--> pending --for--> firing
 *	firing --well for `clear`--> resolved --comes back--> pending
 *
 * A firing one whose condition has cleared is held open: it is still the same
 * incident if it comes back within `clear`, and each time it does, `clear`
 * doubles, up to INSTANCE_HOLD_MAX_MS. So a flapping alert is one incident. One
 * that comes back after it was resolved is a new one, but remembers for
 * INSTANCE_KEEP_MS how often it flapped. Example, clear 5 minutes: down at
 * 2:00, up at 2:10, down at 2:13 (held until 2:15), up at 2:20, resolved at
 * 2:30; sent are a trigger at 2:00 and a resolve that says 2:00 to 2:20,
 * twice. */
#ifndef MX_ALERTS_INSTANCE_H
#define MX_ALERTS_INSTANCE_H

#include <sys/tree.h>

#include "alerts/rules.h"

/* How long an Alertmanager is sent a resolved one: as Prometheus does. */
#define INSTANCE_RESOLVED_MS INT64_C(900000)
#define INSTANCE_ACKED_MAX   128
#define INSTANCE_KEEP_MS     INT64_C(3600000)
#define INSTANCE_HOLD_MAX_MS INT64_C(3600000) /* or `clear`, if longer */

enum instance_state {
	INSTANCE_INACTIVE,
	INSTANCE_PENDING,
	INSTANCE_FIRING,
	INSTANCE_RESOLVED,
};

struct instance {
	RB_ENTRY(instance) link;
	enum alert_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* or list, by the kind; "": the daemon */
	enum instance_state state;
	enum alert_severity severity; /* of a firing one */
	/* Alertmanager treats another severity as another alert: the previous
	 * one, and until when it lasted. */
	enum alert_severity was;
	int64_t was_ms;
	int64_t since_ms; /* start of the incident */
	int64_t spell_ms; /* begin since it was last well */
	int64_t start_ms; /* over its threshold since */
	int64_t fired_ms; /* firing since; when resolved: fired at */
	int64_t clear_ms; /* well since; 0: not well. Firing: held open */
	int64_t end_ms; /* resolved: it has been well since */
	int64_t over_ms; /* resolved: in this state since */
	bool audible; /* it fired while not silenced: it stays reported */
	/* Alertmanagers that accepted it, and its end: 1 << index of the
	 * receiver; in this run only. */
	uint32_t am_told, am_over;
	bool confirmed; /* evaluated since the start */
	unsigned times; /* occurrences within this incident; 1: no flaps */
	unsigned flaps; /* recent ones, for the length of `clear` */
	/* Acknowledged: nothing more is sent unless it gets worse than this, or
	 * comes again. NONE: not acknowledged. */
	enum alert_severity acked;
	char acked_by[INSTANCE_ACKED_MAX]; /* "root: the disk is swapped" */
	char primary[TEXT_DOMAIN_MAX + 8];
	char summary[RULES_SUMMARY];
};

RB_HEAD(instance_tree, instance);
RB_PROTOTYPE(instance_tree, instance, link, instance_compare)

struct instance *
instance_find(struct instance_tree *, enum alert_kind, const char *domain);
/* The instance of that name; created if there is none. */
struct instance *
instance_get(struct instance_tree *, enum alert_kind, const char *domain);
void instance_tree_free(struct instance_tree *);
const char *instance_state_name(enum instance_state);
const char *severity_name(enum alert_severity);

/* The severity of a value, given the previous one. */
enum alert_severity instance_level(const struct conf_alert *, enum alert_kind,
    const struct rule_value *, enum alert_severity before);
/* It fires, but its condition has cleared for now. */
static inline bool
instance_is_held(const struct instance *i)
{
	return i->state == INSTANCE_FIRING && i->clear_ms != 0;
}
static inline bool
instance_is_acked(const struct instance *i)
{
	return i->acked != ALERT_SEV_NONE && i->acked >= i->severity;
}
/* How long it has to be well before it is resolved. */
int64_t instance_hold_ms(const struct instance *, const struct conf_alert *);
/* True when the state or the severity changed. */
bool instance_feed(struct instance *, const struct conf_alert *,
    const struct rule_value *, int64_t now);
/* No rule applies any more: its domain or the alert left the configuration. */
void instance_drop(struct instance *, int64_t now);
/* Nothing more is to be sent about it. */
bool instance_is_over(const struct instance *, int64_t now);

#endif
