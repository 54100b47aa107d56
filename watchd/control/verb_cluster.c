/* SPDX-License-Identifier: ISC
 * verb_cluster: the nodes that share the queue, and orders about them. An order
 * is a record that all nodes receive, so it is answered as soon as it is made;
 * status shows its effect. Loop thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/audit.h"
#include "control/verbs.h"
#include "status/status_cluster.h"

static const struct control_cluster_ops *
cluster_ops(const struct call *c)
{
	return &call_ops(c)->cluster;
}

/* ---- status */

static const struct control_node *
our_node(const struct control_node *node, unsigned n)
{
	static const struct control_node nobody = { .name = "", .config = "" };

	for (unsigned i = 0; i < n; i++)
		if (node[i].us)
			return &node[i];
	return &nobody;
}

static bool
is_missing(const struct control_node *n)
{
	return strcmp(n->state, "silent") == 0 || strcmp(n->state, "dead") == 0;
}

static void
send_node(struct call *c, const struct control_node *n,
    const struct control_node *us)
{
	cJSON *o = json_object();

	json_text(o, "node", n->name);
	json_text(o, "state", n->state);
	json_bool(o, "us", n->us);
	json_bool(o, "up", !is_missing(n) && strcmp(n->state, "stopped") != 0);
	json_num(o, "silent_seconds", (double)n->silent_ms / 1e3);
	json_num(o, "domains", n->domains);
	json_text(o, "version", n->version);
	json_text(o, "hostname", n->hostname);
	json_text(o, "url", n->url);
	json_bool(o, "config_differs",
	    n->config[0] != '\0' && us->config[0] != '\0' &&
		strcmp(n->config, us->config) != 0);
	call_send(c, o);
}

static void MX_PRINTF(2, 3) say(struct buf *text, const char *fmt, ...)
{
	char one[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	(void)!buf_addf(text, "%s%s", text->len > 0 ? "; " : "", one);
}

/* Lists the faults that need an operator (rc 1: a script waits until they are
 * over). A node that was stopped or removed, and domains being moved, are no
 * faults: they were ordered. */
static void
say_trouble(struct buf *text, const struct snap_cluster *v,
    const struct control_node *node, unsigned n)
{
	if (v->away_ms != 0)
		say(text, "the engine is unreachable");
	else if (!v->synchronous && v->requires_sync)
		say(text, "the engine has no synchronous standby");
	for (unsigned i = 0; i < n; i++)
		if (is_missing(&node[i]))
			say(text, "node %s is %s", node[i].name, node[i].state);
	if (v->unowned > 0)
		say(text, "%u %s nobody's", v->unowned,
		    v->unowned == 1 ? "domain is" : "domains are");
	if (v->local_messages > 0)
		say(text, "%ju %s not moved to the engine yet",
		    (uintmax_t)v->local_messages,
		    v->local_messages == 1 ? "message was" : "messages were");
}

static void
cluster_status(struct call *c)
{
	const struct control_cluster_ops *ops = cluster_ops(c);
	struct control_node node[CONTROL_NODES];
	struct snap_cluster v = { 0 };
	unsigned n = ops->nodes(ops->arg, node, MX_COUNT(node));
	const struct control_node *us = our_node(node, n);
	struct buf trouble = BUF_INIT(4096);
	cJSON *more = json_object();

	ops->view(ops->arg, &v);
	for (unsigned i = 0; i < n; i++)
		send_node(c, &node[i], us);
	status_cluster_whole(more, &v);
	say_trouble(&trouble, &v, node, n);
	if (trouble.len > 0)
		json_text(more, "error", buf_str(&trouble));
	call_done(c, trouble.len > 0 ? CONTROL_FAILED : CONTROL_OK, more);
	buf_fini(&trouble);
}

/* ---- orders */

enum action { STATUS, JOIN, RELEASE, TAKEOVER, MOVE, ACTIONS };
static const struct {
	const char *name;
	uint64_t needs, takes; /* FIELD_* */
} actions[ACTIONS] = {
	[STATUS] = { "status", 0, 0 },
	[JOIN] = { "join", 0, FIELD_NODE },
	[RELEASE] = { "release", FIELD_NODE, FIELD_NODE },
	[TAKEOVER] = { "takeover", FIELD_NODE, FIELD_NODE },
	[MOVE] = { "move", FIELD_NODE | FIELD_DOMAIN,
	    FIELD_NODE | FIELD_DOMAIN },
};

/* The named node, by default this one. False: the call was answered. */
static bool
find_node(struct call *c, unsigned *id)
{
	const struct control_cluster_ops *ops = cluster_ops(c);
	struct control_node node[CONTROL_NODES];
	unsigned n = ops->nodes(ops->arg, node, MX_COUNT(node));
	const char *name = json_get_text(c->request, "node");
	bool named = (c->fields & FIELD_NODE) != 0;

	if (named && strcmp(name, CONTROL_ANYWHERE) == 0) {
		*id = 0; /* a number that only move accepts */
		return true;
	}
	for (unsigned i = 0; i < n; i++) {
		if (named ? strcmp(node[i].name, name) != 0 : !node[i].us)
			continue;
		*id = node[i].id;
		return true;
	}
	call_fail(c, CONTROL_FAILED, "there is no node \"%.64s\"", name);
	return false;
}

static int
act(const struct control_cluster_ops *ops, enum action action,
    const char *domain, unsigned node)
{
	switch (action) {
	case JOIN:
		return ops->join(ops->arg, node);
	case RELEASE:
		return ops->release(ops->arg, node);
	case TAKEOVER:
		return ops->takeover(ops->arg, node);
	case MOVE:
		return ops->move(ops->arg, domain, node);
	case STATUS:
	case ACTIONS:
		break;
	}
	return -MX_ENOENT;
}

static void
fail(struct call *c, enum action action, const char *node, int rc)
{
	if (rc == -MX_ENOENT)
		call_fail(c, CONTROL_FAILED, "%s: no such %s",
		    action == MOVE ? c->domain : node,
		    action == MOVE ? "domain" : "node");
	else if (rc == -MX_EBUSY && action == TAKEOVER)
		call_fail(c, CONTROL_FAILED,
		    "%s: a node does not take over from itself, nor from one "
		    "that stirs: release that one",
		    node);
	else if (rc == -MX_EBUSY)
		call_fail(c, CONTROL_FAILED, "%s is not there to take it",
		    node);
	else
		call_fail(c, CONTROL_FAILED, "%s: %s", node, mx_strerror(rc));
}

static void
order(struct call *c, enum action action)
{
	const char *node = json_get_text(c->request, "node");
	unsigned id;
	cJSON *more;
	int rc;

	if (!find_node(c, &id))
		return;
	if (id == 0 && action != MOVE) {
		call_fail(c, CONTROL_FAILED, "there is no node \"%.64s\"",
		    node);
		return;
	}
	rc = act(cluster_ops(c), action, c->domain, id);
	audit_about(c, action == MOVE ? c->domain : node);
	if (rc != 0) {
		fail(c, action, node, rc);
		return;
	}
	more = json_object();
	json_text(more, "node", node);
	if (action == MOVE)
		json_text(more, "domain", c->domain);
	call_done(c, CONTROL_OK, more);
}

void
verb_cluster(struct call *c)
{
	const char *name = json_get_text(c->request, "action");
	uint64_t given = c->fields & (FIELD_NODE | FIELD_DOMAIN);
	unsigned i = 0;

	if (cluster_ops(c)->nodes == NULL) {
		call_fail(c, CONTROL_FAILED,
		    "this mxwatchd is in no cluster (section `cluster` of "
		    "mxwatchd.conf)");
		return;
	}
	while (
	    *name != '\0' && i < ACTIONS && strcmp(actions[i].name, name) != 0)
		i++;
	if (i == ACTIONS || (actions[i].needs & ~given) != 0 ||
	    (given & ~actions[i].takes) != 0)
		call_fail(c, CONTROL_REFUSED, "usage: cluster %s",
		    control_verbs[VERB_cluster].arguments);
	else if (i == STATUS)
		cluster_status(c);
	else
		order(c, (enum action)i);
}
