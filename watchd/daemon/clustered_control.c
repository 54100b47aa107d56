/* SPDX-License-Identifier: ISC
 * clustered_control: the cluster's operations for the control socket: its
 * nodes, the owners of domains, and requests to other nodes and from them. */
#include "daemon/clustered.h"

#include "daemon/cluster_show.h"

/* A node that became silent only a moment ago may still answer. */
static bool
asks(const struct cluster_node *n)
{
	return n->state == CLUSTER_LIVE || n->state == CLUSTER_LEFT ||
	    (n->state == CLUSTER_SILENT && n->silent_ms < CLUSTER_ASK_MS);
}

static unsigned
op_nodes(void *arg, struct control_node *out, unsigned max)
{
	const struct daemon *d = arg;
	struct cluster_node n[STORE_NODE_MAX];
	unsigned count = cluster_list(d->cluster, n, MX_COUNT(n));

	if (count > max)
		count = max;
	for (unsigned i = 0; i < count; i++)
		out[i] = (struct control_node){ .id = n[i].id,
			.name = n[i].name,
			.state = cluster_state_name(n[i].state),
			.version = n[i].version,
			.hostname = n[i].hostname,
			.url = n[i].url,
			.config = n[i].config,
			.us = n[i].us,
			.asks = asks(&n[i]),
			.silent_ms = n[i].silent_ms,
			.domains = n[i].domains };
	return count;
}

static void
op_view(void *arg, struct snap_cluster *v)
{
	const struct daemon *d = arg;

	cluster_show_whole(d->cluster, d->store, d->conf->cluster.require_sync,
	    v);
	queue_local(d->queue, &v->local_messages, &v->local_oldest_ms);
}

static unsigned
op_owner(void *arg, const char *domain)
{
	const struct daemon *d = arg;

	return cluster_owner_of(d->cluster, domain);
}

static unsigned
op_verdicts(void *arg, const char *domain, struct control_verdict *out,
    unsigned max)
{
	const struct daemon *d = arg;
	struct cluster_verdict v[STORE_NODE_MAX];
	unsigned n = cluster_verdicts(d->cluster, domain, v, MX_COUNT(v));

	if (n > max)
		n = max;
	for (unsigned i = 0; i < n; i++)
		out[i] = (struct control_verdict){ .node = cluster_node_name(
						       d->cluster, v[i].node),
			.state = health_state_name(v[i].state),
			.cause = v[i].cause,
			.since = v[i].since };
	return n;
}

static uint64_t
op_ask(void *arg, unsigned node, const char *line, control_said_cb *cb,
    void *cb_arg)
{
	struct daemon *d = arg;

	return cluster_ask(d->cluster, node, line, cb, cb_arg);
}

static void
op_forget(void *arg, uint64_t ticket)
{
	struct daemon *d = arg;

	cluster_forget(d->cluster, ticket);
}

static void
op_said(void *arg, uint64_t ticket, const char *text, size_t len, bool end)
{
	struct daemon *d = arg;

	cluster_said(d->cluster, ticket, text, len, end);
}

static int
op_move(void *arg, const char *domain, unsigned node)
{
	struct daemon *d = arg;

	return cluster_move(d->cluster, domain, node);
}

static int
op_release(void *arg, unsigned node)
{
	struct daemon *d = arg;

	return cluster_release(d->cluster, node);
}

static int
op_takeover(void *arg, unsigned node)
{
	struct daemon *d = arg;

	return cluster_takeover(d->cluster, node);
}

static int
op_join(void *arg, unsigned node)
{
	struct daemon *d = arg;

	return cluster_join(d->cluster, node);
}

static const struct control_cluster_ops ops = { .nodes = op_nodes,
	.view = op_view,
	.owner = op_owner,
	.verdicts = op_verdicts,
	.ask = op_ask,
	.forget = op_forget,
	.said = op_said,
	.move = op_move,
	.release = op_release,
	.takeover = op_takeover,
	.join = op_join };

void
clustered_control(struct daemon *d, struct control_cluster_ops *co)
{
	if (d->cluster == NULL)
		return;
	*co = ops;
	co->arg = d;
}

void
clustered_asked(void *daemon, uint64_t ticket, const char *line)
{
	struct daemon *d = daemon;

	if (d->control != NULL)
		control_asked(d->control, ticket, line);
	else /* starting, or shutting down */
		cluster_said(d->cluster, ticket, "", 0, true);
}
