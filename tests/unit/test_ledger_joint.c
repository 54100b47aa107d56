/* SPDX-License-Identifier: ISC
 * One record out of the accounts of several nodes: which of them are one outage, what
 * is shown of it, and how long it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "status/json.h"
#include "tests/unit/joint_world.h"

static void
tell(unsigned node, struct outage *o)
{
	char *text = outage_print(o);
	struct kept_line *line = kept_line_create(text);

	assert_true(joint_put(joint, node, o->id, now_ms, line));
	kept_line_unref(&line);
	mem_free(&text);
	outage_fini(o);
}

static void
told(unsigned node, uint64_t id, int64_t from, int64_t to)
{
	struct outage o = outage_of(OUTAGE_PRIMARY, P, id, from, to);

	tell(node, &o);
}

static void
absent(unsigned node, uint64_t id, int64_t from, int64_t to)
{
	struct outage o = outage_of(OUTAGE_DAEMON, "mxwatchd", id, from, to);

	tell(node, &o);
}

static void
knows(unsigned node, int64_t since)
{
	joint_known(joint, node, P, START + since, 0);
}

static cJSON *
shown(uint64_t id)
{
	struct buf out = BUF_INIT(64u << 20);
	struct kept_query q = { .id = id, .limit = 100000 };
	uint64_t before = 0;
	cJSON *list;
	size_t n;

	assert_int_equal(buf_adds(&out, "["), 0);
	assert_false(kept_page(view, &q, ",", &out, &before));
	n = out.len > 1 ? out.len - 1 : 1;
	out.data[n] = ']';
	list = cJSON_ParseWithLength(out.data, n + 1);
	assert_non_null(list);
	buf_fini(&out);
	return list;
}

/* All that there is, or that id; the caller frees the list. */
static cJSON *
records(int want)
{
	cJSON *list;

	joint_settle(joint, now_ms);
	list = shown(0);
	assert_int_equal(cJSON_GetArraySize(list), want);
	return list;
}

static cJSON *
only(void)
{
	cJSON *list = records(1), *r = cJSON_DetachItemFromArray(list, 0);

	cJSON_Delete(list);
	return r;
}

static void
num(const cJSON *r, const char *key, double want)
{
	double is = json_get_num(r, key);

	if (is < want - .001 || is > want + .001)
		fail_msg("%s is %f, not %f", key, is, want);
}

static void
text(const cJSON *r, const char *key, const char *want)
{
	assert_string_equal(json_get_text(r, key), want);
}

static void
nodes_are(const cJSON *r, const char *want)
{
	char *is = cJSON_PrintUnformatted(json_get(r, "nodes"));

	assert_string_equal(is, want);
	free(is);
}

/* Of one record: how long, and what counts of it. */
static void
lasted(double down, double counts)
{
	cJSON *r = only();

	num(r, "down_seconds", down);
	num(r, "maintenance_seconds", down - counts);
	cJSON_Delete(r);
	assert_int_equal(kept_down_ms(view, P, START, NOW, NOW),
	    (int64_t)(counts * 1000));
}

/* ---- which are one */

static void
what_overlaps_is_one(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_PRIMARY, P, 7, 1000, 1100);
	struct outage b = outage_of(OUTAGE_PRIMARY, P, 3, 1020, 1120);
	cJSON *r;

	a.accepted = 2;
	a.delivered = 1;
	a.depth = 9;
	a.age_ms = 4000;
	b.accepted = 3;
	b.delivered = 4;
	b.refused = 5;
	b.returned = 6;
	b.expired = 7;
	b.depth = 4;
	b.age_ms = 90000;
	b.peak_rate = 1.5;
	b.flaps = 0;
	b.detected = START + 1002; /* by more probes */
	a.domains = b.domains = 40;
	a.recorded = 3;
	outage_text_set(&a.reply, "connect: refused");
	outage_text_set(&b.reply, "another");
	tell(2, &b);
	tell(1, &a);
	knows(1, 0);
	knows(2, 0);
	r = only();
	num(r, "id", 3 * 32 + 2);
	text(r, "state", "over");
	num(r, "failed", (double)(START + 1000));
	num(r, "detected", (double)(START + 1002));
	num(r, "detected_after_seconds", 2);
	num(r, "recovered", (double)(START + 1120));
	text(r, "reply", "connect: refused");
	num(r, "accepted", 5);
	num(r, "delivered", 5);
	num(r, "refused", 5);
	num(r, "returned", 6);
	num(r, "expired", 7);
	num(r, "depth", 9);
	num(r, "age_seconds", 90);
	num(r, "peak_rate", 1.5);
	num(r, "domains", 40);
	num(r, "recorded", 3);
	num(r, "unwatched_seconds", 0);
	nodes_are(r, "[\"mx1\",\"mx2\"]");
	cJSON_Delete(r);
	lasted(80, 80);
	assert_true(changes > 0);
}

static void
what_is_apart_is_not(void **state MX_UNUSED)
{
	struct outage o = outage_of(OUTAGE_DOMAIN, P, 3, 1000, 1100);

	told(1, 1, 1000, 1100);
	told(2, 1, 1101, 1200);
	tell(2, &o);
	cJSON_Delete(records(3));
	told(2, 1, 1100, 1200); /* clocks have seconds here */
	cJSON_Delete(records(2));
}

static void
one_that_lies_between_makes_two_one(void **state MX_UNUSED)
{
	cJSON *r, *list;

	told(1, 1, 1000, 1100);
	told(1, 2, 1300, 1400);
	list = records(2);
	cJSON_Delete(list);
	told(2, 9, 1050, 1350);
	r = only();
	num(r, "id", 33);
	num(r, "recovered", (double)(START + 1400));
	cJSON_Delete(r);
	/* and it is told in another way: from the first on they are two */
	told(2, 9, 1050, 1200);
	list = records(2);
	num(cJSON_GetArrayItem(list, 0), "id", 2 * 32 + 1);
	cJSON_Delete(list);
	/* found by the id of each */
	list = shown(9 * 32 + 2);
	assert_int_equal(cJSON_GetArraySize(list), 1);
	num(cJSON_GetArrayItem(list, 0), "id", 33);
	cJSON_Delete(list);
	list = shown(9 * 32 + 3);
	assert_int_equal(cJSON_GetArraySize(list), 0);
	cJSON_Delete(list);
}

static void
one_that_is_trimmed_takes_its_share_along(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_PRIMARY, P, 1, 1000, 1100);
	struct outage b = outage_of(OUTAGE_PRIMARY, P, 2, 1050, 1200);
	cJSON *r;

	a.accepted = 1;
	b.accepted = 2;
	tell(1, &a);
	tell(2, &b);
	r = only();
	num(r, "id", 33);
	cJSON_Delete(r);
	joint_drop(joint, 1, 1);
	joint_drop(joint, 1, 1);
	r = only();
	num(r, "id", 2 * 32 + 2);
	num(r, "accepted", 2);
	num(r, "failed", (double)(START + 1050));
	nodes_are(r, "[\"mx2\"]");
	cJSON_Delete(r);
	joint_drop(joint, 2, 2);
	cJSON_Delete(records(0));
	assert_int_equal(joint_count(joint), 0);
}

/* A node that goes on for weeks holds together no more than so many. */
static void
a_record_has_so_many_accounts(void **state MX_UNUSED)
{
	told(2, 1, 10, 99000);
	for (unsigned i = 0; i < 150; i++)
		told(1, i + 1, 100 + 20 * i, 110 + 20 * i);
	cJSON_Delete(records(1 + 150 - 99));
}

static void
much_is_made_some_a_tick(void **state MX_UNUSED)
{
	char name[32];
	struct outage o;
	unsigned ticks = 0;

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "d%u.test", i);
		o = outage_of(OUTAGE_DOMAIN, name, i + 1, i, i + 50);
		tell(1, &o);
	}
	while (kept_count(view) < 1000 && ticks++ < 100) {
		unsigned before = kept_count(view);

		joint_tick(joint, now_ms);
		assert_in_range(kept_count(view) - before, 1, 100);
	}
	assert_int_equal(kept_count(view), 1000);
	/* those of one name as well */
	for (unsigned i = 0; i < 1000; i++)
		told(2, i + 1, 100 * i, 100 * i + 50);
	joint_tick(joint, now_ms);
	assert_in_range(kept_count(view), 1001, 1100);
	for (ticks = 0; kept_count(view) < 2000 && ticks < 100; ticks++)
		joint_tick(joint, now_ms);
	assert_int_equal(kept_count(view), 2000);
	assert_true(ticks > 5);
}

/* ---- how long it counts */

static void
who_sees_it_up_says_that_it_is(void **state MX_UNUSED)
{
	cJSON *r;

	told(1, 1, 1000, 1100);
	knows(1, 0);
	lasted(100, 100); /* nobody else knows it */
	knows(2, 0);
	lasted(0, 0);
	r = only();
	nodes_are(r, "[\"mx1\"]");
	num(r, "unwatched_seconds", 0);
	cJSON_Delete(r);
	knows(2, 1060); /* it does since then */
	lasted(60, 60);
	joint_known(joint, 2, P, START, START + 1030); /* did until then */
	lasted(70, 70);
	joint_known(joint, 2, P, 0, 0);
	lasted(100, 100);
}

static void
who_was_away_says_nothing(void **state MX_UNUSED)
{
	told(1, 1, 1000, 1100);
	knows(1, 0);
	knows(2, 0);
	absent(2, 5, 1010, 1040);
	cJSON_Delete(records(2));
	assert_int_equal(kept_down_ms(view, P, START, NOW, NOW), 30000);
	joint_drop(joint, 2, 5);
	lasted(0, 0);
	/* and who is gone said its last word */
	joint_said(joint, 2, START + 1040);
	dead[2] = true;
	lasted(60, 60);
	dead[2] = false;
	lasted(0, 0);
}

static void
flaps_and_windows_are_spread(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_PRIMARY, P, 1, 1000, 1100);
	struct outage b = outage_of(OUTAGE_PRIMARY, P, 1, 1050, 1150);
	cJSON *list;

	knows(1, 0);
	a.down_ms = 50000; /* half of the time */
	a.maintenance_ms = 20000;
	a.flaps = 3;
	tell(1, &a);
	lasted(50, 30);
	knows(2, 0);
	b.down_ms = 80000;
	b.flaps = 2;
	tell(2, &b);
	lasted(25, 15); /* in 1050 to 1100, of what mx1 says */
	list = shown(0);
	num(cJSON_GetArrayItem(list, 0), "flaps", 3);
	cJSON_Delete(list);
}

static void
of_domains_each_account_counts(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_DOMAIN, D, 1, 1000, 1100);
	struct outage b = outage_of(OUTAGE_DOMAIN, D, 1, 1050, 1150);
	cJSON *r;

	tell(1, &a);
	tell(2, &b);
	r = only();
	num(r, "down_seconds", 150);
	cJSON_Delete(r);
}

static void
an_absence_counts_while_nobody_is_there(void **state MX_UNUSED)
{
	cJSON *list;

	absent(1, 1, 1000, 1100);
	list = records(1);
	num(cJSON_GetArrayItem(list, 0), "unwatched_seconds", 100);
	nodes_are(cJSON_GetArrayItem(list, 0), "[\"mx1\"]");
	cJSON_Delete(list);
	knows(2, 500);
	list = records(1);
	num(cJSON_GetArrayItem(list, 0), "unwatched_seconds", 0);
	cJSON_Delete(list);
	knows(2, 1030); /* it is there since then */
	list = records(1);
	num(cJSON_GetArrayItem(list, 0), "unwatched_seconds", 30);
	cJSON_Delete(list);
	knows(2, 500);
	knows(1, 0);
	absent(2, 1, 1060, 1200);
	list = records(2);
	num(cJSON_GetArrayItem(list, 0), "unwatched_seconds", 40);
	num(cJSON_GetArrayItem(list, 1), "unwatched_seconds", 40);
	cJSON_Delete(list);
	/* the same 40 s, and once */
	assert_int_equal(kept_down_ms(view, NULL, START, NOW, NOW), 40000);
}

/* One node alone: as it says it. */
static void
of_one_node_it_is_what_it_says(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_PRIMARY, P, 4, 1000, 1100);
	cJSON *r;

	a.down_ms = 61234;
	a.unwatched_ms = 38000;
	a.maintenance_ms = 1234;
	a.drain_ms = 7000;
	a.gone = true;
	a.first_delivery = START + 1103;
	a.drained = START + 1107;
	outage_mark_add(&a, OUTAGE_MARK_RESTART, START + 1050, "mxwatchd",
	    "not watched for 38s");
	knows(1, 0);
	tell(1, &a);
	r = only();
	num(r, "down_seconds", 61.234);
	num(r, "unwatched_seconds", 38);
	num(r, "maintenance_seconds", 1.234);
	num(r, "drain_seconds", 7);
	num(r, "first_delivery", (double)(START + 1103));
	num(r, "drained", (double)(START + 1107));
	assert_true(json_get_bool(r, "gone"));
	text(cJSON_GetArrayItem(json_get(r, "marks"), 0), "who", "mx1");
	cJSON_Delete(r);
}

/* ---- what goes on */

static void
an_account_ends_with_its_node(void **state MX_UNUSED)
{
	cJSON *r;

	knows(1, 0);
	told(1, 1, 90000, 0);
	joint_said(joint, 1, NOW - 20);
	now_ms += 40000;
	r = only();
	text(r, "state", "down");
	assert_true(cJSON_IsNull(json_get(r, "recovered")));
	num(r, "down_seconds", 10040);
	cJSON_Delete(r);
	assert_int_equal(kept_open(view), 1);
	dead[1] = true;
	r = only();
	text(r, "state", "over");
	num(r, "recovered", (double)NOW); /* as of when it told */
	num(r, "down_seconds", 10000);
	cJSON_Delete(r);
	assert_int_equal(kept_open(view), 0);
	joint_said(joint, 1, NOW + 15);
	r = only();
	num(r, "recovered", (double)(NOW + 15));
	num(r, "down_seconds", 10015);
	cJSON_Delete(r);
	dead[1] = false;
	r = only();
	text(r, "state", "down");
	num(r, "down_seconds", 10040);
	cJSON_Delete(r);
}

/* Two that were apart while one was taken for gone. */
static void
a_node_that_returns_joins_what_it_goes_on_with(void **state MX_UNUSED)
{
	cJSON *r;

	dead[1] = true;
	now_ms = (START + 91000) * 1000;
	told(1, 9, 90000, 0);
	now_ms = NOW * 1000;
	told(2, 1, 92500, 93000);
	cJSON_Delete(records(2));
	dead[1] = false;
	r = only();
	num(r, "id", 34);
	text(r, "state", "down");
	cJSON_Delete(r);
}

static void
who_is_furthest_from_over_says(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_PRIMARY, P, 1, 1000, 1100);
	struct outage b = outage_of(OUTAGE_PRIMARY, P, 1, 1010, 1090);
	cJSON *r;

	a.state = OUTAGE_DRAINING;
	a.drained = 0;
	a.drain_ms = 5000;
	b.first_delivery = START + 1095;
	b.drained = START + 1099;
	tell(1, &a);
	tell(2, &b);
	now_ms += 3000;
	r = only();
	text(r, "state", "draining");
	num(r, "recovered", (double)(START + 1100));
	num(r, "drain_seconds", 8);
	assert_true(cJSON_IsNull(json_get(r, "drained")));
	cJSON_Delete(r);
	dead[1] = true; /* the mail that it had is another's */
	r = only();
	text(r, "state", "over");
	num(r, "drained", (double)(START + 1099));
	num(r, "first_delivery", (double)(START + 1095));
	cJSON_Delete(r);
	dead[1] = false;
	r = only();
	text(r, "state", "draining");
	cJSON_Delete(r);
}

static void
what_goes_on_is_made_anew_now_and_then(void **state MX_UNUSED)
{
	cJSON *list;

	told(1, 1, 99000, 0);
	joint_tick(joint, now_ms);
	for (unsigned i = 0; i < 61; i++) {
		now_ms += 1000;
		joint_tick(joint, now_ms);
	}
	list = shown(0);
	num(cJSON_GetArrayItem(list, 0), "down_seconds", 1060);
	cJSON_Delete(list);
}

/* ---- marks, and what it is a part of */

static void
a_mark_of_two_is_one(void **state MX_UNUSED)
{
	struct outage a = outage_of(OUTAGE_PRIMARY, P, 1, 1000, 1100);
	struct outage b = outage_of(OUTAGE_PRIMARY, P, 1, 1000, 1100);
	const cJSON *m;
	cJSON *r;

	outage_mark_add(&a, OUTAGE_MARK_MAINTENANCE, START + 1010, "begin",
	    "a disk");
	outage_mark_add(&b, OUTAGE_MARK_MAINTENANCE, START + 1012, "begin",
	    "a disk");
	outage_mark_add(&b, OUTAGE_MARK_OPERATOR, START + 1013, "uid 0", "x");
	outage_mark_add(&b, OUTAGE_MARK_OPERATOR, START + 1013, "uid 0", "x");
	outage_mark_add(&a, OUTAGE_MARK_MAINTENANCE, START + 1040, "end",
	    "a disk");
	outage_mark_add(&b, OUTAGE_MARK_MAINTENANCE, START + 1060, "end",
	    "a disk");
	tell(1, &a);
	tell(2, &b);
	r = only();
	m = json_get(r, "marks");
	assert_int_equal(cJSON_GetArraySize(m), 5);
	num(cJSON_GetArrayItem(m, 0), "at", (double)(START + 1010));
	text(cJSON_GetArrayItem(m, 1), "what", "operator");
	text(cJSON_GetArrayItem(m, 4), "who", "end");
	num(cJSON_GetArrayItem(m, 4), "at", (double)(START + 1060));
	cJSON_Delete(r);
}

static void
a_domain_is_a_part_of_what_its_primary_is_in(void **state MX_UNUSED)
{
	struct outage d = outage_of(OUTAGE_DOMAIN, D, 8, 1000, 1100);
	cJSON *list;

	d.part_of = 7;
	outage_text_set(&d.primary, P);
	tell(2, &d); /* before its primary is heard of */
	list = records(1);
	num(cJSON_GetArrayItem(list, 0), "part_of", 7 * 32 + 2);
	cJSON_Delete(list);
	told(2, 7, 1000, 1100);
	cJSON_Delete(records(2));
	told(1, 3, 1020, 1110);
	list = records(2);
	num(cJSON_GetArrayItem(list, 0), "id", 8 * 32 + 2);
	num(cJSON_GetArrayItem(list, 0), "part_of", 3 * 32 + 1);
	text(cJSON_GetArrayItem(list, 0), "primary", P);
	cJSON_Delete(list);
	joint_drop(joint, 1, 3);
	list = records(2);
	num(cJSON_GetArrayItem(list, 0), "part_of", 7 * 32 + 2);
	cJSON_Delete(list);
}

/* By its name, as soon as that is known, and the first by the alphabet. */
static void
nodes_have_names(void **state MX_UNUSED)
{
	cJSON *r;

	told(1, 1, 1000, 1100);
	told(9, 1, 1000, 1100);
	r = only();
	nodes_are(r, "[\"mx1\",\"node 9\"]");
	cJSON_Delete(r);
	joint_named(joint, 9, "a");
	r = only();
	nodes_are(r, "[\"a\",\"mx1\"]");
	cJSON_Delete(r);
	joint_named(joint, 2, "");
	joint_named(joint, 3, "");
	joint_drop(joint, 9, 1);
	r = only();
	nodes_are(r, "[\"mx1\"]");
	cJSON_Delete(r);
	joint_named(joint, 9, ""); /* there is no other */
	r = only();
	assert_null(json_get(r, "nodes"));
	cJSON_Delete(r);
	joint_named(joint, 2, "mx2");
	r = only();
	nodes_are(r, "[\"mx1\"]");
	cJSON_Delete(r);
}

/* ---- what is no account, and what is old */

static void
what_makes_no_sense_is_none(void **state MX_UNUSED)
{
	struct outage o = outage_of(OUTAGE_PRIMARY, P, 1, 1000, 1100);
	char *good = outage_print(&o);
	struct kept_line *line = kept_line_create(good);
	struct kept_line *bad = kept_line_create("{}");

	assert_false(joint_put(joint, 0, 1, 1, line));
	assert_false(joint_put(joint, JOINT_NODES, 1, 1, line));
	assert_false(joint_put(joint, 1, 2, 1, line)); /* another's id */
	assert_false(joint_put(joint, 1, 1, 1, bad));
	joint_known(joint, JOINT_NODES, P, 1, 0);
	joint_said(joint, JOINT_NODES, 1);
	joint_named(joint, JOINT_NODES, "x");
	assert_int_equal(joint_count(joint), 0);
	cJSON_Delete(records(0));
	kept_line_unref(&line);
	kept_line_unref(&bad);
	mem_free(&good);
	outage_fini(&o);
}

static unsigned olds, old_known, old_nodes;

static void
on_old(void *arg MX_UNUSED, unsigned node, uint64_t id, const char *label)
{
	if (id != 0) {
		olds++;
		if (dead[node])
			joint_drop(joint, node, id);
	} else if (label != NULL) {
		old_known++;
		assert_true(dead[node]);
		joint_known(joint, node, label, 0, 0);
	} else {
		old_nodes++;
		joint_said(joint, node, 0);
	}
}

static void
who_is_gone_is_forgotten_in_the_end(void **state MX_UNUSED)
{
	olds = old_known = old_nodes = 0;
	told(1, 1, 1000, 1100);
	told(2, 1, 1000, 1100);
	told(2, 2, 2000, 0);
	told(2, 3, 80000, 90000);
	knows(1, 0);
	knows(2, 0);
	joint_said(joint, 1, START + 3000);
	joint_said(joint, 2, START + 3000);
	joint_settle(joint, now_ms);
	joint_old(joint, START + 1100, on_old, NULL); /* not yet */
	assert_int_equal(olds, 0);
	dead[2] = true;
	joint_settle(joint, now_ms);
	for (unsigned i = 0; i < 5; i++)
		joint_old(joint, START + 4000, on_old, NULL);
	/* of who lives each time, for whoever calls to say no; what goes on
	 * was told just now */
	assert_int_equal(joint_count(joint), 3);
	assert_int_equal(old_known + old_nodes, 0);
	for (unsigned i = 0; i < 5; i++)
		joint_old(joint, NOW + 1, on_old, NULL);
	assert_int_equal(joint_count(joint), 1);
	assert_int_equal(old_known, 1);
	assert_int_equal(old_nodes, 1);
	assert_int_equal(joint_since(joint, P), START);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(what_overlaps_is_one),
		T(what_is_apart_is_not),
		T(one_that_lies_between_makes_two_one),
		T(one_that_is_trimmed_takes_its_share_along),
		T(a_record_has_so_many_accounts),
		T(much_is_made_some_a_tick),
		T(who_sees_it_up_says_that_it_is),
		T(who_was_away_says_nothing),
		T(flaps_and_windows_are_spread),
		T(of_domains_each_account_counts),
		T(an_absence_counts_while_nobody_is_there),
		T(of_one_node_it_is_what_it_says),
		T(an_account_ends_with_its_node),
		T(a_node_that_returns_joins_what_it_goes_on_with),
		T(who_is_furthest_from_over_says),
		T(what_goes_on_is_made_anew_now_and_then),
		T(a_mark_of_two_is_one),
		T(a_domain_is_a_part_of_what_its_primary_is_in),
		T(nodes_have_names),
		T(what_makes_no_sense_is_none),
		T(who_is_gone_is_forgotten_in_the_end),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
