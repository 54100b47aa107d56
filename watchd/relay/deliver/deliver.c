/* SPDX-License-Identifier: ISC
 * deliver: who gets a connection. Each domain that the queue wants connections
 * for has a destination (target.c). All decisions are made in one task, after
 * the callbacks of a turn: callbacks only touch a destination. Connections of
 * all domains together are bounded; beyond that destinations wait in line and
 * get one each in turn. Domains that nobody configured, where our own
 * notifications go, are at the end of the line, and half of the connections
 * are never theirs: thousands of dead senders do not delay one primary. */
#include "relay/deliver/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"

#define DRAIN_POLL_MS 50

bool
target_goes_on(const struct target *d)
{
	return !d->deliver->draining && d->nbusy < d->wanted;
}

/* Have the domains that nobody configured all that they may have? */
static bool
foreign_full(const struct deliver *dl)
{
	unsigned most = dl->conf->deliver_connections / 2;

	return dl->nforeign >= (most > 0 ? most : 1);
}

/* Who gets the next connection, when there is one. */
static struct target *
next_waiting(const struct deliver *dl)
{
	struct target *w = TAILQ_FIRST(&dl->waiting);

	return w != NULL && !target_is_ours(w) && foreign_full(dl) ? NULL : w;
}

bool
target_yields(const struct target *d)
{
	const struct target *w = next_waiting(d->deliver);

	return w != NULL && w != d && w->nsessions + 1 < d->nsessions;
}

static void
target_wait(struct target *d)
{
	struct deliver *dl = d->deliver;
	bool ours = target_is_ours(d);
	struct target *w = NULL;
	struct outbound *s;

	if (d->waiting)
		return;
	d->waiting = true;
	if (ours)
		TAILQ_FOREACH (w, &dl->waiting, wait_link)
			if (!target_is_ours(w))
				break;
	if (w != NULL)
		TAILQ_INSERT_BEFORE(w, d, wait_link);
	else
		TAILQ_INSERT_TAIL(&dl->waiting, d, wait_link);
	/* Somebody's idle connection makes room. */
	TAILQ_FOREACH (s, &dl->idle, list)
		if (ours || s->foreign || !foreign_full(dl)) {
			outbound_quit(s);
			break;
		}
}

/* May it have a connection before those who wait? */
static bool
target_first(const struct target *d)
{
	const struct deliver *dl = d->deliver;
	const struct target *w = TAILQ_FIRST(&dl->waiting);

	if (dl->nsessions >= dl->conf->deliver_connections)
		return false;
	if (target_is_ours(d))
		return w == NULL || !target_is_ours(w);
	return w == NULL && !foreign_full(dl);
}

/* True when a connection may be opened now; otherwise sees to what lacks. */
static bool
target_may_open(struct target *d)
{
	int64_t now = loop_now(d->deliver->loop);

	if (d->nbusy >= d->wanted || d->deliver->draining)
		return false;
	if (now < d->closed_until_ns) {
		loop_timer_set(d->timer,
		    (d->closed_until_ns - now) / CLOCK_MS + 1);
		return false;
	}
	if (d->route == NULL || now >= d->route_until_ns) {
		target_route_begin(d);
		return false;
	}
	if (d->route->status == ROUTE_NULL_MX) {
		target_refuse(d);
		return false;
	}
	return true;
}

static void
target_open(struct target *d)
{
	struct candidate *c;
	unsigned n;

	c = target_candidates(d, &n);
	MX_ASSERT(c != NULL); /* route_judge() */
	outbound_create(d, c, n);
}

static void
target_work(struct target *d)
{
	struct outbound *s, *next;

	for (s = TAILQ_FIRST(&d->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->state != SESSION_IDLE)
			continue;
		if (!target_goes_on(d))
			break;
		outbound_kick(s);
		if (s->state == SESSION_IDLE)
			return; /* the queue has nothing after all */
	}
	while (target_may_open(d)) {
		if (!target_first(d)) {
			target_wait(d);
			return;
		}
		target_open(d);
	}
	target_forget(d);
}

/* Those in line get one each, and go to its end when they want more. */
static void
serve_waiting(struct deliver *dl)
{
	struct target *d;

	while ((d = next_waiting(dl)) != NULL &&
	    dl->nsessions < dl->conf->deliver_connections) {
		TAILQ_REMOVE(&dl->waiting, d, wait_link);
		d->waiting = false;
		if (!target_may_open(d))
			continue;
		target_open(d);
		if (target_may_open(d))
			target_wait(d);
	}
}

static void
free_gone(struct deliver *dl)
{
	struct outbound *s;

	while ((s = TAILQ_FIRST(&dl->gone)) != NULL) {
		TAILQ_REMOVE(&dl->gone, s, list);
		outbound_free(s);
	}
}

static void
deliver_task(void *arg)
{
	struct deliver *dl = arg;
	struct target_list turn = TAILQ_HEAD_INITIALIZER(turn);
	struct target *d;

	free_gone(dl);
	if (dl->conf == NULL)
		return;
	/* What is touched meanwhile has its turn in the next one. */
	TAILQ_CONCAT(&turn, &dl->dirty, dirty_link);
	while ((d = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, d, dirty_link);
		d->dirty = false;
		target_work(d);
	}
	serve_waiting(dl);
	if (dl->draining && dl->drained != NULL && dl->jobs == 0) {
		if (bounce_pending(dl->bounce) > 0) {
			loop_timer_set(dl->drain_timer, DRAIN_POLL_MS);
		} else {
			void (*fn)(void *) = dl->drained;

			dl->drained = NULL;
			fn(dl->drained_arg);
		}
	}
}

/* ---- the module */

static void
drain_poll(void *arg)
{
	struct deliver *dl = arg;

	loop_task_schedule(dl->task);
}

struct deliver *
deliver_create(struct loop *loop, struct dns *dns, struct store *store,
    struct queue *queue, struct bounce *bounce, struct stats *stats,
    const struct deliver_ops *ops)
{
	struct deliver *dl = mem_alloc(sizeof(*dl));
	struct mx_errbuf eb;

	dl->loop = loop;
	dl->dns = dns;
	dl->store = store;
	dl->queue = queue;
	dl->bounce = bounce;
	dl->stats = stats;
	dl->ops = *ops;
	RB_INIT(&dl->targets);
	TAILQ_INIT(&dl->dirty);
	TAILQ_INIT(&dl->waiting);
	TAILQ_INIT(&dl->idle);
	TAILQ_INIT(&dl->gone);
	dl->task = loop_task_create(loop, deliver_task, dl);
	dl->drain_timer = loop_timer_create(loop, drain_poll, dl);
	if ((dl->tls = tls_client_create(&eb)) == NULL)
		log_error("deliver", "event=no_tls error=%s", log_q(eb.text));
	if ((dl->tls_strict = tls_client_strict_create(&eb)) == NULL)
		log_error("deliver", "event=no_tls error=%s", log_q(eb.text));
	return dl;
}

void
deliver_destroy(struct deliver **dlp)
{
	struct deliver *dl = *dlp;
	struct outbound *s;
	struct target *d;

	if (dl == NULL)
		return;
	dl->draining = true;
	dl->ended = true;
	RB_FOREACH (d, target_tree, &dl->targets) {
		while ((s = TAILQ_FIRST(&d->sessions)) != NULL)
			outbound_abort(s);
		if (d->refuse != NULL)
			work_end(dl, &d->refuse, JOB_RETURNED);
	}
	free_gone(dl);
	while ((d = RB_MIN(target_tree, &dl->targets)) != NULL)
		target_free(d);
	loop_task_destroy(&dl->task);
	loop_timer_destroy(&dl->drain_timer);
	tls_ctx_destroy(&dl->tls);
	tls_ctx_destroy(&dl->tls_strict);
	config_unref(&dl->conf);
	mem_free(dlp);
}

/* Ends the sessions; those that are at a message end it first. */
static void
target_quit(struct target *d)
{
	struct outbound *s, *next;

	for (s = TAILQ_FIRST(&d->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->state != SESSION_SEND)
			outbound_quit(s);
	}
}

void
deliver_configure(struct deliver *dl, struct config *conf,
    const struct route_self *self)
{
	struct target *d;

	config_ref(conf);
	config_unref(&dl->conf);
	dl->conf = conf;
	dl->self = self;
	RB_FOREACH (d, target_tree, &dl->targets) {
		/* What is open, or being looked up, is as it was configured:
		 * perhaps at a primary that is none any more. */
		target_route_end(d);
		d->route_until_ns = 0;
		target_quit(d);
		target_touch(d);
	}
}

void
deliver_want(struct deliver *dl, const char *domain, unsigned connections)
{
	struct target *d, key;

	if (dl->ended)
		return;
	if (connections == 0) {
		strlcpy(key.domain, domain, sizeof(key.domain));
		d = RB_FIND(target_tree, &dl->targets, &key);
	} else {
		d = target_get(dl, domain);
	}
	if (d == NULL)
		return;
	/* After a time without a wish the pace is the queue's: a primary that
	 * has recovered does not wait for what we thought of it before. */
	if (d->wanted == 0)
		d->closed_until_ns = 0;
	/* The same number again says that there is work once more. */
	d->wanted = connections;
	target_touch(d);
}

void
deliver_drain(struct deliver *dl, void (*idle)(void *arg), void *arg)
{
	struct target *d;

	dl->draining = true;
	dl->drained = idle;
	dl->drained_arg = arg;
	RB_FOREACH (d, target_tree, &dl->targets)
		target_quit(d);
	loop_task_schedule(dl->task);
}

unsigned
deliver_connections(const struct deliver *dl)
{
	return dl->nsessions;
}
