/* SPDX-License-Identifier: ISC
 * test_cluster_sees: domains that move because of what the nodes see of a primary, how
 * many of them send to it, configurations that differ, and very many domains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/cluster_world.h"

#define N    40
#define MANY 300000
#define STEP 500 /* domains of a turn of the loop */

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

static void
start_two(void)
{
	world_start(&w, 1);
	world_run(&w, 1000);
	world_start(&w, 2);
	world_run(&w, 2 * WORLD_LEASE);
}

static unsigned
one_of(unsigned node)
{
	unsigned d = 0;

	while (w.owner[d] != node)
		assert_true(++d < w.ndomains);
	return d;
}

static unsigned
sharers(unsigned node, unsigned primary)
{
	char label[32];
	unsigned n = 0;

	(void)snprintf(label, sizeof(label), "p%u.test:25", primary);
	for (uint32_t m = cluster_senders(w.node[node].cl, label); m != 0;
	     m &= m - 1)
		n++;
	return n > 0 ? n : 1;
}

static uint32_t
senders(unsigned node, unsigned primary)
{
	char label[32];

	(void)snprintf(label, sizeof(label), "p%u.test:25", primary);
	return cluster_senders(w.node[node].cl, label);
}

/* ---- verdicts */

/* Where another sees it up for long enough, at once; what is busy, too. */
static void
test_goes_where_it_is_up(void **state)
{
	struct cluster_verdict v[STORE_NODE_MAX];
	char name[TEXT_DOMAIN_MAX];
	unsigned d;

	(void)state;
	w.nprimaries = N;
	start_two();
	d = one_of(1);
	world_name(d, name);
	world_see(&w, 2, d, HEALTH_UP);
	world_see(&w, 1, d, HEALTH_DOWN);
	memset(w.node[1].busy, true, sizeof(w.node[1].busy));
	world_run(&w, WORLD_HOLD - 200);
	assert_int_equal(w.owner[d], 1);
	world_run(&w, 1000);
	assert_int_equal(w.owner[d], 2);
	assert_int_equal(cluster_verdicts(w.node[2].cl, name, v, 9), 2);
	assert_int_equal(v[0].node, 1);
	assert_int_equal(v[0].state, HEALTH_DOWN);
	assert_string_equal(v[0].cause, "seen so");
	assert_int_equal(v[1].state, HEALTH_UP);
	assert_true(w.node[2].judged > 0);
	world_run(&w, 10 * WORLD_LEASE);
	assert_int_equal(w.owner[d], 2);
}

/* Back when it has been up for a while, and a lease on: not to and fro. */
static void
test_comes_back_later(void **state)
{
	unsigned d, moves;

	(void)state;
	w.nprimaries = N;
	start_two();
	d = one_of(1);
	world_see(&w, 2, d, HEALTH_UP);
	world_see(&w, 1, d, HEALTH_DOWN);
	world_run(&w, WORLD_HOLD + 1000);
	assert_int_equal(w.owner[d], 2);
	moves = w.moves;
	for (unsigned i = 0; i < 20; i++) {
		world_see(&w, 1, d, HEALTH_UP);
		world_run(&w, WORLD_HOLD - 200);
		world_see(&w, 1, d, HEALTH_DOWN);
		world_run(&w, 400);
	}
	assert_int_equal(w.moves, moves);
	world_see(&w, 1, d, HEALTH_UP);
	world_run(&w, WORLD_HOLD + WORLD_LEASE - 500);
	assert_int_equal(w.owner[d], 2);
	world_run(&w, 1500);
	assert_int_equal(w.owner[d], 1);
	assert_int_equal(w.moves, moves + 1);
}

/* Down for all, or nobody knows better: it stays. */
static void
test_stays_where_nobody_sees_it_up(void **state)
{
	unsigned moves, d;

	(void)state;
	w.nprimaries = N;
	start_two();
	d = one_of(1);
	moves = w.moves;
	world_see(&w, 1, d, HEALTH_DOWN);
	world_run(&w, 3 * WORLD_LEASE);
	assert_int_equal(w.owner[d], 1);
	for (unsigned i = 0; i < N; i++)
		for (unsigned k = 1; k <= 2; k++)
			world_see(&w, k, i, HEALTH_DOWN);
	world_run(&w, 3 * WORLD_LEASE);
	assert_int_equal(w.moves, moves);
	/* nor does a newcomer, who knows nothing, get it before its lease */
	world_start(&w, 3);
	world_run(&w, WORLD_LEASE - 500);
	assert_int_equal(w.moves, moves);
	/* what is left is taken all the same */
	world_stop(&w, 3);
	world_stop(&w, 1);
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 2), N);
}

/* A state that was another one in between is not an old one. */
static void
test_hold_begins_anew(void **state)
{
	unsigned d;

	(void)state;
	w.nprimaries = N;
	start_two();
	d = one_of(1);
	world_see(&w, 2, d, HEALTH_UP);
	world_run(&w, WORLD_HOLD + 1000);
	w.node[1].paused = true; /* it does not see all of it */
	world_see(&w, 2, d, HEALTH_DOWN);
	world_run(&w, 1000);
	world_see(&w, 2, d, HEALTH_UP);
	world_run(&w, 300);
	w.node[1].paused = false;
	world_run(&w, 300);
	world_see(&w, 1, d, HEALTH_DOWN);
	world_run(&w, WORLD_HOLD - 900);
	assert_int_equal(w.owner[d], 1);
	world_run(&w, 1500);
	assert_int_equal(w.owner[d], 2);
}

/* ---- groups, and who sends */

static void
test_group_is_one_nodes(void **state)
{
	(void)state;
	w.share = N / 2;
	start_two();
	for (unsigned d = 0; d < N; d++)
		assert_int_equal(w.owner[d], w.owner[d / w.share * w.share]);
	assert_int_equal(sharers(1, 0), 1);
	assert_int_equal(senders(2, 1), UINT32_C(1) << w.owner[N - 1]);
}

static void
test_large_group_is_split(void **state)
{
	(void)state;
	w.share = 0;
	start_two();
	world_run(&w, 2 * WORLD_LEASE);
	assert_in_range(world_count(&w, 1), N / 4, 3 * N / 4);
	assert_int_equal(sharers(1, 0), 2);
	assert_int_equal(sharers(2, 0), 2);
}

static void
test_low_ceiling_is_not_split(void **state)
{
	(void)state;
	w.share = 0;
	w.ceiling = 1;
	start_two();
	world_run(&w, 2 * WORLD_LEASE);
	assert_true(world_count(&w, 1) == N || world_count(&w, 2) == N);
	assert_int_equal(sharers(1, 0), 1);
}

/* From the moment on when both send, not after the next walk. */
static void
test_senders_follow_news(void **state)
{
	char name[TEXT_DOMAIN_MAX];

	(void)state;
	w.share = N / 2;
	start_two();
	world_name(0, name);
	assert_int_equal(sharers(3 - w.owner[0], 0), 1);
	cluster_owner(w.node[3 - w.owner[0]].cl, name, 3);
	assert_int_equal(sharers(3 - w.owner[0], 0), 2);
}

static void
test_senders_follow_a_move(void **state)
{
	char name[TEXT_DOMAIN_MAX];
	unsigned from, to;

	(void)state;
	w.share = N / 2;
	start_two();
	from = w.owner[0];
	to = 3 - from;
	world_name(0, name);
	assert_int_equal(cluster_move(w.node[1].cl, name, to), 0);
	world_until(&w.node[to], REQ_TAKE);
	while (world_answer(&w.node[to]))
		;
	assert_true(world_is_ours(&w, to, 0));
	assert_int_equal(sharers(to, 0), 2);
	w.node[to].lag = false;
	world_run(&w, 300); /* the other one hears of it */
	assert_int_equal(sharers(from, 0), 2);
	assert_int_equal(cluster_move(w.node[1].cl, name, from), 0);
	world_run(&w, 3000);
	assert_int_equal(w.owner[0], from);
	assert_int_equal(sharers(from, 0), 1);
	assert_int_equal(sharers(to, 0), 1);
	/* a primary that nobody has any more */
	for (unsigned d = 0; d < w.share; d++)
		world_configured(&w, 1, d, false);
	world_run(&w, 1000);
	assert_int_equal(senders(1, 0), 0);
}

/* ---- configurations */

/* While a new domain is not known to all it stays where it is, and so does all
 * else. */
static void
test_rolling_change(void **state)
{
	unsigned moves;

	(void)state;
	world_configured(&w, 1, 7, false);
	world_configured(&w, 2, 7, false);
	start_two();
	moves = w.moves;
	world_configured(&w, 1, 7, true);
	world_config(&w, 1, "new");
	world_run(&w, 500);
	assert_int_equal(w.owner[7], 1);
	world_run(&w, 10 * WORLD_LEASE);
	assert_int_equal(w.moves, moves + 1);
	world_configured(&w, 2, 7, true);
	world_config(&w, 2, "new");
	world_run(&w, 3 * WORLD_LEASE);
	assert_true(w.moves <= moves + 2);
	/* as it is chosen, by whom it did not come from alone */
	world_stop(&w, 1);
	world_run(&w, 1000);
	assert_int_equal(w.owner[7], 2);
}

static void
test_who_does_not_know_it_gives_it(void **state)
{
	unsigned d, moves;
	char key[64];

	(void)state;
	start_two();
	d = one_of(1);
	(void)snprintf(key, sizeof(key), "lacks/1/d%06u.test", d);
	world_configured(&w, 1, d, false);
	world_config(&w, 1, "less");
	world_run(&w, WORLD_LEASE - 500);
	assert_int_equal(w.owner[d], 1);
	world_run(&w, 1500);
	assert_int_equal(w.owner[d], 2);
	assert_non_null(world_key(&w, key));
	moves = w.moves;
	world_run(&w, 10 * WORLD_LEASE);
	assert_int_equal(w.moves, moves);
	/* nobody knows it any more: it does not come back */
	world_configured(&w, 2, d, false);
	world_config(&w, 2, "still less");
	world_run(&w, 10 * WORLD_LEASE);
	assert_int_equal(w.moves, moves);
	world_config(&w, 2, "less");
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.moves, moves);
	assert_null(world_key(&w, key));
}

/* It is better off with who does not know it than with nobody; not for long. */
static void
test_who_knows_it_dies(void **state)
{
	(void)state;
	world_configured(&w, 2, 7, false);
	world_config(&w, 2, "less");
	start_two();
	assert_int_equal(w.owner[7], 1);
	world_crash(&w, 1);
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.owner[7], 1);
	assert_int_equal(world_count(&w, 2), N - 1);
	world_run(&w, 4 * WORLD_LEASE);
	assert_int_equal(w.owner[7], 2);
	world_start(&w, 1);
	world_run(&w, 3 * WORLD_LEASE);
	assert_int_equal(w.owner[7], 1);
}

/* A report went there: who took it has it, and another one after him. */
static void
test_domain_of_nobody(void **state)
{
	char name[TEXT_DOMAIN_MAX];
	unsigned moves;

	(void)state;
	for (unsigned i = 1; i <= WORLD_NODES; i++)
		w.node[i].has[7] = false;
	start_two();
	world_name(7, name);
	assert_int_equal(w.owner[7], 0);
	world_make(&w, 7, 2);
	world_run(&w, 1000);
	assert_true(world_is_ours(&w, 2, 7));
	assert_int_equal(world_belief(&w, 1, 7), 2);
	moves = w.moves;
	world_run(&w, 10 * WORLD_LEASE);
	assert_int_equal(w.moves, moves);
	assert_null(world_key(&w, "lacks/2/d000007.test"));
	world_stop(&w, 2);
	world_run(&w, WORLD_LEASE);
	assert_int_equal(w.owner[7], 2);
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(w.owner[7], 1);
	assert_true(world_is_ours(&w, 1, 7));
	/* what never had an owner is not remembered */
	world_name(8, name);
	world_configured(&w, 1, 8, false);
	cluster_owner(w.node[1].cl, "d999999.test", 0);
	world_run(&w, 1000);
	assert_int_equal(cluster_move(w.node[1].cl, "d999999.test", 1),
	    -MX_ENOENT);
	assert_int_equal(cluster_move(w.node[1].cl, name, 1), 0);
}

/* ---- many */

static void
test_many(void **state)
{
	struct cluster_view v;

	(void)state;
	world_init(&w, MANY);
	world_start(&w, 1);
	world_run(&w, 1000);
	assert_int_equal(world_count(&w, 1), MANY);
	cluster_view(w.node[1].cl, &v);
	assert_int_equal(v.ours, MANY);
	assert_int_equal(w.node[1].attaches, MANY);
	world_start(&w, 2);
	world_run(&w, 2 * WORLD_LEASE);
	assert_true(world_count(&w, 2) > 0);
	w.node[1].paused = true;
	world_run(&w, 2 * WORLD_LEASE);
	assert_int_equal(world_count(&w, 2), MANY);
	/* of each: who sends to it, where it should be, whose else it is now */
	for (unsigned i = 1; i <= 2; i++)
		assert_in_range(w.node[i].labels_most, STEP, 3 * STEP);
	world_fini(&w);
}

#define PACED 29900

static bool seen[PACED];

static void
on_seen(struct world_node *n, unsigned domain)
{
	(void)n;
	seen[domain] = true;
}

/* A verdict is about domains that nothing else makes anybody look at. */
static void
test_each_in_a_lease(void **state)
{
	unsigned n = 0;

	(void)state;
	world_init(&w, PACED);
	world_start(&w, 1);
	world_run(&w, 2 * WORLD_LEASE);
	memset(seen, false, sizeof(seen));
	w.looked = on_seen;
	world_run(&w, WORLD_LEASE + 200);
	for (unsigned d = 0; d < PACED; d++)
		n += seen[d];
	assert_int_equal(n, PACED);
	assert_in_range(w.node[1].labels_most, STEP, 3 * STEP);
	w.looked = NULL;
	world_fini(&w);
}

static struct {
	struct loop_task *task;
	unsigned last, turns;
	int64_t epoch;
} flap;

static void
on_flap(void *arg)
{
	struct store_node two = { .id = 2, .epoch = ++flap.epoch };

	(void)arg;
	cluster_nodes(w.node[1].cl, &two, 1);
}

static void
on_looked(struct world_node *n, unsigned domain)
{
	(void)n;
	if (flap.turns == 0)
		return;
	if (w.node[1].labels == 1) {
		flap.turns--;
		loop_task_schedule(flap.task);
	}
	if (domain > flap.last)
		flap.last = domain;
}

/* A node comes and goes faster than the walk is: it comes to the end all the same. */
static void
test_flapping_node(void **state)
{
	(void)state;
	memset(&flap, 0, sizeof(flap));
	world_init(&w, 20 * STEP);
	world_start(&w, 1);
	world_run(&w, 2000);
	flap.task = loop_task_create(w.node[1].loop, on_flap, NULL);
	flap.turns = 50;
	w.looked = on_looked;
	on_flap(NULL);
	world_run(&w, 1000);
	assert_int_equal(flap.turns, 0);
	assert_int_equal(flap.last, 20 * STEP - 1);
	w.looked = NULL;
	loop_task_destroy(&flap.task);
	world_fini(&w);
}

int
main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_goes_where_it_is_up),
		T(test_comes_back_later),
		T(test_stays_where_nobody_sees_it_up),
		T(test_hold_begins_anew),
		T(test_group_is_one_nodes),
		T(test_large_group_is_split),
		T(test_low_ceiling_is_not_split),
		T(test_senders_follow_news),
		T(test_senders_follow_a_move),
		T(test_rolling_change),
		T(test_who_does_not_know_it_gives_it),
		T(test_who_knows_it_dies),
		T(test_domain_of_nobody),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_each_in_a_lease),
		cmocka_unit_test(test_flapping_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
