/* SPDX-License-Identifier: ISC
 * watch: the tables. A watch lives as long as a domain lists it; a primary as
 * long as it has a watch. Watches are found by their primary's label and their
 * policy, domains by name. */
#include "primary/watch_int.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- policies */

/* The policy of the domain; strings are borrowed. */
static struct watch_policy
policy_of(const struct conf_domain *cd)
{
	bool dane_by_mx =
	    cd->deliver.tls == CONF_TLS_DANE && cd->primary.n == 0;

	return (struct watch_policy){
		.enabled = cd->probe.enabled,
		.interval_ms = cd->probe.interval_ms,
		.timeout_ms = cd->probe.timeout_ms,
		.connect_ms = cd->deliver.connect_ms,
		.clear_after_ms = cd->retry.first_ms,
		.health = { .fall = cd->probe.fall,
		    .rise = cd->probe.rise,
		    .hold_ns = cd->probe.hold_ms * CLOCK_MS },
		.depth = cd->probe.depth,
		.tls = cd->deliver.tls,
		.source = cd->deliver.source_addr,
		.may_be_backup = cd->primary_may_be_backup,
		.pin = cd->pin,
		.sender = cd->probe.sender != NULL ? cd->probe.sender :
						     (char *)(uintptr_t) "",
		.dane = (char *)(uintptr_t)(dane_by_mx ? cd->name : ""),
	};
}

static int
number_cmp(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

int
watch_policy_cmp(const struct watch_policy *a, const struct watch_policy *b)
{
	const int64_t x[] = { a->enabled, a->interval_ms, a->timeout_ms,
		a->connect_ms, a->clear_after_ms, a->health.fall,
		a->health.rise, a->health.hold_ns, a->depth, a->tls,
		a->may_be_backup, a->source.len };
	const int64_t y[] = { b->enabled, b->interval_ms, b->timeout_ms,
		b->connect_ms, b->clear_after_ms, b->health.fall,
		b->health.rise, b->health.hold_ns, b->depth, b->tls,
		b->may_be_backup, b->source.len };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < MX_COUNT(x); i++)
		rc = number_cmp(x[i], y[i]);
	if (rc == 0 && a->source.len > 0)
		rc = memcmp(&a->source.u, &b->source.u, a->source.len);
	if (rc == 0)
		rc = strcmp(a->sender, b->sender);
	if (rc == 0)
		rc = pin_cmp(a->pin, b->pin);
	return rc != 0 ? rc : strcmp(a->dane, b->dane);
}

static int
watch_cmp(const struct watch *a, const struct watch *b)
{
	int rc = strcmp(a->primary->label, b->primary->label);

	return rc != 0 ? rc : watch_policy_cmp(&a->policy, &b->policy);
}

RB_GENERATE_INTERNAL(watch_tree, watch, node, watch_cmp, static MX_UNUSED)

/* ---- watches */

void
watch_stamp(struct watch_set *ws, struct watch *w)
{
	w->primary->stamp = ++ws->stamp;
}

static void
take_over(struct watch *w, const struct watch *from)
{
	w->health = from->health;
	health_conf_set(&w->health, &w->policy.health);
	w->since = from->since;
	w->last = from->last;
	w->slow_ms = from->slow_ms;
	w->asks = from->asks;
	w->backup = from->backup && !w->policy.may_be_backup;
	(void)strlcpy(w->cause, from->cause, sizeof(w->cause));
}

void
watch_host_set(struct watch_set *ws, struct watch *w,
    const struct route_host *h)
{
	if (w->host == NULL)
		w->host = mem_alloc(sizeof(*w->host));
	else
		dane_unref(&w->host->dane);
	*w->host = *h;
	(void)dane_ref(w->host->dane);
	bound_addresses(ws, w);
}

/* What was known under the previous policy is the best guess under the new
 * one. */
static void
watch_inherit(struct watch_set *ws, struct watch *w, const struct watch *from)
{
	if (from == NULL || !from->policy.enabled || !w->policy.enabled)
		return;
	take_over(w, from);
	if (from->host != NULL && from->policy.tls == w->policy.tls &&
	    pin_cmp(from->policy.pin, w->policy.pin) == 0)
		watch_host_set(ws, w, from->host);
}

const struct net_addr *
watch_source(const struct watch *w)
{
	return w->policy.source.len != 0 ? &w->policy.source : NULL;
}

void
watch_join(struct watch_set *ws, struct watch *w, const struct watch *other)
{
	if (w->last.probed || !other->last.probed ||
	    w->health.state != HEALTH_UNKNOWN)
		return;
	take_over(w, other);
	/* The counts are those of its own sessions only. */
	w->last.probes = w->last.failures = 0;
	memset(w->last.failures_phase, 0, sizeof(w->last.failures_phase));
	watch_stamp(ws, w);
	watch_dirty(ws, w);
}

static struct watch *
watch_new(struct watch_set *ws, struct primary *p,
    const struct watch_policy *policy, const struct watch *heir_of,
    struct watch_time t)
{
	struct watch *w = mem_alloc(sizeof(*w));
	struct health_change c;

	w->primary = p;
	w->policy = *policy;
	w->policy.sender = mem_strdup(policy->sender);
	w->policy.dane = mem_strdup(policy->dane);
	w->policy.pin = pin_ref(policy->pin);
	TAILQ_INIT(&w->members);
	health_init(&w->health, &policy->health, t.now);
	if (!policy->enabled)
		(void)health_feed(&w->health, HEALTH_IN_DISABLE, t.now, &c);
	w->since = t.wall;
	w->asks = WATCH_ASKS_MAX;
	(void)strlcpy(w->cause,
	    policy->enabled ? "not probed yet" : "probes are disabled",
	    sizeof(w->cause));
	watch_inherit(ws, w, heir_of);
	LIST_INSERT_HEAD(&p->watches, w, sibling);
	(void)RB_INSERT(watch_tree, &ws->watches, w);
	watch_stamp(ws, w);
	return w;
}

struct watch *
watch_hold(struct watch_set *ws, const char *name, uint16_t port,
    const struct conf_domain *cd, const struct watch *heir_of,
    struct watch_time t)
{
	struct watch key = { .policy = policy_of(cd) }, *w;

	key.primary = primary_get(ws->primaries, name, port, t.now, t.wall);
	w = RB_FIND(watch_tree, &ws->watches, &key);
	if (w != NULL) {
		w->refs++;
		primary_put(ws->primaries, &key.primary);
		return w;
	}
	w = watch_new(ws, key.primary, &key.policy, heir_of, t);
	w->refs++;
	if (w->policy.enabled && ws->turns.watch != NULL)
		ws->turns.watch(ws->turns.arg, w);
	return w;
}

void
watch_release(struct watch_set *ws, struct watch **wp)
{
	struct watch *w = *wp;

	*wp = NULL;
	if (--w->refs > 0)
		return;
	MX_ASSERT(TAILQ_EMPTY(&w->members));
	if (w->policy.enabled && ws->turns.watch_gone != NULL)
		ws->turns.watch_gone(ws->turns.arg, w);
	if (w->fanning)
		TAILQ_REMOVE(&ws->dirty, w, dirty);
	RB_REMOVE(watch_tree, &ws->watches, w);
	LIST_REMOVE(w, sibling);
	watch_stamp(ws, w);
	bound_leave(ws, w);
	bounds_fini(&w->connections);
	primary_put(ws->primaries, &w->primary);
	if (w->host != NULL)
		dane_unref(&w->host->dane);
	mem_free(&w->host);
	mem_free(&w->policy.sender);
	mem_free(&w->policy.dane);
	pin_unref(&w->policy.pin);
	mem_free(&w->trouble);
	mem_free(&w);
}

/* ---- the fan-out */

void
watch_dirty(struct watch_set *ws, struct watch *w)
{
	if (w->fanning) {
		w->again = true;
		return;
	}
	w->fanning = true;
	w->cursor = TAILQ_FIRST(&w->members);
	TAILQ_INSERT_TAIL(&ws->dirty, w, dirty);
	ws->ops.wake(ws->ops.arg);
}

/* A watch that changes during its fan-out is queued again after it, so that its
 * last member is told however often it changes. */
bool
watch_fan_out(struct watch_set *ws, unsigned budget, int64_t now, int64_t wall)
{
	struct watch_time t = { now, wall };
	struct watch_link *l;
	struct watch *w;

	while (budget > 0 && (w = TAILQ_FIRST(&ws->dirty)) != NULL) {
		for (; budget > 0 && (l = w->cursor) != NULL; budget--) {
			w->cursor = TAILQ_NEXT(l, member);
			domain_follow(ws, l->domain, t);
			if (w->health.state == HEALTH_DOWN &&
			    l->domain->nlinks > 1 && ws->ops.avoid != NULL)
				ws->ops.avoid(ws->ops.arg, l->domain->name);
		}
		if (w->cursor != NULL)
			break;
		TAILQ_REMOVE(&ws->dirty, w, dirty);
		w->fanning = false;
		if (w->again) {
			w->again = false;
			watch_dirty(ws, w);
		}
	}
	return !TAILQ_EMPTY(&ws->dirty);
}

/* ---- the set */

static int
domain_cmp(const struct watch_domain *a, const struct watch_domain *b)
{
	return strcmp(a->name, b->name);
}

RB_GENERATE_INTERNAL(watch_domain_tree, watch_domain, node, domain_cmp,
    static MX_UNUSED)

struct watch_set *
watch_create(const struct watch_ops *ops)
{
	struct watch_set *ws = mem_alloc(sizeof(*ws));

	ws->ops = *ops;
	ws->primaries = primary_table_create();
	RB_INIT(&ws->watches);
	RB_INIT(&ws->domains);
	RB_INIT(&ws->address_sets);
	TAILQ_INIT(&ws->dirty);
	return ws;
}

void
watch_destroy(struct watch_set **wsp)
{
	struct watch_set *ws = *wsp;
	struct watch_domain *d;

	if (ws == NULL)
		return;
	while ((d = RB_MIN(watch_domain_tree, &ws->domains)) != NULL) {
		RB_REMOVE(watch_domain_tree, &ws->domains, d);
		domain_destroy(ws, &d);
	}
	primary_table_destroy(&ws->primaries);
	watch_addresses_fini(ws);
	mem_free(wsp);
}

struct watch *
watch_after(struct watch_set *ws, struct watch *w)
{
	if (w == NULL)
		return RB_MIN(watch_tree, &ws->watches);
	return RB_NEXT(watch_tree, &ws->watches, w);
}

void
watch_turns_set(struct watch_set *ws, const struct watch_turns *turns)
{
	ws->turns = *turns;
}

void
watch_remember(struct watch_set *ws, struct host_memory *memory)
{
	primary_table_remember(ws->primaries, memory);
}

struct watch_domain *
watch_domain(const struct watch_set *ws, const char *domain)
{
	struct watch_domain key = { .name = (char *)(uintptr_t)domain };

	return RB_FIND(watch_domain_tree,
	    (struct watch_domain_tree *)(uintptr_t)&ws->domains, &key);
}

/* The domain is in the tree before it is set up, because callbacks look it
 * up. */
void
watch_domain_set(struct watch_set *ws, const struct conf_domain *cd,
    int64_t now, int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, cd->name);
	struct watch_time t = { now, wall };

	if (d == NULL) {
		d = domain_create(cd, t);
		(void)RB_INSERT(watch_domain_tree, &ws->domains, d);
	}
	domain_configure(ws, d, cd, t);
}

void
watch_domain_drop(struct watch_set *ws, const char *name)
{
	struct watch_domain *d = watch_domain(ws, name);

	if (d == NULL)
		return;
	RB_REMOVE(watch_domain_tree, &ws->domains, d);
	domain_destroy(ws, &d);
}

struct primary_table *
watch_primaries(struct watch_set *ws)
{
	return ws->primaries;
}
