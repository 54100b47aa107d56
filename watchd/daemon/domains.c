/* SPDX-License-Identifier: ISC
 * domains: see domains.h. New blocks are collected and merged into the list at
 * the end of a slice; other blocks replace the previous one in place. */
#include "daemon/domains.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/removed.h"
#include "daemon/backups.h"
#include "daemon/cluster_show.h"
#include "daemon/maintained.h"
#include "daemon/redirected.h"
#include "daemon/removed.h"

#define SLICE_NS      (2 * CLOCK_MS) /* of a slice */
#define SLICE_MS      5 /* between the slices of a round */
#define REFRESH_TICKS 300 /* ticks in which every block is remade */
#define RECENT_SLICE  2000 /* blocks checked for aged windows in a tick */

struct domains {
	struct daemon *daemon;
	struct snap_list list;
	struct loop_timer *timer;
	unsigned refresh; /* next block to be remade regardless */
	int64_t quarter; /* last quarter seen, of the windows */
	unsigned recent; /* next block to be checked in this quarter */
	struct snap_domain *fresh[DOMAINS_SLICE];
	const char *over[DOMAINS_SLICE]; /* removed domains that are empty */
	unsigned nfresh, nover;
	char **left; /* blocks to be dropped at the next tick */
	size_t nleft;
};

static void
fill_flush(struct snap_flush *to, const struct relay_flush *f)
{
	to->running = f->running;
	to->trigger = f->trigger;
	to->start_ms = f->start_ms;
	to->end_ms = f->end_ms;
	to->total = f->total;
	to->remaining = f->remaining;
	to->delivered = f->delivered;
	to->deferred = f->deferred;
	to->failed = f->failed;
	to->rate = f->rate;
	to->eta_ms = f->eta_ms;
	to->last_ok = !f->running && f->end_ms != 0 && f->remaining == 0;
}

static void
fill_queue(struct daemon *d, struct snap_domain *s)
{
	struct relay_domain r;

	d->relay->domain(d->relay->self, s->name, &r);
	s->on_hold = r.on_hold;
	s->breaker_since = r.broken ? r.broken_ms / 1000 : 0;
	s->breaker_trial = r.trial_ms / 1000;
	s->breaker_trials = r.trials;
	s->breaker_is_tripped = r.broken;
	s->breaker_reply = r.broken ? r.broken_reply : "";
	s->breaker_primary =
	    r.broken && r.broken_primary != NULL ? r.broken_primary : "";
	s->breaker_domains = r.broken ? r.broken_domains : 0;
	s->breaker_follows = r.broken && !r.broken_speaks;
	s->put_off = r.put_off;
	s->learns = r.learns;
	s->learned[0] = r.learned_good;
	s->learned[1] = r.learned_bad;
	s->catch_all = r.catch_all;
	s->tested_ms = r.tested_ms;
	s->active = r.active;
	s->deferred = r.deferred;
	s->held = r.held;
	s->owed = r.owed;
	s->recipients = r.recipients;
	s->bytes = r.bytes;
	s->oldest_ms = r.oldest_ms;
	s->oldest_live_ms = r.oldest_live_ms;
	s->next_expiry_ms = r.next_expiry_ms;
	s->ripest_ms = r.ripest_ms;
	s->ripest_life_ms = r.ripest_life_ms;
	s->next_try_ms = r.next_try_ms;
	s->local = r.local;
	s->local_oldest_ms = r.local_oldest_ms;
	s->window = r.canary ? 1 : deliver_window(d->deliver, s->name);
	fill_flush(&s->flush, &r.flush);
}

static void
fill_list(struct daemon *d, struct snap_domain *s)
{
	struct recipients_state st;

	if (!smtpd_list(d->smtpd, s->name, &st))
		return;
	s->list = st.name;
	s->list_entries = st.entries;
	s->list_confirmed_ms = st.confirmed_ms;
	s->list_trouble = st.trouble;
}

static struct snap_domain *
block_create(struct daemon *d, const char *name, const struct domain_stats *ds,
    const struct snap_domain *was)
{
	const struct conf_domain *cd = config_settings(d->conf, name);
	struct snap_domain *s, *made;
	struct snap_verdict said[SNAP_NODES];
	char redirect[REDIRECTED_SHOW_ROOM];

	s = snap_domain_create(name, watch_count(d->watch, name));
	s->count = *ds;
	for (unsigned i = 0; i < STATS_WINDOW_MAX; i++)
		s->recent[i] = stats_recent(d->stats, ds, (enum stats_window)i);
	s->removed = removed_is_kept(d->conf, name);
	s->mx_backup = config_is_mx_backup(d->conf, name);
	s->elsewhere = cd != NULL && cd->elsewhere;
	s->state = HEALTH_UNKNOWN;
	s->state_name = health_state_name(HEALTH_UNKNOWN);
	s->lifetime =
	    (cd != NULL ? cd : &d->conf->defaults)->lifetime_ms / 1000;
	watch_snapshot(d->watch, name, s, s->primary);
	fill_queue(d, s);
	fill_list(d, s);
	s->alerts = daemon_alerts_of(d, name);
	maintained_show(d, s, was);
	redirected_show(cd, &s->redirect, redirect);
	(void)drill_show(d->drills, name, &s->drill);
	cluster_show_domain(d->cluster, s, said);
	/* The strings belong to the watch and the cluster. */
	made = snap_domain_copy(s);
	snap_domain_unref(&s);
	return made;
}

/* Expired mail is reported at most once a round, as a count since the previous
 * one: a thousand messages may expire in the same second. */
static void
tell_expired(struct daemon *d, const char *name, uint64_t was, uint64_t is)
{
	struct notice n = { .kind = NOTICE_EXPIRED, .a = (int64_t)(is - was) };

	if (is == was)
		return;
	strlcpy(n.domain, name, sizeof(n.domain));
	daemon_notice(d, &n);
}

/* Stores the settings of a domain that has mail: if the domain leaves, they are
 * needed to deliver it. */
static void
keep_settings(struct daemon *d, const struct snap_domain *s)
{
	const struct conf_domain *cd = config_domain(d->conf, s->name);
	struct conf_domain backup;

	if (snap_domain_messages(s) == 0)
		return;
	if (cd == NULL && s->removed) /* the mail came after it had left */
		cd = config_settings(d->conf, s->name);
	else if (cd == NULL && s->mx_backup) {
		backup = backups_settings(d->conf, s->name);
		cd = &backup;
	}
	if (cd != NULL)
		removed_note(d->removed, cd);
}

static void
remake(struct domains *ds, const char *name, const struct domain_stats *count)
{
	struct daemon *d = ds->daemon;
	bool found, over;
	unsigned i = snap_list_place(&ds->list, name, &found);
	const struct snap_domain *was =
	    found ? snap_list_at(&ds->list, i) : NULL;
	struct snap_domain *s = block_create(d, name, count, was);

	over = removed_is_over(d->removed, s);
	if (s->flush.running) /* its rate and its ETA change with time */
		stats_touch(d->stats, name);
	if (found)
		tell_expired(d, name, was->count.expired, count->expired);
	if (found && was->maintenance.hold != s->maintenance.hold)
		daemon_held(d, name);
	daemon_ledger_domain(d, found ? snap_list_at(&ds->list, i) : NULL, s);
	keep_settings(d, s);
	/* The domain stays for another round if a snapshot has not shown it
	 * empty yet, if the reload that is being applied may bring it back, or
	 * if a client is about to send a message for it. */
	if (over &&
	    (!found || !removed_is_over(d->removed, was) ||
		reload_is_applied(d) || smtpd_receives(d->smtpd, count))) {
		stats_touch(d->stats, name);
		over = false;
	}
	if (over) {
		ds->over[ds->nover++] = name;
		snap_domain_unref(&s);
	} else if (!found) {
		ds->fresh[ds->nfresh++] = s;
	} else {
		snap_list_replace(&ds->list, i, &s);
	}
}

static int
block_cmp(const void *a, const void *b)
{
	return strcmp((*(struct snap_domain *const *)a)->name,
	    (*(struct snap_domain *const *)b)->name);
}

static void
merge(struct domains *ds)
{
	if (ds->nfresh > 0) {
		qsort(ds->fresh, ds->nfresh, sizeof(struct snap_domain *),
		    block_cmp);
		snap_list_merge(&ds->list, ds->fresh, ds->nfresh);
		ds->nfresh = 0;
	}
	if (ds->nover > 0) {
		for (unsigned i = 0; i < ds->nover; i++)
			removed_over(ds->daemon->removed, ds->over[i], false,
			    "empty");
		qsort(ds->over, ds->nover, sizeof(char *), text_order);
		snap_list_drop(&ds->list, ds->over, ds->nover);
		ds->nover = 0;
	}
}

static void
slice(struct domains *ds)
{
	int64_t end = clock_now() + SLICE_NS;
	const struct domain_stats *count = NULL;
	const char *name;
	unsigned n;

	for (n = 0; n < DOMAINS_SLICE && (n == 0 || clock_now() < end); n++) {
		count = stats_take(ds->daemon->stats, &name);
		if (count == NULL)
			break;
		remake(ds, name, count);
	}
	merge(ds);
	if (count != NULL)
		loop_timer_set(ds->timer, SLICE_MS);
}

static void
on_slice(void *arg)
{
	slice(arg);
}

static void
touch_stale(struct domains *ds)
{
	struct stats *st = ds->daemon->stats;
	unsigned n = ds->list.n, end;
	const struct snap_domain *d;

	if (ds->refresh >= n)
		ds->refresh = 0;
	for (end = ds->refresh + n / REFRESH_TICKS + 1;
	     ds->refresh < n && ds->refresh < end; ds->refresh++)
		stats_touch(st, snap_list_at(&ds->list, ds->refresh)->name);
	if (stats_quarter(st) != ds->quarter) {
		ds->quarter = stats_quarter(st);
		ds->recent = 0;
	}
	for (end = ds->recent + RECENT_SLICE;
	     ds->recent < n && ds->recent < end; ds->recent++) {
		d = snap_list_at(&ds->list, ds->recent);
		if (d->recent[STATS_DAY].delivered > 0 ||
		    d->recent[STATS_DAY].bounced > 0 ||
		    d->recent[STATS_DAY].expired > 0)
			stats_touch(st, d->name);
	}
}

void
domains_leave(struct domains *ds, const char *name, const char *why)
{
	ds->left = mem_grow(ds->left, ds->nleft + 1, sizeof(*ds->left));
	ds->left[ds->nleft++] = mem_strdup(name);
	removed_over(ds->daemon->removed, name, true, why);
}

/* A domain that has come back meanwhile keeps its block, which is remade. */
static void
drop_left(struct domains *ds)
{
	const char **name = mem_array(ds->nleft + 1, sizeof(*name));
	unsigned n = 0;

	for (size_t i = 0; i < ds->nleft; i++)
		if (stats_peek(ds->daemon->stats, ds->left[i]) == NULL)
			name[n++] = ds->left[i];
	qsort(name, n, sizeof(*name), text_order);
	snap_list_drop(&ds->list, name, n);
	mem_free(&name);
	for (size_t i = 0; i < ds->nleft; i++)
		mem_free(&ds->left[i]);
	mem_free(&ds->left);
	ds->nleft = 0;
}

void
domains_tick(struct domains *ds)
{
	if (ds->nleft > 0)
		drop_left(ds);
	touch_stale(ds);
	stats_round(ds->daemon->stats);
	slice(ds);
}

void
domains_now(struct domains *ds, const char *name)
{
	const struct domain_stats *count = stats_peek(ds->daemon->stats, name);

	if (count == NULL)
		return;
	remake(ds, name, count);
	merge(ds);
}

int
domains_forget(struct domains *ds, const char *name)
{
	struct daemon *d = ds->daemon;

	if (config_domain(d->conf, name) != NULL)
		return -MX_EEXIST;
	if (reload_is_applied(d))
		return -MX_EBUSY;
	if (!removed_is_kept(d->conf, name))
		return -MX_ENOENT;
	removed_over(d->removed, name, false, "forgotten");
	snap_list_drop(&ds->list, &name, 1);
	return 0;
}

const struct snap_list *
domains_list(const struct domains *ds)
{
	return &ds->list;
}

struct domains *
domains_create(struct daemon *d)
{
	struct domains *ds = mem_alloc(sizeof(*ds));

	ds->daemon = d;
	ds->timer = loop_timer_create(d->loop, on_slice, ds);
	return ds;
}

void
domains_destroy(struct domains **dsp)
{
	struct domains *ds = *dsp;

	if (ds == NULL)
		return;
	loop_timer_destroy(&ds->timer);
	for (size_t i = 0; i < ds->nleft; i++)
		mem_free(&ds->left[i]);
	mem_free(&ds->left);
	snap_list_fini(&ds->list);
	mem_free(dsp);
}
