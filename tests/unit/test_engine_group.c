/* SPDX-License-Identifier: ISC
 * test_engine_group: how large messages come to be in groups; and a group of which
 * the engine does not say whether it is there.
 * Its small mail lands meanwhile and waits for that word, and is delivered once,
 * whatever the word is, also over a start; a large one goes back, and is not
 * there. Needs KIT_ENGINE (tests/unit/over_postgresql). */
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
#include "tests/unit/store_kit.h"

#define WAIT_MS	    300
#define DEADLINE_MS 40000
#define LARGE	    300000
#define PARTS	    "SELECT count(*) FROM mxwatch.part"
#define GROUPS	    "SELECT count(*) FROM mxwatch.stir"

/* From now on a transaction with mail does not end before go_on(), or by end_it().
 * What is for d1 another node has handed on before we can ask. */
static void
hold(void)
{
	(void)kit_sql("CREATE TABLE mxwatch.held ()");
	(void)kit_sql("CREATE OR REPLACE FUNCTION mxwatch.hold() RETURNS "
		      "trigger LANGUAGE plpgsql AS 'BEGIN WHILE EXISTS ("
		      "SELECT FROM pg_tables WHERE tablename = ''held'') LOOP "
		      "PERFORM pg_sleep(0.05); END LOOP; "
		      "DELETE FROM mxwatch.part WHERE domain = "
		      "''d1.example''; RETURN NULL; END'");
	(void)kit_sql("CREATE TRIGGER hold AFTER INSERT ON mxwatch.part FOR "
		      "EACH STATEMENT EXECUTE FUNCTION mxwatch.hold()");
}

static void
go_on(void)
{
	(void)kit_sql("DROP TABLE IF EXISTS mxwatch.held");
	(void)kit_sql("DROP TRIGGER IF EXISTS hold ON mxwatch.part");
}

static void
wait_sql(struct kit *k, const char *sql, int64_t want)
{
	int64_t end = clock_now() + DEADLINE_MS * CLOCK_MS;

	while (kit_sql(sql) != want) {
		assert_true(clock_now() < end);
		kit_turn(k);
	}
}

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	kit_init(k, NULL);
	kit_both(k);
	k->conf.lease_ms = 60000;
	k->conf.wait_ms = WAIT_MS;
	assert_true(kit_open(k));
	assert_int_equal(kit_scan(k), 0);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	go_on();
	kit_fini(*state);
	free(*state);
	return 0;
}

/* ---- messages of one group */

struct sent {
	struct kit *k;
	struct store_tx *tx;
	uint64_t id;
	int rc;
};

static void
on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct sent *m = arg;
	unsigned i;

	(void)token;
	for (i = 0; i < n; i++) {
		/* what is the store's to know */
		assert_int_equal(parts[i]->flags & ENV_MOVING, 0);
		envelope_destroy(&parts[i]);
	}
	m->rc = rc;
	kit_one_done(m->k);
}

static void
begin(struct kit *k, struct sent *m, size_t len, uint64_t seed)
{
	char *data = mem_alloc(len);

	*m = (struct sent){ .k = k, .tx = store_tx_begin(k->store), .rc = 1 };
	m->id = store_tx_id(m->tx);
	kit_fill(data, len, seed);
	assert_int_equal(store_tx_append(m->tx, data, len), 0);
	mem_free(&data);
}

static void
commit(struct sent *m, unsigned n)
{
	struct kit *k = m->k;
	struct envelope *parts[2];
	unsigned i;

	k->waiting = n;
	k->done = false;
	for (i = 0; i < n; i++, m++) {
		parts[0] = kit_envelope("d0.example");
		parts[1] = kit_envelope("d1.example");
		store_tx_commit(&m->tx, parts, 2, on_commit, m, 0);
	}
	kit_wait_all(k);
}

/* Pieces of large ones go as a group does: not each with a sync of its own. */
static void
test_large_ones_are_groups(void **state)
{
	struct kit *k = *state;
	int64_t groups = kit_sql(GROUPS);
	struct sent m[20];
	unsigned i;

	for (i = 0; i < 20; i++)
		begin(k, &m[i], LARGE, i);
	commit(m, 20);
	for (i = 0; i < 20; i++) {
		assert_int_equal(m[i].rc, 0);
		assert_int_equal(kit_verify(k, m[i].id, LARGE, i), 0);
	}
	assert_true(kit_sql(GROUPS) - groups < 20);
	begin(k, &m[0], LARGE, 1);
	begin(k, &m[1], 70000, 1);
	store_tx_abort(&m[0].tx);
	commit(&m[1], 1);
	store_tx_abort(&m[1].tx);
	assert_int_equal(kit_bodies(k), 21);
}

/* ---- */

struct asked {
	struct kit *k;
	int rc;
};

static void
on_moved(void *arg, uint64_t token, int rc)
{
	struct asked *a = arg;

	(void)token;
	a->rc = rc;
	kit_one_done(a->k);
}

static void
ask(struct asked *a, struct kit *k, uint64_t id)
{
	*a = (struct asked){ k, 1 };
	k->waiting++;
	k->done = false;
	store_move(k->store, id, on_moved, a, id);
}

/* It is there, when that is known: what landed is nobody's before, and the engine's
 * then; what another has handed on meanwhile does not come again. */
static void
test_is_there(void **state)
{
	struct kit *k = *state;
	struct sent m[3];
	struct asked a[4];
	unsigned i;

	begin(k, &m[2], LARGE, 3);
	wait_sql(k, "SELECT count(DISTINCT id) FROM mxwatch.body", 1);
	hold();
	begin(k, &m[0], 2000, 1);
	begin(k, &m[1], 3000, 2);
	commit(m, 3);
	assert_int_equal(m[0].rc, 0);
	assert_int_equal(m[1].rc, 0);
	assert_int_equal(m[2].rc, -MX_EFULL);
	for (i = 0; i < 2; i++) {
		assert_true(store_is_local(k->store, m[i].id));
		assert_false(store_holds(k->store, m[i].id));
		assert_false(store_holds(k->store, m[i].id + 1));
		ask(&a[2 * i], k, m[i].id);
		ask(&a[2 * i + 1], k, m[i].id + 1);
	}
	for (i = 0; i < 20; i++)
		kit_turn(k);
	assert_int_equal(k->waiting, 4);
	go_on();
	kit_wait_all(k);
	for (i = 0; i < 4; i++)
		assert_int_equal(a[i].rc, 0);
	kit_settle(k);
	assert_false(store_is_local(k->store, m[0].id));
	assert_true(store_holds(k->store, m[0].id));
	assert_int_equal(kit_verify(k, m[0].id, 2000, 1), 0);
	assert_int_equal(kit_verify(k, m[1].id, 3000, 2), 0);
	assert_int_equal(kit_load(k, m[0].id + 1, 0), -MX_ENOENT);
	assert_int_equal(kit_load(k, m[2].id, 0), -MX_ENOENT);
	assert_int_equal(kit_sql(PARTS), 2);
	assert_int_equal(kit_sql("SELECT count(*) FROM mxwatch.moved"), 0);
	assert_true(kit_commit(k, 10, 4, 1) != 0);
}

static void
end_it(struct kit *k)
{
	wait_sql(k,
	    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
	    "WHERE application_name = 'mxwatchd' AND wait_event = 'PgSleep'",
	    0);
	go_on();
}

/* It is not there: what landed is the spool's, as any other. */
static void
test_is_not_there(void **state)
{
	struct kit *k = *state;
	struct asked a[2];
	struct sent m;

	hold();
	begin(k, &m, 2000, 1);
	commit(&m, 1);
	assert_int_equal(m.rc, 0);
	assert_false(store_holds(k->store, m.id));
	ask(&a[0], k, m.id);
	ask(&a[1], k, m.id + 1);
	end_it(k);
	kit_wait_all(k);
	assert_int_equal(a[0].rc, -MX_ENET);
	assert_int_equal(a[1].rc, -MX_ENET);
	assert_true(store_is_local(k->store, m.id));
	assert_true(store_holds(k->store, m.id));
	assert_int_equal(kit_verify(k, m.id, 2000, 1), 0);
	assert_int_equal(kit_sql(PARTS), 0);
	assert_int_equal(kit_move(k, m.id), 0);
	assert_int_equal(kit_move(k, m.id + 1), 0);
	assert_int_equal(kit_verify(k, m.id + 1, 2000, 1), 0);
	assert_int_equal(kit_sql(PARTS), 2);
}

/* What is done to one meanwhile waits as well. */
static void
test_changed(void **state)
{
	struct kit *k = *state;
	struct sent m;

	hold();
	begin(k, &m, 2000, 1);
	commit(&m, 1);
	assert_int_equal(m.rc, 0);
	go_on();
	assert_int_equal(kit_update(k, m.id), 0);
	assert_int_equal(kit_remove(k, m.id + 1), -MX_ENOENT);
	assert_int_equal(kit_verify(k, m.id, 2000, 1), 0);
	assert_int_equal(k->loaded.env->attempts, 1);
	assert_int_equal(kit_sql(PARTS), 1);
	assert_false(store_is_local(k->store, m.id));
}

/* ---- over a start */

static void
on_arrived(void *arg, const struct envelope_brief *b)
{
	struct kit *k = arg;

	assert_true(store_is_local(k->store, b->id));
	k->answers++;
}

static struct sent
left_in_doubt(struct kit *k)
{
	struct sent m;

	begin(k, &m, 2000, 1);
	commit(&m, 1);
	assert_int_equal(m.rc, 0);
	assert_false(store_holds(k->store, m.id));
	kit_close(k);
	return m;
}

static void
open_again(struct kit *k)
{
	k->arrived = on_arrived;
	k->arrived_arg = k;
	assert_true(kit_open(k));
	assert_int_equal(kit_scan(k), 0);
}

static void
wait_arrived(struct kit *k)
{
	int64_t end = clock_now() + DEADLINE_MS * CLOCK_MS;

	while (k->answers < 2) {
		assert_true(clock_now() < end);
		kit_turn(k);
	}
}

static void
test_start_is_there(void **state)
{
	struct kit *k = *state;
	int64_t end = clock_now() + DEADLINE_MS * CLOCK_MS;
	struct sent m;

	hold();
	m = left_in_doubt(k);
	/* nor has the server what was asked of it, which would wait there */
	wait_sql(k,
	    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
	    "WHERE application_name = 'mxwatchd' AND wait_event_type = 'Lock'",
	    0);
	go_on();
	open_again(k);
	while (store_is_local(k->store, m.id) ||
	    store_is_local(k->store, m.id + 1)) {
		assert_true(clock_now() < end);
		kit_turn(k);
	}
	assert_int_equal(kit_verify(k, m.id, 2000, 1), 0);
	assert_int_equal(kit_load(k, m.id + 1, 0), -MX_ENOENT);
	assert_int_equal(kit_sql(PARTS), 1);
	assert_int_equal(k->answers, 0);
}

/* The start after that finds no mark, and a group that came behind is no other's. */
static void
test_starts_again(void **state)
{
	struct kit *k = *state;
	uint64_t next;
	struct sent m;

	hold();
	m = left_in_doubt(k);
	end_it(k);
	open_again(k);
	wait_arrived(k);
	next = kit_commit(k, 10, 2, 1);
	assert_true(next != 0 && !store_is_local(k->store, next));
	kit_close(k);
	k->answers = 0;
	k->arrived = NULL;
	assert_true(kit_open(k));
	assert_int_equal(kit_scan(k),
	    2); /* the parts that landed, and only here */
	assert_true(store_holds(k->store, m.id));
	assert_int_equal(kit_verify(k, m.id, 2000, 1), 0);
	assert_int_equal(kit_verify(k, next, 10, 2), 0);
	assert_int_equal(kit_sql(PARTS), 1);
}

static void
test_start_is_not_there(void **state)
{
	struct kit *k = *state;
	struct sent m;

	hold();
	m = left_in_doubt(k);
	end_it(k);
	open_again(k);
	wait_arrived(k);
	assert_true(store_holds(k->store, m.id));
	assert_int_equal(kit_verify(k, m.id, 2000, 1), 0);
	assert_int_equal(kit_sql(PARTS), 0);
	assert_int_equal(kit_move(k, m.id), 0);
	assert_int_equal(kit_verify(k, m.id, 2000, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_large_ones_are_groups,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_is_not_there, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_is_there, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_starts_again, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_start_is_not_there, setup,
		    teardown),
	};

	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
