/* SPDX-License-Identifier: ISC
 * The limits of one client: sessions at once, sessions a minute, a table that
 * does not grow, and the prefixes that no limit applies to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/prefix.h"
#include "relay/smtpd/client_limit.h"

static void
at_once(void **state MX_UNUSED)
{
	struct client_limit *l = client_limit_create(100);
	int i;

	for (i = 0; i < 5; i++)
		assert_int_equal(client_limit_enter(l, 7, 5, 0, CLOCK_SEC),
		    CLIENT_OK);
	assert_int_equal(client_limit_enter(l, 7, 5, 0, CLOCK_SEC),
	    CLIENT_TOO_MANY);
	assert_int_equal(client_limit_enter(l, 8, 5, 0, CLOCK_SEC), CLIENT_OK);
	client_limit_leave(l, 7);
	assert_int_equal(client_limit_enter(l, 7, 5, 0, CLOCK_SEC), CLIENT_OK);
	client_limit_leave(l, 12345); /* was never here */
	client_limit_destroy(&l);
}

static unsigned
allowed(struct client_limit *l, int64_t now, unsigned tries)
{
	unsigned ok = 0;

	while (tries-- > 0) {
		if (client_limit_enter(l, 7, 1000, 60, now) != CLIENT_OK)
			continue;
		client_limit_leave(l, 7);
		ok++;
	}
	return ok;
}

static void
a_minute(void **state MX_UNUSED)
{
	struct client_limit *l = client_limit_create(100);
	int64_t t = 600 * CLOCK_SEC;

	assert_int_equal(allowed(l, t, 200), 60);
	assert_int_equal(allowed(l, t + 30 * CLOCK_SEC, 200), 0);
	/* half of the next minute: half of the last one still counts */
	assert_in_range(allowed(l, t + 90 * CLOCK_SEC, 200), 29, 31);
	assert_int_equal(allowed(l, t + 600 * CLOCK_SEC, 200), 60);
	client_limit_destroy(&l);
}

/* A million strangers do not make it forget who is connected. */
static void
bounded(void **state MX_UNUSED)
{
	struct client_limit *l = client_limit_create(100);
	uint64_t key;

	for (key = 1; key <= 100; key++)
		assert_int_equal(client_limit_enter(l, key, 1, 0, CLOCK_SEC),
		    CLIENT_OK);
	for (key = 1000; key < 1000000; key++) {
		assert_int_equal(client_limit_enter(l, key, 1, 0, CLOCK_SEC),
		    CLIENT_OK);
		client_limit_leave(l, key);
	}
	for (key = 1; key <= 100; key++)
		assert_int_equal(client_limit_enter(l, key, 1, 0, CLOCK_SEC),
		    CLIENT_TOO_MANY);
	client_limit_destroy(&l);
}

static const struct {
	const char *addr;
	bool want;
} matches[] = {
	{ "192.0.2.7", true },
	{ "192.0.2.8", false },
	{ "198.51.100.0", true },
	{ "198.51.101.255", true },
	{ "198.51.102.0", false },
	{ "2001:db8:1::1", true },
	{ "2001:db8:8000::1", false },
	{ "::ffff:192.0.2.7", false },
};

static void
prefixes(void **state MX_UNUSED)
{
	char a[] = "192.0.2.7", b[] = "198.51.100.0/23", c[] = "2001:db8::/33",
	     d[] = "nonsense/77", e[] = "10.0.0.0/33";
	char *s[] = { a, b, c, d, e };
	struct prefix_list *l = prefix_list_create(s, MX_COUNT(s));
	struct net_addr addr;
	size_t i;

	for (i = 0; i < MX_COUNT(matches); i++) {
		assert_int_equal(addr_parse(&addr, matches[i].addr, 0, ':'), 0);
		if (prefix_list_match(l, &addr) != matches[i].want)
			fail_msg("%s", matches[i].addr);
	}
	prefix_list_destroy(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_once),
		cmocka_unit_test(a_minute),
		cmocka_unit_test(bounded),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
