/* SPDX-License-Identifier: ISC
 * rules_turn: selects the domains to evaluate in a call, so that tens of
 * thousands take turns; and keeps their data between calls. */
#include <string.h>

#include "alerts/rules_int.h"
#include "base/mem.h"

/* One domain, in the order of the snapshot. */
struct watched {
	/* block that was evaluated last; NULL: never */
	struct snap_domain *seen;
	struct trend trend;
	bool configured; /* at that time */
	bool hot; /* an alert about it is pending or fires */
};

struct rules {
	struct watched **domain; /* ascending name */
	unsigned n;
	unsigned start; /* where the next call begins */
	unsigned turn; /* next in turn */
};

struct rules *
rules_create(void)
{
	return mem_alloc(sizeof(struct rules));
}

static void
watched_free(struct watched **wp)
{
	if (*wp == NULL)
		return;
	snap_domain_unref(&(*wp)->seen);
	trend_fini(&(*wp)->trend);
	mem_free(wp);
}

void
rules_destroy(struct rules **rp)
{
	struct rules *r = *rp;

	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->n; i++)
		watched_free(&r->domain[i]);
	mem_free(&r->domain);
	mem_free(rp);
}

/* True when that position in the list belongs to this domain already. */
static bool
is_place_of(const struct rules *r, unsigned i, const struct snap_domain *d)
{
	return i < r->n && r->domain[i]->seen != NULL &&
	    strcmp(r->domain[i]->seen->name, d->name) == 0;
}

/* No rule evaluates it any more. */
static void
watched_gone(struct watched **wp, const struct view *x, rules_cb *fn, void *arg)
{
	struct watched *w = *wp;

	for (unsigned k = 0; k < ALERT_KIND_MAX && w->hot; k++)
		if (x->conf->alert[k].enabled &&
		    alert_scope(k) == ALERT_SCOPE_DOMAIN)
			(void)fn((enum alert_kind)k, w->seen->name, NULL, arg);
	watched_free(wp);
}

/* Domains were added or removed: moves the data of the others along. Both are
 * sorted by name. */
static void
align(struct rules *r, const struct view *x, rules_cb *fn, void *arg)
{
	const struct snap_list *l = &x->s->domains;
	struct watched **old = r->domain;
	unsigned nold = r->n, j = 0;
	const struct snap_domain *d;

	r->domain = mem_array(l->n + 1, sizeof(struct watched *));
	r->n = l->n;
	for (unsigned i = 0; i < l->n; i++) {
		d = snap_list_at(l, i);
		/* One that was never evaluated has no data. */
		while (j < nold &&
		    (old[j]->seen == NULL ||
			strcmp(old[j]->seen->name, d->name) < 0))
			watched_gone(&old[j++], x, fn, arg);
		if (j < nold && strcmp(old[j]->seen->name, d->name) == 0)
			r->domain[i] = old[j++];
		else
			r->domain[i] = mem_alloc(sizeof(struct watched));
	}
	while (j < nold)
		watched_gone(&old[j++], x, fn, arg);
	mem_free(&old);
}

static bool
is_aligned(const struct rules *r, const struct snap_list *l)
{
	if (r->n != l->n)
		return false;
	return l->n == 0 || r->domain[l->n - 1]->seen == NULL ||
	    is_place_of(r, l->n - 1, snap_list_at(l, l->n - 1));
}

static void
eval_domain(struct view *x, struct watched *w, rules_cb *fn, void *arg)
{
	bool configured;

	x->cd = config_settings(x->conf, x->d->name);
	configured = x->cd != NULL;
	if (configured) {
		if (x->d->maintenance.active)
			trend_forget_downs(&w->trend);
		trend_feed(&w->trend, x->d, x->now);
		x->t = &w->trend;
	}
	w->hot = false;
	for (unsigned k = 0; k < ALERT_KIND_MAX; k++) {
		if (!x->conf->alert[k].enabled ||
		    alert_scope(k) != ALERT_SCOPE_DOMAIN)
			continue;
		if (configured)
			w->hot |= rules_one(x, (enum alert_kind)k, fn, arg);
		else if (w->configured)
			(void)fn((enum alert_kind)k, x->d->name, NULL, arg);
	}
	w->configured = configured;
}

/* One walk along the pointers; the number evaluated is bounded. */
static void
eval_domains(struct rules *r, struct view *x, rules_cb *fn, void *arg)
{
	const struct snap_list *l = &x->s->domains;
	unsigned n = l->n, turn = n / RULES_ROUND + 1, i, k, done = 0;
	struct watched *w;
	bool due;

	if (turn < RULES_TURN)
		turn = RULES_TURN;
	if (r->start >= n)
		r->start = 0;
	if (r->turn >= n)
		r->turn = 0;
	for (k = 0; k < n && done < RULES_MOST; k++) {
		i = r->start + k < n ? r->start + k : r->start + k - n;
		w = r->domain[i];
		x->d = snap_list_at(l, i);
		due = (i >= r->turn ? i - r->turn : i + n - r->turn) < turn;
		if (!due && !w->hot && w->seen == x->d)
			continue;
		eval_domain(x, w, fn, arg);
		done++;
		if (w->seen == x->d)
			continue;
		snap_domain_unref(&w->seen);
		w->seen =
		    snap_domain_ref((struct snap_domain *)(uintptr_t)x->d);
	}
	r->start = n > 0 ? (r->start + k) % n : 0;
	r->turn += turn;
}

static void
eval_lists(struct view *x, rules_cb *fn, void *arg)
{
	for (unsigned k = 0; k < ALERT_KIND_MAX; k++) {
		if (!x->conf->alert[k].enabled ||
		    alert_scope(k) != ALERT_SCOPE_LIST)
			continue;
		for (unsigned i = 0; i < x->s->ndnsbls; i++) {
			x->list = &x->s->dnsbl[i];
			(void)rules_one(x, (enum alert_kind)k, fn, arg);
		}
	}
	x->list = NULL;
}

void
rules_eval(struct rules *rules, const struct config *conf,
    const struct snapshot *s, const struct rules_self *self, int64_t now,
    rules_cb *fn, void *arg)
{
	struct view x = { .conf = conf, .s = s, .self = self, .now = now };

	for (unsigned k = 0; k < ALERT_KIND_MAX; k++)
		if (conf->alert[k].enabled &&
		    alert_scope(k) == ALERT_SCOPE_GLOBAL)
			(void)rules_one(&x, (enum alert_kind)k, fn, arg);
	eval_lists(&x, fn, arg);
	if (!is_aligned(rules, &s->domains))
		align(rules, &x, fn, arg);
	eval_domains(rules, &x, fn, arg);
}
