/* SPDX-License-Identifier: ISC
 * status_cluster: see status_cluster.h. */
#include "status/status_cluster.h"

static void
add_nodes(cJSON *o, const struct snap_cluster *c)
{
	cJSON *list = json_array(o, "nodes"), *j;
	const struct snap_node *n;

	for (unsigned i = 0; i < c->nnodes; i++) {
		n = &c->node_list[i];
		j = json_push_object(list);
		json_text(j, "node", n->name);
		json_text(j, "state", n->state_name);
		json_bool(j, "us", n->us);
		json_bool(j, "up", n->up);
		json_num(j, "silent_seconds", n->silent_seconds);
		json_num(j, "domains", n->domains);
		json_text(j, "version", n->version);
		json_text(j, "hostname", n->hostname);
		json_text(j, "url", n->url);
		json_bool(j, "config_differs", n->differs);
	}
}

void
status_cluster_whole(cJSON *o, const struct snap_cluster *c)
{
	cJSON *part;

	json_text(o, "node", c->node);
	json_bool(o, "left", c->left);
	json_bool(o, "fenced", c->fenced);
	part = json_member(o, "engine");
	json_time_ms(part, "away_since", c->away_ms);
	json_bool(part, "synchronous", c->synchronous);
	json_bool(part, "require_sync", c->requires_sync);
	part = json_member(o, "local");
	json_num(part, "messages", (double)c->local_messages);
	json_time_ms(part, "oldest", c->local_oldest_ms);
	json_num(o, "live", c->live);
	json_num(o, "missing", c->missing);
	json_num(o, "differing", c->differing);
	part = json_member(o, "domains");
	json_num(part, "all", c->domains);
	json_num(part, "ours", c->ours);
	json_num(part, "unowned", c->unowned);
	json_num(part, "leaving", c->leaving);
}

void
status_cluster(cJSON *o, const struct snap_cluster *c)
{
	cJSON *j;

	if (!c->on) {
		json_null(o, "cluster");
		return;
	}
	j = json_member(o, "cluster");
	status_cluster_whole(j, c);
	add_nodes(j, c);
}

void
status_cluster_domain(cJSON *o, const struct snap_domain *d)
{
	cJSON *list, *j;

	if (!d->shared)
		return;
	json_text(o, "owner", d->owner);
	json_bool(o, "ours", d->ours);
	json_num(o, "local_messages", (double)d->local);
	list = json_array(o, "verdicts");
	for (unsigned i = 0; i < d->nverdicts; i++) {
		j = json_push_object(list);
		json_text(j, "node", d->verdict[i].node);
		json_text(j, "state", d->verdict[i].state_name);
		json_time(j, "since", d->verdict[i].since);
		json_text(j, "cause", d->verdict[i].cause);
	}
}
