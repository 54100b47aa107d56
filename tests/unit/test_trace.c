/* SPDX-License-Identifier: ISC
 * Trace information: the Received line that we write, and the scanner that
 * counts those of others, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "relay/smtpd/trace.h"

#define DATE "Thu, 1 Jan 1970 00:00:00 +0000"

static const struct {
	const char *name;
	struct trace_received t;
	const char *want;
} lines[] = {
	{ "one recipient",
	    { "c.example", "[192.0.2.7]", "mx2.test", "1F", "a@b.test", DATE,
		true, true, false },
	    "Received: from c.example ([192.0.2.7])\r\n"
	    "\tby mx2.test with ESMTPS id 1F\r\n\tfor <a@b.test>;\r\n"
	    "\t" DATE "\r\n" },
	{ "several recipients: no for",
	    { "c.example", "[IPv6:::1]", "mx2.test", "1F", NULL, DATE, false,
		false, false },
	    "Received: from c.example ([IPv6:::1])\r\n"
	    "\tby mx2.test with SMTP id 1F;\r\n"
	    "\t" DATE "\r\n" },
	{ "what a peer controls cannot break out",
	    { "x)(\r\n Evil: y", "[192.0.2.7]", "mx2.test", "1F",
		"\"a>;\\\"b\"@b.test", DATE, true, false, true },
	    "Received: from x?????Evil:?y ([192.0.2.7])\r\n"
	    "\tby mx2.test with UTF8SMTP id 1F;\r\n"
	    "\t" DATE "\r\n" },
};

static void
writes(void **state MX_UNUSED)
{
	char line[TRACE_RECEIVED_MAX];
	size_t i, n;

	for (i = 0; i < MX_COUNT(lines); i++) {
		n = trace_received(&lines[i].t, line, sizeof(line));
		assert_string_equal(line, lines[i].want);
		assert_int_equal(n, strlen(lines[i].want));
	}
}

static void
largest(void **state MX_UNUSED)
{
	char line[TRACE_RECEIVED_MAX], helo[256], host[254],
	    rcpt[PATH_MAILBOX_MAX];
	struct trace_received t = { helo,
		"[IPv6:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", host,
		"FFFFFFFFFFFFFF.255", rcpt, DATE, true, true, true };

	memset(helo, 'h', sizeof(helo));
	memset(host, 'm', sizeof(host));
	memset(rcpt, 'r', sizeof(rcpt));
	helo[255] = host[253] = rcpt[sizeof(rcpt) - 1] = '\0';
	assert_in_range(trace_received(&t, line, sizeof(line)), 800,
	    sizeof(line) - 1);
}

static const struct {
	const char *name, *text;
	unsigned received, own;
} scans[] = {
	{ "none", "Subject: x\r\n\r\nReceived: y\r\n", 0, 0 },
	{ "empty", "", 0, 0 },
	{ "body at once", "\r\nReceived: by mx2.test;\r\n", 0, 0 },
	{ "ours", "Received: from a by mx2.test with SMTP;\r\n\r\n", 1, 1 },
	{ "any case", "RECEIVED: from a BY MX2.Test; x\r\n\r\n", 1, 1 },
	{ "folded before the host",
	    "Received: from a\r\n\tby\r\n mx2.test\r\n\twith x\r\n\r\n", 1, 1 },
	{ "ours once a field", "Received: by mx2.test by mx2.test;\r\n\r\n", 1,
	    1 },
	{ "in a comment", "Received: by a (by mx2.test)\r\n\r\n", 1, 0 },
	{ "comment between", "Received: by (x) mx2.test\r\n\r\n", 1, 1 },
	{ "another's", "Received: by mx2.test.example; x\r\n\r\n", 1, 0 },
	{ "from us", "Received: from mx2.test by b; x\r\n\r\n", 1, 0 },
	{ "longer name", "Received-SPF: by mx2.test\r\n\r\n", 0, 0 },
	{ "shorter name", "Receive: by mx2.test\r\n\r\n", 0, 0 },
	{ "folded into another field",
	    "Subject: a\r\n Received: by mx2.test\r\n\r\n", 0, 0 },
	{ "two of three",
	    "Received: by mx2.test; x\r\nReceived: by b\r\nX: y\r\n"
	    "Received: by mx2.test\r\n\r\n",
	    3, 2 },
	{ "blank before the colon", "Received : by mx2.test\r\n\r\n", 1, 1 },
	{ "open comment does not leak",
	    "Received: ((((\r\nReceived: by mx2.test\r\n\r\n", 2, 1 },
};

static void
counts(void **state MX_UNUSED)
{
	struct trace_scan t;
	size_t i, n, len, step;

	for (i = 0; i < MX_COUNT(scans); i++) {
		len = strlen(scans[i].text);
		for (step = 1; step <= len + 1; step++) {
			trace_scan_init(&t, "mx2.test");
			for (n = 0; n < len; n += step)
				trace_scan_feed(&t, scans[i].text + n,
				    step < len - n ? step : len - n);
			if (t.received != scans[i].received ||
			    t.own != scans[i].own)
				fail_msg("%s, step %zu: %u %u", scans[i].name,
				    step, t.received, t.own);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes),
		cmocka_unit_test(largest),
		cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
