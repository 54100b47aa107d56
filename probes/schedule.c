/* SPDX-License-Identifier: ISC
 * schedule: turns and their states. A heap holds the resting ones, a list each
 * those that wait; a change of state is O(log n). Callbacks of the watches may
 * destroy this very turn: after calling them it must not be touched. */
#include "probes/schedule_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"

#define JITTER_PERCENT 10 /* subtracted only, so that verdicts are never late */
#define HURRY_DIVISOR  3
#define SPREAD_MS      10 /* between turns */
#define CALM_MS	       100 /* between turns after the first verdict */
/* Turns begun, or spread, in one go: by number and by time. */
#define SLICE_MAX 200
#define SLICE_NS  (2 * CLOCK_MS)

static const unsigned edges[TURN_STATE_MAX] = {
	[TURN_FRESH] = 1u << TURN_RESTING | 1u << TURN_TO_LOOK |
	    1u << TURN_TO_ENTER | 1u << TURN_TO_PROBE,
	[TURN_RESTING] =
	    1u << TURN_TO_LOOK | 1u << TURN_TO_ENTER | 1u << TURN_TO_PROBE,
	[TURN_TO_LOOK] = 1u << TURN_LOOKING,
	[TURN_LOOKING] = 1u << TURN_TO_LOOK | 1u << TURN_TO_ENTER |
	    1u << TURN_TO_PROBE | 1u << TURN_RESTING,
	[TURN_TO_ENTER] = 1u << TURN_TO_PROBE,
	[TURN_TO_PROBE] = 1u << TURN_PROBING,
	[TURN_PROBING] = 1u << TURN_RESTING,
};

static void
turn_unlink(struct turn *t)
{
	struct schedule *s = t->s;

	s->n[t->state]--;
	if (t->state == TURN_RESTING)
		heap_remove(&s->due, &t->due);
	else
		TAILQ_REMOVE(&s->list[t->state], t, link);
}

static void
turn_link(struct turn *t, enum turn_state to)
{
	t->state = to;
	t->s->n[to]++;
	if (to != TURN_RESTING)
		TAILQ_INSERT_TAIL(&t->s->list[to], t, link);
}

static void
turn_set(struct turn *t, enum turn_state to)
{
	MX_ASSERT((edges[t->state] & (1u << to)) != 0);
	turn_unlink(t);
	turn_link(t, to);
}

/* ---- intervals */

static int64_t
turn_interval(const struct turn *t)
{
	return t->watch != NULL ? t->watch->policy.interval_ms :
				  t->domain->interval_ms;
}

static bool
turn_is_hurried(const struct turn *t)
{
	return t->watch != NULL ? watch_hurried(t->watch) :
				  watch_domain_hurried(t->domain);
}

/* The longest time between two turns. */
static int64_t
turn_most(const struct turn *t)
{
	int64_t interval = turn_interval(t), ms = interval;

	if (turn_is_hurried(t)) {
		ms /= HURRY_DIVISOR;
		if (ms < SCHEDULE_HURRY_MS)
			ms = SCHEDULE_HURRY_MS;
		if (ms > interval)
			ms = interval;
	}
	return ms;
}

static int64_t
turn_least(const struct turn *t)
{
	return turn_most(t) * (100 - JITTER_PERCENT) / 100;
}

/* Turns that began together get their verdicts together: afterwards they are
 * spread over the rest of the interval. Members of one share have their
 * sessions together anyway. */
static int64_t
turn_calm(const struct turn *t)
{
	int64_t most = turn_most(t), spread = 0;

	if (t->watch != NULL && !share_is_alone(t))
		return 0;
	for (unsigned i = 0; i < TURN_STATE_MAX; i++)
		spread += t->s->n[i] * (int64_t)CALM_MS;
	if (spread > most - most / HURRY_DIVISOR)
		spread = most - most / HURRY_DIVISOR;
	return spread;
}

static int64_t
turn_pace(struct turn *t)
{
	int64_t most = turn_most(t), least = turn_least(t);
	bool hurried = turn_is_hurried(t), over = t->hurried && !hurried;

	t->hurried = hurried;
	if (over && most - turn_calm(t) < least)
		least = most - turn_calm(t);
	t->least = least;
	return most - (int64_t)rnd_below((uint32_t)(most - least + 1));
}

static void
timer_set(struct schedule *s)
{
	const struct heap_node *first = heap_min(&s->due);
	int64_t ms;

	if (first == NULL) {
		loop_timer_cancel(s->timer);
		return;
	}
	ms = (first->key - loop_now(s->loop) + CLOCK_MS - 1) / CLOCK_MS;
	loop_timer_set(s->timer, ms > 0 ? ms : 0);
}

static void
turn_rest_until(struct turn *t, int64_t when)
{
	if (t->state == TURN_RESTING) {
		heap_change(&t->s->due, &t->due, when);
	} else {
		turn_set(t, TURN_RESTING);
		heap_insert(&t->s->due, &t->due, when);
	}
	if (heap_min(&t->s->due) == &t->due)
		timer_set(t->s);
}

static void
turn_rest(struct turn *t)
{
	int64_t when = t->start + turn_pace(t) * CLOCK_MS;
	int64_t now = loop_now(t->s->loop);

	if (when < t->soonest)
		when = t->soonest;
	turn_rest_until(t, when > now ? when : now);
}

struct slice {
	unsigned n;
	int64_t end;
};

/* True while the slice is not used up. */
static bool
slice_room(struct slice *sl)
{
	if (sl->n++ == 0) {
		sl->end = clock_now() + SLICE_NS;
		return true;
	}
	return sl->n <= SLICE_MAX && clock_now() < sl->end;
}

/* Turns that came together are spread over the first interval. */
static void
on_spread(void *arg)
{
	struct schedule *s = arg;
	int64_t all = (int64_t)s->n[TURN_FRESH] * SPREAD_MS, ms;
	struct slice sl = { 0, 0 };
	struct turn *t;

	if (s->spread_ms < all)
		s->spread_ms = all;
	while ((t = TAILQ_FIRST(&s->list[TURN_FRESH])) != NULL &&
	    slice_room(&sl)) {
		ms = turn_interval(t) / 2;
		if (ms > s->spread_ms)
			ms = s->spread_ms;
		turn_rest_until(t,
		    loop_now(s->loop) +
			(int64_t)rnd_below((uint32_t)ms + 1) * CLOCK_MS);
	}
	if (t != NULL)
		loop_timer_set(s->spread, 0);
	else
		s->spread_ms = 0;
}

/* ---- places */

static void schedule_run(struct schedule *);

static void
on_place(void *arg)
{
	struct turn *t = arg;

	turn_set(t, TURN_TO_PROBE);
	schedule_run(t->s);
}

/* Its addresses are known: it gets a session, unless its share just had one. */
static void
turn_enter(struct turn *t)
{
	const struct place_ops *ops = &t->s->places;

	share_join(t);
	if (!share_begins(t,
		share_is_alone(t) && t->least != 0 ? t->least :
						     turn_least(t))) {
		t->now = false;
		turn_rest(t);
		return;
	}
	t->place.go = on_place;
	t->place.arg = t;
	turn_set(t,
	    ops->take == NULL ||
		    ops->take(ops->arg, &t->place, t->watch->host,
			watch_source(t->watch)) ?
		TURN_TO_PROBE :
		TURN_TO_ENTER);
}

/* Ends its session under way, or its wait for one. */
static void
turn_exit(struct turn *t)
{
	if (t->s->places.give_back != NULL)
		t->s->places.give_back(t->s->places.arg, &t->place);
	share_ended(t);
}

/* ---- look-ups */

static void probe_its_primaries(struct schedule *, struct watch_domain *);

/* The settings in force; NULL: the domain is about to leave, or to name its
 * primaries itself. */
static const struct conf_domain *
domain_conf(const struct turn *t)
{
	const struct conf_domain *cd =
	    config_settings(t->s->conf, t->domain->name);

	return cd != NULL && cd->primary.n == 0 ? cd : NULL;
}

static void
domain_looked(struct turn *t, const struct route *route)
{
	const struct conf_domain *cd = domain_conf(t);
	struct conf_domain of;
	struct schedule *s = t->s;
	struct watch_domain *d = t->domain;
	bool now = t->now;

	t->now = false;
	if (cd != NULL) {
		of = *cd;
		of.name = d->name; /* settings from mx_backup have no name */
		watch_route(s->watches, d, &of, route, loop_now(s->loop),
		    clock_wall());
	}
	turn_rest(t);
	if (now)
		probe_its_primaries(s, d);
}

static void
on_route(const struct route *route, void *arg)
{
	struct turn *t = arg;
	struct schedule *s = t->s;

	t->req = NULL;
	t->resolve_ns = loop_now(s->loop) - t->start;
	if (t->domain != NULL)
		domain_looked(t, route);
	else if (watch_addresses(s->watches, t->watch, route, loop_now(s->loop),
		     clock_wall()))
		turn_enter(t);
	else
		turn_rest(t);
	schedule_run(s);
}

static void
look_up_watch(struct turn *t)
{
	const struct primary *p = t->watch->primary;
	const char *host = p->name, *list[1];
	char *text;

	text = strchr(host, ':') != NULL ?
	    mem_printf("[%s]:%u", host, p->port) :
	    mem_printf("%s:%u", host, p->port);
	list[0] = text;
	t->req = route_lookup(t->s->dns, t->s->self, host, list, 1, p->port,
	    on_route, t);
	mem_free(&text);
	if (t->watch->policy.tls == CONF_TLS_DANE)
		route_with_dane(t->req);
	route_pin(t->req, t->watch->policy.pin);
}

static void
look_up_domain(struct turn *t)
{
	const struct conf_domain *cd = domain_conf(t);

	if (cd == NULL) {
		turn_rest(t);
		return;
	}
	t->req = route_lookup(t->s->dns, t->s->self, t->domain->name, NULL, 0,
	    cd->probe.port, on_route, t);
	if (cd->deliver.tls == CONF_TLS_DANE)
		route_with_dane(t->req);
	route_pin(t->req, cd->pin);
}

static void
turn_look(struct turn *t)
{
	t->start = loop_now(t->s->loop);
	turn_set(t, TURN_LOOKING);
	if (t->watch != NULL)
		look_up_watch(t);
	else
		look_up_domain(t);
}

/* ---- turns */

static struct turn *
may_look(const struct schedule *s)
{
	return s->n[TURN_LOOKING] < SCHEDULE_LOOKUPS_MAX ?
	    TAILQ_FIRST(&s->list[TURN_TO_LOOK]) :
	    NULL;
}

static struct turn *
may_probe(const struct schedule *s)
{
	return s->n[TURN_PROBING] + s->noverdue < s->conf->probe_concurrency ?
	    TAILQ_FIRST(&s->list[TURN_TO_PROBE]) :
	    NULL;
}

static void
schedule_run(struct schedule *s)
{
	struct slice sl = { 0, 0 };
	struct turn *t;

	while ((t = may_look(s)) != NULL && slice_room(&sl))
		turn_look(t);
	while ((t = may_probe(s)) != NULL && slice_room(&sl)) {
		turn_set(t, TURN_PROBING);
		probing_start(t);
	}
	if ((may_look(s) != NULL || may_probe(s) != NULL) &&
	    !loop_timer_pending(s->runner))
		loop_timer_set(s->runner, 0);
}

static void
on_runner(void *arg)
{
	schedule_run(arg);
}

/* Its turn has come. A watch whose addresses are not known yet waits on. */
static void
turn_begin(struct turn *t)
{
	t->start = loop_now(t->s->loop);
	t->resolve_ns = 0;
	if (t->domain != NULL || t->watch->configured > 0)
		turn_set(t, TURN_TO_LOOK);
	else if (t->watch->host != NULL)
		turn_enter(t);
	else
		turn_rest(t);
}

static void
on_due(void *arg)
{
	struct schedule *s = arg;
	int64_t now = loop_now(s->loop);
	struct slice sl = { 0, 0 };
	struct heap_node *node;

	while ((node = heap_min(&s->due)) != NULL && node->key <= now &&
	    slice_room(&sl))
		turn_begin(HEAP_ENTRY(node, struct turn, due));
	timer_set(s);
	schedule_run(s);
}

/* A short rest even after a long session, so that its result takes effect
 * before the next one. */
static int64_t
turn_breath(const struct turn *t)
{
	int64_t ms = turn_most(t) / HURRY_DIVISOR;

	return ms < SCHEDULE_HURRY_MS ? ms : SCHEDULE_HURRY_MS;
}

void
turn_probed(struct turn *t)
{
	t->soonest = loop_now(t->s->loop) + turn_breath(t) * CLOCK_MS;
	turn_exit(t);
	turn_rest(t);
	schedule_run(t->s);
}

/* Begins a resting turn; one that has begun goes on. */
static void
turn_hasten(struct turn *t)
{
	if (t->state == TURN_RESTING || t->state == TURN_FRESH)
		turn_begin(t);
}

static void
probe_its_primaries(struct schedule *s, struct watch_domain *d)
{
	struct turn *t;

	for (unsigned i = 0; i < d->nlinks; i++) {
		watch_ask_first(&d->link[i]);
		if ((t = d->link[i].watch->turn) == NULL)
			continue;
		t->now = true;
		turn_hasten(t);
	}
	timer_set(s);
	schedule_run(s);
}

int
schedule_now(struct schedule *s, const char *domain)
{
	struct watch_domain *d = watch_domain(s->watches, domain);
	struct turn *t;

	if (d == NULL || !d->enabled)
		return -MX_ENOENT;
	if ((t = d->turn) == NULL) {
		probe_its_primaries(s, d);
		return 0;
	}
	t->now = true;
	turn_hasten(t);
	timer_set(s);
	schedule_run(s);
	return 0;
}

struct schedule_load
schedule_load(const struct schedule *s)
{
	return (struct schedule_load){ .looking = s->n[TURN_LOOKING],
		.probing = s->n[TURN_PROBING] + s->noverdue,
		.waiting = s->n[TURN_TO_LOOK] + s->n[TURN_TO_ENTER] +
		    s->n[TURN_TO_PROBE] };
}

/* ---- life of turns */

static struct turn *
turn_create(struct schedule *s)
{
	struct turn *t = mem_alloc(sizeof(*t));

	t->s = s;
	t->hurried = true;
	turn_link(t, TURN_FRESH);
	if (!loop_timer_pending(s->spread))
		loop_timer_set(s->spread, 0);
	return t;
}

static void
turn_destroy(struct turn *t)
{
	if (t == NULL)
		return;
	route_cancel(&t->req);
	probing_forget(t);
	probing_cancel(t);
	turn_exit(t);
	share_leave(t);
	turn_unlink(t);
	mem_free(&t);
}

static void
on_watch(void *arg, struct watch *w)
{
	struct turn *t = turn_create(arg);

	t->watch = w;
	w->turn = t;
}

static void
on_watch_gone(void *arg, struct watch *w)
{
	(void)arg;
	turn_destroy(w->turn);
	w->turn = NULL;
}

static void
on_watch_pace(void *arg, struct watch *w)
{
	struct turn *t = w->turn;

	(void)arg;
	if (t != NULL && t->state == TURN_RESTING && t->start != 0)
		turn_rest(t);
}

static void
on_domain(void *arg, struct watch_domain *d)
{
	struct turn *t = turn_create(arg);

	t->domain = d;
	d->turn = t;
}

static void
on_domain_gone(void *arg, struct watch_domain *d)
{
	(void)arg;
	turn_destroy(d->turn);
	d->turn = NULL;
}

/* ---- the schedule */

struct schedule *
schedule_create(const struct reach_env *env, struct dns *dns,
    struct watch_set *watches, const struct place_ops *places)
{
	struct schedule *s = mem_alloc(sizeof(*s));
	struct watch_turns turns = { .watch = on_watch,
		.watch_gone = on_watch_gone,
		.watch_pace = on_watch_pace,
		.domain = on_domain,
		.domain_gone = on_domain_gone,
		.arg = s };

	s->loop = env->loop;
	s->env = *env;
	s->dns = dns;
	s->watches = watches;
	s->places = *places;
	RB_INIT(&s->shares);
	TAILQ_INIT(&s->telling);
	s->teller = loop_timer_create(s->loop, share_tell_some, s);
	heap_init(&s->due);
	for (unsigned i = 0; i < TURN_STATE_MAX; i++)
		TAILQ_INIT(&s->list[i]);
	s->timer = loop_timer_create(s->loop, on_due, s);
	s->spread = loop_timer_create(s->loop, on_spread, s);
	s->runner = loop_timer_create(s->loop, on_runner, s);
	watch_turns_set(watches, &turns);
	return s;
}

/* The set is told first: watches that leave it later have no turn any more. */
void
schedule_destroy(struct schedule **sp)
{
	struct schedule *s = *sp;
	struct heap_node *node;
	struct turn *t;

	if (s == NULL)
		return;
	watch_turns_set(s->watches, &(struct watch_turns){ 0 });
	while ((node = heap_min(&s->due)) != NULL)
		turn_destroy(HEAP_ENTRY(node, struct turn, due));
	for (unsigned i = 0; i < TURN_STATE_MAX; i++)
		while ((t = TAILQ_FIRST(&s->list[i])) != NULL)
			turn_destroy(t);
	heap_fini(&s->due);
	loop_timer_destroy(&s->timer);
	loop_timer_destroy(&s->teller);
	loop_timer_destroy(&s->spread);
	loop_timer_destroy(&s->runner);
	config_unref(&s->conf);
	mem_free(sp);
}

void
schedule_configure(struct schedule *s, struct config *conf,
    const struct route_self *self)
{
	struct config *old = s->conf;
	struct turn *t;

	s->conf = config_ref(conf);
	s->self = self;
	while ((t = TAILQ_FIRST(&s->list[TURN_LOOKING])) != NULL) {
		route_cancel(&t->req);
		turn_set(t, TURN_TO_LOOK);
	}
	/* They are looked up again in a later turn of the loop, after the
	 * domains were set. */
	timer_set(s);
	if (!TAILQ_EMPTY(&s->list[TURN_TO_LOOK]))
		loop_timer_set(s->timer, 0);
	config_unref(&old);
}
