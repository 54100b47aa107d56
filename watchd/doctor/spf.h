/* SPDX-License-Identifier: ISC
 * spf: does an SPF record permit an address (RFC 7208)? For the record at our
 * own HELO name, which decides about mail with the null sender (2.3, 2.4).
 * Evaluates ip4, ip6, a, mx, all, and the records that include and redirect
 * name; exists, ptr and macros have no result, unless an earlier term has
 * decided. At most 10 terms make look-ups, and at most 2 of them may find
 * nothing (4.6.4), so a loop of records ends.
 *
 *	spf_begin() -> spf_next() -> SPF_ASK_ADDRS, SPF_ASK_MX, SPF_ASK_TXT:
 *	                             look up spf.name, spf_answer(), spf_next()
 *	                             again
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
	SPF_ASK_TXT, /* of an include or redirect */
};

#define SPF_TERM_MAX 80
#define SPF_MX_MAX   10 /* hosts of an mx, RFC 7208 4.6.4 */
#define SPF_LOOKUPS  10 /* terms with look-ups, 4.6.4 */
#define SPF_VOIDS    2 /* those that find nothing, 4.6.4 */

struct spf_record { /* the one asked about, or an included one */
	char *text;
	const char *at; /* the next term */
	char domain[TEXT_DOMAIN_MAX];
	/* Its redirect; "": none. */
	char redirect[TEXT_DOMAIN_MAX], term[SPF_TERM_MAX];
	bool macro; /* in the redirect */
	enum spf_result says; /* of the term that includes it */
};

struct spf {
	/* public: */
	char name[TEXT_DOMAIN_MAX]; /* to be looked up */
	char why[SPF_TERM_MAX]; /* the term concerned; peer text */
	char where[TEXT_DOMAIN_MAX]; /* whose record has it */
	/* private: */
	struct spf_record record[SPF_LOOKUPS + 1]; /* each in the one before */
	unsigned n;
	struct net_addr who;
	enum spf_result asked, says; /* says: if the answer matches */
	unsigned bits; /* prefix length of the current term */
	unsigned lookups, voids;
	bool failed;
	bool matched;
	bool redirecting; /* SPF_ASK_TXT is of a redirect */
	char *found; /* the record that was looked up; NULL: not one */
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
