/* SPDX-License-Identifier: ISC
 * Who is answered, by what a request says that it is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exporters/http_host.h"

static const struct {
	const char *host;
	enum http_host_verdict want, any; /* at an address, at a socket file */
} cases[] = {
	{ "localhost", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "LocalHost:10125", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "mx2.example.net", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "MX2.example.net.:80", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "status.example.net:443", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "xn--bcher-kva.example", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "192.0.2.7", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "127.0.0.1:1", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "127.0.0.1:", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "[::1]", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "[2001:DB8::7]:10125", HTTP_HOST_OURS, HTTP_HOST_OURS },
	{ "evil.example", HTTP_HOST_UNKNOWN, HTTP_HOST_OURS },
	{ "example.net", HTTP_HOST_UNKNOWN, HTTP_HOST_OURS },
	{ "x.mx2.example.net", HTTP_HOST_UNKNOWN, HTTP_HOST_OURS },
	{ "mx2.example.net.evil.example", HTTP_HOST_UNKNOWN, HTTP_HOST_OURS },
	{ "localhost.evil.example", HTTP_HOST_UNKNOWN, HTTP_HOST_OURS },
	{ "127.0.0.1.evil.example", HTTP_HOST_UNKNOWN, HTTP_HOST_OURS },
	{ "", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ ":80", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "localhost:http", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "localhost:80:80", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "::1", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "[::1", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "[::1]x", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "[]", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "[localhost]", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "[127.0.0.1]", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "127.0.0.256", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "2130706433", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "a@localhost", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "localhost, localhost", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "localhost/x", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
	{ "local host", HTTP_HOST_WRONG, HTTP_HOST_WRONG },
};

static void
test_hosts(void **state)
{
	char name[] = "mx2.example.net", more[] = "status.example.net",
	     idn[] = "xn--bcher-kva.example", address[] = "192.0.2.9";
	char *list[] = { more, idn, address };
	struct config conf = { .hostname = name,
		.web.hosts = { MX_COUNT(list), list } };
	struct http_hosts *h = http_hosts_create(&conf);
	enum http_host_verdict v;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++)
		for (int any = 0; any < 2; any++) {
			v = http_host_judge(h, cases[i].host,
			    strlen(cases[i].host), any != 0);
			if (v != (any ? cases[i].any : cases[i].want))
				fail_msg("\"%s\", any %d: %d", cases[i].host,
				    any, (int)v);
		}
	/* no further than its length */
	assert_int_equal(http_host_judge(h, "localhost.evil", 9, false),
	    HTTP_HOST_OURS);
	http_hosts_destroy(&h);
	assert_null(h);
}

static void
test_targets(void **state)
{
	static const struct {
		const char *target, *path, *authority;
	} targets[] = {
		{ "/metrics", "/metrics", NULL },
		{ "*", "*", NULL },
		{ "http:/metrics", "http:/metrics", NULL },
		{ "//evil.example/", "//evil.example/", NULL },
		{ "http://a.example", "/", "a.example" },
		{ "HTTP://a.example:80/metrics", "/metrics", "a.example:80" },
		{ "https://[::1]:1//x", "//x", "[::1]:1" },
		{ "http:///metrics", "/metrics", "" },
		{ "ftp://a.example/", "ftp://a.example/", NULL },
	};
	const char *authority;
	size_t len;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(targets); i++) {
		assert_string_equal(
		    http_target(targets[i].target, &authority, &len),
		    targets[i].path);
		if (targets[i].authority == NULL) {
			assert_null(authority);
			continue;
		}
		assert_int_equal(len, strlen(targets[i].authority));
		assert_memory_equal(authority, targets[i].authority, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
