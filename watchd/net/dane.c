/* SPDX-License-Identifier: ISC
 * dane: see dane.h. dane_before() follows the order of the DNS look-ups: MX,
 * addresses, TLSA; the first one that is not secure decides (RFC 7672 2.2). A
 * last good answer does not count as secure: an attacker who makes the resolver
 * fail must gain nothing. */
#include "net/dane.h"

#include <string.h>

#include "base/mem.h"

static struct dane *
verdict(enum dane_need need, const char *why, size_t data_len)
{
	struct dane *d = mem_alloc(sizeof(*d) + data_len);

	d->refs = 1;
	d->need = need;
	d->why = why;
	return d;
}

struct dane *
dane_before(const struct dane_host *h)
{
	if (h->literal)
		return verdict(DANE_MAY, "it is configured by address", 0);
	if (h->from_mx && h->mx_stale)
		return verdict(DANE_DEFER,
		    "the MX records cannot be looked up now", 0);
	if (h->from_mx && !h->mx_secure)
		return verdict(DANE_MAY, "the MX records are not signed", 0);
	if (h->addr_stale)
		return verdict(DANE_DEFER,
		    "its address cannot be looked up now", 0);
	if (!h->addr_secure)
		return verdict(DANE_MAY, "its address is not signed", 0);
	return NULL;
}

static bool
usable(const struct dns_tlsa *t)
{
	if (t->usage != TLSA_USAGE_TA && t->usage != TLSA_USAGE_EE)
		return false;
	if (t->selector != TLSA_SELECTOR_CERT &&
	    t->selector != TLSA_SELECTOR_SPKI)
		return false;
	switch (t->matching) {
	case TLSA_MATCHING_FULL:
		return t->len > 0;
	case TLSA_MATCHING_SHA256:
		return t->len == 32;
	case TLSA_MATCHING_SHA512:
		return t->len == 64;
	default:
		return false;
	}
}

static struct dane *
by_records(const struct dns_answer *a, const char *base)
{
	struct dane *d = verdict(DANE_VERIFY, "", a->tlsa_used);
	unsigned i;

	memcpy(d->data, a->tlsa_data, a->tlsa_used);
	for (i = 0; i < a->n; i++) {
		if (usable(&a->tlsa[i]))
			d->tlsa[d->n++] = a->tlsa[i];
	}
	if (d->n > 0) {
		dane_add_name(d, base);
		return d;
	}
	d->need = DANE_ENCRYPT;
	d->why = "none of its TLSA records is usable";
	return d;
}

struct dane *
dane_after(const struct dns_answer *a, const char *base)
{
	switch (a->status) {
	case DNS_OK:
		if (a->stale)
			break;
		if (!a->secure)
			return verdict(DANE_MAY,
			    "its TLSA records are not signed", 0);
		return by_records(a, base);
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return verdict(DANE_MAY, "it has no TLSA records", 0);
	case DNS_BOGUS:
		return verdict(DANE_DEFER,
		    "its TLSA records fail DNSSEC validation", 0);
	case DNS_FAIL:
		break;
	}
	return verdict(DANE_DEFER, "its TLSA records cannot be looked up now",
	    0);
}

void
dane_add_name(struct dane *d, const char *name)
{
	unsigned i;

	for (i = 0; i < d->nnames; i++) {
		if (strcmp(d->name[i], name) == 0)
			return;
	}
	if (d->nnames < DANE_NAMES_MAX)
		(void)strlcpy(d->name[d->nnames++], name, sizeof(d->name[0]));
}

struct dane *
dane_ref(struct dane *d)
{
	if (d != NULL)
		d->refs++;
	return d;
}

void
dane_unref(struct dane **dp)
{
	struct dane *d = *dp;

	*dp = NULL;
	if (d != NULL && --d->refs == 0)
		mem_free(&d);
}

bool
dane_needs_tls(const struct dane *d)
{
	return d != NULL && d->need != DANE_MAY;
}

const char *
dane_word(const struct dane *d, const struct tls_info *ti)
{
	switch (d != NULL ? d->need : DANE_MAY) {
	case DANE_MAY:
		break;
	case DANE_VERIFY:
		if (ti == NULL)
			return "dane-verify";
		if (ti->dane)
			return "dane-verified";
		return "dane-encrypt";
	case DANE_ENCRYPT:
		return "dane-encrypt";
	case DANE_DEFER:
		return "dane-defer";
	}
	return "dane-none";
}
