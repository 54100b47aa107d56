/* SPDX-License-Identifier: ISC
 * destination: one domain, from the first wanted connection until nothing of it
 * is worth remembering: its route, the host it chose, and its place in that
 * host's line.
 *
 * A route is looked up again after 30 s, or at once after it failed, so that a
 * flush uses current addresses; with DANE after 1 s, so that TLSA records are
 * not used beyond their TTL. Mail is held if the resolver fails, if we seem to
 * be the domain's MX, and if no host has an address.
 *
 * The host is chosen by preference, equal ones at random; one that failed, or
 * that its watch calls down, only when no other is left. A worse host is never
 * chosen because the window of the better one is full. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/deliver/deliver_int.h"

#define CLOSED_MIN_MS	 1000 /* after the first failure; doubles */
#define CLOSED_MAX_MS	 60000
#define ROUTE_KEEP_MS	 30000
#define ROUTE_ARRIVED_MS 1000
#define ROUTE_DANE_MS	 1000
#define LOOKUPS_MAX	 32 /* at once, for domains that are not configured */
#define LOOKUP_WAIT_MS	 1000

int
deliver_dest_cmp(const struct deliver_dest *a, const struct deliver_dest *b)
{
	return strcmp(a->domain, b->domain);
}
RB_GENERATE(deliver_dest_tree, deliver_dest, node, deliver_dest_cmp)

void
deliver_dest_touch(struct deliver_dest *d)
{
	struct deliver *dl = d->deliver;

	if (d->dirty)
		return;
	d->dirty = true;
	TAILQ_INSERT_TAIL(&dl->dirty, d, dirty_link);
	loop_task_schedule(dl->task);
}

bool
deliver_dest_is_ours(const struct deliver_dest *d)
{
	return config_settings(d->deliver->conf, d->domain) != NULL;
}

const struct conf_deliver *
deliver_dest_conf(const struct deliver_dest *d)
{
	const struct config *conf = d->deliver->conf;
	const struct conf_domain *dom = config_settings(conf, d->domain);

	return dom != NULL ? &dom->deliver : &conf->defaults.deliver;
}

/* A domain that is not configured may have any backup: a notification may go
 * there. */
bool
deliver_dest_may_be_backup(const struct deliver_dest *d)
{
	const struct conf_domain *dom =
	    config_settings(d->deliver->conf, d->domain);

	return dom == NULL || dom->primary_may_be_backup;
}

static void
on_timer(void *arg)
{
	deliver_dest_touch(arg);
}

struct deliver_dest *
deliver_dest_find(const struct deliver *dl, const char *domain)
{
	struct deliver_dest_tree *dests =
	    (struct deliver_dest_tree *)(uintptr_t)&dl->dests;
	struct deliver_dest key;

	strlcpy(key.domain, domain, sizeof(key.domain));
	return RB_FIND(deliver_dest_tree, dests, &key);
}

struct deliver_dest *
deliver_dest_get(struct deliver *dl, const char *domain)
{
	struct deliver_dest *d;

	if ((d = deliver_dest_find(dl, domain)) != NULL)
		return d;
	d = mem_alloc(sizeof(*d));
	d->deliver = dl;
	strlcpy(d->domain, domain, sizeof(d->domain));
	d->timer = loop_timer_create(dl->loop, on_timer, d);
	RB_INSERT(deliver_dest_tree, &dl->dests, d);
	return d;
}

/* Ends the look-up under way, if any. */
static void
route_end(struct deliver_dest *d)
{
	d->deliver->lookups -= d->req_foreign;
	d->req_foreign = false;
	route_cancel(&d->req);
}

static void
route_drop(struct deliver_dest *d)
{
	if (d->route != NULL)
		route_fini(d->route);
	mem_free(&d->route);
}

void
deliver_dest_free(struct deliver_dest *d)
{
	struct deliver *dl = d->deliver;

	MX_ASSERT(d->busy == 0 && d->jobs == 0);
	lane_leave(d);
	if (d->dirty)
		TAILQ_REMOVE(&dl->dirty, d, dirty_link);
	RB_REMOVE(deliver_dest_tree, &dl->dests, d);
	loop_timer_destroy(&d->timer);
	route_end(d);
	route_drop(d);
	free(d);
}

/* Frees it if nothing is under way and nothing is worth remembering. */
static void
dest_forget(struct deliver_dest *d)
{
	int64_t now = loop_now(d->deliver->loop), until = d->route_until_ns;

	if (d->wanted > 0 || d->busy > 0 || d->req != NULL || d->jobs > 0)
		return;
	if (d->closed_until_ns > until)
		until = d->closed_until_ns;
	if (until > now)
		loop_timer_set(d->timer, (until - now) / CLOCK_MS + 1);
	else
		deliver_dest_free(d);
}

void
deliver_dest_outcome(struct deliver_dest *d, const struct deliver_outcome *o)
{
	struct deliver *dl = d->deliver;

	if (dl->ops.outcome != NULL && !dl->ended)
		dl->ops.outcome(dl->ops.arg, d->domain, o);
}

/* ---- the route */

/* No look-up for a while: 1 s, 2 s, ... 60 s. */
static void
dest_close(struct deliver_dest *d)
{
	unsigned shift = d->fails < 6 ? d->fails : 6;
	int64_t ms = (int64_t)CLOSED_MIN_MS << shift;

	if (ms > CLOSED_MAX_MS)
		ms = CLOSED_MAX_MS;
	d->fails++;
	d->closed_until_ns =
	    loop_now(d->deliver->loop) + rnd_jitter(ms, 20) * CLOCK_MS;
	d->route_until_ns = 0;
	deliver_dest_touch(d);
}

/* A route is useless when none of its hosts has an address. */
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
		if (dns_is_failure(r->host[i].dns))
			st = ROUTE_DNS_FAIL;
	}
	return st;
}

static void
dest_unroutable(struct deliver_dest *d, enum route_status st)
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
	dest_close(d);
	deliver_dest_outcome(d, &o);
	if (st != ROUTE_DNS_FAIL)
		queue_connect_failed(dl->queue, d->domain);
}

/* A route found under another configuration may lead to a host that is no
 * longer a primary. */
static bool
route_is_known(const struct deliver_dest *d)
{
	return d->route != NULL && d->generation == d->deliver->generation;
}

static void
route_until(struct deliver_dest *d)
{
	d->route_until_ns = loop_now(d->deliver->loop) +
	    (d->route->with_dane ? ROUTE_DANE_MS : ROUTE_KEEP_MS) * CLOCK_MS;
	deliver_dest_touch(d);
}

static bool
has_host(const struct route *r, const struct route_host *h)
{
	char key[HOST_KEY_MAX], other[HOST_KEY_MAX];

	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->host[i].label, h->label) == 0)
			return r->host[i].pref == h->pref &&
			    strcmp(host_key(&r->host[i], NULL, key),
				host_key(h, NULL, other)) == 0;
	return false;
}

/* Compares in any order. The TLS policy found is a new object each time. */
static bool
route_is_same(const struct route *a, const struct route *b)
{
	if (a->status != b->status || a->n != b->n || a->with_dane ||
	    b->with_dane)
		return false;
	for (unsigned i = 0; i < b->n; i++)
		if (!has_host(a, &b->host[i]))
			return false;
	return true;
}

/* A notification can never be delivered there: no such domain, no host, only
 * ourselves (but a smarthost might take it); nor can any mail to a null MX. */
static bool
is_final(const struct deliver_dest *d, enum route_status st)
{
	return !deliver_dest_is_ours(d) && st != ROUTE_DNS_FAIL &&
	    (st == ROUTE_NULL_MX || d->deliver->conf->dsn.smarthost == NULL);
}

static void
on_route(const struct route *r, void *arg)
{
	struct deliver_dest *d = arg;
	enum route_status st = route_judge(r);

	d->req = NULL;
	route_end(d);
	if (d->again && st == ROUTE_OK && route_is_same(d->route, r)) {
		route_until(d);
		return;
	}
	route_drop(d);
	lane_leave(d);
	if (st != ROUTE_OK && !is_final(d, st)) {
		dest_unroutable(d, st);
		return;
	}
	d->fails = 0;
	d->route = mem_alloc(sizeof(*d->route));
	route_copy(d->route, r);
	d->route->status = st;
	route_until(d);
}

static void
route_begin(struct deliver_dest *d)
{
	struct deliver *dl = d->deliver;
	const struct conf_domain *dom = config_settings(dl->conf, d->domain);
	const char *primary[ROUTE_HOST_MAX];
	uint16_t port = 25;
	size_t i, n = 0;

	if (d->req != NULL && d->generation == dl->generation)
		return;
	route_end(d);
	d->again = route_is_known(d);
	if (dom == NULL && dl->lookups >= LOOKUPS_MAX) {
		loop_timer_set(d->timer, rnd_jitter(LOOKUP_WAIT_MS, 50));
		return;
	}
	d->generation = dl->generation;
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
	    on_route, d);
	if (deliver_dest_conf(d)->tls == CONF_TLS_DANE)
		route_with_dane(d->req);
	if (dom != NULL)
		route_pin(d->req, dom->pin);
}

bool
deliver_dest_route_holds(const struct deliver_dest *d)
{
	return route_is_known(d) &&
	    loop_now(d->deliver->loop) < d->route_until_ns;
}

/* The route stays valid for the first message, however long connecting took. */
void
deliver_dest_arrived(struct deliver_dest *d)
{
	int64_t least =
	    loop_now(d->deliver->loop) + ROUTE_ARRIVED_MS * CLOCK_MS;

	if (d->route_until_ns < least)
		d->route_until_ns = least;
}

/* ---- the choice of a host */

static bool
host_is_down(const struct deliver_dest *d, const struct route_host *h)
{
	const struct deliver_ops *ops = &d->deliver->ops;

	return ops->down != NULL && ops->down(ops->arg, d->domain, h->label);
}

/* Rank of a choice, the lower the better: known to be down is worse than having
 * failed. */
static unsigned
host_penalty(struct deliver_dest *d, unsigned at)
{
	int64_t now = loop_now(d->deliver->loop);
	const struct route_host *h = &d->route->host[at];
	struct lane *l;

	if (h->naddrs == 0)
		return 3;
	if (host_is_down(d, h))
		return 2;
	l = lane_get(d, at);
	return l->failed_until_ns > now || l->closed_until_ns > now;
}

/* By the lowest penalty, then preference, then at random. */
static struct lane *
dest_choose(struct deliver_dest *d)
{
	const struct route *r = d->route;
	unsigned i, pen, best = 0, best_pen = 3, equal = 0;

	for (i = 0; i < r->n; i++) {
		pen = r->n == 1 ? 0 : host_penalty(d, i);
		if (r->host[i].naddrs == 0 || pen > best_pen)
			continue;
		if (pen == best_pen && equal > 0 &&
		    r->host[i].pref > r->host[best].pref)
			continue;
		if (pen < best_pen || equal == 0 ||
		    r->host[i].pref < r->host[best].pref)
			equal = 0;
		best_pen = pen;
		if (rnd_below(++equal) == 0)
			best = i;
	}
	MX_ASSERT(equal > 0); /* by route_judge() */
	d->at = best;
	strlcpy(d->label, r->host[best].label, sizeof(d->label));
	return lane_get(d, best);
}

/* Is there a host in the route that is usable and has not failed? */
bool
deliver_dest_has_other(struct deliver_dest *d)
{
	unsigned i;

	for (i = 0; d->route != NULL && i < d->route->n; i++)
		if (d->route->host[i].naddrs > 0 && host_penalty(d, i) == 0)
			return true;
	return false;
}

/* It stands in line for a host that is down, while another one is up. */
static bool
waits_for_nothing(struct deliver_dest *d)
{
	const struct route *r = d->route;

	return r->n > 1 && d->at < r->n && host_is_down(d, &r->host[d->at]) &&
	    deliver_dest_has_other(d);
}

/* ---- its sessions */

bool
deliver_dest_hungry(struct deliver_dest *d)
{
	if (d->busy >= d->wanted || d->dry || d->deliver->draining)
		return false;
	if (!route_is_known(d)) {
		deliver_dest_touch(d);
		return false;
	}
	return true;
}

void
deliver_dest_busy(struct deliver_dest *d, struct lane *l)
{
	d->busy++;
	if (!d->in_line && d->lane == l && deliver_dest_hungry(d))
		lane_line_put(d, false);
}

void
deliver_dest_idle(struct deliver_dest *d)
{
	MX_ASSERT(d->busy > 0);
	d->busy--;
	deliver_dest_touch(d);
}

void
deliver_dest_release(struct deliver_session *s)
{
	struct deliver_dest *d = s->dest;

	s->dest = NULL;
	if (d != NULL)
		deliver_dest_idle(d);
}

void
deliver_dest_failed(struct deliver_dest *d, const struct deliver_session *s,
    const struct reach_result *r, enum host_failure failure)
{
	struct deliver *dl = d->deliver;
	struct domain_stats *st = stats_domain(dl->stats, d->domain);
	struct deliver_outcome bad = { .phase = r->phase,
		.code = r->reply_code,
		.host = s->label,
		.dns = r->code == REACH_LOCAL,
		.backup = r->code == REACH_BACKUP,
		.text = r->text,
		.begun_ns = s->since_ns };

	st->attempts++;
	st->attempts_failed[r->phase]++;
	d->route_until_ns = 0;
	deliver_dest_touch(d);
	/* A connection beyond the ceiling concerns the window, not the health;
	 * a failure at the same time as another is not a new one. */
	if (failure != HOST_FAILED)
		return;
	bad.more = deliver_dest_has_other(d);
	/* Its next look-up is due with the next attempt. */
	if (!bad.more && d->lane != NULL)
		d->closed_until_ns = lane_closed_until(d->lane);
	deliver_dest_outcome(d, &bad);
	if (!bad.more && !dl->ended && !bad.dns)
		queue_connect_failed(dl->queue, d->domain);
}

/* A route that is only old is looked up while the destination keeps its place
 * in the line. */
static void
route_look_again(struct deliver_dest *d)
{
	bool old = route_is_known(d) && d->lane != NULL;

	if (!old)
		lane_line_drop(d);
	else if (!d->in_line)
		lane_line_put(d, false);
	route_begin(d);
}

/* Called by the task: starts what is missing for its mail to flow, or puts it
 * in line. */
void
deliver_dest_work(struct deliver_dest *d)
{
	int64_t now = loop_now(d->deliver->loop);
	struct lane *l;

	if (d->busy >= d->wanted || d->dry || d->deliver->draining) {
		lane_line_drop(d);
		dest_forget(d);
		return;
	}
	if (now < d->closed_until_ns) {
		lane_line_drop(d);
		loop_timer_set(d->timer,
		    (d->closed_until_ns - now) / CLOCK_MS + 1);
		return;
	}
	if (!deliver_dest_route_holds(d)) {
		route_look_again(d);
		return;
	}
	if (d->route->status != ROUTE_OK) {
		delivery_refuse(d);
		return;
	}
	/* A destination in line keeps its place, unless another host is better
	 * now. */
	if (!d->in_line || d->lane->failed_until_ns > now ||
	    waits_for_nothing(d)) {
		l = dest_choose(d);
		lane_join(d, l);
	}
	if (!d->in_line)
		lane_line_put(d, false);
	lane_work(d->lane);
}
