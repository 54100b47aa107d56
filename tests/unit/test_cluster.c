/* SPDX-License-Identifier: ISC
 * test_cluster: whose the domains are: who takes what, and when; what is fenced,
 * and what is given away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "cluster/choose.h"
#include "tests/unit/cluster_world.h"

#define N 60

static struct cworld w;

static int
setup(void **state)
{
	(void)state;
	world_init(&w, N);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_fini(&w);
	return 0;
}

/* Each domain is one node's, who has it; all believe the same. */
static void
assert_settled(void)
{
	for (unsigned d = 0; d < w.ndomains; d++)
		for (unsigned i = 1; i <= WORLD_NODES; i++) {
			if (!w.node[i].runs)
				continue;
			assert_int_equal(world_belief(&w, i, d), w.owner[d]);
			assert_int_equal(world_is_ours(&w, i, d),
			    w.owner[d] == i);
			assert_int_equal(w.node[i].mail[d] == HERE,
			    w.owner[d] == i);
		}
}

static void
start_two(void)
{
	world_start(&w, 1);
	world_run(&w, 1000);
	world_start(&w, 2);
	world_run(&w, 2 * WORLD_LEASE);
	assert_in_range(world_count(&w, 1), N / 4, 3 * N / 4);
	assert_int_equal(world_count(&w, 1) + world_count(&w, 2), N);
	assert_settled();
}

/* The first one of that node. */
static unsigned
one_of(unsigned node)
{
	unsigned d = 0;

	while (w.owner[d] != node)
		assert_true(++d < w.ndomains);
	return d;
}

static enum cluster_state
state_of(unsigned at, unsigned node)
{
	struct cluster_node list[STORE_NODE_MAX];
	unsigned n = cluster_list(w.node[at].cl, list, STORE_NODE_MAX);

	for (unsigned i = 0; i < n; i++)
		if (list[i].id == node)
			return list[i].state;
	fail();
	return CLUSTER_DEAD;
}

/* ---- choose */

static void
test_choose_balances_and_is_stable(void **state)
{
	struct choose_node nodes[8];
	unsigned count[9], before, after, moved, theirs;
	char key[32];

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (unsigned i = 0; i < 8; i++)
		nodes[i].id = i + 1;
	for (unsigned n = 2; n <= 8; n++) {
		memset(count, 0, sizeof(count));
		moved = theirs = 0;
		for (unsigned k = 0; k < 10000; k++) {
			(void)snprintf(key, sizeof(key), "p%u.test:25", k);
			before = choose_node(key, 0, nodes, n - 1);
			after = choose_node(key, 0, nodes, n);
			count[after]++;
			moved += before != after;
			/* only to who came */
			theirs += before != after && after != n;
		}
		for (unsigned i = 1; i <= n; i++)
			assert_in_range(count[i], 10000 / n * 9 / 10,
			    10000 / n * 11 / 10);
		assert_int_equal(moved, count[n]);
		assert_int_equal(theirs, 0);
	}
	assert_int_equal(choose_node("x", 0, nodes, 0), 0);
}

/* From whatever all see, whoever has it (0: nobody who is there): where one would
 * send it, it stays. */
static void
assert_comes_to_rest(const struct choose_node *nodes, unsigned n,
    const char *key, unsigned owner)
{
	unsigned to, steps;

	for (steps = 0;; steps++, owner = to) {
		assert_in_range(steps, 0, 3);
		to = choose_node(key, owner, nodes, n);
		assert_in_range(to, 1, n);
		if (to == owner)
			return;
		/* never from who sees it up to who sees it down */
		if (owner != 0 && nodes[owner - 1].sees == CHOOSE_UP)
			assert_int_not_equal(nodes[to - 1].sees, CHOOSE_DOWN);
	}
}

static void
test_choose_comes_to_rest(void **state)
{
	struct choose_node nodes[4];
	unsigned n = 4;
	char key[32];

	(void)state;
	for (unsigned all = 0; all < 81 * 20; all++) {
		(void)snprintf(key, sizeof(key), "p%u", all / 81);
		for (unsigned i = 0, m = all; i < n; i++, m /= 3)
			nodes[i] = (struct choose_node){ i + 1,
				(enum choose_sees)(m % 3) };
		for (unsigned owner = 0; owner <= n; owner++)
			assert_comes_to_rest(nodes, n, key, owner);
	}
}

static void
test_choose_splits(void **state)
{
	(void)state;
	assert_false(choose_splits(100, 100, 1, 0));
	assert_true(choose_splits(100, 100, 2, 0));
	assert_false(choose_splits(19, 19, 2, 0)); /* not worth it */
	assert_false(choose_splits(50, 100, 2, 0)); /* a fair share */
	assert_true(choose_splits(51, 100, 2, 0));
	assert_false(choose_splits(100, 100, 3, 2)); /* would starve one */
	assert_true(choose_splits(100, 100, 2, 2));
}

/* ---- starts and ends */

static void
test_first_takes_all(void **state)
{
	struct cluster_view v;

	(void)state;
	world_create(&w, 1);
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 1), 0); /* not before the start */
	cluster_start(w.node[1].cl);
	world_run(&w, 300);
	assert_int_equal(world_count(&w, 1), N);
	assert_settled();
	cluster_view(w.node[1].cl, &v);
	assert_int_equal(v.ours, N);
	assert_int_equal(v.domains, N);
	assert_int_equal(v.live, 1);
	world_run(&w, WORLD_LEASE);
	cluster_view(w.node[1].cl, &v);
	assert_int_equal(v.unowned, 0);
}

/* Not before a lease has gone, and what is busy waits. */
static void
test_second_gets_its_share(void **state)
{
	unsigned moved;

	(void)state;
	world_start(&w, 1);
	world_run(&w, 1000);
	memset(w.node[1].busy, true, sizeof(w.node[1].busy));
	world_start(&w, 2);
	world_run(&w, WORLD_LEASE - 200);
	assert_int_equal(world_count(&w, 2), 0);
	world_run(&w, WORLD_LEASE);
	moved = world_count(&w, 2);
	assert_in_range(moved, N / 4, 3 * N / 4);
	for (unsigned d = 0; d < sizeof(w.node[1].busy); d++)
		assert_int_equal(w.owner[d], 1);
	memset(w.node[1].busy, false, sizeof(w.node[1].busy));
	world_run(&w, WORLD_LEASE);
	assert_in_range(world_count(&w, 2), moved + 1, 3 * N / 4);
	assert_settled();
}

static void
test_only_its_share_moves(void **state)
{
	unsigned moves, came;

	(void)state;
	start_two();
	moves = w.moves;
	world_start(&w, 3);
	world_run(&w, 3 * WORLD_LEASE);
	came = world_count(&w, 3);
	assert_in_range(came, N / 6, N / 2);
	assert_int_equal(w.moves - moves, came);
	moves = w.moves;
	world_run(&w, 10 * WORLD_LEASE); /* and then all is quiet */
	assert_int_equal(w.moves, moves);
	assert_settled();
}

static void
test_stopped_is_taken_at_once(void **state)
{
	struct cluster_view v;

	(void)state;
	start_two();
	world_stop(&w, 1);
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 2), N);
	assert_settled();
	assert_int_equal(state_of(2, 1), CLUSTER_STOPPED);
	cluster_view(w.node[2].cl, &v);
	assert_int_equal(v.missing, 0);
}

static void
test_dead_is_fenced_after_a_lease(void **state)
{
	struct cluster_view v;

	(void)state;
	start_two();
	world_crash(&w, 1);
	world_run(&w, WORLD_LEASE - WORLD_STEP);
	assert_false(w.row[1].free);
	assert_int_equal(state_of(2, 1), CLUSTER_SILENT);
	assert_in_range(world_count(&w, 1), 1, N);
	world_run(&w, 1500);
	assert_true(w.row[1].free);
	assert_int_equal(world_count(&w, 2), N);
	assert_int_equal(state_of(2, 1), CLUSTER_DEAD);
	cluster_view(w.node[2].cl, &v);
	assert_int_equal(v.missing, 1);
	assert_settled();
}

/* Node 2 has fenced 1, and does not know it yet. */
static void
fence_unanswered(void)
{
	start_two();
	world_crash(&w, 1);
	world_until(&w.node[2], REQ_FENCE);
	assert_true(w.row[1].free);
}

/* A look of before says that it has its place. */
static void
test_fence_and_an_old_look(void **state)
{
	struct store_node old;

	(void)state;
	fence_unanswered();
	old = w.row[1];
	old.epoch--;
	old.free = false;
	while (world_answer(&w.node[2]))
		;
	assert_int_equal(state_of(2, 1), CLUSTER_DEAD);
	cluster_nodes(w.node[2].cl, &old, 1);
	assert_int_equal(state_of(2, 1), CLUSTER_DEAD);
}

/* It is back, and the answer to the fence is late. */
static void
test_fence_and_back(void **state)
{
	(void)state;
	fence_unanswered();
	world_start(&w, 1);
	world_look(&w.node[2]);
	while (world_news(&w.node[2]))
		;
	while (world_answer(&w.node[2]))
		;
	assert_int_equal(state_of(2, 1), CLUSTER_LIVE);
}

/* It may trust itself for longer than we would. */
static void
test_its_lease_is_longer(void **state)
{
	(void)state;
	w.node[1].lease_ms = 2 * WORLD_LEASE;
	start_two();
	world_crash(&w, 1);
	world_run(&w, 2 * WORLD_LEASE - WORLD_STEP);
	assert_false(w.row[1].free);
	world_run(&w, 1500);
	assert_true(w.row[1].free);
}

/* Both want to; one does. The other one knows, too, that it was no stop. */
static void
test_two_survivors(void **state)
{
	unsigned moves, left;
	int64_t epoch;

	(void)state;
	start_two();
	world_start(&w, 3);
	world_run(&w, 3 * WORLD_LEASE);
	epoch = w.row[2].epoch;
	moves = w.moves;
	left = world_count(&w, 2);
	world_crash(&w, 2);
	world_run(&w, 4 * WORLD_LEASE);
	/* each to where it should be, at once */
	assert_int_equal(w.moves - moves, left);
	assert_int_equal(w.row[2].epoch, epoch + 1);
	assert_int_equal(world_count(&w, 1) + world_count(&w, 3), N);
	assert_int_equal(state_of(1, 2), CLUSTER_DEAD);
	assert_int_equal(state_of(3, 2), CLUSTER_DEAD);
	assert_settled();
}

/* It stirred after it was seen last: the fence is not taken. */
static void
test_fence_comes_too_late(void **state)
{
	int64_t epoch;

	(void)state;
	start_two();
	epoch = w.row[1].epoch;
	w.node[1].paused = true;
	for (unsigned i = 0; STAILQ_EMPTY(&w.node[2].todo) ||
	     STAILQ_FIRST(&w.node[2].todo)->kind != REQ_FENCE;
	     i++) {
		assert_true(i < 2 * WORLD_LEASE / WORLD_STEP);
		world_step(&w);
	}
	w.node[1].paused = false; /* it writes first */
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.row[1].epoch, epoch);
	assert_int_equal(w.node[1].losses, 0);
	assert_settled();
}

static void
test_paused_and_back(void **state)
{
	(void)state;
	start_two();
	w.node[1].paused = true;
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(world_count(&w, 2), N);
	assert_false(world_holds(&w.node[1]));
	/* it hears of that before it hears that it was fenced */
	world_look(&w.node[1]);
	while (world_news(&w.node[1]))
		;
	w.node[1].paused = false;
	world_run(&w, 1500);
	assert_int_equal(w.node[1].losses, 1);
	assert_int_equal(world_count(&w, 1), 0);
	assert_settled(); /* what was taken from it while it did not look, too */
	world_run(&w, 2 * WORLD_LEASE);
	assert_in_range(world_count(&w, 1), N / 4, 3 * N / 4);
	assert_settled();
}

/* Both see each other's row as it is. */
static void
look_both(void)
{
	for (unsigned i = 1; i <= 2; i++) {
		world_write(&w.node[i]);
		while (world_answer(&w.node[i]))
			;
	}
	for (unsigned i = 1; i <= 2; i++) {
		world_look(&w.node[i]);
		while (world_news(&w.node[i]))
			;
	}
}

/* For some leases, and nobody has lost his place by it. */
static void
both_for_a_while(bool *first, bool *second)
{
	start_two();
	look_both();
	*first = *second = true;
	world_run(&w, 3 * WORLD_LEASE);
	*second = false;
	world_run(&w, WORLD_LEASE / 4);
	*first = false;
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.node[1].losses + w.node[2].losses, 0);
	assert_settled();
}

/* Nobody has looked meanwhile, and so nobody has stood still. */
static void
test_engine_away_fences_nobody(void **state)
{
	(void)state;
	both_for_a_while(&w.node[1].cut, &w.node[2].cut);
}

/* The engine can be read, and commits wait for its standby: all stand still for as long
 * as that takes, and who says so first finds the others as they were. */
static void
test_commits_that_wait_fence_nobody(void **state)
{
	(void)state;
	both_for_a_while(&w.node[1].waits, &w.node[2].waits);
}

/* The same of who stood still itself: the others may have done so, too. */
static void
test_who_wakes_fences_nobody(void **state)
{
	(void)state;
	start_two();
	look_both();
	w.node[1].paused = w.node[2].paused = true; /* both on one host */
	world_run(&w, 3 * WORLD_LEASE);
	w.node[1].paused = false;
	world_run(&w, WORLD_LEASE / 4);
	w.node[2].paused = false;
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.node[1].losses + w.node[2].losses, 0);
	assert_settled();
}

/* ---- an operator */

static void
test_move(void **state)
{
	char name[TEXT_DOMAIN_MAX];
	unsigned d;

	(void)state;
	start_two();
	d = one_of(1);
	world_name(d, name);
	assert_int_equal(cluster_move(w.node[1].cl, "other.test", 2),
	    -MX_ENOENT);
	assert_int_equal(cluster_move(w.node[1].cl, name, 9), -MX_ENOENT);
	w.node[1].busy[0] = true;
	assert_int_equal(cluster_move(w.node[2].cl, name, 2), 0);
	world_run(&w, 1500); /* no lease is waited for */
	assert_int_equal(w.owner[d], 2);
	world_run(&w, 5 * WORLD_LEASE);
	assert_int_equal(w.owner[d], 2);
	/* it goes where others go while that node is away, and comes back */
	world_stop(&w, 2);
	world_run(&w, 1000);
	assert_int_equal(w.owner[d], 1);
	assert_int_equal(cluster_move(w.node[1].cl, name, 2), -MX_EBUSY);
	world_start(&w, 2);
	world_run(&w, 1500);
	assert_int_equal(w.owner[d], 2);
	/* as it likes again */
	assert_int_equal(cluster_move(w.node[1].cl, name, 0), 0);
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.owner[d], 1);
	assert_settled();
}

/* The later one counts, and who hears of an earlier one says so. */
static void
test_later_order_prevails(void **state)
{
	char name[TEXT_DOMAIN_MAX], key[TEXT_DOMAIN_MAX + 8];
	unsigned d;

	(void)state;
	start_two();
	d = one_of(1);
	world_name(d, name);
	(void)snprintf(key, sizeof(key), "pin/%s", name);
	assert_int_equal(cluster_move(w.node[1].cl, name, 2), 0);
	world_run(&w, 1500);
	assert_int_equal(w.owner[d], 2);
	world_put(&w, 1, key, "1 5"); /* it was on its way for long */
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.owner[d], 2);
	assert_int_equal(*(const char *)world_key(&w, key)->data, '2');
}

/* It is not forgotten with the domain. */
static void
test_pin_outlives_configuration(void **state)
{
	char name[TEXT_DOMAIN_MAX];

	(void)state;
	world_configured(&w, 1, 7, false);
	world_start(&w, 1);
	world_put(&w, 2, "pin/d000007.test", "2 1");
	world_run(&w, 1000);
	world_name(7, name);
	world_configured(&w, 1, 7, true);
	world_configured(&w, 1, 7, false);
	world_configured(&w, 1, 7, true);
	world_run(&w, 1000);
	world_start(&w, 2);
	world_run(&w, 1500);
	assert_int_equal(w.owner[7], 2);
}

/* The address of a node's page comes to the others, whole or not at all. */
static void
test_where_its_page_is(void **state)
{
	struct cluster_node list[STORE_NODE_MAX];
	char long_url[300] = "https://";

	(void)state;
	memset(long_url + 8, 'x', sizeof(long_url) - 9);
	w.node[1].url = "https://mx1.test/";
	start_two();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
		    cluster_list(w.node[2].cl, list, STORE_NODE_MAX), 2);
		assert_string_equal(list[0].url,
		    i == 0 ? "https://mx1.test/" : "");
		assert_string_equal(list[0].hostname, "mx.test");
		w.node[1].url = long_url;
		world_config(&w, 1, w.node[1].config);
		world_run(&w, 1000);
	}
}

static void
test_release_and_join(void **state)
{
	struct cluster_view v;

	(void)state;
	start_two();
	assert_int_equal(cluster_release(w.node[2].cl, 5), -MX_ENOENT);
	assert_int_equal(cluster_release(w.node[2].cl, 1), 0);
	world_run(&w, 1500);
	assert_int_equal(world_count(&w, 2), N);
	assert_int_equal(state_of(1, 1), CLUSTER_LEFT);
	assert_int_equal(state_of(2, 1), CLUSTER_LEFT);
	cluster_view(w.node[1].cl, &v);
	assert_true(v.left);
	assert_int_equal(v.ours, 0);
	/* not even when nobody else is there */
	world_stop(&w, 2);
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(world_count(&w, 1), 0);
	assert_int_equal(cluster_join(w.node[1].cl, 1), 0);
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 1), N);
	assert_settled();
}

/* Its place is taken at once; it does not come back by itself, and when it does
 * all know that. */
static void
test_takeover(void **state)
{
	unsigned takes;

	(void)state;
	start_two();
	w.node[1].paused = true;
	world_run(&w, 500);
	assert_int_equal(cluster_takeover(w.node[2].cl, 1), -MX_EBUSY);
	world_run(&w, WORLD_LEASE / 2 + 200);
	assert_int_equal(cluster_takeover(w.node[2].cl, 2), -MX_EBUSY);
	assert_int_equal(world_count(&w, 1) + world_count(&w, 2), N);
	assert_int_equal(cluster_takeover(w.node[2].cl, 1), 0);
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 2), N);
	takes = w.node[1].takes;
	w.node[1].paused = false;
	world_run(&w, 3 * WORLD_LEASE);
	assert_int_equal(w.node[1].losses, 1);
	assert_int_equal(w.node[1].takes, takes); /* it does not even try */
	assert_true(w.row[1].free);
	assert_settled();
	assert_int_equal(cluster_release(w.node[1].cl, 2), -MX_EBUSY);
	assert_int_equal(cluster_join(w.node[1].cl, 1), 0);
	world_run(&w, 3 * WORLD_LEASE);
	assert_false(w.row[1].free);
	assert_false(world_left(&w, 1));
	assert_int_equal(state_of(2, 1), CLUSTER_LIVE);
	assert_in_range(world_count(&w, 1), N / 4, 3 * N / 4);
	assert_settled();
}

/* ---- what is on its way */

/* Where it was to go there is nobody any more: it stays. */
static void
test_leaving_is_taken_back(void **state)
{
	struct cluster_view v;

	(void)state;
	world_start(&w, 1);
	world_run(&w, 1000);
	w.node[1].slow = true;
	world_start(&w, 2);
	world_run(&w, 2 * WORLD_LEASE);
	assert_true(w.node[1].detaches > N / 4);
	assert_int_equal(world_count(&w, 1), N);
	cluster_view(w.node[1].cl, &v);
	assert_int_equal(v.leaving, w.node[1].detaches);
	world_stop(&w, 2);
	world_run(&w, 1000);
	cluster_view(w.node[1].cl, &v);
	assert_int_equal(v.leaving, 0);
	w.node[1].slow = false;
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 1), N);
	assert_settled();
}

/* The queue lets go of it in the moment when that is known. */
static void
test_left_for_nobody(void **state)
{
	struct world_node *n = &w.node[1];

	(void)state;
	world_start(&w, 1);
	world_run(&w, 1000);
	n->slow = true;
	world_start(&w, 2);
	world_run(&w, 2 * WORLD_LEASE);
	assert_true(n->detaches > 0);
	world_stop(&w, 2);
	world_look(n);
	while (world_news(n))
		;
	world_drained(n);
	for (unsigned d = 0; d < N; d++)
		assert_true(world_is_ours(&w, 1, d));
	assert_settled();
}

/* Fenced with some under way in each direction. */
static void
test_fenced_in_the_middle(void **state)
{
	struct cluster_view v;

	(void)state;
	start_two();
	w.node[2].lag = true; /* its answers and news wait */
	assert_int_equal(cluster_release(w.node[1].cl, 2), 0);
	world_run(&w, 500);
	w.node[2].paused = true;
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(world_count(&w, 1), N);
	w.node[2].paused = w.node[2].lag = false;
	assert_int_equal(cluster_join(w.node[1].cl, 2), 0);
	world_run(&w, 4 * WORLD_LEASE);
	cluster_view(w.node[2].cl, &v);
	assert_int_equal(v.leaving, 0);
	assert_in_range(world_count(&w, 2), N / 4, 3 * N / 4);
	assert_settled();
}

/* News that are older than our own answer make nobody an owner. */
static void
test_old_news(void **state)
{
	char name[TEXT_DOMAIN_MAX];
	unsigned d;

	(void)state;
	start_two();
	d = one_of(1);
	world_name(d, name);
	cluster_owner(w.node[1].cl, name, 2);
	assert_true(world_is_ours(&w, 1, d));
	assert_int_equal(world_belief(&w, 1, d), 1);
	cluster_owner(w.node[1].cl, name, 1); /* what follows it */
	assert_int_equal(cluster_move(w.node[1].cl, name, 2), 0);
	world_until(&w.node[1], REQ_GIVE);
	while (world_answer(&w.node[1]))
		;
	assert_int_equal(world_belief(&w, 1, d), 2); /* before the news */
	w.node[1].lag = false;
	world_run(&w, 1500);
	assert_int_equal(w.owner[d], 2);
	/* that we had it, of before we gave it away: it is not ours by that */
	cluster_owner(w.node[1].cl, name, 1);
	assert_false(world_is_ours(&w, 1, d));
	cluster_owner(w.node[1].cl, name, 2);
	world_run(&w, 1500);
	assert_false(world_is_ours(&w, 1, d));
	assert_int_equal(w.owner[d], 2);
	assert_settled();
}

/* What is put in under a stop is not given to a queue that may be gone. */
static void
test_stop_attaches_nothing(void **state)
{
	struct world_node *n = &w.node[1];

	(void)state;
	world_start(&w, 1);
	n->lag = true;
	world_run(&w, 500);
	assert_int_equal(world_count(&w, 1), N);
	assert_int_equal(n->attaches, 0);
	cluster_stop(n->cl);
	while (world_answer(n))
		;
	assert_int_equal(n->attaches, 0);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose_balances_and_is_stable),
		cmocka_unit_test(test_choose_comes_to_rest),
		cmocka_unit_test(test_choose_splits),
		T(test_first_takes_all),
		T(test_second_gets_its_share),
		T(test_only_its_share_moves),
		T(test_stopped_is_taken_at_once),
		T(test_dead_is_fenced_after_a_lease),
		T(test_fence_and_an_old_look),
		T(test_fence_and_back),
		T(test_its_lease_is_longer),
		T(test_two_survivors),
		T(test_fence_comes_too_late),
		T(test_paused_and_back),
		T(test_engine_away_fences_nobody),
		T(test_commits_that_wait_fence_nobody),
		T(test_who_wakes_fences_nobody),
		T(test_move),
		T(test_later_order_prevails),
		T(test_pin_outlives_configuration),
		T(test_where_its_page_is),
		T(test_release_and_join),
		T(test_takeover),
		T(test_leaving_is_taken_back),
		T(test_left_for_nobody),
		T(test_fenced_in_the_middle),
		T(test_old_news),
		T(test_stop_attaches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
