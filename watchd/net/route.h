/* SPDX-License-Identifier: ISC
 * route: which hosts may take a domain's mail, in order, with addresses.
 * Either the configured primaries or the MX records that are better than
 * ours: we, and what is as bad as we or worse, are struck off (RFC 5321 5.1),
 * whether we are known by name or by address. Used by delivery and probes
 * alike, so that what is watched is what is delivered to. Loop thread. */
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
	uint16_t pref; /* configured ones: their place in the list */
	unsigned naddrs; /* 0: the address look-up of this host failed */
	enum dns_status dns; /* of the address look-up */
	const char *barred; /* static: what its addresses are, all of which the
			     * pin bars (pin.h); NULL */
	struct net_addr addr[DNS_ADDR_MAX];
	/* With route_with_dane(), and when it has an address. A host that it
	 * puts off (DANE_DEFER) has none, as if that look-up had failed. */
	struct dane *dane;
};

/* The look-up that stands in the way, or would if the last good answer were
 * not used: of those that the resolver failed to answer the first; without
 * any, and without a route, the one that says for sure that there is none. */
struct route_trouble {
	const char
	    *type; /* static: "MX", "address", "TLSA"; NULL: no trouble */
	const char *answer; /* static: the resolver's, in words */
	bool stale; /* the last good answer is used */
	char name[TEXT_DOMAIN_MAX]; /* that was looked up */
};

/* Ourselves among the MX records, by name or by address: the best of them. */
struct route_us {
	bool found;
	uint16_t pref;
	char name[TEXT_DOMAIN_MAX]; /* as the MX record has it */
};

struct route {
	enum route_status status;
	bool stale;
	bool from_mx; /* by MX records or, without any, the domain itself */
	bool implicit; /* that: it has no MX records */
	struct route_us us; /* with from_mx; it is in no host[] */
	bool with_dane; /* what was found about TLS is good for a second */
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
	size_t nnamed; /* the last of them are named by `self` */
	/* We listen on these: a host is us only there, and on port 25, which may
	 * be brought to us, where it is named. */
	uint16_t const *ports;
	size_t nports;
};

/* The route given to a callback is the look-up's own; a copy shares the
 * verdicts and is ended with route_fini(). */
void route_copy(struct route *dst, const struct route *src);
void route_fini(struct route *);

/* "the MX look-up of example.org: SERVFAIL; the last good answer is used"; ""
 * without trouble. Returns dst. */
char *route_trouble_text(const struct route_trouble *, char *dst, size_t size);

/* name, and ":port" when it is not 25; an IPv6 literal in brackets. dst holds
 * TEXT_DOMAIN_MAX + 8. */
char *route_label(const char *name, uint16_t port, char *dst);

typedef void route_cb(const struct route *, void *arg);
struct route_req;

/* Looks up where `domain` goes. `primaries` (n > 0) are configured hosts
 * "name", "name:port", "[addr]:port" and are copied. `port` is that of MX
 * hosts. The callback comes once, later; *req is NULLed by then through the
 * callee's route_cancel() or is simply stale: forget it in the callback. What
 * is under way has to be cancelled before dns_destroy(). */
struct route_req *route_lookup(struct dns *, const struct route_self *,
    const char *domain, const char *const *primaries, size_t n, uint16_t port,
    route_cb *, void *arg);
/* Right after route_lookup(): the TLSA records of each host are wanted, too. */
void route_with_dane(struct route_req *);
/* Likewise: addresses that it bars are none of a host's. One that has others goes
 * by these. NULL: any address. */
void route_pin(struct route_req *, struct pin *);
void route_cancel(struct route_req **);

#endif
