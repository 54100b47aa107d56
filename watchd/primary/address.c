/* SPDX-License-Identifier: ISC
 * address: the memory of addresses and the decisions drawn from it. The book is
 * a tree by address with a list by use: the least recently used entry is
 * evicted. Only address_route() asks the kernel; the rest is pure. */
#include "primary/address.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define DUE_FIRST_NS (60 * CLOCK_SEC) /* doubling to ... */
#define DUE_LAST_NS  (300 * CLOCK_SEC) /* ... below ADDRESS_FAILED_NS */

/* ---- one address */

void
address_good(struct address *a, int64_t now)
{
	a->good_ns = now;
	a->failed_ns = 0;
	a->fails = 0;
}

void
address_failed(struct address *a, int64_t now)
{
	a->failed_ns = now;
	if (a->fails < UINT_MAX)
		a->fails++;
}

/* The book may have evicted the entry with the earlier ones. */
void
address_ours(struct address *a, bool more)
{
	if (more)
		a->ours++;
	else if (a->ours > 0)
		a->ours--;
}

void
address_greeted(struct address *a, int64_t waited_ns, int64_t now)
{
	int64_t age = now - a->greeted_ns;

	if (a->greeted_ns == 0 || age >= ADDRESS_GREETED_NS) {
		a->greeting_before_ns =
		    a->greeted_ns != 0 && age < 2 * ADDRESS_GREETED_NS ?
		    a->greeting_ns :
		    0;
		a->greeting_ns = 0;
		a->greeted_ns = now;
	}
	if (waited_ns > a->greeting_ns)
		a->greeting_ns = waited_ns;
}

void
address_tls_ok(struct address *a, int64_t now)
{
	a->tls_ok_ns = now;
	a->tls_failed_ns = 0;
	a->tls_fails = 0;
}

void
address_tls_failed(struct address *a, bool silent, int64_t now)
{
	if (a->tls_failed_ns == 0)
		a->tls_failed_ns = now;
	a->tls_tried_ns = now;
	if (a->tls_fails < UINT_MAX)
		a->tls_fails++;
	if (silent && a->tls_fails < ADDRESS_TLS_FAILS)
		a->tls_fails = ADDRESS_TLS_FAILS;
}

void
address_tls_only(struct address *a, int64_t now)
{
	a->tls_only_ns = now;
}

bool
address_is_failed(const struct address *a, int64_t now)
{
	return a != NULL && a->failed_ns != 0 &&
	    now - a->failed_ns < ADDRESS_FAILED_NS;
}

bool
address_is_due(const struct address *a, int64_t now)
{
	int64_t wait = DUE_FIRST_NS;

	if (a == NULL || a->failed_ns == 0)
		return false;
	for (unsigned i = 1; i < a->fails && wait < DUE_LAST_NS; i++)
		wait *= 2;
	return now - a->failed_ns >= (wait < DUE_LAST_NS ? wait : DUE_LAST_NS);
}

int64_t
address_greeting_ns(const struct address *a, int64_t now)
{
	int64_t age;

	if (a == NULL || a->greeted_ns == 0)
		return 0;
	age = now - a->greeted_ns;
	if (age >= 2 * ADDRESS_GREETED_NS)
		return 0;
	if (age >= ADDRESS_GREETED_NS || a->greeting_ns > a->greeting_before_ns)
		return a->greeting_ns;
	return a->greeting_before_ns;
}

bool
address_did_tls(const struct address *a, int64_t now)
{
	return a != NULL && a->tls_ok_ns != 0 &&
	    now - a->tls_ok_ns < ADDRESS_TLS_NS;
}

bool
address_may_clear(const struct address *a, int64_t clear_after_ns, int64_t now)
{
	int64_t first;

	if (a == NULL)
		return true;
	if (a->tls_only_ns != 0 && now - a->tls_only_ns < ADDRESS_TLS_NS)
		return false;
	first = a->tls_failed_ns != 0 ? a->tls_failed_ns : now;
	return !address_did_tls(a, first) || now - first >= clear_after_ns;
}

bool
address_is_clear(const struct address *a, int64_t clear_after_ns, int64_t now)
{
	return a != NULL && a->tls_fails >= ADDRESS_TLS_FAILS &&
	    now - a->tls_tried_ns < ADDRESS_CLEAR_NS &&
	    address_may_clear(a, clear_after_ns, now);
}

/* ---- the order */

static sa_family_t
family(const struct net_addr *a)
{
	return a->u.sa.sa_family;
}

/* Those of one route, families alternating, beginning with the first one's. */
static unsigned
interleave(const struct address_choice *c, unsigned n, enum address_route route,
    unsigned *order)
{
	unsigned at[2] = { 0, 0 }, done = 0, turn = 0, idle = 0;
	sa_family_t first = 0;

	for (unsigned i = 0; i < n && first == 0; i++)
		if (c[i].route == route)
			first = family(c[i].addr);
	while (idle < 2) {
		unsigned *i = &at[turn];

		while (*i < n &&
		    (c[*i].route != route ||
			(family(c[*i].addr) == first) != (turn == 0)))
			(*i)++;
		if (*i < n) {
			order[done++] = (*i)++;
			idle = 0;
		} else {
			idle++;
		}
		turn = !turn;
	}
	return done;
}

/* order[at] becomes order[0]; the order of the others stays. */
static void
to_front(unsigned *order, unsigned at)
{
	unsigned v = order[at];

	memmove(order + 1, order, at * sizeof(order[0]));
	order[0] = v;
}

void
address_order(const struct address_choice *c, unsigned n, bool probe,
    int64_t now, unsigned *order)
{
	unsigned all[ADDRESS_ORDER_MAX], done = 0, nall = 0, nfit, best;
	int64_t good = 0;

	MX_ASSERT(n <= ADDRESS_ORDER_MAX);
	for (int r = ADDRESS_FIT; r <= ADDRESS_NO_ROUTE; r++)
		nall += interleave(c, n, (enum address_route)r, all + nall);
	MX_ASSERT(nall == n);
	for (unsigned i = 0; i < n; i++)
		if (!address_is_failed(c[all[i]].known, now))
			order[done++] = all[i];
	nfit = done;
	for (unsigned i = 0; i < n; i++)
		if (address_is_failed(c[all[i]].known, now))
			order[done++] = all[i];
	best = n;
	for (unsigned i = 0; i < nfit; i++) {
		const struct address_choice *o = &c[order[i]];

		if (o->route != ADDRESS_NO_ROUTE && o->known != NULL &&
		    o->known->good_ns > good) {
			good = o->known->good_ns;
			best = i;
		}
	}
	if (best < n)
		to_front(order, best);
	for (unsigned i = nfit; probe && i < n; i++)
		if (c[order[i]].route != ADDRESS_NO_ROUTE &&
		    address_is_due(c[order[i]].known, now)) {
			to_front(order, i);
			break;
		}
}

/* The labels of RFC 6724 2.1: source and destination should have the same. */
static int
label6(const struct in6_addr *a)
{
	const uint8_t *b = a->s6_addr;

	if (IN6_IS_ADDR_LOOPBACK(a))
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(a))
		return 4;
	if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
		return 2;
	if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0) /* Teredo */
		return 5;
	if ((b[0] & 0xfe) == 0xfc) /* unique local */
		return 13;
	if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_SITELOCAL(a))
		return 11;
	return 1;
}

/* The scope is wider than a host or a link (RFC 6724 3.1, 3.2). */
static bool
is_wide(const struct net_addr *a)
{
	uint32_t v4;

	if (family(a) == AF_INET6)
		return label6(&a->u.in6.sin6_addr) != 0 &&
		    label6(&a->u.in6.sin6_addr) != 11;
	v4 = ntohl(a->u.in.sin_addr.s_addr);
	return v4 >> 24 != 127 && v4 >> 16 != 0xa9fe;
}

static bool
is_fit(const struct net_addr *to, const struct net_addr *from)
{
	if (is_wide(to) != is_wide(from))
		return false;
	return family(to) != AF_INET6 ||
	    label6(&to->u.in6.sin6_addr) == label6(&from->u.in6.sin6_addr);
}

enum address_route
address_route(const struct net_addr *to, const struct net_addr *source)
{
	enum address_route route = ADDRESS_FIT;
	struct net_addr from;
	int fd;

	fd = socket(family(to), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? ADDRESS_NO_ROUTE : ADDRESS_FIT;
	if (source != NULL && family(source) == family(to) &&
	    bind(fd, &source->u.sa, source->len) != 0)
		goto out; /* connect() will report the error */
	if (connect(fd, &to->u.sa, to->len) != 0) {
		if (errno == ENETUNREACH || errno == EHOSTUNREACH ||
		    errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)
			route = ADDRESS_NO_ROUTE;
		goto out;
	}
	from.len = sizeof(from.u);
	if (getsockname(fd, &from.u.sa, &from.len) == 0 && !is_fit(to, &from))
		route = ADDRESS_UNFIT;
out:
	close(fd);
	return route;
}

/* ---- the book */

struct book_entry {
	RB_ENTRY(book_entry) node;
	TAILQ_ENTRY(book_entry) link;
	struct net_addr key;
	struct address address;
};

static int
entry_cmp(const struct book_entry *a, const struct book_entry *b)
{
	const struct net_addr *x = &a->key, *y = &b->key;

	if (family(x) != family(y))
		return family(x) < family(y) ? -1 : 1;
	if (addr_port(x) != addr_port(y))
		return addr_port(x) < addr_port(y) ? -1 : 1;
	if (family(x) == AF_INET)
		return memcmp(&x->u.in.sin_addr, &y->u.in.sin_addr,
		    sizeof(x->u.in.sin_addr));
	if (x->u.in6.sin6_scope_id != y->u.in6.sin6_scope_id)
		return x->u.in6.sin6_scope_id < y->u.in6.sin6_scope_id ? -1 : 1;
	return memcmp(&x->u.in6.sin6_addr, &y->u.in6.sin6_addr,
	    sizeof(x->u.in6.sin6_addr));
}

RB_HEAD(address_tree, book_entry);
RB_PROTOTYPE(address_tree, book_entry, node, entry_cmp)
RB_GENERATE(address_tree, book_entry, node, entry_cmp)

struct address_book {
	struct address_tree tree;
	TAILQ_HEAD(book_list, book_entry)
	used; /* by use, the most recent at the end */
	unsigned n, max;
};

struct address_book *
address_book_create(unsigned max)
{
	struct address_book *b = mem_alloc(sizeof(*b));

	MX_ASSERT(max > 0);
	RB_INIT(&b->tree);
	TAILQ_INIT(&b->used);
	b->max = max;
	return b;
}

static void
entry_free(struct address_book *b, struct book_entry *e)
{
	RB_REMOVE(address_tree, &b->tree, e);
	TAILQ_REMOVE(&b->used, e, link);
	b->n--;
	mem_free(&e);
}

void
address_book_destroy(struct address_book **bp)
{
	struct address_book *b = *bp;
	struct book_entry *e;

	if (b == NULL)
		return;
	while ((e = TAILQ_FIRST(&b->used)) != NULL)
		entry_free(b, e);
	mem_free(bp);
}

static struct book_entry *
entry_find(const struct address_book *b, const struct net_addr *addr)
{
	struct book_entry key;

	key.key = *addr;
	/* RB_FIND takes a non-const tree, but changes nothing. */
	return RB_FIND(address_tree, (struct address_tree *)(uintptr_t)&b->tree,
	    &key);
}

const struct address *
address_book_peek(const struct address_book *b, const struct net_addr *addr)
{
	const struct book_entry *e = entry_find(b, addr);

	return e != NULL ? &e->address : NULL;
}

struct address *
address_book_get(struct address_book *b, const struct net_addr *addr)
{
	struct book_entry *e = entry_find(b, addr);

	if (e != NULL) {
		TAILQ_REMOVE(&b->used, e, link);
		TAILQ_INSERT_TAIL(&b->used, e, link);
		return &e->address;
	}
	if (b->n == b->max)
		entry_free(b, TAILQ_FIRST(&b->used));
	e = mem_alloc(sizeof(*e));
	e->key = *addr;
	RB_INSERT(address_tree, &b->tree, e);
	TAILQ_INSERT_TAIL(&b->used, e, link);
	b->n++;
	return &e->address;
}

unsigned
address_book_count(const struct address_book *b)
{
	return b->n;
}
