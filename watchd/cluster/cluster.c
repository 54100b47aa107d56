/* SPDX-License-Identifier: ISC
 * cluster: life, the tick, and the store's events; see cluster.h. */
#include "cluster/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

#define JOIN_AGAIN_MS 2000

void
put_state(struct cluster *cl, const char *key, const void *data, size_t len)
{
	store_state_put(cl->store, key, data, len, NULL, NULL, 0);
}

unsigned
key_node(const char *key, const char **rest)
{
	unsigned n = 0;

	if (*key < '1' || *key > '9')
		return 0;
	for (; *key >= '0' && *key <= '9' && n <= STORE_NODE_MAX; key++)
		n = n * 10 + (unsigned)(*key - '0');
	if (n > STORE_NODE_MAX || (*key != '/' && *key != '\0'))
		return 0;
	*rest = *key == '/' ? key + 1 : key;
	return n;
}

/* ---- from the store */

bool
cluster_told(struct cluster *cl, const char *key, const void *data, size_t len)
{
	static const char *const ours[] = { "node/", "left/", "verdict/",
		"pin/", "lacks/", "ask/", "said/" };
	const char *rest;
	unsigned i;

	for (i = 0; i < MX_COUNT(ours); i++)
		if (strncmp(key, ours[i], strlen(ours[i])) == 0)
			break;
	if (i == MX_COUNT(ours))
		return false;
	rest = key + strlen(ours[i]);
	switch (i) {
	case 0:
		nodes_told(cl, rest, data, len);
		break;
	case 1:
		left_told(cl, rest, data, len);
		break;
	case 2:
		verdict_told(cl, rest, data, len);
		break;
	case 3:
		pin_told(cl, rest, data, len);
		break;
	case 4:
		unit_lacked(cl, rest, len);
		break;
	default:
		ask_told(cl, key, rest, data, len);
		break;
	}
	return true;
}

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	(void)cluster_told(arg, key, data, len);
}

/* Reads the owners, and all that the nodes reported. */
static void
load_all(struct cluster *cl)
{
	static const char *const load[] = { "node/", "left/", "verdict/",
		"pin/", "lacks/" };

	units_load(cl);
	for (unsigned i = 0; i < MX_COUNT(load); i++)
		store_state_each(cl->store, load[i], load_one, cl);
}

/* ---- when another has our place */

static void
on_joined(void *arg, uint64_t token, int rc)
{
	struct cluster *cl = arg;

	(void)token;
	cl->joining = false;
	cl->join_ns = clock_now() + JOIN_AGAIN_MS * CLOCK_MS;
	if (rc != 0)
		return; /* the tick tries again */
	cl->fenced = false;
	cl->node[cl->us].stirred_ns = clock_now();
	load_all(cl);
	/* reports made meanwhile were not accepted */
	nodes_tell_us(cl);
	if (cl->unleft)
		(void)cluster_join(cl, cl->us);
	cl->unleft = false;
	verdicts_again(cl);
	units_again(cl);
}

/* A node that fenced us may have ordered before that we stay out: this is known
 * once our row is seen as free. It is not freed if another process has our
 * name. */
static bool
may_join(const struct cluster *cl)
{
	const struct member *us = &cl->node[cl->us];
	int64_t now = clock_now();

	return !cl->joining && !cl->stopped && (!us->left || cl->unleft) &&
	    now >= cl->join_ns &&
	    (us->seen.free ||
		now - cl->fenced_ns > cl->conf.lease_ms * CLOCK_MS);
}

static void
look_fenced(struct cluster *cl)
{
	struct store_info info;

	store_info(cl->store, &info);
	if (info.fenced && !cl->fenced) {
		cl->fenced = true;
		cl->fenced_ns = clock_now();
		log_error("cluster",
		    "event=fenced meaning=\"another node has taken over the "
		    "domains of this one\" do=%s",
		    cl->node[cl->us].left ? "\"mxwatchctl cluster join\"" :
					    "\"nothing: this node joins "
					    "again\"");
		units_lose(cl);
		cl->ops.detach_all(cl->ops.arg);
		units_again(cl);
	}
	if (cl->fenced && may_join(cl)) {
		cl->joining = true;
		store_join(cl->store, on_joined, cl, 0);
	}
}

static void
on_tick(void *arg)
{
	struct cluster *cl = arg;
	bool more = false;

	look_fenced(cl);
	if (cl->started && !cl->stopped)
		more = units_walk(cl);
	loop_timer_set(cl->tick, more ? 0 : units_pace(cl));
}

void
cluster_tick_soon(struct cluster *cl)
{
	loop_timer_set(cl->tick, 0);
}

/* ---- life */

static void
conf_copy(struct cluster_conf *to, const struct cluster_conf *from)
{
	*to = *from;
	to->version = mem_strdup(from->version);
	to->config = mem_strdup(from->config);
	to->hostname = mem_strdup(from->hostname);
	to->url = mem_strdup(from->url != NULL ? from->url : "");
}

static void
conf_free(struct cluster_conf *c)
{
	free((void *)(uintptr_t)c->version);
	free((void *)(uintptr_t)c->config);
	free((void *)(uintptr_t)c->hostname);
	free((void *)(uintptr_t)c->url);
}

struct cluster *
cluster_create(struct loop *loop, struct store *store,
    const struct cluster_conf *conf, const struct cluster_ops *ops)
{
	struct cluster *cl = mem_alloc(sizeof(*cl));

	cl->loop = loop;
	cl->store = store;
	cl->ops = *ops;
	conf_copy(&cl->conf, conf);
	cl->us = store_node(store);
	cl->walk = 1;
	RB_INIT(&cl->units);
	RB_INIT(&cl->primaries);
	TAILQ_INIT(&cl->soon);
	LIST_INIT(&cl->ask.asks);
	TAILQ_INIT(&cl->ask.asked);
	cl->tick = loop_timer_create(loop, on_tick, cl);
	cl->node[cl->us].known = true;
	cl->node[cl->us].seen.id = cl->us;
	cl->node[cl->us].stirred_ns = cl->looked_ns = clock_now();
	load_all(cl);
	ask_load(cl);
	loop_timer_set(cl->tick, 0);
	return cl;
}

void
cluster_start(struct cluster *cl)
{
	cl->started = true;
	nodes_tell_us(cl);
	units_again(cl);
}

void
cluster_configure(struct cluster *cl, const struct cluster_conf *conf)
{
	struct cluster_conf old = cl->conf;

	conf_copy(&cl->conf, conf);
	if (cl->started &&
	    (strcmp(old.config, cl->conf.config) != 0 ||
		strcmp(old.hostname, cl->conf.hostname) != 0 ||
		strcmp(old.url, cl->conf.url) != 0)) {
		nodes_tell_us(cl);
		units_again(cl);
	}
	conf_free(&old);
}

void
cluster_stop(struct cluster *cl)
{
	cl->stopped = true;
}

void
cluster_destroy(struct cluster **clp)
{
	struct cluster *cl = *clp;

	if (cl == NULL)
		return;
	ask_fini(cl);
	units_fini(cl);
	judged_fini(cl);
	loop_timer_destroy(&cl->tick);
	conf_free(&cl->conf);
	mem_free(clp);
}

void
cluster_view(const struct cluster *cl, struct cluster_view *v)
{
	const struct member *us = &cl->node[cl->us];
	const struct member *n;

	*v = (struct cluster_view){ .node = cl->us,
		.name = us->seen.name,
		.left = us->left,
		.domains = cl->configured,
		.ours = cl->fenced ? 0 : us->domains,
		.unowned = cl->unowned,
		.leaving = cl->leaving };
	for (unsigned i = 1; i < NODES; i++) {
		n = &cl->node[i];
		if (!n->known)
			continue;
		v->nodes++;
		if (node_is_live(cl, i)) {
			v->live++;
			v->differing +=
			    *n->config != '\0' && node_differs(cl, i);
		} else if (!n->seen.free || n->dead) {
			v->missing++;
		}
	}
}
