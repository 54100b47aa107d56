/* SPDX-License-Identifier: ISC
 * prefix: see prefix.h. Lists are short: a linear search. */
#include "net/prefix.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

struct prefix {
	struct net_addr addr;
	unsigned bits;
};

struct prefix_list {
	size_t n;
	struct prefix *p;
};

static bool
prefix_parse(const char *s, struct prefix *p)
{
	const char *slash = strchr(s, '/');
	char host[ADDR_TEXT_MAX];
	size_t len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	unsigned most;
	int64_t bits;

	if (len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	if (addr_parse(&p->addr, host, 0, ':') < 0)
		return false;
	most = p->addr.u.sa.sa_family == AF_INET6 ? 128 : 32;
	bits = most;
	if (slash != NULL && text_int(slash + 1, 0, most, &bits) < 0)
		return false;
	p->bits = (unsigned)bits;
	return true;
}

bool
prefix_is_valid(const char *s)
{
	struct prefix p;

	return prefix_parse(s, &p);
}

struct prefix_list *
prefix_list_create(char *const *prefix, size_t n)
{
	struct prefix_list *l = mem_alloc(sizeof(*l));
	size_t i;

	l->p = mem_array(n + 1, sizeof(*l->p));
	for (i = 0; i < n; i++) {
		if (prefix_parse(prefix[i], &l->p[l->n]))
			l->n++;
		else
			log_warn("net",
			    "prefix=%s error=\"not an address or prefix\"",
			    log_q(prefix[i]));
	}
	return l;
}

void
prefix_list_destroy(struct prefix_list **lp)
{
	if (*lp == NULL)
		return;
	mem_free(&(*lp)->p);
	mem_free(lp);
}

static const unsigned char *
addr_bytes(const struct net_addr *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return a->u.in6.sin6_addr.s6_addr;
	return (const unsigned char *)&a->u.in.sin_addr;
}

bool
prefix_holds(const struct net_addr *network, unsigned bits,
    const struct net_addr *a)
{
	const unsigned char *x = addr_bytes(network), *y = addr_bytes(a);
	unsigned whole = bits / 8, rest = bits % 8;

	if (network->u.sa.sa_family != a->u.sa.sa_family)
		return false;
	if (memcmp(x, y, whole) != 0)
		return false;
	return rest == 0 || ((x[whole] ^ y[whole]) >> (8 - rest)) == 0;
}

static bool
prefix_match(const struct prefix *p, const struct net_addr *a)
{
	return prefix_holds(&p->addr, p->bits, a);
}

bool
prefix_list_match(const struct prefix_list *l, const struct net_addr *a)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (prefix_match(&l->p[i], a))
			return true;
	return false;
}

bool
prefix_list_covers(const struct prefix_list *outer,
    const struct prefix_list *inner)
{
	size_t i, k;

	for (i = 0; i < inner->n; i++) {
		for (k = 0; k < outer->n; k++)
			if (outer->p[k].bits <= inner->p[i].bits &&
			    prefix_match(&outer->p[k], &inner->p[i].addr))
				break;
		if (k == outer->n)
			return false;
	}
	return true;
}

static int
prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int fa = a->addr.u.sa.sa_family, fb = b->addr.u.sa.sa_family;

	if (fa != fb)
		return fa < fb ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return memcmp(addr_bytes(&a->addr), addr_bytes(&b->addr),
	    fa == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr));
}

int
prefix_list_cmp(const struct prefix_list *a, const struct prefix_list *b)
{
	int rc = 0;
	size_t i;

	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (i = 0; i < a->n && rc == 0; i++)
		rc = prefix_cmp(&a->p[i], &b->p[i]);
	return rc;
}
