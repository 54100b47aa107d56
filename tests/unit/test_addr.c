/* SPDX-License-Identifier: ISC
 * test_addr: what is an address, what is a host, and how they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "net/addr.h"

static const struct {
	const char *s, *text; /* text NULL: refused */
	char sep;
} parses[] = {
	{ "192.0.2.7", "192.0.2.7:25", ':' },
	{ "192.0.2.7:2525", "192.0.2.7:2525", ':' },
	{ "[192.0.2.7]:2525", "192.0.2.7:2525", ':' },
	{ "[192.0.2.7]", "192.0.2.7:25", ':' },
	{ "::1", "[::1]:25", ':' },
	{ "[::1]", "[::1]:25", ':' },
	{ "[::1]:26", "[::1]:26", ':' },
	{ "2001:DB8::7", "[2001:db8::7]:25", ':' },
	{ "0.0.0.0:0", "0.0.0.0:0", ':' },
	{ "::ffff:192.0.2.7", "192.0.2.7:25", ':' },
	{ "127.0.0.1@5353", "127.0.0.1:5353", '@' },
	{ "::1@5353", "[::1]:5353", '@' },
	{ "[::1]@53", "[::1]:53", '@' },
	{ "127.0.0.1:53", NULL, '@' },
	{ "", NULL, ':' },
	{ "[]", NULL, ':' },
	{ "[::1", NULL, ':' },
	{ "[::1]25", NULL, ':' },
	{ "192.0.2.7:", NULL, ':' },
	{ "192.0.2.7:65536", NULL, ':' },
	{ "192.0.2.7:-0", NULL, ':' },
	{ "192.0.2.7:2x", NULL, ':' },
	{ "192.0.2.256", NULL, ':' },
	{ "192.0.2", NULL, ':' },
	{ "mx.example", NULL, ':' },
	{ ":25", NULL, ':' },
};

static void
test_parse(void **state)
{
	char text[ADDR_TEXT_MAX];
	struct net_addr a;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(parses); i++) {
		print_message("%s\n", parses[i].s);
		rc = addr_parse(&a, parses[i].s, 25, parses[i].sep);
		assert_int_equal(rc, parses[i].text != NULL ? 0 : -MX_ESYNTAX);
		if (rc == 0)
			assert_string_equal(addr_text_port(&a, text),
			    parses[i].text);
	}
}

static const struct {
	const char *s, *host; /* host NULL: refused */
	uint16_t port;
} splits[] = {
	{ "MX1.example.ORG", "mx1.example.org", 25 },
	{ "mx1.example.org:2525", "mx1.example.org", 2525 },
	{ "mx1.example.org.", "mx1.example.org", 25 },
	{ "[192.0.2.7]:2525", "192.0.2.7", 2525 },
	{ "192.0.2.7", "192.0.2.7", 25 },
	{ "[2001:DB8::0007]", "2001:db8::7", 25 },
	{ "::1", "::1", 25 },
	{ "mx1:0", NULL, 0 },
	{ "mx1:99999", NULL, 0 },
	{ "[mx1]:25", NULL, 0 },
	{ "MX_1", "mx_1", 25 },
	{ "mx 1", NULL, 0 },
	{ "192.0.2.700", NULL, 0 },
	{ "", NULL, 0 },
	{ ":25", NULL, 0 },
};

static void
test_split(void **state)
{
	char host[TEXT_DOMAIN_MAX];
	uint16_t port;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(splits); i++) {
		print_message("%s\n", splits[i].s);
		rc = addr_split_host(splits[i].s, host, &port, 25);
		assert_int_equal(rc, splits[i].host != NULL ? 0 : -MX_ESYNTAX);
		if (rc != 0)
			continue;
		assert_string_equal(host, splits[i].host);
		assert_int_equal(port, splits[i].port);
	}
}

static struct net_addr
addr(const char *s)
{
	struct net_addr a;

	assert_int_equal(addr_parse(&a, s, 25, ':'), 0);
	return a;
}

static void
test_properties(void **state)
{
	struct net_addr v4 = addr("192.0.2.7"), v6 = addr("2001:db8::7"),
			mapped = addr("::ffff:192.0.2.7"),
			near = addr("2001:db8::8"),
			far = addr("2001:db8:0:1::"), none = { .len = 0 },
			loop4 = addr("127.9.9.9"), loop6 = addr("::1");
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_literal(&v4, text), "[192.0.2.7]");
	assert_string_equal(addr_literal(&v6, text), "[IPv6:2001:db8::7]");
	assert_string_equal(addr_literal(&mapped, text), "[192.0.2.7]");
	assert_string_equal(addr_text(&none, text), "unknown");
	assert_true(addr_equal_host(&v4, &mapped));
	assert_false(addr_equal_host(&v4, &v6));
	assert_false(addr_equal_host(&v6, &near));
	assert_false(addr_equal_host(&none, &none));
	assert_true(addr_client_key(&v4) == addr_client_key(&mapped));
	assert_true(addr_client_key(&v6) == addr_client_key(&near));
	assert_true(addr_client_key(&v6) != addr_client_key(&far));
	assert_true(addr_is_loopback(&loop4) && addr_is_loopback(&loop6));
	assert_false(addr_is_loopback(&v4) || addr_is_loopback(&v6));
	addr_port_set(&v6, 7);
	assert_int_equal(addr_port(&v6), 7);
	assert_int_equal(addr_port(&none), 0);
}

static void
test_local(void **state)
{
	struct net_addr *list;
	bool found = false;
	size_t n, i;

	(void)state;
	assert_int_equal(addr_local_list(&list, &n), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(addr_port(&list[i]), 0);
		found = found || addr_is_loopback(&list[i]);
	}
	assert_true(found);
	free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
