/* SPDX-License-Identifier: ISC
 * smtpd and the lists in the DNS: how they are written, what is asked, who
 * waits for what, and which lists are believed. The resolver is made up here:
 * it answers by a table, at once or never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/dnsbl_site.h"
#include "net/dns.h"
#include "relay/smtpd/dnsbl_int.h"
#include "tests/unit/smtpd_world.h"

/* ---- the resolver */

#define ASKS 512

struct ask {
	uint64_t id; /* 0: over */
	dns_cb *cb;
	void *arg;
	char name[TEXT_DOMAIN_MAX];
};

static struct {
	struct ask ask[ASKS];
	unsigned n;
	struct loop_task *task;
	const char *entries[32]; /* "name=a.b.c.d", "zone=fail", "name=never" */
	bool open;
} resolver;

static const char *
entry(const char *name)
{
	const char *e, *eq;
	size_t i, n;

	for (i = 0; (e = resolver.entries[i]) != NULL; i++) {
		eq = strchr(e, '=');
		n = (size_t)(eq - e);
		if (strlen(name) >= n &&
		    strncmp(name + strlen(name) - n, e, n) == 0)
			return eq + 1;
	}
	return NULL;
}

static void
answer_all(void *arg MX_UNUSED)
{
	struct dns_answer a;
	const char *e;
	unsigned i;

	for (i = 0; i < resolver.n; i++) {
		struct ask *q = &resolver.ask[i];

		e = entry(q->name);
		if (q->id == 0 || (e != NULL && strcmp(e, "never") == 0))
			continue;
		a = (struct dns_answer){ .status = DNS_NXDOMAIN, .ttl = 900 };
		if (e != NULL && strcmp(e, "fail") == 0) {
			a.status = DNS_FAIL;
			a.why = "SERVFAIL";
		} else if (e != NULL) {
			a.status = DNS_OK;
			a.n = 1;
			assert_int_equal(addr_parse(&a.addr[0], e, 0, ':'), 0);
		}
		q->id = 0;
		q->cb(&a, q->arg);
	}
}

struct dns *
dns_create(struct loop *loop, const struct dns_conf *conf,
    struct mx_errbuf *eb MX_UNUSED)
{
	assert_true(conf->forget);
	assert_false(resolver.open);
	resolver.open = true;
	resolver.n = 0;
	resolver.task = loop_task_create(loop, answer_all, NULL);
	return (struct dns *)(void *)&resolver;
}

void
dns_destroy(struct dns **dp)
{
	if (*dp == NULL)
		return;
	loop_task_destroy(&resolver.task);
	resolver.open = false;
	*dp = NULL;
}

uint64_t
dns_a(struct dns *d MX_UNUSED, const char *name, dns_cb *cb, void *arg)
{
	struct ask *q = &resolver.ask[resolver.n++];

	assert_true(resolver.n <= ASKS);
	*q = (struct ask){ .id = resolver.n, .cb = cb, .arg = arg };
	strlcpy(q->name, name, sizeof(q->name));
	loop_task_schedule(resolver.task);
	return q->id;
}

void
dns_cancel(struct dns *d MX_UNUSED, uint64_t id)
{
	if (id > 0)
		resolver.ask[id - 1].id = 0;
}

/* So many questions about the client 192.0.2.7 in all. */
static unsigned
asked(void)
{
	unsigned i, n = 0;

	for (i = 0; i < resolver.n; i++)
		n += strncmp(resolver.ask[i].name, "7.2.0.192.", 10) == 0;
	return n;
}

/* ---- a world in which the lists were tested */

static void
quiet(void *arg MX_UNUSED)
{
	loop_stop(w.loop);
}

static void
turn(int64_t ms)
{
	struct loop_timer *t = loop_timer_create(w.loop, quiet, NULL);

	loop_timer_set(t, ms);
	loop_run(w.loop);
	loop_timer_destroy(&t);
}

/* The table ends with NULL. */
static void
begin_lists(const char *smtpd, const char *const *entries)
{
	size_t i;

	memset(&resolver, 0, sizeof(resolver));
	for (i = 0; entries[i] != NULL; i++)
		resolver.entries[i] = entries[i];
	begin(smtpd, "");
	turn(20);
}

#define SOUND(zone) "2.0.0.127." zone "=127.0.0.2"
#define TWO	    START "RCPT TO:<postmaster@backed.test>\r\n" RCPT QUIT

static void
expect(const char *what, const char *want)
{
	char got[512];

	converse(what, strlen(what), strlen(what));
	replies(talk.out, got, sizeof(got));
	if (!replies_match(got, want))
		fail_msg("%s: %s", want, got);
}

static void
sites(void **state MX_UNUSED)
{
	static const struct {
		const char *text;
		int32_t weight; /* 0: wrong */
		const char *in, *out;
	} row[] = {
		{ "zen.example.org", 1, "127.0.0.2", NULL },
		{ "ZEN.example.org.*-3", -3, "127.0.0.2", NULL },
		{ "a.test=127.0.0.[2-11]*2", 2, "127.0.0.11", "127.0.0.12" },
		{ "a.test=127.0.0.[2..11]", 1, "127.0.0.2", "127.0.0.1" },
		{ "a.test=127.0.0.[2;4-7]", 1, "127.0.0.5", "127.0.0.3" },
		{ "a.test=127.0.[0..255].[1..3]*-2", -2, "127.0.9.2",
		    "127.0.9.0" },
		{ "a.test=127.0.0.4", 1, "127.0.0.4", "127.0.0.5" },
		{ "a.test=127.0.0", 0, NULL, NULL },
		{ "a.test=127.0.0.256", 0, NULL, NULL },
		{ "a.test=127.0.0.[2", 0, NULL, NULL },
		{ "a.test=127.0.0.[]", 0, NULL, NULL },
		{ "a.test=127.0.0.[7-4]", 0, NULL, NULL },
		{ "a.test=127.0.0.2.3", 0, NULL, NULL },
		{ "a.test*", 0, NULL, NULL },
		{ "a.test*2x", 0, NULL, NULL },
		{ "a.test*99999999999", 0, NULL, NULL },
		{ "a.test=", 0, NULL, NULL },
		{ "=127.0.0.2", 0, NULL, NULL },
		{ "192.0.2.7", 0, NULL, NULL },
		{ "", 0, NULL, NULL },
	};
	struct dnsbl_site s;
	struct net_addr a;
	char zone[256];
	size_t i;

	for (i = 0; i < MX_COUNT(row); i++) {
		if ((dnsbl_site_parse(row[i].text, &s) == NULL) !=
		    (row[i].weight != 0))
			fail_msg("%s", row[i].text);
		if (row[i].weight == 0)
			continue;
		assert_int_equal(s.weight, row[i].weight);
		assert_int_equal(addr_parse(&a, row[i].in, 0, ':'), 0);
		assert_true(dnsbl_site_match(&s, dnsbl_octets(&a)));
		if (row[i].out == NULL)
			continue;
		assert_int_equal(addr_parse(&a, row[i].out, 0, ':'), 0);
		assert_false(dnsbl_site_match(&s, dnsbl_octets(&a)));
	}
	memset(zone, 'a', sizeof(zone));
	for (i = 50; i < 200; i += 50)
		zone[i] = '.';
	zone[189] = '\0';
	assert_non_null(dnsbl_site_parse(zone, &s));
}

static void
names(void **state MX_UNUSED)
{
	char name[TEXT_DOMAIN_MAX];
	struct net_addr a;

	assert_int_equal(addr_parse(&a, "192.0.2.99", 0, ':'), 0);
	dnsbl_name(&a, "bad.test", name);
	assert_string_equal(name, "99.2.0.192.bad.test");
	assert_int_equal(addr_parse(&a, "2001:db8:1:2:3:4:567:89ab", 0, ':'),
	    0);
	dnsbl_name(&a, "bad.test", name);
	assert_string_equal(name, /* RFC 5782 2.4 */
	    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
	    "bad.test");
}

/* Weights, filters, postmaster, what never counts; one look-up for all. */
static void
listed(void **state MX_UNUSED)
{
	static const char *const rows[] = { SOUND("bl.test"), SOUND("wl.test"),
		SOUND("b2.test"), "7.2.0.192.bl.test=127.0.0.4",
		"7.2.0.192.wl.test=127.0.5.2", NULL };
	static const char *const blocked[] = { SOUND("bl.test"),
		"7.2.0.192.bl.test=127.255.255.254", NULL };
	static const char *const far[] = { SOUND("bl.test"),
		"7.2.0.192.bl.test=203.0.113.4", NULL };
	struct snap_dnsbl show[4];

	begin_lists("dnsbl = {\"bl.test\"}", rows);
	expect(TWO, "220 250 250 554:5.7.1 250 554:5.7.1 221");
	assert_non_null(strstr(talk.out, "[192.0.2.7] is blocked by bl.test"));
	expect(TWO, "220 250 250 554:5.7.1 250 554:5.7.1 221");
	assert_int_equal(asked(), 1);
	assert_int_equal(
	    w.stats->g.rcpt_rejected[SMTPD_CODE_554][SMTPD_REASON_DNSBL], 4);
	dnsbl_show(w.smtpd->dnsbl, show);
	assert_int_equal(show[0].queries, 1);
	assert_int_equal(show[0].hits, 1);
	assert_int_equal(show[0].refusals, 4);
	/* of those it may not have at all that is said */
	expect(EHLO MAIL "RCPT TO:<u@other.test>\r\n" QUIT,
	    "220 250 250 554:5.7.1 221");
	assert_non_null(strstr(talk.out, "relay access"));
	configure("dnsbl = {\"bl.test=127.0.0.[2-3]\"}", "");
	turn(20);
	expect(TWO, "220 250 250 250 250 250 221");
	configure("dnsbl = {\"bl.test=127.0.0.[2-4]\"} dnsbl_threshold = 2",
	    "");
	turn(20);
	expect(TWO, "220 250 250 250 250 250 221");
	configure("dnsbl = {\"bl.test*2\"} dnsbl_threshold = 2", "");
	turn(20);
	expect(TWO, "220 250 250 554 250 554 221");
	configure("dnsbl = {\"bl.test*2\", \"wl.test*-1\"} "
		  "dnsbl_threshold = 2",
	    "");
	turn(20);
	expect(TWO, "220 250 250 250 250 250 221");
	configure("dnsbl = {\"bl.test\", \"bl.test=127.0.0.4\"} "
		  "dnsbl_threshold = 2",
	    "");
	turn(20);
	expect(TWO, "220 250 250 554 250 554 221");
	assert_int_equal(asked(), 1);
	configure("dnsbl = {\"bl.test\"} trusted = {\"192.0.2.0/24\"}", "");
	turn(20);
	expect(TWO, "220 250 250 250 250 250 221");
	end();
	begin_lists("dnsbl = {\"bl.test\"}", blocked);
	expect(TWO, "220 250 250 250 250 250 221");
	end();
	begin_lists("dnsbl = {\"bl.test\"}", far);
	expect(TWO, "220 250 250 250 250 250 221");
	end();
}

/* A list that does not answer: RCPT waits for it once, and no longer when it
 * never does. */
static void
slow(void **state MX_UNUSED)
{
	static const char *const rows[] = { SOUND("bl.test"),
		SOUND("slow.test"), "7.2.0.192.bl.test=127.0.0.2",
		"7.2.0.192.slow.test=never", NULL };
	static const char *const late[] = { SOUND("bl.test"),
		"7.2.0.192.bl.test=never", NULL };
	struct talk t[2];
	unsigned i;

	begin_lists("dnsbl = {\"slow.test\"} dnsbl_wait = \"200ms\"", rows);
	expect(TWO, "220 250 250 250 250 250 221");
	end();
	/* what is missing cannot change it */
	begin_lists("dnsbl = {\"bl.test\", \"slow.test\"} dnsbl_wait = \"30s\"",
	    rows);
	expect(TWO, "220 250 250 554 250 554 221");
	end();
	begin_lists("dnsbl = {\"bl.test\", \"slow.test*-1\"} "
		    "dnsbl_wait = \"200ms\"",
	    rows);
	expect(TWO, "220 250 250 250 250 250 221");
	end();
	/* two sessions of the client, all said, wait in one look-up */
	begin_lists("dnsbl = {\"bl.test\"} dnsbl_wait = \"30s\"", late);
	for (i = 0; i < 2; i++) {
		memset(&t[i], 0, sizeof(t[i]));
		t[i].fd = connect_pair("192.0.2.7");
		t[i].in = TWO;
		t[i].len = t[i].step = strlen(TWO);
		talk_on(&t[i], 100);
		assert_false(t[i].gone);
		assert_null(strstr(t[i].out, "554"));
		assert_null(strstr(t[i].out, "250 2.1.5"));
	}
	assert_int_equal(asked(), 1);
	resolver.entries[1] = "7.2.0.192.bl.test=127.0.0.9";
	loop_task_schedule(resolver.task);
	for (i = 0; i < 2; i++) {
		char got[256];

		talk_on(&t[i], 5000);
		close(t[i].fd);
		replies(t[i].out, got, sizeof(got));
		assert_true(replies_match(got,
		    "220 250 250 554:5.7.1 250 554:5.7.1 221"));
	}
	end();
}

/* After some failures nobody waits; a failed list of good clients spares. */
static void
silent(void **state MX_UNUSED)
{
	static const char *const rows[] = { SOUND("bl.test"), SOUND("wl.test"),
		"7.2.0.192.wl.test=fail", "7.2.0.192.bl.test=127.0.0.2", NULL };
	static const char *const mute[] = { SOUND("bl.test"), "bl.test=never",
		NULL };
	unsigned i;

	begin_lists("dnsbl = {\"bl.test\", \"wl.test*-1\"}", rows);
	expect(TWO, "220 250 250 250 250 250 221");
	end();
	begin_lists("dnsbl = {\"bl.test\"} dnsbl_wait = \"60s\" "
		    "dnsbl_failures = 3",
	    mute);
	/* tested before it went silent */
	w.smtpd->dnsbl->list[0].shown.state = SNAP_DNSBL_OK;
	w.smtpd->dnsbl->list[0].fails = 3;
	for (i = 0; i < 2; i++)
		expect(TWO, "220 250 250 250 250 250 221");
	end();
}

/* Which lists are believed. */
static void
tests(void **state MX_UNUSED)
{
	static const struct {
		const char *rows[4];
		enum snap_dnsbl_state state;
		bool v6;
	} list[] = {
		{ { SOUND("bl.test"), NULL }, SNAP_DNSBL_OK, false },
		{ { NULL }, SNAP_DNSBL_BROKEN, false },
		{ { "bl.test=127.0.0.2", NULL }, SNAP_DNSBL_BROKEN, false },
		{ { "bl.test=203.0.113.1", NULL }, SNAP_DNSBL_BROKEN, false },
		{ { "bl.test=127.255.255.254", NULL }, SNAP_DNSBL_BROKEN,
		    false },
		{ { "bl.test=fail", NULL }, SNAP_DNSBL_UNTESTED, false },
		{ { SOUND("bl.test"),
		      "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		      "0.0.0.0.bl.test=127.0.0.2",
		      NULL },
		    SNAP_DNSBL_OK, true },
		{ { SOUND("bl.test"), "0.0.0.0.bl.test=127.0.0.2", NULL },
		    SNAP_DNSBL_OK, false },
	};
	struct snap_dnsbl show;
	size_t i;

	for (i = 0; i < MX_COUNT(list); i++) {
		begin_lists("dnsbl = {\"bl.test\"} dnsbl_test = \"6s\"",
		    list[i].rows);
		dnsbl_show(w.smtpd->dnsbl, &show);
		if (show.state != list[i].state ||
		    w.smtpd->dnsbl->list[0].v6 != list[i].v6)
			fail_msg("row %zu: %d %s", i, show.state, show.why);
		expect(TWO, "220 250 250 250 250 250 221");
		end();
	}
	/* one failure is none; it is tried again, until it is one */
	begin_lists("dnsbl = {\"bl.test\"} dnsbl_test = \"6s\"", list[5].rows);
	turn(500);
	dnsbl_show(w.smtpd->dnsbl, &show);
	assert_int_equal(show.state, SNAP_DNSBL_BROKEN);
	resolver.entries[0] = SOUND("bl.test");
	turn(300);
	dnsbl_show(w.smtpd->dnsbl, &show);
	assert_int_equal(show.state, SNAP_DNSBL_OK);
	end();
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(sites),
		cmocka_unit_test(names),
		cmocka_unit_test(listed),
		cmocka_unit_test(slow),
		cmocka_unit_test(silent),
		cmocka_unit_test(tests),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
