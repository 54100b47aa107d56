/* SPDX-License-Identifier: ISC
 * nodes: which nodes are alive. A node is active when its row has changed since
 * the previous look; without a change for a whole lease, by our own clock, it
 * is fenced, and its domains are free. What a node reports about itself is for
 * display only. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/cluster_int.h"

#define LOOK_SHARE 4 /* a look counts for at most this part of a lease */

static int64_t
silent_ns(const struct member *n)
{
	return clock_now() - n->stirred_ns;
}

/* Its lease may be longer than ours: the option was changed, and not all nodes
 * were restarted. */
static int64_t
lease_ns(const struct cluster *cl, const struct member *n)
{
	return (n->seen.lease_ms > cl->conf.lease_ms ? n->seen.lease_ms :
						       cl->conf.lease_ms) *
	    CLOCK_MS;
}

/* With looks a quarter of a second apart one may be missed. */
static bool
is_silent(const struct cluster *cl, const struct member *n)
{
	return silent_ns(n) > lease_ns(cl, n) / 2;
}

bool
node_is_free(const struct cluster *cl, unsigned node)
{
	return !cl->node[node].known || cl->node[node].seen.free;
}

bool
node_is_live(const struct cluster *cl, unsigned node)
{
	const struct member *n = &cl->node[node];

	if (node == cl->us)
		return !cl->fenced;
	return n->known && !n->seen.free && !is_silent(cl, n);
}

bool
node_differs(const struct cluster *cl, unsigned node)
{
	return node != cl->us &&
	    strcmp(cl->node[node].config, cl->conf.config) != 0;
}

bool
nodes_differ(const struct cluster *cl)
{
	for (unsigned i = 1; i < NODES; i++)
		if (node_is_live(cl, i) && node_differs(cl, i))
			return true;
	return false;
}

/* ---- as the store sees them */

/* News of the node may have come before this answer. */
static void
on_fenced(void *arg, uint64_t id, int rc)
{
	struct cluster *cl = arg;
	struct member *n = &cl->node[id];

	n->fencing = false;
	if (rc != 0 || n->seen.epoch != n->fence_epoch)
		return; /* it was active, or another node was faster */
	n->dead = true;
	n->seen.free = true;
	n->seen.epoch++;
	log_warn("cluster",
	    "event=node_fenced node=%s domains=%u meaning=\"it showed no "
	    "activity for a lease: others take over its domains\"",
	    log_q(n->seen.name), n->domains);
	ask_lost(cl, (unsigned)id);
	units_again(cl);
}

void
node_fence(struct cluster *cl, struct member *n)
{
	n->fencing = true;
	n->fence_epoch = n->seen.epoch;
	store_fence(cl->store, &n->seen, on_fenced, cl, n->seen.id);
}

/* Older than what we know: it was under way when we fenced that node. */
static bool
is_old(const struct member *n, const struct store_node *s)
{
	return n->known && s->epoch < n->seen.epoch;
}

/* It came, went, or was restarted. */
static void
node_changed(struct cluster *cl, struct member *n, const struct store_node *s)
{
	/* a node that releases its place keeps the epoch, a fenced one does
	 * not */
	n->dead = s->free &&
	    (n->dead ||
		(n->known && !n->seen.free && s->epoch != n->seen.epoch));
	if (n->known && s->id != cl->us)
		log_notice("cluster", "event=node_%s node=%s",
		    s->free ? "gone" : "there", log_q(s->name));
	if (s->id != cl->us)
		ask_lost(cl, s->id);
	units_again(cl);
}

static void
node_seen(struct cluster *cl, const struct store_node *s)
{
	struct member *n = &cl->node[s->id];
	bool stirred;

	if (is_old(n, s))
		return;
	stirred = !n->known || n->seen.beat != s->beat ||
	    n->seen.epoch != s->epoch || n->seen.batch != s->batch;
	if (!n->known || n->seen.free != s->free || n->seen.epoch != s->epoch)
		node_changed(cl, n, s);
	n->known = true;
	n->seen = *s;
	if (stirred)
		n->stirred_ns = clock_now();
	if (s->id == cl->us || s->free || n->fencing || cl->fenced ||
	    cl->stopped)
		return;
	if (silent_ns(n) > lease_ns(cl, n))
		node_fence(cl, n);
}

/* No node counts as silent while we do not look: the engine was away for all,
 * or we did not run. Nor while commits wait although reads work: an engine
 * without its standby blocks all of us, and a node fenced for that would lose
 * its record of what it delivered meanwhile. */
static void
look_came(struct cluster *cl)
{
	int64_t most = cl->conf.lease_ms * CLOCK_MS / LOOK_SHARE;
	int64_t now = clock_now(), gap = now - cl->looked_ns;
	bool held = store_holds(cl->store, 0);

	for (unsigned i = 1; i < NODES; i++)
		if (!held)
			cl->node[i].stirred_ns = now;
		else if (gap > most)
			cl->node[i].stirred_ns += gap - most;
	cl->looked_ns = now;
}

void
cluster_nodes(struct cluster *cl, const struct store_node *nodes, unsigned n)
{
	look_came(cl);
	for (unsigned i = 0; i < n; i++)
		if (nodes[i].id > 0 && nodes[i].id < NODES)
			node_seen(cl, &nodes[i]);
}

/* ---- what they report */

static void
take_word(const char **p, const char *end, char *dst)
{
	const char *stop = memchr(*p, '\n', (size_t)(end - *p));
	size_t len;

	if (stop == NULL)
		stop = end;
	len = (size_t)(stop - *p);
	if (len >= INFO_MAX)
		len = INFO_MAX - 1;
	memcpy(dst, *p, len);
	dst[len] = '\0';
	text_ascii(dst);
	*p = stop < end ? stop + 1 : end;
}

void
nodes_told(struct cluster *cl, const char *rest, const void *data, size_t len)
{
	const char *p = len > 0 ? data : "", *end = p + len;
	unsigned id = key_node(rest, &rest);
	struct member *n = &cl->node[id];
	char before[INFO_MAX];

	if (id == 0 || *rest != '\0')
		return;
	(void)strlcpy(before, n->config, sizeof(before));
	take_word(&p, end, n->version);
	take_word(&p, end, n->config);
	take_word(&p, end, n->hostname);
	take_word(&p, end, n->url);
	if (strcmp(before, n->config) != 0)
		units_again(cl);
}

/* Lines; further ones are of a later version. Half an address would lead
 * elsewhere: one that is too long is not reported. */
void
nodes_tell_us(struct cluster *cl)
{
	const char *url = strlen(cl->conf.url) < INFO_MAX ? cl->conf.url : "";
	char key[KEY_MAX], text[4 * INFO_MAX + 8];
	int n;

	(void)snprintf(key, sizeof(key), "node/%u", cl->us);
	n = snprintf(text, sizeof(text), "%.*s\n%.*s\n%.*s\n%s\n", INFO_MAX,
	    cl->conf.version, INFO_MAX, cl->conf.config, INFO_MAX,
	    cl->conf.hostname, url);
	nodes_told(cl, key + strlen("node/"), text, (size_t)n);
	put_state(cl, key, text, (size_t)n);
}

/* ---- queries */

const char *
cluster_state_name(enum cluster_state s)
{
	static const char *const names[] = { "live", "left", "silent",
		"stopped", "dead" };

	return names[s];
}

static enum cluster_state
state_of(const struct cluster *cl, unsigned id)
{
	const struct member *n = &cl->node[id];

	if (n->seen.free && id != cl->us)
		return n->dead ? CLUSTER_DEAD : CLUSTER_STOPPED;
	if (!node_is_live(cl, id))
		return CLUSTER_SILENT;
	return n->left ? CLUSTER_LEFT : CLUSTER_LIVE;
}

unsigned
cluster_list(const struct cluster *cl, struct cluster_node *out, unsigned max)
{
	const struct member *n;
	unsigned k = 0;

	for (unsigned i = 1; i < NODES && k < max; i++) {
		n = &cl->node[i];
		if (!n->known)
			continue;
		out[k++] = (struct cluster_node){ .id = i,
			.name = n->seen.name,
			.state = state_of(cl, i),
			.silent_ms = silent_ns(n) / CLOCK_MS,
			.domains = n->domains,
			.version = n->version,
			.config = n->config,
			.hostname = n->hostname,
			.url = n->url,
			.us = i == cl->us };
	}
	return k;
}

bool
cluster_node_state(const struct cluster *cl, unsigned node,
    enum cluster_state *state)
{
	if (node == 0 || node >= NODES || !cl->node[node].known)
		return false;
	*state = state_of(cl, node);
	return true;
}

const char *
cluster_node_name(const struct cluster *cl, unsigned node)
{
	return node > 0 && node < NODES ? cl->node[node].seen.name : "";
}

/* Without the engine each node reports for itself: the others may be dead. */
bool
cluster_speaks(const struct cluster *cl, const char *label)
{
	struct choose_node nodes[NODES];
	struct store_info info;
	unsigned n = 0;

	store_info(cl->store, &info);
	if (info.away_ms != 0 || cl->fenced)
		return true;
	for (unsigned i = 1; i < NODES; i++)
		if (node_is_live(cl, i))
			nodes[n++] = (struct choose_node){ .id = i };
	return choose_node(label, 0, nodes, n) == cl->us;
}
