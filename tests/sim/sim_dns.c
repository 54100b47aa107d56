/* SPDX-License-Identifier: ISC
 * sim_dns: see sim_dns.h. A look-up is a timer. */
#include "tests/sim/sim_dns.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define SINK_DOMAIN  "s.test" /* of all senders */
#define SLOW_PERCENT 5

struct lookup {
	LIST_ENTRY(lookup) link;
	struct dns *dns;
	uint64_t id;
	struct loop_timer *timer;
	enum { ASK_MX, ASK_ADDR, ASK_TLSA } what;
	char name[TEXT_DOMAIN_MAX];
	dns_cb *cb;
	void *arg;
};

#define BUCKETS 64
struct dns {
	struct loop *loop;
	LIST_HEAD(, lookup) lookups[BUCKETS];
	uint64_t last_id;
	struct dns_stats stats;
};

static struct {
	struct sdomain *domain;
	unsigned ndomains;
	struct server *server;
	unsigned nservers;
	struct dice dice;
	bool fails, forgets;
} world;

const char *
dns_status_name(enum dns_status st)
{
	static const char *const names[] = { "ok", "nodata", "nxdomain", "fail",
		"bogus" };

	return names[st];
}

void
sim_dns_world(struct sdomain *domain, unsigned ndomains, struct server *server,
    unsigned nservers, uint64_t seed)
{
	memset(&world, 0, sizeof(world));
	world.domain = domain;
	world.ndomains = ndomains;
	world.server = server;
	world.nservers = nservers;
	world.dice.state = seed ^ 0xd15;
}

void
sim_dns_fail(bool fails, bool forgets)
{
	world.fails = fails;
	world.forgets = forgets;
	judge_dns(!fails || !forgets);
}

const char *
sim_dns_host(const struct sdomain *d, const struct server *s, unsigned host)
{
	static char name[4][64];
	static unsigned next;
	char *dst = name[next++ % 4];

	if (d->own_names)
		snprintf(dst, sizeof(name[0]), "mx%u.%s", host, d->name);
	else
		snprintf(dst, sizeof(name[0]), "p%u.test", s->index);
	return dst;
}

static void
answer_mx(const char *name, struct dns_answer *a)
{
	const struct sdomain *d;
	unsigned n;

	a->status = DNS_NXDOMAIN;
	if (strcmp(name, SINK_DOMAIN) == 0) {
		a->status = DNS_OK;
		a->n = 1;
		a->mx[0].pref = 10;
		strlcpy(a->mx[0].host, "p0.test", sizeof(a->mx[0].host));
	} else if (sscanf(name, "d%u.test", &n) == 1 && n < world.ndomains) {
		d = &world.domain[n];
		a->status = DNS_OK;
		a->n = d->at.nhosts;
		for (unsigned i = 0; i < d->at.nhosts; i++) {
			a->mx[i].pref = (uint16_t)d->at.pref[i];
			strlcpy(a->mx[i].host,
			    sim_dns_host(d, d->at.host[i], i),
			    sizeof(a->mx[i].host));
		}
	}
}

static void
answer_addr(const char *name, struct dns_answer *a)
{
	const struct server *s = NULL;
	unsigned n, d;

	if (sscanf(name, "p%u.test", &n) == 1 && n < world.nservers)
		s = &world.server[n];
	else if (sscanf(name, "mx%u.d%u.test", &n, &d) == 2 &&
	    d < world.ndomains && n < world.domain[d].at.nhosts)
		s = world.domain[d].at.host[n];
	a->status = s != NULL ? DNS_OK : DNS_NXDOMAIN;
	for (unsigned i = 0; s != NULL && i < s->naddrs; i++) {
		a->addr[a->n] = s->addr[i];
		addr_port_set(&a->addr[a->n++], 0);
	}
}

static void
on_answer(void *arg)
{
	struct lookup *l = arg;
	static struct dns_answer a;

	a.status = DNS_FAIL;
	a.stale = a.secure = false;
	a.n = 0;
	a.canon[0] = '\0';
	if (!world.fails || !world.forgets) {
		if (l->what == ASK_MX)
			answer_mx(l->name, &a);
		else if (l->what == ASK_ADDR)
			answer_addr(l->name, &a);
		else
			a.status = DNS_NODATA;
		a.stale = world.fails;
	}
	LIST_REMOVE(l, link);
	loop_timer_destroy(&l->timer);
	l->cb(&a, l->arg);
	free(l);
}

static uint64_t
ask(struct dns *dns, int what, const char *name, dns_cb *cb, void *arg)
{
	struct lookup *l = mem_alloc(sizeof(*l));
	int64_t ms = dice_percent(&world.dice, SLOW_PERCENT) ?
	    dice_range(&world.dice, 20, 300) :
	    dice_below(&world.dice, 3);

	l->dns = dns;
	l->id = ++dns->last_id;
	l->what = what;
	strlcpy(l->name, name, sizeof(l->name));
	l->cb = cb;
	l->arg = arg;
	l->timer = loop_timer_create(dns->loop, on_answer, l);
	loop_timer_set(l->timer, world.fails ? ms + 2000 : ms);
	LIST_INSERT_HEAD(&dns->lookups[l->id % BUCKETS], l, link);
	dns->stats.queries++;
	return l->id;
}

struct dns *
dns_create(struct loop *loop, const struct dns_conf *conf, struct mx_errbuf *eb)
{
	struct dns *dns = mem_alloc(sizeof(*dns));

	(void)conf;
	(void)eb;
	dns->loop = loop;
	return dns;
}

static void
lookup_drop(struct lookup *l)
{
	LIST_REMOVE(l, link);
	loop_timer_destroy(&l->timer);
	free(l);
}

void
dns_destroy(struct dns **dp)
{
	if (*dp == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&(*dp)->lookups[i]))
			lookup_drop(LIST_FIRST(&(*dp)->lookups[i]));
	mem_free(dp);
}

uint64_t
dns_mx(struct dns *dns, const char *domain, dns_cb *cb, void *arg)
{
	return ask(dns, ASK_MX, domain, cb, arg);
}

uint64_t
dns_addr(struct dns *dns, const char *host, dns_cb *cb, void *arg)
{
	return ask(dns, ASK_ADDR, host, cb, arg);
}

uint64_t
dns_tlsa(struct dns *dns, const char *host, uint16_t port, dns_cb *cb,
    void *arg)
{
	(void)port;
	return ask(dns, ASK_TLSA, host, cb, arg);
}

void
dns_cancel(struct dns *dns, uint64_t id)
{
	struct lookup *l;

	LIST_FOREACH (l, &dns->lookups[id % BUCKETS], link)
		if (l->id == id)
			break;
	if (l != NULL)
		lookup_drop(l);
}

void
dns_on_query(struct dns *dns, void (*fn)(double, void *), void *arg)
{
	(void)dns;
	(void)fn;
	(void)arg;
}

const struct dns_stats *
dns_stats(const struct dns *dns)
{
	return &dns->stats;
}

void
dns_domains(struct dns *dns, size_t n)
{
	(void)dns;
	(void)n;
}
