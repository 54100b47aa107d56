/* SPDX-License-Identifier: ISC
 * route: the hosts that may take a domain's mail, in order, with addresses.
 * Either the configured primaries or the MX records that are better than ours:
 * we, and those of the same or a worse preference, are removed (RFC 5321 5.1),
 * whether we are recognised by name or by address. Used by delivery and probes
 * alike, so that probes test the hosts that mail is delivered to. Loop
 * thread. */
#ifndef MX_NET_ROUTE_H
#define MX_NET_ROUTE_H

#include "net/dane.h"
#include "net/pin.h"

#define ROUTE_HOST_MAX 8

enum route_status {
	ROUTE_OK,
	ROUTE_DNS_FAIL, /* the resolver fails: hold, never bounce: 4.4.3 */
	ROUTE_SELF, /* we are, or seem, the best MX: hold, alarm: 5.4.6 */
	ROUTE_NULL_MX, /* the domain takes no mail: 5.1.10 / alarm */
	ROUTE_NO_HOST, /* no such domain, or no host has an address: 4.4.4 */
};
const char *route_status_name(enum route_status);

struct route_host {
	char name[TEXT_DOMAIN_MAX]; /* as configured, or from the MX record */
	char label[TEXT_DOMAIN_MAX + 8]; /* name, ":port" when not 25 */
	uint16_t port;
	uint16_t pref; /* for configured ones their position in the list */
	unsigned naddrs; /* 0: the address look-up of this host failed */
	enum dns_status dns; /* of the address look-up */
	/* static: why the pin bars all of its addresses (pin.h); NULL */
	const char *barred;
	struct net_addr addr[DNS_ADDR_MAX];
	/* With route_with_dane(), if the host has an address. With DANE_DEFER
	 * the host counts as one without address, as if that look-up had
	 * failed. */
	struct dane *dane;
};

/* The look-up that prevents the route, or would without the last good answer:
 * the first one that the resolver failed to answer; if there is none, and no
 * route, the one that got a definite negative answer. */
struct route_trouble {
	const char
	    *type; /* static: "MX", "address", "TLSA"; NULL: no trouble */
	const char *answer; /* static: the resolver's answer in words */
	bool stale; /* the last good answer is used */
	char name[TEXT_DOMAIN_MAX]; /* that was looked up */
};

/* Ourselves among the MX records, by name or by address: the best such
 * record. */
struct route_us {
	bool found;
	uint16_t pref;
	char name[TEXT_DOMAIN_MAX]; /* name in the MX record */
};

struct route {
	enum route_status status;
	bool stale;
	bool from_mx; /* by MX records or, without any, the domain itself */
	bool implicit; /* the latter: it has no MX records */
	struct route_us us; /* with from_mx; not part of host[] */
	bool with_dane; /* the TLS policy found is valid for a second */
	struct route_trouble trouble;
	unsigned n;
	struct route_host host[ROUTE_HOST_MAX];
};

/* Our own names and addresses. Names are canonical (text_domain); both lists
 * are borrowed and must live as long as the requests made with them. */
struct route_self {
	const char *const *names;
	size_t nnames;
	const struct net_addr *addrs;
	size_t naddrs;
	size_t nnamed; /* those at the end that `self` names */
	/* Our listening ports: a host is us only at one of them, or at port 25,
	 * which may be redirected to us, if it was named. */
	uint16_t const *ports;
	size_t nports;
};

/* Is it listed there? A name has to be canonical. */
bool route_self_has_name(const struct route_self *, const char *name);
bool route_self_has_addr(const struct route_self *, const struct net_addr *);
bool route_self_has_port(const struct route_self *, uint16_t port);

/* The route given to a callback belongs to the look-up; a copy shares its
 * references and is freed with route_fini(). */
void route_copy(struct route *dst, const struct route *src);
void route_fini(struct route *);

/* "the MX look-up of example.org: SERVFAIL; the last good answer is used"; ""
 * without trouble. Returns dst. */
char *route_trouble_text(const struct route_trouble *, char *dst, size_t size);

/* name, and ":port" if it is not 25; an IPv6 literal in brackets. dst holds
 * TEXT_DOMAIN_MAX + 8. */
char *route_label(const char *name, uint16_t port, char *dst);

typedef void route_cb(const struct route *, void *arg);
struct route_req;

/* Looks up the route of `domain`. `primaries` (n > 0) are configured hosts
 * "name", "name:port", "[addr]:port" and are copied. `port` is that of MX
 * hosts. The callback comes once, later. The request is freed after it: the
 * callee has to forget its pointer, or call route_cancel(). Look-ups under way
 * have to be cancelled before dns_destroy(). */
struct route_req *route_lookup(struct dns *, const struct route_self *,
    const char *domain, const char *const *primaries, size_t n, uint16_t port,
    route_cb *, void *arg);
/* Right after route_lookup(): looks up the TLSA records of each host, too. */
void route_with_dane(struct route_req *);
/* Likewise: removes addresses that the pin bars. A host that has others keeps
 * those. NULL: any address. */
void route_pin(struct route_req *, struct pin *);
void route_cancel(struct route_req **);

#endif
