/* SPDX-License-Identifier: ISC
 * deliver: the module's life, and its one task. Each domain that the queue
 * wants connections for has a destination (destination.c), each address set a
 * site (site.c) with its window. All decisions are made in the task, after the
 * callbacks of a turn: callbacks only touch a destination or a site. The task
 * runs for some milliseconds a turn, so that the recovery of ten thousand
 * domains does not block the loop. */
#include "relay/deliver/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define DRAIN_POLL_MS 50
#define DELIVER_HUNG  (10 * CLOCK_SEC)

static void
free_gone(struct deliver *dl)
{
	struct deliver_session *s;

	while ((s = TAILQ_FIRST(&dl->gone)) != NULL) {
		TAILQ_REMOVE(&dl->gone, s, list);
		deliver_session_free(s);
	}
}

/* Handles a bounded number; destinations touched meanwhile wait for the next
 * turn. */
static void
work_dests(struct deliver *dl)
{
	struct deliver_dest *d;
	int64_t end = clock_now() + DELIVER_SLICE;
	unsigned budget = DELIVER_BUDGET;

	while ((d = TAILQ_FIRST(&dl->dirty)) != NULL && budget-- > 0) {
		TAILQ_REMOVE(&dl->dirty, d, dirty_link);
		d->dirty = false;
		deliver_dest_work(d);
		if (clock_now() >= end)
			break;
	}
	/* Not loop_task_schedule(), by which the task would run in the same
	 * turn. */
	if (!TAILQ_EMPTY(&dl->dirty))
		loop_timer_set(dl->poll, 0);
}

/* Handles the sites that are dirty now, for a bounded time: a connection takes
 * four system calls. */
static void
work_sites(struct deliver *dl)
{
	int64_t end = clock_now() + DELIVER_SLICE;
	struct site *st, *last;

	last = TAILQ_LAST(&dl->dirty_sites, site_list);
	while ((st = TAILQ_FIRST(&dl->dirty_sites)) != NULL) {
		TAILQ_REMOVE(&dl->dirty_sites, st, dirty_link);
		st->dirty = false;
		site_work(st);
		if (st == last || clock_now() >= end)
			break;
	}
	if (!TAILQ_EMPTY(&dl->dirty_sites))
		loop_timer_set(dl->poll, 0);
}

static void
deliver_task(void *arg)
{
	struct deliver *dl = arg;
	void (*fn)(void *);

	free_gone(dl);
	if (dl->conf == NULL)
		return;
	work_dests(dl);
	work_sites(dl);
	if (site_serve_total(dl, clock_now() + DELIVER_SLICE))
		loop_timer_set(dl->poll, 0);
	if (!dl->draining || dl->drained == NULL || dl->jobs > 0)
		return;
	if (bounce_pending(dl->bounce) > 0) {
		loop_timer_set(dl->poll, DRAIN_POLL_MS);
		return;
	}
	fn = dl->drained;
	dl->drained = NULL;
	fn(dl->drained_arg);
}

static void
on_poll(void *arg)
{
	struct deliver *dl = arg;

	loop_task_schedule(dl->task);
}

struct deliver *
deliver_create(struct loop *loop, struct dns *dns, struct store *store,
    struct queue *queue, struct bounce *bounce, struct stats *stats,
    const struct reach_env *reach, const struct deliver_ops *ops)
{
	struct deliver *dl = mem_alloc(sizeof(*dl));

	dl->loop = loop;
	dl->dns = dns;
	dl->store = store;
	dl->queue = queue;
	dl->bounce = bounce;
	dl->stats = stats;
	dl->reach = reach;
	dl->ops = *ops;
	RB_INIT(&dl->dests);
	RB_INIT(&dl->sites);
	RB_INIT(&dl->names);
	TAILQ_INIT(&dl->dirty);
	TAILQ_INIT(&dl->dirty_sites);
	TAILQ_INIT(&dl->waiting);
	TAILQ_INIT(&dl->foreign_waiting);
	TAILQ_INIT(&dl->idle);
	TAILQ_INIT(&dl->gone);
	dl->task = loop_task_create(loop, deliver_task, dl);
	dl->poll = loop_timer_create(loop, on_poll, dl);
	return dl;
}

/* Calls fn for each session. */
static void
each_session(struct deliver *dl, void (*fn)(struct deliver_session *))
{
	struct site *st;
	struct lane *l;
	struct deliver_session *s, *next;

	RB_FOREACH (st, site_tree, &dl->sites)
		RB_FOREACH (l, lane_tree, &st->lanes)
			for (s = TAILQ_FIRST(&l->sessions); s != NULL;
			     s = next) {
				next = TAILQ_NEXT(s, link);
				fn(s);
			}
}

void
deliver_destroy(struct deliver **dlp)
{
	struct deliver *dl = *dlp;
	struct deliver_dest *d;
	struct site *st;

	if (dl == NULL)
		return;
	dl->draining = true;
	dl->ended = true;
	each_session(dl, deliver_session_abort);
	free_gone(dl);
	while ((d = RB_ROOT(&dl->dests)) != NULL) {
		if (d->refuse != NULL)
			delivery_finish(dl, &d->refuse, JOB_RETURNED);
		deliver_dest_free(d);
	}
	while ((st = RB_ROOT(&dl->sites)) != NULL)
		site_free(st);
	loop_task_destroy(&dl->task);
	loop_timer_destroy(&dl->poll);
	config_unref(&dl->conf);
	mem_free(dlp);
}

/* Sessions at a message quit after it. */
static void
quit_idle(struct deliver_session *s)
{
	if (s->state != SESSION_SEND)
		deliver_session_quit(s, false);
}

/* O(connections): the routes of destinations are looked up again when these are
 * next handled (deliver.generation). */
void
deliver_configure(struct deliver *dl, struct config *conf,
    const struct route_self *self)
{
	config_ref(conf);
	config_unref(&dl->conf);
	dl->conf = conf;
	dl->self = self;
	dl->generation++;
	each_session(dl, quit_idle);
	loop_task_schedule(dl->task);
}

void
deliver_choose_again(struct deliver *dl, const char *domain)
{
	struct deliver_dest *d = deliver_dest_find(dl, domain);

	if (d != NULL && d->in_line)
		deliver_dest_touch(d);
}

void
deliver_route_again(struct deliver *dl, const char *domain)
{
	struct deliver_dest *d = deliver_dest_find(dl, domain);

	if (d == NULL)
		return;
	/* so that it counts as one of an earlier configuration */
	d->generation--;
	deliver_dest_touch(d);
}

void
deliver_want(struct deliver *dl, const char *domain, unsigned connections)
{
	struct deliver_dest *d;

	if (dl->ended)
		return;
	d = connections == 0 ? deliver_dest_find(dl, domain) :
			       deliver_dest_get(dl, domain);
	if (d == NULL)
		return;
	/* After a time without wanted connections the queue decides the pace:
	 * after a recovery earlier failures no longer delay. */
	if (d->wanted == 0 && connections > 0) {
		d->closed_until_ns = 0;
		d->fresh = true;
	}
	d->wanted = connections;
	/* The same number again means that there is new work. */
	d->dry = false;
	deliver_dest_touch(d);
}

unsigned
deliver_window(const struct deliver *dl, const char *domain)
{
	const struct deliver_dest *d = deliver_dest_find(dl, domain);

	return d != NULL && d->lane != NULL ? d->lane->site->host.window.size :
					      1;
}

/* Nothing was received on it for so long that the server may be gone. */
static bool
is_hung(const struct deliver_session *s)
{
	return (s->state == SESSION_SEND || s->state == SESSION_QUIT) &&
	    loop_now(s->lane->site->deliver->loop) - s->heard_ns >=
	    DELIVER_HUNG;
}

/* Ends the connections that are useless after the recovery; those at a message
 * continue, and count, unless they hang. */
void
deliver_recovered(struct deliver *dl, const struct route_host *host,
    const struct net_addr *source)
{
	struct site *st = site_at(dl, host, source);
	struct deliver_session *s, *next;
	unsigned hung = 0;
	struct lane *l;

	if (st == NULL || host_is_fresh(&st->host, loop_now(dl->loop)))
		return;
	RB_FOREACH (l, lane_tree, &st->lanes) {
		l->failed_until_ns = 0;
		l->closed_until_ns = 0;
		l->fails = 0;
		for (s = TAILQ_FIRST(&l->sessions); s != NULL; s = next) {
			next = TAILQ_NEXT(s, link);
			if (s->state == SESSION_IDLE ||
			    s->state == SESSION_REACH)
				deliver_session_quit(s, false);
			else if (deliver_session_is_current(s))
				hung += is_hung(s);
		}
	}
	host_recovered(&st->host, hung, loop_now(dl->loop));
	RB_FOREACH (l, lane_tree, &st->lanes)
		TAILQ_FOREACH (s, &l->sessions, link)
			if (s->epoch + 1 == st->host.epoch && !is_hung(s))
				s->epoch = st->host.epoch;
	site_touch(st);
}

static void
chunks_again(struct site *st)
{
	if (st == NULL)
		return;
	host_stumble_forget(&st->host);
	host_memory_stumble_forget(st->deliver->reach->memory, st->key);
	site_touch(st); /* waiting lanes are checked again */
}

void
deliver_chunks_again(struct deliver *dl, const char *label,
    const struct route_host *host, const struct net_addr *source)
{
	char key[HOST_KEY_MAX];

	chunks_again(site_find(dl, label));
	if (host == NULL)
		return;
	chunks_again(site_at(dl, host, source));
	host_memory_stumble_forget(dl->reach->memory,
	    host_key(host, source, key));
}

void
deliver_bound(struct deliver *dl, const char *label, unsigned most)
{
	site_name_bound(dl, label, most);
}

void
deliver_bound_at(struct deliver *dl, const char *key, unsigned most)
{
	site_address_bound(dl, key, most);
}

void
deliver_doubted(struct deliver *dl, const struct route_host *host,
    const struct net_addr *source)
{
	struct site *st = site_at(dl, host, source);

	if (st != NULL)
		host_doubted(&st->host);
}

bool
deliver_working(const struct deliver *dl, const struct route_host *host,
    const struct net_addr *source, int64_t since_ns)
{
	const struct site *st = site_at(dl, host, source);

	return st != NULL &&
	    host_works(&st->host, since_ns, loop_now(dl->loop));
}

/* The stumble of a host that was not met since the start: shown, so that an
 * operator can clear it. */
static int64_t
remembered_off_ns(const struct deliver *dl, const struct route_host *host,
    const struct net_addr *source, int64_t now)
{
	char key[HOST_KEY_MAX];
	struct host h;

	host_init(&h, 1);
	host_memory_recall(dl->reach->memory, host_key(host, source, key), &h,
	    now);
	return host_chunks_off_ns(&h, now);
}

bool
deliver_host_view(const struct deliver *dl, const char *label,
    const struct route_host *host, const struct net_addr *source,
    struct deliver_host_view *v)
{
	const struct site *st = site_find(dl, label);
	const struct host *h;
	int64_t now = loop_now(dl->loop);

	*v = (struct deliver_host_view){ .window = 0 };
	if (st == NULL && host != NULL)
		st = site_at(dl, host, source);
	if (st == NULL) {
		if (host != NULL)
			v->chunks_off_ns =
			    remembered_off_ns(dl, host, source, now);
		return v->chunks_off_ns != 0;
	}
	h = &st->host;
	v->window = h->window.size;
	v->window_max = h->window.max;
	v->ceiling = h->window.ceiling;
	v->connections = h->open + h->before;
	v->working = h->working;
	v->canary = h->window.canary;
	v->paused_ns = h->closed_until_ns > now ? h->closed_until_ns - now : 0;
	v->refused = h->refused;
	v->latency_ns = h->window.baseline_ns;
	v->max_messages = host_limit_value(&h->messages, now);
	v->max_rcpts = host_limit_value(&h->rcpts, now);
	v->gap_ns = h->gap_ns;
	v->chunks_off_ns = host_chunks_off_ns(h, now);
	v->alone = now < h->alone_until_ns;
	return true;
}

void
deliver_drain(struct deliver *dl, void (*idle)(void *arg), void *arg)
{
	dl->draining = true;
	dl->drained = idle;
	dl->drained_arg = arg;
	each_session(dl, quit_idle);
	loop_task_schedule(dl->task);
}

void
deliver_limit(struct deliver *dl, unsigned most)
{
	dl->limit = most;
	loop_task_schedule(dl->task); /* lanes may wait for the new limit */
}

unsigned
deliver_connections_max(const struct deliver *dl)
{
	unsigned most = dl->conf->deliver_connections;

	return dl->limit != 0 && dl->limit < most ? dl->limit : most;
}

unsigned
deliver_connections(const struct deliver *dl)
{
	return dl->nsessions;
}
