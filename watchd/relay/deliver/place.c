/* SPDX-License-Identifier: ISC
 * place: a probe's connection among those of deliveries (see primary/place.h).
 * A waiting probe precedes the lanes: one session ends after its message, and
 * its room is kept for the probe. */
#include "base/clock.h"
#include "base/log.h"
#include "relay/deliver/deliver_int.h"

bool
site_has_waiting_place(const struct site *st)
{
	return !TAILQ_EMPTY(&st->places);
}

static void
place_unwait(struct place *p)
{
	TAILQ_REMOVE(&p->site->places, p, link);
	p->waiting = false;
	loop_timer_destroy(&p->limit);
}

static void
place_enter(struct place *p)
{
	host_place_taken(&p->site->host, loop_now(p->site->deliver->loop));
}

/* The place is free. */
static void
place_go(struct place *p)
{
	place_unwait(p);
	place_enter(p);
	p->go(p->arg);
}

/* The wait is over: no session ended in time, or all hang. */
static void
on_limit(void *arg)
{
	struct place *p = arg;

	log_info("deliver", "host=%s problem=\"no connection ended in time\"",
	    log_q(p->site->key));
	place_go(p);
}

bool
deliver_place_take(struct deliver *dl, struct place *p,
    const struct route_host *host, const struct net_addr *source)
{
	struct site *st = site_at(dl, host, source);

	MX_ASSERT(p->site == NULL && !p->waiting);
	if (st == NULL)
		return true;
	p->site = st;
	st->nplaces++;
	p->scarce = host_bears(&st->host) == 1;
	if (host_place_room(&st->host, loop_now(dl->loop))) {
		place_enter(p);
		return true;
	}
	p->waiting = p->scarce = true;
	TAILQ_INSERT_TAIL(&st->places, p, link);
	p->limit = loop_timer_create(dl->loop, on_limit, p);
	loop_timer_set(p->limit,
	    PLACE_WAIT_MS + host_turn_ns(&st->host) / CLOCK_MS);
	site_touch(st);
	return false;
}

void
deliver_place_give_back(struct deliver *dl, struct place *p)
{
	struct site *st = p->site;

	if (st == NULL)
		return;
	if (p->waiting)
		place_unwait(p);
	else
		host_place_left(&st->host, loop_now(dl->loop));
	st->nplaces--;
	p->site = NULL;
	site_touch(st);
}

void
site_serve_places(struct site *st)
{
	struct place *p;

	while ((p = TAILQ_FIRST(&st->places)) != NULL &&
	    host_place_room(&st->host, loop_now(st->deliver->loop)))
		place_go(p);
	if (p != NULL && host_is_full(&st->host))
		site_make_room(st, false);
}
