/* SPDX-License-Identifier: ISC
 * address: the memory of one socket address (address and port): when it worked
 * last, since when it fails, whether TLS works there, how long its greeting
 * takes. It belongs to the address and not to a name or a domain, so that what
 * one delivery met is known to the deliveries of other domains and to the
 * probe. reach.c writes it; the decisions below are pure, `now` (monotonic ns,
 * above 0) is an argument. Loop thread.
 *
 *	good_ns    an exchange reached "ready" here; clears `failed_ns`
 *	failed_ns  the connection failed, broke or fell silent before EHLO
 *	           was answered. Any reply at all is no failure of the
 *	           address. Deliveries try such an address last, until a
 *	           probe has got through or ADDRESS_FAILED_NS have passed
 *	tls_*      counted only where clear is allowed (`tls = may`):
 *
 *	  unknown, works --fail--> failing once --fail--> failing
 *	  failing: connections are made in clear for ADDRESS_CLEAR_NS, then
 *	           TLS is tried again once. An address where TLS worked
 *	           within ADDRESS_TLS_NS is not used in clear before
 *	           `clear_after_ns` have passed since its first failure.
 *	  any --a reply inside TLS--> works */
#ifndef MX_PRIMARY_ADDRESS_H
#define MX_PRIMARY_ADDRESS_H

#include "net/addr.h"

#define ADDRESS_BOOK_MAX   65536 /* the least recently used is evicted */
#define ADDRESS_FAILED_NS  (INT64_C(600) * 1000000000)
#define ADDRESS_CLEAR_NS   (INT64_C(600) * 1000000000)
#define ADDRESS_TLS_NS	   (INT64_C(86400) * 1000000000)
#define ADDRESS_GREETED_NS (INT64_C(86400) * 1000000000)
#define ADDRESS_TLS_FAILS  2 /* failures in a row before clear is allowed */

struct address { /* times: 0 means never or unset */
	int64_t good_ns; /* the last time */
	int64_t failed_ns; /* the last failure, while it fails */
	unsigned fails; /* in a row */
	int64_t tls_ok_ns; /* the last reply inside TLS */
	int64_t tls_failed_ns; /* the first failure in a row */
	int64_t tls_tried_ns; /* the last one */
	unsigned tls_fails; /* in a row */
	/* the server said that it takes nothing in clear */
	int64_t tls_only_ns;
	unsigned ours; /* connections of deliveries that are ready there */
	/* Longest waits for a greeting that did come: in this period, in the
	 * one before it; and when this period began. */
	int64_t greeting_ns, greeting_before_ns, greeted_ns;
};

/* ---- one address: pure */
void address_good(struct address *, int64_t now);
void address_failed(struct address *, int64_t now);
/* Counts the connections of deliveries that are ready: one more or one less.
 * While there are some, a refusal of another connection means "one too
 * many". */
void address_ours(struct address *, bool more);
void address_greeted(struct address *, int64_t waited_ns, int64_t now);
void address_tls_ok(struct address *, int64_t now);
/* `silent`: the address no longer answers at all. That counts as
 * ADDRESS_TLS_FAILS failures at once, so that no other delivery waits for the
 * same silence. */
void address_tls_failed(struct address *, bool silent, int64_t now);
/* A session in clear was told to begin with STARTTLS (530, RFC 3207 4): for a
 * day a TLS failure there is a failure of the connection, because clear does
 * not work either. The owner of that session calls this; the refusal is then
 * put down to TLS alone. */
void address_tls_only(struct address *, int64_t now);

/* In all of these NULL is an address of which nothing is known. */

/* Deliveries try it after all others. */
bool address_is_failed(const struct address *, int64_t now);
/* It failed a while ago (60 s, doubling to ADDRESS_FAILED_NS): a probe tries it
 * again before it goes to an address that works. */
bool address_is_due(const struct address *, int64_t now);
/* The longest wait for a greeting within the last one to two
 * ADDRESS_GREETED_NS; 0: none known. An address that is as slow every day is
 * never forgotten. */
int64_t address_greeting_ns(const struct address *, int64_t now);
/* TLS worked lately (to report a host that did TLS and no longer does). */
bool address_did_tls(const struct address *, int64_t now);
/* TLS has failed often enough that clear may be used. */
bool
address_may_clear(const struct address *, int64_t clear_after_ns, int64_t now);
/* The next connection skips TLS. Not for probes: they try TLS each time, and so
 * find out when it works again. */
bool
address_is_clear(const struct address *, int64_t clear_after_ns, int64_t now);

/* ---- the order in which the addresses of a host are tried: pure */
enum address_route { /* the kernel's answer, see address_route() */
	/* there is a route, from a source of equal scope and label */
	ADDRESS_FIT,
	/* the source differs in one of them (RFC 6724 rules 2, 5) */
	ADDRESS_UNFIT,
	ADDRESS_NO_ROUTE, /* connect() would fail at once (rule 1) */
};
struct address_choice {
	const struct net_addr *addr;
	const struct address *known; /* NULL: nothing */
	enum address_route route;
};
/* Writes the indices into order[0..n): by route, then the families alternating,
 * each in the order of the look-up; the address that worked last comes first.
 * Failing addresses come last for a delivery; a probe tries one of them that is
 * due before all others. n <= ADDRESS_ORDER_MAX. */
#define ADDRESS_ORDER_MAX 16
void address_order(const struct address_choice *, unsigned n, bool probe,
    int64_t now, unsigned *order);
/* Asks the kernel (a datagram socket that sends nothing). `source`: NULL, or
 * the address that a connection of that family would be bound to. */
enum address_route
address_route(const struct net_addr *to, const struct net_addr *source);

/* ---- the table of all addresses */
struct address_book;
struct address_book *address_book_create(unsigned max); /* max > 0 */
void address_book_destroy(struct address_book **);
/* NULL: nothing is known. Valid until the next call of address_book_get(). */
const struct address *
address_book_peek(const struct address_book *, const struct net_addr *);
/* The same, but creates the entry; with `max` entries the least recently got is
 * evicted. Valid until the next call of it. */
struct address *
address_book_get(struct address_book *, const struct net_addr *);
unsigned address_book_count(const struct address_book *);

#endif
