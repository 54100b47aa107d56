/* SPDX-License-Identifier: ISC
 * dns_wire: DNS messages to and from bytes, with ldns. Pure: no sockets, no
 * clock. Input is hostile: everything is capped, and only an answer to the
 * question asked is a result. Any thread. Private to net/. */
#ifndef MX_NET_DNS_WIRE_H
#define MX_NET_DNS_WIRE_H

#include "net/dns.h"

#define DNS_WIRE_QUERY_MAX 512 /* header, one name, OPT: 288 at most */
#define DNS_WIRE_MAX	   65535 /* an answer over TCP */

enum dns_type {
	DNS_TYPE_MX,
	DNS_TYPE_A,
	DNS_TYPE_AAAA,
	DNS_TYPE_TLSA,
	DNS_TYPE_TXT,
	DNS_TYPE_PTR,
};
#define DNS_TYPES 6
const char *dns_type_name(enum dns_type);
bool dns_type_is_addr(enum dns_type);
/* What dns_memory.h has a form for; the rest is asked for each time. */
bool dns_type_is_kept(enum dns_type);

/* Why a look-up failed; ldns has no such status. In ascending order of what to
 * report when several servers failed. */
enum dns_cause {
	DNS_CAUSE_NONE,
	DNS_CAUSE_TIMEOUT,
	/* refused, unreachable, lame, unusable, our queue is full */
	DNS_CAUSE_OTHER,
	DNS_CAUSE_SERVFAIL,
	DNS_CAUSE_BOGUS,
};
const char *dns_cause_name(enum dns_cause);

struct dns_result {
	struct dns_answer answer; /* never stale */
	enum dns_cause cause; /* of DNS_FAIL and DNS_BOGUS */
	uint32_t ttl; /* seconds, from the answer */
};

void dns_result_fail(struct dns_result *, enum dns_cause);

/* Writes the query (EDNS, AD requested) to dst, DNS_WIRE_QUERY_MAX bytes.
 * -MX_ESYNTAX when the name cannot be a domain name. */
int dns_wire_query(enum dns_type, const char *name, uint16_t id, uint8_t *dst,
    size_t *len) MX_NODISCARD;

enum dns_wire {
	DNS_WIRE_IGNORE, /* not an answer to this query, or unreadable */
	DNS_WIRE_TRUNCATED, /* ask again over TCP */
	DNS_WIRE_DONE, /* *out is filled in; it may be a failure */
};
enum dns_wire dns_wire_answer(enum dns_type, const char *name, uint16_t id,
    const uint8_t *wire, size_t len, struct dns_result *out);

#endif
