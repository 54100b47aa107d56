/* SPDX-License-Identifier: ISC
 * address: what the process remembers of one socket address (address and
 * port): when it was good, since when it fails, whether TLS works there, how
 * long it lets one wait for its greeting. It belongs to the address and not to
 * a name or a domain: what one delivery met, the next one of another domain
 * and the probe know. reach.c writes it; the decisions below are pure, `now`
 * (monotonic ns, above 0) is an argument. Loop thread.
 *
 *	good_ns    an exchange got to "ready" here; ends `failed_ns`
 *	failed_ns  no connection, or it went down or silent before it had
 *	           answered EHLO. A reply, whatever it says, is no failure of
 *	           the address. Deliveries take it last, until a probe has got
 *	           through or ADDRESS_FAILED_NS have passed
 *	tls_*      counted only where clear is allowed (`tls = may`):
 *
 *	  unknown, works --fail--> failing once --fail--> failing
 *	  failing: the next connection is made in clear, for ADDRESS_CLEAR_NS,
 *	           then TLS is tried first again, once. An address where TLS
 *	           worked within ADDRESS_TLS_NS is not talked to in clear before
 *	           `clear_after_ns` have passed since its first failure.
 *	  any --a reply inside TLS--> works */
#ifndef MX_PRIMARY_ADDRESS_H
#define MX_PRIMARY_ADDRESS_H

#include "net/addr.h"

#define ADDRESS_BOOK_MAX   65536 /* addresses; the least lately used go */
#define ADDRESS_FAILED_NS  (INT64_C(600) * 1000000000)
#define ADDRESS_CLEAR_NS   (INT64_C(600) * 1000000000)
#define ADDRESS_TLS_NS	   (INT64_C(86400) * 1000000000)
#define ADDRESS_GREETED_NS (INT64_C(86400) * 1000000000)
#define ADDRESS_TLS_FAILS  2 /* in a row, before clear is thought of */

struct address { /* times: 0 is never, or no */
	int64_t good_ns; /* the last time */
	int64_t failed_ns; /* the last failure, while it fails */
	unsigned fails; /* in a row */
	int64_t tls_ok_ns; /* the last reply inside TLS */
	int64_t tls_failed_ns; /* the first failure in a row */
	int64_t tls_tried_ns; /* the last one */
	unsigned tls_fails; /* in a row */
	int64_t tls_only_ns; /* it said that it takes nothing in clear */
	unsigned ours; /* deliveries' connections that are ready there */
	/* The longest waits for greetings that came: in this period, in the one
	 * before, and when this one began. */
	int64_t greeting_ns, greeting_before_ns, greeted_ns;
};

/* ---- one address: pure */
void address_good(struct address *, int64_t now);
void address_failed(struct address *, int64_t now);
/* A delivery's connection is ready; and is no more. With some there a refusal is
 * that of one too many. */
void address_ours(struct address *, bool more);
void address_greeted(struct address *, int64_t waited_ns, int64_t now);
void address_tls_ok(struct address *, int64_t now);
/* `silent`: it answers nothing any more, which counts as all the failures that
 * are needed: nobody waits for the same silence twice. */
void address_tls_failed(struct address *, bool silent, int64_t now);
/* A session in clear was told to begin with STARTTLS (530, RFC 3207 4): for a
 * day TLS that fails is a failure, for clear is none either. To be called by
 * whoever has that session; the refusal is then nobody's but the TLS's. */
void address_tls_only(struct address *, int64_t now);

/* NULL is an address of which nothing is known. */

/* A delivery takes it after all others. */
bool address_is_failed(const struct address *, int64_t now);
/* It failed a while ago (60 s, doubling to ADDRESS_FAILED_NS): a probe looks
 * whether it still does before it goes to one that works. */
bool address_is_due(const struct address *, int64_t now);
/* The longest wait for a greeting within ADDRESS_GREETED_NS, or twice that;
 * 0: none known. One that is as slow each day is never forgotten. */
int64_t address_greeting_ns(const struct address *, int64_t now);
/* TLS worked lately (for "a host that did TLS no longer does"). */
bool address_did_tls(const struct address *, int64_t now);
/* TLS having failed often enough, may it be clear? */
bool
address_may_clear(const struct address *, int64_t clear_after_ns, int64_t now);
/* The next connection is made without trying TLS. Not for probes: they try it
 * each time, and so end the memory. */
bool
address_is_clear(const struct address *, int64_t clear_after_ns, int64_t now);

/* ---- the order in which the addresses of a host are tried: pure */
enum address_route { /* what the kernel says, see address_route() */
	ADDRESS_FIT, /* there is a route, from a source of the same kind */
	ADDRESS_UNFIT, /* from a source of another kind (RFC 6724 rules 2, 5) */
	ADDRESS_NO_ROUTE, /* connect() would fail here and now (rule 1) */
};
struct address_choice {
	const struct net_addr *addr;
	const struct address *known; /* NULL: nothing */
	enum address_route route;
};
/* Writes the indices into order[0..n): by route, then families in turns, the
 * order of the look-up within each; the one that was good last comes first.
 * Those that fail come last for a delivery; a probe takes one of them that is
 * due before all others. n <= ADDRESS_ORDER_MAX. */
#define ADDRESS_ORDER_MAX 16
void address_order(const struct address_choice *, unsigned n, bool probe,
    int64_t now, unsigned *order);
/* Asks the kernel (a datagram socket that sends nothing). `source`: NULL, or
 * the address that a connection of that family would be bound to. */
enum address_route
address_route(const struct net_addr *to, const struct net_addr *source);

/* ---- all of them */
struct address_book;
struct address_book *address_book_create(unsigned max); /* max > 0 */
void address_book_destroy(struct address_book **);
/* NULL: nothing is known. Valid until the next call of address_book_get(). */
const struct address *
address_book_peek(const struct address_book *, const struct net_addr *);
/* The same, or a new one; the one least lately got goes when there are
 * `max`. Valid until the next call of it. */
struct address *
address_book_get(struct address_book *, const struct net_addr *);
unsigned address_book_count(const struct address_book *);

#endif
