/* SPDX-License-Identifier: ISC
 * test_dns: the whole of dns against a resolver thread that answers rightly,
 * wrongly, late or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns_server.h"
#include "net/dns.h"
#include "net/resolvconf.h"

#define TIMEOUT_MS 300

static struct loop *loop;
static struct dns_server *server;
static struct dns *dns;
static struct loop_timer *watchdog;

static struct dns_answer got;
static unsigned calls, wanted;

static void
on_answer(const struct dns_answer *a, void *arg)
{
	(void)arg;
	got = *a;
	if (++calls == wanted)
		loop_stop(loop);
}

static void
on_late(void *arg)
{
	(void)arg;
	fail_msg("no answer came");
}

static void
run_for(unsigned n)
{
	calls = 0;
	wanted = n;
	loop_timer_set(watchdog, 10000);
	loop_run(loop);
	loop_timer_cancel(watchdog);
	assert_true(calls >= n);
}

static void
run(unsigned n)
{
	run_for(n);
	assert_int_equal(calls, n);
}

static struct dns *
make_dns(const struct net_addr *servers, size_t n, unsigned threads,
    unsigned queue_max)
{
	struct dns_conf conf = { .servers = servers,
		.nservers = n,
		.threads = threads,
		.queue_max = queue_max,
		.timeout_ms = TIMEOUT_MS };
	struct mx_errbuf eb;
	struct dns *d = dns_create(loop, &conf, &eb);

	assert_non_null(d);
	return d;
}

static int
setup(void **state)
{
	struct net_addr addr;

	(void)state;
	loop = loop_create();
	watchdog = loop_timer_create(loop, on_late, NULL);
	server = dns_server_start();
	addr = dns_server_addr(server);
	dns = make_dns(&addr, 1, 4, 100);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dns_destroy(&dns);
	dns_server_stop(&server);
	loop_timer_destroy(&watchdog);
	loop_destroy(&loop);
	return 0;
}

static void
ask_mx(const char *name)
{
	assert_true(dns_mx(dns, name, on_answer, NULL) != 0);
	run(1);
}

static void
ask_addr(const char *name)
{
	assert_true(dns_addr(dns, name, on_answer, NULL) != 0);
	run(1);
}

static const struct {
	const char *name;
	enum dns_status status;
	unsigned n;
	const char *first;
} mx_cases[] = {
	{ "ok.test", DNS_OK, 2, "a.test" },
	{ "OK.Test.", DNS_OK, 2, "a.test" },
	{ "forged.test", DNS_OK, 2, "a.test" },
	{ "cut.test", DNS_OK, DNS_MX_MAX, "mx499.test" },
	{ "null.test", DNS_OK, 1, "" },
	{ "badhosts.test", DNS_OK, 1, "mx.test" },
	{ "onlybad.test", DNS_OK, 0, NULL },
	{ "chain3.test", DNS_OK, 1, "mx.test" },
	{ "nx.test", DNS_NXDOMAIN, 0, NULL },
	{ "nodata.test", DNS_NODATA, 0, NULL },
	{ "otherowner.test", DNS_NODATA, 0, NULL },
	{ "servfail.test", DNS_FAIL, 0, NULL },
	{ "bogus.test", DNS_BOGUS, 0, NULL },
	{ "refused.test", DNS_FAIL, 0, NULL },
	{ "lame.test", DNS_FAIL, 0, NULL },
	{ "silent.test", DNS_FAIL, 0, NULL },
	{ "wrongid.test", DNS_FAIL, 0, NULL },
	{ "wrongname.test", DNS_FAIL, 0, NULL },
	{ "wrongtype.test", DNS_FAIL, 0, NULL },
	{ "noquestion.test", DNS_FAIL, 0, NULL },
	{ "query.test", DNS_FAIL, 0, NULL },
	{ "loop.test", DNS_FAIL, 0, NULL },
	{ "cnameloop.test", DNS_FAIL, 0, NULL },
	{ "chain20.test", DNS_FAIL, 0, NULL },
	{ "junk.test", DNS_FAIL, 0, NULL },
	{ "no host name", DNS_NXDOMAIN, 0, NULL },
	{ "", DNS_NXDOMAIN, 0, NULL },
	{ "192.0.2.1", DNS_NODATA, 0, NULL },
};

static void
test_mx(void **state)
{
	int64_t start;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(mx_cases); i++) {
		start = clock_now();
		ask_mx(mx_cases[i].name);
		if (got.status != mx_cases[i].status ||
		    got.n != mx_cases[i].n ||
		    (got.n > 0 &&
			strcmp(got.mx[0].host, mx_cases[i].first) != 0))
			fail_msg("%s: %s, %u records, first %s",
			    mx_cases[i].name, dns_status_name(got.status),
			    got.n, got.mx[0].host);
		assert_false(got.stale);
		assert_true(
		    clock_now() - start < (TIMEOUT_MS + 500) * CLOCK_MS);
	}
	assert_int_equal(dns_stats(dns)->fail_bogus, 1);
	assert_int_equal(dns_stats(dns)->fail_servfail, 1);
	assert_int_equal(dns_stats(dns)->fail_nxdomain, 1);
	assert_true(dns_stats(dns)->fail_timeout >= 1);
}

static void
test_mx_order(void **state)
{
	unsigned i;

	(void)state;
	ask_mx("cut.test");
	for (i = 1; i < got.n; i++)
		assert_true(got.mx[i - 1].pref <= got.mx[i].pref);
	assert_int_equal(got.mx[0].pref, 1);
}

static const struct {
	const char *name;
	enum dns_status status;
	unsigned n;
	const char *first;
} addr_cases[] = {
	{ "ok.test", DNS_OK, 2, "2001:db8::6" },
	{ "a6fail.test", DNS_OK, 1, "192.0.2.4" },
	{ "a4fail6none.test", DNS_FAIL, 0, NULL },
	{ "nx.test", DNS_NXDOMAIN, 0, NULL },
	{ "nodata.test", DNS_NODATA, 0, NULL },
	{ "silent.test", DNS_FAIL, 0, NULL },
	{ "chain3.test", DNS_OK, 2, "2001:db8::9" },
	{ "signed.test", DNS_OK, 2, "2001:db8::6" },
	{ "192.0.2.9", DNS_OK, 1, "192.0.2.9" },
	{ "2001:db8::1", DNS_OK, 1, "2001:db8::1" },
};

static void
test_addr(void **state)
{
	char text[ADDR_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(addr_cases); i++) {
		ask_addr(addr_cases[i].name);
		if (got.status != addr_cases[i].status ||
		    got.n != addr_cases[i].n)
			fail_msg("%s: %s, %u records", addr_cases[i].name,
			    dns_status_name(got.status), got.n);
		if (got.n > 0) {
			assert_string_equal(addr_text(&got.addr[0], text),
			    addr_cases[i].first);
			assert_int_equal(addr_port(&got.addr[0]), 0);
		}
		assert_string_equal(got.canon,
		    strcmp(addr_cases[i].name, "chain3.test") == 0 ? "c2.test" :
								     "");
		assert_int_equal(got.secure,
		    strcmp(addr_cases[i].name, "signed.test") == 0);
	}
}

#define L50  "a2345678901234567890123456789012345678901234567890"
#define L240 L50 "." L50 "." L50 "." L50 ".a23456789012345678901234567890123456"

static const struct {
	const char *name;
	enum dns_status status;
	bool secure;
	unsigned n;
	size_t used;
} tlsa_cases[] = {
	{ "signed.test", DNS_OK, true, 2, 64 },
	{ "ok.test", DNS_OK, false, 2, 64 },
	{ "many.test", DNS_OK, false, DNS_TLSA_MAX, 32 * DNS_TLSA_MAX },
	{ "big.test", DNS_OK, false, 3, 6032 },
	{ "huge.test", DNS_OK, false, 0, 0 },
	{ "empty.test", DNS_OK, false, 0, 0 },
	{ "nx.test", DNS_NXDOMAIN, false, 0, 0 },
	{ "nodata.test", DNS_NODATA, false, 0, 0 },
	{ "servfail.test", DNS_FAIL, false, 0, 0 },
	{ "bogus.test", DNS_BOGUS, false, 0, 0 },
	{ "silent.test", DNS_FAIL, false, 0, 0 },
	{ "192.0.2.1", DNS_NXDOMAIN, false, 0, 0 },
	{ "no host", DNS_NXDOMAIN, false, 0, 0 },
	{ L240 ".test", DNS_NXDOMAIN, false, 0, 0 },
};

/* What a resolv.conf(5) says, and what it does not. */
static void
test_resolvconf(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *first;
	} t[] = {
		{ "# none\nsearch example.org\n", 1, "127.0.0.1" },
		{ "nameserver 192.0.2.1\nnameserver 2001:db8::1\n", 2,
		    "192.0.2.1" },
		{ "nameserver nonsense\nnameserver 192.0.2.2\n", 1,
		    "192.0.2.2" },
		{ "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
		  "nameserver 192.0.2.3\nnameserver 192.0.2.4\n",
		    3, "192.0.2.1" },
	};
	struct net_addr a[3];
	char path[] = "test_dns.XXXXXX", text[ADDR_TEXT_MAX];
	int fd = mkstemp(path);
	size_t i;

	(void)state;
	assert_true(fd >= 0);
	for (i = 0; i < MX_COUNT(t); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, t[i].text, strlen(t[i].text), 0),
		    strlen(t[i].text));
		assert_int_equal(resolvconf_servers(path, a, MX_COUNT(a)),
		    t[i].n);
		assert_string_equal(addr_text(&a[0], text), t[i].first);
		assert_int_equal(addr_port(&a[0]), 53);
	}
	(void)close(fd);
	(void)unlink(path);
	assert_int_equal(resolvconf_servers(path, a, MX_COUNT(a)), 1);
	assert_true(addr_is_loopback(&a[0]));
}

static void
test_tlsa(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(tlsa_cases); i++) {
		(void)dns_tlsa(dns, tlsa_cases[i].name, 2525, on_answer, NULL);
		run(1);
		if (got.status != tlsa_cases[i].status ||
		    got.secure != tlsa_cases[i].secure ||
		    got.n != tlsa_cases[i].n ||
		    got.tlsa_used != tlsa_cases[i].used)
			fail_msg("%s: %s, %u records, %u octets",
			    tlsa_cases[i].name, dns_status_name(got.status),
			    got.n, (unsigned)got.tlsa_used);
		assert_false(got.stale);
	}
	(void)dns_tlsa(dns, "signed.test", 2525, on_answer, NULL);
	run(1); /* from the memory */
	assert_true(got.secure && got.n == 2);
	assert_int_equal(got.tlsa[1].usage, 2);
	assert_int_equal(got.tlsa[1].selector, 1);
	assert_int_equal(got.tlsa[1].matching, 1);
	assert_int_equal(got.tlsa[1].len, 32);
	assert_int_equal(got.tlsa_data[got.tlsa[1].at], 2);
	assert_int_equal(got.tlsa_data[got.tlsa[1].at + 31], 33);
}

static const struct {
	const char *name;
	enum dns_status status;
	unsigned n;
	const char *first, *last;
} txt_cases[] = {
	{ "two.test", DNS_OK, 2, "v=spf1 ip4:192.0.2.0/24 -all", "other" },
	{ "many.test", DNS_OK, DNS_TXT_MAX, "v=many", "v=many" },
	{ "big.test", DNS_OK, 2, NULL, "small" },
	{ "nul.test", DNS_OK, 0, NULL, NULL }, /* unreadable, not absent */
	{ "nodata.test", DNS_NODATA, 0, NULL, NULL },
	{ "nx.test", DNS_NXDOMAIN, 0, NULL, NULL },
};

static void
test_txt(void **state)
{
	unsigned asked;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(txt_cases); i++) {
		(void)dns_txt(dns, txt_cases[i].name, on_answer, NULL);
		run(1);
		if (got.status != txt_cases[i].status ||
		    got.n != txt_cases[i].n)
			fail_msg("%s: %s, %u records", txt_cases[i].name,
			    dns_status_name(got.status), got.n);
		if (txt_cases[i].first != NULL)
			assert_string_equal(dns_txt_at(&got, 0),
			    txt_cases[i].first);
		if (txt_cases[i].last != NULL)
			assert_string_equal(dns_txt_at(&got, got.n - 1),
			    txt_cases[i].last);
	}
	/* nothing of it is remembered */
	asked = dns_server_asked(server);
	(void)dns_txt(dns, "two.test", on_answer, NULL);
	run(1);
	assert_int_equal(dns_server_asked(server), asked + 1);
}

/* The names of an address; what is no host name is left out. */
static void
test_names(void **state)
{
	struct net_addr a;

	(void)state;
	assert_int_equal(addr_parse(&a, "192.0.2.7", 0, ':'), 0);
	(void)dns_names(dns, &a, on_answer, NULL);
	run(1);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.name[0], "mx2.example.net");
	assert_string_equal(got.name[1], "mail.example.net");
}

/* Equal questions are one query; an answer is remembered; and used as the
 * last good one, over a restart too, while the resolver fails. */
static void
test_memory(void **state)
{
	char path[] = "test_dns.XXXXXX";
	struct net_addr addr = dns_server_addr(server);
	int fd = mkstemp(path);
	unsigned i;

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	for (i = 0; i < 50; i++)
		(void)dns_mx(dns, "ok.test", on_answer, NULL);
	run(50);
	assert_int_equal(dns_server_asked(server), 1);
	ask_mx("ok.test");
	assert_int_equal(got.status, DNS_OK);
	assert_int_equal(dns_server_asked(server), 1);
	dns_memory_save(dns, path);
	dns_destroy(&dns);

	/* The same, learned two hours ago: no longer fresh. */
	assert_int_equal(truncate(path, 0), 0);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
	    "mxwatch-dns 1\nMX ok.test %lld 60 insecure 7/old.test\n"
	    "end 1\n",
	    (long long)clock_wall() - 7200);
	fclose(f);
	dns = make_dns(&addr, 1, 2, 10);
	dns_memory_load(dns, path);
	dns_server_mute(server, true);
	ask_mx("ok.test");
	assert_int_equal(got.status, DNS_OK);
	assert_true(got.stale);
	assert_string_equal(got.mx[0].host, "old.test");
	dns_server_mute(server, false);
	ask_mx("ok.test");
	assert_false(got.stale);
	assert_string_equal(got.mx[0].host, "a.test");
	(void)unlink(path);
}

/* A second server answers when the first is silent, refuses, or is not
 * there. */
static void
test_servers(void **state)
{
	struct net_addr two[2];
	struct dns_server *other = dns_server_start();

	(void)state;
	two[0] = dns_server_addr(other);
	two[1] = dns_server_addr(server);
	dns_server_mute(other, true);
	dns_destroy(&dns);
	dns = make_dns(two, 2, 1, 10);
	ask_mx("ok.test");
	assert_int_equal(got.status, DNS_OK);
	dns_server_stop(&other);
	ask_mx("forged.test");
	assert_int_equal(got.status, DNS_OK);
}

static int64_t worst_turn, last_turn;
static struct loop_timer *ticker;

static void
on_tick(void *arg)
{
	int64_t now = clock_now();

	(void)arg;
	if (last_turn != 0 && now - last_turn > worst_turn)
		worst_turn = now - last_turn;
	last_turn = now;
	loop_timer_set(ticker, 1);
}

/* 1000 look-ups that hang: the queue takes its share and refuses the rest at
 * once, the loop goes on turning, and the end does not wait for them. */
static void
test_hang(void **state)
{
	char name[64];
	unsigned i;
	int64_t start;

	(void)state;
	worst_turn = last_turn = 0;
	ticker = loop_timer_create(loop, on_tick, NULL);
	loop_timer_set(ticker, 1);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "silent.n%u.test", i);
		(void)dns_mx(dns, name, on_answer, NULL);
	}
	/* On a busy machine those that time out come in the same turn as those
	 * for whom there was no room. */
	run_for(1000 - 100 - 4);
	assert_int_equal(got.status, DNS_FAIL);
	run_for(8);
	assert_true(worst_turn < 200 * CLOCK_MS);
	loop_timer_destroy(&ticker);
	start = clock_now();
	dns_destroy(&dns);
	assert_true(clock_now() - start < 200 * CLOCK_MS);
}

static void
on_never(const struct dns_answer *a, void *arg)
{
	(void)a;
	(void)arg;
	fail_msg("called back after its end");
}

static void
test_cancel(void **state)
{
	uint64_t id[4];
	unsigned i;

	(void)state;
	id[0] = dns_mx(dns, "silent.test", on_never, NULL);
	id[1] = dns_addr(dns, "ok.test", on_never, NULL);
	id[2] = dns_addr(dns, "192.0.2.1", on_never, NULL);
	id[3] = dns_mx(dns, "x.test", on_never, NULL);
	for (i = 0; i < 4; i++)
		dns_cancel(dns, id[i]);
	dns_cancel(dns, 4711);
	ask_addr("silent.test");
	(void)dns_mx(dns, "silent.test", on_never, NULL);
	dns_destroy(&dns);
}

static void
on_destroy(const struct dns_answer *a, void *arg)
{
	(void)a;
	(void)arg;
	dns_destroy(&dns);
	loop_stop(loop);
}

static void
test_destroy_inside(void **state)
{
	(void)state;
	(void)dns_addr(dns, "192.0.2.1", on_destroy, NULL);
	(void)dns_addr(dns, "192.0.2.2", on_never, NULL);
	loop_run(loop);
	assert_null(dns);
}

/* Hosts of one preference take turns; better ones stay in front. */
static void
test_shuffle(void **state)
{
	char path[] = "test_dns.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	bool seen[3] = { false };
	unsigned i;

	(void)state;
	fprintf(f,
	    "mxwatch-dns 1\nMX eq.test %lld 3000 secure 5/z.test 10/a.test "
	    "10/b.test 10/c.test 20/y.test\nend 1\n",
	    (long long)clock_wall());
	fclose(f);
	dns_memory_load(dns, path);
	(void)unlink(path);
	for (i = 0; i < 200; i++) {
		ask_mx("eq.test");
		assert_true(got.secure);
		assert_string_equal(got.mx[0].host, "z.test");
		assert_string_equal(got.mx[4].host, "y.test");
		seen[got.mx[1].host[0] - 'a'] = true;
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	assert_int_equal(dns_server_asked(server), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_mx),
		CASE(test_mx_order),
		CASE(test_addr),
		CASE(test_tlsa),
		CASE(test_txt),
		CASE(test_names),
		CASE(test_resolvconf),
		CASE(test_memory),
		CASE(test_servers),
		CASE(test_hang),
		CASE(test_cancel),
		CASE(test_destroy_inside),
		CASE(test_shuffle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
