/* SPDX-License-Identifier: ISC
 * test_mx_backup: domains that are asked for, taken in and forgotten, in virtual
 * time; what strangers can make of it, and what stays over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "relay/mxbackup/mx_backup.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/fake_loop.h"

#define DAY_MS	 INT64_C(86400000)
#define FITS_MX	 "10 mx1.test 20 us.test"
#define CLIENT_A 7
#define CLIENT_B 8

/* Records as the store would keep them. */
#define RECORDS 64
static struct {
	char domain[TEXT_DOMAIN_MAX], text[128];
	size_t len;
} record[RECORDS];

static struct loop *loop;
static struct backup_names *names;
static struct mx_backup *m;
static struct config *conf;
static unsigned entered, left;
static char why_left[256];
static const char *with_mail; /* this one, */
static uint64_t mail; /* so many recipients */
static const char *taken;

static void
on_enter(void *arg MX_UNUSED, const char *domain)
{
	assert_true(backup_names_has(names, domain));
	entered++;
}

static void
on_leave(void *arg MX_UNUSED, const char *domain, const char *why)
{
	assert_false(backup_names_has(names, domain));
	strlcpy(why_left, why, sizeof(why_left));
	left++;
}

static uint64_t
on_queued(void *arg MX_UNUSED, const char *domain)
{
	return with_mail != NULL && strcmp(domain, with_mail) == 0 ? mail : 0;
}

static bool
on_taken(void *arg MX_UNUSED, const char *domain)
{
	return taken != NULL && strcmp(domain, taken) == 0;
}

static void
on_keep(void *arg MX_UNUSED, const char *domain, const void *text, size_t len)
{
	size_t i;

	for (i = 0; i < RECORDS; i++)
		if (record[i].len > 0 && strcmp(record[i].domain, domain) == 0)
			break;
	for (size_t k = 0; i == RECORDS && k < RECORDS; k++)
		if (record[k].len == 0)
			i = k;
	assert_true(i < RECORDS && len <= sizeof(record[i].text));
	strlcpy(record[i].domain, domain, sizeof(record[i].domain));
	memcpy(record[i].text, len > 0 ? text : "", len);
	record[i].len = len;
}

static const struct mx_backup_ops ops = {
	.enter = on_enter,
	.leave = on_leave,
	.queued = on_queued,
	.is_taken = on_taken,
	.keep = on_keep,
};

static const char *const us[] = { "us.test" };
static const uint16_t ports[] = { 25 };
static const struct route_self self = {
	.names = us, .nnames = 1, .ports = ports, .nports = 1
};

static struct config *
make_config(const char *options)
{
	struct conf_errors errs;
	struct config *c;
	char text[512];

	snprintf(text, sizeof(text),
	    "hostname = us.test\n"
	    "domain \"listed.test\" {}\n"
	    "mx_backup { %s }\n",
	    options);
	c = config_parse("test", text, strlen(text), &errs);
	conf_errors_fini(&errs);
	assert_non_null(c);
	backup_names_attach(c, names);
	return c;
}

static void
configure(const char *options)
{
	config_unref(&conf);
	conf = make_config(options);
	mx_backup_configure(m, conf, &self);
}

#define NETS "networks = \"192.0.2.0/24\" "

static struct mx_backup_view v;

/* Mail for it, from that client; the answer, and what the counter says. */
static void
ask(const char *domain, uint64_t client, enum mx_backup_answer answer,
    enum mx_backup_result result)
{
	mx_backup_ask(m, domain, client, &v);
	if (v.answer != answer || v.result != result)
		fail_msg("%s: answer %d, result %d, %s", domain, v.answer,
		    v.result, v.evidence);
}

#define YES(domain)   ask(domain, CLIENT_A, MX_BACKUP_YES, MX_BACKUP_ACCEPTED)
#define LATER(domain) ask(domain, CLIENT_A, MX_BACKUP_LATER, MX_BACKUP_ASKED)

static void
take_in(const char *domain)
{
	fake_dns_set(domain, FITS_MX, NULL);
	LATER(domain);
	fake_dns_answer();
	YES(domain);
}

static int
setup(void **state MX_UNUSED)
{
	fake_time_reset();
	fake_dns_reset();
	fake_dns_set("mx1.test", NULL, "192.0.2.1");
	fake_dns_set("far.test", NULL, "198.51.100.1");
	memset(record, 0, sizeof(record));
	entered = left = 0;
	with_mail = taken = NULL;
	mail = 1;
	loop = loop_create();
	names = backup_names_create();
	m = mx_backup_create(loop, NULL, names, &ops);
	configure(NETS);
	return 0;
}

static int
teardown(void **state MX_UNUSED)
{
	mx_backup_destroy(&m);
	config_unref(&conf);
	backup_names_unref(&names);
	loop_destroy(&loop);
	return 0;
}

/* It is asked for, looked up in the background, and is a domain from then on. */
static void
test_taken_in(void **state MX_UNUSED)
{
	assert_null(config_settings(conf, "a.test"));
	take_in("a.test");
	assert_int_equal(entered, 1);
	assert_int_equal(mx_backup_count(m), 1);
	assert_non_null(strstr(v.evidence, "192.0.2.1 is in"));
	assert_ptr_equal(config_settings(conf, "a.test"),
	    &conf->mx_backup.domain);
	assert_true(config_is_mx_backup(conf, "a.test"));
	assert_false(config_is_mx_backup(conf, "listed.test"));
	assert_int_equal(conf->mx_backup.domain.lifetime_ms, 5 * DAY_MS);
	YES("a.test"); /* and nothing is looked up again */
	assert_int_equal(fake_dns_asked(), 1);
}

static void
test_off(void **state MX_UNUSED)
{
	configure("");
	assert_false(mx_backup_is_on(m));
}

static const struct {
	const char *mx;
	enum mx_backup_answer answer;
	enum mx_backup_result result;
} no_cases[] = {
	{ "nx", MX_BACKUP_NO, MX_BACKUP_NO_MX },
	{ "nodata", MX_BACKUP_NO, MX_BACKUP_NO_MX },
	{ "10 mx1.test", MX_BACKUP_NO, MX_BACKUP_NOT_NAMED },
	{ "10 us.test 20 mx1.test", MX_BACKUP_NO, MX_BACKUP_NOT_BETTER },
	{ "10 far.test 20 us.test", MX_BACKUP_NO, MX_BACKUP_OUTSIDE },
	{ "fail", MX_BACKUP_LATER, MX_BACKUP_DNS },
};

/* What does not fit is remembered: an hour, a minute when it is the resolver. */
static void
test_negative(void **state MX_UNUSED)
{
	char domain[32];

	for (unsigned i = 0; i < MX_COUNT(no_cases); i++) {
		snprintf(domain, sizeof(domain), "no%u.test", i);
		fake_dns_set(domain, no_cases[i].mx, NULL);
		LATER(domain);
		LATER(domain); /* the same look-up */
		fake_dns_answer();
		assert_int_equal(fake_dns_asked(), i + 1);
		ask(domain, CLIENT_A, no_cases[i].answer, no_cases[i].result);
		assert_true(v.looked_ms > 0 && v.evidence[0] != '\0');
	}
	assert_int_equal(mx_backup_count(m), 0);
	fake_dns_set("no5.test", FITS_MX, NULL);
	fake_loop_advance(loop, 61000);
	LATER("no5.test");
	fake_loop_advance(loop, 3500000);
	ask("no0.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_NO_MX);
	fake_loop_advance(loop, 100000);
	fake_dns_set("no0.test", FITS_MX, NULL);
	LATER("no0.test");
	fake_dns_answer();
	YES("no0.test");
	YES("no5.test");
}

/* `why` asks, too, and nothing follows from it. */
static void
test_look(void **state MX_UNUSED)
{
	mx_backup_look(m, "a.test", &v);
	assert_int_equal(v.result, MX_BACKUP_ASKED);
	assert_int_equal(fake_dns_waiting(), 0);
	mx_backup_look_up(m, "a.test");
	assert_int_equal(fake_dns_waiting(), 1);
	fake_dns_answer();
	mx_backup_look(m, "a.test", &v);
	assert_int_equal(v.result, MX_BACKUP_NO_MX);
}

/* A flood of domains costs look-ups by three bounds, and mail no more than time. */
static void
test_flood(void **state MX_UNUSED)
{
	char domain[32];
	unsigned busy = 0;

	configure(NETS "lookups = 2 lookup_rate = 5 client_lookups = 3");
	LATER("f0.test");
	LATER("f1.test");
	ask("f2.test", CLIENT_A, MX_BACKUP_LATER, MX_BACKUP_BUSY);
	fake_dns_answer();
	LATER("f2.test"); /* the third of this client */
	fake_dns_answer();
	ask("f3.test", CLIENT_A, MX_BACKUP_LATER, MX_BACKUP_BUSY);
	for (unsigned i = 3; i < 1000; i++) {
		snprintf(domain, sizeof(domain), "f%u.test", i);
		mx_backup_ask(m, domain, CLIENT_B, &v);
		assert_int_equal(v.answer, MX_BACKUP_LATER);
		busy += v.result == MX_BACKUP_BUSY;
		fake_dns_answer();
	}
	assert_int_equal(fake_dns_asked(), 5); /* this minute */
	assert_int_equal(busy, 995);
	fake_loop_advance(loop, 60000);
	ask("g.test", CLIENT_A, MX_BACKUP_LATER, MX_BACKUP_BUSY);
	ask("g.test", CLIENT_B, MX_BACKUP_LATER, MX_BACKUP_ASKED);
	fake_dns_answer();
	fake_loop_advance(loop, 3600000);
	LATER("h.test"); /* the hour is over */
}

/* The names are many and the table is bounded: 100,000 of them take no more. */
static void
test_many_negatives(void **state MX_UNUSED)
{
	char domain[32];

	configure(NETS "negative_cache = 64 lookup_rate = 100000 "
		       "client_lookups = 100000");
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(domain, sizeof(domain), "n%u.test", i);
		mx_backup_ask(m, domain, CLIENT_A, &v);
		assert_int_equal(v.answer, MX_BACKUP_LATER);
		fake_dns_answer();
		if (i % 50000 == 0)
			fake_loop_advance(loop, 3600000);
	}
	ask("n99999.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_NO_MX);
	assert_int_equal(mx_backup_count(m), 0);
}

/* Without room the one goes that nobody asked for longest; those that the primary
 * took somebody of stay before those that only a zone file says. */
static void
test_room(void **state MX_UNUSED)
{
	configure(NETS "domains_max = 3");
	take_in("a.test");
	mx_backup_accepted(m, "a.test");
	fake_loop_advance(loop, 1000);
	take_in("b.test");
	fake_loop_advance(loop, 1000);
	take_in("c.test");
	fake_loop_advance(loop, 1000);
	YES("b.test"); /* asked for again: c is the oldest now */
	take_in("d.test");
	assert_int_equal(mx_backup_count(m), 3);
	assert_false(backup_names_has(names, "c.test"));
	assert_string_equal(why_left, "its place was needed");
	with_mail = "b.test";
	take_in("e.test");
	assert_true(backup_names_has(names, "b.test"));
	assert_false(backup_names_has(names, "d.test"));
	take_in("f.test"); /* for e; a, the oldest of all, has been proven */
	assert_true(backup_names_has(names, "a.test"));
	mx_backup_accepted(m, "f.test");
	take_in("g.test"); /* b has mail, so it is a at last */
	assert_false(backup_names_has(names, "a.test"));
	mx_backup_accepted(m, "g.test");
	assert_int_equal(left, 4);
}

static void
test_no_room(void **state MX_UNUSED)
{
	configure(NETS "domains_max = 1");
	take_in("a.test");
	with_mail = "a.test";
	fake_dns_set("b.test", FITS_MX, NULL);
	LATER("b.test");
	fake_dns_answer();
	ask("b.test", CLIENT_A, MX_BACKUP_LATER, MX_BACKUP_FULL);
	with_mail = NULL;
	fake_loop_advance(loop, 61000);
	LATER("b.test");
	fake_dns_answer();
	YES("b.test");
}

static void
test_recipients_max(void **state MX_UNUSED)
{
	configure(NETS "recipients_max = 10");
	take_in("a.test");
	with_mail = "a.test";
	mail = 9;
	YES("a.test");
	mail = 10;
	ask("a.test", CLIENT_A, MX_BACKUP_LATER, MX_BACKUP_FULL);
}

/* An entry that nobody asks for is forgotten, but never while it has mail. */
static void
test_forget(void **state MX_UNUSED)
{
	take_in("a.test");
	take_in("b.test");
	with_mail = "b.test";
	fake_loop_advance(loop, 29 * DAY_MS);
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 2);
	fake_loop_advance(loop, DAY_MS);
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 1);
	assert_string_equal(why_left, "it was not used any more");
	assert_null(config_settings(conf, "a.test"));
	fake_loop_advance(loop, 100 * DAY_MS);
	mx_backup_tick(m);
	assert_true(backup_names_has(names, "b.test"));
	with_mail = NULL;
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 0);
}

/* A wall clock that is set back makes nothing old, nor for ever young. */
static void
test_clock_back(void **state MX_UNUSED)
{
	take_in("a.test");
	fake_time_step(FAKE_WALL_MS - 400 * DAY_MS);
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 1);
	YES("a.test");
	fake_loop_advance(loop, 30 * DAY_MS);
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 0);
}

/* The DNS changes: no mail is taken any more; what was taken keeps the entry. */
static void
test_dns_changes(void **state MX_UNUSED)
{
	take_in("a.test");
	take_in("b.test");
	with_mail = "b.test";
	fake_dns_set("a.test", "10 far.test 20 us.test", NULL);
	fake_dns_set("b.test", "10 far.test 20 us.test", NULL);
	fake_loop_advance(loop, 599000);
	YES("a.test");
	assert_int_equal(fake_dns_waiting(), 0);
	fake_loop_advance(loop, 2000);
	YES("a.test"); /* and it is looked at again */
	YES("b.test");
	fake_dns_answer();
	ask("a.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_OUTSIDE);
	assert_int_equal(left, 1);
	ask("b.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_OUTSIDE);
	assert_true(v.is_entry && backup_names_has(names, "b.test"));
	with_mail = NULL; /* delivered, or expired */
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 0);
}

/* It changes back while mail waits. */
static void
test_dns_changes_back(void **state MX_UNUSED)
{
	take_in("a.test");
	with_mail = "a.test";
	fake_dns_set("a.test", "10 mx1.test", NULL);
	fake_loop_advance(loop, 601000);
	YES("a.test");
	fake_dns_answer();
	ask("a.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_NOT_NAMED);
	fake_dns_set("a.test", FITS_MX, NULL);
	fake_loop_advance(loop, 601000);
	ask("a.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_NOT_NAMED);
	fake_dns_answer();
	YES("a.test");
	assert_int_equal(entered, 1);
}

/* The name servers of a site are down with it: that is what a backup is for. */
static void
test_dns_fails(void **state MX_UNUSED)
{
	take_in("a.test");
	fake_dns_set("a.test", "fail", NULL);
	for (unsigned i = 0; i < 100; i++) {
		fake_loop_advance(loop, 601000);
		YES("a.test");
		fake_dns_answer();
		YES("a.test"); /* and is not asked again at once */
		assert_int_equal(fake_dns_waiting(), 0);
	}
	fake_dns_set("a.test", "stale " FITS_MX, NULL);
	fake_loop_advance(loop, 601000);
	YES("a.test");
	fake_dns_answer();
	YES("a.test");
}

static void
restart(void)
{
	mx_backup_destroy(&m);
	config_unref(&conf);
	backup_names_unref(&names);
	names = backup_names_create();
	m = mx_backup_create(loop, NULL, names, &ops);
	configure(NETS "domains_max = 3");
	entered = 0;
	for (unsigned i = 0; i < RECORDS; i++)
		if (record[i].len > 0)
			assert_int_equal(mx_backup_load(m, record[i].domain,
					     record[i].text, record[i].len),
			    0);
	mx_backup_loaded(m);
}

/* Over a restart they stay, in their order, and by what was known. */
static void
test_restart(void **state MX_UNUSED)
{
	take_in("z.test");
	fake_loop_advance(loop, 1000);
	take_in("a.test");
	fake_loop_advance(loop, 1000);
	take_in("k.test");
	mx_backup_accepted(m, "z.test");
	fake_dns_set("a.test", "fail", NULL);
	restart();
	assert_int_equal(entered, 3);
	assert_int_equal(mx_backup_count(m), 3);
	YES("k.test");
	take_in("n.test"); /* for a, the oldest that is not proven */
	assert_false(backup_names_has(names, "a.test"));
	assert_true(backup_names_has(names, "z.test"));
	/* Gone from the records, too. */
	restart();
	assert_false(backup_names_has(names, "a.test"));
	fake_loop_advance(loop, 30 * DAY_MS);
	mx_backup_tick(m);
	assert_int_equal(mx_backup_count(m), 0);
	restart();
	assert_int_equal(mx_backup_count(m), 0);
}

static void
test_bad_records(void **state MX_UNUSED)
{
	static const char *const bad[] = { "", "1", "2 1 1 0 0", "1 1 1 0",
		"1 1 1 0 99", "1 x y z 0" };

	for (size_t i = 0; i < MX_COUNT(bad); i++)
		assert_int_equal(
		    mx_backup_load(m, "a.test", bad[i], strlen(bad[i])),
		    -MX_ESYNTAX);
	assert_int_equal(mx_backup_count(m), 0);
}

/* What left the configuration with mail is not taken over, nor what is in it. */
static void
test_taken(void **state MX_UNUSED)
{
	taken = "a.test";
	fake_dns_set("a.test", FITS_MX, NULL);
	LATER("a.test");
	fake_dns_answer();
	ask("a.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_REMOVED);
	fake_dns_set("listed.test", FITS_MX, NULL);
	LATER("listed.test"); /* a reload adds it meanwhile */
	fake_dns_answer();
	assert_int_equal(mx_backup_count(m), 0);
}

/* A reload while the DNS is asked goes by the new networks. */
static void
test_reload(void **state MX_UNUSED)
{
	fake_dns_set("a.test", "10 far.test 20 us.test", NULL);
	LATER("a.test");
	configure("networks = \"198.51.100.0/24\"");
	fake_dns_answer();
	YES("a.test");
	fake_dns_set("b.test", FITS_MX, NULL);
	LATER("b.test");
	fake_dns_answer();
	ask("b.test", CLIENT_A, MX_BACKUP_NO, MX_BACKUP_OUTSIDE);
	configure("networks = {\"198.51.100.0/24\", \"192.0.2.1\"}");
	LATER("b.test"); /* is not held to what was found */
	fake_dns_answer();
	YES("b.test");
	mx_backup_drop(m, "a.test"); /* it has a section now */
	assert_int_equal(left, 0);
	assert_null(config_settings(conf, "a.test"));
}

static void
test_narrows(void **state MX_UNUSED)
{
	static const struct {
		const char *was, *is;
		bool narrows;
	} c[] = {
		{ NETS, NETS, false },
		{ NETS, "networks = {\"2001:db8::/32\", \"192.0.0.0/16\"}",
		    false },
		{ NETS, "networks = \"192.0.2.0/25\"", true },
		{ NETS, "networks = {\"192.0.2.0/25\", \"192.0.2.128/25\"}",
		    true }, /* nobody adds them up */
		{ NETS, "", true },
		{ "", NETS, false },
		{ NETS "lifetime = 1d", NETS, false },
	};
	struct config *was, *is;

	for (size_t i = 0; i < MX_COUNT(c); i++) {
		was = make_config(c[i].was);
		is = make_config(c[i].is);
		assert_int_equal(
		    mx_backup_narrows(&was->mx_backup, &is->mx_backup),
		    c[i].narrows);
		config_unref(&was);
		config_unref(&is);
	}
}

static void
test_names(void **state MX_UNUSED)
{
	char name[TEXT_DOMAIN_MAX] = "";

	assert_false(backup_names_next(names, name));
	backup_names_add(names, "b.test");
	backup_names_add(names, "a.test");
	backup_names_add(names, "a.test");
	assert_true(backup_names_next(names, name));
	assert_string_equal(name, "a.test");
	backup_names_drop(names, "a.test"); /* meanwhile */
	assert_true(backup_names_next(names, name));
	assert_string_equal(name, "b.test");
	assert_false(backup_names_next(names, name));
	backup_names_drop(names, "a.test");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_taken_in),
		TEST(test_off),
		TEST(test_negative),
		TEST(test_look),
		TEST(test_flood),
		TEST(test_many_negatives),
		TEST(test_room),
		TEST(test_no_room),
		TEST(test_recipients_max),
		TEST(test_forget),
		TEST(test_clock_back),
		TEST(test_dns_changes),
		TEST(test_dns_changes_back),
		TEST(test_dns_fails),
		TEST(test_restart),
		TEST(test_bad_records),
		TEST(test_taken),
		TEST(test_reload),
		TEST(test_narrows),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
