/* SPDX-License-Identifier: ISC
 * watch_domain: a domain's list of primaries, and how its state follows them.
 *
 * The list is an array whose elements hang in the lists of their watches. A
 * change rebuilds it as a whole; what is known of an entry that stays is moved
 * over. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "primary/watch_int.h"

void
domain_touch(struct watch_set *ws, const struct watch_domain *d)
{
	if (ws->ops.touched != NULL)
		ws->ops.touched(ws->ops.arg, d->name);
}

/* ---- the list */

struct watch_link *
domain_link(struct watch_domain *d, const struct watch *w)
{
	for (unsigned i = 0; i < d->nlinks; i++)
		if (d->link[i].watch == w)
			return &d->link[i];
	return NULL;
}

static void
link_insert(struct watch_link *l, bool configured)
{
	struct watch *w = l->watch;

	TAILQ_INSERT_TAIL(&w->members, l, member);
	w->primary->domains++;
	w->primary->backups += l->domain->mx_backup;
	bounds_add(&w->connections, l->domain->connections);
	w->configured += configured;
	w->findings += l->finding != NULL;
	w->broken += l->domain->broken;
	if (w->ask == NULL)
		w->ask = l;
}

/* Removes it from its watch's list; cursors that point at it move to the
 * next. */
static void
link_remove(struct watch_link *l, bool configured)
{
	struct watch *w = l->watch;
	struct watch_link *next = TAILQ_NEXT(l, member);

	if (w->cursor == l)
		w->cursor = next;
	TAILQ_REMOVE(&w->members, l, member);
	if (w->ask == l)
		w->ask = next != NULL ? next : TAILQ_FIRST(&w->members);
	w->primary->domains--;
	w->primary->backups -= l->domain->mx_backup;
	bounds_drop(&w->connections, l->domain->connections);
	w->configured -= configured;
	w->findings -= l->finding != NULL;
	w->broken -= l->domain->broken;
}

static void
connections_set(struct watch_set *ws, struct watch_domain *d, unsigned n)
{
	unsigned was = d->connections;

	d->connections = n;
	for (unsigned i = 0; i < d->nlinks && n != was; i++) {
		bounds_drop(&d->link[i].watch->connections, was);
		bounds_add(&d->link[i].watch->connections, n);
		bound_settle(ws, d->link[i].watch);
	}
}

static void
mx_backup_set(struct watch_set *ws, struct watch_domain *d, bool yes)
{
	for (unsigned i = 0; i < d->nlinks && yes != d->mx_backup; i++) {
		d->link[i].watch->primary->backups += yes;
		d->link[i].watch->primary->backups -= d->mx_backup;
		watch_stamp(ws, d->link[i].watch);
	}
	d->mx_backup = yes;
}

static bool
list_same(const struct watch_domain *d, const struct watch_link *want,
    unsigned n)
{
	unsigned i, j;

	if (n != d->nlinks)
		return false;
	for (i = 0; i < n; i++) {
		for (j = 0; j < n; j++)
			if (d->link[j].watch == want[i].watch &&
			    d->link[j].pref == want[i].pref)
				break;
		if (j == n)
			return false;
	}
	return true;
}

/* Consumes the references of `want`. Primaries of equal preference come in
 * another order each time; that is not a change. */
static void
list_set(struct watch_set *ws, struct watch_domain *d, struct watch_link *want,
    unsigned n, bool was_configured, bool configured)
{
	struct watch_link *old = d->link, *same;
	unsigned nold = d->nlinks, i;

	if (was_configured == configured && list_same(d, want, n)) {
		for (i = 0; i < n; i++)
			watch_release(ws, &want[i].watch);
		return;
	}
	d->link = n > 0 ? mem_array(n, sizeof(d->link[0])) : NULL;
	for (i = 0; i < nold; i++)
		link_remove(&old[i], was_configured);
	for (i = 0; i < n; i++) {
		same = NULL;
		for (unsigned j = 0; j < nold && same == NULL; j++)
			if (old[j].watch == want[i].watch)
				same = &old[j];
		if (same != NULL) {
			d->link[i] = *same;
			same->finding = NULL;
		}
		d->link[i].watch = want[i].watch;
		d->link[i].domain = d;
		d->link[i].pref = want[i].pref;
	}
	d->nlinks = n;
	for (i = 0; i < n; i++) {
		link_insert(&d->link[i], configured);
		watch_stamp(ws, d->link[i].watch);
		bound_settle(ws, d->link[i].watch);
	}
	for (i = 0; i < nold; i++) {
		mem_free(&old[i].finding);
		watch_stamp(ws, old[i].watch);
		bound_settle(ws, old[i].watch);
		watch_release(ws, &old[i].watch);
	}
	mem_free(&old);
	domain_touch(ws, d);
}

/* Adds a host to the list under construction, unless it is there already. */
static void
want_host(struct watch_set *ws, struct watch_domain *d,
    const struct conf_domain *cd, struct watch_link *want, unsigned *n,
    const char *name, uint16_t port, unsigned pref, struct watch_time t)
{
	char label[PRIMARY_LABEL_MAX];
	const struct watch *heir_of = NULL;
	struct watch *w;

	route_label(name, port, label);
	for (unsigned i = 0; i < d->nlinks && heir_of == NULL; i++)
		if (strcmp(d->link[i].watch->primary->label, label) == 0)
			heir_of = d->link[i].watch;
	w = watch_hold(ws, name, port, cd, heir_of, t);
	for (unsigned i = 0; i < *n; i++)
		if (want[i].watch == w) {
			watch_release(ws, &w);
			return;
		}
	want[(*n)++] =
	    (struct watch_link){ .watch = w, .pref = (uint16_t)pref };
}

static void
list_configured(struct watch_set *ws, struct watch_domain *d,
    const struct conf_domain *cd, bool was_configured, struct watch_time t)
{
	const struct strlist *list = &cd->primary;
	struct watch_link want[ROUTE_HOST_MAX];
	char host[TEXT_DOMAIN_MAX];
	unsigned n = 0;
	uint16_t port;

	for (size_t i = 0; i < list->n && n < ROUTE_HOST_MAX; i++)
		if (addr_split_host(list->s[i], host, &port, 25) == 0)
			want_host(ws, d, cd, want, &n, host, port, (unsigned)i,
			    t);
	list_set(ws, d, want, n, was_configured, true);
}

/* The same hosts under the new policy, until the next look-up. */
static void
list_renewed(struct watch_set *ws, struct watch_domain *d,
    const struct conf_domain *cd, bool was_configured, struct watch_time t)
{
	struct watch_link want[ROUTE_HOST_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < d->nlinks; i++)
		want_host(ws, d, cd, want, &n, d->link[i].watch->primary->name,
		    d->link[i].watch->primary->port, d->link[i].pref, t);
	list_set(ws, d, want, n, was_configured, false);
}

/* ---- its state */

static void
domain_told(struct watch_set *ws, struct watch_domain *d,
    const struct health_change *c, const char *label, const char *cause,
    struct watch_time t)
{
	struct watch_change change = { .domain = d->name,
		.health = *c,
		.host = label,
		.cause = cause };

	d->since = t.wall;
	if (c->to == HEALTH_UP || c->to == HEALTH_UNKNOWN ||
	    c->to == HEALTH_DISABLED)
		d->unwell_since = 0;
	else if (d->unwell_since == 0)
		d->unwell_since = t.wall;
	domain_touch(ws, d);
	ws->ops.change(ws->ops.arg, &change);
}

static void
set_broken(struct watch_domain *d, bool broken)
{
	struct watch_link *l = domain_decides(d);

	if (d->broken == broken)
		return;
	d->broken = broken;
	d->good = l != NULL ? l->watch->good : 0;
	for (unsigned i = 0; i < d->nlinks; i++)
		if (broken)
			d->link[i].watch->broken++;
		else
			d->link[i].watch->broken--;
}

void
domain_feed(struct watch_set *ws, struct watch_domain *d, enum health_input in,
    const char *cause, struct watch_time t)
{
	struct health_change c;
	char told[PRIMARY_TEXT_MAX];

	if (d->health.state == HEALTH_DISABLED && in != HEALTH_IN_ENABLE)
		return;
	if (cause != NULL) {
		mem_free(&d->cause);
		d->cause = mem_strndup(cause, PRIMARY_TEXT_MAX - 1);
		domain_touch(ws, d);
	}
	if (!health_feed(&d->health, in, t.now, &c))
		return;
	/* The callback may change the cause that it is passed. */
	(void)strlcpy(told, watch_cause(d, NULL), sizeof(told));
	if (c.to == HEALTH_UP)
		mem_free(&d->cause);
	domain_told(ws, d, &c, "", told, t);
}

struct watch_link *
domain_decides(const struct watch_domain *d)
{
	/* Precedence of the states; 0: nothing to be watched. */
	static const unsigned char rank[HEALTH_STATE_MAX] = {
		[HEALTH_DOWN] = 1,
		[HEALTH_UNKNOWN] = 2,
		[HEALTH_SUSPECT] = 3,
		[HEALTH_UP] = 4,
	};
	struct watch_link *best = NULL;
	unsigned top = 0, r;

	for (unsigned i = 0; i < d->nlinks; i++) {
		r = d->link[i].watch->self || d->link[i].watch->backup ?
		    0 :
		    rank[d->link[i].watch->health.state];
		if (r > top) {
			top = r;
			best = &d->link[i];
		}
	}
	return best;
}

/* Down by itself: its primaries are probed more often from now on. */
static void
break_and_hurry(struct watch_set *ws, struct watch_domain *d)
{
	set_broken(d, true);
	for (unsigned i = 0; i < d->nlinks; i++)
		if (ws->turns.watch_pace != NULL &&
		    d->link[i].watch->policy.enabled)
			ws->turns.watch_pace(ws->turns.arg, d->link[i].watch);
}

/* While its primary is down, the domain is down because of that. */
void
domain_break(struct watch_set *ws, struct watch_domain *d, const char *why,
    struct watch_time t)
{
	struct watch_link *l = domain_decides(d);

	if (d->health.state == HEALTH_DISABLED)
		return;
	if (l != NULL && l->watch->health.state != HEALTH_DOWN)
		break_and_hurry(ws, d);
	domain_feed(ws, d, HEALTH_IN_BROKEN, why, t);
}

void
domain_close(struct watch_set *ws, struct watch_domain *d, const char *why,
    struct watch_time t)
{
	d->tripped = why != NULL;
	if (why == NULL) {
		set_broken(d, false);
		domain_follow(ws, d, t);
		return;
	}
	domain_touch(ws, d);
	if (d->health.state == HEALTH_DISABLED)
		return;
	break_and_hurry(ws, d);
	domain_feed(ws, d, HEALTH_IN_BROKEN, why, t);
}

/* Feeds one verdict; true when the state changed. */
static bool
domain_take(struct watch_set *ws, struct watch_domain *d, enum health_input in,
    const struct watch *w, struct watch_time t)
{
	char cause[PRIMARY_TEXT_MAX];
	struct health_change c;

	if (!health_feed(&d->health, in, t.now, &c))
		return false;
	mem_free(&d->cause);
	domain_tell_backup(d, w);
	(void)strlcpy(cause, watch_cause(d, NULL), sizeof(cause));
	domain_told(ws, d, &c, w->primary->label, cause, t);
	return true;
}

/* With a tripped breaker, `rise` good sessions of its primary are a reason for a
 * trial delivery, whose result decides. */
static void
closed_follow(struct watch_set *ws, struct watch_domain *d,
    const struct watch *w)
{
	if (w->health.state == HEALTH_DOWN)
		d->good = w->good;
	else if (w->good - d->good >= d->health.conf.rise &&
	    ws->ops.trial != NULL)
		ws->ops.trial(ws->ops.arg, d->name);
}

/* Down by itself: each good session of its primary counts towards `rise`. */
static void
broken_follow(struct watch_set *ws, struct watch_domain *d,
    const struct watch *w, struct watch_time t)
{
	struct health_change c;

	if (d->tripped) {
		closed_follow(ws, d, w);
		return;
	}
	if (w->health.state == HEALTH_DOWN) {
		set_broken(d, false); /* from now on it waits for its primary */
		return;
	}
	if (d->good == w->good)
		return;
	d->good = w->good;
	if (!health_feed(&d->health, HEALTH_IN_OK, t.now, &c))
		return;
	set_broken(d, false);
	mem_free(&d->cause);
	domain_told(ws, d, &c, w->primary->label, w->cause, t);
}

void
domain_follow(struct watch_set *ws, struct watch_domain *d, struct watch_time t)
{
	struct watch_link *l = domain_decides(d);
	char why[WATCH_WHY_MAX];
	enum health_state primary;
	bool waits;

	domain_touch(ws, d);
	if (d->health.state == HEALTH_DISABLED)
		return;
	if (l == NULL) {
		if (d->nlinks > 0)
			domain_self(ws, d,
			    domain_why_nobody(d, why, sizeof(why)), t);
		return;
	}
	domain_self(ws, d, NULL, t);
	/* The probe was enabled again, or after a restart. */
	if (d->tripped && !d->broken) {
		set_broken(d, true);
		domain_feed(ws, d, HEALTH_IN_BROKEN, NULL, t);
	}
	if (d->broken) {
		broken_follow(ws, d, l->watch, t);
		return;
	}
	primary = l->watch->health.state;
	/* Suspect after down: it was up in between. */
	if (primary == HEALTH_UP ||
	    (primary == HEALTH_SUSPECT && d->health.state == HEALTH_DOWN)) {
		waits = d->health.state == HEALTH_DOWN &&
		    ws->ops.queued(ws->ops.arg, d->name);
		(void)domain_take(ws, d,
		    waits ? HEALTH_IN_IS_BACK : HEALTH_IN_IS_UP, l->watch, t);
	}
	if (primary == HEALTH_SUSPECT)
		(void)domain_take(ws, d, HEALTH_IN_IS_SUSPECT, l->watch, t);
	else if (primary == HEALTH_DOWN)
		(void)domain_take(ws, d, HEALTH_IN_IS_DOWN, l->watch, t);
	domain_tell_backup(d, l->watch);
	/* Unknown: the last known state stays. */
}

/* ---- its settings */

static struct health_conf
health_of(const struct conf_domain *cd)
{
	return (struct health_conf){ .fall = cd->probe.fall,
		.rise = cd->probe.rise,
		.hold_ns = cd->probe.hold_ms * CLOCK_MS };
}

static void
domain_turns(struct watch_set *ws, struct watch_domain *d)
{
	bool want = d->enabled && !d->configured;

	if (want == d->turning)
		return;
	d->turning = want;
	if (want && ws->turns.domain != NULL)
		ws->turns.domain(ws->turns.arg, d);
	else if (!want && ws->turns.domain_gone != NULL)
		ws->turns.domain_gone(ws->turns.arg, d);
}

struct watch_domain *
domain_create(const struct conf_domain *cd, struct watch_time t)
{
	struct watch_domain *d = mem_alloc(sizeof(*d));
	struct health_conf hc = health_of(cd);

	d->name = mem_strdup(cd->name);
	d->since = t.wall;
	health_init(&d->health, &hc, t.now);
	return d;
}

void
domain_destroy(struct watch_set *ws, struct watch_domain **dp)
{
	struct watch_domain *d = *dp;

	if (d->turning && ws->turns.domain_gone != NULL)
		ws->turns.domain_gone(ws->turns.arg, d);
	list_set(ws, d, NULL, 0, d->configured, !d->configured);
	mem_free(&d->name);
	mem_free(&d->cause);
	mem_free(&d->trouble);
	mem_free(dp);
}

void
domain_configure(struct watch_set *ws, struct watch_domain *d,
    const struct conf_domain *cd, struct watch_time t)
{
	bool was_configured = d->configured;
	struct health_conf hc = health_of(cd);

	d->enabled = cd->probe.enabled;
	d->configured = cd->primary.n > 0;
	d->interval_ms = cd->probe.interval_ms;
	connections_set(ws, d, cd->deliver.connections);
	mx_backup_set(ws, d, cd->mx_backup);
	health_conf_set(&d->health, &hc);
	if (d->configured) {
		mem_free(&d->trouble);
		d->trouble_since = 0;
		list_configured(ws, d, cd, was_configured, t);
	} else {
		list_renewed(ws, d, cd, was_configured, t);
	}
	domain_turns(ws, d);
	if (!d->enabled) {
		set_broken(d, false);
		domain_feed(ws, d, HEALTH_IN_DISABLE, "probes are disabled", t);
	} else if (d->health.state == HEALTH_DISABLED) {
		mem_free(&d->cause);
		domain_feed(ws, d, HEALTH_IN_ENABLE, NULL, t);
	}
	domain_follow(ws, d, t);
}

/* ---- by MX */

static void
no_host(struct watch_set *ws, struct watch_domain *d, const struct route *r,
    struct watch_time t)
{
	char text[PRIMARY_TEXT_MAX];

	route_trouble_text(&r->trouble, text, sizeof(text));
	if (text[0] == '\0')
		(void)strlcpy(text, "no host has an address", sizeof(text));
	list_set(ws, d, NULL, 0, false, false);
	domain_self(ws, d, NULL, t);
	domain_feed(ws, d, HEALTH_IN_FAIL, text, t);
}

void
watch_route(struct watch_set *ws, struct watch_domain *d,
    const struct conf_domain *cd, const struct route *r, int64_t now,
    int64_t wall)
{
	struct watch_link want[ROUTE_HOST_MAX];
	struct watch_time t = { now, wall };
	unsigned n = 0;

	watch_trouble_set(&d->trouble, &d->trouble_since, &r->trouble, wall);
	domain_touch(ws, d);
	if (r->status == ROUTE_SELF) {
		list_set(ws, d, NULL, 0, false, false);
		domain_self(ws, d, WATCH_SELF_TEXT, t);
		return;
	}
	if (r->n == 0) {
		/* While the resolver fails the last known hosts stay. */
		if (r->status != ROUTE_DNS_FAIL)
			no_host(ws, d, r, t);
		return;
	}
	for (unsigned i = 0; i < r->n; i++)
		want_host(ws, d, cd, want, &n, r->host[i].name, r->host[i].port,
		    r->host[i].pref, t);
	list_set(ws, d, want, n, false, false);
	for (unsigned i = 0; i < r->n; i++)
		for (unsigned j = 0; j < d->nlinks; j++)
			/* Configured hosts have look-ups of their own. */
			if (d->link[j].watch->configured == 0 &&
			    strcmp(d->link[j].watch->primary->label,
				r->host[i].label) == 0)
				watch_host_set(ws, d->link[j].watch,
				    &r->host[i]);
	domain_follow(ws, d, t);
}
