/* SPDX-License-Identifier: ISC
 * check_host: the name of this host, its addresses, and their names: address,
 * helo, ptr. Servers that get mail from us compare them. */
#include <string.h>

#include "doctor/doctor_int.h"

/* ---- the name, and its addresses */

static void
on_addresses(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_run *r = s->run;
	const char *host = r->conf->hostname;
	char text[ADDR_TEXT_MAX];
	struct doctor_finding *f;
	unsigned i;

	for (i = 0; i < a->n && !doctor_is_our_address(r, &a->addr[i]); i++)
		;
	if (dns_is_failure(a->status)) {
		doctor_say_unknown(r, s->check, "its address", a);
	} else if (a->n == 0) {
		f = doctor_say(r, s->check, DOCTOR_ERROR,
		    "%s has no address in the DNS: an MX record with that name "
		    "brings no mail here",
		    host);
		doctor_remedy(f, "Publish its A and AAAA records.");
	} else if (i == a->n) {
		f = doctor_say(r, s->check, DOCTOR_ERROR,
		    "%s resolves to %s%s, which no interface of this host has",
		    host, addr_text(&a->addr[0], text),
		    a->n > 1 ? " and others" : "");
		doctor_remedy(f,
		    "Behind address translation, set self = {\"%s\"}. "
		    "Otherwise correct the record, or hostname.",
		    text);
	} else if (a->canon[0] != '\0') {
		f = doctor_say(r, s->check, DOCTOR_WARNING,
		    "%s is an alias (CNAME) of %s, and MX records must not "
		    "name an alias (RFC 2181 10.3): some servers send nothing "
		    "there",
		    host, a->canon);
		doctor_remedy(f, "Give %s its own address records.", host);
	} else {
		doctor_say(r, s->check, DOCTOR_OK, "%s resolves to %s", host,
		    addr_text(&a->addr[i], text));
	}
	doctor_step_end(s);
}

void
doctor_address(struct doctor_run *r)
{
	struct doctor_step *s = doctor_step_begin(r, DOCTOR_address);

	step_ask_addrs(s, r->conf->hostname, on_addresses);
}

/* RFC 5321 2.3.5: a fully qualified name. config/ refuses an address. */
void
doctor_helo(struct doctor_run *r)
{
	const char *host = r->conf->hostname;
	struct doctor_finding *f;

	if (strchr(host, '.') != NULL) {
		doctor_say(r, DOCTOR_helo, DOCTOR_OK, "EHLO says %s", host);
		return;
	}
	f = doctor_say(r, DOCTOR_helo, DOCTOR_ERROR,
	    "EHLO says %s, which is not a fully qualified name: many servers "
	    "refuse mail from such a host",
	    host);
	doctor_remedy(f, "Set hostname = \"%s.example.net\", with your domain.",
	    host);
}

/* ---- the addresses, and their names. A step for each address: its PTR
 * records, then whether one of the names has the address. */

static void
on_back(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_run *r = s->run;
	const char *host = r->conf->hostname;
	char text[ADDR_TEXT_MAX];
	struct doctor_finding *f;
	unsigned i;

	(void)addr_text(&s->addr, text);
	for (i = 0; i < a->n && !addr_equal_host(&a->addr[i], &s->addr); i++)
		;
	if (dns_is_failure(a->status)) {
		doctor_say_unknown(r, s->check, "the name of the address", a);
	} else if (i == a->n) {
		f = doctor_say(r, s->check, DOCTOR_WARNING,
		    "the PTR record of %s says %s, which does not resolve back "
		    "to it: many servers refuse mail from such an address",
		    text, s->name);
		doctor_remedy(f,
		    "Add the address to %s, or have the provider set the PTR "
		    "record to %s.",
		    s->name, host);
	} else if (strcmp(s->name, host) != 0) {
		f = doctor_say(r, s->check, DOCTOR_INFO,
		    "the PTR record of %s says %s, EHLO says %s: some filters "
		    "penalize that",
		    text, s->name, host);
		doctor_remedy(f,
		    "Have the provider set the PTR record to %s, or set "
		    "hostname to %s.",
		    host, s->name);
	} else {
		doctor_say(r, s->check, DOCTOR_OK,
		    "the PTR record of %s says %s, which resolves back to it",
		    text, s->name);
	}
	doctor_step_end(s);
}

/* Looks at our name if it is among several, else at the first. */
static void
on_names(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_run *r = s->run;
	char text[ADDR_TEXT_MAX];
	struct doctor_finding *f;
	unsigned i;

	if (a->status == DNS_OK && a->n > 0) {
		for (i = 0;
		     i < a->n && strcmp(a->name[i], r->conf->hostname) != 0;
		     i++)
			;
		(void)strlcpy(s->name, a->name[i < a->n ? i : 0],
		    sizeof(s->name));
		step_ask_addrs(s, s->name, on_back);
		return;
	}
	(void)addr_text(&s->addr, text);
	if (dns_is_failure(a->status)) {
		doctor_say_unknown(r, s->check, "the PTR record", a);
	} else {
		f = doctor_say(r, s->check, DOCTOR_WARNING,
		    "%s has no PTR record that names a host: many servers "
		    "refuse mail from such an address",
		    text);
		doctor_remedy(f,
		    "Have the provider of the address set it to %s.",
		    r->conf->hostname);
	}
	doctor_step_end(s);
}

static void
say_private(struct doctor_run *r, const struct net_addr *a)
{
	char text[ADDR_TEXT_MAX];
	struct doctor_finding *f;

	f = doctor_say(r, DOCTOR_ptr, DOCTOR_INFO,
	    "mail is sent from %s, a private address: other networks see a "
	    "different one, for which PTR, SPF and block lists were not "
	    "checked",
	    addr_text(a, text));
	doctor_remedy(f,
	    "Behind address translation, set the public one: self = "
	    "{\"192.0.2.25\"}, with yours.");
}

void
doctor_ptr(struct doctor_run *r)
{
	struct net_addr addr[DOCTOR_SOURCES_MAX];
	unsigned n = doctor_sources(r, addr);
	struct doctor_step *s;

	if (n == 0)
		doctor_say(r, DOCTOR_ptr, DOCTOR_INFO,
		    "no primary outside this host has an address, so the "
		    "source address of mail is not known: PTR, SPF and block "
		    "lists were not checked");
	for (unsigned i = 0; i < n; i++) {
		if (doctor_is_private(&addr[i])) {
			say_private(r, &addr[i]);
			continue;
		}
		s = doctor_step_begin(r, DOCTOR_ptr);
		s->addr = addr[i];
		step_ask_names(s, &addr[i], on_names);
	}
}
