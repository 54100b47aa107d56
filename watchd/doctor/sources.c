/* SPDX-License-Identifier: ISC
 * sources: the addresses of this host as others see them. Source addresses are
 * those of deliver { source }, or else the kernel's choice for the route to
 * each primary, which it tells without sending a packet. */
#include <string.h>
#include <unistd.h>

#include "doctor/doctor_int.h"

#define LOOK_MAX      64 /* routes looked at: four system calls each */
#define PRIMARIES_MAX 1000 /* primaries; most may have no address */
#define POLICIES_MAX  4 /* of a primary */

bool
doctor_source_to(const struct net_addr *to, const struct net_addr *bind_to,
    struct net_addr *source)
{
	int fd = socket(to->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct net_addr from;
	bool ok;

	if (fd < 0)
		return false;
	if (bind_to != NULL && bind_to->u.sa.sa_family == to->u.sa.sa_family) {
		from = *bind_to;
		addr_port_set(&from, 0);
		(void)bind(fd, &from.u.sa, from.len);
	}
	memset(source, 0, sizeof(*source));
	source->len = sizeof(source->u);
	ok = connect(fd, &to->u.sa, to->len) == 0 &&
	    getsockname(fd, &source->u.sa, &source->len) == 0;
	(void)close(fd);
	return ok;
}

static bool
is_private4(uint32_t a)
{
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 ||
	    a >> 16 == 0xa9fe || a >> 22 == 0x191; /* 100.64.0.0/10 */
}

bool
doctor_is_private(const struct net_addr *a)
{
	const uint8_t *b = a->u.in6.sin6_addr.s6_addr;

	if (addr_is_loopback(a))
		return true;
	if (a->u.sa.sa_family == AF_INET)
		return is_private4(ntohl(a->u.in.sin_addr.s_addr));
	return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

bool
doctor_is_our_name(const struct doctor_run *r, const char *name)
{
	return route_self_has_name(r->d->ops.self(r->d->ops.arg), name);
}

bool
doctor_is_our_address(const struct doctor_run *r, const struct net_addr *a)
{
	return route_self_has_addr(r->d->ops.self(r->d->ops.arg), a);
}

/* The list that is being made. */
struct sources {
	const struct doctor_run *run;
	struct net_addr *addr;
	unsigned n, left; /* left: of LOOK_MAX */
};

static void
add(struct sources *to, const struct net_addr *a)
{
	for (unsigned i = 0; i < to->n; i++)
		if (addr_equal_host(&to->addr[i], a))
			return;
	if (to->n < DOCTOR_SOURCES_MAX)
		to->addr[to->n++] = *a;
}

/* Behind NAT: adds the public addresses of `self` instead. */
static void
add_outer(struct sources *to, const struct net_addr *a)
{
	const struct doctor *d = to->run->d;
	const struct route_self *self = d->ops.self(d->ops.arg);
	const struct net_addr *named =
	    self->addrs + self->naddrs - self->nnamed;
	bool any = false;

	for (size_t i = 0; i < self->nnamed; i++)
		if (named[i].u.sa.sa_family == a->u.sa.sa_family &&
		    !doctor_is_private(&named[i])) {
			add(to, &named[i]);
			any = true;
		}
	if (!any)
		add(to, a);
}

static void
add_towards(struct sources *to, const struct watch *w)
{
	unsigned n = w->host != NULL ? w->host->naddrs : 0;
	struct net_addr a;

	for (unsigned i = 0; i < n && to->left > 0; i++, to->left--) {
		if (!doctor_source_to(&w->host->addr[i], watch_source(w), &a) ||
		    addr_is_loopback(&a))
			continue;
		if (doctor_is_private(&a))
			add_outer(to, &a);
		else
			add(to, &a);
	}
}

unsigned
doctor_sources(const struct doctor_run *r,
    struct net_addr addr[DOCTOR_SOURCES_MAX])
{
	struct sources to = { .run = r, .addr = addr, .left = LOOK_MAX };
	struct primary_table *t = watch_primaries(r->d->env.watches);
	struct primary *p = NULL;
	const struct watch *w;

	for (unsigned i = 0; i < PRIMARIES_MAX && to.left > 0; i++) {
		if ((p = primary_next(t, p)) == NULL)
			break;
		/* Watches with different sources are few, the others may be
		 * thousands. */
		w = LIST_FIRST(&p->watches);
		for (unsigned k = 0; w != NULL && k < POLICIES_MAX; k++) {
			add_towards(&to, w);
			w = LIST_NEXT(w, sibling);
		}
	}
	return to.n;
}
