/* SPDX-License-Identifier: ISC
 * route: a domain's hosts. With configured primaries: these, without those that
 * are ourselves. Otherwise the MX records: all addresses are looked up, we are
 * recognised by name or address, and our preference and all worse ones are
 * removed. Only when nothing better was listed at all are we the best MX; a
 * better host that has no address now is still better, and its mail waits
 * (backup MXs are known to have bounced mail by taking that for a loop).
 *
 * With DANE the TLSA records of a host are looked up after its addresses: those
 * of the name at the end of its aliases, and without any those of the name
 * itself (RFC 7672 2.2.2). An alias that leads out of the signed zones is not
 * traced back: such a host counts as one whose address is not signed. Loop
 * thread; fails only through the status it reports. */
#include "net/route.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define SMTP_PORT 25

/* Above any preference: nothing is removed. */
#define PREF_NONE (UINT16_MAX + 1u)

struct cand {
	struct route_req *req;
	uint64_t dns_id; /* 0: none under way */
	bool is_self;
	/* the name to look up TLSA records for; or "" */
	char canon[TEXT_DOMAIN_MAX];
	struct route_host host;
};

struct route_req {
	struct dns *dns;
	const struct route_self *self;
	route_cb *cb;
	void *arg;
	uint16_t port;
	struct pin *pin; /* NULL: any address */
	char domain[TEXT_DOMAIN_MAX];
	uint64_t mx_id;
	bool mx_secure, mx_stale;
	bool trouble_failed; /* route.trouble is a failure of the resolver */
	unsigned pending; /* number of hosts with look-ups under way */
	unsigned n;
	bool calling; /* the callback runs: freed after it */
	struct cand cand[DNS_MX_MAX];
	struct route route;
};

const char *
route_status_name(enum route_status status)
{
	static const char *const name[] = {
		[ROUTE_OK] = "ok",
		[ROUTE_DNS_FAIL] = "dns_fail",
		[ROUTE_SELF] = "self",
		[ROUTE_NULL_MX] = "null_mx",
		[ROUTE_NO_HOST] = "no_host",
	};

	return name[status];
}

void
route_copy(struct route *dst, const struct route *src)
{
	unsigned i;

	*dst = *src;
	for (i = 0; i < dst->n; i++)
		(void)dane_ref(dst->host[i].dane);
}

void
route_fini(struct route *r)
{
	unsigned i;

	for (i = 0; i < r->n; i++)
		dane_unref(&r->host[i].dane);
}

char *
route_trouble_text(const struct route_trouble *t, char *dst, size_t size)
{
	if (size > 0)
		dst[0] = '\0';
	if (t->type != NULL)
		(void)snprintf(dst, size, "the %s lookup of %s: %s%s", t->type,
		    t->name, t->answer,
		    t->stale ? "; the last good answer is used" : "");
	return dst;
}

/* Records the trouble of an answer. A failure of the resolver outranks a
 * negative answer, and the first failure the later ones. */
static void
note_trouble(struct route_req *r, const char *type, const char *name,
    const struct dns_answer *a)
{
	static const char *const sure[] = {
		[DNS_OK] = NULL,
		[DNS_NODATA] = "no such record",
		[DNS_NXDOMAIN] = "NXDOMAIN",
		[DNS_FAIL] = "no answer",
		[DNS_BOGUS] = "DNSSEC validation failed",
	};
	struct route_trouble *t = &r->route.trouble;
	bool failed = a->stale || dns_is_failure(a->status);

	if ((!failed && a->status == DNS_OK) ||
	    (t->type != NULL && (r->trouble_failed || !failed)))
		return;
	r->trouble_failed = failed;
	t->type = type;
	t->answer = a->why != NULL ? a->why :
	    a->stale		   ? "no answer" :
				     sure[a->status];
	t->stale = a->stale;
	(void)strlcpy(t->name, name, sizeof(t->name));
}

static void
req_free(struct route_req *r)
{
	unsigned i;

	for (i = 0; i < r->n; i++)
		dane_unref(&r->cand[i].host.dane);
	pin_unref(&r->pin);
	mem_free(&r);
}

/* The hosts of r->route borrow from the candidates. */
static void
finish(struct route_req *r, enum route_status status)
{
	r->route.status = status;
	/* One of several hosts lacks a record: the others suffice. */
	if (status == ROUTE_OK && !r->trouble_failed)
		r->route.trouble.type = NULL;
	r->calling = true;
	r->cb(&r->route, r->arg);
	req_free(r);
}

/* --- who we are -------------------------------------------------------- */

bool
route_self_has_port(const struct route_self *self, uint16_t port)
{
	size_t i;

	for (i = 0; i < self->nports; i++) {
		if (self->ports[i] == port)
			return true;
	}
	return false;
}

static bool
name_is_ours(const struct route_self *self, const char *name, uint16_t port)
{
	/* Port 25 may be redirected to us. */
	if (port != SMTP_PORT && !route_self_has_port(self, port))
		return false;
	return route_self_has_name(self, name);
}

bool
route_self_has_name(const struct route_self *self, const char *name)
{
	size_t i;

	for (i = 0; i < self->nnames; i++) {
		if (strcmp(self->names[i], name) == 0)
			return true;
	}
	return false;
}

static bool
addr_is_listed(const struct route_self *self, size_t from,
    const struct net_addr *a)
{
	for (size_t i = from; i < self->naddrs; i++)
		if (addr_equal_host(&self->addrs[i], a))
			return true;
	return false;
}

bool
route_self_has_addr(const struct route_self *self, const struct net_addr *a)
{
	return addr_is_listed(self, 0, a);
}

static bool
addr_is_ours(const struct route_self *self, const struct net_addr *a)
{
	return addr_is_here(a) || route_self_has_addr(self, a);
}

/* At a port that we do not listen on, another server of this host may: the host
 * is us only at port 25 of an address that `self` names. */
static bool
is_us_at(const struct route_self *self, const struct net_addr *a, uint16_t port)
{
	if (route_self_has_port(self, port))
		return addr_is_ours(self, a);
	return port == SMTP_PORT &&
	    addr_is_listed(self, self->naddrs - self->nnamed, a);
}

/* RFC 6761 6.3: these names mean the loopback, whatever the DNS says. */
static bool
name_is_localhost(const char *name)
{
	size_t n = strlen(name), m = strlen(".localhost");

	return strcmp(name, "localhost") == 0 ||
	    (n > m && strcmp(name + n - m, ".localhost") == 0);
}

/* --- the outcome ------------------------------------------------------- */

/* Copies the hosts better than `best_self`, in order. If there are too many,
 * those without an address are left out first. */
static void
take_hosts(struct route_req *r, unsigned best_self)
{
	struct route *out = &r->route;
	unsigned i, usable = 0, room;
	const struct cand *c;

	for (i = 0; i < r->n; i++) {
		c = &r->cand[i];
		usable += !c->is_self && c->host.pref < best_self &&
		    c->host.naddrs > 0;
	}
	room = usable < ROUTE_HOST_MAX ? ROUTE_HOST_MAX - usable : 0;
	for (i = 0; i < r->n && out->n < ROUTE_HOST_MAX; i++) {
		c = &r->cand[i];
		if (c->is_self || c->host.pref >= best_self)
			continue;
		if (c->host.naddrs == 0) {
			if (room == 0)
				continue;
			room--;
		}
		out->host[out->n++] = c->host;
	}
}

/* Finds ourselves; returns the preference from which on hosts are removed. */
static unsigned
find_us(struct route_req *r)
{
	struct route_us *us = &r->route.us;
	unsigned best = PREF_NONE;
	const struct cand *c;

	for (unsigned i = 0; i < r->n && r->route.from_mx; i++) {
		c = &r->cand[i];
		if (!c->is_self || c->host.pref >= best)
			continue;
		best = us->pref = c->host.pref;
		us->found = true;
		(void)strlcpy(us->name, c->host.name, sizeof(us->name));
	}
	return best;
}

static void
decide(struct route_req *r)
{
	unsigned i, best_self = find_us(r), left = 0, usable = 0, failed = 0;
	const struct cand *c;

	for (i = 0; i < r->n; i++) {
		c = &r->cand[i];
		if (c->is_self || c->host.pref >= best_self)
			continue;
		left++;
		usable += c->host.naddrs > 0;
		failed += dns_is_failure(c->host.dns);
	}
	take_hosts(r, best_self);
	if (usable > 0)
		finish(r, ROUTE_OK);
	else if (failed > 0)
		finish(r, ROUTE_DNS_FAIL);
	else if (left > 0 || r->n == 0)
		finish(r, ROUTE_NO_HOST);
	else
		finish(r, ROUTE_SELF);
}

/* Takes the addresses; if one is ours, the whole host is us. An MX record must
 * not send us to our own loopback port 25 even if we do not listen there; a
 * configured primary may be anywhere. */
static void
take_addrs(struct cand *c, const struct dns_answer *a)
{
	const struct route_self *self = c->req->self;
	struct route_host *h = &c->host;
	unsigned i;

	for (i = 0; i < a->n && i < DNS_ADDR_MAX; i++) {
		if (is_us_at(self, &a->addr[i], h->port))
			c->is_self = true;
		if (c->req->route.from_mx && h->port == SMTP_PORT &&
		    addr_is_here(&a->addr[i]))
			continue;
		if (!pin_allows(c->req->pin, &a->addr[i],
			addr_is_ours(self, &a->addr[i]))) {
			h->barred = pin_barred(c->req->pin);
			continue;
		}
		h->addr[h->naddrs] = a->addr[i];
		addr_port_set(&h->addr[h->naddrs++], h->port);
	}
	if (h->naddrs > 0)
		h->barred = NULL;
	if (a->status == DNS_OK && h->naddrs == 0)
		h->dns = DNS_NODATA;
}

/* The DNS answered, but all addresses of the host are barred by the pin. */
static void
note_barred(struct route_req *r, const struct route_host *h)
{
	struct route_trouble *t = &r->route.trouble;

	if (h->barred == NULL || t->type != NULL)
		return;
	t->type = "address";
	t->answer = h->barred;
	(void)strlcpy(t->name, h->name, sizeof(t->name));
}

/* The look-ups of one host are complete. */
static void
cand_done(struct cand *c)
{
	struct route_req *r = c->req;
	const struct dane *d = c->host.dane;

	if (d != NULL && d->need == DANE_DEFER) {
		c->host.naddrs = 0;
		c->host.dns = DNS_FAIL;
	}
	if (--r->pending == 0)
		decide(r);
}

static void
on_tlsa(const struct dns_answer *a, void *arg)
{
	struct cand *c = arg;
	struct route_req *r = c->req;
	struct dane *d;
	bool alias = c->canon[0] != '\0';

	d = dane_after(a, alias ? c->canon : c->host.name);
	c->dns_id = 0;
	c->canon[0] = '\0';
	if (alias && d->need == DANE_MAY) {
		dane_unref(&d);
		c->dns_id =
		    dns_tlsa(r->dns, c->host.name, c->host.port, on_tlsa, c);
		return;
	}
	if (d->need == DANE_DEFER)
		note_trouble(r, "TLSA", c->host.name, a);
	/* RFC 7672 3.2.2: reference names are the mail domain and the MX
	 * host. */
	if (r->route.from_mx)
		dane_add_name(d, r->domain);
	dane_add_name(d, c->host.name);
	c->host.dane = d;
	cand_done(c);
}

/* True when its TLSA records are being looked up. */
static bool
ask_tlsa(struct cand *c, const struct dns_answer *a)
{
	struct route_req *r = c->req;
	struct net_addr addr;
	struct dane_host h = { .from_mx = r->route.from_mx,
		.mx_secure = r->mx_secure,
		.mx_stale = r->mx_stale,
		.addr_secure = a->secure,
		.addr_stale = a->stale };

	h.literal = addr_parse(&addr, c->host.name, 0, ':') == 0;
	if ((c->host.dane = dane_before(&h)) != NULL)
		return false;
	(void)strlcpy(c->canon, a->canon, sizeof(c->canon));
	c->dns_id =
	    dns_tlsa(r->dns, c->canon[0] != '\0' ? c->canon : c->host.name,
		c->host.port, on_tlsa, c);
	return true;
}

static void
on_addr(const struct dns_answer *a, void *arg)
{
	struct cand *c = arg;
	struct route_req *r = c->req;

	c->dns_id = 0;
	c->host.dns = a->status;
	r->route.stale |= a->stale;
	note_trouble(r, "address", c->host.name, a);
	if (a->status == DNS_OK)
		take_addrs(c, a);
	note_barred(r, &c->host);
	if (r->route.with_dane && !c->is_self && c->host.naddrs > 0 &&
	    ask_tlsa(c, a))
		return;
	cand_done(c);
}

char *
route_label(const char *name, uint16_t port, char *dst)
{
	bool v6 = strchr(name, ':') != NULL;
	size_t size = TEXT_DOMAIN_MAX + 8;

	if (port == SMTP_PORT)
		(void)strlcpy(dst, name, size);
	else
		(void)snprintf(dst, size, "%s%s%s:%u", v6 ? "[" : "", name,
		    v6 ? "]" : "", port);
	return dst;
}

static struct cand *
add_cand(struct route_req *r, const char *name, uint16_t port, unsigned pref)
{
	struct cand *c = &r->cand[r->n++];
	struct route_host *h = &c->host;

	c->req = r;
	h->port = port;
	h->pref = (uint16_t)pref;
	h->dns = DNS_NODATA;
	(void)strlcpy(h->name, name, sizeof(h->name));
	(void)route_label(h->name, port, h->label);
	/* MX records have no ports: our name among them means us. */
	c->is_self =
	    name_is_ours(r->self, name, r->route.from_mx ? SMTP_PORT : port);
	return c;
}

static void
ask_addr(struct cand *c)
{
	c->req->pending++;
	c->dns_id = dns_addr(c->req->dns, c->host.name, on_addr, c);
}

/* --- by MX ------------------------------------------------------------- */

static void
add_mx(struct route_req *r, const char *name, unsigned pref)
{
	struct cand *c = add_cand(r, name, r->port, pref);

	if (name_is_localhost(name) && route_self_has_port(r->self, r->port))
		c->is_self = true;
}

/* Looks up the addresses of hosts that may be better than us; our name among
 * the records may already show that the rest is not. */
static void
ask_all(struct route_req *r)
{
	unsigned i, best_self = PREF_NONE;
	struct cand *c;

	for (i = 0; i < r->n; i++) {
		c = &r->cand[i];
		if (c->is_self && c->host.pref < best_self)
			best_self = c->host.pref;
	}
	for (i = 0; i < r->n; i++) {
		c = &r->cand[i];
		if (c->is_self || c->host.pref >= best_self ||
		    (r->port == SMTP_PORT && name_is_localhost(c->host.name)))
			continue;
		ask_addr(c);
	}
	if (r->pending == 0)
		decide(r);
}

static void
on_mx(const struct dns_answer *a, void *arg)
{
	struct route_req *r = arg;
	unsigned i;

	r->mx_id = 0;
	r->mx_secure = a->secure;
	r->mx_stale = a->stale;
	r->route.stale |= a->stale;
	if (a->status != DNS_NODATA || a->stale) /* the implicit MX comes */
		note_trouble(r, "MX", r->domain, a);
	switch (a->status) {
	case DNS_FAIL:
	case DNS_BOGUS:
		finish(r, ROUTE_DNS_FAIL);
		return;
	case DNS_NXDOMAIN:
		finish(r, ROUTE_NO_HOST);
		return;
	case DNS_NODATA: /* the implicit MX, RFC 5321 5.1 */
		r->route.implicit = true;
		add_mx(r, r->domain, 0);
		break;
	case DNS_OK:
		if (a->n == 1 && a->mx[0].host[0] == '\0') {
			r->route.trouble = (struct route_trouble){ .type = "MX",
				.answer = "a null MX: it accepts no mail" };
			(void)strlcpy(r->route.trouble.name, r->domain,
			    sizeof(r->route.trouble.name));
			finish(r, ROUTE_NULL_MX);
			return;
		}
		for (i = 0; i < a->n && i < DNS_MX_MAX; i++) {
			if (a->mx[i].host[0] != '\0')
				add_mx(r, a->mx[i].host, a->mx[i].pref);
		}
		break;
	}
	ask_all(r);
}

/* --- operations -------------------------------------------------------- */

static void
add_primary(struct route_req *r, const char *text, unsigned place)
{
	char host[TEXT_DOMAIN_MAX];
	uint16_t port;

	if (addr_split_host(text, host, &port, SMTP_PORT) < 0) {
		/* Looked up nevertheless, so that it fails like any other
		 * name. */
		(void)strlcpy(host, text, sizeof(host));
		port = SMTP_PORT;
	}
	(void)add_cand(r, host, port, place);
}

struct route_req *
route_lookup(struct dns *dns, const struct route_self *self, const char *domain,
    const char *const *primaries, size_t n, uint16_t port, route_cb *cb,
    void *arg)
{
	struct route_req *r = mem_alloc(sizeof(*r));
	unsigned i;

	r->dns = dns;
	r->self = self;
	r->cb = cb;
	r->arg = arg;
	r->port = port;
	(void)strlcpy(r->domain, domain, sizeof(r->domain));
	if (n == 0) {
		r->route.from_mx = true;
		r->mx_id = dns_mx(dns, domain, on_mx, r);
		return r;
	}
	if (n > ROUTE_HOST_MAX) {
		log_warn("route", "domain=%s primaries=%zu used=%d",
		    log_q(domain), n, ROUTE_HOST_MAX);
		n = ROUTE_HOST_MAX;
	}
	for (i = 0; i < n; i++)
		add_primary(r, primaries[i], i);
	/* Hosts that are us by name are looked up, too, so that the callback
	 * comes later. */
	for (i = 0; i < r->n; i++)
		ask_addr(&r->cand[i]);
	return r;
}

void
route_with_dane(struct route_req *r)
{
	r->route.with_dane = true;
}

void
route_pin(struct route_req *r, struct pin *pin)
{
	r->pin = pin_ref(pin);
}

void
route_cancel(struct route_req **rp)
{
	struct route_req *r = *rp;
	unsigned i;

	*rp = NULL;
	if (r == NULL || r->calling)
		return;
	if (r->mx_id != 0)
		dns_cancel(r->dns, r->mx_id);
	for (i = 0; i < r->n; i++) {
		if (r->cand[i].dns_id != 0)
			dns_cancel(r->dns, r->cand[i].dns_id);
	}
	req_free(r);
}
