/* SPDX-License-Identifier: ISC
 * dns_wire: see dns_wire.h. An answer is accepted when its id and question
 * match; then the CNAME chain is followed from the name asked, at most
 * CHAIN_MAX steps (a loop is a failure, never a result), and the records at its
 * end are taken. Names that are not host names are dropped. Called by the
 * resolver threads and by the fuzzer. */
#include "net/dns_wire.h"

#include <ldns/ldns.h>

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX	8 /* CNAMEs; resolvers give up on longer chains */
#define EDNS_SIZE	1232 /* fits an IPv6 minimum MTU: no fragments */
#define NEGATIVE_TTL	5 /* seconds, for a negative answer without SOA */
#define DNS_HEADER_SIZE 12

static const ldns_rr_type rr_type[DNS_TYPES] = {
	[DNS_TYPE_MX] = LDNS_RR_TYPE_MX,
	[DNS_TYPE_A] = LDNS_RR_TYPE_A,
	[DNS_TYPE_AAAA] = LDNS_RR_TYPE_AAAA,
	[DNS_TYPE_TLSA] = LDNS_RR_TYPE_TLSA,
	[DNS_TYPE_TXT] = LDNS_RR_TYPE_TXT,
	[DNS_TYPE_PTR] = LDNS_RR_TYPE_PTR,
};

const char *
dns_type_name(enum dns_type type)
{
	static const char *const name[DNS_TYPES] = { "MX", "A", "AAAA", "TLSA",
		"TXT", "PTR" };

	return name[type];
}

bool
dns_type_is_addr(enum dns_type type)
{
	return type == DNS_TYPE_A || type == DNS_TYPE_AAAA;
}

bool
dns_type_is_kept(enum dns_type type)
{
	return type != DNS_TYPE_TXT && type != DNS_TYPE_PTR;
}

const char *
dns_cause_name(enum dns_cause cause)
{
	static const char *const name[] = { "none", "timeout", "other",
		"servfail", "bogus" };

	return name[cause];
}

void
dns_result_fail(struct dns_result *out, enum dns_cause cause)
{
	memset(out, 0, sizeof(*out));
	out->cause = cause;
	out->answer.status = cause == DNS_CAUSE_BOGUS ? DNS_BOGUS : DNS_FAIL;
}

int
dns_wire_query(enum dns_type type, const char *name, uint16_t id, uint8_t *dst,
    size_t *len)
{
	ldns_rdf *dname;
	ldns_pkt *pkt = NULL;
	uint8_t *wire = NULL;
	int rc = -MX_ESYNTAX;

	if ((dname = ldns_dname_new_frm_str(name)) == NULL)
		return rc;
	pkt =
	    ldns_pkt_query_new(dname, rr_type[type], LDNS_RR_CLASS_IN, LDNS_RD);
	if (pkt == NULL) {
		ldns_rdf_deep_free(dname);
		return rc;
	}
	ldns_pkt_set_id(pkt, id);
	ldns_pkt_set_ad(pkt, true); /* RFC 6840 5.7: AD without DO */
	ldns_pkt_set_edns_udp_size(pkt, EDNS_SIZE);
	if (ldns_pkt2wire(&wire, pkt, len) == LDNS_STATUS_OK &&
	    *len <= DNS_WIRE_QUERY_MAX) {
		memcpy(dst, wire, *len);
		rc = 0;
	}
	free(wire);
	ldns_pkt_free(pkt); /* frees dname as well */
	return rc;
}

/* The question section is exactly the one that was sent. */
static bool
question_is(const ldns_pkt *pkt, enum dns_type type, const ldns_rdf *name)
{
	ldns_rr_list *q = ldns_pkt_question(pkt);
	const ldns_rr *rr;

	if (q == NULL || ldns_rr_list_rr_count(q) != 1)
		return false;
	rr = ldns_rr_list_rr(q, 0);
	return ldns_rr_get_type(rr) == rr_type[type] &&
	    ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	    ldns_dname_compare(ldns_rr_owner(rr), name) == 0;
}

/* RFC 8914: codes 5 to 12 report a failed validation. */
static bool
says_bogus(ldns_pkt *pkt)
{
	ldns_edns_option_list *list = ldns_pkt_edns_get_option_list(pkt);
	const ldns_edns_option *opt;
	const uint8_t *data;
	size_t i;
	unsigned code;

	for (i = 0; i < ldns_edns_option_list_get_count(list); i++) {
		opt = ldns_edns_option_list_get_option(list, i);
		if (ldns_edns_get_code(opt) != LDNS_EDNS_EDE ||
		    ldns_edns_get_size(opt) < 2)
			continue;
		data = ldns_edns_get_data(opt);
		code = (unsigned)data[0] << 8 | data[1];
		if (code >= LDNS_EDE_DNSSEC_INDETERMINATE &&
		    code <= LDNS_EDE_NSEC_MISSING)
			return true;
	}
	return false;
}

static const ldns_rr *
find_rr(const ldns_rr_list *list, const ldns_rdf *owner, ldns_rr_type type)
{
	size_t i, n = list != NULL ? ldns_rr_list_rr_count(list) : 0;
	const ldns_rr *rr;

	for (i = 0; i < n; i++) {
		rr = ldns_rr_list_rr(list, i);
		if (ldns_rr_get_type(rr) == type && ldns_rr_rd_count(rr) > 0 &&
		    ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
		    (owner == NULL ||
			ldns_dname_compare(ldns_rr_owner(rr), owner) == 0))
			return rr;
	}
	return NULL;
}

/* A host name in canonical form, "" for the root; not an IP literal. */
static bool
host_of(const ldns_rdf *dname, char *dst)
{
	char *s = ldns_rdf2str(dname);
	bool ok = false;

	dst[0] = '\0';
	if (s == NULL)
		return false;
	if (strcmp(s, ".") == 0)
		ok = true;
	else
		ok = text_domain(s, strlen(s), dst) == 0;
	free(s);
	return ok;
}

/* Keeps the DNS_MX_MAX best, sorted. */
static void
add_mx(struct dns_answer *a, uint16_t pref, const char *host)
{
	unsigned i = a->n;

	while (i > 0 && a->mx[i - 1].pref > pref)
		i--;
	if (i >= DNS_MX_MAX)
		return;
	if (a->n < DNS_MX_MAX)
		a->n++;
	memmove(&a->mx[i + 1], &a->mx[i], (a->n - i - 1) * sizeof(a->mx[0]));
	a->mx[i].pref = pref;
	(void)strlcpy(a->mx[i].host, host, sizeof(a->mx[i].host));
}

static void
take_mx(const ldns_rr *rr, struct dns_answer *a, bool *null_mx)
{
	char host[TEXT_DOMAIN_MAX];

	if (ldns_rr_rd_count(rr) != 2 || !host_of(ldns_rr_rdf(rr, 1), host))
		return;
	if (host[0] == '\0')
		*null_mx = true;
	else
		add_mx(a, ldns_rdf2native_int16(ldns_rr_rdf(rr, 0)), host);
}

static void
take_addr(const ldns_rr *rr, struct dns_answer *a)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);
	struct net_addr addr;

	if (a->n == DNS_ADDR_MAX)
		return;
	memset(&addr, 0, sizeof(addr));
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_A &&
	    ldns_rdf_size(rdf) == sizeof(addr.u.in.sin_addr)) {
		addr.u.in.sin_family = AF_INET;
		memcpy(&addr.u.in.sin_addr, ldns_rdf_data(rdf),
		    sizeof(addr.u.in.sin_addr));
		addr.len = sizeof(addr.u.in);
	} else if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_AAAA &&
	    ldns_rdf_size(rdf) == sizeof(addr.u.in6.sin6_addr)) {
		addr.u.in6.sin6_family = AF_INET6;
		memcpy(&addr.u.in6.sin6_addr, ldns_rdf_data(rdf),
		    sizeof(addr.u.in6.sin6_addr));
		addr.len = sizeof(addr.u.in6);
		/* ::ffff:127.0.0.1 would get around checks of addresses */
		if (IN6_IS_ADDR_V4MAPPED(&addr.u.in6.sin6_addr))
			return;
	} else
		return;
	a->addr[a->n++] = addr;
}

/* Records beyond the array are left out: a certificate then has fewer to match,
 * but the host still counts as having records. */
static void
take_tlsa(const ldns_rr *rr, struct dns_answer *a)
{
	struct dns_tlsa *t = &a->tlsa[a->n];
	const ldns_rdf *data;
	unsigned i;

	if (ldns_rr_rd_count(rr) != 4 || a->n == DNS_TLSA_MAX)
		return;
	for (i = 0; i < 3; i++) {
		if (ldns_rdf_size(ldns_rr_rdf(rr, i)) != 1)
			return;
	}
	data = ldns_rr_rdf(rr, 3);
	if (ldns_rdf_size(data) > sizeof(a->tlsa_data) - a->tlsa_used)
		return;
	t->usage = *ldns_rdf_data(ldns_rr_rdf(rr, 0));
	t->selector = *ldns_rdf_data(ldns_rr_rdf(rr, 1));
	t->matching = *ldns_rdf_data(ldns_rr_rdf(rr, 2));
	t->at = a->tlsa_used;
	t->len = (uint16_t)ldns_rdf_size(data);
	if (t->len > 0)
		memcpy(a->tlsa_data + t->at, ldns_rdf_data(data), t->len);
	a->tlsa_used = (uint16_t)(a->tlsa_used + t->len);
	a->n++;
}

/* A NUL would end the text early. */
static bool
add_txt(struct dns_answer *a, const uint8_t *s, size_t len)
{
	if (memchr(s, '\0', len) != NULL ||
	    len >= sizeof(a->txt_data) - a->txt_used)
		return false;
	memcpy(a->txt_data + a->txt_used, s, len);
	a->txt_used = (uint16_t)(a->txt_used + len);
	return true;
}

static void
take_txt(const ldns_rr *rr, struct dns_answer *a)
{
	uint16_t at = a->txt_used;
	const ldns_rdf *rdf;
	const uint8_t *s;
	size_t i;

	if (a->n == DNS_TXT_MAX)
		return;
	for (i = 0; i < ldns_rr_rd_count(rr); i++) {
		rdf = ldns_rr_rdf(rr, i);
		s = ldns_rdf_data(rdf); /* a length, and so many octets */
		if (ldns_rdf_size(rdf) == 0 || ldns_rdf_size(rdf) < 1u + *s ||
		    !add_txt(a, s + 1, *s)) {
			a->txt_used = at;
			return;
		}
	}
	a->txt_data[a->txt_used++] = '\0';
	a->txt_at[a->n++] = at;
}

static void
take_name(const ldns_rr *rr, struct dns_answer *a)
{
	char *dst = a->name[a->n];

	if (a->n < DNS_NAME_MAX && host_of(ldns_rr_rdf(rr, 0), dst) &&
	    dst[0] != '\0')
		a->n++;
}

static uint32_t
min_ttl(uint32_t ttl, uint32_t other)
{
	return other < ttl ? other : ttl;
}

/* Follows the CNAMEs; returns the name at the end, NULL for a loop. */
static const ldns_rdf *
chain_end(const ldns_rr_list *answer, const ldns_rdf *name, uint32_t *ttl)
{
	const ldns_rr *rr;
	unsigned i;

	for (i = 0; i <= CHAIN_MAX; i++) {
		rr = find_rr(answer, name, LDNS_RR_TYPE_CNAME);
		if (rr == NULL)
			return name;
		*ttl = min_ttl(*ttl, ldns_rr_ttl(rr));
		name = ldns_rr_rdf(rr, 0);
	}
	return NULL;
}

/* The TTL of a negative answer: RFC 2308 5. */
static uint32_t
negative_ttl(const ldns_pkt *pkt)
{
	const ldns_rr *soa =
	    find_rr(ldns_pkt_authority(pkt), NULL, LDNS_RR_TYPE_SOA);

	if (soa == NULL || ldns_rr_rd_count(soa) != 7)
		return NEGATIVE_TTL;
	return min_ttl(ldns_rr_ttl(soa),
	    ldns_rdf2native_int32(ldns_rr_rdf(soa, 6)));
}

static void
take_records(const ldns_pkt *pkt, enum dns_type type, const ldns_rdf *name,
    struct dns_result *out)
{
	const ldns_rr_list *list = ldns_pkt_answer(pkt);
	struct dns_answer *a = &out->answer;
	const ldns_rdf *asked = name;
	const ldns_rr *rr;
	bool any = false, null_mx = false;
	size_t i, n = list != NULL ? ldns_rr_list_rr_count(list) : 0;

	out->ttl = UINT32_MAX;
	if ((name = chain_end(list, name, &out->ttl)) == NULL) {
		dns_result_fail(out, DNS_CAUSE_OTHER);
		return;
	}
	for (i = 0; i < n; i++) {
		rr = ldns_rr_list_rr(list, i);
		if (ldns_rr_get_type(rr) != rr_type[type] ||
		    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
		    ldns_rr_rd_count(rr) == 0 ||
		    ldns_dname_compare(ldns_rr_owner(rr), name) != 0)
			continue;
		any = true;
		out->ttl = min_ttl(out->ttl, ldns_rr_ttl(rr));
		if (type == DNS_TYPE_MX)
			take_mx(rr, a, &null_mx);
		else if (type == DNS_TYPE_TLSA)
			take_tlsa(rr, a);
		else if (type == DNS_TYPE_TXT)
			take_txt(rr, a);
		else if (type == DNS_TYPE_PTR)
			take_name(rr, a);
		else
			take_addr(rr, a);
	}
	if (dns_type_is_addr(type) && name != asked && !host_of(name, a->canon))
		a->canon[0] = '\0';
	/* A null MX beside others is a mistake and is ignored. */
	if (null_mx && a->n == 0)
		add_mx(a, 0, "");
	/* Unusable records are not the same as none: without MX records the
	 * domain's own address would be used (RFC 5321 5.1), without TLSA
	 * records TLS would be optional (RFC 7672 2.2). */
	if (a->n > 0 || (any && !dns_type_is_addr(type))) {
		a->status = DNS_OK;
		return;
	}
	/* A referral: this server does not resolve for us. */
	if (!ldns_pkt_aa(pkt) &&
	    find_rr(ldns_pkt_authority(pkt), NULL, LDNS_RR_TYPE_NS) != NULL &&
	    find_rr(ldns_pkt_authority(pkt), NULL, LDNS_RR_TYPE_SOA) == NULL) {
		dns_result_fail(out, DNS_CAUSE_OTHER);
		return;
	}
	a->status = DNS_NODATA;
	out->ttl = negative_ttl(pkt);
}

static void
take_packet(ldns_pkt *pkt, enum dns_type type, const ldns_rdf *name,
    struct dns_result *out)
{
	unsigned ext = ldns_pkt_edns_extended_rcode(pkt);

	memset(out, 0, sizeof(*out));
	out->answer.secure = ldns_pkt_ad(pkt);
	if (ext != 0) {
		dns_result_fail(out, DNS_CAUSE_OTHER);
		return;
	}
	switch (ldns_pkt_get_rcode(pkt)) {
	case LDNS_RCODE_NOERROR:
		take_records(pkt, type, name, out);
		break;
	case LDNS_RCODE_NXDOMAIN:
		out->answer.status = DNS_NXDOMAIN;
		out->ttl = negative_ttl(pkt);
		break;
	case LDNS_RCODE_SERVFAIL:
		dns_result_fail(out,
		    says_bogus(pkt) ? DNS_CAUSE_BOGUS : DNS_CAUSE_SERVFAIL);
		break;
	default:
		dns_result_fail(out, DNS_CAUSE_OTHER);
		break;
	}
}

enum dns_wire
dns_wire_answer(enum dns_type type, const char *name, uint16_t id,
    const uint8_t *wire, size_t len, struct dns_result *out)
{
	enum dns_wire verdict = DNS_WIRE_IGNORE;
	ldns_pkt *pkt = NULL;
	ldns_rdf *dname = NULL;

	dns_result_fail(out, DNS_CAUSE_OTHER);
	if (len < DNS_HEADER_SIZE || LDNS_ID_WIRE(wire) != id ||
	    !LDNS_QR_WIRE(wire) || LDNS_OPCODE_WIRE(wire) != LDNS_PACKET_QUERY)
		return DNS_WIRE_IGNORE;
	/* A truncated answer may end inside a record: it is not read, and the
	 * question is asked again over TCP. */
	if (LDNS_TC_WIRE(wire))
		return DNS_WIRE_TRUNCATED;
	/* A server that did not understand the query need not repeat the
	 * question. */
	if (LDNS_QDCOUNT(wire) == 0 && LDNS_RCODE_WIRE(wire) != 0 &&
	    LDNS_RCODE_WIRE(wire) != LDNS_RCODE_NXDOMAIN)
		return DNS_WIRE_DONE;
	if (ldns_wire2pkt(&pkt, wire, len) != LDNS_STATUS_OK)
		return DNS_WIRE_IGNORE;
	dname = ldns_dname_new_frm_str(name);
	if (dname != NULL && question_is(pkt, type, dname)) {
		take_packet(pkt, type, dname, out);
		verdict = DNS_WIRE_DONE;
	}
	ldns_rdf_deep_free(dname);
	ldns_pkt_free(pkt);
	return verdict;
}
