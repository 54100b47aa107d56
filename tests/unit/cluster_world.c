/* SPDX-License-Identifier: ISC
 * cluster_world: see cluster_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/unit/cluster_world.h"

#define LOOK_STEPS 5 /* a quarter of a second */
#define SEE_STEPS  20 /* a second */

/* ---- the queue, and the rest of the daemon */

static void
on_attach(void *arg, const char *const *domains, unsigned k)
{
	struct world_node *n = arg;

	for (unsigned i = 0; i < k; i++) {
		n->attaches++;
		if (n->mail[world_index(domains[i])] == DRAINING)
			cluster_left(n->cl, domains[i], true);
		n->mail[world_index(domains[i])] = HERE;
	}
}

static void
on_detach(void *arg, const char *domain)
{
	struct world_node *n = arg;

	n->detaches++;
	assert_int_equal(n->mail[world_index(domain)], HERE);
	n->mail[world_index(domain)] = DRAINING;
}

static void
on_detach_all(void *arg)
{
	struct world_node *n = arg;

	n->losses++;
	memset(n->mail, AWAY, n->w->ndomains);
}

void
world_drained(struct world_node *n)
{
	char name[TEXT_DOMAIN_MAX];

	for (unsigned i = 0; i < n->w->ndomains; i++) {
		if (n->mail[i] != DRAINING)
			continue;
		n->mail[i] = AWAY;
		world_name(i, name);
		cluster_left(n->cl, name, false);
	}
}

static unsigned
on_labels(void *arg, const char *domain, const char **labels, unsigned max)
{
	static char text[16][32];
	static unsigned last;
	struct world_node *n = arg;
	unsigned i = world_index(domain);
	char *t = text[last++ % 16];

	assert_true(max > 0);
	n->labels++;
	if (n->labels > n->labels_most)
		n->labels_most = n->labels;
	if (n->w->looked != NULL)
		n->w->looked(n, i);
	if (!n->has[i])
		return 0;
	(void)snprintf(t, 32, "p%u.test:25",
	    n->w->share == 0 ? 0 : i / n->w->share);
	labels[0] = t;
	return 1;
}

static unsigned
on_ceiling(void *arg, const char *label)
{
	struct world_node *n = arg;

	(void)label;
	return n->w->ceiling;
}

static bool
on_busy(void *arg, const char *domain)
{
	struct world_node *n = arg;
	unsigned i = world_index(domain);

	return i < sizeof(n->busy) && n->busy[i];
}

static void
on_owned(void *arg, const char *domain)
{
	(void)arg;
	(void)domain;
}

static void
on_judged(void *arg, const char *label)
{
	struct world_node *n = arg;

	(void)label;
	n->judged++;
}

static void
on_asked(void *arg, uint64_t ticket, const char *line)
{
	struct world_node *n = arg;

	n->nasked++;
	n->ticket = ticket;
	(void)strlcpy(n->asked, line, sizeof(n->asked));
}

static const struct cluster_ops world_ops = {
	.attach = on_attach,
	.detach = on_detach,
	.detach_all = on_detach_all,
	.labels = on_labels,
	.ceiling = on_ceiling,
	.busy = on_busy,
	.owned = on_owned,
	.judged = on_judged,
	.asked = on_asked,
};

/* ---- life of a node */

static struct cluster_conf
conf_of(const struct world_node *n)
{
	return (struct cluster_conf){ .lease_ms = WORLD_LEASE,
		.hold_ms = WORLD_HOLD,
		.version = "1",
		.config = n->config,
		.hostname = "mx.test",
		.url = n->url };
}

void
world_create(struct cworld *w, unsigned node)
{
	struct world_node *n = &w->node[node];
	struct cluster_ops ops = world_ops;
	struct cluster_conf conf = conf_of(n);
	char name[TEXT_DOMAIN_MAX];

	assert_false(n->runs);
	n->runs = true;
	n->paused = n->cut = n->lag = n->told_fenced = false;
	n->at = w->nlog;
	n->seen_at = clock_now();
	n->loop = loop_create();
	for (unsigned i = 0; i < WORLD_PRIMARIES; i++) {
		n->sees[i].state = HEALTH_UNKNOWN;
		n->sees[i].since = clock_wall();
	}
	world_place_take(n);
	ops.arg = n;
	n->cl = cluster_create(n->loop, n->store, &conf, &ops);
	for (unsigned i = 0; i < w->ndomains; i++) {
		world_name(i, name);
		if (n->has[i])
			cluster_domain(n->cl, name, true);
	}
}

void
world_start(struct cworld *w, unsigned node)
{
	world_create(w, node);
	cluster_start(w->node[node].cl);
}

static void
node_end(struct world_node *n)
{
	struct world_item *it;
	struct world_req *r;

	while (world_answer(n))
		;
	cluster_destroy(&n->cl);
	while ((r = STAILQ_FIRST(&n->todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&n->todo, link);
		world_req_free(r);
	}
	while ((it = STAILQ_FIRST(&n->news)) != NULL) {
		STAILQ_REMOVE_HEAD(&n->news, link);
		world_item_free(it);
	}
	loop_destroy(&n->loop);
	memset(n->mail, AWAY, n->w->ndomains);
	n->runs = n->paused = false;
	n->held_until = 0;
}

void
world_stop(struct cworld *w, unsigned node)
{
	struct world_node *n = &w->node[node];

	cluster_stop(n->cl);
	n->cut = false;
	world_write(n);
	if (!n->fenced) {
		w->row[node].free = true;
		w->row[node].beat++;
	}
	node_end(n);
}

void
world_crash(struct cworld *w, unsigned node)
{
	struct world_node *n = &w->node[node];
	struct world_req *r;

	cluster_stop(n->cl);
	while ((r = STAILQ_FIRST(&n->todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&n->todo, link);
		r->rc = -MX_EIO;
		STAILQ_INSERT_TAIL(&n->answers, r, link);
	}
	node_end(n);
}

bool
world_holds(const struct world_node *n)
{
	return clock_now() < n->held_until &&
	    clock_now() < n->seen_at + WORLD_TRUST_NS;
}

/* ---- what it sees */

static void
tell_seen(struct world_node *n, unsigned primary)
{
	char label[32];

	if (!n->runs || n->paused)
		return;
	(void)snprintf(label, sizeof(label), "p%u.test:25", primary);
	cluster_see(n->cl, label, n->sees[primary].state,
	    n->sees[primary].since, "seen so");
}

static void
see_all(struct world_node *n)
{
	for (unsigned i = 0; i < n->w->nprimaries; i++)
		tell_seen(n, i);
}

/* ---- time */

static void
node_step(struct world_node *n, bool look)
{
	if (!n->runs || n->paused)
		return;
	world_write(n);
	if (look)
		world_look(n);
	if (n->w->deliver != NULL) {
		n->w->deliver(n);
	} else if (!n->lag) {
		while (world_answer(n) || world_news(n))
			;
	}
	if (n->w->steps % SEE_STEPS == 0)
		see_all(n);
	fake_loop_settle(n->loop);
	if (!n->slow)
		world_drained(n);
}

void
world_step(struct cworld *w)
{
	fake_loop_advance(w->clock, WORLD_STEP);
	w->steps++;
	/* they look one after the other */
	for (unsigned i = 1; i <= WORLD_NODES; i++)
		node_step(&w->node[i], (w->steps + i) % LOOK_STEPS == 0);
	if (w->check != NULL)
		w->check(w);
}

void
world_run(struct cworld *w, int64_t ms)
{
	for (; ms > 0; ms -= WORLD_STEP)
		world_step(w);
}

void
world_until(struct world_node *n, int kind)
{
	const struct world_req *r;

	for (unsigned i = 0; !n->lag; i++) {
		assert_in_range(i, 0, 2 * WORLD_LEASE / WORLD_STEP);
		r = STAILQ_FIRST(&n->todo);
		n->lag = r != NULL && (int)r->kind == kind;
		world_step(n->w);
	}
}

/* ---- what befalls them */

void
world_configured(struct cworld *w, unsigned node, unsigned domain, bool yes)
{
	struct world_node *n = &w->node[node];
	char name[TEXT_DOMAIN_MAX];

	n->has[domain] = yes;
	world_name(domain, name);
	if (n->runs)
		cluster_domain(n->cl, name, yes);
}

void
world_config(struct cworld *w, unsigned node, const char *hash)
{
	struct world_node *n = &w->node[node];
	struct cluster_conf conf;

	(void)strlcpy(n->config, hash, sizeof(n->config));
	conf = conf_of(n);
	if (n->runs)
		cluster_configure(n->cl, &conf);
}

void
world_see(struct cworld *w, unsigned node, unsigned primary,
    enum health_state state)
{
	struct world_node *n = &w->node[node];

	if (n->sees[primary].state != state)
		n->sees[primary].since = clock_wall();
	n->sees[primary].state = state;
	tell_seen(n, primary);
}

/* ---- what is there */

unsigned
world_count(const struct cworld *w, unsigned node)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->ndomains; i++)
		n += w->owner_seq[i] != 0 && w->owner[i] == node;
	return n;
}

bool
world_is_ours(const struct cworld *w, unsigned node, unsigned domain)
{
	char name[TEXT_DOMAIN_MAX];

	world_name(domain, name);
	return cluster_is_ours(w->node[node].cl, name);
}

unsigned
world_belief(const struct cworld *w, unsigned node, unsigned domain)
{
	char name[TEXT_DOMAIN_MAX];

	world_name(domain, name);
	return cluster_owner_of(w->node[node].cl, name);
}

bool
world_left(const struct cworld *w, unsigned node)
{
	const struct world_key *k;
	char key[32];

	(void)snprintf(key, sizeof(key), "left/%u", node);
	k = world_key(w, key);
	return k != NULL && *(const char *)k->data == '1';
}

/* ---- life */

void
world_init(struct cworld *w, unsigned ndomains)
{
	struct world_node *n;

	fake_time_reset();
	log_level_set(LOG_LEVEL_ERROR);
	*w = (struct cworld){ .ndomains = ndomains, .share = 1 };
	w->clock = loop_create();
	w->owner = mem_array(ndomains, sizeof(*w->owner));
	w->owner_seq = mem_array(ndomains, sizeof(*w->owner_seq));
	for (unsigned i = 1; i <= WORLD_NODES; i++) {
		n = &w->node[i];
		n->w = w;
		n->id = i;
		n->store = world_store(n);
		STAILQ_INIT(&n->todo);
		STAILQ_INIT(&n->answers);
		STAILQ_INIT(&n->news);
		n->mail = mem_array(ndomains, sizeof(*n->mail));
		n->has = mem_array(ndomains, sizeof(*n->has));
		memset(n->has, true, ndomains);
		(void)strlcpy(n->config, "same", sizeof(n->config));
	}
}

void
world_fini(struct cworld *w)
{
	w->check = NULL;
	for (unsigned i = 1; i <= WORLD_NODES; i++) {
		if (w->node[i].runs)
			world_crash(w, i);
		free(w->node[i].store);
		free(w->node[i].mail);
		free(w->node[i].has);
	}
	for (unsigned i = 0; i < w->nkeys; i++) {
		free(w->keys[i].key);
		free(w->keys[i].data);
	}
	free(w->keys);
	free(w->log);
	free(w->owner);
	free(w->owner_seq);
	loop_destroy(&w->clock);
}
