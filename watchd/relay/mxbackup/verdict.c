/* SPDX-License-Identifier: ISC
 * verdict: see verdict.h. route.c has removed ourselves and all hosts that are
 * not better, so that the remaining ones are. */
#include "relay/mxbackup/verdict.h"

#include <stdarg.h>
#include <stdio.h>

static void find(struct backup_finding *f, enum backup_verdict verdict,
    const char *fmt, ...) MX_PRINTF(3, 4);

/* DNS names may be long: the sentence is cut if necessary. */
static void
find(struct backup_finding *f, enum backup_verdict verdict, const char *fmt,
    ...)
{
	va_list ap;

	f->verdict = verdict;
	va_start(ap, fmt);
	(void)vsnprintf(f->evidence, sizeof(f->evidence), fmt, ap);
	va_end(ap);
}

static void
find_trouble(struct backup_finding *f, const struct route *r,
    const char *domain)
{
	char text[200];

	route_trouble_text(&r->trouble, text, sizeof(text));
	if (text[0] != '\0')
		find(f, BACKUP_DNS, "the DNS gives no answer: %s", text);
	else
		find(f, BACKUP_DNS, "the DNS gives no answer for %.100s",
		    domain);
}

/* The first better host with an address in the networks. */
static const struct route_host *
find_inside(const struct route *r, const struct prefix_list *networks,
    const struct net_addr **addr)
{
	for (unsigned i = 0; i < r->n; i++)
		for (unsigned j = 0; j < r->host[i].naddrs; j++)
			if (prefix_list_match(networks, &r->host[i].addr[j])) {
				*addr = &r->host[i].addr[j];
				return &r->host[i];
			}
	return NULL;
}

static bool
look_up_failed(const struct route *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (dns_is_failure(r->host[i].dns))
			return true;
	return false;
}

static void
judge_hosts(const struct route *r, const char *domain,
    const struct prefix_list *networks, struct backup_finding *f)
{
	const struct net_addr *addr = NULL;
	const struct route_host *h = find_inside(r, networks, &addr);
	char text[ADDR_TEXT_MAX];

	if (h == NULL && look_up_failed(r))
		find_trouble(f, r, domain);
	else if (h == NULL && r->n == 0)
		find(f, BACKUP_OUTSIDE,
		    "the MX records name %.80s (this server), and no preferred "
		    "MX has an address",
		    r->us.name);
	else if (h == NULL)
		find(f, BACKUP_OUTSIDE,
		    "the MX records name %.80s (this server) after %.80s, and "
		    "no preferred MX has an address in mx_backup { networks }",
		    r->us.name, r->host[0].name);
	else if (r->stale)
		find_trouble(f, r, domain);
	else
		find(f, BACKUP_FITS,
		    "the MX records name %.60s (this server) after %.60s, "
		    "whose address %s is in mx_backup { networks }",
		    r->us.name, h->name, addr_text(addr, text));
}

void
backup_judge(const struct route *r, const char *domain,
    const struct prefix_list *networks, struct backup_finding *f)
{
	if (r->status == ROUTE_DNS_FAIL)
		find_trouble(f, r, domain);
	else if (r->status == ROUTE_NULL_MX)
		find(f, BACKUP_NO_MX, "%.100s accepts no mail (null MX)",
		    domain);
	else if (r->implicit ||
	    (r->status == ROUTE_NO_HOST && r->n == 0 && !r->us.found))
		find(f, BACKUP_NO_MX, "%.100s has no MX record", domain);
	else if (!r->us.found)
		find(f, BACKUP_NOT_NAMED,
		    "the MX records of %.100s do not name this server", domain);
	else if (r->status == ROUTE_SELF)
		find(f, BACKUP_NOT_BETTER,
		    "the MX records name %.80s (this server), and no preferred "
		    "MX of %.100s",
		    r->us.name, domain);
	else
		judge_hosts(r, domain, networks, f);
}
