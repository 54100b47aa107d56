/* SPDX-License-Identifier: ISC
 * spf: does an SPF record permit an address (RFC 7208)? For the record at our
 * own HELO name, which decides about mail with the null sender (2.3, 2.4).
 * Evaluates ip4, ip6, a, mx and all; terms that need the records of others
 * (include, exists, ptr, redirect) or macros have no result, unless an earlier
 * term has decided.
 *
 *	spf_begin() -> spf_next() -> SPF_ASK_ADDRS, SPF_ASK_MX: look up
 *	                             spf.name, spf_answer(), spf_next() again
 *	                          -> anything else: the result
 * Pure. */
#ifndef MX_DOCTOR_SPF_H
#define MX_DOCTOR_SPF_H

#include "net/dns.h"

enum spf_result {
	SPF_NEUTRAL, /* no term matches, or "?" */
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_PERMERROR, /* invalid record: spf.why */
	SPF_TEMPERROR, /* the DNS fails */
	SPF_UNJUDGED, /* not evaluated here: spf.why, the term */
	SPF_ASK_ADDRS,
	SPF_ASK_MX,
};

#define SPF_TERM_MAX 80
#define SPF_MX_MAX   10 /* hosts of an mx, RFC 7208 4.6.4 */

struct spf {
	/* public: */
	char name[TEXT_DOMAIN_MAX]; /* to be looked up */
	char why[SPF_TERM_MAX]; /* the term concerned; peer text */
	/* private: */
	char *record;
	const char *at; /* the next term */
	char domain[TEXT_DOMAIN_MAX];
	struct net_addr who;
	enum spf_result asked, says; /* says: if the answer matches */
	unsigned bits; /* prefix length of the current term */
	unsigned lookups;
	bool failed;
	bool matched;
	bool redirects;
	unsigned nmx, mx_at;
	char mx[SPF_MX_MAX][TEXT_DOMAIN_MAX];
};

/* Is the TXT record an SPF record (RFC 7208 4.5)? */
bool spf_is_record(const char *txt);
/* `record` is copied; `domain` is its owner name, canonical. */
void spf_begin(struct spf *, const char *record, const char *domain,
    const struct net_addr *who);
void spf_end(struct spf *);
enum spf_result spf_next(struct spf *);
void spf_answer(struct spf *, const struct dns_answer *);

#endif
