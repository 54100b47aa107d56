/* SPDX-License-Identifier: ISC
 * preflight_dns: what the DNS has for the names in a configuration: whether
 * hostname is this host, whether primaries have addresses and are not this
 * host, whether mail for a domain comes here at all. The DNS is often run by
 * others, so every finding is a warning. At most QUESTIONS_MAX questions and
 * DEADLINE_MS altogether, so that an unreachable resolver does not block the
 * check. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/findings.h"
#include "daemon/preflight_int.h"
#include "daemon/self.h"
#include "net/dns.h"
#include "net/loop.h"
#include "net/route.h"

#define DEADLINE_MS   5000
#define QUESTION_MS   3000 /* for one look-up */
#define QUESTIONS_MAX 300u
#define THREADS	      16u

/* A name to be looked up. */
struct name_question {
	struct names *names;
	const struct conf_domain *domain; /* its domain; NULL: hostname */
	const char *primary; /* as configured; NULL: MX records are asked */
	uint16_t port;
	struct route_req *route; /* in progress */
};

struct names {
	const struct config *conf;
	struct conf_errors *errs;
	struct loop *loop;
	struct dns *dns;
	struct self *self;
	const struct route_self *us;
	struct name_question q[QUESTIONS_MAX];
	unsigned n, answers, failed;
	bool cut; /* further names were left out */
	char trouble[256]; /* of the first failure */
};

static bool
is_ours(const struct route_self *us, const struct net_addr *a)
{
	return route_self_has_addr(us, a) || addr_is_loopback(a);
}

static void
answered(struct names *n)
{
	if (++n->answers == n->n)
		loop_stop(n->loop);
}

static void
failed(struct names *n, const char *trouble)
{
	if (n->failed++ == 0)
		(void)strlcpy(n->trouble, trouble, sizeof(n->trouble));
}

/* ---- hostname */

static void
on_hostname(const struct dns_answer *a, void *arg)
{
	struct name_question *q = arg;
	struct names *n = q->names;
	char text[ADDR_TEXT_MAX];
	unsigned i = 0;

	if (dns_is_none(a->status)) {
		finding(n->errs, true, n->conf->file, 0,
		    "hostname \"%s\" has no address in the DNS; servers that "
		    "look it up may refuse mail from this one",
		    n->conf->hostname);
	} else if (a->status != DNS_OK) {
		failed(n, a->why != NULL ? a->why : "no answer");
	} else {
		while (i < a->n && !is_ours(n->us, &a->addr[i]))
			i++;
		if (i == a->n && a->n > 0)
			finding(n->errs, true, n->conf->file, 0,
			    "hostname \"%s\" has the address %s in the DNS, "
			    "which this host does not have; behind address "
			    "translation, add it to self",
			    n->conf->hostname, addr_text(&a->addr[0], text));
	}
	answered(n);
}

/* ---- primaries */

static void
on_primary(const struct dns_answer *a, void *arg)
{
	struct name_question *q = arg;
	struct names *n = q->names;
	char text[ADDR_TEXT_MAX];

	if (dns_is_none(a->status))
		finding(n->errs, true, n->conf->file, 0,
		    "domain \"%s\": primary \"%s\" has no address in the DNS",
		    q->domain->name, q->primary);
	else if (a->status != DNS_OK)
		failed(n, a->why != NULL ? a->why : "no answer");
	else
		for (unsigned i = 0; i < a->n; i++)
			if (is_ours(n->us, &a->addr[i]) &&
			    route_self_has_port(n->us, q->port)) {
				finding(n->errs, true, n->conf->file, 0,
				    "domain \"%s\": primary \"%s\" is this "
				    "server according to the DNS (%s); name "
				    "the server that the mail is for",
				    q->domain->name, q->primary,
				    addr_text(&a->addr[i], text));
				break;
			}
	answered(n);
}

/* ---- MX records */

/* The finding about the domain's route; NULL: none. */
static const char *
judge_route(const struct route *r, const struct conf_domain *d)
{
	switch (r->status) {
	case ROUTE_NULL_MX:
		return "its MX record says that it accepts no mail (RFC 7505)";
	case ROUTE_SELF:
		return d->primary.n > 0 ?
		    "this server is its best MX: all its mail comes here, even "
		    "while the primary is up; give the primary a lower "
		    "preference value, unless it is meant to be hidden" :
		    "this server is its best MX and no primary is configured: "
		    "its mail is held; give the primary a lower preference "
		    "value, or name it in primary";
	case ROUTE_NO_HOST:
		return r->us.found ?
		    "no MX that is preferred to this server has an address" :
		    "it does not exist in the DNS, or has no mail server there";
	default:
		if (r->implicit)
			return "it has no MX records, so no mail comes here; "
			       "add one that names this server";
		return r->us.found ? NULL :
				     "none of its MX records names this "
				     "server, so no mail comes here";
	}
}

static void
on_route(const struct route *r, void *arg)
{
	struct name_question *q = arg;
	struct names *n = q->names;
	char trouble[256];
	const char *says;

	q->route = NULL;
	if (r->status == ROUTE_DNS_FAIL)
		failed(n,
		    route_trouble_text(&r->trouble, trouble, sizeof(trouble)));
	else if ((says = judge_route(r, q->domain)) != NULL)
		finding(n->errs, true, n->conf->file, 0, "domain \"%s\": %s",
		    q->domain->name, says);
	answered(n);
}

/* ---- the questions */

static struct name_question *
add(struct names *n, const struct conf_domain *d, const char *primary)
{
	struct name_question *q;

	if (n->n == QUESTIONS_MAX) {
		n->cut = true;
		return NULL;
	}
	q = &n->q[n->n++];
	*q = (struct name_question){ .names = n,
		.domain = d,
		.primary = primary };
	return q;
}

static bool
is_asked(const struct names *n, const char *primary)
{
	for (unsigned i = 0; i < n->n; i++)
		if (text_equal(n->q[i].primary, primary))
			return true;
	return false;
}

static void
add_domain(struct names *n, const struct conf_domain *d)
{
	char host[TEXT_DOMAIN_MAX];
	struct net_addr numeric;
	struct name_question *q;
	uint16_t port;

	for (size_t i = 0; i < d->primary.n && !n->cut; i++) {
		if (addr_split_host(d->primary.s[i], host, &port, 25) != 0 ||
		    addr_parse(&numeric, host, port, ':') == 0 ||
		    is_asked(n, d->primary.s[i]))
			continue;
		if ((q = add(n, d, d->primary.s[i])) != NULL)
			q->port = port;
	}
	(void)add(n, d, NULL);
}

static void
ask(struct name_question *q)
{
	struct names *n = q->names;
	char host[TEXT_DOMAIN_MAX];
	uint16_t port;

	if (q->domain == NULL) {
		(void)dns_addr(n->dns, n->conf->hostname, on_hostname, q);
	} else if (q->primary == NULL) {
		q->route = route_lookup(n->dns, n->us, q->domain->name, NULL, 0,
		    25, on_route, q);
	} else {
		MX_ASSERT(addr_split_host(q->primary, host, &port, 25) == 0);
		(void)dns_addr(n->dns, host, on_primary, q);
	}
}

static void
on_deadline(void *arg)
{
	loop_stop(arg);
}

static void
ask_all(struct names *n)
{
	struct loop_timer *end =
	    loop_timer_create(n->loop, on_deadline, n->loop);

	for (unsigned i = 0; i < n->n; i++)
		ask(&n->q[i]);
	loop_timer_set(end, DEADLINE_MS);
	loop_run(n->loop);
	loop_timer_destroy(&end);
	for (unsigned i = 0; i < n->n; i++)
		route_cancel(&n->q[i].route);
}

static void
tell_rest(struct names *n)
{
	unsigned silent = n->failed + (n->n - n->answers);

	if (silent > 0)
		finding(n->errs, true, n->conf->file, 0,
		    "%u of %u names could not be looked up (%s); mxwatchd -nl "
		    "skips the DNS",
		    silent, n->n,
		    n->trouble[0] != '\0' ? n->trouble : "no answer in time");
	if (n->cut)
		finding(n->errs, true, n->conf->file, 0,
		    "only the first %u names were looked up in the DNS", n->n);
}

void
preflight_names(const struct config *conf, struct conf_errors *errs)
{
	struct names *n = mem_alloc(sizeof(*n));
	struct mx_errbuf why = { "" };
	struct dns_conf dc = { .servers = conf->resolver,
		.nservers = conf->nresolver,
		.threads = THREADS,
		.queue_max = QUESTIONS_MAX * DNS_MX_MAX,
		.timeout_ms = conf->resolver_timeout_ms < QUESTION_MS ?
		    conf->resolver_timeout_ms :
		    QUESTION_MS };

	n->conf = conf;
	n->errs = errs;
	n->loop = loop_create();
	n->self = self_create(conf);
	n->us = self_route(n->self);
	(void)add(n, NULL, NULL);
	for (size_t i = 0; i < conf->ndomains && !n->cut; i++)
		add_domain(n, &conf->domain[i]);
	if ((n->dns = dns_create(n->loop, &dc, &why)) == NULL) {
		finding(errs, true, conf->file, 0, "the DNS: %s", why.text);
	} else {
		ask_all(n);
		tell_rest(n);
	}
	dns_destroy(&n->dns);
	self_destroy(&n->self);
	loop_destroy(&n->loop);
	mem_free(&n);
}
