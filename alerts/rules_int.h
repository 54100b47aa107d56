/* SPDX-License-Identifier: ISC
 * rules_int: shared by rules.c (the rules), rules_cluster.c (those of the
 * cluster) and rules_turn.c (scheduling of domains). */
#ifndef MX_ALERTS_RULES_INT_H
#define MX_ALERTS_RULES_INT_H

#include "alerts/rules.h"
#include "alerts/trend.h"

/* One evaluation of one domain. */
struct view {
	const struct config *conf;
	const struct conf_domain *cd;
	const struct snapshot *s;
	const struct snap_domain *d; /* NULL: another scope */
	const struct snap_dnsbl *list; /* for that scope */
	const struct trend *t;
	const struct rules_self *self;
	int64_t now;
};

void rule_say(struct rule_value *, const char *fmt, ...) MX_PRINTF(2, 3);

/* rules_cluster.c */
void rule_cluster_engine_away(const struct view *, struct rule_value *);
void rule_cluster_not_synchronous(const struct view *, struct rule_value *);
void rule_cluster_node_missing(const struct view *, struct rule_value *);
void rule_cluster_unit_without_owner(const struct view *, struct rule_value *);
void rule_cluster_local_mail(const struct view *, struct rule_value *);
void
rule_cluster_configurations_differ(const struct view *, struct rule_value *);

/* Evaluates that alert and passes the value to fn; as rules_cb. */
bool rules_one(const struct view *, enum alert_kind, rules_cb *fn, void *arg);

#endif
