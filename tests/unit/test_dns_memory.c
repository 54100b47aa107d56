/* SPDX-License-Identifier: ISC
 * test_dns_memory: how long answers are believed, what is forgotten first,
 * and which files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/dns_memory.h"

#define NOW INT64_C(1700000000)
#define DAY INT64_C(86400)

static struct dns_memory *mem;

static int
setup(void **state)
{
	(void)state;
	mem = dns_memory_create(4);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dns_memory_destroy(&mem);
	return 0;
}

static void
put(const char *name, enum dns_status status, uint32_t ttl, int64_t now)
{
	struct dns_result r = { .answer = { .status = status }, .ttl = ttl };

	if (status == DNS_OK) {
		r.answer.n = 1;
		r.answer.mx[0].pref = 10;
		(void)strlcpy(r.answer.mx[0].host, "mx.test",
		    sizeof(r.answer.mx[0].host));
	}
	if (status == DNS_FAIL)
		r.cause = DNS_CAUSE_TIMEOUT;
	dns_memory_put(mem, DNS_TYPE_MX, name, &r, now);
}

enum known { NONE, STALE, FRESH };

static enum known
get(const char *name, int64_t now)
{
	struct dns_answer a;

	if (!dns_memory_get(mem, DNS_TYPE_MX, name, now, &a))
		return NONE;
	return a.stale ? STALE : FRESH;
}

static const struct {
	const char *name;
	enum dns_status status;
	uint32_t ttl;
	int64_t later;
	enum known known;
} age_cases[] = {
	{ "within its ttl", DNS_OK, 60, 59, FRESH },
	{ "at its ttl", DNS_OK, 60, 60, STALE },
	{ "ttl 0 is 5 s", DNS_OK, 0, 4, FRESH },
	{ "ttl 0 ends", DNS_OK, 0, 5, STALE },
	{ "a week is 1 h", DNS_OK, 604800, 3599, FRESH },
	{ "a week ends after 1 h", DNS_OK, 604800, 3600, STALE },
	{ "30 days", DNS_OK, 60, 30 * DAY, STALE },
	{ "more than 30 days", DNS_OK, 60, 30 * DAY + 1, NONE },
	{ "no such name", DNS_NXDOMAIN, 3600, 29, FRESH },
	{ "no such name, 30 s", DNS_NXDOMAIN, 3600, 30, NONE },
	{ "no data, its own ttl", DNS_NODATA, 3, 3, NONE },
	{ "a failure", DNS_FAIL, 3600, 0, NONE },
	{ "the clock is set back", DNS_OK, 60, -DAY, STALE },
	{ "back, negative", DNS_NXDOMAIN, 60, -DAY, NONE },
};

static void
test_age(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(age_cases); i++) {
		put("a.test", age_cases[i].status, age_cases[i].ttl, NOW);
		if (get("a.test", NOW + age_cases[i].later) !=
		    age_cases[i].known)
			fail_msg("%s", age_cases[i].name);
		(void)get("a.test", NOW + 90 * DAY);
		assert_int_equal(dns_memory_len(mem), 0);
	}
}

/* What is trusted is not used a second longer than its owner said. */
static void
test_tlsa(void **state)
{
	struct dns_result r = { .answer = { .status = DNS_OK,
				    .secure = true,
				    .n = 1,
				    .tlsa = { { 3, 1, 1, 0, 32 } },
				    .tlsa_used = 32,
				    .tlsa_data = { [31] = 7 } },
		.ttl = 60 };
	struct dns_answer a;

	(void)state;
	dns_memory_put(mem, DNS_TYPE_TLSA, "_25._tcp.a.test", &r, NOW);
	assert_true(dns_memory_get(mem, DNS_TYPE_TLSA, "_25._tcp.a.test",
	    NOW + 59, &a));
	assert_true(a.secure && !a.stale && a.n == 1 && a.tlsa[0].usage == 3);
	assert_int_equal(a.tlsa_used, 32);
	assert_int_equal(a.tlsa_data[31], 7);
	assert_false(dns_memory_get(mem, DNS_TYPE_TLSA, "_25._tcp.a.test",
	    NOW + 60, &a));
	r.ttl = 0;
	dns_memory_put(mem, DNS_TYPE_TLSA, "_25._tcp.a.test", &r, NOW);
	assert_false(
	    dns_memory_get(mem, DNS_TYPE_TLSA, "_25._tcp.a.test", NOW, &a));
	r.ttl = 604800;
	dns_memory_put(mem, DNS_TYPE_TLSA, "_25._tcp.a.test", &r, NOW);
	assert_false(dns_memory_get(mem, DNS_TYPE_TLSA, "_25._tcp.a.test",
	    NOW + 3600, &a));
	dns_memory_put(mem, DNS_TYPE_TLSA, "_25._tcp.a.test", &r, NOW);
	assert_false(dns_memory_get(mem, DNS_TYPE_TLSA, "_25._tcp.a.test",
	    NOW - 1, &a)); /* the clock was set back */
}

static void
test_replace(void **state)
{
	(void)state;
	put("a.test", DNS_OK, 60, NOW);
	put("a.test", DNS_FAIL, 60, NOW);
	assert_int_equal(get("a.test", NOW + 100), STALE);
	put("a.test", DNS_NXDOMAIN, 60, NOW);
	assert_int_equal(get("a.test", NOW + 100), NONE);
}

static void
test_bound(void **state)
{
	(void)state;
	put("a.test", DNS_OK, 60, NOW);
	put("b.test", DNS_OK, 60, NOW);
	put("c.test", DNS_OK, 60, NOW);
	put("d.test", DNS_OK, 60, NOW);
	assert_int_equal(get("a.test", NOW), FRESH); /* used: stays */
	put("e.test", DNS_OK, 60, NOW);
	assert_int_equal(dns_memory_len(mem), 4);
	assert_int_equal(get("a.test", NOW), FRESH);
	assert_int_equal(get("b.test", NOW), NONE);
	assert_int_equal(get("e.test", NOW), FRESH);
}

#define HEAD "mxwatch-dns 1\n"
#define GOOD "MX a.test 1699999990 60 secure 10/mx.test\n"

static const struct {
	const char *name, *text;
	int rc;
	size_t len;
} parse_cases[] = {
	{ "nothing known", HEAD "end 0\n", 0, 0 },
	{ "one", HEAD GOOD "end 1\n", 0, 1 },
	{ "null MX", HEAD "MX a.test 1699999990 60 secure 0/.\nend 1\n", 0, 1 },
	{ "addresses",
	    HEAD "A a.test 1699999990 60 insecure 192.0.2.1 192.0.2.2\n"
		 "AAAA a.test 1699999990 60 insecure 2001:db8::1\nend 2\n",
	    0, 2 },
	{ "an alias",
	    HEAD "A a.test 1699999990 60 secure =b.test 192.0.2.1\nend 1\n", 0,
	    1 },
	{ "an alias without an address",
	    HEAD "A a.test 1699999990 60 secure =b.test\nend 1\n", -MX_ECORRUPT,
	    0 },
	{ "an alias of no name",
	    HEAD "A a.test 1699999990 60 secure = 192.0.2.1\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "an alias of MX",
	    HEAD "MX a.test 1699999990 60 secure =b.test 1/c.test\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "TLSA, which nobody may put there",
	    HEAD "TLSA a.test 1699999990 60 secure\nend 1\n", -MX_ECORRUPT, 0 },
	{ "MX that names no host",
	    HEAD "MX a.test 1699999990 60 secure\nend 1\n", 0, 1 },
	{ "from the future",
	    HEAD "MX a.test 1800000000 60 secure 1/b.test\nend 1\n", 0, 1 },
	{ "empty", "", -MX_ECORRUPT, 0 },
	{ "another version", "mxwatch-dns 2\nend 0\n", -MX_ECORRUPT, 0 },
	{ "no end", HEAD GOOD, -MX_ECORRUPT, 0 },
	{ "cut in a line", HEAD GOOD "MX b.t", -MX_ECORRUPT, 0 },
	{ "a line is missing", HEAD GOOD "end 2\n", -MX_ECORRUPT, 0 },
	{ "more after the end", HEAD "end 0\n" GOOD, -MX_ECORRUPT, 0 },
	{ "unknown type", HEAD "TXT a.test 1 60 secure x\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "not canonical", HEAD "MX A.test 1 60 secure 1/b.test\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "no name", HEAD "MX  1 60 secure 1/b.test\nend 1\n", -MX_ECORRUPT,
	    0 },
	{ "preference too big",
	    HEAD "MX a.test 1 60 secure 65536/b.test\nend 1\n", -MX_ECORRUPT,
	    0 },
	{ "not sorted", HEAD "MX a.test 1 60 secure 2/b.test 1/c.test\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "negative time", HEAD "MX a.test -1 60 secure 1/b.test\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "fresh too long", HEAD "MX a.test 1 3601 secure 1/b.test\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "no such address", HEAD "A a.test 1 60 secure 192.0.2.256\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "no address at all", HEAD "A a.test 1 60 secure\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "hidden IPv4",
	    HEAD "AAAA a.test 1 60 secure ::ffff:127.0.0.1\nend 1\n",
	    -MX_ECORRUPT, 0 },
	{ "17 addresses",
	    HEAD "A a.test 1 60 secure 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
		 "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
		 "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1\nend 1\n",
	    -MX_ECORRUPT, 0 },
};

static void
test_parse(void **state)
{
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < MX_COUNT(parse_cases); i++) {
		put("before.test", DNS_OK, 60, NOW);
		rc = dns_memory_parse(mem, parse_cases[i].text,
		    strlen(parse_cases[i].text), NOW);
		if (rc != parse_cases[i].rc ||
		    dns_memory_len(mem) != parse_cases[i].len)
			fail_msg("%s: %d, %zu entries", parse_cases[i].name, rc,
			    dns_memory_len(mem));
	}
}

/* A good file with any one bit turned over is read without harm; cut
 * anywhere it is refused. */
static void
test_damage(void **state)
{
	static const char text[] = HEAD GOOD "end 1\n";
	char copy[sizeof(text)];
	size_t i;
	unsigned bit;

	(void)state;
	for (i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(dns_memory_parse(mem, text, i, NOW),
		    -MX_ECORRUPT);
		for (bit = 0; bit < 8; bit++) {
			memcpy(copy, text, sizeof(text));
			copy[i] = (char)(copy[i] ^ (1 << bit));
			if (dns_memory_parse(mem, copy, sizeof(text) - 1, NOW) <
			    0)
				assert_int_equal(dns_memory_len(mem), 0);
		}
	}
}

static struct dns_memory_copy *
copy_memory(void)
{
	struct dns_memory_copy *copy = dns_memory_copy_begin(mem);

	assert_false(dns_memory_copy_some(mem, copy, 1000, NOW));
	return copy;
}

static int
write_memory(const char *path)
{
	struct dns_memory_copy *copy = copy_memory();
	int rc = dns_memory_write(copy, path);

	dns_memory_copy_destroy(&copy);
	return rc;
}

static void
test_file(void **state)
{
	struct dns_memory_copy *copy;
	char dir[] = "test_dns_memory.XXXXXX", path[64], tmp[64];
	struct dns_answer a;
	struct dns_result r = { .answer = { .status = DNS_OK, .n = 2 },
		.ttl = 60 };
	struct dns_result tlsa = { .answer = { .status = DNS_OK }, .ttl = 60 };
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dns", dir);
	snprintf(tmp, sizeof(tmp), "%s/dns.new", dir);
	assert_int_equal(dns_memory_read(mem, path, NOW), -MX_ENOENT);
	put("a.test", DNS_OK, 60, NOW);
	put("gone.test", DNS_NXDOMAIN, 60, NOW);
	assert_int_equal(addr_parse(&r.answer.addr[0], "2001:db8::1", 0, ':'),
	    0);
	assert_int_equal(addr_parse(&r.answer.addr[1], "2001:db8::2", 0, ':'),
	    0);
	r.answer.secure = true;
	(void)strlcpy(r.answer.canon, "b.test", sizeof(r.answer.canon));
	dns_memory_put(mem, DNS_TYPE_AAAA, "a.test", &r, NOW);
	dns_memory_put(mem, DNS_TYPE_TLSA, "_25._tcp.a.test", &tlsa, NOW);
	/* What is left of a crash, a link even, is not followed. */
	assert_int_equal(symlink("elsewhere", tmp), 0);
	assert_int_equal(write_memory(path), 0);
	copy = copy_memory();
	/* What comes after the copy is not in it, whenever it is written. */
	dns_memory_put(mem, DNS_TYPE_A, "later.test", &r, NOW);
	assert_int_equal(dns_memory_write(copy, path), 0);
	dns_memory_copy_destroy(&copy);
	assert_int_not_equal(lstat(tmp, &st), 0);
	assert_int_equal(dns_memory_read(mem, path, NOW + 10), 0);
	assert_int_equal(dns_memory_len(mem), 2);
	assert_int_equal(get("a.test", NOW + 10), FRESH);
	assert_int_equal(get("a.test", NOW + 70), STALE);
	assert_true(dns_memory_get(mem, DNS_TYPE_AAAA, "a.test", NOW, &a));
	assert_true(a.secure && a.n == 2);
	assert_string_equal(a.canon, "b.test");
	assert_true(addr_equal_host(&a.addr[1], &r.answer.addr[1]));
	/* A failing write leaves the file that was there. */
	assert_int_equal(write_memory("/dev/null/x"), -MX_ESYS);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(dns_memory_read(mem, path, NOW), -MX_ECORRUPT);
	assert_int_equal(dns_memory_len(mem), 0);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* An entry at a time, with all that may happen in between: whoever was there from
 * the beginning to the end is in the file, once. */
static void
test_copy_in_slices(void **state)
{
	char dir[] = "test_dns_memory.XXXXXX", path[64], name[32];
	struct dns_memory_copy *copy;
	unsigned calls = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dns", dir);
	dns_memory_limit(mem, 200);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		put(name, DNS_OK, 60, NOW);
	}
	copy = dns_memory_copy_begin(mem);
	while (dns_memory_copy_some(mem, copy, 1, NOW)) {
		/* The next one to be copied: used, replaced, gone. */
		calls++;
		snprintf(name, sizeof(name), "d%u.test", 2 * calls - 1);
		if (calls < 20)
			assert_int_equal(get(name, NOW), FRESH);
		else if (calls < 30)
			put(name, DNS_OK, 60, NOW);
		else if (calls < 40)
			put(name, DNS_NXDOMAIN, 60, NOW);
		else if (calls < 45)
			assert_int_equal(get("d0.test", NOW), FRESH);
		assert_in_range(calls, 1, 200);
	}
	assert_int_equal(dns_memory_write(copy, path), 0);
	dns_memory_copy_destroy(&copy);
	assert_int_equal(dns_memory_read(mem, path, NOW), 0);
	assert_int_equal(dns_memory_len(mem), 90);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		assert_int_equal(get(name, NOW),
		    i % 2 == 1 && i >= 59 && i < 79 ? NONE : FRESH);
	}
	(void)unlink(path);
	(void)rmdir(dir);
}

static void
test_lower_limit(void **state)
{
	char name[32];

	(void)state;
	dns_memory_limit(mem, 100);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d%u.test", i);
		put(name, DNS_OK, 60, NOW);
	}
	assert_int_equal(dns_memory_len(mem), 100);
	dns_memory_limit(mem, 10);
	for (unsigned i = 0; i < 100; i++)
		put(i % 2 ? "x.test" : "y.test", DNS_OK, 60, NOW);
	assert_int_equal(dns_memory_len(mem), 10);
	assert_int_equal(get("d99.test", NOW), FRESH);
}

static void
test_records(void **state)
{
	char dir[] = "test_dns_memory.XXXXXX", path[64];
	struct dns_result r = { .answer = { .status = DNS_OK, .n = 3 },
		.ttl = 60 };
	struct dns_answer a;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dns", dir);
	for (unsigned i = 0; i < 3; i++) {
		r.answer.mx[i].pref = (uint16_t)(300 * i);
		snprintf(r.answer.mx[i].host, sizeof(r.answer.mx[i].host),
		    "%.*s.test", (int)i * 20 + 1,
		    "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm");
	}
	dns_memory_put(mem, DNS_TYPE_MX, "a.test", &r, NOW);
	for (unsigned again = 0; again < 2; again++) {
		assert_true(
		    dns_memory_get(mem, DNS_TYPE_MX, "a.test", NOW, &a));
		assert_int_equal(a.n, 3);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(a.mx[i].pref, 300 * i);
			assert_string_equal(a.mx[i].host, r.answer.mx[i].host);
		}
		assert_int_equal(write_memory(path), 0);
		assert_int_equal(dns_memory_read(mem, path, NOW), 0);
	}
	(void)unlink(path);
	(void)rmdir(dir);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_age),
		CASE(test_tlsa),
		CASE(test_replace),
		CASE(test_bound),
		CASE(test_lower_limit),
		CASE(test_records),
		CASE(test_copy_in_slices),
		CASE(test_parse),
		CASE(test_damage),
		CASE(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
