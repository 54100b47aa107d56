/* SPDX-License-Identifier: ISC
 * rules_cluster: the alerts about a cluster. Without one all of them are safe.
 * While the engine is away the other nodes are unknown. */
#include "alerts/rules_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alerts/forecast.h"

#define NODES_TEXT 160

static int64_t
since_ms(int64_t ms, int64_t now)
{
	return ms == 0 || ms > now ? 0 : now - ms;
}

/* Facts that all nodes know alike; false: no statement. */
static bool
is_known(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;

	v->safe = !c->on;
	v->known = !c->on || (c->away_ms == 0 && !c->fenced);
	return c->on && v->known;
}

void
rule_cluster_engine_away(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;
	char t[32];

	v->safe = !c->on || c->away_ms == 0;
	v->since_ms = c->away_ms;
	v->value = (double)since_ms(c->away_ms, x->now);
	rule_say(v,
	    "for %s; mail is in the spool of the node that accepted it, "
	    "%" PRIu64 " messages here",
	    forecast_time_fmt((int64_t)v->value, t, sizeof(t)),
	    c->local_messages);
}

void
rule_cluster_not_synchronous(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;

	if (!is_known(x, v) || c->synchronous)
		return;
	v->value = 1;
	if (c->requires_sync)
		v->least = ALERT_SEV_CRITICAL;
	rule_say(v, "%s",
	    c->requires_sync ?
		"mail stays on the node that accepts it (require_sync)" :
		"mail would be lost with it");
}

/* "mx3 (dead), mx4 (silent)": those for which the predicate holds. */
static const char *
name_nodes(const struct snap_cluster *c, bool (*is)(const struct snap_node *),
    char *dst, size_t size)
{
	const struct snap_node *n;
	char one[SNAP_NAME_MAX + 24];

	dst[0] = '\0';
	for (unsigned i = 0; i < c->nnodes; i++) {
		n = &c->node_list[i];
		if (!is(n))
			continue;
		snprintf(one, sizeof(one), "%s%s (%s)",
		    dst[0] != '\0' ? ", " : "", n->name, n->state_name);
		if (strlcat(dst, one, size) >= size)
			break;
	}
	return dst;
}

static bool
is_missing(const struct snap_node *n)
{
	return n->missing;
}

static bool
is_other(const struct snap_node *n)
{
	return n->differs;
}

void
rule_cluster_node_missing(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;
	char names[NODES_TEXT];

	if (!is_known(x, v))
		return;
	v->value = c->missing;
	/* No node is left to take over from the last one. */
	if (c->missing > 0 && c->live <= 1)
		v->least = ALERT_SEV_CRITICAL;
	rule_say(v, "%s; %u %s left",
	    name_nodes(c, is_missing, names, sizeof(names)), c->live,
	    c->live == 1 ? "is" : "are");
}

void
rule_cluster_unit_without_owner(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;
	char count[40];

	if (!is_known(x, v))
		return;
	v->value = c->unowned;
	rule_say(v, "no node has the mail of %s: it waits",
	    forecast_count_fmt(c->unowned, "domain", count, sizeof(count)));
}

/* This mail would be lost with the disk of this node, whatever the engine
 * has. */
void
rule_cluster_local_mail(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;
	char count[40], t[32];

	v->safe = !c->on || c->local_messages == 0;
	v->known = !c->on || x->s->indexed;
	v->since_ms = c->local_oldest_ms;
	v->value = (double)since_ms(c->local_oldest_ms, x->now);
	rule_say(v, "%s only in the spool of %s, the oldest for %s",
	    forecast_count_fmt(c->local_messages, "message", count,
		sizeof(count)),
	    c->node, forecast_time_fmt((int64_t)v->value, t, sizeof(t)));
}

void
rule_cluster_configurations_differ(const struct view *x, struct rule_value *v)
{
	const struct snap_cluster *c = &x->s->cluster;
	char names[NODES_TEXT];

	if (!is_known(x, v))
		return;
	v->value = c->differing;
	rule_say(v, "%s: not that of %s",
	    name_nodes(c, is_other, names, sizeof(names)), c->node);
}
