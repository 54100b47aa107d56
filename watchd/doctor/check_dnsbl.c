/* SPDX-License-Identifier: ISC
 * check_dnsbl: are our source addresses in lists in the DNS? A step for each
 * address and list of doctor { dnsbl }. A list that has us is also asked for
 * 127.0.0.1, which no list may have (RFC 5782 5): abandoned lists often list
 * every address. */
#include <string.h>

#include "config/dnsbl_site.h"
#include "doctor/doctor_int.h"
#include "net/dnsbl_name.h"

static bool
is_listed(const struct dnsbl_site *site, const struct dns_answer *a)
{
	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++)
		if (dnsbl_is_code(&a->addr[i]) &&
		    dnsbl_site_match(site, dnsbl_octets(&a->addr[i])))
			return true;
	return false;
}

static struct dnsbl_site
site_of(const struct doctor_step *s)
{
	struct dnsbl_site site;

	/* check.c has verified it */
	MX_ASSERT(dnsbl_site_parse(s->name, &site) == NULL);
	return site;
}

static void
on_loopback(struct doctor_step *s, const struct dns_answer *a)
{
	struct dnsbl_site site = site_of(s);
	char text[ADDR_TEXT_MAX];
	struct doctor_finding *f;

	(void)addr_text(&s->addr, text);
	if (is_listed(&site, a)) {
		f = doctor_say(s->run, s->check, DOCTOR_INFO,
		    "the list %s lists 127.0.0.1, so perhaps every address: "
		    "its answer for %s means nothing",
		    site.zone, text);
		doctor_remedy(f, "Remove it from doctor { dnsbl }.");
	} else {
		f = doctor_say(s->run, s->check, DOCTOR_ERROR,
		    "%s is in the list %s: servers that use the list refuse "
		    "mail from here",
		    text, site.zone);
		doctor_remedy(f,
		    "Look up the reason on the site of the list, and request "
		    "removal once the cause is fixed.");
	}
	doctor_step_end(s);
}

static void
ask_list(struct doctor_step *s, const struct net_addr *a, step_fn *fn)
{
	struct dnsbl_site site = site_of(s);
	char name[TEXT_DOMAIN_MAX];

	dnsbl_name(a, site.zone, name);
	step_ask_a(s, name, fn);
}

static void
on_listed(struct doctor_step *s, const struct dns_answer *a)
{
	struct dnsbl_site site = site_of(s);
	struct net_addr loopback;
	char text[ADDR_TEXT_MAX];

	(void)addr_text(&s->addr, text);
	if (is_listed(&site, a)) {
		MX_ASSERT(addr_parse(&loopback, "127.0.0.1", 0, ':') == 0);
		ask_list(s, &loopback, on_loopback);
		return;
	}
	if (dns_is_failure(a->status))
		doctor_say_unknown(s->run, s->check, site.zone, a);
	else if (a->status == DNS_OK && a->n > 0 && !dnsbl_is_code(&a->addr[0]))
		doctor_remedy(doctor_say(s->run, s->check, DOCTOR_INFO,
				  "the list %s gives an answer that is not an "
				  "entry: it does not serve this resolver "
				  "(many do not serve public ones)",
				  site.zone),
		    "Use your own resolver: resolver = {\"127.0.0.1\"}.");
	else
		doctor_say(s->run, s->check, DOCTOR_OK,
		    "%s is not in the list %s", text, site.zone);
	doctor_step_end(s);
}

void
doctor_dnsbl(struct doctor_run *r)
{
	const struct strlist *lists = &r->conf->doctor.dnsbl;
	struct net_addr addr[DOCTOR_SOURCES_MAX];
	unsigned n = doctor_sources(r, addr);
	struct doctor_step *s;

	for (unsigned i = 0; i < n; i++) {
		for (size_t k = 0; k < lists->n; k++) {
			if (doctor_is_private(&addr[i]))
				continue;
			s = doctor_step_begin(r, DOCTOR_dnsbl);
			s->addr = addr[i];
			(void)strlcpy(s->name, lists->s[k], sizeof(s->name));
			ask_list(s, &addr[i], on_listed);
		}
	}
}
