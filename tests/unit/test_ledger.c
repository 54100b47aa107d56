/* SPDX-License-Identifier: ISC
 * The record of outages in virtual time: what a record says of one, flaps, many
 * domains, a clock that is set, marks, maintenance and availability. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/ledger_world.h"

static void
an_outage_from_its_first_failure_to_its_last_message(void **state MX_UNUSED)
{
	struct world_domain d;
	double failed, wall;
	cJSON *r, *p;

	primary_is(HEALTH_UP);
	domain_create(&d, DOMAIN);
	d.is->count.accepted_messages = 70; /* before: none of it */
	d.is->count.delivered_messages = 70;
	domain_tell(&d);
	world_pass(10);
	failed = (double)clock_wall();
	primary_is(HEALTH_SUSPECT);
	domain_state(&d, HEALTH_SUSPECT);
	domain_tell(&d);
	world_pass(5);
	mail_comes(&d, 2); /* while it is suspected: a part of it */
	domain_tell(&d);
	world_pass(15);
	assert_int_equal(count(NULL), 0);
	primary_is(HEALTH_DOWN);
	domain_state(&d, HEALTH_DOWN);
	domain_tell(&d);
	world_pass(1);
	mail_comes(&d, 5);
	d.is->count.refused += 3;
	d.is->count.expired += 1;
	d.is->deferred -= 1;
	d.is->count.bounced[1] += 1;
	domain_tell(&d);
	world_pass(99);
	wall = (double)clock_wall();
	primary_is(HEALTH_UP);
	domain_state(&d, HEALTH_RECOVERING);
	domain_tell(&d);
	world_pass(2);
	mail_goes(&d, 1);
	domain_tell(&d);
	world_pass(1);
	mail_goes(&d, 4);
	domain_tell(&d);
	world_pass(7);
	check_state(DOMAIN, "draining");
	check_state(PRIMARY, "draining");
	mail_goes(&d, 1);
	domain_state(&d, HEALTH_UP);
	domain_tell(&d);
	world_pass(1);
	r = record(DOMAIN);
	p = record(PRIMARY);
	for (cJSON *o = r; o != NULL; o = o == r ? p : NULL) {
		check_text(o, "state", "over");
		check_text(o, "phase", "connect");
		check_text(o, "reply", "connect: Connection refused");
		check_text(o, "seen", "probe");
		check_num(o, "failed", failed);
		check_num(o, "detected", failed + 20);
		check_num(o, "detected_after_seconds", 20);
		check_num(o, "down_seconds", 120);
		check_num(o, "recovered", wall);
		check_num(o, "first_delivery", wall + 2);
		check_num(o, "accepted", 7);
		check_num(o, "refused", 3);
		check_num(o, "delivered", 6);
		check_num(o, "returned", 1);
		check_num(o, "expired", 1);
		check_num(o, "depth", 6);
		check_num(o, "age_seconds", 125);
		check_num(o, "peak_rate", 4);
		check_num(o, "flaps", 0);
	}
	check_num(r, "drained", wall + 10);
	check_num(r, "drain_seconds", 10);
	check_num(p, "drain_seconds", 11); /* it looks once a second */
	check_num(p, "domains", 2);
	check_num(p, "recorded", 1);
	check_text(r, "primary", PRIMARY);
	check_num(r, "part_of", json_get_num(p, "id"));
	cJSON_Delete(r);
	cJSON_Delete(p);
	domain_free(&d);
}

static void
a_failure_that_was_none_leaves_no_record(void **state MX_UNUSED)
{
	struct world_domain d;

	domain_create(&d, DOMAIN);
	mail_comes(&d, 3);
	primary_is(HEALTH_SUSPECT);
	domain_state(&d, HEALTH_SUSPECT);
	domain_tell(&d);
	world_pass(30);
	primary_is(HEALTH_UP);
	domain_state(&d, HEALTH_UP);
	domain_tell(&d);
	world_pass(30);
	assert_int_equal(count(NULL), 0);
	domain_free(&d);
}

static void
a_domain_without_mail_has_no_record_of_its_own(void **state MX_UNUSED)
{
	struct world_domain d;

	domain_create(&d, DOMAIN);
	primary_of(PRIMARY, HEALTH_DOWN, "mail: 421 no", true);
	domain_state(&d, HEALTH_DOWN);
	domain_tell(&d);
	world_pass(3600);
	assert_int_equal(count(DOMAIN), 0);
	mail_comes(&d, 1); /* now it matters, from the beginning on */
	domain_tell(&d);
	world_pass(60);
	cJSON *r = record(DOMAIN), *p = record(PRIMARY);

	check_text(r, "state", "down");
	check_text(p, "seen", "delivery");
	check_num(r, "failed", json_get_num(p, "failed"));
	check_num(r, "accepted", 1);
	assert_true(json_get_num(r, "down_seconds") > 3600);
	cJSON_Delete(r);
	cJSON_Delete(p);
	domain_free(&d);
}

static void
a_refusal_makes_a_record(void **state MX_UNUSED)
{
	struct world_domain d;

	domain_create(&d, DOMAIN);
	primary_is(HEALTH_DOWN);
	domain_state(&d, HEALTH_DOWN);
	domain_tell(&d);
	d.is->count.refused++;
	domain_tell(&d);
	world_pass(1);
	assert_int_equal(count(DOMAIN), 1);
	domain_free(&d);
}

static void
a_domain_that_is_down_by_itself(void **state MX_UNUSED)
{
	struct world_domain d;
	cJSON *r;

	primary_is(HEALTH_UP);
	domain_create(&d, DOMAIN);
	domain_state(&d, HEALTH_DOWN);
	d.is->broken = d.is->breaker_is_tripped = true;
	d.is->cause = "rcpt: 554 5.7.1 no";
	domain_tell(&d);
	world_pass(5);
	r = record(DOMAIN);
	check_text(r, "reply", "rcpt: 554 5.7.1 no");
	check_text(r, "seen", "delivery");
	check_text(r, "primary", "");
	cJSON_Delete(r);
	assert_int_equal(count(PRIMARY), 0);
	domain_free(&d);
}

static void
flaps_are_one_outage(void **state MX_UNUSED)
{
	struct world_domain d;
	cJSON *r;

	domain_create(&d, DOMAIN);
	mail_comes(&d, 1);
	for (unsigned i = 0; i < 4; i++) {
		primary_is(HEALTH_SUSPECT);
		world_pass(10);
		primary_is(HEALTH_DOWN);
		domain_state(&d, HEALTH_DOWN);
		domain_tell(&d);
		world_pass(50);
		primary_is(HEALTH_UP);
		domain_state(&d, HEALTH_UP);
		domain_tell(&d);
		world_pass(300);
	}
	assert_int_equal(count(PRIMARY), 1);
	r = record(PRIMARY);
	check_num(r, "flaps", 3);
	check_num(r, "down_seconds", 240);
	check_num(r, "recorded", 1);
	assert_int_equal(cJSON_GetArraySize(json_get(r, "marks")), 6);
	cJSON_Delete(r);
	r = record(DOMAIN);
	check_num(r, "flaps", 3);
	cJSON_Delete(r);
	world_pass(301); /* for longer than `merge` */
	primary_is(HEALTH_DOWN);
	world_pass(1);
	assert_int_equal(count(PRIMARY), 2);
	domain_free(&d);
}

/* One primary, very many domains: none of them costs a record without mail, and of
 * those with mail no more than may be. */
static void
fifty_thousand_domains(void **state MX_UNUSED)
{
	enum { MANY = 50000, MAIL = 1500 };
	struct world_domain *d = mem_array(MANY, sizeof(*d));
	char name[32];
	cJSON *r;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "d%u.test", i);
		domain_create(&d[i], name);
	}
	primary_is(HEALTH_SUSPECT);
	for (unsigned i = 0; i < MANY; i++) {
		domain_state(&d[i], HEALTH_SUSPECT);
		domain_tell(&d[i]);
	}
	primary_is(HEALTH_DOWN);
	for (unsigned i = 0; i < MANY; i++) {
		domain_state(&d[i], HEALTH_DOWN);
		domain_tell(&d[i]);
	}
	for (unsigned i = 0; i < MAIL; i++) {
		mail_comes(&d[i], 1);
		domain_tell(&d[i]);
	}
	world_pass(30);
	assert_int_equal(count(NULL), 1 + 1000);
	r = record(PRIMARY);
	check_num(r, "recorded", 1000);
	check_num(r, "unrecorded", 500);
	check_num(r, "accepted", 1000);
	check_num(r, "depth", 1000);
	cJSON_Delete(r);
	primary_is(HEALTH_UP);
	for (unsigned i = 0; i < MANY; i++) {
		domain_state(&d[i], HEALTH_UP);
		if (d[i].is->deferred > 0)
			mail_goes(&d[i], 1);
		domain_tell(&d[i]);
	}
	world_pass(60);
	check_state(PRIMARY, "over");
	assert_int_equal(ledger_open(ledger), 0);
	world_pass(700);
	for (unsigned i = 0; i < MANY; i++)
		domain_free(&d[i]);
	mem_free(&d);
}

static void
a_clock_that_is_set_changes_no_duration(void **state MX_UNUSED)
{
	static const int64_t step[] = { 7200000, -7200000 };
	cJSON *r;

	for (size_t i = 0; i < MX_COUNT(step); i++) {
		const char *label = i == 0 ? "mx1.test" : "mx2.test";

		primary_of(label, HEALTH_SUSPECT, "", false);
		world_pass(10);
		primary_of(label, HEALTH_DOWN, "", false);
		world_pass(50);
		fake_time_step(clock_wall_ms() + step[i]);
		world_pass(50);
		primary_of(label, HEALTH_UP, "", false);
		world_pass(1);
		r = record(label);
		check_num(r, "detected_after_seconds", 10);
		check_num(r, "down_seconds", 110);
		cJSON_Delete(r);
	}
}

static void
ratios(const char *label, double ratio[AVAILABILITY_WINDOW_MAX])
{
	struct availability_ratios r;

	availability_get(ledger_availability(ledger), label, &r);
	memcpy(ratio, r.ratio, sizeof(r.ratio));
}

static void
check_ratio(double is, double want)
{
	if (!(is > want - 1e-5 && is < want + 1e-5))
		fail_msg("%f is not %f", is, want);
}

static void
availability_counts_what_was_watched(void **state MX_UNUSED)
{
	double r[AVAILABILITY_WINDOW_MAX];
	struct book_time t;

	ratios(PRIMARY, r);
	assert_true(r[0] != r[0]); /* nothing is known */
	primary_is(HEALTH_UP);
	fake_loop_advance(loop, 10 * DAY_SEC * 1000);
	world_pass(1);
	ratios(PRIMARY, r);
	check_ratio(r[AVAILABILITY_30D], 1);
	primary_is(HEALTH_DOWN);
	fake_loop_advance(loop, DAY_SEC * 1000);
	world_pass(1);
	primary_is(HEALTH_UP);
	world_pass(61);
	ratios(PRIMARY, r); /* a day of eleven */
	check_ratio(r[AVAILABILITY_30D], 10. / 11);
	/* a day of maintenance counts neither way */
	world_pass(700);
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, true, "disk", &t);
	primary_is(HEALTH_DOWN);
	fake_loop_advance(loop, DAY_SEC * 1000);
	world_pass(1);
	primary_is(HEALTH_UP);
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, false, "", &t);
	world_pass(61);
	ratios(PRIMARY, r);
	assert_true(r[AVAILABILITY_30D] > 10.9 / 12);
	/* nor does the time in which we were away */
	world_stop();
	world_alive_now();
	fake_loop_advance(loop, 20 * DAY_SEC * 1000);
	world_start();
	world_pass(1);
	ratios(PRIMARY, r);
	/* 32 days since, of which the last 30 hold the outage */
	assert_true(
	    r[AVAILABILITY_30D] < 9.2 / 10 && r[AVAILABILITY_30D] > 8.8 / 10);
	fake_loop_advance(loop, 60 * DAY_SEC * 1000);
	world_pass(1);
	ratios(PRIMARY, r);
	check_ratio(r[AVAILABILITY_30D], 1);
	assert_true(r[AVAILABILITY_365D] < .99);
}

static void
maintenance_is_marked(void **state MX_UNUSED)
{
	struct book_time t = world_now();
	cJSON *r;

	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, true, "new disk",
	    &t);
	primary_is(HEALTH_DOWN);
	world_pass(100);
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, false, "", &t);
	world_pass(20); /* it lasts longer than its window */
	primary_is(HEALTH_UP);
	world_pass(1);
	r = record(PRIMARY);
	check_num(r, "down_seconds", 120);
	check_num(r, "maintenance_seconds", 100);
	assert_int_equal(cJSON_GetArraySize(json_get(r, "marks")), 2);
	cJSON_Delete(r);
}

/* It begins amid an outage: what waits for the primary is in it as well. */
static void
maintenance_of_a_primary_is_that_of_its_domains(void **state MX_UNUSED)
{
	struct world_domain d;
	struct book_time t;
	cJSON *r;

	domain_create(&d, DOMAIN);
	mail_comes(&d, 1);
	primary_is(HEALTH_DOWN);
	domain_state(&d, HEALTH_DOWN);
	domain_tell(&d);
	world_pass(10);
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, true, "disk", &t);
	world_pass(30);
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, false, "", &t);
	world_pass(5);
	domain_state(&d, HEALTH_UP);
	domain_tell(&d);
	world_pass(1);
	r = record(DOMAIN);
	check_num(r, "down_seconds", 45);
	check_num(r, "maintenance_seconds", 30);
	cJSON_Delete(r);
	domain_free(&d);
}

/* What is only suspected counts when it is confirmed, from the first failure on. */
/* What the line on the disk does not have yet was in the window, too; and one that
 * ended while nobody was there has ended. */
static void
a_restart_in_a_window(void **state MX_UNUSED)
{
	struct book_time t = world_now();
	cJSON *r;

	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, true, "disk", &t);
	primary_is(HEALTH_DOWN);
	world_pass(100);
	world_stop();
	world_alive_now();
	world_start();
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, true, "disk", &t);
	primary_is(HEALTH_DOWN);
	world_pass(100);
	r = record(PRIMARY);
	assert_true(json_get_num(r, "maintenance_seconds") >= 160);
	check_num(r, "down_seconds", json_get_num(r, "maintenance_seconds"));
	cJSON_Delete(r);
	world_stop();
	world_alive_now();
	world_start();
	primary_is(HEALTH_DOWN);
	world_pass(100);
	r = record(PRIMARY);
	assert_true(json_get_num(r, "down_seconds") >=
	    json_get_num(r, "maintenance_seconds") + 60);
	cJSON_Delete(r);
}

static void
maintenance_of_what_is_suspected(void **state MX_UNUSED)
{
	struct book_time t;
	cJSON *r;

	primary_is(HEALTH_SUSPECT);
	world_pass(5);
	t = world_now();
	ledger_maintenance(ledger, OUTAGE_PRIMARY, PRIMARY, true, "disk", &t);
	world_pass(5);
	primary_is(HEALTH_DOWN);
	world_pass(10);
	primary_is(HEALTH_UP);
	world_pass(1);
	r = record(PRIMARY);
	check_num(r, "down_seconds", 20);
	assert_true(json_get_num(r, "maintenance_seconds") >= 10);
	cJSON_Delete(r);
}

static void
marks_are_bounded(void **state MX_UNUSED)
{
	char what[32];
	cJSON *r, *m;

	assert_false(ledger_mark(ledger, OUTAGE_PRIMARY, PRIMARY,
	    OUTAGE_MARK_TOLD, "pager", "x", clock_wall()));
	primary_is(HEALTH_DOWN);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(what, sizeof(what), "mark %u", i);
		assert_true(ledger_mark(ledger, OUTAGE_PRIMARY, PRIMARY,
		    OUTAGE_MARK_OPERATOR, "uid 0", what, clock_wall()));
	}
	world_pass(1);
	r = record(PRIMARY);
	m = json_get(r, "marks");
	assert_int_equal(cJSON_GetArraySize(m), OUTAGE_MARKS_MAX);
	check_num(r, "marks_lost", 100 - OUTAGE_MARKS_MAX);
	check_text(cJSON_GetArrayItem(m, 0), "text", "mark 0");
	check_text(cJSON_GetArrayItem(m, OUTAGE_MARKS_MAX - 1), "text",
	    "mark 99");
	cJSON_Delete(r);
}

static void
one_that_left_is_over(void **state MX_UNUSED)
{
	cJSON *r;

	primary_is(HEALTH_DOWN);
	world_pass(100);
	missing = PRIMARY;
	world_pass(500);
	check_state(PRIMARY, "down"); /* the DNS may be slow */
	world_pass(200);
	r = record(PRIMARY);
	check_text(r, "state", "over");
	assert_true(json_get_bool(r, "gone"));
	cJSON_Delete(r);
	assert_int_equal(ledger_open(ledger), 0);
}

static void
peer_text_is_bounded_and_clean(void **state MX_UNUSED)
{
	char reply[2000];
	cJSON *r;

	memset(reply, 'x', sizeof(reply) - 1);
	reply[sizeof(reply) - 1] = '\0';
	memcpy(reply, "554 \"\\\r\n\x01", 9);
	primary_of(PRIMARY, HEALTH_DOWN, reply, false);
	world_pass(1);
	r = record(PRIMARY);
	assert_true(strlen(json_get_text(r, "reply")) <= OUTAGE_TEXT_MAX);
	assert_memory_equal(json_get_text(r, "reply"), "554 \"\\", 6);
	cJSON_Delete(r);
	world_stop();
	world_start();
	assert_int_equal(count(PRIMARY), 1);
}

static void
pages_follow_each_other(void **state MX_UNUSED)
{
	struct kept_query q = { .limit = 7 };
	struct buf out = BUF_INIT(1u << 20);
	unsigned lines = 0, pages = 0;
	char label[32];
	bool more = true;

	for (unsigned i = 0; i < 30; i++) {
		(void)snprintf(label, sizeof(label), "mx%u.test", i);
		primary_of(label, HEALTH_DOWN, "", false);
	}
	world_pass(1);
	while (more) {
		buf_clear(&out);
		more = ledger_page(ledger, &q, "\n", &out, &q.before);
		for (size_t i = 0; i < out.len; i++)
			lines += out.data[i] == '\n';
		pages++;
	}
	assert_int_equal(lines, 30);
	assert_int_equal(pages, 5);
	/* one that is over is in the answer while it ended behind `since` */
	primary_of("mx0.test", HEALTH_UP, "", false);
	world_pass(100);
	q = (struct kept_query){ .since = clock_wall() - 50, .limit = 100 };
	buf_clear(&out);
	assert_false(ledger_page(ledger, &q, "\n", &out, &q.before));
	assert_null(strstr(out.data, "\"mx0.test\""));
	assert_non_null(strstr(out.data, "\"mx1.test\""));
	buf_fini(&out);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_outage_from_its_first_failure_to_its_last_message),
		TEST(a_failure_that_was_none_leaves_no_record),
		TEST(a_domain_without_mail_has_no_record_of_its_own),
		TEST(a_refusal_makes_a_record),
		TEST(a_domain_that_is_down_by_itself),
		TEST(flaps_are_one_outage),
		TEST(fifty_thousand_domains),
		TEST(a_clock_that_is_set_changes_no_duration),
		TEST(availability_counts_what_was_watched),
		TEST(maintenance_is_marked),
		TEST(a_restart_in_a_window),
		TEST(maintenance_of_a_primary_is_that_of_its_domains),
		TEST(maintenance_of_what_is_suspected),
		TEST(marks_are_bounded),
		TEST(one_that_left_is_over),
		TEST(peer_text_is_bounded_and_clean),
		TEST(pages_follow_each_other),
	};
	int rc;

	if (world_begin() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return rc;
}
