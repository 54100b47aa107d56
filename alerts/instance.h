/* SPDX-License-Identifier: ISC
 * instance: one alert about one domain or list: inactive, pending, firing,
 * resolved. The value of a rule comes in, the state goes on; thresholds,
 * hysteresis and the times `for` and `clear` are here. Pure. Alert thread. */
#ifndef MX_ALERTS_INSTANCE_H
#define MX_ALERTS_INSTANCE_H

#include <sys/tree.h>

#include "alerts/rules.h"

/* How long a resolved one is kept: as long as Prometheus goes on telling an
 * Alertmanager of it. */
#define INSTANCE_RESOLVED_MS INT64_C(900000)

enum instance_state {
	INSTANCE_INACTIVE,
	INSTANCE_PENDING,
	INSTANCE_FIRING,
	INSTANCE_RESOLVED,
};

struct instance {
	RB_ENTRY(instance) link;
	enum alert_kind kind;
	char domain[TEXT_DOMAIN_MAX]; /* or list, by the kind; "" the daemon */
	enum instance_state state;
	enum alert_severity severity; /* of firing: what it is told as */
	/* Alertmanager takes another severity for another alert: what it was
	 * told as before, and until when that lasted. */
	enum alert_severity was;
	int64_t was_ms;
	int64_t since_ms; /* what it is about began */
	int64_t start_ms; /* it is over its threshold since */
	int64_t fired_ms; /* it fires since; of resolved: did */
	int64_t clear_ms; /* it no longer holds since; 0: it does */
	int64_t end_ms; /* of resolved */
	char primary[TEXT_DOMAIN_MAX + 8];
	char summary[RULES_SUMMARY];
};

RB_HEAD(instance_tree, instance);
RB_PROTOTYPE(instance_tree, instance, link, instance_compare)

struct instance *
instance_find(struct instance_tree *, enum alert_kind, const char *domain);
/* The one of that name; made when there is none. */
struct instance *
instance_get(struct instance_tree *, enum alert_kind, const char *domain);
void instance_tree_free(struct instance_tree *);
const char *instance_state_name(enum instance_state);
const char *severity_name(enum alert_severity);

/* The severity that a value has, given the one it had. */
enum alert_severity instance_level(const struct conf_alert *, enum alert_kind,
    const struct rule_value *, enum alert_severity before);
/* True when the state or the severity changed. */
bool instance_feed(struct instance *, const struct conf_alert *,
    const struct rule_value *, int64_t now);
/* The rule no longer looks: its domain or the alert left the configuration. */
void instance_drop(struct instance *, int64_t now);
/* Nothing is left to tell of it. */
bool instance_is_over(const struct instance *, int64_t now);

#endif
