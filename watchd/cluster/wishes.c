/* SPDX-License-Identifier: ISC
 * wishes: orders of operators, given at any node: where a domain is to stay,
 * and which nodes take none. An order has a later stamp than all that its node
 * has seen; the latest one wins at all nodes, even if the engine delivered them
 * in another order: a node that sees an older one than its own writes its own
 * again. An order is effective when the store has accepted it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

struct wish {
	struct cluster *cl;
	char *key, *text;
};

static void
on_wished(void *arg, uint64_t token, int rc)
{
	struct wish *w = arg;

	(void)token;
	if (rc == 0)
		(void)cluster_told(w->cl, w->key, w->text, strlen(w->text));
	else
		log_warn("cluster", "event=order_lost what=%s", log_q(w->key));
	free(w->key);
	free(w->text);
	free(w);
}

static void
wish_put(struct cluster *cl, const char *kind, const char *of, unsigned value,
    int64_t stamp)
{
	struct wish *w = mem_alloc(sizeof(*w));

	w->cl = cl;
	w->key = mem_printf("%s/%s", kind, of);
	w->text = mem_printf("%u %" PRId64, value, stamp);
	store_state_put(cl->store, w->key, w->text, strlen(w->text), on_wished,
	    w, 0);
}

static void
wish_new(struct cluster *cl, const char *kind, const char *of, unsigned value,
    int64_t last)
{
	int64_t now = clock_wall_ms();

	wish_put(cl, kind, of, value, now > last ? now : last + 1);
}

/* Reads "VALUE STAMP" into *value and *stamp if the stamp is later. */
static bool
wish_told(struct cluster *cl, const char *kind, const char *of,
    const void *data, size_t len, unsigned *value, int64_t *stamp)
{
	char text[40] = "", *end;
	int64_t when;
	long v;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, data, len);
	v = strtol(text, &end, 10);
	when = strtoll(end, NULL, 10);
	if (end == text || v < 0 || v > STORE_NODE_MAX || when <= 0)
		return false;
	if (when > *stamp) {
		*value = (unsigned)v;
		*stamp = when;
		return true;
	}
	if (when < *stamp && cl->started && !cl->fenced && !cl->stopped)
		wish_put(cl, kind, of, *value, *stamp);
	return false;
}

/* ---- nodes that take none */

void
left_told(struct cluster *cl, const char *rest, const void *data, size_t len)
{
	const char *name = rest;
	unsigned id = key_node(rest, &rest), left;
	struct member *n = &cl->node[id];

	left = n->left;
	if (id == 0 || *rest != '\0' ||
	    !wish_told(cl, "left", name, data, len, &left, &n->left_stamp))
		return;
	n->left = left != 0;
	units_again(cl);
}

static void
put_left(struct cluster *cl, unsigned node, bool left)
{
	char name[8];

	(void)snprintf(name, sizeof(name), "%u", node);
	wish_new(cl, "left", name, left, cl->node[node].left_stamp);
}

/* While another has our place a report of ours is not accepted. */
int
cluster_release(struct cluster *cl, unsigned node)
{
	if (node == 0 || node >= NODES || !cl->node[node].known)
		return -MX_ENOENT;
	if (cl->fenced)
		return -MX_EBUSY;
	put_left(cl, node, true);
	return 0;
}

/* Our own, while another has our place, is reported after we have joined. */
int
cluster_join(struct cluster *cl, unsigned node)
{
	if (node == 0 || node >= NODES || !cl->node[node].known)
		return -MX_ENOENT;
	if (cl->fenced && node != cl->us)
		return -MX_EBUSY;
	if (cl->fenced)
		cl->unleft = true;
	else
		put_left(cl, node, false);
	cl->join_ns = 0;
	cluster_tick_soon(cl);
	return 0;
}

/* An active node may be delivering: it is released, and gives its domains
 * away. */
int
cluster_takeover(struct cluster *cl, unsigned node)
{
	if (node == 0 || node >= NODES || !cl->node[node].known)
		return -MX_ENOENT;
	if (node_is_live(cl, node) || node == cl->us || cl->fenced)
		return -MX_EBUSY;
	put_left(cl, node, true);
	if (!cl->node[node].seen.free && !cl->node[node].fencing)
		node_fence(cl, &cl->node[node]);
	return 0;
}

/* ---- where a domain stays */

void
pin_told(struct cluster *cl, const char *domain, const void *data, size_t len)
{
	struct unit *u = len > 0 ? unit_get(cl, domain) : NULL;
	unsigned pin;

	if (u == NULL)
		return;
	pin = u->pin;
	if (!wish_told(cl, "pin", domain, data, len, &pin, &u->pin_stamp))
		return;
	u->pin = (uint8_t)pin;
	unit_hurry(cl, u);
}

int
cluster_move(struct cluster *cl, const char *domain, unsigned node)
{
	struct unit *u = unit_find(cl, domain);

	if (u == NULL || node >= NODES || (node > 0 && !cl->node[node].known))
		return -MX_ENOENT;
	if (cl->fenced ||
	    (node > 0 && (!node_is_live(cl, node) || cl->node[node].left)))
		return -MX_EBUSY;
	wish_new(cl, "pin", domain, node, u->pin_stamp);
	return 0;
}
