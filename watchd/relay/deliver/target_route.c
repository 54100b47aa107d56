/* SPDX-License-Identifier: ISC
 * target_route: where a destination's mail goes: its hosts by primary or MX,
 * and the addresses to try, in order. A route is asked for again after 30 s,
 * or at once when it failed, so that a flush uses the addresses of today; with
 * DANE after 1 s, so that TLSA records keep to their TTL. A
 * resolver that fails, a domain that seems to be ours and one whose hosts
 * have no address hold mail. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/deliver/deliver_int.h"

#define ROUTE_KEEP_MS  30000
#define ROUTE_DANE_MS  1000
#define HOST_ADDRS_MAX 8 /* of one host, so that the next gets a chance */
#define LOOKUPS_MAX    32 /* at once, of domains that nobody configured */
#define LOOKUP_WAIT_MS 1000

/* The look-up under way, if there is one, is over. */
void
target_route_end(struct target *d)
{
	d->deliver->lookups -= d->req_foreign;
	d->req_foreign = false;
	route_cancel(&d->req);
}

void
target_route_drop(struct target *d)
{
	if (d->route != NULL)
		route_fini(d->route);
	mem_free(&d->route);
}

/* A route is no use when no host of it has an address. */
static enum route_status
route_judge(const struct route *r)
{
	enum route_status st = ROUTE_NO_HOST;
	unsigned i;

	if (r->status != ROUTE_OK)
		return r->status;
	for (i = 0; i < r->n; i++) {
		if (r->host[i].naddrs > 0)
			return ROUTE_OK;
		if (r->host[i].dns == DNS_FAIL || r->host[i].dns == DNS_BOGUS)
			st = ROUTE_DNS_FAIL;
	}
	return st;
}

static void
target_unroutable(struct target *d, enum route_status st)
{
	struct deliver *dl = d->deliver;
	struct deliver_outcome o = { .phase = SMTP_PHASE_RESOLVE,
		.host = "",
		.text = route_status_name(st),
		.dns = st == ROUTE_DNS_FAIL,
		.self = st == ROUTE_SELF };
	struct domain_stats *ds = stats_domain(dl->stats, d->domain);

	log_info("deliver", "domain=%s event=no_route reason=%s", d->domain,
	    route_status_name(st));
	ds->attempts++;
	ds->attempts_failed[SMTP_PHASE_RESOLVE]++;
	target_close(d);
	target_outcome(d, &o);
	if (st != ROUTE_DNS_FAIL)
		queue_connect_failed(dl->queue, d->domain);
}

static void
target_routed(const struct route *r, void *arg)
{
	struct target *d = arg;
	enum route_status st = route_judge(r);

	d->req = NULL;
	target_route_end(d);
	target_route_drop(d);
	if (st != ROUTE_OK && !(st == ROUTE_NULL_MX && !target_is_ours(d))) {
		target_unroutable(d, st);
		return;
	}
	d->route = mem_alloc(sizeof(*d->route));
	route_copy(d->route, r);
	d->route_until_ns = loop_now(d->deliver->loop) +
	    (r->with_dane ? ROUTE_DANE_MS : ROUTE_KEEP_MS) * CLOCK_MS;
	target_touch(d);
}

void
target_route_begin(struct target *d)
{
	struct deliver *dl = d->deliver;
	const struct conf_domain *dom = config_domain(dl->conf, d->domain);
	const struct conf_deliver *set =
	    dom != NULL ? &dom->deliver : &dl->conf->defaults.deliver;
	const char *primary[ROUTE_HOST_MAX];
	uint16_t port = 25;
	size_t i, n = 0;

	if (d->req != NULL)
		return;
	if (dom == NULL && dl->lookups >= LOOKUPS_MAX) {
		loop_timer_set(d->timer, rnd_jitter(LOOKUP_WAIT_MS, 50));
		return;
	}
	d->req_foreign = dom == NULL;
	dl->lookups += d->req_foreign;
	if (dom != NULL) {
		port = dom->probe.port != 0 ? dom->probe.port : 25;
		for (i = 0; i < dom->primary.n && n < ROUTE_HOST_MAX; i++)
			primary[n++] = dom->primary.s[i];
	} else if (dl->conf->dsn.smarthost != NULL) {
		primary[n++] = dl->conf->dsn.smarthost;
	}
	d->req = route_lookup(dl->dns, dl->self, d->domain, primary, n, port,
	    target_routed, d);
	if (set->tls == CONF_TLS_DANE)
		route_with_dane(d->req);
}

/* The hosts by preference, equal ones in random order, the failed ones at the
 * end; all addresses of a host before the next host. */
struct candidate *
target_candidates(struct target *d, unsigned *n)
{
	struct candidate *all, *c;
	unsigned order[ROUTE_HOST_MAX], i, j, k, pass;
	const struct route_host *h;
	const struct route *r = d->route;
	int64_t now = loop_now(d->deliver->loop);

	for (i = 0; i < r->n; i++)
		order[i] = i;
	for (i = 0; i < r->n; i = j) {
		for (j = i; j < r->n && r->host[j].pref == r->host[i].pref;
		     j++) {
			k = i + rnd_below(j - i + 1);
			order[j] = order[k];
			order[k] = j;
		}
	}
	all = mem_array(DELIVER_CANDIDATES, sizeof(*all));
	*n = 0;
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < r->n; i++) {
			h = &r->host[order[i]];
			if ((target_note(d, h->label)->down_until_ns > now) !=
			    (pass == 1))
				continue;
			for (j = 0; j < h->naddrs && j < HOST_ADDRS_MAX &&
			     *n < DELIVER_CANDIDATES;
			     j++) {
				c = &all[(*n)++];
				strlcpy(c->name, h->name, sizeof(c->name));
				strlcpy(c->label, h->label, sizeof(c->label));
				c->addr = h->addr[j];
				addr_port_set(&c->addr, h->port);
				c->dane = dane_ref(h->dane);
			}
		}
	if (*n == 0)
		mem_free(&all);
	return all;
}
