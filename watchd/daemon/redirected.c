/* SPDX-License-Identifier: ISC
 * redirected: see redirected.h. */
#include "daemon/redirected.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/findings.h"
#include "daemon/maintained.h"
#include "daemon/redirect_order.h"

#define PREFIX	     "redirect/"
#define FINDINGS_MAX 10 /* of a configuration */
#define DROP_SOME    16 /* in a tick */

struct redirect_keeper {
	struct daemon *daemon;
	struct redirect_set *set; /* wanted */
	struct redirect_set *applied; /* known to be in force */
	struct redirect_order *orders; /* not answered yet */
	uint64_t orders_made;
};

/* ---- the store */

static void
put(struct redirect_keeper *k, const char *domain, const struct redirect *r,
    store_done_cb *done, uint64_t token)
{
	struct buf text = BUF_INIT(REDIRECT_RECORD_MAX);
	char key[sizeof(PREFIX) + TEXT_DOMAIN_MAX];

	if (r != NULL)
		redirect_write(r, &text);
	(void)snprintf(key, sizeof(key), PREFIX "%s", domain);
	store_state_put(k->daemon->store, key, text.data, text.len, done, k,
	    token);
	buf_fini(&text);
}

static void
on_dropped(void *arg, uint64_t token, int rc)
{
	(void)arg;
	(void)token;
	if (rc != 0)
		log_error("redirect",
		    "problem=\"the end of a redirect is not stored: a restart "
		    "brings it back\" error=%s",
		    log_q(mx_strerror(rc)));
}

static void
set_take(struct redirect_keeper *k, struct redirect_set *set)
{
	redirect_set_unref(&k->set);
	k->set = set;
}

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct redirect_keeper *k = arg;
	const char *domain = key + strlen(PREFIX);
	struct redirect *r;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return;
	if ((r = redirect_read(domain, data, len)) == NULL) {
		log_error("redirect",
		    "key=%s problem=\"its record does not hold\" "
		    "effect=\"the primary of the configuration is used\"",
		    log_q(key));
		return;
	}
	set_take(k, redirect_set_with(k->set, r));
	redirect_unref(&r);
}

/* ---- the set */

/* `why` NULL: an operator of this node ordered it, which is an event of
 * control. */
static void
tell(struct redirect_keeper *k, const struct redirect *r, const char *event,
    const char *why)
{
	char to[REDIRECT_HOSTS_TEXT], *text;

	redirect_hosts(&r->to, to, sizeof(to));
	log_notice("redirect",
	    "domain=%s event=%s to=%s uid=%lld reason=%s%s%s", r->domain, event,
	    log_q(to), (long long)r->uid, log_q(r->reason),
	    why != NULL ? " why=" : "", why != NULL ? log_q(why) : "");
	if (why == NULL || k->daemon->control == NULL)
		return;
	text = mem_printf("redirect to %s: %s, %s", to, event, why);
	control_event(k->daemon->control,
	    &(struct control_event){ .wall = clock_wall(),
		.what = "redirect",
		.domain = r->domain,
		.host = "",
		.text = text });
	mem_free(&text);
}

/* Has `r` (NULL: none) for the domain from now on, and has that put into
 * force. */
static void
set_change(struct redirect_keeper *k, const char *domain, struct redirect *r)
{
	set_take(k,
	    r != NULL ? redirect_set_with(k->set, r) :
			redirect_set_without(k->set, domain));
	reload_redirects(k->daemon);
}

static void
drop(struct redirect_keeper *k, struct redirect *r, const char *why)
{
	tell(k, r, "end", why);
	put(k, r->domain, NULL, on_dropped, 0);
	set_change(k, r->domain, NULL);
}

struct redirect_set *
redirected_set(const struct daemon *d)
{
	return d->redirected->set;
}

/* In a cluster the file of another node may name the former primary still: only
 * an operator knows when a redirect is the configuration of all of them. */
static const char *
why_over(const struct daemon *d, const struct redirect *r, int64_t now)
{
	const struct conf_domain *cd = config_domain(d->conf, r->domain);

	if (r->until != 0 && r->until <= now)
		return "its time is over";
	if (d->cluster == NULL && cd != NULL && redirect_is_configured(r, cd))
		return "it has become the configuration";
	return NULL;
}

void
redirected_tick(struct daemon *d)
{
	struct redirect_keeper *k = d->redirected;
	struct redirect_set *set = redirect_set_ref(k->set);
	int64_t now = queue_clock_doubt(d->queue) > 0 ? 0 : clock_wall();
	unsigned dropped = 0;
	const char *why;

	for (size_t i = 0; set != NULL && i < set->n && dropped < DROP_SOME;
	     i++) {
		if ((why = why_over(d, set->r[i], now)) == NULL)
			continue;
		drop(k, set->r[i], why);
		dropped++;
	}
	redirect_set_unref(&set);
}

void
redirected_over(struct daemon *d, const char *domain)
{
	struct redirect_keeper *k = d->redirected;
	struct redirect *r = redirect_set_find(k->set, domain);

	/* The mail of a domain is at the node of a cluster that owns it: the
	 * others do not know when it is over. */
	if (r != NULL && d->cluster == NULL)
		drop(k, r, "its domain is no longer configured");
}

/* ---- in force */

/* What is queued for a domain that is up is flushed as after an outage; another
 * one is, when the probes of its new hosts have succeeded. */
static void
changed(struct daemon *d, const char *domain)
{
	(void)schedule_now(d->schedule, domain);
	daemon_held(d, domain);
}

static void
tell_changes(struct daemon *d, const struct redirect_set *was,
    const struct redirect_set *is)
{
	const char *domain;

	for (size_t i = 0; is != NULL && i < is->n; i++)
		if (redirect_set_find(was, is->r[i]->domain) != is->r[i])
			changed(d, is->r[i]->domain);
	for (size_t i = 0; was != NULL && i < was->n; i++) {
		domain = was->r[i]->domain;
		if (redirect_set_find(is, domain) == NULL)
			changed(d, domain);
	}
}

static bool
is_in_force(const struct redirect_keeper *k, const struct redirect_order *o)
{
	const struct conf_domain *cd =
	    config_settings(k->daemon->conf, o->domain);

	return cd == NULL || cd->redirect == o->redirect;
}

/* Another order for the domain, or its end, came before it was in force. */
static bool
is_overtaken(const struct redirect_keeper *k, struct redirect_order *o)
{
	if (redirect_set_find(k->set, o->domain) == o->redirect)
		return false;
	(void)mx_fail(&o->eb, MX_EBUSY,
	    "%s: another order came meanwhile, and that one is in force",
	    o->domain);
	return true;
}

static void
answer(struct redirect_keeper *k, struct redirect_order *o, int rc)
{
	const struct conf_domain *cd =
	    config_settings(k->daemon->conf, o->domain);
	struct control_redirected said = { .error = o->eb.text,
		.doubts = &o->doubts,
		.instead_of = cd != NULL ? config_own_primary(cd) : NULL };
	struct redirect_order **at = &k->orders;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	o->done(o->ticket, rc, &said);
	redirect_order_free(&o);
}

static int
not_in_force(struct redirect_order *o)
{
	return mx_fail(&o->eb, MX_EBUSY,
	    "%s: it is stored, but could not be put into force; the log says "
	    "why",
	    o->domain);
}

void
redirected_settle(struct daemon *d, int rc)
{
	struct redirect_keeper *k = d->redirected;
	struct redirect_order *o, *next;
	struct redirect_set *was = k->applied;

	if (rc == 0) {
		k->applied = redirect_set_ref(d->conf->redirects);
		tell_changes(d, was, k->applied);
		redirect_set_unref(&was);
	}
	for (o = k->orders; o != NULL; o = next) {
		next = o->next;
		if (!o->stored)
			continue;
		if (is_in_force(k, o))
			answer(k, o, 0);
		else if (is_overtaken(k, o))
			answer(k, o, -MX_EBUSY);
		else if (rc != 0)
			answer(k, o, not_in_force(o));
	}
}

/* ---- orders */

static struct redirect_order *
order_find(struct redirect_keeper *k, uint64_t id)
{
	struct redirect_order *o = k->orders;

	while (o != NULL && o->id != id)
		o = o->next;
	return o;
}

/* What is not durable is not done. At a shutdown nobody waits for it any more,
 * and the next start finds it. */
static void
on_stored(void *arg, uint64_t id, int rc)
{
	struct redirect_keeper *k = arg;
	struct redirect_order *o = order_find(k, id);
	const struct redirect *is;

	if (o == NULL || k->daemon->reload == NULL)
		return;
	if (rc != 0) {
		(void)mx_fail(&o->eb, MX_EIO,
		    "%s: it could not be stored (%s), and nothing has changed",
		    o->domain, mx_strerror(rc));
		answer(k, o, -MX_EIO);
		return;
	}
	is = o->redirect != NULL ? o->redirect :
				   redirect_set_find(k->set, o->domain);
	if (is != NULL)
		tell(k, is, o->redirect != NULL ? "begin" : "end", NULL);
	o->stored = true;
	set_change(k, o->domain, o->redirect);
}

static bool
is_full(const struct redirect_keeper *k, const char *domain)
{
	return k->set != NULL && k->set->n >= REDIRECTS_MAX &&
	    redirect_set_find(k->set, domain) == NULL;
}

static void
on_judged(struct redirect_order *o, int rc)
{
	struct redirect_keeper *k = o->daemon->redirected;

	if (rc == 0 && o->redirect != NULL && is_full(k, o->domain))
		rc = mx_fail(&o->eb, MX_EFULL,
		    "%d domains are redirected, which is the limit: end some, "
		    "or put their new primaries into the configuration",
		    REDIRECTS_MAX);
	if (rc != 0 || o->dry)
		answer(k, o, rc);
	else
		put(k, o->domain, o->redirect, on_stored, o->id);
}

static struct redirect_order *
order_create(struct daemon *d, const char *domain, control_redirected_cb *done,
    void *ticket)
{
	struct redirect_keeper *k = d->redirected;
	struct redirect_order *o = mem_alloc(sizeof(*o));

	o->id = ++k->orders_made;
	o->daemon = d;
	(void)strlcpy(o->domain, domain, sizeof(o->domain));
	o->judged = on_judged;
	o->done = done;
	o->ticket = ticket;
	o->next = k->orders;
	k->orders = o;
	return o;
}

static void
op_order(void *arg, struct redirect *r, bool dry, control_redirected_cb *done,
    void *ticket)
{
	struct redirect_order *o = order_create(arg, r->domain, done, ticket);

	o->redirect = redirect_ref(r);
	o->dry = dry;
	redirect_order_judge(o);
}

static void
op_end(void *arg, const char *domain, bool dry, control_redirected_cb *done,
    void *ticket)
{
	struct daemon *d = arg;
	struct redirect_order *o = order_create(d, domain, done, ticket);
	int rc = 0;

	o->dry = dry;
	if (redirect_set_find(d->redirected->set, domain) == NULL)
		rc = mx_fail(&o->eb, MX_ENOENT, "%s is not redirected", domain);
	on_judged(o, rc);
}

static void
op_each(void *arg, void (*fn)(const struct control_redirect *, void *),
    void *fn_arg)
{
	const struct daemon *d = arg;
	const struct redirect_set *set = d->redirected->set;
	const struct conf_domain *cd;
	struct control_redirect is;

	for (size_t i = 0; set != NULL && i < set->n; i++) {
		is = (struct control_redirect){ .redirect = set->r[i] };
		cd = config_settings(d->conf, is.redirect->domain);
		if (cd != NULL) {
			is.in_force = cd->redirect == is.redirect;
			is.instead_of = config_own_primary(cd);
		}
		fn(&is, fn_arg);
	}
}

const struct control_redirect_ops daemon_redirect_ops = {
	.order = op_order,
	.end = op_end,
	.each = op_each,
};

/* ---- in a cluster */

/* Its record is stored, for all nodes, by the one that tells. */
bool
redirected_told(struct daemon *d, const char *key, const void *data, size_t len)
{
	const char *domain = key + strlen(PREFIX);
	struct redirect *r;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return false;
	if (len > 0)
		load_one(d->redirected, key, data, len);
	r = redirect_set_find(d->redirected->set, domain);
	if (r == NULL)
		return true;
	tell(d->redirected, r, len > 0 ? "begin" : "end",
	    "told by another node");
	if (len > 0)
		reload_redirects(d);
	else
		set_change(d->redirected, domain, NULL);
	return true;
}

/* ---- what is shown */

void
redirected_show(const struct conf_domain *cd, struct snap_redirect *s,
    char room[REDIRECTED_SHOW_ROOM])
{
	const struct redirect *r = cd != NULL ? cd->redirect : NULL;
	char *from = room + REDIRECT_HOSTS_TEXT;

	if (r == NULL)
		return;
	*s = (struct snap_redirect){ .active = true,
		.since = r->since,
		.until = r->until,
		.uid = r->uid,
		.reason = r->reason,
		.to = redirect_hosts(&r->to, room, REDIRECT_HOSTS_TEXT),
		.instead_of = redirect_hosts(&cd->redirected, from,
		    REDIRECT_HOSTS_TEXT) };
}

void
redirected_findings(const struct config *c, struct conf_errors *errs)
{
	const struct redirect_set *set = c->redirects;
	const struct conf_domain *cd;
	char to[REDIRECT_HOSTS_TEXT];
	size_t n = 0;

	for (size_t i = 0; set != NULL && i < set->n; i++) {
		cd = config_domain(c, set->r[i]->domain);
		if (cd == NULL || cd->redirect == NULL || ++n > FINDINGS_MAX)
			continue;
		finding(errs, true, c->file, 0,
		    "%s is redirected to %s by an operator: the primary that "
		    "is configured is not used; mxwatchctl redirect --end %s "
		    "ends that",
		    cd->name, redirect_hosts(&cd->primary, to, sizeof(to)),
		    cd->name);
	}
	if (n > FINDINGS_MAX)
		finding(errs, true, c->file, 0,
		    "%zu more domains are redirected; mxwatchctl redirect "
		    "lists them",
		    n - FINDINGS_MAX);
}

/* ---- create and destroy */

/* Those whose time is over are not put into force again; the first tick ends
 * them. */
static struct redirect_set *
still_valid(struct redirect_set *all)
{
	struct redirect_set *set = redirect_set_ref(all), *without;
	int64_t now = clock_wall();

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		if (all->r[i]->until == 0 || all->r[i]->until > now)
			continue;
		without = redirect_set_without(set, all->r[i]->domain);
		redirect_set_unref(&set);
		set = without;
	}
	return set;
}

void
redirected_create(struct daemon *d)
{
	struct redirect_keeper *k = mem_alloc(sizeof(*k));
	struct config *base = d->conf;
	struct conf_errors errs = { 0 };

	d->redirected = k;
	k->daemon = d;
	store_state_each(d->store, PREFIX, load_one, k);
	k->applied = still_valid(k->set);
	if (k->applied == NULL)
		return;
	d->conf = config_redirected(base, k->applied);
	config_unref(&base);
	redirected_findings(d->conf, &errs);
	daemon_log_findings(&errs);
	conf_errors_fini(&errs);
}

void
redirected_destroy(struct daemon *d)
{
	struct redirect_keeper *k = d->redirected;
	struct redirect_order *o;

	if (k == NULL)
		return;
	while ((o = k->orders) != NULL) {
		k->orders = o->next;
		redirect_order_free(&o);
	}
	redirect_set_unref(&k->set);
	redirect_set_unref(&k->applied);
	mem_free(&d->redirected);
}
