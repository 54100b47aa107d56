/* SPDX-License-Identifier: ISC
 * watch_bound: the limit of connections to a host: the smallest that the
 * domains set which list it (`deliver { connections }`). A change costs the
 * logarithm of the number of domains, because it is passed on in steps:
 *
 *	domains --> watch.least --> primary.connections   by name
 *	                     `----> address_set.bounds    by addresses and source
 *
 * In a cluster the limit is divided among the nodes that send to the host.
 * Before the look-up a primary is limited by its name, afterwards together with
 * all others that have its addresses. Callbacks report each change of either
 * number. */
#include <string.h>

#include "base/mem.h"
#include "primary/host.h"
#include "primary/watch_int.h"

/* Watches whose hosts have the same addresses, for the same source address. */
struct address_set {
	RB_ENTRY(address_set) node;
	struct bounds bounds; /* the smallest limit of each watch */
	LIST_HEAD(, watch) watches;
	unsigned told;
	char *key; /* host_key() */
};

static int
set_cmp(const struct address_set *a, const struct address_set *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(address_sets, address_set, node, set_cmp, static MX_UNUSED)

static struct address_set *
set_find(const struct watch_set *ws, const char *key)
{
	struct address_set want = { .key = (char *)(uintptr_t)key };

	return RB_FIND(address_sets,
	    (struct address_sets *)(uintptr_t)&ws->address_sets, &want);
}

static unsigned
part_of(unsigned least, uint32_t senders)
{
	unsigned n = 0;

	for (; senders != 0; senders &= senders - 1)
		n++;
	return n > 1 && least > 0 ? (least > n ? least / n : 1) : least;
}

static unsigned
set_bound(const struct address_set *a)
{
	const struct watch *w;
	uint32_t senders = 0;

	LIST_FOREACH (w, &a->watches, in_set)
		senders |= w->primary->senders;
	return part_of(bounds_least(&a->bounds), senders);
}

static unsigned
primary_bound(const struct primary *p)
{
	return part_of(bounds_least(&p->connections), p->senders);
}

static void
set_tell(struct watch_set *ws, struct address_set *a)
{
	unsigned least = set_bound(a);

	if (least == a->told)
		return;
	a->told = least;
	if (ws->ops.bound_at != NULL)
		ws->ops.bound_at(ws->ops.arg, a->key, least);
}

static void
primary_tell(struct watch_set *ws, struct primary *p)
{
	unsigned least = primary_bound(p);

	if (least == p->bound)
		return;
	p->bound = least;
	if (ws->ops.bound != NULL)
		ws->ops.bound(ws->ops.arg, p->label, least);
}

void
bound_settle(struct watch_set *ws, struct watch *w)
{
	unsigned least = bounds_least(&w->connections), was = w->least;

	if (least == was)
		return;
	w->least = least;
	bounds_drop(&w->primary->connections, was);
	bounds_add(&w->primary->connections, least);
	primary_tell(ws, w->primary);
	if (w->set == NULL)
		return;
	bounds_drop(&w->set->bounds, was);
	bounds_add(&w->set->bounds, least);
	set_tell(ws, w->set);
}

const char *
watch_addresses_key(const struct watch *w)
{
	return w->set->key;
}

static struct address_set *
set_get(struct watch_set *ws, const char *key)
{
	struct address_set *a = set_find(ws, key);

	if (a != NULL)
		return a;
	a = mem_alloc(sizeof(*a));
	a->key = mem_strdup(key);
	(void)RB_INSERT(address_sets, &ws->address_sets, a);
	return a;
}

void
bound_leave(struct watch_set *ws, struct watch *w)
{
	struct address_set *a = w->set;

	if (a == NULL)
		return;
	w->set = NULL;
	LIST_REMOVE(w, in_set);
	bounds_drop(&a->bounds, w->least);
	set_tell(ws, a);
	if (!LIST_EMPTY(&a->watches))
		return;
	RB_REMOVE(address_sets, &ws->address_sets, a);
	bounds_fini(&a->bounds);
	mem_free(&a->key);
	mem_free(&a);
}

void
bound_addresses(struct watch_set *ws, struct watch *w)
{
	char key[HOST_KEY_MAX];

	host_key(w->host, watch_source(w), key);
	if (w->set != NULL && strcmp(w->set->key, key) == 0)
		return;
	bound_leave(ws, w);
	w->set = set_get(ws, key);
	LIST_INSERT_HEAD(&w->set->watches, w, in_set);
	bounds_add(&w->set->bounds, w->least);
	set_tell(ws, w->set);
}

void
watch_senders(struct watch_set *ws, struct primary *p, uint32_t senders)
{
	const struct watch *w;

	if (p->senders == senders)
		return;
	p->senders = senders;
	primary_tell(ws, p);
	LIST_FOREACH (w, &p->watches, sibling)
		if (w->set != NULL)
			set_tell(ws, w->set);
}

unsigned
watch_connections(const struct watch_set *ws, const char *label,
    const char *domain, bool *counts)
{
	const struct primary *p = primary_find(ws->primaries, label);
	const struct watch_domain *d = watch_domain(ws, domain);

	*counts = false;
	for (unsigned i = 0; d != NULL && i < d->nlinks && !*counts; i++)
		*counts = d->link[i].watch->primary == p;
	return p != NULL ? primary_bound(p) : 0;
}

unsigned
watch_connections_at(const struct watch_set *ws, const char *key)
{
	const struct address_set *a = set_find(ws, key);

	return a != NULL ? set_bound(a) : 0;
}
