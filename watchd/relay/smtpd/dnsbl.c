/* SPDX-License-Identifier: ISC
 * dnsbl: see dnsbl.h. A client has an entry in a bounded table (base/ways.h);
 * during its look-up the entry is pinned and holds the ask, on which all its
 * sessions wait. An ask ends as soon as the missing answers cannot change its
 * result. A list whose last look-ups failed is asked for one client at a time
 * and no session waits for it. Called by session_dnsbl.c, configured by
 * dnsbl_lists.c. */
#include "relay/smtpd/dnsbl.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/smtpd/dnsbl_int.h"

#define WAYS	 16u
#define V4_BYTES 4u

struct dnsbl_client {
	uint64_t key; /* first: base/ways.h */
	int64_t until; /* the result is valid; 0 and no ask: free */
	struct dnsbl_ask *ask;
	int32_t score;
	uint16_t list; /* the list to name */
	bool listed;
};

/* One list's part in an ask. */
struct dnsbl_part {
	struct dnsbl_ask *ask;
	uint64_t id; /* 0: answered, or not asked */
};

struct dnsbl_ask {
	LIST_ENTRY(dnsbl_ask) link;
	LIST_HEAD(, dnsbl_use) uses;
	struct dnsbl *dnsbl;
	struct dnsbl_client *client; /* its entry */
	struct net_addr addr;
	int64_t score; /* of the lists that answered */
	int64_t failed; /* negative weights of failed lists */
	int64_t ttl_ms; /* the shortest */
	int32_t best; /* weight of `list` */
	unsigned list, nparts;
	struct dnsbl_part part[];
};

bool
dnsbl_is_silent(const struct dnsbl_list *l)
{
	return l->fails >= l->dnsbl->conf->smtpd.dnsbl_failures;
}

static uint64_t
client_key(const struct dnsbl *d, const struct net_addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return hash_bytes(d->seed, dnsbl_octets(a), V4_BYTES);
	return hash_bytes(d->seed, &a->u.in6.sin6_addr,
	    sizeof(a->u.in6.sin6_addr));
}

static int64_t
client_worth(const void *entry, const void *arg)
{
	const struct dnsbl_client *c = entry;
	const int64_t *now = arg;

	if (c->ask != NULL)
		return WAYS_KEEP;
	return c->until <= *now ? WAYS_FREE : c->until;
}

/* ---- results */

static void
use_set(struct dnsbl_use *u, const struct dnsbl *d, bool listed, int64_t score,
    unsigned list)
{
	u->state = listed ? DNSBL_LISTED : DNSBL_CLEAR;
	if (!listed)
		return;
	u->score = (int32_t)score;
	u->zone = mem_strdup(d->list[list].shown.zone);
}

/* The sum of missing weights: those above 0, or those below. */
static int64_t
missing(const struct dnsbl_ask *a, bool below)
{
	const struct dnsbl *d = a->dnsbl;
	int64_t sum = 0;
	unsigned i;

	for (i = 0; i < d->nsites; i++)
		if (a->part[d->list_of[i]].id != 0 &&
		    (d->site[i].weight < 0) == below)
			sum += d->site[i].weight;
	return sum;
}

static int64_t
threshold(const struct dnsbl *d)
{
	return d->conf->smtpd.dnsbl_threshold;
}

/* Listed whatever the missing answers are. */
static bool
is_listed(const struct dnsbl_ask *a)
{
	return a->score + a->failed + missing(a, true) >= threshold(a->dnsbl);
}

static bool
is_over(const struct dnsbl_ask *a)
{
	return is_listed(a) ||
	    a->score + a->failed + missing(a, false) < threshold(a->dnsbl);
}

static bool
is_worth_waiting(const struct dnsbl_ask *a)
{
	unsigned i;

	for (i = 0; i < a->nparts; i++)
		if (a->part[i].id != 0 && !dnsbl_is_silent(&a->dnsbl->list[i]))
			return true;
	return false;
}

static void
ask_cancel(struct dnsbl_ask *a)
{
	unsigned i;

	for (i = 0; i < a->nparts; i++) {
		if (a->part[i].id == 0)
			continue;
		dns_cancel(a->dnsbl->dns, a->part[i].id);
		a->dnsbl->list[i].asked--;
		a->part[i].id = 0;
	}
}

static void
ask_free(struct dnsbl_ask **ap)
{
	struct dnsbl_ask *a = *ap;

	ask_cancel(a);
	LIST_REMOVE(a, link);
	mem_free(ap);
}

/* Tells the sessions; each of them may be destroyed by that. */
static void
ask_over(struct dnsbl_ask *a)
{
	const struct conf_smtpd *c = &a->dnsbl->conf->smtpd;
	int64_t score = a->score + a->failed;
	bool listed = is_listed(a);
	struct dnsbl_client *e = a->client;
	struct dnsbl_use *u;

	if (a->ttl_ms > c->dnsbl_max_ttl_ms)
		a->ttl_ms = c->dnsbl_max_ttl_ms;
	if (a->ttl_ms < c->dnsbl_min_ttl_ms)
		a->ttl_ms = c->dnsbl_min_ttl_ms;
	e->ask = NULL;
	e->until = loop_now(a->dnsbl->loop) + a->ttl_ms * CLOCK_MS;
	e->listed = listed;
	e->score = (int32_t)score;
	e->list = (uint16_t)a->list;
	while ((u = LIST_FIRST(&a->uses)) != NULL) {
		LIST_REMOVE(u, link);
		u->ask = NULL;
		use_set(u, a->dnsbl, listed, score, a->list);
		a->dnsbl->known(u);
	}
	ask_free(&a);
}

/* The outstanding lists are not worth waiting for. A session that waits decides
 * in the callback, and leaves the list. */
static void
ask_wake(struct dnsbl_ask *a)
{
	struct dnsbl_use *u;

	while ((u = LIST_FIRST(&a->uses)) != NULL) {
		dnsbl_decide(u);
		a->dnsbl->known(u);
	}
}

/* ---- look-ups */

static void
part_failed(struct dnsbl_ask *a, unsigned list)
{
	const struct dnsbl *d = a->dnsbl;
	unsigned i;

	for (i = 0; i < d->nsites; i++)
		if (d->list_of[i] == list && d->site[i].weight < 0)
			a->failed += d->site[i].weight;
	a->ttl_ms = 0;
}

/* Applies the answer to all sites of the list, each of which counts once. */
static void
part_answered(struct dnsbl_ask *a, unsigned list, const struct dns_answer *ans)
{
	const struct dnsbl *d = a->dnsbl;
	bool hit = false, match;
	unsigned i, k;

	for (i = 0; i < d->nsites; i++) {
		if (d->list_of[i] != list)
			continue;
		match = false;
		for (k = 0; ans->status == DNS_OK && k < ans->n; k++)
			match |= dnsbl_is_code(&ans->addr[k]) &&
			    dnsbl_site_match(&d->site[i],
				dnsbl_octets(&ans->addr[k]));
		if (!match)
			continue;
		hit = true;
		a->score += d->site[i].weight;
		if (d->site[i].weight > a->best) {
			a->best = d->site[i].weight;
			a->list = list;
		}
	}
	d->list[list].shown.hits += hit;
	if ((int64_t)ans->ttl * 1000 < a->ttl_ms)
		a->ttl_ms = (int64_t)ans->ttl * 1000;
}

static void
on_answer(const struct dns_answer *ans, void *arg)
{
	struct dnsbl_part *p = arg;
	struct dnsbl_ask *a = p->ask;
	unsigned list = (unsigned)(p - a->part);
	struct dnsbl_list *l = &a->dnsbl->list[list];
	bool was = dnsbl_is_silent(l);

	p->id = 0;
	l->asked--;
	if (dns_is_failure(ans->status)) {
		l->shown.failures++;
		l->fails++;
		if (!was && dnsbl_is_silent(l))
			log_warn("dnsbl",
			    "list=%s failed=%u why=%s event=\"clients no "
			    "longer wait for it\"",
			    l->shown.zone, l->fails,
			    log_q(ans->why != NULL ? ans->why : ""));
		part_failed(a, list);
	} else {
		if (was)
			log_notice("dnsbl", "list=%s event=\"it answers\"",
			    l->shown.zone);
		l->fails = 0;
		part_answered(a, list, ans);
	}
	if (is_over(a))
		ask_over(a);
	else if (!is_worth_waiting(a))
		ask_wake(a);
}

static void
part_ask(struct dnsbl_ask *a, unsigned list)
{
	struct dnsbl_list *l = &a->dnsbl->list[list];
	char name[TEXT_DOMAIN_MAX];

	if (l->shown.state != SNAP_DNSBL_OK ||
	    (a->addr.u.sa.sa_family == AF_INET6 && !l->v6))
		return;
	if (dnsbl_is_silent(l) && l->asked > 0) {
		part_failed(a, list);
		return;
	}
	dnsbl_name(&a->addr, l->shown.zone, name);
	l->shown.queries++;
	l->asked++;
	a->part[list].id =
	    dns_a(a->dnsbl->dns, name, on_answer, &a->part[list]);
}

/* False: there is nothing to ask. */
static bool
ask_begin(struct dnsbl_ask *a)
{
	struct dnsbl *d = a->dnsbl;
	bool any = false;
	unsigned i;

	for (i = 0; d->dns != NULL && i < d->nlists; i++) {
		a->part[i].ask = a;
		part_ask(a, i);
		any |= a->part[i].id != 0;
	}
	return any;
}

static struct dnsbl_ask *
ask_create(struct dnsbl *d, struct dnsbl_client *e,
    const struct net_addr *client)
{
	struct dnsbl_ask *a =
	    mem_alloc(sizeof(*a) + d->nlists * sizeof(a->part[0]));

	LIST_INIT(&a->uses);
	LIST_INSERT_HEAD(&d->asks, a, link);
	a->dnsbl = d;
	a->client = e;
	a->addr = *client;
	a->nparts = d->nlists;
	a->ttl_ms = INT64_MAX;
	if (ask_begin(a)) {
		e->ask = a;
		return a;
	}
	e->until = 0;
	ask_free(&a);
	return NULL;
}

void
dnsbl_begin(struct dnsbl *d, struct dnsbl_use *u, const struct net_addr *client)
{
	int64_t now = loop_now(d->loop);
	struct dnsbl_client *e;
	uint64_t key;

	dnsbl_end(u);
	if (d->nlists == 0)
		return;
	key = client_key(d, client);
	e = ways_take(&d->clients, key, client_worth, &now);
	if (e == NULL) /* all entries are being looked up */
		return;
	if (e->until > now) {
		use_set(u, d, e->listed, e->score, e->list);
		return;
	}
	if (e->ask == NULL && ask_create(d, e, client) == NULL)
		return;
	u->ask = e->ask;
	u->state = DNSBL_PENDING;
	LIST_INSERT_HEAD(&e->ask->uses, u, link);
}

bool
dnsbl_is_awaited(const struct dnsbl_use *u)
{
	return u->ask != NULL && is_worth_waiting(u->ask);
}

void
dnsbl_decide(struct dnsbl_use *u)
{
	struct dnsbl_ask *a = u->ask;

	if (a == NULL)
		return;
	LIST_REMOVE(u, link);
	u->ask = NULL;
	use_set(u, a->dnsbl, is_listed(a), a->score, a->list);
}

void
dnsbl_end(struct dnsbl_use *u)
{
	if (u->ask != NULL)
		LIST_REMOVE(u, link);
	mem_free(&u->zone);
	memset(u, 0, sizeof(*u));
}

void
dnsbl_drop_asks(struct dnsbl *d)
{
	struct dnsbl_ask *a;
	struct dnsbl_use *u;

	while ((a = LIST_FIRST(&d->asks)) != NULL) {
		while ((u = LIST_FIRST(&a->uses)) != NULL) {
			LIST_REMOVE(u, link);
			u->ask = NULL;
			u->state = DNSBL_CLEAR;
			d->known(u);
		}
		ask_free(&a);
	}
}

void
dnsbl_table(struct dnsbl *d, uint32_t clients)
{
	if (d->places > 0)
		ways_fini(&d->clients);
	d->places = 0;
	if (clients == 0)
		return;
	for (d->places = WAYS; d->places < clients;)
		d->places *= 2;
	ways_init(&d->clients, d->places, WAYS, sizeof(struct dnsbl_client));
}
