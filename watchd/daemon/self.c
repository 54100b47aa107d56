/* SPDX-License-Identifier: ISC
 * self: see self.h. Used by reload.c; nothing here can fail. */
#include "daemon/self.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* Longer than any look-up takes. */
#define KEEP (3600 * CLOCK_SEC)

struct self {
	struct route_self route;
	char **names;
	struct net_addr *addrs;
	uint16_t *ports;
	int64_t replaced; /* loop time */
	struct self *older; /* replaced, may still be borrowed */
};

struct self *
self_create(const struct config *conf)
{
	struct self *s = mem_alloc(sizeof(*s));
	struct net_addr *local = NULL, a;
	size_t nlocal = 0, i, nn = 0, na = 0;

	if (addr_local_list(&local, &nlocal) != 0)
		log_warn("route",
		    "problem=\"cannot list the addresses of this host\"");
	s->names = mem_array(1 + conf->self.n, sizeof(*s->names));
	s->addrs = mem_array(nlocal + conf->self.n + 1, sizeof(*s->addrs));
	s->ports = mem_array(conf->smtpd.listen.n + 1, sizeof(*s->ports));
	s->names[nn++] = mem_strdup(conf->hostname);
	for (i = 0; i < nlocal; i++)
		s->addrs[na++] = local[i];
	free(local);
	for (i = 0; i < conf->self.n; i++) {
		if (addr_parse(&a, conf->self.s[i], 0, ':') == 0)
			s->addrs[na++] = a;
		else
			s->names[nn++] = mem_strdup(conf->self.s[i]);
	}
	for (i = 0; i < conf->smtpd.listen.n; i++)
		s->ports[i] = addr_port(&conf->smtpd.listen.a[i].addr);
	s->route = (struct route_self){ .names = (const char *const *)s->names,
		.nnames = nn,
		.addrs = s->addrs,
		.naddrs = na,
		.nnamed = na - nlocal,
		.ports = s->ports,
		.nports = conf->smtpd.listen.n };
	return s;
}

void
self_destroy(struct self **sp)
{
	struct self *s = *sp, *older;

	*sp = NULL;
	for (; s != NULL; s = older) {
		older = s->older;
		for (size_t i = 0; i < s->route.nnames; i++)
			mem_free(&s->names[i]);
		mem_free(&s->names);
		mem_free(&s->addrs);
		mem_free(&s->ports);
		mem_free(&s);
	}
}

const struct route_self *
self_route(const struct self *s)
{
	return &s->route;
}

static bool
self_equal(const struct route_self *a, const struct route_self *b)
{
	size_t i;

	if (a->nnames != b->nnames || a->naddrs != b->naddrs ||
	    a->nnamed != b->nnamed || a->nports != b->nports)
		return false;
	for (i = 0; i < a->nnames; i++)
		if (strcmp(a->names[i], b->names[i]) != 0)
			return false;
	for (i = 0; i < a->naddrs; i++)
		if (!addr_equal_host(&a->addrs[i], &b->addrs[i]))
			return false;
	return memcmp(a->ports, b->ports, a->nports * sizeof(a->ports[0])) == 0;
}

void
self_replace(struct self **sp, struct self **fresh, int64_t now)
{
	struct self *was = *sp, **old;

	if (was != NULL && self_equal(&was->route, &(*fresh)->route)) {
		self_destroy(fresh);
		return;
	}
	*sp = *fresh;
	*fresh = NULL;
	(*sp)->older = was;
	if (was != NULL)
		was->replaced = now;
	for (old = &(*sp)->older; *old != NULL; old = &(*old)->older)
		if (now - (*old)->replaced > KEEP) {
			self_destroy(old);
			break;
		}
}
