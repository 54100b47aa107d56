/* SPDX-License-Identifier: ISC
 * pin: see pin.h. */
#include "net/pin.h"

#include <string.h>

#include "base/mem.h"
#include "net/prefix.h"

struct pin {
	unsigned refs; /* atomic */
	struct prefix_list *networks;
	bool never_us;
	const char *barred;
};

struct pin *
pin_create(char *const *networks, size_t n, bool never_us, const char *barred)
{
	struct pin *p = mem_alloc(sizeof(*p));

	p->refs = 1;
	p->networks = prefix_list_create(networks, n);
	p->never_us = never_us;
	p->barred = barred;
	return p;
}

struct pin *
pin_ref(struct pin *p)
{
	if (p != NULL)
		__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void
pin_unref(struct pin **pp)
{
	struct pin *p = *pp;

	*pp = NULL;
	if (p == NULL || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	prefix_list_destroy(&p->networks);
	mem_free(&p);
}

/* To the kernel ::ffff:192.0.2.7 is 192.0.2.7. */
static struct net_addr
unmapped(const struct net_addr *a)
{
	struct net_addr v4 = { .len = sizeof(v4.u.in) };

	if (a->u.sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr))
		return *a;
	v4.u.in.sin_family = AF_INET;
	memcpy(&v4.u.in.sin_addr, &a->u.in6.sin6_addr.s6_addr[12],
	    sizeof(v4.u.in.sin_addr));
	return v4;
}

bool
pin_allows(const struct pin *p, const struct net_addr *a, bool ours)
{
	struct net_addr plain;

	if (p == NULL)
		return true;
	plain = unmapped(a);
	return !addr_is_here(&plain) && !(ours && p->never_us) &&
	    prefix_list_match(p->networks, &plain);
}

const char *
pin_barred(const struct pin *p)
{
	return p->barred;
}

int
pin_cmp(const struct pin *a, const struct pin *b)
{
	int rc;

	if (a == b)
		return 0;
	if (a == NULL || b == NULL)
		return a == NULL ? -1 : 1;
	if (a->never_us != b->never_us)
		return a->never_us ? 1 : -1;
	rc = strcmp(a->barred, b->barred);
	return rc != 0 ? rc : prefix_list_cmp(a->networks, b->networks);
}
