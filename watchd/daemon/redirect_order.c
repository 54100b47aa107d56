/* SPDX-License-Identifier: ISC
 * redirect_order: see redirect_order.h. */
#include "daemon/redirect_order.h"

#include <string.h>

#include "base/mem.h"
#include "config/backup_names.h"
#include "config/removed.h"

#define LOOKUPS_MS 5000

static void judge_next(struct redirect_order *);

static void
judge_end(struct redirect_order *o, int rc)
{
	loop_timer_destroy(&o->limit);
	o->judged(o, rc);
}

static void
doubt(struct redirect_order *o, char *text)
{
	strlist_add(&o->doubts, text);
}

/* ---- what the configuration says */

/* 0, or refused. */
static int
check_domain(struct redirect_order *o, const struct conf_domain **cd)
{
	const struct config *c = o->daemon->conf;

	*cd = config_domain(c, o->domain);
	if (*cd != NULL)
		return 0;
	if (config_is_mx_backup(c, o->domain))
		return mx_fail(&o->eb, MX_ENOENT,
		    "%s has no section: mx_backup took it in, and its mail "
		    "goes where the DNS says; give it a section first",
		    o->domain);
	if (removed_is_kept(c, o->domain))
		return mx_fail(&o->eb, MX_ENOENT,
		    "%s is no longer in the configuration; put it back and "
		    "reload first",
		    o->domain);
	return mx_fail(&o->eb, MX_ENOENT, "%s is not configured", o->domain);
}

static int
check_hosts(struct redirect_order *o, const struct conf_domain *cd)
{
	const struct redirect *r = o->redirect;
	int rc = redirect_check(r, o->daemon->conf, cd, &o->eb);

	if (rc != 0)
		return rc;
	if (!redirect_is_configured(r, cd))
		return 0;
	return mx_fail(&o->eb, MX_ESYNTAX,
	    cd->redirect != NULL ?
		"that is what the configuration says for %s; `mxwatchctl "
		"redirect --end %s` ends its redirect" :
		"that is what the configuration says for %s",
	    o->domain, o->domain);
}

static void
doubt_tls(struct redirect_order *o, const struct conf_domain *cd)
{
	if (cd->deliver.tls == CONF_TLS_REQUIRE)
		doubt(o,
		    mem_printf("deliver { tls = \"require\" } stays in force: "
			       "mail waits here unless the new host has a "
			       "certificate that is valid for its name"));
	else if (cd->deliver.tls == CONF_TLS_DANE)
		doubt(o,
		    mem_printf("deliver { tls = \"dane\" } stays in force: "
			       "mail waits here if the new host has TLSA "
			       "records that do not fit its certificate"));
}

/* ---- what is known of a host, and its look-up */

static void
doubt_health(struct redirect_order *o, const char *host)
{
	char name[TEXT_DOMAIN_MAX], label[TEXT_DOMAIN_MAX + 8];
	const struct primary *p = NULL;
	uint16_t port;

	if (addr_split_host(host, name, &port, 25) == 0)
		p = primary_find(watch_primaries(o->daemon->watch),
		    route_label(name, port, label));
	if (p != NULL && p->reach.state == HEALTH_DOWN)
		doubt(o,
		    mem_printf("%s is down at present: %s", host,
			p->cause[0] != '\0' ? p->cause : "no reason given"));
}

static int
look_at_route(struct redirect_order *o, const char *host, const struct route *r)
{
	const char *barred = r->n > 0 ? r->host[0].barred : NULL;
	char text[TEXT_DOMAIN_MAX + 128];

	if (r->status == ROUTE_SELF)
		return mx_fail(&o->eb, MX_ESYNTAX,
		    "%s is this server; name the server that the mail is for",
		    host);
	if (barred != NULL && r->host[0].naddrs == 0)
		return mx_fail(&o->eb, MX_ESYNTAX,
		    "every address of %s is %s, where the primaries of %s may "
		    "not lie",
		    host, barred, o->domain);
	if (r->status == ROUTE_OK)
		return 0;
	route_trouble_text(&r->trouble, text, sizeof(text));
	doubt(o,
	    mem_printf("%s has no address now%s%s", host,
		text[0] != '\0' ? ": " : "", text));
	return 0;
}

static void
on_route(const struct route *r, void *arg)
{
	struct redirect_order *o = arg;
	int rc;

	o->lookup = NULL;
	rc = look_at_route(o, o->redirect->to.s[o->host], r);
	o->host++;
	if (rc != 0)
		judge_end(o, rc);
	else
		judge_next(o);
}

static void
on_limit(void *arg)
{
	struct redirect_order *o = arg;

	route_cancel(&o->lookup);
	doubt(o,
	    mem_printf("%s was not looked up within %d seconds",
		o->redirect->to.s[o->host], LOOKUPS_MS / 1000));
	judge_end(o, 0);
}

static void
judge_next(struct redirect_order *o)
{
	struct daemon *d = o->daemon;
	const struct conf_domain *cd = config_domain(d->conf, o->domain);
	const char *host;

	if (cd == NULL) { /* it has left meanwhile */
		judge_end(o, check_domain(o, &cd));
		return;
	}
	if (o->host >= o->redirect->to.n) {
		judge_end(o, 0);
		return;
	}
	host = o->redirect->to.s[o->host];
	doubt_health(o, host);
	o->lookup = route_lookup(d->dns, self_route(d->self), o->domain, &host,
	    1, cd->probe.port, on_route, o);
	route_pin(o->lookup, cd->pin);
}

void
redirect_order_judge(struct redirect_order *o)
{
	const struct conf_domain *cd;
	int rc = check_domain(o, &cd);

	if (rc == 0)
		rc = check_hosts(o, cd);
	if (rc != 0) {
		judge_end(o, rc);
		return;
	}
	doubt_tls(o, cd);
	o->limit = loop_timer_create(o->daemon->loop, on_limit, o);
	loop_timer_set(o->limit, LOOKUPS_MS);
	judge_next(o);
}

void
redirect_order_free(struct redirect_order **op)
{
	struct redirect_order *o = *op;

	route_cancel(&o->lookup);
	loop_timer_destroy(&o->limit);
	redirect_unref(&o->redirect);
	strlist_fini(&o->doubts);
	mem_free(op);
}
