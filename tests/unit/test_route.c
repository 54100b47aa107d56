/* SPDX-License-Identifier: ISC
 * test_route: who gets a domain's mail, with a DNS that is a table. The names
 * asked for are kept until answer_all(), so that callbacks come later, as
 * from the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/route.h"

/* --- the DNS ----------------------------------------------------------- */

struct zone {
	const char *name;
	const char *mx; /* "10 a.test 20 b.test"; "nx", "fail", ... */
	const char *addr; /* "192.0.2.1 ::1"; likewise */
};

static const struct zone zone[] = {
	{ "two.test", "10 p.test 20 us.test", NULL },
	{ "three.test", "10 p.test 20 us.test 20 q.test 30 q.test", NULL },
	{ "worse.test", "10 us.test 20 q.test", NULL },
	{ "only.test", "10 us.test", NULL },
	{ "byaddr.test", "10 p.test 20 alias.test 30 q.test", NULL },
	{ "equaladdr.test", "10 p.test 20 q.test 20 alias.test", NULL },
	{ "equaladdrbest.test", "10 q.test 10 alias.test", NULL },
	{ "byaddrbest.test", "10 alias.test 20 q.test", NULL },
	{ "tempfail.test", "10 fail.test 20 us.test", NULL },
	{ "bogusmx.test", "10 bogus.test 20 us.test", NULL },
	{ "noaddr.test", "10 nodata.test 20 us.test", NULL },
	{ "nxhost.test", "10 nx.test 20 us.test", NULL },
	{ "tempfail2.test", "10 fail.test 20 alias.test", NULL },
	{ "mixed.test", "10 nx.test 15 fail.test 20 us.test", NULL },
	{ "onefails.test", "10 fail.test 15 p.test 20 us.test", NULL },
	{ "null.test", "0 .", NULL },
	{ "unusable.test", "", NULL },
	{ "implicit.test", "nodata", "192.0.2.9" },
	{ "implicitus.test", "nodata", "192.0.2.100" },
	{ "implicitnone.test", "nodata", "nodata" },
	{ "implicitfail.test", "nodata", "fail" },
	{ "us.test", "nodata", "192.0.2.100" },
	{ "local.test", "10 lo.test", NULL },
	{ "local6.test", "10 lo6.test", NULL },
	{ "localname.test", "10 localhost", NULL },
	{ "anyaddr.test", "10 any.test", NULL },
	{ "localmixed.test", "10 half.test", NULL },
	{ "stale.test", "stale 10 p.test", NULL },
	{ "many.test", "many", NULL },
	{ "mxfail.test", "fail", NULL },
	{ "p.test", NULL, "192.0.2.1 2001:db8::1" },
	{ "q.test", NULL, "192.0.2.2" },
	{ "alias.test", NULL, "192.0.2.50 192.0.2.100" },
	{ "lo.test", NULL, "127.0.0.9" },
	{ "lo6.test", NULL, "::1" },
	{ "any.test", NULL, "0.0.0.0" },
	{ "half.test", NULL, "127.0.0.1 192.0.2.3" },
	{ "signed.test", "secure 10 s.test 20 us.test", NULL },
	{ "unsigned.test", "10 s.test", NULL },
	{ "stalemx.test", "stale secure 10 s.test", NULL },
	{ "toplain.test", "secure 10 p.test", NULL },
	{ "toalias.test", "secure 10 al.test", NULL },
	{ "toowner.test", "secure 10 al2.test", NULL },
	{ "tobad.test", "secure 10 bad.test 20 s.test", NULL },
	{ "tobadalias.test", "secure 10 al3.test", NULL },
	{ "onlybad.test", "secure 10 bad.test", NULL },
	{ "signedself.test", "secure nodata", "secure 192.0.2.9" },
	{ "s.test", NULL, "secure 192.0.2.20 2001:db8::20" },
	{ "_25._tcp.s.test", NULL, "secure tlsa" },
	{ "_2525._tcp.s.test", NULL, "secure nx" },
	{ "_25._tcp.p.test", NULL, "secure tlsa" }, /* never asked for */
	{ "st.test", NULL, "stale secure 192.0.2.20" },
	{ "_25._tcp.st.test", NULL, "secure tlsa" }, /* never asked for */
	{ "al.test", NULL, "secure =s.test 192.0.2.20" },
	{ "al2.test", NULL, "secure =none.test 192.0.2.20" },
	{ "_25._tcp.al2.test", NULL, "secure tlsa" },
	{ "al3.test", NULL, "secure =bad.test 192.0.2.20" },
	{ "_25._tcp.al3.test", NULL, "secure tlsa" }, /* never asked for */
	{ "bad.test", NULL, "secure 192.0.2.20" },
	{ "_25._tcp.bad.test", NULL, "bogus" },
	{ "_25._tcp.signedself.test", NULL, "secure nodata" },
	{ "localhost", NULL, "127.0.0.1" },
	{ "mapped.test", NULL, "::ffff:127.0.0.1" },
	{ "mapped7.test", NULL, "::ffff:192.0.2.7" },
	{ "fail.test", "fail", "fail" },
	{ "bogus.test", "bogus", "bogus" },
	{ "nodata.test", "nodata", "nodata" },
};

struct query {
	uint64_t id;
	bool mx;
	char name[300];
	dns_cb *cb;
	void *arg;
};

static struct query query[64];
static unsigned nquery;
static uint64_t last_id;

static uint64_t
ask(bool mx, const char *name, dns_cb *cb, void *arg)
{
	struct query *q = &query[nquery++];

	assert_true(nquery <= MX_COUNT(query));
	*q = (struct query){ .id = ++last_id, .mx = mx, .cb = cb, .arg = arg };
	(void)strlcpy(q->name, name, sizeof(q->name));
	return q->id;
}

uint64_t
dns_mx(struct dns *d, const char *domain, dns_cb *cb, void *arg)
{
	(void)d;
	return ask(true, domain, cb, arg);
}

uint64_t
dns_addr(struct dns *d, const char *host, dns_cb *cb, void *arg)
{
	(void)d;
	return ask(false, host, cb, arg);
}

uint64_t
dns_tlsa(struct dns *d, const char *host, uint16_t port, dns_cb *cb, void *arg)
{
	char name[300];

	(void)d;
	snprintf(name, sizeof(name), "_%u._tcp.%s", port, host);
	return ask(false, name, cb, arg);
}

void
dns_cancel(struct dns *d, uint64_t id)
{
	unsigned i;

	(void)d;
	for (i = 0; i < nquery; i++) {
		if (query[i].id == id)
			query[i].cb = NULL;
	}
}

static bool
status_of(const char *text, struct dns_answer *a)
{
	static const struct {
		const char *word;
		enum dns_status status;
	} t[] = { { "nx", DNS_NXDOMAIN }, { "nodata", DNS_NODATA },
		{ "fail", DNS_FAIL }, { "bogus", DNS_BOGUS } };
	size_t i;

	for (i = 0; i < MX_COUNT(t); i++) {
		if (strcmp(text, t[i].word) == 0) {
			a->status = t[i].status;
			return true;
		}
	}
	return false;
}

static void
fill(struct dns_answer *a, bool mx, const char *text)
{
	char word[64];
	unsigned pref;
	int used;

	if (strcmp(text, "many") == 0) {
		for (a->n = 0; a->n < DNS_MX_MAX; a->n++) {
			a->mx[a->n].pref = (uint16_t)a->n;
			(void)strlcpy(a->mx[a->n].host,
			    a->n < 4 ? "fail.test" : "p.test", 64);
		}
		(void)strlcpy(a->mx[10].host, "alias.test", 64);
		return;
	}
	while (mx && sscanf(text, "%u %63s%n", &pref, word, &used) == 2) {
		a->mx[a->n].pref = (uint16_t)pref;
		(void)strlcpy(a->mx[a->n++].host,
		    strcmp(word, ".") == 0 ? "" : word, TEXT_DOMAIN_MAX);
		text += used;
	}
	if (strcmp(text, "tlsa") == 0) {
		a->n = 1;
		a->tlsa[0] = (struct dns_tlsa){ 3, 1, 1, 0, 32 };
		a->tlsa_used = 32;
		return;
	}
	if (*text == '=') {
		sscanf(text, "=%63s%n", a->canon, &used);
		text += used;
	}
	while (!mx && sscanf(text, "%63s%n", word, &used) == 1) {
		assert_int_equal(addr_parse(&a->addr[a->n++], word, 0, ':'), 0);
		text += used;
	}
}

static void
reply(const struct query *q)
{
	struct dns_answer a = { .status = DNS_NXDOMAIN };
	struct net_addr addr;
	const char *text = NULL;
	size_t i;

	for (i = 0; i < MX_COUNT(zone); i++) {
		if (strcmp(zone[i].name, q->name) == 0)
			text = q->mx ? zone[i].mx : zone[i].addr;
	}
	if (!q->mx && addr_parse(&addr, q->name, 0, ':') == 0)
		text = q->name;
	if (text != NULL && strncmp(text, "stale ", 6) == 0) {
		a.stale = true;
		text += 6;
	}
	if (text != NULL && strncmp(text, "secure ", 7) == 0) {
		a.secure = true;
		text += 7;
	}
	if (text != NULL && !status_of(text, &a)) {
		a.status = DNS_OK;
		fill(&a, q->mx, text);
	}
	q->cb(&a, q->arg);
}

static void
answer_all(void)
{
	struct query q;

	while (nquery > 0) {
		q = query[--nquery]; /* the last first: any order will do */
		if (q.cb != NULL)
			reply(&q);
	}
}

/* --- the tests --------------------------------------------------------- */

static const char *const our_names[] = { "us.test" };
static uint16_t our_ports[] = { 25, 587 };
static struct route_self self;

static struct route got;
static unsigned calls;
static struct route_req *req;
static bool with_dane;
static struct pin *pin;

static void
on_route(const struct route *r, void *arg)
{
	(void)arg;
	route_copy(&got, r);
	calls++;
	route_cancel(&req); /* allowed, and nothing */
}

static void
look_up(const char *domain, const char *const *primaries, size_t n,
    uint16_t port)
{
	calls = 0;
	route_fini(&got);
	memset(&got, 0xff, sizeof(got));
	req = route_lookup(NULL, &self, domain, primaries, n, port, on_route,
	    NULL);
	assert_non_null(req);
	if (with_dane)
		route_with_dane(req);
	route_pin(req, pin);
	assert_int_equal(calls, 0);
	answer_all();
	assert_int_equal(calls, 1);
}

static int
setup(void **state)
{
	static struct net_addr addr;

	(void)state;
	assert_int_equal(addr_parse(&addr, "192.0.2.100", 0, ':'), 0);
	self = (struct route_self){ .names = our_names,
		.nnames = 1,
		.addrs = &addr,
		.naddrs = 1,
		.ports = our_ports,
		.nports = 2 };
	return 0;
}

static void
check(const char *what, enum route_status status, const char *hosts)
{
	char text[1024] = "";
	unsigned i;

	for (i = 0; i < got.n; i++) {
		if (i > 0)
			(void)strlcat(text, " ", sizeof(text));
		(void)strlcat(text, got.host[i].label, sizeof(text));
	}
	if (got.status != status || strcmp(text, hosts) != 0)
		fail_msg("%s: %s, hosts \"%s\"", what,
		    route_status_name(got.status), text);
}

static const struct {
	const char *domain;
	uint16_t port;
	enum route_status status;
	const char *hosts;
} mx_cases[] = {
	{ "two.test", 25, ROUTE_OK, "p.test" },
	{ "three.test", 25, ROUTE_OK, "p.test" },
	{ "byaddr.test", 25, ROUTE_OK, "p.test" },
	{ "equaladdr.test", 25, ROUTE_OK, "p.test" },
	{ "equaladdrbest.test", 25, ROUTE_SELF, "" },
	{ "worse.test", 25, ROUTE_SELF, "" },
	{ "only.test", 25, ROUTE_SELF, "" },
	{ "byaddrbest.test", 25, ROUTE_SELF, "" },
	{ "tempfail.test", 25, ROUTE_DNS_FAIL, "fail.test" },
	{ "bogusmx.test", 25, ROUTE_DNS_FAIL, "bogus.test" },
	{ "tempfail2.test", 25, ROUTE_DNS_FAIL, "fail.test" },
	{ "mixed.test", 25, ROUTE_DNS_FAIL, "nx.test fail.test" },
	{ "noaddr.test", 25, ROUTE_NO_HOST, "nodata.test" },
	{ "nxhost.test", 25, ROUTE_NO_HOST, "nx.test" },
	{ "onefails.test", 25, ROUTE_OK, "fail.test p.test" },
	{ "null.test", 25, ROUTE_NULL_MX, "" },
	{ "unusable.test", 25, ROUTE_NO_HOST, "" },
	{ "nx.test", 25, ROUTE_NO_HOST, "" },
	{ "fail.test", 25, ROUTE_DNS_FAIL, "" },
	{ "bogus.test", 25, ROUTE_DNS_FAIL, "" },
	{ "implicit.test", 25, ROUTE_OK, "implicit.test" },
	{ "implicitus.test", 25, ROUTE_SELF, "" },
	{ "us.test", 25, ROUTE_SELF, "" },
	{ "implicitnone.test", 25, ROUTE_NO_HOST, "implicitnone.test" },
	{ "implicitfail.test", 25, ROUTE_DNS_FAIL, "implicitfail.test" },
	/* loopback in public DNS: us where we listen, nobody elsewhere on
	 * port 25, a host on another port */
	{ "local.test", 25, ROUTE_SELF, "" },
	{ "local6.test", 587, ROUTE_SELF, "" },
	{ "anyaddr.test", 25, ROUTE_SELF, "" },
	{ "localname.test", 25, ROUTE_SELF, "" },
	{ "localmixed.test", 25, ROUTE_SELF, "" },
	{ "local.test", 2525, ROUTE_OK, "lo.test:2525" },
	{ "localname.test", 2525, ROUTE_OK, "localhost:2525" },
	/* our name is us whatever the port; our address only where we listen */
	{ "worse.test", 2525, ROUTE_SELF, "" },
	{ "byaddrbest.test", 2525, ROUTE_OK, "alias.test:2525 q.test:2525" },
};

static void
test_mx(void **state)
{
	size_t i;
	unsigned k;

	(void)state;
	for (i = 0; i < MX_COUNT(mx_cases); i++) {
		look_up(mx_cases[i].domain, NULL, 0, mx_cases[i].port);
		check(mx_cases[i].domain, mx_cases[i].status,
		    mx_cases[i].hosts);
		assert_true(got.from_mx);
		for (k = 0; got.status == ROUTE_OK && k < got.n; k++) {
			if (got.host[k].naddrs > 0)
				assert_int_equal(
				    addr_port(&got.host[k].addr[0]),
				    mx_cases[i].port);
		}
	}
}

static char *all_networks[] = { (char[]){ "0.0.0.0/0" }, (char[]){ "::/0" } };
static char *one_network[] = { (char[]){ "192.0.2.0/30" } };

static const struct {
	const char *primary;
	bool everywhere, never_us;
	enum route_status status;
	unsigned naddrs;
} pin_cases[] = {
	{ "p.test", false, false, ROUTE_OK,
	    1 }, /* its IPv6 address is barred */
	{ "p.test", true, true, ROUTE_OK, 2 },
	{ "s.test", false, false, ROUTE_NO_HOST, 0 },
	{ "192.0.2.3", false, true, ROUTE_OK, 1 },
	{ "192.0.2.4", false, true, ROUTE_NO_HOST, 0 },
	/* what a network says does not open the loopback */
	{ "lo.test:2525", true, false, ROUTE_NO_HOST, 0 },
	{ "lo6.test:2525", true, false, ROUTE_NO_HOST, 0 },
	{ "any.test:2525", true, false, ROUTE_NO_HOST, 0 },
	{ "localhost:2525", true, false, ROUTE_NO_HOST, 0 },
	{ "mapped.test:2525", true, false, ROUTE_NO_HOST, 0 },
	{ "mapped7.test", false, true, ROUTE_NO_HOST, 0 },
	{ "half.test:2525", true, false, ROUTE_OK, 1 },
	/* ourselves, where we do not listen */
	{ "alias.test:2525", true, false, ROUTE_OK, 2 },
	{ "alias.test:2525", true, true, ROUTE_OK, 1 },
	{ "us.test:2525", true, true, ROUTE_NO_HOST, 0 },
};

/* Whoever names the host, and whatever the DNS says of it. */
static void
test_pin(void **state)
{
	const char *text = "the address lookup of s.test: outside x";
	char told[400];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(pin_cases); i++) {
		pin = pin_create(pin_cases[i].everywhere ? all_networks :
							   one_network,
		    pin_cases[i].everywhere ? 2 : 1, pin_cases[i].never_us,
		    "outside x");
		look_up("any-name.test", &pin_cases[i].primary, 1, 25);
		pin_unref(&pin);
		if (got.status != pin_cases[i].status ||
		    got.host[0].naddrs != pin_cases[i].naddrs)
			fail_msg("%s (case %zu): %s, %u addresses",
			    pin_cases[i].primary, i,
			    route_status_name(got.status), got.host[0].naddrs);
		assert_true((got.host[0].barred != NULL) ==
		    (got.status == ROUTE_NO_HOST));
		if (strcmp(pin_cases[i].primary, "s.test") == 0)
			assert_string_equal(route_trouble_text(&got.trouble,
						told, sizeof(told)),
			    text);
	}
	/* found by MX as well */
	pin = pin_create(one_network, 1, false, "outside x");
	look_up("unsigned.test", NULL, 0, 25);
	check("by MX", ROUTE_NO_HOST, "s.test");
	assert_string_equal(got.host[0].barred, "outside x");
	look_up("two.test", NULL, 0, 25);
	check("by MX, inside", ROUTE_OK, "p.test");
	assert_int_equal(got.host[0].naddrs, 1);
	pin_unref(&pin);
}

static void
test_pin_order(void **state)
{
	struct pin *a = pin_create(all_networks, 2, false, "outside x");
	struct pin *b = pin_create(all_networks, 2, false, "outside x");
	struct pin *c = pin_create(one_network, 1, false, "outside x");
	struct pin *d = pin_create(one_network, 1, true, "outside x");

	(void)state;
	assert_int_equal(pin_cmp(a, b), 0);
	assert_int_equal(pin_cmp(NULL, NULL), 0);
	assert_true(pin_cmp(NULL, a) < 0 && pin_cmp(a, NULL) > 0);
	assert_true((pin_cmp(a, c) < 0) == (pin_cmp(c, a) > 0));
	assert_true(pin_cmp(a, c) != 0);
	assert_true(pin_cmp(c, d) != 0);
	pin_unref(&a);
	pin_unref(&b);
	pin_unref(&c);
	pin_unref(&d);
}

static const struct {
	const char *domain;
	enum route_status status;
	const char *hosts;
} elsewhere_cases[] = {
	{ "local.test", ROUTE_NO_HOST, "lo.test" },
	{ "local6.test", ROUTE_NO_HOST, "lo6.test" },
	{ "anyaddr.test", ROUTE_NO_HOST, "any.test" },
	{ "localname.test", ROUTE_NO_HOST, "localhost" },
	{ "localmixed.test", ROUTE_OK, "half.test" },
	{ "only.test", ROUTE_SELF, "" }, /* by name: port 25 is redirected */
};

/* We listen on 10025 only. */
static void
test_not_on_25(void **state)
{
	static const uint16_t port[] = { 10025 };
	size_t i;

	(void)state;
	self.ports = port;
	self.nports = 1;
	for (i = 0; i < MX_COUNT(elsewhere_cases); i++) {
		look_up(elsewhere_cases[i].domain, NULL, 0, 25);
		check(elsewhere_cases[i].domain, elsewhere_cases[i].status,
		    elsewhere_cases[i].hosts);
	}
	look_up("localmixed.test", NULL, 0, 25);
	assert_int_equal(got.host[0].naddrs, 1);
	assert_false(addr_is_loopback(&got.host[0].addr[0]));
	/* An address of an interface may have another server on 25. */
	look_up("equaladdrbest.test", NULL, 0, 25);
	check("an interface", ROUTE_OK, "q.test alias.test");
}

static const struct {
	const char *domain, *primary;
	enum route_status status;
	const char *hosts;
} named_cases[] = {
	{ "byaddr.test", NULL, ROUTE_OK, "p.test" },
	{ "byaddrbest.test", NULL, ROUTE_SELF, "" },
	{ "equaladdr.test", NULL, ROUTE_OK, "p.test" },
	{ "equaladdrbest.test", NULL, ROUTE_SELF, "" },
	{ "implicitus.test", NULL, ROUTE_SELF, "" },
	{ "x.test", "alias.test", ROUTE_SELF, "" },
	{ "x.test", "192.0.2.100", ROUTE_SELF, "" },
	{ "x.test", "alias.test:2525", ROUTE_OK, "alias.test:2525" },
};

/* Behind address translation: the port is not ours, the address is named. */
static void
test_named_not_on_25(void **state)
{
	static const uint16_t port[] = { 10025 };

	(void)state;
	self.ports = port;
	self.nports = 1;
	self.nnamed = self.naddrs;
	for (size_t i = 0; i < MX_COUNT(named_cases); i++) {
		look_up(named_cases[i].domain, &named_cases[i].primary,
		    named_cases[i].primary != NULL, 25);
		check(named_cases[i].domain, named_cases[i].status,
		    named_cases[i].hosts);
	}
}

static const struct {
	const char *name, *primary[3];
	enum route_status status;
	const char *hosts;
} primary_cases[] = {
	{ "order", { "q.test", "p.test" }, ROUTE_OK, "q.test p.test" },
	{ "numeric", { "192.0.2.7", "[2001:db8::7]:2525" }, ROUTE_OK,
	    "192.0.2.7 [2001:db8::7]:2525" },
	{ "loopback, high port", { "127.0.0.3:2525" }, ROUTE_OK,
	    "127.0.0.3:2525" },
	{ "loopback, our port", { "127.0.0.1:587" }, ROUTE_SELF, "" },
	{ "loopback, 25 is ours", { "127.0.0.1" }, ROUTE_SELF, "" },
	{ "our name", { "us.test" }, ROUTE_SELF, "" },
	{ "our name, not our port", { "us.test:2525" }, ROUTE_OK,
	    "us.test:2525" },
	{ "our address", { "alias.test:25" }, ROUTE_SELF, "" },
	{ "we are one of them", { "us.test", "p.test" }, ROUTE_OK, "p.test" },
	{ "one fails", { "fail.test", "p.test" }, ROUTE_OK,
	    "fail.test p.test" },
	{ "all fail", { "fail.test", "nx.test" }, ROUTE_DNS_FAIL,
	    "fail.test nx.test" },
	{ "no such host", { "nx.test" }, ROUTE_NO_HOST, "nx.test" },
	{ "better one fails, we are next", { "fail.test", "us.test" },
	    ROUTE_DNS_FAIL, "fail.test" },
	{ "no host name", { "a b" }, ROUTE_NO_HOST, "a b" },
};

static void
test_primaries(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < MX_COUNT(primary_cases); i++) {
		for (n = 0; n < 3 && primary_cases[i].primary[n] != NULL;)
			n++;
		look_up("two.test", primary_cases[i].primary, n, 25);
		check(primary_cases[i].name, primary_cases[i].status,
		    primary_cases[i].hosts);
		assert_false(got.from_mx);
	}
}

/* 25 is not ours, so a configured primary may be there on loopback. */
static void
test_primary_loopback_25(void **state)
{
	static const uint16_t port[] = { 10025 };
	const char *primary = "127.0.0.2";

	(void)state;
	self.ports = port;
	self.nports = 1;
	look_up("two.test", &primary, 1, 25);
	check("loopback", ROUTE_OK, "127.0.0.2");
}

/* Of 32 hosts those better than ourselves count, usable ones first. */
static void
test_many(void **state)
{
	(void)state;
	look_up("many.test", NULL, 0, 25);
	check("many", ROUTE_OK,
	    "fail.test fail.test p.test p.test p.test p.test p.test p.test");
}

static void
test_stale(void **state)
{
	(void)state;
	look_up("stale.test", NULL, 0, 25);
	assert_true(got.stale);
	look_up("two.test", NULL, 0, 25);
	assert_false(got.stale);
}

static const struct {
	const char *domain, *primary; /* NULL: by MX */
	const char *text;
} trouble_cases[] = {
	{ "two.test", NULL, "" },
	{ "implicit.test", NULL, "" },
	{ "onefails.test", NULL, "the address lookup of fail.test: no answer" },
	{ "mixed.test", NULL, "the address lookup of fail.test: no answer" },
	{ "bogusmx.test", NULL,
	    "the address lookup of bogus.test: DNSSEC validation failed" },
	{ "mxfail.test", NULL, "the MX lookup of mxfail.test: no answer" },
	{ "nosuch.test", NULL, "the MX lookup of nosuch.test: NXDOMAIN" },
	{ "noaddr.test", NULL,
	    "the address lookup of nodata.test: no such record" },
	{ "stale.test", NULL,
	    "the MX lookup of stale.test: no answer; the last good answer is "
	    "used" },
	{ "two.test", "fail.test",
	    "the address lookup of fail.test: no answer" },
	{ "two.test", "p.test", "" },
	{ "null.test", NULL,
	    "the MX lookup of null.test: a null MX: it accepts no mail" },
};

/* What is told of the DNS names the look-up and what came of it. */
static void
test_trouble(void **state)
{
	char text[TEXT_DOMAIN_MAX + 128];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(trouble_cases); i++) {
		look_up(trouble_cases[i].domain, &trouble_cases[i].primary,
		    trouble_cases[i].primary != NULL, 25);
		route_trouble_text(&got.trouble, text, sizeof(text));
		if (strcmp(text, trouble_cases[i].text) != 0)
			fail_msg("%s: \"%s\"", trouble_cases[i].domain, text);
	}
}

static const struct {
	const char *what;
	const char *domain, *primary; /* NULL: by MX */
	uint16_t port;
	enum route_status status;
	const char *hosts;
	const char *word[2], *base[2];
} dane_cases[] = {
	{ "all signed", "signed.test", NULL, 25, ROUTE_OK, "s.test",
	    { "dane-verify" }, { "s.test" } },
	{ "another port", "signed.test", NULL, 2525, ROUTE_OK, "s.test:2525",
	    { "dane-none" }, { NULL } },
	{ "MX not signed", "unsigned.test", NULL, 25, ROUTE_OK, "s.test",
	    { "dane-none" }, { NULL } },
	{ "MX stale", "stalemx.test", NULL, 25, ROUTE_DNS_FAIL, "s.test",
	    { "dane-defer" }, { NULL } },
	{ "address not signed", "toplain.test", NULL, 25, ROUTE_OK, "p.test",
	    { "dane-none" }, { NULL } },
	{ "alias with records at its end", "toalias.test", NULL, 25, ROUTE_OK,
	    "al.test", { "dane-verify" }, { "s.test" } },
	{ "alias with records of its own", "toowner.test", NULL, 25, ROUTE_OK,
	    "al2.test", { "dane-verify" }, { "al2.test" } },
	{ "alias to what cannot be told", "tobadalias.test", NULL, 25,
	    ROUTE_DNS_FAIL, "al3.test", { "dane-defer" }, { NULL } },
	{ "put off, the next one", "tobad.test", NULL, 25, ROUTE_OK,
	    "bad.test s.test", { "dane-defer", "dane-verify" },
	    { NULL, "s.test" } },
	{ "put off", "onlybad.test", NULL, 25, ROUTE_DNS_FAIL, "bad.test",
	    { "dane-defer" }, { NULL } },
	{ "no MX", "signedself.test", NULL, 25, ROUTE_OK, "signedself.test",
	    { "dane-none" }, { NULL } },
	{ "configured", "unsigned.test", "s.test", 25, ROUTE_OK, "s.test",
	    { "dane-verify" }, { "s.test" } },
	{ "configured, not signed", "unsigned.test", "p.test", 25, ROUTE_OK,
	    "p.test", { "dane-none" }, { NULL } },
	{ "configured, stale", "signed.test", "st.test", 25, ROUTE_DNS_FAIL,
	    "st.test", { "dane-defer" }, { NULL } },
	{ "configured with a port", "x.test", "s.test:2525", 25, ROUTE_OK,
	    "s.test:2525", { "dane-none" }, { NULL } },
	{ "configured by address", "x.test", "192.0.2.7", 25, ROUTE_OK,
	    "192.0.2.7", { "dane-none" }, { NULL } },
};

static void
test_dane(void **state)
{
	const struct dane *d;
	size_t i;
	unsigned h;

	(void)state;
	with_dane = true;
	for (i = 0; i < MX_COUNT(dane_cases); i++) {
		look_up(dane_cases[i].domain, &dane_cases[i].primary,
		    dane_cases[i].primary != NULL, dane_cases[i].port);
		check(dane_cases[i].what, dane_cases[i].status,
		    dane_cases[i].hosts);
		for (h = 0; h < got.n; h++) {
			d = got.host[h].dane;
			if (d == NULL ||
			    strcmp(dane_word(d, NULL), dane_cases[i].word[h]))
				fail_msg("%s: host %u is %s",
				    dane_cases[i].what, h, dane_word(d, NULL));
			if (dane_cases[i].base[h] == NULL)
				continue;
			assert_string_equal(d->name[0], dane_cases[i].base[h]);
			/* SNI, who the mail is for, and who was asked for */
			assert_string_equal(d->name[1],
			    got.from_mx ? dane_cases[i].domain : "");
			assert_string_equal(d->name[2],
			    strcmp(d->name[0], got.host[h].name) == 0 ?
				"" :
				got.host[h].name);
		}
	}
	with_dane = false;
	look_up("signed.test", NULL, 0, 25);
	assert_null(got.host[0].dane);
	route_fini(&got);
	got.n = 0;
}

static void
test_cancel(void **state)
{
	(void)state;
	calls = 0;
	req =
	    route_lookup(NULL, &self, "two.test", NULL, 0, 25, on_route, NULL);
	route_cancel(&req);
	assert_null(req);
	answer_all();
	req =
	    route_lookup(NULL, &self, "two.test", NULL, 0, 25, on_route, NULL);
	nquery--;
	reply(&query[nquery]); /* the MX; addresses are asked for now */
	assert_true(nquery > 0);
	route_cancel(&req);
	answer_all();
	req = route_lookup(NULL, &self, "tobad.test", NULL, 0, 25, on_route,
	    NULL);
	route_with_dane(req);
	nquery--;
	reply(&query[nquery]);
	nquery--;
	reply(&query[nquery]); /* one host's address */
	route_cancel(&req);
	answer_all();
	assert_int_equal(calls, 0);
}

#define CASE(fn) cmocka_unit_test_setup(fn, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_mx),
		CASE(test_pin),
		CASE(test_pin_order),
		CASE(test_not_on_25),
		CASE(test_named_not_on_25),
		CASE(test_primaries),
		CASE(test_primary_loopback_25),
		CASE(test_many),
		CASE(test_stale),
		CASE(test_trouble),
		CASE(test_dane),
		CASE(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
