/* SPDX-License-Identifier: ISC
 * The record of outages of a cluster when something is gone: a node, its disk, its
 * place, or the engine. */
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
a_node_that_is_killed_leaves_what_it_saw(void **st MX_UNUSED)
{
	cJSON *r;
	double id;

	all_see(HEALTH_UP);
	pass(10);
	all_see(HEALTH_DOWN);
	pass(100);
	on(1);
	r = record(PRIMARY);
	id = json_get_num(r, "id");
	cJSON_Delete(r);
	node_stop(0, true);
	nodes[0].gone = true;
	pass(100);
	on(1);
	check_state(PRIMARY, "down");
	see(1, HEALTH_UP);
	pass(2);
	on(1);
	assert_int_equal(count(PRIMARY), 1);
	r = record(PRIMARY);
	check_text(r, "state", "over"); /* that of the dead ended with it */
	check_num(r, "id", id);
	assert_true(json_get_num(r, "down_seconds") >= 199);
	cJSON_Delete(r);
	/* and it returns, and sees it up */
	node_start(0);
	see(0, HEALTH_UP);
	pass(5);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	check_num(r, "id", id);
	cJSON_Delete(r);
	/* somebody was there all the time */
	r = one("mxwatchd");
	check_num(r, "unwatched_seconds", 0);
	cJSON_Delete(r);
}

/* It was away with an outage open, of which the others saw the end, and another one. */
static void
who_was_away_holds_nothing_together(void **st MX_UNUSED)
{
	cJSON *r;
	double ended;

	all_see(HEALTH_UP);
	pass(10);
	all_see(HEALTH_DOWN);
	pass(100);
	node_stop(0, true);
	nodes[0].gone = true;
	pass(100);
	ended = (double)clock_wall();
	see(1, HEALTH_UP);
	pass(1000);
	see(1, HEALTH_DOWN);
	pass(100);
	see(1, HEALTH_UP);
	pass(1000);
	node_start(0);
	pass(2);
	see(0, HEALTH_UP);
	pass(2);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 2);
		assert_int_equal(ledger_open(ledger), 0);
		r = record(PRIMARY);
		check_num(r, "down_seconds", 100);
		cJSON_Delete(r);
	}
	/* the older one: by the id of our account */
	cJSON *list = records(PRIMARY);
	check_num(cJSON_GetArrayItem(list, 1), "recovered", ended);
	cJSON_Delete(list);
}

/* Others still see it down: our account goes on as well. */
static void
who_was_away_goes_on_with_others(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(10);
	all_see(HEALTH_DOWN);
	pass(100);
	node_stop(0, true);
	nodes[0].gone = true;
	pass(200);
	node_start(0);
	see(0, HEALTH_DOWN);
	pass(100);
	assert_int_equal(stored(1, ""), 2); /* with that of the absence */
	all_see(HEALTH_UP);
	pass(2);
	assert_int_equal(stored(1, ""), 2);
	r = one(PRIMARY);
	check_num(r, "unwatched_seconds", 0);
	assert_true(json_get_num(r, "down_seconds") > 398);
	cJSON_Delete(r);
}

/* Nobody else was there: it goes on, as it does alone. */
static void
who_was_away_alone_goes_on(void **st MX_UNUSED)
{
	node_stop(1, false);
	nodes[1].gone = true;
	see(0, HEALTH_UP);
	pass(10);
	see(0, HEALTH_DOWN);
	pass(100);
	node_stop(0, true);
	pass(200);
	node_start(0);
	pass(5);
	see(0, HEALTH_UP);
	pass(2);
	on(0);
	assert_int_equal(count(PRIMARY), 1);
	cJSON *r = record(PRIMARY);
	check_num(r, "unwatched_seconds", 200);
	check_text(cJSON_GetArrayItem(json_get(r, "marks"), 0), "what",
	    "restart");
	cJSON_Delete(r);
}

static void
while_the_engine_is_away_each_records(void **st MX_UNUSED)
{
	cJSON *r;

	all_see(HEALTH_UP);
	pass(50);
	nodes[0].away = nodes[1].away = true;
	pass(10);
	all_see(HEALTH_DOWN);
	pass(100);
	assert_int_equal(stored(1, "") + stored(2, ""), 0);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 1);
		check_state(PRIMARY, "down");
	}
	nputs = 0;
	pass(50);
	assert_int_equal(nputs, 0);
	/* one of them ends before it is back */
	node_stop(1, false);
	node_start(1);
	nodes[0].away = nodes[1].away = false;
	pass(5);
	all_see(HEALTH_DOWN);
	pass(20);
	all_see(HEALTH_UP);
	pass(5);
	r = one(PRIMARY);
	check_text(r, "state", "over");
	assert_int_equal(cJSON_GetArraySize(json_get(r, "nodes")), 2);
	assert_true(json_get_num(r, "down_seconds") > 170);
	cJSON_Delete(r);
}

/* Its place was another's, and it joins again. */
static void
what_is_refused_is_put_again(void **st MX_UNUSED)
{
	nodes[0].refused = true;
	see(0, HEALTH_DOWN);
	pass(5);
	assert_int_equal(stored(1, ""), 0);
	on(1);
	assert_int_equal(count(PRIMARY), 0);
	nputs = 0;
	pass(1);
	assert_in_range(nputs, 1, 5); /* each once a tick */
	nodes[0].refused = false;
	pass(2);
	assert_int_equal(stored(1, ""), 1);
	on(1);
	check_state(PRIMARY, "down");
}

/* One that is over, and one that goes on: all is as it was, but for the gap. */
static void
a_disk_that_is_lost_is_no_loss(void **st MX_UNUSED)
{
	cJSON *r, *q;
	char file[128];
	double id;

	see(0, HEALTH_UP);
	pass(10);
	see(0, HEALTH_DOWN);
	pass(100);
	see(0, HEALTH_UP);
	pass(700);
	see(0, HEALTH_DOWN);
	pass(100);
	on(0);
	assert_int_equal(count(PRIMARY), 2);
	r = record(PRIMARY);
	id = json_get_num(r, "id");
	cJSON_Delete(r);
	node_stop(0, true);
	nodes[0].gone = true;
	pass(200);
	file_of(file, sizeof(file), 0);
	assert_int_equal(unlink(file), 0);
	node_start(0);
	pass(10);
	on(0);
	assert_int_equal(count(PRIMARY), 2);
	r = record(PRIMARY);
	check_num(r, "id", id);
	check_text(r, "state", "down");
	assert_true(json_get_num(r, "unwatched_seconds") >= 199);
	assert_true(json_get_num(r, "unwatched_seconds") <= 231);
	cJSON_Delete(r);
	see(0, HEALTH_UP);
	pass(700);
	see(0, HEALTH_DOWN); /* another one: its id lies behind */
	pass(100);
	on(0);
	assert_int_equal(count(PRIMARY), 3);
	r = record(PRIMARY);
	assert_true(json_get_num(r, "id") > id);
	cJSON_Delete(r);
	on(1);
	assert_int_equal(count(PRIMARY), 3);
	assert_int_equal(access(file, R_OK), 0);
	/* since when it knows the primary as well */
	q = record("mxwatchd");
	check_text(q, "state", "over");
	cJSON_Delete(q);
	struct availability_ratios a;
	availability_get(ledger_availability(nodes[0].ledger), PRIMARY, &a);
	assert_true(a.since < clock_wall() - 1900);
}

/* The engine has no answer yet, and the file is gone: nothing is written over. */
static void
what_cannot_be_read_is_not_written_over(void **st MX_UNUSED)
{
	char file[128];
	char *was;

	see(0, HEALTH_DOWN);
	pass(2);
	see(0, HEALTH_UP);
	pass(700);
	was = mem_strdup(item_find("outage/1/1")->text);
	node_stop(0, true);
	file_of(file, sizeof(file), 0);
	assert_int_equal(unlink(file), 0);
	struct item all[STATE_MAX];
	unsigned n = nstate;
	memcpy(all, state, sizeof(all));
	nstate = 0;
	nodes[0].away = true;
	node_start(0);
	nstate = n;
	memcpy(state, all, sizeof(all));
	see(0, HEALTH_DOWN);
	pass(2);
	nodes[0].away = false;
	pass(5);
	assert_string_equal(item_find("outage/1/1")->text, was);
	mem_free(&was);
	/* it is told what it said before */
	assert_true(ledger_told(nodes[0].ledger, "outage/1/1",
	    item_find("outage/1/1")->text,
	    strlen(item_find("outage/1/1")->text)));
	pass(2);
	for (unsigned i = 0; i < NODES; i++) {
		on(i);
		assert_int_equal(count(PRIMARY), 2);
	}
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, nodes_setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		T(a_node_that_is_killed_leaves_what_it_saw),
		T(who_was_away_holds_nothing_together),
		T(who_was_away_goes_on_with_others),
		T(who_was_away_alone_goes_on),
		T(while_the_engine_is_away_each_records),
		T(what_is_refused_is_put_again),
		T(a_disk_that_is_lost_is_no_loss),
		T(what_cannot_be_read_is_not_written_over),
	};
#undef T
	int rc;

	if (world_begin() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_end();
	return rc;
}
