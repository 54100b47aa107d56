/* SPDX-License-Identifier: ISC
 * check_mx: is this host among the MX hosts of a domain, behind its primaries,
 * under one of its names? The MX records are looked up first; without our name
 * in them a route (net/route.h) looks for our address. */
#include <stdio.h>
#include <string.h>

#include "doctor/doctor_int.h"

#define PREF_BEHIND 10 /* distance from the least preferred other host */

static unsigned
pref_behind(const struct dns_answer *a)
{
	unsigned pref = a->mx[a->n - 1].pref;

	return pref > UINT16_MAX - PREF_BEHIND ? UINT16_MAX :
						 pref + PREF_BEHIND;
}

static void
say_absent(struct doctor_run *r, unsigned pref)
{
	const char *host = r->conf->hostname;
	struct doctor_finding *f;

	f = doctor_say(r, DOCTOR_mx, DOCTOR_ERROR,
	    "%s is not in the MX records of %s: no mail comes here in an "
	    "outage",
	    host, r->name);
	doctor_remedy(f, "Add: %s. MX %u %s.", r->name, pref, host);
}

/* ---- our entry */

static void
on_alias(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_finding *f;

	if (a->canon[0] != '\0') {
		f = doctor_say(s->run, s->check, DOCTOR_WARNING,
		    "the MX record of %s names %s, which is an alias (CNAME) "
		    "of %s (RFC 2181 10.3): some servers send nothing there",
		    s->run->name, s->name, a->canon);
		doctor_remedy(f, "Name %s in the MX record.", a->canon);
	}
	doctor_step_end(s);
}

static void
say_place(struct doctor_run *r, uint16_t ours, bool better, bool equal,
    const char *name)
{
	struct doctor_finding *f = NULL;

	if (better && !equal) {
		doctor_say(r, DOCTOR_mx, DOCTOR_OK,
		    "%s is an MX of %s (%u), after others", name, r->name,
		    ours);
		return;
	}
	if (better)
		f = doctor_say(r, DOCTOR_mx, DOCTOR_INFO,
		    "%s has the same MX preference for %s (%u) as another "
		    "host: neither relays mail to the other",
		    name, r->name, ours);
	else if (equal)
		f = doctor_say(r, DOCTOR_mx, DOCTOR_WARNING,
		    "%s shares the best MX preference for %s (%u) with another "
		    "host: about half of the mail comes here first",
		    name, r->name, ours);
	else
		f = doctor_say(r, DOCTOR_mx, DOCTOR_WARNING,
		    "%s is the best MX of %s (%u): all mail comes here first",
		    name, r->name, ours);
	if (!better)
		doctor_remedy(f,
		    "Give the primary the lowest preference value, and this "
		    "host a higher one.");
}

/* Is the host one of the configured primaries? */
static bool
is_primary_name(const struct doctor_run *r, const char *host)
{
	char name[TEXT_DOMAIN_MAX];
	uint16_t port;

	for (size_t i = 0; i < r->cd->primary.n; i++)
		if (addr_split_host(r->cd->primary.s[i], name, &port, 25) ==
			0 &&
		    strcmp(name, host) == 0)
			return true;
	return false;
}

static bool
has_literal(const struct doctor_run *r)
{
	char name[TEXT_DOMAIN_MAX];
	struct net_addr a;
	uint16_t port;

	for (size_t i = 0; i < r->cd->primary.n; i++)
		if (addr_split_host(r->cd->primary.s[i], name, &port, 25) !=
			0 ||
		    addr_parse(&a, name, 0, ':') == 0)
			return true;
	return false;
}

/* Primaries may have internal names or addresses: there is a finding only if
 * none of them is among the MX hosts preferred to us. A domain that is
 * redirected need not be where the DNS says. */
static void
compare_primaries(struct doctor_run *r, const struct dns_answer *a,
    uint16_t ours)
{
	struct doctor_finding *f;

	if (r->cd->primary.n == 0 || r->cd->redirect != NULL ||
	    has_literal(r) || a->mx[0].pref >= ours)
		return;
	for (unsigned i = 0; i < a->n && a->mx[i].pref < ours; i++)
		if (is_primary_name(r, a->mx[i].host))
			return;
	f = doctor_say(r, DOCTOR_mx, DOCTOR_INFO,
	    "%s is the first MX of %s, but not a configured primary: it is not "
	    "monitored",
	    a->mx[0].host, r->name);
	doctor_remedy(f,
	    "Unless they are the same server, set primary = {\"%s\"}, or "
	    "remove primary.",
	    a->mx[0].host);
}

static void
judge_entry(struct doctor_step *s, const struct dns_answer *a, unsigned at)
{
	uint16_t ours = a->mx[at].pref;
	bool better = false, equal = false;

	for (unsigned i = 0; i < a->n; i++) {
		if (doctor_is_our_name(s->run, a->mx[i].host))
			continue;
		better |= a->mx[i].pref < ours;
		equal |= a->mx[i].pref == ours;
	}
	say_place(s->run, ours, better, equal, a->mx[at].host);
	compare_primaries(s->run, a, ours);
	(void)strlcpy(s->name, a->mx[at].host, sizeof(s->name));
	step_ask_addrs(s, s->name, on_alias);
}

/* ---- no entry of our name: is one of the hosts this one? */

static void
on_route(const struct route *route, void *arg)
{
	struct doctor_step *s = arg;
	struct doctor_run *r = s->run;
	struct doctor_finding *f;

	s->route = NULL;
	if (!route->us.found) {
		say_absent(r, s->pref);
		doctor_step_end(s);
		return;
	}
	f = doctor_say(r, s->check, DOCTOR_WARNING,
	    "the MX record of %s names this host %s, which is neither hostname "
	    "nor in self: certificate and greeting have another name",
	    r->name, route->us.name);
	doctor_remedy(f, "Set self = {\"%s\"}, or name %s in the MX record.",
	    route->us.name, r->conf->hostname);
	doctor_step_end(s);
}

static void
on_mx(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_run *r = s->run;
	unsigned i;

	for (i = 0; i < a->n && !doctor_is_our_name(r, a->mx[i].host); i++)
		;
	if (dns_is_failure(a->status)) {
		doctor_say_unknown(r, s->check, "its MX record", a);
	} else if (a->n > 0 && a->mx[0].host[0] == '\0') {
		doctor_say(r, s->check, DOCTOR_ERROR,
		    "%s has a null MX record, which says that it accepts no "
		    "mail (RFC 7505)",
		    r->name);
	} else if (a->n == 0) {
		say_absent(r, 2 * PREF_BEHIND);
	} else if (i < a->n) {
		judge_entry(s, a, i);
		return;
	} else {
		s->pref = pref_behind(a);
		s->route =
		    route_lookup(r->d->env.dns, r->d->ops.self(r->d->ops.arg),
			r->name, NULL, 0, 25, on_route, s);
		return;
	}
	doctor_step_end(s);
}

void
doctor_mx(struct doctor_run *r)
{
	struct doctor_step *s = doctor_step_begin(r, DOCTOR_mx);

	step_ask_mx(s, r->name, on_mx);
}
