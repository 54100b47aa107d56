/* SPDX-License-Identifier: ISC
 * dnsbl_lists: the configured lists, their resolver and what is shown of them.
 * The state of a list survives a reload; look-ups under way and the results of
 * clients are dropped when anything about the lists changes. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/smtpd/dnsbl_int.h"

#define WAITING 100u /* waiting look-ups for each list */

static struct dnsbl_list *
list_find(struct dnsbl_list *list, unsigned n, const char *zone)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i].shown.zone, zone) == 0)
			return &list[i];
	return NULL;
}

void
dnsbl_count_refusal(struct dnsbl *d, const struct dnsbl_use *u)
{
	struct dnsbl_list *l = list_find(d->list, d->nlists, u->zone);

	if (l != NULL)
		l->shown.refusals++;
}

/* Lists that were configured before keep their state. */
static void
take_sites(struct dnsbl *d, const struct strlist *want)
{
	struct dnsbl_list *old = d->list, *l;
	unsigned nold = d->nlists;
	size_t i;

	d->list = mem_array(want->n + 1, sizeof(*d->list));
	d->nlists = d->nsites = 0;
	for (i = 0; i < want->n && i < DNSBL_SITES_MAX; i++) {
		struct dnsbl_site *s = &d->site[d->nsites];

		if (dnsbl_site_parse(want->s[i], s) != NULL)
			continue; /* the configuration was checked before */
		l = list_find(d->list, d->nlists, s->zone);
		if (l == NULL) {
			l = &d->list[d->nlists++];
			if (list_find(old, nold, s->zone) != NULL)
				*l = *list_find(old, nold, s->zone);
			strlcpy(l->shown.zone, s->zone, sizeof(l->shown.zone));
			l->dnsbl = d;
		}
		d->list_of[d->nsites++] = (unsigned)(l - d->list);
	}
	mem_free(&old);
}

static void
open_dns(struct dnsbl *d, const struct config *conf)
{
	const struct dns_conf dc = { .servers = conf->resolver,
		.nservers = conf->nresolver,
		.threads = conf->smtpd.dnsbl_lookups,
		.queue_max = conf->smtpd.dnsbl_lookups * WAITING,
		.timeout_ms = conf->smtpd.dnsbl_wait_ms,
		.forget = true };
	struct mx_errbuf eb = { "" };

	d->dns = dns_create(d->loop, &dc, &eb);
	if (d->dns == NULL)
		log_error("dnsbl",
		    "error=%s consequence=\"no client is listed\"",
		    log_q(eb.text));
}

static bool
is_same(const struct config *a, const struct config *b)
{
	const struct strlist *x = &a->smtpd.dnsbl, *y = &b->smtpd.dnsbl;
	size_t i;

	if (x->n != y->n || a->smtpd.dnsbl_wait_ms != b->smtpd.dnsbl_wait_ms ||
	    a->smtpd.dnsbl_lookups != b->smtpd.dnsbl_lookups ||
	    a->smtpd.dnsbl_cache != b->smtpd.dnsbl_cache ||
	    a->smtpd.dnsbl_threshold != b->smtpd.dnsbl_threshold)
		return false;
	for (i = 0; i < x->n; i++)
		if (strcmp(x->s[i], y->s[i]) != 0)
			return false;
	return true;
}

/* Frees everything that depends on the lists; waiting sessions count as not
 * listed. */
static void
tear_down(struct dnsbl *d)
{
	unsigned i;

	dnsbl_drop_asks(d);
	for (i = 0; i < d->nlists; i++)
		dnsbl_test_cancel(&d->list[i]);
	dns_destroy(&d->dns);
	dnsbl_table(d, 0);
	loop_timer_cancel(d->timer);
}

void
dnsbl_configure(struct dnsbl *d, struct config *conf)
{
	struct config *old = d->conf;

	d->conf = config_ref(conf);
	if (old == NULL || !is_same(old, conf)) {
		tear_down(d);
		take_sites(d, &conf->smtpd.dnsbl);
		if (d->nlists > 0) {
			dnsbl_table(d, conf->smtpd.dnsbl_cache);
			open_dns(d, conf);
		}
	}
	config_unref(&old);
	dnsbl_test_all(d);
}

struct dnsbl *
dnsbl_create(struct loop *loop, void (*known)(struct dnsbl_use *))
{
	struct dnsbl *d = mem_alloc(sizeof(*d));

	d->loop = loop;
	d->known = known;
	d->seed = rnd_u64();
	d->timer = loop_timer_create(loop, dnsbl_test_due, d);
	LIST_INIT(&d->asks);
	return d;
}

void
dnsbl_destroy(struct dnsbl **dp)
{
	struct dnsbl *d = *dp;

	if (d == NULL)
		return;
	tear_down(d);
	loop_timer_destroy(&d->timer);
	mem_free(&d->list);
	config_unref(&d->conf);
	mem_free(dp);
}

unsigned
dnsbl_lists(const struct dnsbl *d)
{
	return d->nlists;
}

void
dnsbl_show(const struct dnsbl *d, struct snap_dnsbl *out)
{
	unsigned i;

	for (i = 0; i < d->nlists; i++) {
		out[i] = d->list[i].shown;
		out[i].silent = dnsbl_is_silent(&d->list[i]);
	}
}
