/* SPDX-License-Identifier: ISC
 * test_cluster_show: what a cluster knows, through the snapshot into the status
 * document; and that nothing is there without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cluster_show.h"
#include "fake_cluster.h"
#include "status/status_json.h"

#define WALL INT64_C(1795368000000)

static struct cluster
three(void)
{
	struct cluster c = {
		.node = {
			{ .id = 1, .name = "mx2", .state = CLUSTER_LIVE,
			    .silent_ms = 200, .domains = 2, .version = "1.0.0",
			    .config = "aaaa", .hostname = "mx2.test",
			    .url = "", .us = true },
			{ .id = 2, .name = "mx3", .state = CLUSTER_LEFT,
			    .silent_ms = 300, .version = "1.0.1",
			    .config = "bbbb", .hostname = "mx3.test",
			    .url = "https://mx3.test/" },
			{ .id = 3, .name = "mx4", .state = CLUSTER_DEAD,
			    .silent_ms = 31000, .domains = 1, .version = "",
			    .config = "", .hostname = "", .url = "" },
		},
		.nnodes = 3,
		.view = { .node = 1, .nodes = 3, .live = 2, .missing = 1,
		    .domains = 3, .ours = 2, .unowned = 1, .leaving = 1,
		    .differing = 1, .name = "mx2" },
		.store = { .away_ms = WALL - 90000, .alone = true },
		.owner = 2,
		.senders = 0x6,
	};

	return c;
}

/* What the loop thread does at a tick, with one domain. */
static struct snapshot *
show(const struct cluster *c, const char *domain)
{
	struct snapshot *s = snapshot_create();
	struct snap_domain *block = snap_domain_create(domain, 1), *made;
	struct snap_verdict room[SNAP_NODES];

	s->wall_ms = WALL;
	block->local = 3;
	block->local_oldest_ms = WALL - 700000;
	cluster_show_domain(c, block, room);
	made = snap_domain_copy(block);
	snap_domain_unref(&block);
	/* What is shown has to be the block's own. */
	memset(room, 0xa5, sizeof(room));
	snap_list_merge(&s->domains, &made, 1);
	s->cluster.local_messages = 5;
	s->cluster.local_oldest_ms = WALL - 800000;
	cluster_show(c, (const struct store *)(const void *)c, true, s);
	return s;
}

static cJSON *
document(struct snapshot *s)
{
	char *text = status_json(s, WALL, false);
	cJSON *o = cJSON_Parse(text);

	assert_non_null(o);
	free(text);
	return o;
}

static void
nothing_without_one(void **state)
{
	struct snapshot *s = snapshot_create();
	struct snap_domain *d = snapshot_add(s, "a.test", 0);
	struct snap_host h = { 0 };
	cJSON *o;

	(void)state;
	cluster_show_domain(NULL, d, NULL);
	cluster_show_primary(NULL, "mx.test", &h);
	cluster_show(NULL, NULL, true, s);
	assert_true(d->ours);
	assert_false(d->shared);
	assert_string_equal(d->owner, "");
	assert_false(h.told_by_another);
	assert_false(s->cluster.on);
	o = document(s);
	assert_true(cJSON_IsNull(json_get(o, "cluster")));
	assert_null(json_get(json_get(o, "domains")->child, "owner"));
	assert_null(json_get(json_get(o, "domains")->child, "verdicts"));
	cJSON_Delete(o);
	snapshot_unref(&s);
}

static void
nodes_are_shown(void **state)
{
	struct cluster c = three();
	struct snapshot *s = show(&c, "a.test");
	const struct snap_node *n = s->cluster.node_list;

	(void)state;
	assert_true(s->cluster.on);
	assert_int_equal(s->cluster.nnodes, 3);
	assert_true(n[0].us && n[0].up && !n[0].differs);
	assert_true(n[1].up && n[1].differs);
	assert_string_equal(n[1].state_name, "left");
	/* One that is gone, or has told nothing, differs from nobody. */
	assert_true(!n[2].up && n[2].missing && !n[2].differs);
	assert_false(n[0].missing || n[1].missing);
	assert_int_equal((int)n[2].silent_seconds, 31);
	assert_string_equal(s->cluster.node, "mx2");
	assert_true(s->cluster.speaks);
	assert_false(s->cluster.synchronous);
	assert_int_equal(s->cluster.away_ms, WALL - 90000);
	/* As the queue has it. */
	assert_int_equal(s->cluster.local_messages, 5);
	assert_int_equal(s->cluster.local_oldest_ms, WALL - 800000);
	snapshot_unref(&s);
	c.silent = "cluster";
	s = show(&c, "a.test");
	assert_false(s->cluster.speaks);
	snapshot_unref(&s);
}

static void
a_domain_has_an_owner_and_verdicts(void **state)
{
	struct cluster c = three();
	struct snapshot *s;
	const struct snap_domain *d;
	char cause[] = "refused";
	struct snap_host h = { 0 };

	(void)state;
	c.verdict[0] =
	    (struct cluster_verdict){ 1, HEALTH_DOWN, WALL / 1000 - 60, cause };
	c.verdict[1] =
	    (struct cluster_verdict){ 2, HEALTH_UP, WALL / 1000 - 600, "" };
	c.nverdicts = 2;
	s = show(&c, "a.test");
	memset(cause, 'x', sizeof(cause) - 1);
	d = snapshot_find(s, "a.test");
	assert_true(d->shared && !d->ours);
	assert_string_equal(d->owner, "mx3");
	assert_int_equal(d->nverdicts, 2);
	assert_string_equal(d->verdict[0].node, "mx2");
	assert_string_equal(d->verdict[0].state_name, "down");
	assert_string_equal(d->verdict[0].cause, "refused");
	assert_string_equal(d->verdict[1].node, "mx3");
	assert_int_equal(d->verdict[1].since, WALL / 1000 - 600);
	snapshot_unref(&s);
	c.owner = 0;
	s = show(&c, "a.test");
	assert_string_equal(snapshot_find(s, "a.test")->owner, "");
	assert_false(snapshot_find(s, "a.test")->ours);
	snapshot_unref(&s);
	cluster_show_primary(&c, "mx.test", &h);
	assert_false(h.told_by_another);
	assert_int_equal(h.owners, 2);
	c.silent = "mx.test";
	cluster_show_primary(&c, "mx.test", &h);
	assert_true(h.told_by_another);
}

static void
the_document_has_it(void **state)
{
	struct cluster c = three();
	struct snapshot *s;
	const cJSON *j, *node;
	cJSON *o;

	(void)state;
	c.verdict[0] = (struct cluster_verdict){ 1, HEALTH_DOWN,
		WALL / 1000 - 60, "a\x1b refusal" };
	c.nverdicts = 1;
	s = show(&c, "a.test");
	o = document(s);
	j = json_get(o, "cluster");
	assert_string_equal(json_get_text(j, "node"), "mx2");
	assert_int_equal(json_get_int(json_get(j, "engine"), "away_since"),
	    WALL / 1000 - 90);
	assert_false(json_get_bool(json_get(j, "engine"), "synchronous"));
	assert_int_equal(json_get_int(json_get(j, "local"), "messages"), 5);
	assert_int_equal(json_get_int(json_get(j, "domains"), "unowned"), 1);
	node = json_get(j, "nodes")->child->next;
	assert_string_equal(json_get_text(node, "node"), "mx3");
	assert_true(json_get_bool(node, "config_differs"));
	assert_string_equal(json_get_text(node, "url"), "https://mx3.test/");
	assert_string_equal(json_get_text(node->next, "state"), "dead");
	j = json_get(o, "domains")->child;
	assert_string_equal(json_get_text(j, "owner"), "mx3");
	j = json_get(j, "verdicts")->child;
	assert_string_equal(json_get_text(j, "node"), "mx2");
	assert_string_equal(json_get_text(j, "state"), "down");
	assert_null(strchr(json_get_text(j, "cause"), '\x1b'));
	cJSON_Delete(o);
	snapshot_unref(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_without_one),
		cmocka_unit_test(nodes_are_shown),
		cmocka_unit_test(a_domain_has_an_owner_and_verdicts),
		cmocka_unit_test(the_document_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
