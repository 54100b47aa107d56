/* SPDX-License-Identifier: ISC
 * rules_int: what rules.c (what a snapshot means for each alert) and rules_turn.c
 * (whose turn it is) share. */
#ifndef MX_ALERTS_RULES_INT_H
#define MX_ALERTS_RULES_INT_H

#include "alerts/rules.h"
#include "alerts/trend.h"

/* One evaluation of one domain. */
struct view {
	const struct config *conf;
	const struct conf_domain *cd;
	const struct snapshot *s;
	const struct snap_domain *d; /* NULL: an alert of another scope */
	const struct snap_dnsbl *list; /* of that scope */
	const struct trend *t;
	const struct rules_self *self;
	int64_t now;
};

/* The value of that alert now goes to fn; as rules_cb. */
bool rules_one(const struct view *, enum alert_kind, rules_cb *fn, void *arg);

#endif
