/* SPDX-License-Identifier: ISC
 * sharing: the loop's side of a store shared with other nodes: takes domains
 * and gives them away, reads the stored messages of some, and passes on what
 * the follower's thread saw of the others. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/store/store_int.h"
#include "relay/store/told.h"

#define HOLDS_LOOK_MS  200 /* check of our place */
#define SCAN_AGAIN_MS  1000 /* after a page that could not be read */
#define NODE_ID_BITS   7 /* number within a millisecond, below the node's */
#define ID_NUMBER_BITS 12

struct domain_scan {
	LIST_ENTRY(domain_scan) link;
	struct store *s;
	struct store_get *page; /* our own copy between two pages; or NULL */
	struct loop_timer *again;
	uint64_t req;
	void (*one)(void *arg, const struct envelope_brief *);
	void (*done)(void *arg, int rc, uint64_t damaged);
	void *arg;
	uint64_t damaged;
};

/* Domains being given away, until the answer: new mail for them is not ours,
 * whatever `ours` says. In the order of the requests. */
struct giving {
	STAILQ_ENTRY(giving) link;
	char **names;
	unsigned n;
};

struct sharing {
	struct loop *loop;
	struct loop_timer *look;
	LIST_HEAD(, domain_scan) scans;
	STAILQ_HEAD(, giving) gives;
	struct told *told;
	bool held;
	bool alone; /* the engine has no synchronous standby */
};

unsigned
store_node(const struct store *s)
{
	return s->backend->node;
}

bool
store_is_local(const struct store *s, uint64_t id)
{
	const struct backend_ops *ops = s->backend->ops;

	return ops->is_local != NULL && ops->is_local(s->backend, id);
}

/* A message in the local spool is ours alone, unless it is being moved. */
bool
store_holds(const struct store *s, uint64_t id)
{
	const struct backend_ops *ops = s->backend->ops;

	return store_is_local(s, id) ? ops->is_free(s->backend, id) :
				       ops->holds(s->backend);
}

/* Each node has 128 numbers per millisecond; beyond that we run ahead. */
uint64_t
sharing_next_id(struct store *s, uint64_t number)
{
	uint64_t last = s->last_id >> 8, ms = number >> ID_NUMBER_BITS;
	uint64_t low = 0, mask = (UINT64_C(1) << NODE_ID_BITS) - 1;

	if (ms <= last >> ID_NUMBER_BITS) {
		ms = last >> ID_NUMBER_BITS;
		low = (last & mask) + 1;
		if (low > mask) {
			low = 0;
			ms++;
		}
	}
	s->last_id = (ms << ID_NUMBER_BITS |
			 (uint64_t)s->backend->node << NODE_ID_BITS | low)
	    << 8;
	return s->last_id;
}

static bool
is_given(const struct store *s, const char *domain)
{
	const struct giving *g;

	STAILQ_FOREACH(g, &s->sharing->gives, link)
	for (unsigned i = 0; i < g->n; i++)
		if (strcmp(g->names[i], domain) == 0)
			return true;
	return false;
}

bool *
sharing_theirs(const struct store *s, struct envelope *const *parts, unsigned n)
{
	const struct store_events *ev = &s->events;
	bool *theirs = NULL;

	if (s->sharing == NULL)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		if (!is_given(s, parts[i]->domain) &&
		    (ev->ours == NULL || ev->ours(ev->arg, parts[i]->domain)))
			continue;
		if (theirs == NULL)
			theirs = mem_array(n, sizeof(*theirs));
		theirs[i] = true;
	}
	return theirs;
}

/* ---- who owns what */

void
store_names_free(char ***names, unsigned n)
{
	for (unsigned i = 0; i < n && *names != NULL; i++)
		free((*names)[i]);
	mem_free(names);
}

static char **
names_copy(const char *const *names, unsigned n)
{
	char **copy = mem_array(n, sizeof(*copy));

	for (unsigned i = 0; i < n; i++)
		copy[i] = mem_strdup(names[i]);
	return copy;
}

void
store_owners(struct store *s,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg)
{
	if (s->backend->ops->owners != NULL)
		s->backend->ops->owners(s->backend, one, arg);
}

static void
change_owner(struct store *s, int kind, const char *const *domains, unsigned n,
    unsigned node, store_own_cb *cb, void *arg)
{
	struct store_req *r = store_req_create(kind, 0, NULL, arg, 0);

	MX_ASSERT(s->sharing != NULL && n > 0 && n <= STORE_OWN_MAX);
	r->cb.own = cb;
	r->names = names_copy(domains, n);
	r->nnames = n;
	r->node.id = node;
	store_submit(s, r);
}

void
store_give(struct store *s, const char *const *domains, unsigned n,
    unsigned node, store_own_cb *cb, void *arg)
{
	struct giving *g = mem_alloc(sizeof(*g));

	g->names = names_copy(domains, n);
	g->n = n;
	STAILQ_INSERT_TAIL(&s->sharing->gives, g, link);
	change_owner(s, STORE_GIVE, domains, n, node, cb, arg);
}

static void
give_end(struct store *s)
{
	struct giving *g = STAILQ_FIRST(&s->sharing->gives);

	STAILQ_REMOVE_HEAD(&s->sharing->gives, link);
	store_names_free(&g->names, g->n);
	free(g);
}

void
store_take(struct store *s, const char *const *domains, unsigned n,
    store_own_cb *cb, void *arg)
{
	change_owner(s, STORE_TAKE, domains, n, s->backend->node, cb, arg);
}

void
sharing_owned(struct store *s, struct store_req *r)
{
	if (r->cb.own != NULL)
		r->cb.own(r->arg, r->rc, (const char *const *)r->names,
		    r->rc == 0 ? r->nnames : 0);
	if (r->mail.kind == STORE_GIVE)
		give_end(s);
}

void
store_fence(struct store *s, const struct store_node *node, store_done_cb *cb,
    void *arg, uint64_t token)
{
	struct store_req *r = store_req_create(STORE_FENCE, 0, cb, arg, token);

	r->node = *node;
	store_submit(s, r);
}

void
store_join(struct store *s, store_done_cb *cb, void *arg, uint64_t token)
{
	store_submit(s, store_req_create(STORE_JOIN, 0, cb, arg, token));
}

void
store_move(struct store *s, uint64_t id, store_done_cb *cb, void *arg,
    uint64_t token)
{
	struct store_req *r = store_req_create(STORE_MOVE, id, cb, arg, token);

	MX_ASSERT(s->backend->ops->is_local != NULL);
	store_submit(s, r);
}

void
sharing_info(const struct store *s, struct store_info *info)
{
	info->alone = s->sharing != NULL && s->sharing->alone;
}

/* ---- what is stored of some domains */

static void
scan_send(struct domain_scan *d)
{
	STAILQ_INSERT_TAIL(&d->s->to_reader, &d->page->mail, link);
	d->page = NULL;
	loop_task_schedule(d->s->post);
}

static void
scan_again(void *arg)
{
	scan_send(arg);
}

static void
domain_scan_end(struct domain_scan *d, int rc)
{
	LIST_REMOVE(d, link);
	loop_timer_destroy(&d->again);
	if (d->page != NULL)
		store_get_free(d->page);
	d->done(d->arg, rc, d->damaged);
	free(d);
}

void
store_scan_domains(struct store *s, const char *const *domains, unsigned n,
    void (*one)(void *arg, const struct envelope_brief *),
    void (*done)(void *arg, int rc, uint64_t damaged), void *arg)
{
	struct domain_scan *d = mem_alloc(sizeof(*d));
	struct store_get *g = mem_alloc(sizeof(*g));

	MX_ASSERT(s->sharing != NULL && n > 0);
	d->s = s;
	d->one = one;
	d->done = done;
	d->arg = arg;
	d->req = ++s->last_req;
	d->again = loop_timer_create(s->sharing->loop, scan_again, d);
	g->mail.kind = STORE_SCAN_DOMAINS;
	g->req = d->req;
	g->names = names_copy(domains, n);
	g->after = mem_array(n, sizeof(*g->after));
	g->nnames = n;
	d->page = g;
	LIST_INSERT_HEAD(&s->sharing->scans, d, link);
	scan_send(d);
}

static struct domain_scan *
scan_find(const struct store *s, uint64_t req)
{
	struct domain_scan *d;

	LIST_FOREACH (d, &s->sharing->scans, link)
		if (d->req == req)
			return d;
	return NULL;
}

/* The next page is requested when the queue has indexed this one. */
void
sharing_scanned(struct store *s, struct store_get *g)
{
	struct domain_scan *d = scan_find(s, g->req);

	if (d == NULL) {
		store_get_free(g);
		return;
	}
	d->page = g;
	if (g->rc < 0) {
		g->rc = 0;
		loop_timer_set(d->again, SCAN_AGAIN_MS);
		return;
	}
	for (unsigned i = 0; i < g->n; i++) {
		d->one(d->arg, &g->briefs[i]);
		envelope_destroy(&g->briefs[i].env);
	}
	d->damaged += g->damaged;
	g->n = g->damaged = 0;
	mem_free(&g->briefs);
	mem_free(&g->bad);
	if (g->end)
		domain_scan_end(d, 0);
	else
		scan_send(d);
}

/* ---- what others did */

void
store_news_free(struct store_news *n)
{
	for (unsigned i = 0; i < n->nowners; i++)
		free(n->owners[i].domain);
	for (unsigned i = 0; i < n->nstates; i++) {
		free(n->states[i].key);
		free(n->states[i].data);
	}
	for (unsigned i = 0; i < n->nbriefs; i++)
		envelope_destroy(&n->briefs[i].env);
	free(n->owners);
	free(n->states);
	free(n->briefs);
	free(n);
}

static void
tell_state(void *arg, const char *key, const void *data, size_t len)
{
	const struct store_events *ev = &((struct store *)arg)->events;

	if (ev->told != NULL)
		ev->told(ev->arg, key, data, len);
}

static bool
is_shared(const struct store *s, const char *key)
{
	return s->sharing != NULL && strchr(key, '/') != NULL;
}

void
sharing_state(struct store *s, const char *key)
{
	if (is_shared(s, key))
		told_put(s->sharing->told, key);
}

void
sharing_state_done(struct store *s, const struct store_req *r)
{
	if (is_shared(s, r->key))
		told_put_done(s->sharing->told, r->key, r->rc, r->batch);
}

static void
news_state(struct store *s, const struct store_told *t)
{
	if (t->ours)
		told_ours(s->sharing->told, t->key);
	else if (!told_theirs(s->sharing->told, t->key, t->data, t->len))
		tell_state(s, t->key, t->data, t->len);
}

/* Owners first: mail may be for a domain that has just become ours. */
void
sharing_news(struct store *s, struct store_news *n)
{
	const struct store_events *ev = &s->events;
	unsigned i;

	for (i = 0; i < n->nowners && ev->owner != NULL; i++)
		ev->owner(ev->arg, n->owners[i].domain, n->owners[i].node);
	for (i = 0; i < n->nstates; i++)
		news_state(s, &n->states[i]);
	if (n->seen > 0)
		told_seen(s->sharing->told, n->seen);
	for (i = 0; i < n->nbriefs && ev->arrived != NULL; i++)
		ev->arrived(ev->arg, &n->briefs[i]);
	if (n->nnodes > 0) {
		s->sharing->alone = n->alone;
		if (ev->nodes != NULL)
			ev->nodes(ev->arg, n->nodes, n->nnodes);
	}
	store_news_free(n);
}

static void
on_look(void *arg)
{
	struct store *s = arg;
	struct sharing *sh = s->sharing;
	bool held = s->backend->ops->holds(s->backend);

	loop_timer_set(sh->look, HOLDS_LOOK_MS);
	if (held == sh->held)
		return;
	sh->held = held;
	if (s->events.holds != NULL)
		s->events.holds(s->events.arg, held);
}

/* ---- life */

void
sharing_create(struct store *s, struct loop *loop)
{
	struct sharing *sh = mem_alloc(sizeof(*sh));

	sh->loop = loop;
	/* the greatest stored id may be another node's, from a millisecond in
	 * which we have assigned more */
	s->last_id |= ((UINT64_C(1) << NODE_ID_BITS) - 1) << 8;
	sh->held = true;
	LIST_INIT(&sh->scans);
	STAILQ_INIT(&sh->gives);
	sh->told = told_create(tell_state, s);
	sh->look = loop_timer_create(loop, on_look, s);
	loop_timer_set(sh->look, HOLDS_LOOK_MS);
	s->sharing = sh;
}

void
sharing_end(struct store *s)
{
	struct domain_scan *d;

	if (s->sharing == NULL)
		return;
	while ((d = LIST_FIRST(&s->sharing->scans)) != NULL)
		domain_scan_end(d, -MX_ECANCELED);
	loop_timer_destroy(&s->sharing->look);
}

void
sharing_destroy(struct store *s)
{
	while (s->sharing != NULL && !STAILQ_EMPTY(&s->sharing->gives))
		give_end(s);
	if (s->sharing != NULL)
		told_destroy(&s->sharing->told);
	mem_free(&s->sharing);
}
