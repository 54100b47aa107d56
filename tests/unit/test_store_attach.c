/* SPDX-License-Identifier: ISC
 * test_store_attach: what a node that shares a store reads of its domains, and when
 * it may hand it on. Needs KIT_ENGINE (tests/unit/over_postgresql). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/share_kit.h"
#include "tests/unit/store_kit.h"

/* ---- what is stored of some domains */

enum { FEW = 40, ROUNDS = 40, BIG = 1500 };

static const char *const *
few_names(void)
{
	static char text[FEW][32];
	static const char *names[FEW];

	for (unsigned i = 0; i < FEW; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "d%u.example", i);
		names[i] = text[i];
	}
	return names;
}

/* ROUNDS messages to each of FEW domains, BIG more to the first: their first
 * part's numbers. */
static void
fill(struct share_node *n, struct share_answer *a)
{
	const char *const *names = few_names();
	const char *big[100];
	unsigned i;

	for (i = 0; i < MX_COUNT(big); i++)
		big[i] = names[0];
	for (i = 0; i < ROUNDS; i++)
		share_commit_begin(n, &a[i], names, FEW);
	for (i = 0; i < BIG / MX_COUNT(big); i++)
		share_commit_begin(n, &a[ROUNDS + i], big, MX_COUNT(big));
	for (i = 0; i < ROUNDS + BIG / MX_COUNT(big); i++) {
		SHARE_WAIT(n->share, a[i].done);
		assert_int_equal(a[i].rc, 0);
	}
}

static void
test_scan_many(void **state)
{
	struct share *s = *state;
	struct share_node *n = &s->nodes[0];
	struct share_answer a[ROUNDS + BIG / 100], come, gone = { 0 };
	const char *const *names = few_names();
	struct share_scan scan, one;
	unsigned i, k;

	fill(n, a);
	share_scan_begin(n, &scan, names, FEW);
	share_scan_begin(n, &one, names + 7, 1); /* beside it */
	/* what goes meanwhile may have been told of, or not; others stay */
	store_remove(n->store, a[ROUNDS - 1].id | 1, share_on_done, &gone, 0);
	share_commit_begin(n, &come, names, FEW);
	SHARE_WAIT(s, scan.done && one.done && come.done && gone.done);
	assert_int_equal(scan.rc, 0);
	assert_int_equal(scan.damaged, 0);
	assert_int_equal(one.n - share_found(&one, come.id | 7), ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		for (k = 0; k < FEW; k++)
			if (i < ROUNDS - 1 || k != 1)
				assert_int_equal(
				    share_found(&scan, a[i].id | k), 1);
	for (i = 0; i < BIG; i++)
		assert_int_equal(
		    share_found(&scan, a[ROUNDS + i / 100].id | i % 100), 1);
	for (k = 0; k < FEW; k++)
		assert_in_range(share_found(&scan, come.id | k), 0, 1);
	free(scan.ids);
	free(one.ids);
}

static void
test_scan_damaged(void **state)
{
	struct share *s = *state;
	struct share_node *n = &s->nodes[0];
	struct share_scan scan;
	uint64_t id, bad;
	char sql[100];

	assert_true((bad = share_commit(n, "d.example")) != 0);
	assert_true((id = share_commit(n, "d.example")) != 0);
	assert_true(share_commit(n, "e.example") != 0);
	(void)snprintf(sql, sizeof(sql),
	    "UPDATE mxwatch.part SET env = 'x' WHERE id = %llu",
	    (unsigned long long)bad);
	(void)kit_sql(sql);
	share_scan(n, &scan, "d.example");
	assert_int_equal(scan.rc, 0);
	assert_int_equal(scan.damaged, 1);
	assert_int_equal(scan.n, 1);
	assert_int_equal(share_found(&scan, id), 1);
	free(scan.ids);
}

/* The engine goes away in the midst, and comes back. */
static void
test_scan_away(void **state)
{
	struct share *s = *state;
	struct share_node *n = &s->nodes[0];
	struct share_answer a[ROUNDS + BIG / 100];
	struct share_scan scan;
	int64_t until;

	fill(n, a);
	share_scan_begin(n, &scan, few_names(), FEW);
	scan.shut = n->proxy;
	SHARE_WAIT(s, !n->holds); /* for so long that it was asked */
	assert_false(scan.done);
	for (until = clock_now() + 1200 * CLOCK_MS; clock_now() < until;)
		loop_run(s->loop); /* and again, which has to wait */
	assert_false(scan.done);
	engine_proxy_set(n->proxy, ENGINE_PROXY_OPEN);
	SHARE_WAIT(s, scan.done);
	assert_int_equal(scan.rc, 0);
	assert_int_equal(scan.n, ROUNDS * FEW + BIG);
	assert_int_equal(share_found(&scan, a[ROUNDS - 1].id | (FEW - 1)), 1);
	free(scan.ids);
}

static void
test_scan_closed(void **state)
{
	struct share *s = *state;
	struct share_node *n = &s->nodes[0];
	struct share_answer a[ROUNDS + BIG / 100];
	struct share_scan scan, next;
	unsigned told;

	fill(n, a);
	share_scan_begin(n, &scan, few_names(), FEW);
	scan.shut = n->proxy; /* the next page comes to nothing */
	SHARE_WAIT(s, scan.n > 0);
	share_scan_begin(n, &next, few_names(), FEW); /* was not asked yet */
	told = scan.n;
	share_close(n);
	assert_true(scan.done && next.done);
	assert_int_equal(scan.rc, -MX_ECANCELED);
	assert_int_equal(next.rc, -MX_ECANCELED);
	assert_int_equal(scan.n, told);
	free(scan.ids);
}

/* ---- what is held */

static void
test_holds_no_engine(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0];

	engine_proxy_set(a->proxy, ENGINE_PROXY_STALL);
	SHARE_WAIT(s, !a->holds);
	assert_false(store_holds(a->store, 0));
	SHARE_WAIT(s, store_holds(s->nodes[1].store, 0));
	engine_proxy_set(a->proxy, ENGINE_PROXY_OPEN);
	SHARE_WAIT(s, a->holds);
	SHARE_WAIT(s, store_holds(a->store, 0));
}

/* Who does not see what others do does not hold anything, though his own is
 * taken. */
static void
test_holds_blind(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0];
	struct store_info info;
	struct locker l;

	for (unsigned i = 0; i < SHARE_NODES; i++) {
		share_close(&s->nodes[i]);
		/* time for what is between one and two of them */
		s->nodes[i].conf.lease_ms = 2000;
		assert_true(share_open(&s->nodes[i]));
	}
	locker_begin(&l, "LOCK TABLE mxwatch.unit");
	assert_int_equal(share_put(&s->nodes[1], "x/y", "z"), 0);
	SHARE_WAIT(s, !a->holds);
	assert_int_equal(share_put(a, "x/y", "q"), 0);
	assert_false(store_holds(a->store, 0));
	locker_end(&l);
	SHARE_WAIT(s, a->holds);
	store_info(a->store, &info);
	assert_false(info.fenced);

	/* for long, and it gives its place to who sees, and may not join */
	locker_begin(&l, "LOCK TABLE mxwatch.unit");
	assert_int_equal(share_put(&s->nodes[1], "x/y", "z"), 0);
	SHARE_WAIT(s,
	    kit_sql("SELECT count(*) FROM mxwatch.node "
		    "WHERE name = 'node1' AND free") == 1);
	SHARE_WAIT(s, (store_info(a->store, &info), info.fenced));
	assert_int_equal(share_join(a), -MX_ENET);
	locker_end(&l);
	SHARE_WAIT(s, share_join(a) == 0);
	SHARE_WAIT(s, a->holds);
}

/* And who sees them, and says nothing himself that is taken. */
static void
test_holds_mute(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0];
	struct locker l;
	unsigned looks;

	locker_begin(&l,
	    "SELECT FROM mxwatch.node WHERE name = 'node1' FOR UPDATE");
	SHARE_WAIT(s, !a->holds);
	looks = a->looks;
	SHARE_WAIT(s, a->looks > looks + 1); /* it looks on */
	assert_false(store_holds(a->store, 0));
	locker_end(&l);
	SHARE_WAIT(s, a->holds);
}

static void
ask_holds(struct share_node *n, const struct share_item *item)
{
	(void)item;
	assert_false(store_holds(n->store, 0));
	n->arg = n;
}

/* What others did is told until the end, and the node is none any more then. */
static void
test_told_at_the_end(void **state)
{
	struct share *s = *state;
	struct share_node *a = &s->nodes[0], *b = &s->nodes[1];
	int64_t put;
	char sql[200];

	assert_int_equal(share_put(b, "x/y", "z"), 0);
	put = kit_sql("SELECT (extract(epoch FROM clock_timestamp()) * "
		      "1000000)::bigint");
	(void)snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
	    "'mxwatchd follower' AND state = 'idle' AND "
	    "extract(epoch FROM query_start) * 1000000 > %lld",
	    (long long)put);
	share_begin(s);
	while (kit_sql(sql) < SHARE_NODES) /* all have seen it */
		assert_true(clock_now() < s->until);
	a->item = ask_holds;
	share_close(a);
	assert_non_null(a->arg);
}

/* An argument picks those of that name. */
int
main(int argc, char **argv)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(test_##name, share_setup,              \
	    share_teardown)
	const struct CMUnitTest tests[] = {
		CASE(scan_many),
		CASE(scan_damaged),
		CASE(scan_away),
		CASE(scan_closed),
		CASE(holds_no_engine),
		CASE(holds_blind),
		CASE(holds_mute),
		CASE(told_at_the_end),
	};

	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
