/* SPDX-License-Identifier: ISC
 * test_mx_verdict: sets of MX records, ourselves and the networks of the operator,
 * and whether we back up such a domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay/mxbackup/verdict.h"
#include "tests/unit/fake_dns.h"

static const struct {
	const char *domain, *mx, *addr;
	enum backup_verdict verdict;
	const char *evidence; /* a part of it */
} cases[] = {
	{ "good.test", "10 in.test 20 us.test", NULL, BACKUP_FITS,
	    "us.test (this server) after in.test, whose address 192.0.2.1 is" },
	{ "v6.test", "10 in6.test 20 us.test", NULL, BACKUP_FITS,
	    "2001:db8::1 is in" },
	{ "byaddr.test", "10 in.test 20 alias.test", NULL, BACKUP_FITS,
	    "alias.test (this server) after in.test" },
	{ "second.test", "10 out.test 15 in.test 20 us.test", NULL, BACKUP_FITS,
	    "after in.test" },
	{ "mixed.test", "10 both.test 20 us.test", NULL, BACKUP_FITS,
	    "192.0.2.3 is in" },
	{ "oneout.test", "10 out.test 20 us.test", NULL, BACKUP_OUTSIDE,
	    "after out.test" },
	{ "equal.test", "10 us.test 10 in.test", NULL, BACKUP_NOT_BETTER,
	    "no preferred MX" },
	{ "worse.test", "10 us.test 20 in.test", NULL, BACKUP_NOT_BETTER,
	    "no preferred MX" },
	{ "only.test", "10 us.test", NULL, BACKUP_NOT_BETTER,
	    "no preferred MX" },
	{ "twice.test", "5 alias.test 10 in.test 20 us.test", NULL,
	    BACKUP_NOT_BETTER, "alias.test (this server)" },
	{ "stranger.test", "10 in.test 20 out.test", NULL, BACKUP_NOT_NAMED,
	    "do not name this server" },
	{ "noaddr.test", "10 gone.test 20 us.test", NULL, BACKUP_OUTSIDE,
	    "after gone.test" },
	{ "implicit.test", "nodata", "192.0.2.9", BACKUP_NO_MX,
	    "no MX record" },
	{ "implicitus.test", "nodata", "198.51.100.5", BACKUP_NO_MX,
	    "no MX record" },
	{ "nosuch.test", "nx", NULL, BACKUP_NO_MX, "no MX record" },
	{ "null.test", "0 .", NULL, BACKUP_NO_MX, "null MX" },
	{ "mxfails.test", "fail", NULL, BACKUP_DNS,
	    "the MX lookup of mxfails.test" },
	{ "addrfails.test", "10 fails.test 20 us.test", NULL, BACKUP_DNS,
	    "the address lookup of fails.test" },
	/* one that is outside does not speak for the one that fails */
	{ "halffails.test", "10 fails.test 15 out.test 20 us.test", NULL,
	    BACKUP_DNS, "the address lookup of fails.test" },
	/* and one that is inside does */
	{ "fails2.test", "10 fails.test 15 in.test 20 us.test", NULL,
	    BACKUP_FITS, "after in.test" },
	{ "stale.test", "stale 10 in.test 20 us.test", NULL, BACKUP_DNS,
	    "the last good answer is used" },
	{ "staleout.test", "stale 10 out.test 20 us.test", NULL, BACKUP_OUTSIDE,
	    "after out.test" },
	/* a loopback address is ourselves */
	{ "loop.test", "10 lo.test 20 us.test", NULL, BACKUP_NOT_BETTER,
	    "lo.test (this server)" },
};

static const struct {
	const char *name, *addr;
} hosts[] = {
	{ "in.test", "192.0.2.1" },
	{ "in6.test", "2001:db8::1 203.0.113.1" },
	{ "both.test", "203.0.113.2 192.0.2.3" },
	{ "out.test", "203.0.113.3 2001:db8:1::1" },
	{ "alias.test", "203.0.113.9 198.51.100.5" },
	{ "us.test", "198.51.100.5" },
	{ "fails.test", "fail" },
	{ "gone.test", "nodata" },
	{ "lo.test", "127.0.0.1" },
};

static char *networks[] = { (char[]){ "192.0.2.0/24" },
	(char[]){ "2001:db8::/48" } };
static struct prefix_list *inside;
static struct backup_finding got;

static void
on_route(const struct route *r, void *arg)
{
	backup_judge(r, arg, inside, &got);
}

static void
judge(const char *domain)
{
	static const char *const us[] = { "us.test" };
	static const uint16_t ports[] = { 25 };
	struct route_self self = { .names = us,
		.nnames = 1,
		.ports = ports,
		.nports = 1 };
	struct net_addr addr;

	assert_int_equal(addr_parse(&addr, "198.51.100.5", 0, ':'), 0);
	self.addrs = &addr;
	self.naddrs = 1;
	memset(&got, 0xff, sizeof(got));
	assert_non_null(route_lookup(NULL, &self, domain, NULL, 0, 25, on_route,
	    (char *)(uintptr_t)domain));
	fake_dns_answer();
}

static void
test_verdicts(void **state MX_UNUSED)
{
	for (size_t i = 0; i < MX_COUNT(hosts); i++)
		fake_dns_set(hosts[i].name, NULL, hosts[i].addr);
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		fake_dns_set(cases[i].domain, cases[i].mx, cases[i].addr);
		judge(cases[i].domain);
		if (got.verdict != cases[i].verdict ||
		    strstr(got.evidence, cases[i].evidence) == NULL)
			fail_msg("%s: verdict %d, %s", cases[i].domain,
			    (int)got.verdict, got.evidence);
	}
}

/* Names of 255 octets, which strangers choose, are cut. */
static void
test_long_names(void **state MX_UNUSED)
{
	static char mx[600], name[TEXT_DOMAIN_MAX];

	memset(name, 'a', 250);
	for (size_t i = 60; i < 250; i += 60)
		name[i] = '.';
	snprintf(mx, sizeof(mx), "10 %s 20 us.test", name);
	fake_dns_set("long.test", mx, NULL);
	fake_dns_set(name, NULL, "192.0.2.7");
	judge("long.test");
	assert_int_equal(got.verdict, BACKUP_FITS);
	assert_non_null(strstr(got.evidence, "192.0.2.7 is in"));
}

static int
setup(void **state MX_UNUSED)
{
	fake_dns_reset();
	inside = prefix_list_create(networks, MX_COUNT(networks));
	return 0;
}

static int
teardown(void **state MX_UNUSED)
{
	prefix_list_destroy(&inside);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_names, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
