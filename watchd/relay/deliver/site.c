/* SPDX-License-Identifier: ISC
 * site: one host, our connections to it, and which lane gets the next one.
 *
 * Deliveries that may share a connection meet in a lane: the same host, the
 * same TLS policy, and where the certificate is verified the same name. The
 * domains of a lane take turns, a message each. Lanes without room in the
 * host's window wait in the host's line; those without room in the total wait
 * in the deliverer's, domains that are not configured behind all others and in
 * half of the total at most. An idle connection is closed when another lane
 * needs its room. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define SITE_KEEP_MS	(24 * 3600 * INT64_C(1000)) /* what was learned */
#define SITE_FOREIGN_MS 60000
#define LANE_LOOKS_MAX	8 /* at once */
#define UNTRIED_NS	(5 * CLOCK_SEC)
#define POLICY_PAUSE_MS 1000 /* after a policy failure; doubles */
#define POLICY_MAX_MS	60000

int
site_cmp(const struct site *a, const struct site *b)
{
	return strcmp(a->key, b->key);
}

int
lane_cmp(const struct lane *a, const struct lane *b)
{
	return strcmp(a->key, b->key);
}

int
site_name_cmp(const struct site_name *a, const struct site_name *b)
{
	return strcmp(a->label, b->label);
}
RB_GENERATE(site_tree, site, node, site_cmp)
RB_GENERATE(lane_tree, lane, node, lane_cmp)
RB_GENERATE(name_tree, site_name, node, site_name_cmp)

/* ---- the tables */

/* A macro, because RB_FIND would need a whole struct with the key in it. */
#define FIND_BY(tree_root, field, text, found, link)                           \
	do {                                                                   \
		int fc_;                                                       \
		(found) = (tree_root);                                         \
		while ((found) != NULL &&                                      \
		    (fc_ = strcmp((text), (found)->field)) != 0)               \
			(found) = fc_ < 0 ? RB_LEFT(found, link) :             \
					    RB_RIGHT(found, link);             \
	} while (0)

static void
on_timer(void *arg)
{
	site_touch(arg);
}

void
site_touch(struct site *st)
{
	struct deliver *dl = st->deliver;

	if (st->dirty)
		return;
	st->dirty = true;
	TAILQ_INSERT_TAIL(&dl->dirty_sites, st, dirty_link);
	loop_task_schedule(dl->task);
}

/* Stores lessons about the host in host_memory, which outlives the site. */
static void
site_remember(struct site *st)
{
	st->lessons = st->host.lessons;
	if (st->ours)
		host_memory_host(st->deliver->reach->memory, st->key, &st->host,
		    loop_now(st->deliver->loop));
}

static void
lane_free(struct lane *l)
{
	MX_ASSERT(l->nsessions == 0 && l->ndests == 0);
	MX_ASSERT(l->waits == LANE_CALM);
	RB_REMOVE(lane_tree, &l->site->lanes, l);
	free(l);
}

void
site_free(struct site *st)
{
	struct deliver *dl = st->deliver;
	struct site_name *n;
	struct lane *l;

	site_remember(st);
	while ((l = RB_ROOT(&st->lanes)) != NULL)
		lane_free(l);
	while ((n = LIST_FIRST(&st->names)) != NULL) {
		LIST_REMOVE(n, link);
		RB_REMOVE(name_tree, &dl->names, n);
		free(n);
	}
	if (st->dirty)
		TAILQ_REMOVE(&dl->dirty_sites, st, dirty_link);
	RB_REMOVE(site_tree, &dl->sites, st);
	bounds_fini(&st->bounds);
	loop_timer_destroy(&st->timer);
	free(st);
}

/* ---- limits of connections */

static void
site_bound(struct site *st)
{
	unsigned most = bounds_least(&st->bounds);

	if (st->least != 0 && st->generation == st->deliver->generation &&
	    (most == 0 || st->least < most))
		most = st->least;
	if (most == 0 || most == st->host.window.max)
		return;
	window_max_set(&st->host.window, most);
	site_touch(st);
}

static void
name_bound(struct site_name *n, unsigned most)
{
	bounds_drop(&n->site->bounds, n->most);
	bounds_add(&n->site->bounds, most);
	n->most = most;
	site_bound(n->site);
}

void
site_name_bound(struct deliver *dl, const char *label, unsigned most)
{
	struct site_name *n;

	FIND_BY(RB_ROOT(&dl->names), label, label, n, node);
	if (n != NULL)
		name_bound(n, most);
}

static void
address_bound(struct site *st, unsigned most)
{
	bounds_drop(&st->bounds, st->most);
	bounds_add(&st->bounds, most);
	st->most = most;
	site_bound(st);
}

void
site_address_bound(struct deliver *dl, const char *key, unsigned most)
{
	struct site *st;

	FIND_BY(RB_ROOT(&dl->sites), key, key, st, node);
	if (st != NULL)
		address_bound(st, most);
}

/* For a domain whose host is known from deliveries only. */
static void
least_set(struct site *st, unsigned own)
{
	if (st->least == 0 || own < st->least ||
	    st->generation != st->deliver->generation)
		st->least = own;
	st->generation = st->deliver->generation;
	site_bound(st);
}

static void
name_set(struct site *st, const char *label, unsigned most)
{
	struct deliver *dl = st->deliver;
	struct site_name *n;
	size_t len = strlen(label) + 1;

	FIND_BY(RB_ROOT(&dl->names), label, label, n, node);
	if (n == NULL) {
		n = mem_alloc(sizeof(*n) + len);
		memcpy(n->label, label, len);
		RB_INSERT(name_tree, &dl->names, n);
	} else if (n->site != st) {
		name_bound(n, 0);
		LIST_REMOVE(n, link);
	}
	if (n->site != st)
		LIST_INSERT_HEAD(&st->names, n, link);
	n->site = st;
	name_bound(n, most);
}

static struct site *
site_get(struct deliver *dl, const char *key, unsigned max)
{
	struct site *st;
	size_t len = strlen(key) + 1;

	FIND_BY(RB_ROOT(&dl->sites), key, key, st, node);
	if (st != NULL)
		return st;
	st = mem_alloc(sizeof(*st) + len);
	memcpy(st->key, key, len);
	st->deliver = dl;
	host_init(&st->host, max);
	host_memory_recall(dl->reach->memory, key, &st->host,
	    loop_now(dl->loop));
	RB_INIT(&st->lanes);
	LIST_INIT(&st->names);
	TAILQ_INIT(&st->waiting);
	TAILQ_INIT(&st->places);
	st->timer = loop_timer_create(dl->loop, on_timer, st);
	RB_INSERT(site_tree, &dl->sites, st);
	if (dl->ops.connections_at != NULL)
		address_bound(st, dl->ops.connections_at(dl->ops.arg, st->key));
	return st;
}

struct site *
site_at(const struct deliver *dl, const struct route_host *h,
    const struct net_addr *source)
{
	char key[HOST_KEY_MAX];
	struct site *st;

	host_key(h, source, key);
	FIND_BY(RB_ROOT(&dl->sites), key, key, st, node);
	return st;
}

struct site *
site_find(const struct deliver *dl, const char *label)
{
	struct site_name *n;

	FIND_BY(RB_ROOT(&dl->names), label, label, n, node);
	return n != NULL ? n->site : NULL;
}

/* The key that deliveries must have in common to share connections. */
static void
lane_key(const struct deliver_dest *d, const struct route_host *h, char *dst,
    size_t size)
{
	enum conf_tls tls = deliver_dest_conf(d)->tls;

	snprintf(dst, size, "%c%s%s %s %s", deliver_dest_is_ours(d) ? 'o' : 'f',
	    deliver_dest_may_be_backup(d) ? "b" : "", config_tls_word(tls),
	    config_tls_is_named(tls) ? h->label : "",
	    tls == CONF_TLS_DANE ? d->domain : "");
}

/* The site, with the limit of its connections as far as it is known. */
static struct site *
site_for(struct deliver_dest *d, const struct route_host *h)
{
	const struct conf_deliver *set = deliver_dest_conf(d);
	const struct deliver_ops *ops = &d->deliver->ops;
	char key[HOST_KEY_MAX];
	unsigned most = 0;
	bool counts = false;
	struct site *st;

	host_key(h, set->source != NULL ? &set->source_addr : NULL, key);
	st = site_get(d->deliver, key, set->connections);
	if (ops->connections != NULL)
		most = ops->connections(ops->arg, h->label, d->domain, &counts);
	name_set(st, h->label, most);
	if (!counts)
		least_set(st, set->connections);
	return st;
}

struct lane *
lane_get(struct deliver_dest *d, unsigned at)
{
	const struct route_host *h = &d->route->host[at];
	struct site *st = site_for(d, h);
	char key[HOST_KEY_MAX];
	struct lane *l;

	lane_key(d, h, key, sizeof(key));
	FIND_BY(RB_ROOT(&st->lanes), key, key, l, node);
	if (l != NULL)
		return l;
	l = mem_alloc(sizeof(*l) + strlen(key) + 1);
	memcpy(l->key, key, strlen(key) + 1);
	l->site = st;
	l->foreign = !deliver_dest_is_ours(d);
	st->ours |= !l->foreign;
	TAILQ_INIT(&l->line);
	TAILQ_INIT(&l->sessions);
	RB_INSERT(lane_tree, &st->lanes, l);
	return l;
}

/* ---- lines */

static struct lane_list *
total_line(const struct lane *l)
{
	struct deliver *dl = l->site->deliver;

	return l->foreign ? &dl->foreign_waiting : &dl->waiting;
}

static void
lane_unwait(struct lane *l)
{
	if (l->waits == LANE_SITE)
		TAILQ_REMOVE(&l->site->waiting, l, wait_link);
	else if (l->waits == LANE_TOTAL)
		TAILQ_REMOVE(total_line(l), l, wait_link);
	l->waits = LANE_CALM;
}

void
lane_line_put(struct deliver_dest *d, bool first)
{
	MX_ASSERT(!d->in_line && d->lane != NULL);
	d->in_line = true;
	if (first)
		TAILQ_INSERT_HEAD(&d->lane->line, d, line_link);
	else
		TAILQ_INSERT_TAIL(&d->lane->line, d, line_link);
}

void
lane_line_drop(struct deliver_dest *d)
{
	if (!d->in_line)
		return;
	d->in_line = false;
	TAILQ_REMOVE(&d->lane->line, d, line_link);
	if (TAILQ_EMPTY(&d->lane->line))
		lane_unwait(d->lane);
}

void
lane_join(struct deliver_dest *d, struct lane *l)
{
	lane_leave(d);
	d->lane = l;
	l->ndests++;
	l->site->ndests++;
	if (d->fresh) { /* the queue has a reason to try it again */
		host_retry(&l->site->host, loop_now(d->deliver->loop));
		l->closed_until_ns = 0;
	}
	d->fresh = false;
}

void
lane_leave(struct deliver_dest *d)
{
	struct lane *l = d->lane;

	if (l == NULL)
		return;
	lane_line_drop(d);
	d->lane = NULL;
	l->ndests--;
	if (--l->site->ndests == 0)
		site_touch(l->site);
}

/* ---- which lane gets a connection */

/* Do the domains that are not configured have their whole share? */
static bool
foreign_full(const struct deliver *dl)
{
	unsigned most = deliver_connections_max(dl) / 2;

	return dl->nforeign >= (most > 0 ? most : 1);
}

/* The lane that gets the next connection of the total; NULL: none. */
static struct lane *
total_next(const struct deliver *dl)
{
	struct lane *l = TAILQ_FIRST(&dl->waiting);

	if (l == NULL && !foreign_full(dl))
		l = TAILQ_FIRST(&dl->foreign_waiting);
	return l;
}

/* May it have a connection before the waiting lanes? */
static bool
total_room(const struct lane *l)
{
	const struct deliver *dl = l->site->deliver;

	if (dl->nsessions >= deliver_connections_max(dl))
		return false;
	if (!TAILQ_EMPTY(&dl->waiting))
		return false;
	return !l->foreign ||
	    (TAILQ_EMPTY(&dl->foreign_waiting) && !foreign_full(dl));
}

/* A new session whose destination looks its route up again, because the
 * greeting took longer than a route is valid. */
static bool
is_untried(const struct deliver_session *s)
{
	return s->messages == 0 &&
	    loop_now(s->lane->site->deliver->loop) - s->since_ns < UNTRIED_NS;
}

/* Waits for the total; an idle connection of another lane makes room. */
static void
lane_wait_total(struct lane *l)
{
	struct deliver *dl = l->site->deliver;
	struct deliver_session *s;

	l->waits = LANE_TOTAL;
	TAILQ_INSERT_TAIL(total_line(l), l, wait_link);
	TAILQ_FOREACH (s, &dl->idle, list)
		if (!is_untried(s) &&
		    (!l->foreign || s->lane->foreign || !foreign_full(dl))) {
			deliver_session_quit(s, true);
			break;
		}
}

static bool
has_had_its_turn(const struct deliver_session *s)
{
	return s->messages > 0 &&
	    loop_now(s->lane->site->deliver->loop) - s->since_ns >=
	    host_turn_ns(&s->lane->site->host);
}

void
site_make_room(struct site *st, bool calm)
{
	struct lane *l;
	struct deliver_session *s;

	if (st->quitting > 0)
		return;
	RB_FOREACH (l, lane_tree, &st->lanes) {
		if (calm && !TAILQ_EMPTY(&l->line))
			continue;
		TAILQ_FOREACH (s, &l->sessions, link)
			if (s->state == SESSION_IDLE &&
			    (calm ? !is_untried(s) :
				    TAILQ_EMPTY(&l->line) ||
					has_had_its_turn(s))) {
				deliver_session_quit(s, true);
				return;
			}
	}
}

/* When time alone lets a lane of the line continue; 0: never. */
static int64_t
site_wake(struct site *st, int64_t now)
{
	int64_t at = host_wake(&st->host, now);
	struct lane *l;

	if (st->host.next_ns > now && (at == 0 || st->host.next_ns < at))
		at = st->host.next_ns;
	RB_FOREACH (l, lane_tree, &st->lanes)
		if (l->closed_until_ns > now && !TAILQ_EMPTY(&l->line) &&
		    (at == 0 || l->closed_until_ns < at))
			at = l->closed_until_ns;
	return at;
}

/* The first destination with a valid route. In a long line routes have expired
 * when the turn comes: destinations passed over look theirs up again and keep
 * their place. */
static struct deliver_dest *
lane_first(struct lane *l)
{
	struct deliver_dest *d;
	unsigned n = 0;

	TAILQ_FOREACH (d, &l->line, line_link) {
		if (deliver_dest_route_holds(d))
			return d;
		deliver_dest_touch(d);
		if (++n == LANE_LOOKS_MAX)
			break;
	}
	return NULL;
}

/* Opens a connection for the first of its line; false: not yet. */
static bool
lane_open(struct lane *l)
{
	struct deliver_dest *d = lane_first(l);

	if (d == NULL)
		return false;
	lane_line_drop(d);
	deliver_session_create(l, d);
	if (d->lane == l && deliver_dest_hungry(d))
		lane_line_put(d, false);
	return true;
}

static void
lane_wait_site(struct lane *l)
{
	if (l->waits != LANE_CALM || TAILQ_EMPTY(&l->line))
		return;
	l->waits = LANE_SITE;
	TAILQ_INSERT_TAIL(&l->site->waiting, l, wait_link);
}

static void
lane_kick(struct lane *l)
{
	struct deliver_session *s, *next;

	for (s = TAILQ_FIRST(&l->sessions); s != NULL && lane_first(l) != NULL;
	     s = next) {
		next = TAILQ_NEXT(s, link);
		deliver_session_kick(s);
	}
}

static bool
site_room(const struct site *st, int64_t now)
{
	return !site_has_waiting_place(st) && host_room(&st->host, now);
}

/* Each lane in the host's line gets one connection, and goes to the end if it
 * wants more. */
static void
site_serve(struct site *st)
{
	struct deliver *dl = st->deliver;
	int64_t now = loop_now(dl->loop), at;
	struct lane *l, *next;

	site_serve_places(st);
	for (l = TAILQ_FIRST(&st->waiting);
	     l != NULL && now >= st->host.next_ns; l = next) {
		next = TAILQ_NEXT(l, wait_link);
		lane_kick(l);
	}
	for (l = TAILQ_FIRST(&st->waiting);
	     l != NULL && site_room(st, now) && !dl->draining; l = next) {
		next = TAILQ_NEXT(l, wait_link);
		if (l->closed_until_ns > now)
			continue;
		if (!total_room(l)) {
			lane_unwait(l);
			lane_wait_total(l);
			continue;
		}
		if (!lane_open(l))
			continue; /* keeps its place */
		lane_unwait(l);
		lane_wait_site(l);
		if (next == NULL && l->waits == LANE_SITE)
			next = TAILQ_FIRST(&st->waiting);
	}
	if (dl->draining ||
	    (TAILQ_EMPTY(&st->waiting) && !site_has_waiting_place(st)))
		return;
	/* An idle connection of another lane makes room for a waiting one. */
	if (st->host.open >= st->host.window.size)
		site_make_room(st, true);
	if ((at = site_wake(st, now)) != 0)
		loop_timer_set(st->timer, (at - now) / CLOCK_MS + 1);
}

void
lane_work(struct lane *l)
{
	lane_wait_site(l);
	site_touch(l->site);
}

/* Nothing is under way: frees lanes, and after a while the site with what was
 * learned of it. */
static void
site_rest(struct site *st)
{
	struct deliver *dl = st->deliver;
	int64_t now = loop_now(dl->loop), keep = SITE_FOREIGN_MS;
	struct lane *l, *next;

	if (st->idle_ns == 0) {
		st->idle_ns = now;
		site_remember(st);
	}
	for (l = RB_MIN(lane_tree, &st->lanes); l != NULL; l = next) {
		next = RB_NEXT(lane_tree, &st->lanes, l);
		if (!l->foreign)
			keep = SITE_KEEP_MS;
		if (l->failed_until_ns <= now && l->closed_until_ns <= now &&
		    l->foreign)
			lane_free(l);
	}
	keep -= (now - st->idle_ns) / CLOCK_MS;
	if (keep <= 0)
		site_free(st);
	else
		loop_timer_set(st->timer, keep);
}

void
site_work(struct site *st)
{
	if (st->lessons != st->host.lessons)
		site_remember(st);
	if (st->host.open + st->host.before == 0 && st->ndests == 0 &&
	    st->nplaces == 0) {
		site_rest(st);
		return;
	}
	st->idle_ns = 0;
	site_serve(st);
}

bool
site_serve_total(struct deliver *dl, int64_t end)
{
	struct lane *l;

	while (dl->nsessions < deliver_connections_max(dl) &&
	    (l = total_next(dl)) != NULL && !dl->draining) {
		lane_unwait(l);
		if (site_room(l->site, loop_now(dl->loop)))
			(void)lane_open(l);
		lane_work(l);
		if (clock_now() >= end)
			return true;
	}
	return false;
}

struct delivery *
lane_next(struct lane *l, struct deliver_session *s)
{
	struct deliver_dest *d;
	struct delivery *w;

	while ((d = lane_first(l)) != NULL) {
		lane_line_drop(d);
		if (!deliver_dest_hungry(d))
			continue;
		w = delivery_take(d, s, DELIVER_PIECE, flight_loaded);
		if (w == NULL) {
			d->dry = true;
			deliver_dest_touch(d);
			continue;
		}
		return w;
	}
	return NULL;
}

bool
lane_yields(const struct deliver_session *s)
{
	const struct lane *l = s->lane, *w;
	const struct site *st = l->site;

	if (st->host.open > st->host.window.size ||
	    (site_has_waiting_place(st) && has_had_its_turn(s) &&
		st->quitting == 0 && host_is_full(&st->host)))
		return true;
	w = total_next(st->deliver);
	if (w != NULL && w != l && w->nsessions + 1 < l->nsessions)
		return true;
	w = TAILQ_FIRST(&st->waiting);
	if (w == NULL || w == l ||
	    host_room(&st->host, loop_now(st->deliver->loop)))
		return false;
	return w->nsessions + 1 < l->nsessions ||
	    (w->nsessions == 0 && s->messages >= DELIVER_TURNS);
}

int64_t
lane_closed_until(const struct lane *l)
{
	int64_t host = l->site->host.closed_until_ns;

	return l->closed_until_ns > host ? l->closed_until_ns : host;
}

/* Another host is preferred for a while; domains that have one go there. A
 * failure that took long is not repeated soon. A failure of one policy pauses
 * no other lane. */
void
lane_failed(struct lane *l, bool by_policy, int64_t took_ns)
{
	struct deliver *dl = l->site->deliver;
	int64_t now = loop_now(dl->loop), ms = POLICY_PAUSE_MS;
	struct deliver_dest *d;

	if (took_ns < DELIVER_PENALTY_MIN)
		took_ns = DELIVER_PENALTY_MIN;
	l->failed_until_ns = now + DELIVER_PENALTY * took_ns;
	if (by_policy) {
		ms <<= l->fails < 6 ? l->fails : 6;
		if (ms > POLICY_MAX_MS)
			ms = POLICY_MAX_MS;
		l->fails++;
		l->closed_until_ns = now + ms * CLOCK_MS;
	}
	TAILQ_FOREACH (d, &l->line, line_link)
		if (d->route != NULL && d->route->n > 1)
			deliver_dest_touch(d);
}
