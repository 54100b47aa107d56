/* SPDX-License-Identifier: ISC
 * cluster_engine: the engine of cluster_world.h, and what a node's store does with
 * it. The engine keeps a log of what was changed: a follower reads on from where it
 * was, and tells the row as it is now, if no later change of it comes in the log;
 * that is what the queries of engine_follower.c find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/unit/cluster_world.h"

struct store {
	struct world_node *n;
};

struct store *
world_store(struct world_node *n)
{
	struct store *s = mem_alloc(sizeof(*s));

	s->n = n;
	return s;
}

/* ---- names */

void
world_name(unsigned domain, char *name)
{
	(void)snprintf(name, TEXT_DOMAIN_MAX, "d%06u.test", domain);
}

unsigned
world_index(const char *domain)
{
	return (unsigned)strtoul(domain + 1, NULL, 10);
}

static void
copy_names(struct world_req *r, const char *const *names, unsigned n)
{
	r->names = mem_array(n, sizeof(*r->names));
	for (r->n = 0; r->n < n; r->n++)
		r->names[r->n] = mem_strdup(names[r->n]);
}

void
world_req_free(struct world_req *r)
{
	for (unsigned i = 0; i < r->n; i++)
		free(r->names[i]);
	free(r->names);
	free(r->key);
	free(r->data);
	free(r);
}

void
world_item_free(struct world_item *it)
{
	free(it->key);
	free(it->data);
	free(it->nodes);
	free(it);
}

/* ---- the engine */

static void
changed(struct cworld *w, bool is_key, unsigned i, unsigned node)
{
	if (w->nlog % 1024 == 0)
		w->log = mem_grow(w->log, w->nlog + 1024, sizeof(*w->log));
	w->log[w->nlog++] = (struct world_change){ is_key, i, node, ++w->seq };
	if (is_key) {
		w->keys[i].seq = w->seq;
		w->keys[i].node = node;
	} else {
		w->owner_seq[i] = w->seq;
	}
}

static void
set_owner(struct cworld *w, unsigned domain, unsigned owner, unsigned by)
{
	w->moves += w->owner[domain] != owner;
	w->owner[domain] = owner;
	changed(w, false, domain, by);
}

static void
set_key(struct cworld *w, const char *key, const void *data, size_t len,
    unsigned by)
{
	unsigned i;

	for (i = 0; i < w->nkeys; i++)
		if (strcmp(w->keys[i].key, key) == 0)
			break;
	if (i == w->nkeys) {
		w->keys = mem_grow(w->keys, i + 1, sizeof(*w->keys));
		w->keys[w->nkeys++] =
		    (struct world_key){ .key = mem_strdup(key) };
	}
	free(w->keys[i].data);
	w->keys[i].data = mem_dup(len > 0 ? data : "", len > 0 ? len : 1);
	w->keys[i].len = len;
	changed(w, true, i, by);
}

const struct world_key *
world_key(const struct cworld *w, const char *key)
{
	for (unsigned i = 0; i < w->nkeys; i++)
		if (strcmp(w->keys[i].key, key) == 0 && w->keys[i].len > 0)
			return &w->keys[i];
	return NULL;
}

void
world_put(struct cworld *w, unsigned node, const char *key, const char *data)
{
	set_key(w, key, data, strlen(data), node);
}

void
world_make(struct cworld *w, unsigned domain, unsigned node)
{
	if (w->owner_seq[domain] == 0)
		set_owner(w, domain, node, node);
}

static void
do_take(struct world_node *n, struct world_req *r)
{
	struct cworld *w = n->w;
	unsigned k = 0, d, owner;

	for (unsigned i = 0; i < r->n; i++) {
		d = world_index(r->names[i]);
		owner = w->owner[d];
		if (owner != 0 && owner != n->id && !w->row[owner].free) {
			free(r->names[i]);
			continue;
		}
		set_owner(w, d, n->id, n->id);
		r->names[k++] = r->names[i];
	}
	r->n = k;
}

static void
do_give(struct world_node *n, struct world_req *r)
{
	struct cworld *w = n->w;
	unsigned k = 0, d;

	for (unsigned i = 0; i < r->n; i++) {
		d = world_index(r->names[i]);
		if (w->owner[d] != n->id) {
			free(r->names[i]);
			continue;
		}
		set_owner(w, d, r->node, n->id);
		r->names[k++] = r->names[i];
	}
	r->n = k;
}

static void
do_fence(struct world_node *n, struct world_req *r)
{
	struct store_node *row = &n->w->row[r->seen.id];

	if (row->free || row->epoch != r->seen.epoch ||
	    row->beat != r->seen.beat) {
		r->rc = -MX_ENOENT;
		return;
	}
	row->epoch++;
	row->beat++;
	row->free = true;
}

void
world_place_take(struct world_node *n)
{
	struct store_node *row = &n->w->row[n->id];

	row->id = n->id;
	(void)snprintf(row->name, sizeof(row->name), "mx%u", n->id);
	n->epoch = ++row->epoch;
	row->beat++;
	row->free = false;
	row->lease_ms = n->lease_ms;
	n->fenced = false;
	n->held_until = clock_now() + WORLD_TRUST_NS;
	n->beat_at = clock_now() + WORLD_TRUST_NS / 5;
}

/* A join is done while the group is made: before what it was asked after. What was
 * not seen by then may be gone. */
static void
do_joins(struct world_node *n)
{
	struct world_req *r, *next;

	for (r = STAILQ_FIRST(&n->todo); r != NULL; r = next) {
		next = STAILQ_NEXT(r, link);
		if (r->kind != REQ_JOIN)
			continue;
		STAILQ_REMOVE(&n->todo, r, world_req, link);
		world_place_take(n);
		n->at = n->w->nlog;
		STAILQ_INSERT_TAIL(&n->answers, r, link);
	}
}

static void
do_req(struct world_node *n, struct world_req *r)
{
	if (r->kind == REQ_TAKE)
		do_take(n, r);
	else if (r->kind == REQ_GIVE)
		do_give(n, r);
	else if (r->kind == REQ_FENCE)
		do_fence(n, r);
	else
		set_key(n->w, r->key, r->data, r->len, n->id);
}

void
world_write(struct world_node *n)
{
	struct store_node *row = &n->w->row[n->id];
	struct world_req *r;

	if (n->cut || n->waits)
		return;
	do_joins(n);
	if (!n->fenced &&
	    (!STAILQ_EMPTY(&n->todo) || clock_now() >= n->beat_at)) {
		n->fenced = row->epoch != n->epoch;
		if (!n->fenced) {
			row->beat++;
			row->batch++;
			n->held_until = clock_now() + WORLD_TRUST_NS;
			n->beat_at = clock_now() + WORLD_TRUST_NS / 5;
		} else {
			r = mem_alloc(sizeof(*r)); /* the loop hears of it */
			r->kind = REQ_STATE;
			r->fenced = true;
			STAILQ_INSERT_TAIL(&n->answers, r, link);
			n->held_until = 0;
		}
	}
	while ((r = STAILQ_FIRST(&n->todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&n->todo, link);
		r->fenced = n->fenced;
		if (n->fenced)
			r->rc = -MX_ENOENT;
		else
			do_req(n, r);
		STAILQ_INSERT_TAIL(&n->answers, r, link);
	}
}

/* ---- the follower */

static struct world_item *
item_add(struct world_node *n, int kind)
{
	struct world_item *it = mem_alloc(sizeof(*it));

	it->kind = kind;
	STAILQ_INSERT_TAIL(&n->news, it, link);
	return it;
}

static void
look_at(struct world_node *n, const struct world_change *c)
{
	struct cworld *w = n->w;
	struct world_item *it;
	struct world_key *k;

	if (!c->is_key) {
		if (w->owner_seq[c->index] != c->seq)
			return;
		it = item_add(n, ITEM_OWNER);
		it->domain = c->index;
		it->node = w->owner[c->index];
		return;
	}
	k = &w->keys[c->index];
	if (k->seq != c->seq || k->node == n->id)
		return;
	it = item_add(n, ITEM_STATE);
	it->key = mem_strdup(k->key);
	it->data = mem_dup(k->data, k->len > 0 ? k->len : 1);
	it->len = k->len;
}

void
world_look(struct world_node *n)
{
	struct cworld *w = n->w;
	struct world_item *it;

	if (n->cut)
		return;
	for (; n->at < w->nlog; n->at++)
		look_at(n, &w->log[n->at]);
	n->seen_at = clock_now();
	it = item_add(n, ITEM_NODES);
	it->nodes = mem_array(WORLD_NODES, sizeof(*it->nodes));
	for (unsigned i = 1; i <= WORLD_NODES; i++)
		if (w->row[i].id != 0)
			it->nodes[it->n++] = w->row[i];
}

/* ---- what comes to the loop */

bool
world_answer(struct world_node *n)
{
	struct world_req *r = STAILQ_FIRST(&n->answers);

	if (r == NULL)
		return false;
	STAILQ_REMOVE_HEAD(&n->answers, link);
	n->told_fenced = r->fenced;
	if (r->own != NULL)
		r->own(r->arg, r->rc, (const char *const *)r->names,
		    r->rc == 0 ? r->n : 0);
	if (r->done != NULL)
		r->done(r->arg, r->token, r->rc);
	world_req_free(r);
	n->labels = 0;
	return true;
}

bool
world_news(struct world_node *n)
{
	struct world_item *it = STAILQ_FIRST(&n->news);
	char name[TEXT_DOMAIN_MAX];

	if (it == NULL)
		return false;
	STAILQ_REMOVE_HEAD(&n->news, link);
	if (it->kind == ITEM_OWNER) {
		world_name(it->domain, name);
		cluster_owner(n->cl, name, it->node);
	} else if (it->kind == ITEM_STATE) {
		(void)cluster_told(n->cl, it->key,
		    it->len > 0 ? it->data : NULL, it->len);
	} else {
		cluster_nodes(n->cl, it->nodes, it->n);
	}
	world_item_free(it);
	n->labels = 0;
	return true;
}

/* ---- store.h */

static struct world_req *
submit(struct store *s, int kind, void *arg)
{
	struct world_req *r = mem_alloc(sizeof(*r));

	r->kind = kind;
	r->arg = arg;
	STAILQ_INSERT_TAIL(&s->n->todo, r, link);
	return r;
}

unsigned
store_node(const struct store *s)
{
	return s->n->id;
}

void
store_owners(struct store *s,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg)
{
	struct cworld *w = s->n->w;
	char name[TEXT_DOMAIN_MAX];

	for (unsigned i = 0; i < w->ndomains; i++) {
		world_name(i, name);
		if (w->owner_seq[i] != 0)
			one(arg, name, w->owner[i]);
	}
}

void
store_take(struct store *s, const char *const *domains, unsigned n,
    store_own_cb *cb, void *arg)
{
	struct world_req *r = submit(s, REQ_TAKE, arg);

	s->n->takes++;
	assert_in_range(n, 1, STORE_OWN_MAX);
	r->own = cb;
	copy_names(r, domains, n);
}

void
store_give(struct store *s, const char *const *domains, unsigned n,
    unsigned node, store_own_cb *cb, void *arg)
{
	struct world_req *r = submit(s, REQ_GIVE, arg);

	assert_in_range(n, 1, STORE_OWN_MAX);
	assert_in_range(node, 1, WORLD_NODES);
	r->own = cb;
	r->node = node;
	copy_names(r, domains, n);
}

void
store_fence(struct store *s, const struct store_node *node, store_done_cb *cb,
    void *arg, uint64_t token)
{
	struct world_req *r = submit(s, REQ_FENCE, arg);

	r->seen = *node;
	r->done = cb;
	r->token = token;
}

void
store_join(struct store *s, store_done_cb *cb, void *arg, uint64_t token)
{
	struct world_req *r = submit(s, REQ_JOIN, arg);

	r->done = cb;
	r->token = token;
}

void
store_state_put(struct store *s, const char *key, const void *data, size_t len,
    store_done_cb *cb, void *arg, uint64_t token)
{
	struct world_req *r = submit(s, REQ_STATE, arg);

	assert_in_range(strlen(key), 1, STORE_KEY_MAX);
	r->done = cb;
	r->token = token;
	r->key = mem_strdup(key);
	r->data = mem_dup(len > 0 ? data : "", len > 0 ? len : 1);
	r->len = len;
}

void
store_state_each(struct store *s, const char *prefix,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	struct cworld *w = s->n->w;

	for (unsigned i = 0; i < w->nkeys; i++)
		if (w->keys[i].len > 0 &&
		    strncmp(w->keys[i].key, prefix, strlen(prefix)) == 0)
			one(arg, w->keys[i].key, w->keys[i].data,
			    w->keys[i].len);
}

bool
store_holds(const struct store *s, uint64_t id)
{
	(void)id;
	return world_holds(s->n);
}

/* Each turn of the cluster begins with it. */
void
store_info(const struct store *s, struct store_info *info)
{
	s->n->labels = 0;
	*info = (struct store_info){ .fenced = s->n->told_fenced,
		.away_ms = s->n->cut ? 1 : 0 };
}
