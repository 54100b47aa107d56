/* SPDX-License-Identifier: ISC
 * test_cluster_ask: requests to other nodes and their answers, and what keys that
 * nobody should have written do: nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/cluster_world.h"

static struct cworld w;

struct heard {
	unsigned pieces, ends;
	int rc;
	size_t len;
	char text[200];
	uint64_t forget; /* in the first piece */
};

static int
setup(void **state)
{
	(void)state;
	world_init(&w, 4);
	world_start(&w, 1);
	world_start(&w, 2);
	world_run(&w, 1000);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

static void
on_said(void *arg, int rc, const char *text, size_t len, bool end)
{
	struct heard *h = arg;

	h->pieces++;
	h->ends += end;
	h->rc = rc;
	if (h->len + len < sizeof(h->text))
		memcpy(h->text + h->len, text != NULL ? text : "", len);
	h->len += len;
	if (h->forget != 0)
		cluster_forget(w.node[1].cl, h->forget);
}

static unsigned
keys(const char *prefix)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w.nkeys; i++)
		n += w.keys[i].len > 0 &&
		    strncmp(w.keys[i].key, prefix, strlen(prefix)) == 0;
	return n;
}

static void
assert_tidy(void)
{
	world_run(&w, 1000);
	assert_int_equal(keys("ask/"), 0);
	assert_int_equal(keys("said/"), 0);
}

static void
test_pieces(void **state)
{
	struct world_node *two = &w.node[2];
	struct heard h = { 0 };
	uint64_t ticket;

	(void)state;
	(void)cluster_ask(w.node[1].cl, 2, "queue d000000.test", on_said, &h);
	world_run(&w, 1000);
	assert_int_equal(two->nasked, 1);
	assert_string_equal(two->asked, "queue d000000.test");
	ticket = two->ticket;
	cluster_said(two->cl, ticket, "one ", 4, false);
	cluster_said(two->cl, ticket, "two ", 4, false);
	world_run(&w, 1000);
	assert_int_equal(h.ends, 0);
	cluster_said(two->cl, ticket, "three", 5, true);
	cluster_said(two->cl, ticket, "never", 5, true);
	world_run(&w, 1000);
	assert_int_equal(h.rc, 0);
	assert_int_equal(h.ends, 1);
	assert_int_equal(h.pieces, 3);
	assert_string_equal(h.text, "one two three");
	assert_tidy();
	assert_int_equal(two->nasked, 1);
}

static void
test_long_answer(void **state)
{
	size_t len = 150000;
	char *text = mem_alloc(len);
	struct heard h = { 0 };

	(void)state;
	memset(text, 'x', len);
	(void)cluster_ask(w.node[1].cl, 2, "status", on_said, &h);
	world_run(&w, 1000);
	cluster_said(w.node[2].cl, w.node[2].ticket, text, len, true);
	world_run(&w, 1000);
	assert_int_equal(h.pieces, 3);
	assert_int_equal(h.ends, 1);
	assert_int_equal(h.len, len);
	assert_tidy();
	free(text);
}

/* The follower may tell a request once more: it is not done again. */
static void
test_told_twice(void **state)
{
	struct world_node *two = &w.node[2];
	struct heard h = { 0 };
	char key[100];

	(void)state;
	(void)cluster_ask(w.node[1].cl, 2, "flush", on_said, &h);
	world_run(&w, 500);
	assert_int_equal(two->nasked, 1);
	for (unsigned i = 0; i < w.nkeys; i++)
		if (strncmp(w.keys[i].key, "ask/2/1/", 8) == 0)
			snprintf(key, sizeof(key), "%s", w.keys[i].key);
	assert_true(cluster_told(two->cl, key, "flush", 5));
	cluster_said(two->cl, two->ticket, "ok", 2, true);
	assert_true(cluster_told(two->cl, key, "flush", 5));
	world_run(&w, 1000);
	assert_int_equal(two->nasked, 1);
	assert_int_equal(h.ends, 1);
	/* nor is a piece taken twice, or before its turn */
	memset(&h, 0, sizeof(h));
	(void)cluster_ask(w.node[1].cl, 2, "flush", on_said, &h);
	world_run(&w, 500);
	cluster_said(two->cl, two->ticket, "a", 1, false);
	world_run(&w, 500);
	for (unsigned i = 0; i < w.nkeys; i++)
		if (strncmp(w.keys[i].key, "said/1/2/", 9) == 0)
			snprintf(key, sizeof(key), "%s", w.keys[i].key);
	assert_true(cluster_told(w.node[1].cl, key, "ma", 2));
	key[strlen(key) - 1] = '7';
	assert_true(cluster_told(w.node[1].cl, key, "eb", 2));
	assert_int_equal(h.len, 1);
	assert_int_equal(h.ends, 0);
	world_run(&w, CLUSTER_ASK_MS + 500);
	assert_int_equal(h.rc, -MX_ENET);
	assert_tidy();
}

static void
test_nobody_answers(void **state)
{
	struct heard h = { 0 };

	(void)state;
	(void)cluster_ask(w.node[1].cl, 2, "status", on_said, &h);
	world_run(&w, CLUSTER_ASK_MS - 500);
	assert_int_equal(h.ends, 0);
	world_run(&w, 1000);
	assert_int_equal(h.ends, 1);
	assert_int_equal(h.rc, -MX_ENET);
	/* what comes now is of nobody any more */
	cluster_said(w.node[2].cl, w.node[2].ticket, "late", 4, true);
	world_run(&w, 1000);
	assert_int_equal(h.pieces, 1);
	assert_tidy();
}

static void
test_forget(void **state)
{
	struct heard h = { 0 }, other = { 0 };
	uint64_t ticket;

	(void)state;
	ticket = cluster_ask(w.node[1].cl, 2, "status", on_said, &h);
	world_run(&w, 500);
	cluster_forget(w.node[1].cl, ticket);
	cluster_forget(w.node[1].cl, ticket);
	cluster_forget(w.node[1].cl, 7);
	world_run(&w, 500);
	cluster_said(w.node[2].cl, w.node[2].ticket, "x", 1, true);
	assert_tidy();
	assert_int_equal(h.pieces, 0);
	/* in the middle of an answer */
	other.forget = ticket =
	    cluster_ask(w.node[1].cl, 2, "status", on_said, &other);
	world_run(&w, 500);
	cluster_said(w.node[2].cl, w.node[2].ticket, "x", 1, false);
	cluster_said(w.node[2].cl, w.node[2].ticket, "y", 1, true);
	assert_tidy();
	assert_int_equal(other.pieces, 1);
}

/* At once, not after a time-out; and what a dead node asked is dropped. */
static void
test_node_dies(void **state)
{
	struct heard h = { 0 }, back = { 0 };
	uint64_t ticket;

	(void)state;
	(void)cluster_ask(w.node[1].cl, 2, "status", on_said, &h);
	(void)cluster_ask(w.node[2].cl, 1, "status", on_said, &back);
	world_run(&w, 500);
	ticket = w.node[1].ticket;
	world_crash(&w, 2);
	world_run(&w, WORLD_LEASE + 1000);
	assert_int_equal(h.ends, 1);
	assert_int_equal(h.rc, -MX_ENET);
	cluster_said(w.node[1].cl, ticket, "x", 1, true);
	world_run(&w, 500);
	assert_int_equal(keys("said/"), 0);
	/* what it had asked is removed by its next start */
	assert_int_equal(keys("ask/1/2"), 1);
	world_start(&w, 2);
	world_run(&w, 1000);
	assert_int_equal(w.node[2].nasked, 1);
	assert_tidy();
}

static void
test_who_is_not_there(void **state)
{
	struct heard h[4] = { { 0 } };
	char *line = mem_alloc(CLUSTER_LINE_MAX + 2);

	(void)state;
	memset(line, 'x', CLUSTER_LINE_MAX + 1);
	(void)cluster_ask(w.node[1].cl, 1, "status", on_said, &h[0]);
	(void)cluster_ask(w.node[1].cl, 3, "status", on_said, &h[1]);
	(void)cluster_ask(w.node[1].cl, 2, line, on_said, &h[2]);
	(void)cluster_ask(w.node[1].cl, 2, "", on_said, &h[3]);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(h[i].ends, 0); /* not from within */
	world_run(&w, 100);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(h[i].ends, 1);
		assert_int_equal(h[i].rc, -MX_ENET);
	}
	assert_tidy();
	free(line);
}

/* So many at once; room is made by those that are through. */
static void
test_bounds(void **state)
{
	struct world_node *two = &w.node[2];
	struct heard h = { 0 };
	char key[64];

	(void)state;
	for (unsigned i = 0; i < 80; i++)
		(void)cluster_ask(w.node[1].cl, 2, "status", on_said, &h);
	world_run(&w, 1000);
	assert_int_equal(two->nasked, 64);
	assert_int_equal(h.ends, 16);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(key, sizeof(key), "ask/2/3/%u", i + 1);
		(void)cluster_told(two->cl, key, "x", 1);
	}
	assert_int_equal(two->nasked, 64);
	world_run(&w, CLUSTER_ASK_MS + 1000);
	assert_int_equal(h.ends, 80);
	/* of who never removes them: the oldest one goes */
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "ask/2/3/%u", i + 100);
		(void)cluster_told(two->cl, key, "x", 1);
		cluster_said(two->cl, two->ticket, "", 0, true);
	}
	assert_int_equal(two->nasked, 264);
}

static void
test_garbage(void **state)
{
	static const char *const ours[] = { "node/", "node/0", "node/32",
		"node/99999999999999999999", "node/1x", "node/-1", "node/ 1",
		"node/2/x", "left/", "left/x", "left/2/3", "left/40",
		"verdict/", "verdict/2", "verdict/2/", "verdict/0/p0.test:25",
		"verdict/1/p0.test:25", "verdict/2/p0.test:25", "pin/",
		"pin/d000001.test", "lacks/", "lacks/2", "lacks/2/",
		"lacks/99/d000001.test", "ask/", "ask/1", "ask/1/", "ask/1/1/1",
		"ask/1/0/1", "ask/1/40/1", "ask/9/2/1", "said/", "said/1",
		"said/1/", "said/1/2", "said/1/2/", "said/1/2/3",
		"said/1/2/x/y", "said/1/2/3/", "said/1/0/3/0" };
	static const char *const values[] = { "", "x", "-1", "99", "2", "9 9 9",
		"2 -5 x", "\n\n\n\n", "5 99999999999999999999 y" };
	struct cluster *cl = w.node[1].cl;
	char key[300], *text = mem_alloc(70001);

	(void)state;
	world_run(&w, 3 * WORLD_LEASE);
	for (unsigned i = 0; i < MX_COUNT(ours); i++)
		for (unsigned k = 0; k < MX_COUNT(values); k++)
			assert_true(cluster_told(cl, ours[i],
			    *values[k] != '\0' ? values[k] : NULL,
			    strlen(values[k])));
	memset(text, '\xff', 70000);
	for (unsigned i = 0; i < MX_COUNT(ours); i++)
		assert_true(cluster_told(cl, ours[i], text, 70000));
	/* a name that is none */
	memset(key, 'a', sizeof(key));
	memcpy(key, "pin/", 4);
	key[sizeof(key) - 1] = '\0';
	assert_true(cluster_told(cl, key, "2 5", 3));
	cluster_owner(cl, key, 2);
	cluster_owner(cl, "", 2);
	cluster_owner(cl, "d000001.test", 32);
	assert_int_equal(cluster_owner_of(cl, key), 0);
	assert_false(cluster_told(cl, "hold/d000001.test", "x", 1));
	assert_false(cluster_told(cl, "nodes", "x", 1));
	cluster_nodes(cl, &(struct store_node){ .id = 0 }, 1);
	cluster_nodes(cl, &(struct store_node){ .id = 32 }, 1);
	assert_int_equal(w.node[1].nasked, 0);
	world_run(&w, 10 * WORLD_LEASE);
	assert_int_equal(world_count(&w, 1) + world_count(&w, 2), 4);
	for (unsigned d = 0; d < 4; d++)
		assert_int_equal(world_belief(&w, 1, d), w.owner[d]);
	free(text);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pieces),
		T(test_long_answer),
		T(test_told_twice),
		T(test_nobody_answers),
		T(test_forget),
		T(test_node_dies),
		T(test_who_is_not_there),
		T(test_bounds),
		T(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
