/* SPDX-License-Identifier: ISC
 * dns: look-ups through ldns in worker threads; answers come back on the loop.
 * Good answers are cached: within their TTL they are used directly, later as
 * the last good answer when the resolver fails (`stale`). The cache can be
 * saved and loaded, so that a restart during an outage of the resolver still
 * knows the primaries. Loop thread. */
#ifndef MX_NET_DNS_H
#define MX_NET_DNS_H

#include "base/err.h"
#include "base/text.h"
#include "net/addr.h"
#include "net/loop.h"

struct dns;

#define DNS_MX_MAX   32 /* records kept of one answer */
#define DNS_ADDR_MAX 16
#define DNS_TLSA_MAX 16
/* Octets of their data in total: enough for digests of 32 or 64 octets and for
 * as many whole certificates as are published in practice. */
#define DNS_TLSA_DATA 7800
#define DNS_TXT_MAX   16
#define DNS_TXT_DATA  7800 /* octets of their text together */
#define DNS_NAME_MAX  16 /* names of an address */

enum dns_status {
	DNS_OK, /* there are records (MX and TLSA with n 0: none readable) */
	DNS_NODATA, /* the name exists, no such records */
	DNS_NXDOMAIN, /* no such name */
	DNS_FAIL, /* timeout, SERVFAIL, REFUSED, unusable answer: try later */
	DNS_BOGUS, /* the resolver says that DNSSEC validation failed */
};
const char *dns_status_name(enum dns_status);

/* The answer is that no such record exists. */
static inline bool
dns_is_none(enum dns_status status)
{
	return status == DNS_NODATA || status == DNS_NXDOMAIN;
}

/* There is no answer that may be used: nothing is known of the records. */
static inline bool
dns_is_failure(enum dns_status status)
{
	return status == DNS_FAIL || status == DNS_BOGUS;
}

struct dns_mx {
	uint16_t pref;
	char host[TEXT_DOMAIN_MAX]; /* "" is the null MX (RFC 7505) */
};

/* As received: net/dane.h decides whether it is usable. */
struct dns_tlsa {
	uint8_t usage, selector, matching;
	uint16_t at, len; /* position of its data in tlsa_data */
};

struct dns_answer {
	enum dns_status status;
	bool stale; /* the last good answer; the resolver fails now */
	/* The resolver's failure in words, static; NULL: it answered. */
	const char *why;
	/* The AD bit: the resolver vouches for the answer, for the aliases it
	 * went through, and for the absence of records. As trustworthy as the
	 * resolver and the path to it. */
	bool secure;
	uint32_t ttl; /* seconds; dns_a() only */
	unsigned n;
	union { /* by type of the question */
		struct dns_mx mx[DNS_MX_MAX]; /* ascending preference */
		struct {
			struct dns_tlsa tlsa[DNS_TLSA_MAX];
			uint16_t tlsa_used; /* octets of tlsa_data */
			uint8_t tlsa_data[DNS_TLSA_DATA];
		};
		struct {
			/* The strings of a record joined (RFC 7208 3.3),
			 * NUL behind each record; peer text. Records with a
			 * NUL in them, or beyond the room, are left out. */
			uint16_t txt_at[DNS_TXT_MAX]; /* in txt_data */
			uint16_t txt_used;
			char txt_data[DNS_TXT_DATA];
		};
		char name[DNS_NAME_MAX][TEXT_DOMAIN_MAX]; /* of an address */
		struct {
			/* Where the aliases lead; "": the name is none. */
			char canon[TEXT_DOMAIN_MAX];
			/* IPv6 and IPv4, port 0 */
			struct net_addr addr[DNS_ADDR_MAX];
		};
	};
};

/* `a` is valid during the call only. */
typedef void dns_cb(const struct dns_answer *a, void *arg);

struct dns_stats {
	uint64_t queries, fail_timeout, fail_servfail, fail_nxdomain,
	    fail_bogus, fail_other;
	uint64_t duration_us; /* of the last finished query */
};

struct dns_conf {
	const struct net_addr *servers; /* none: /etc/resolv.conf */
	size_t nservers;
	unsigned threads; /* workers */
	/* waiting look-ups, in addition to those for each domain
	 * (dns_domains()); more fail at once */
	unsigned queue_max;
	int64_t timeout_ms; /* for one look-up, all tries together */
	bool forget; /* no cache: every question is sent */
};

struct dns *
dns_create(struct loop *, const struct dns_conf *, struct mx_errbuf *eb);
/* Drops the look-ups under way without calling back. Does not wait for the
 * resolver. Allowed inside a callback. */
void dns_destroy(struct dns **);

/* The callback comes later, from the loop, exactly once unless cancelled. The
 * id is never 0. A numeric host is answered without a look-up. */
uint64_t dns_mx(struct dns *, const char *domain, dns_cb *, void *arg);
uint64_t dns_addr(struct dns *, const char *host, dns_cb *, void *arg);
/* The TLSA records of that port, RFC 6698 3. They are never stale: after their
 * TTL a failure is a failure. */
uint64_t
dns_tlsa(struct dns *, const char *host, uint16_t port, dns_cb *, void *arg);
/* Only the IPv4 addresses, for names such as those of block lists. */
uint64_t dns_a(struct dns *, const char *name, dns_cb *, void *arg);
/* Text records; the host names of an address (RFC 1035 3.5, RFC 3596 2.5). Both
 * are not remembered: who asks does so rarely, and wants what is there now. */
uint64_t dns_txt(struct dns *, const char *name, dns_cb *, void *arg);
uint64_t dns_names(struct dns *, const struct net_addr *, dns_cb *, void *arg);
/* The i-th text of an answer. */
const char *dns_txt_at(const struct dns_answer *, unsigned i);
void dns_cancel(struct dns *, uint64_t id);

/* Called with the duration of each query sent, for the histogram. */
void
dns_on_query(struct dns *, void (*fn)(double seconds, void *arg), void *arg);
const struct dns_stats *dns_stats(const struct dns *);

/* The cache as a file, replaced atomically; a missing or damaged file gives an
 * empty cache and a log line. */
void dns_memory_load(struct dns *, const char *path);
void dns_memory_save(struct dns *, const char *path); /* waits for the disk */

/* The number of domains, from which the size of the cache and of the queue of
 * look-ups follows. */
void dns_domains(struct dns *, size_t n);

/* The same beside the loop: a copy of the cache is made in slices of 2 ms until
 * dns_saving_copy() says false; then any thread may write it, and free it. One
 * at a time. */
struct dns_saving;
struct dns_saving *dns_saving_create(struct dns *, const char *path);
/* true: call again later */
bool dns_saving_copy(struct dns *, struct dns_saving *);
void dns_saving_write(struct dns_saving *);
void dns_saving_destroy(struct dns_saving **);

#endif
