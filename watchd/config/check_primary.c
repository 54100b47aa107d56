/* SPDX-License-Identifier: ISC
 * check_primary: a primary that is this host, or outside its networks. Names
 * are checked after their look-up (net/route.h). */
#include <stdlib.h>
#include <string.h>

#include "config_int.h"

static bool
self_listed(const struct config *c, const char *host,
    const struct net_addr *addr)
{
	struct net_addr own;
	size_t i;

	for (i = 0; i < c->self.n; i++) {
		if (strcmp(c->self.s[i], host) == 0)
			return true;
		if (addr != NULL &&
		    addr_parse(&own, c->self.s[i], 0, ':') == 0 &&
		    addr_equal_host(&own, addr))
			return true;
	}
	return false;
}

/* Does an interface of this host have the address? */
static bool
is_local(struct conf_loader *l, const struct net_addr *addr)
{
	if (!l->local_known && addr_local_list(&l->local, &l->nlocal) != 0)
		l->nlocal = 0;
	l->local_known = true;
	for (size_t i = 0; i < l->nlocal; i++)
		if (addr_equal_host(&l->local[i], addr))
			return true;
	return false;
}

/* Is host:port one of our own listeners? */
static bool
is_self(struct conf_loader *l, const char *host, uint16_t port)
{
	const struct config *c = l->c;
	const struct net_addr *own;
	struct net_addr addr;
	bool numeric = addr_parse(&addr, host, port, ':') == 0, ours = false;
	size_t i;

	for (i = 0; i < c->smtpd.listen.n; i++) {
		own = &c->smtpd.listen.a[i].addr;
		if (addr_port(own) != port)
			continue;
		ours = true;
		if (numeric &&
		    (addr_equal_host(own, &addr) ||
			(addr_is_any(own) &&
			    (addr_is_loopback(&addr) || is_local(l, &addr)))))
			return true;
	}
	if (!ours)
		return false;
	if (!numeric && c->hostname != NULL && strcmp(host, c->hostname) == 0)
		return true;
	return self_listed(c, host, numeric ? &addr : NULL);
}

/* Only addresses; names are checked after their look-up (net/pin.h). NULL: the
 * pin allows it. */
static const char *
why_barred(const struct config *c, const struct pin *pin, const char *host,
    uint16_t port)
{
	struct net_addr a;

	if (addr_parse(&a, host, port, ':') != 0 ||
	    pin_allows(pin, &a, self_listed(c, host, &a)))
		return NULL;
	return addr_is_loopback(&a) ? "the loopback" : pin_barred(pin);
}

int
check_redirected(const struct config *c, const struct pin *pin,
    const char *primary, struct mx_errbuf *eb)
{
	char host[TEXT_DOMAIN_MAX], q[CONF_QUOTE_MAX];
	struct conf_loader l = { .c = (struct config *)(uintptr_t)c };
	const char *barred;
	uint16_t port;
	bool self;

	if (addr_split_host(primary, host, &port, 25) != 0)
		return 0;
	self = is_self(&l, host, port);
	free(l.local);
	if (self)
		return mx_fail(eb, MX_ESYNTAX,
		    "%s is this server; name the server that the mail is for",
		    conf_quote(primary, q));
	if ((barred = why_barred(c, pin, host, port)) != NULL)
		return mx_fail(eb, MX_ESYNTAX, "%s is %s",
		    conf_quote(primary, q), barred);
	return 0;
}

void
check_primary(const struct check_subject *s)
{
	const struct conf_pos *at = check_where(s, OPT_DOMAIN_primary);
	char host[TEXT_DOMAIN_MAX], q[CONF_QUOTE_MAX];
	const char *barred;
	struct conf_pos item;
	uint16_t port;
	size_t i;

	if (at->line == 0 || at->wrong)
		return;
	for (i = 0; i < s->d->primary.n; i++) {
		if (addr_split_host(s->d->primary.s[i], host, &port, 25) != 0)
			continue;
		item = conf_item_pos(s->l, *at, i);
		if (is_self(s->l, host, port))
			conf_err(s->l, item,
			    "%sprimary %s is this server; name the server that "
			    "the mail is for",
			    s->label, conf_quote(s->d->primary.s[i], q));
		else if ((barred = why_barred(s->l->c, s->d->pin, host,
			      port)) != NULL)
			conf_err(s->l, item, "%sprimary %s is %s", s->label,
			    conf_quote(host, q), barred);
	}
}
