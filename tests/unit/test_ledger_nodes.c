/* SPDX-License-Identifier: ISC
 * The record of outages of a cluster: two ledgers over one state, which hear of each
 * other: what both see, what one sees, what was recorded alone, and what is old. */
#include <sys/stat.h>

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
#include "base/mem.h"
#include "tests/unit/nodes_world.h"

static void
an_outage_that_both_see_is_one_record(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(100);
	see(0, HEALTH_DOWN);
	pass(3);
	see(1, HEALTH_DOWN);
	pass(97);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(ledger_open(ledger), 1);
		check_state(PRIMARY, "down");
	}
	all_see(HEALTH_UP);
	pass(2);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	check_num(r, "down_seconds", 97);
	check_num(r, "recovered", json_get_num(r, "failed") + 100);
	check_num(r, "id", 1 * 32 + 1);
	assert_int_equal(cJSON_GetArraySize(json_get(r, "nodes")), 2);
	cJSON_Delete(r);
	assert_int_equal(stored(1, ""), 1);
	assert_int_equal(stored(2, ""), 1);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(ledger_open(ledger), 0);
	}
	pass(100);
	assert_true(ratio(0) > .6 && ratio(0) < .7);
	assert_true(ratio(0) == ratio(1));
}

static void
what_one_sees_is_on_record_and_costs_nothing(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(100);
	see(0, HEALTH_DOWN);
	pass(100);
	on(1);
	assert_int_equal(ledger_open(ledger), 1);
	see(0, HEALTH_UP);
	pass(100);
	r = one(PRIMARY);
	check_num(r, "down_seconds", 0);
	assert_int_equal(cJSON_GetArraySize(json_get(r, "nodes")), 1);
	check_text(r, "state", "over");
	cJSON_Delete(r);
	assert_true(ratio(0) == 1 && ratio(1) == 1);
}

/* Later ones have greater ids, whoever records them. */
static void
ids_follow_time(void **st MX_UNUSED)
{
	double first, second;

	for (unsigned i = 0; i < 3; i++) {
		see(0, HEALTH_DOWN);
		pass(2);
		see(0, HEALTH_UP);
		pass(700);
	}
	on(1);
	cJSON *r = record(PRIMARY);
	first = json_get_num(r, "id");
	cJSON_Delete(r);
	see(1, HEALTH_DOWN);
	pass(2);
	on(0);
	r = record(PRIMARY);
	second = json_get_num(r, "id");
	cJSON_Delete(r);
	assert_true(second > first);
}

/* An outage that lasts for a day is not a row a minute. */
static void
what_goes_on_is_seldom_written(void **st MX_UNUSED)
{
	all_see(HEALTH_DOWN);
	pass(10);
	nputs = 0;
	pass(3600);
	assert_true(nputs <= 2 * (3600 / 30 + 1)); /* that both live */
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		cJSON *r = record(PRIMARY);
		assert_true(json_get_num(r, "down_seconds") >= 3540);
		cJSON_Delete(r);
	}
}

/* Each counts what it took, and a domain that changes hands is no mail. */
static void
a_domain_that_moves_is_counted_once(void **st MX_UNUSED)
{
	struct world_domain a, b;
	cJSON *r;

	on(0);
	domain_create(&a, DOMAIN);
	on(1);
	domain_create(&b, DOMAIN);
	all_see(HEALTH_DOWN);
	on(0);
	domain_state(&a, HEALTH_DOWN);
	mail_comes(&a, 3);
	domain_tell(&a);
	on(1); /* which is not its owner */
	domain_state(&b, HEALTH_DOWN);
	b.is->count.accepted_messages += 2;
	domain_tell(&b);
	pass(100);
	/* all of it is the other's from here on */
	on(0);
	a.is->deferred = 0;
	a.is->oldest_ms = a.is->oldest_live_ms = 0;
	domain_tell(&a);
	on(1);
	b.is->deferred = 5;
	b.is->oldest_ms = b.is->oldest_live_ms = clock_wall_ms() - 100000;
	domain_tell(&b);
	pass(100);
	all_see(HEALTH_UP);
	on(0);
	domain_state(&a, HEALTH_UP);
	domain_tell(&a);
	on(1);
	domain_state(&b, HEALTH_UP);
	domain_tell(&b);
	pass(2);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		check_state(DOMAIN, "draining"); /* by who has it */
		check_state(PRIMARY, "draining");
	}
	on(1);
	mail_goes(&b, 5);
	domain_tell(&b);
	pass(62);
	for (unsigned i = 0; i < 2; i++) {
		r = one(i == 0 ? DOMAIN : PRIMARY);
		check_text(r, "state", "over");
		check_num(r, "accepted", 5);
		check_num(r, "delivered", 5);
		check_num(r, "returned", 0);
		check_num(r, "expired", 0);
		check_num(r, "depth", 5);
		cJSON_Delete(r);
	}
	r = one(DOMAIN);
	cJSON *p = one(PRIMARY);
	check_num(r, "part_of", json_get_num(p, "id"));
	cJSON_Delete(r);
	cJSON_Delete(p);
	domain_free(&a);
	domain_free(&b);
}

static void
what_was_recorded_alone_is_told(void **st MX_UNUSED)
{
	char file[128];
	unsigned least = UINT32_MAX, before;

	node_stop(0, false);
	file_of(file, sizeof(file), 0);
	assert_int_equal(unlink(file), 0);
	while (nstate > 0)
		item_set(state[0].key, NULL);
	/* alone, of that folder */
	struct ledger_ops ops = { .exists = is_there };
	struct book_time t = world_now();
	ledger = ledger_create(&conf, nodes[0].folder, NULL, &ops, &t);
	for (unsigned i = 0; i < 200; i++) {
		primary_is(HEALTH_DOWN);
		world_pass(2);
		primary_is(HEALTH_UP);
		world_pass(700);
	}
	assert_int_equal(count(PRIMARY), 200);
	cJSON *r = record(PRIMARY);
	check_num(r, "id", 200);
	assert_null(json_get(r, "nodes"));
	cJSON_Delete(r);
	world_stop();
	node_start(0);
	for (unsigned i = 0; i < 20; i++) {
		before = stored(1, "");
		pass(1);
		if (stored(1, "") - before < least && i < 3)
			least = stored(1, "") - before;
		assert_true(stored(1, "") - before <= 50); /* a tick */
	}
	assert_true(least > 0);
	assert_int_equal(stored(1, ""), 200);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 200);
	}
	r = record(PRIMARY);
	check_num(r, "id", 200 * 32 + 1);
	cJSON_Delete(r);
	/* and once: not at another start */
	node_stop(0, false);
	node_start(0);
	nputs = 0;
	pass(5);
	assert_true(nputs < 4);
}

static void
what_is_trimmed_leaves_the_state(void **st MX_UNUSED)
{
	conf.max = 100;
	for (unsigned i = 0; i < NODES; i++)
		ledger_configure(nodes[i].ledger, &conf);
	for (unsigned i = 0; i < 110; i++) {
		see(0, HEALTH_DOWN);
		pass(2);
		see(0, HEALTH_UP);
		pass(700);
	}
	pass(5);
	assert_int_equal(stored(1, ""), 100);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 100);
	}
}

/* By the other, once its last word is older than what is kept. */
static void
who_is_gone_for_long_is_forgotten(void **st MX_UNUSED)
{
	conf.keep_ms = DAY_SEC * 1000;
	for (unsigned i = 0; i < NODES; i++)
		ledger_configure(nodes[i].ledger, &conf);
	all_see(HEALTH_UP);
	pass(10);
	see(1, HEALTH_DOWN);
	pass(10);
	node_stop(1, true);
	nodes[1].gone = true;
	pass(100);
	assert_int_equal(stored(2, ""), 1);
	on(0);
	check_state(PRIMARY, "over");
	fake_loop_advance(loop, (DAY_SEC - 1000) * 1000);
	pass(5);
	assert_int_equal(stored(2, ""), 1);
	fake_loop_advance(loop, 2000 * 1000);
	pass(5);
	assert_int_equal(stored(2, ""), 0);
	assert_int_equal(stored(2, "known/"), 0);
	assert_int_equal(stored(2, "alive"), 0);
	assert_int_equal(stored(1, "alive"), 1);
	on(0);
	assert_int_equal(count(PRIMARY), 0);
}

/* One that leaves a node's configuration is not seen up by it. */
static void
who_does_not_look_any_more_says_nothing(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(70);
	missing = PRIMARY; /* for both, as far as that is asked for */
	pass(70);
	see(0, HEALTH_DOWN);
	pass(100);
	see(0, HEALTH_UP);
	pass(10);
	r = one(PRIMARY);
	check_num(r, "down_seconds", 100);
	cJSON_Delete(r);
}

/* More at once than is looked at in a tick: all of it, and in its order. */
static void
much_that_is_told_is_heard_in_its_order(void **st MX_UNUSED)
{
	enum { N = 1000 };
	char key[32], text[200];
	int len;

	on(0);
	for (unsigned i = 1; i <= N; i++) {
		(void)snprintf(key, sizeof(key), "outage/2/%u", i);
		len = snprintf(text, sizeof(text),
		    "1 {\"id\":%u,\"kind\":\"domain\",\"name\":\"d%u.test\","
		    "\"state\":\"over\",\"failed\":%u,\"recovered\":%u}",
		    i, i, 1700000000 + i, 1700000900 + i);
		assert_true(ledger_told(ledger, key, text, (size_t)len));
	}
	for (unsigned i = 1; i <= N; i += 2) {
		(void)snprintf(key, sizeof(key), "outage/2/%u", i);
		assert_true(ledger_told(ledger, key, NULL, 0));
	}
	pass(1);
	assert_true(count(NULL) < N / 2);
	pass(20);
	assert_int_equal(count(NULL), N / 2);
	assert_int_equal(count("d1.test"), 0);
	assert_int_equal(count("d2.test"), 1);
	/* and at the end there may be some left */
	for (unsigned i = 1; i <= N; i++) {
		(void)snprintf(key, sizeof(key), "outage/2/%u", i);
		assert_true(ledger_told(ledger, key, NULL, 0));
	}
}

static void
what_does_not_hold_is_passed_over(void **st MX_UNUSED)
{
	static const char *const keys[] = { "outage/2/7", "outage/2/known/x",
		"outage/2/alive", "outage/2/", "outage/2/what" };
	static const char *const texts[] = { "x", "7", "7 ", "7 {}",
		"9999999999999999999999999 {}", "7 {\"since\":\"x\"}" };

	on(0);
	for (size_t i = 0; i < MX_COUNT(keys); i++)
		for (size_t k = 0; k < MX_COUNT(texts); k++)
			assert_true(ledger_told(ledger, keys[i], texts[k],
			    strlen(texts[k])));
	assert_false(ledger_told(ledger, "outages/2/7", "x", 1));
	assert_false(ledger_told(ledger, "outage/77/7", "x", 1));
	assert_false(ledger_told(ledger, "outage/x", "x", 1));
	pass(2);
	assert_int_equal(count(NULL), 0);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, nodes_setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		T(an_outage_that_both_see_is_one_record),
		T(what_one_sees_is_on_record_and_costs_nothing),
		T(ids_follow_time),
		T(what_goes_on_is_seldom_written),
		T(a_domain_that_moves_is_counted_once),
		T(what_was_recorded_alone_is_told),
		T(what_is_trimmed_leaves_the_state),
		T(who_is_gone_for_long_is_forgotten),
		T(who_does_not_look_any_more_says_nothing),
		T(much_that_is_told_is_heard_in_its_order),
		T(what_does_not_hold_is_passed_over),
	};
#undef T
	int rc;

	if (world_begin() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return rc;
}
