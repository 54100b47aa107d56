/* SPDX-License-Identifier: ISC
 * test_store_local: mail that lands in the spool of this node while the engine is
 * away, is read and changed there, and is moved when the engine is back. The
 * server is killed and started by $PG (tests/tools/postgres). Needs KIT_ENGINE
 * (tests/unit/over_postgresql). */
#include <poll.h>
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
#include "base/idmap.h"
#include "base/mem.h"
#include "engine/pg.h"
#include "tests/unit/store_kit.h"

#define WAIT_MS	    300
#define DEADLINE_MS 20000
#define LARGE	    700000
#define PARTS	    "SELECT count(*) FROM mxwatch.part"
#define MOVED	    "SELECT count(*) FROM mxwatch.moved"

static void
pg(const char *what)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "\"$PG\" %s", what);
	assert_int_equal(system(cmd), 0);
}

/* Until the engine is away, for so long that nobody waits for it any more; or
 * there. */
static void
wait_engine(struct kit *k, bool away)
{
	int64_t end = clock_now() + DEADLINE_MS * CLOCK_MS;
	struct store_info info;

	do {
		assert_true(clock_now() < end);
		kit_turn(k);
		store_info(k->store, &info);
	} while (away ? info.elsewhere || info.away_ms == 0 :
			!info.elsewhere || info.away_ms != 0);
}

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	kit_init(k, NULL);
	kit_both(k);
	k->conf.lease_ms = 3000;
	k->conf.wait_ms = WAIT_MS;
	assert_true(kit_open(k));
	assert_int_equal(kit_scan(k), 0);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	kit_fini(*state);
	free(*state);
	return 0;
}

static void
reopen(struct kit *k)
{
	kit_close(k);
	assert_true(kit_open(k));
}

/* By the deadline, and then without waiting; small and large; read, changed,
 * removed there; moved, and then the engine's. */
static void
test_lands(void **state)
{
	struct kit *k = *state;
	uint64_t there, first, small, large, empty, gone;
	struct store_info info;

	there = kit_commit(k, 1000, 1, 1);
	assert_true(there != 0);
	assert_false(store_is_local(k->store, there));
	pg("kill a");
	first = kit_commit(k, 2000, 2, 1);
	assert_true(first != 0);
	assert_true(store_is_local(k->store, first));
	assert_true(store_holds(k->store, first));
	wait_engine(k, true);
	assert_int_equal(store_accepting(k->store, 1000), 0);
	assert_int_equal(k->state, STORE_OK);
	small = kit_commit(k, 100000, 3, 1);
	large = kit_commit(k, LARGE, 4, 1);
	empty = kit_commit(k, 0, 5, 1);
	gone = kit_commit(k, 10, 6, 1);
	assert_true(store_is_local(k->store, large));
	assert_int_equal(kit_verify(k, first, 2000, 2), 0);
	assert_int_equal(kit_verify(k, large, LARGE, 4), 0);
	assert_int_equal(kit_update(k, small), 0);
	assert_int_equal(kit_remove(k, gone), 0);
	assert_false(store_is_local(k->store, gone));
	assert_int_equal(kit_move(k, small), -MX_ENET);
	assert_true(store_holds(k->store, small));

	pg("start a");
	wait_engine(k, false);
	store_info(k->store, &info);
	assert_int_equal(info.away_ms, 0);
	assert_int_equal(kit_move(k, first), 0);
	assert_int_equal(kit_move(k, small), 0);
	assert_int_equal(kit_move(k, large), 0);
	assert_int_equal(kit_move(k, empty), 0);
	assert_false(store_is_local(k->store, first));
	assert_int_equal(kit_verify(k, there, 1000, 1), 0);
	assert_int_equal(kit_verify(k, first, 2000, 2), 0);
	assert_int_equal(kit_verify(k, small, 100000, 3), 0);
	assert_int_equal(k->loaded.env->attempts, 1);
	assert_int_equal(kit_verify(k, large, LARGE, 4), 0);
	assert_int_equal(kit_verify(k, empty, 0, 5), 0);
	assert_int_equal(kit_load(k, gone, 0), -MX_ENOENT);
	assert_int_equal(kit_sql(PARTS), 5);
	assert_int_equal(kit_update(k, first), 0);
	assert_int_equal(kit_remove(k, large), 0);
	assert_int_equal(kit_bodies(k), 1); /* pieces of `small` */
	reopen(k);
	assert_int_equal(kit_scan(k), 0);
	assert_int_equal(kit_verify(k, small, 100000, 3), 0);
	assert_int_equal(kit_sql(MOVED), 0);
}

/* Parts share a body: one is moved, one removed, one moved later, when the first
 * has left the engine. */
static void
test_parts(void **state)
{
	struct kit *k = *state;
	uint64_t ids[2];
	unsigned i;

	pg("kill a");
	ids[0] = kit_commit(k, 5000, 1, 3);
	ids[1] = kit_commit(k, LARGE, 2, 3);
	pg("start a");
	wait_engine(k, false);
	for (i = 0; i < 2; i++) {
		assert_true(store_is_local(k->store, ids[i] | 2));
		assert_int_equal(kit_move(k, ids[i]), 0);
		assert_true(store_is_local(k->store, ids[i] | 1));
		assert_int_equal(kit_remove(k, ids[i] | 1), 0);
	}
	kit_settle(k);
	assert_int_equal(kit_verify(k, ids[0] | 2, 5000, 1), 0);
	assert_int_equal(kit_verify(k, ids[1] | 2, LARGE, 2), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(kit_remove(k, ids[i]), 0);
	assert_int_equal(kit_sql("SELECT count(*) FROM mxwatch.body"), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(kit_move(k, ids[i] | 2), 0);
	assert_int_equal(kit_verify(k, ids[0] | 2, 5000, 1), 0);
	assert_int_equal(kit_verify(k, ids[1] | 2, LARGE, 2), 0);
	kit_settle(k);
	assert_int_equal(kit_sql(PARTS), 2);
}

/* What had landed is there at the next start, and only that is told. */
static void
test_starts(void **state)
{
	struct kit *k = *state;
	uint64_t there, here;

	there = kit_commit(k, 1000, 1, 1);
	pg("kill a");
	here = kit_commit(k, 2000, 2, 2);
	pg("start a");
	reopen(k);
	assert_int_equal(kit_scan(k), 2);
	assert_true(store_is_local(k->store, here));
	assert_true(store_is_local(k->store, here | 1));
	assert_false(store_is_local(k->store, there));
	assert_int_equal(kit_verify(k, there, 1000, 1), 0);
	assert_int_equal(kit_verify(k, here, 2000, 2), 0);
	assert_int_equal(kit_move(k, here), 0);
	reopen(k);
	assert_int_equal(kit_scan(k), 1);
	assert_int_equal(kit_verify(k, here, 2000, 2), 0);
}

/* The operator wants none of it. */
static void
test_refuses(void **state)
{
	struct kit *k = *state;

	k->conf.refuse_away = true;
	store_reconfigure(k->store, &k->conf);
	pg("kill a");
	assert_int_equal(kit_commit(k, 10, 1, 1), 0);
	assert_int_equal(k->rc, -MX_EFULL);
	kit_wait_state(k, STORE_FULL);
	assert_int_equal(store_accepting(k->store, 1), -MX_EFULL);
	pg("start a");
	kit_wait_state(k, STORE_OK);
	assert_true(kit_commit(k, 10, 1, 1) != 0);
}

/* Room in the spool is of interest while the engine is away, and only then. */
static void
test_full(void **state)
{
	struct kit *k = *state;
	uint64_t id;

	k->conf.reserve = UINT64_MAX / 2;
	reopen(k);
	assert_int_equal(store_accepting(k->store, 1000), 0);
	id = kit_commit(k, 1000, 1, 1);
	assert_true(id != 0 && !store_is_local(k->store, id));
	pg("kill a");
	wait_engine(k, true);
	assert_int_equal(store_accepting(k->store, 1000), -MX_EFULL);
	assert_int_equal(k->state, STORE_FULL);
	pg("start a");
	kit_wait_state(k, STORE_OK);
	assert_int_equal(store_accepting(k->store, 1000), 0);
}

/* A large one has its beginning where the engine was: it is refused. */
static void
test_large_begun(void **state)
{
	struct kit *k = *state;
	struct store_tx *tx = store_tx_begin(k->store);
	char *data = mem_alloc(LARGE);
	uint64_t id = store_tx_id(tx);
	int64_t end = clock_now() + DEADLINE_MS * CLOCK_MS;
	int rc;

	kit_fill(data, LARGE, 1);
	assert_int_equal(store_tx_append(tx, data, 300000), 0);
	while (kit_bodies(k) == 0 &&
	    kit_sql("SELECT count(*) FROM mxwatch.body") == 0) {
		assert_true(clock_now() < end);
		kit_turn(k);
	}
	pg("kill a");
	wait_engine(k, true);
	do {
		rc = store_tx_append(tx, data, 70000);
		kit_turn(k);
		assert_true(clock_now() < end);
	} while (rc == 0);
	assert_int_equal(rc, -MX_EFULL);
	store_tx_abort(&tx);
	assert_false(store_is_local(k->store, id));
	pg("start a");
	mem_free(&data);
}

/* ---- small state */

struct seen {
	char keys[200];
};

static void
see(void *arg, const char *key, const void *value, size_t len)
{
	struct seen *s = arg;

	(void)strlcat(s->keys, key, sizeof(s->keys));
	(void)strlcat(s->keys, "=", sizeof(s->keys));
	(void)strncat(s->keys, value, len);
	(void)strlcat(s->keys, " ", sizeof(s->keys));
}

static void
put_done(void *arg, uint64_t token, int rc)
{
	struct kit *k = arg;

	(void)token;
	k->rc = rc;
	k->done = true;
	loop_stop(k->loop);
}

static void
put(struct kit *k, const char *key, const char *value)
{
	k->done = false;
	store_state_put(k->store, key, value, strlen(value), put_done, k, 0);
	kit_wait(k, &k->done);
	assert_int_equal(k->rc, 0);
}

static void
test_states(void **state)
{
	struct kit *k = *state;
	struct seen own = { "" }, all = { "" };

	put(k, "own", "1");
	put(k, "of/all", "2");
	pg("kill a");
	wait_engine(k, true);
	put(k, "own2", "3");
	store_state_each(k->store, "o", see, &own);
	assert_string_equal(own.keys, "own=1 own2=3 ");
	pg("start a");
	wait_engine(k, false);
	store_state_each(k->store, "of/", see, &all);
	assert_string_equal(all.keys, "of/all=2 ");
	reopen(k);
	store_state_each(k->store, "own2", see, &all);
	assert_string_equal(all.keys, "of/all=2 own2=3 ");
}

/* ---- many at once */

struct fetched {
	struct kit *k;
	const uint64_t *ids;
	unsigned found;
};

static void
on_fetch(void *arg, struct envelope **envs, unsigned n)
{
	struct fetched *f = arg;
	unsigned i;

	for (i = 0; i < n; i++) {
		f->found += envs[i] != NULL && envs[i]->id == f->ids[i];
		envelope_destroy(&envs[i]);
	}
	kit_one_done(f->k);
}

/* Of both in one request, some while they are moved. */
static void
test_fetch(void **state)
{
	struct kit *k = *state;
	uint64_t ids[6];
	struct fetched f = { k, ids, 0 };

	ids[0] = kit_commit(k, 10, 1, 1);
	ids[4] = kit_commit(k, 10, 1, 1);
	pg("kill a");
	ids[1] = kit_commit(k, 10, 1, 1);
	ids[2] = 77; /* there is none */
	ids[3] = kit_commit(k, 10, 1, 1);
	ids[5] = kit_commit(k, 10, 1, 1);
	pg("start a");
	wait_engine(k, false);
	k->waiting = 1;
	(void)store_fetch(k->store, ids, 6, on_fetch, &f);
	kit_wait_all(k);
	assert_int_equal(f.found, 5);
	f.found = 0;
	k->waiting = 1;
	(void)store_fetch(k->store, ids, 1, on_fetch, &f);
	kit_wait_all(k);
	assert_int_equal(f.found, 1);
}

struct intake {
	struct kit *k;
	struct idmap sure;
	unsigned out, acks, refused, want, local;
	bool stop;
};

static void intake_one(struct intake *);

static void
intake_done(void *arg, uint64_t id, int rc, struct envelope **parts, unsigned n)
{
	struct intake *in = arg;
	unsigned i;

	for (i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	in->out--;
	if (rc == 0) {
		in->acks++;
		idmap_put(&in->sure, id, in);
		in->local += store_is_local(in->k->store, id);
	} else {
		in->refused++;
	}
	if (!in->stop)
		intake_one(in);
	if (in->stop ? in->out == 0 : in->acks >= in->want) {
		in->k->done = true;
		loop_stop(in->k->loop);
	}
}

static void
intake_one(struct intake *in)
{
	struct store_tx *tx = store_tx_begin(in->k->store);
	struct envelope *part = kit_envelope("example.org");
	uint64_t id = store_tx_id(tx);
	char data[900];

	kit_fill(data, sizeof(data), id);
	assert_int_equal(store_tx_append(tx, data, sizeof(data)), 0);
	in->out++;
	store_tx_commit(&tx, &part, 1, intake_done, in, id);
}

static void
intake_more(struct intake *in, unsigned more)
{
	in->want = in->acks + more;
	in->k->done = false;
	kit_wait(in->k, &in->k->done);
}

static void
moved_one(void *arg, uint64_t id, int rc)
{
	struct kit *k = arg;

	/* It was in doubt and is not there: that is found out by a move, and
	 * the next one moves it. */
	if (rc == -MX_ENET) {
		store_move(k->store, id, moved_one, k, id);
		return;
	}
	assert_int_equal(rc, 0);
	kit_one_done(k);
}

static void
move_local(uint64_t id, void *value, void *arg)
{
	struct intake *in = arg;

	(void)value;
	if (!store_is_local(in->k->store, id))
		return;
	in->k->waiting++;
	store_move(in->k->store, id, moved_one, in->k, id);
}

static void
is_whole(uint64_t id, void *value, void *arg)
{
	struct intake *in = arg;

	(void)value;
	assert_int_equal(kit_verify(in->k, id, 900, id), 0);
}

/* The server is killed under it, twice: what was acknowledged is there once. */
static void
test_intake(void **state)
{
	struct kit *k = *state;
	struct intake in = { .k = k };
	unsigned i, j;

	idmap_init(&in.sure);
	for (i = 0; i < 20; i++)
		intake_one(&in);
	for (i = 0; i < 2; i++) {
		intake_more(&in, 100);
		pg("kill a");
		/* those under way may all be of a group in doubt, which waits */
		for (j = 0; j < 20; j++)
			intake_one(&in);
		intake_more(&in, 200);
		pg("start a");
		wait_engine(k, false);
	}
	in.stop = true;
	k->done = in.out == 0;
	kit_wait(k, &k->done);
	assert_int_equal(in.refused, 0);
	assert_true(in.local >= 200);
	assert_int_equal(kit_sql(PARTS) + in.local, in.acks);
	idmap_each(&in.sure, is_whole, &in);
	k->waiting = 0;
	idmap_each(&in.sure, move_local, &in);
	assert_int_equal(k->waiting, in.local);
	kit_wait_all(k);
	assert_int_equal(kit_sql(PARTS), in.acks);
	idmap_each(&in.sure, is_whole, &in);
	reopen(k);
	assert_int_equal(kit_scan(k), 0);
	idmap_fini(&in.sure);
}

static int
join(struct kit *k)
{
	k->done = false;
	store_join(k->store, put_done, k, 0);
	kit_wait(k, &k->done);
	return k->rc;
}

/* The engine is away when it starts: what had landed is there, and mail lands. It
 * is the node again when the engine is back, and hears of all that is shared. */
static void
test_starts_away(void **state)
{
	struct kit *k = *state;
	uint64_t there, here, more;
	struct seen told = { "" };
	struct store_info info;
	unsigned node = store_node(k->store);

	put(k, "of/all", "2");
	there = kit_commit(k, 1000, 1, 1);
	pg("kill a");
	here = kit_commit(k, 2000, 2, 1);
	k->told = see;
	k->told_arg = &told;
	reopen(k);
	store_info(k->store, &info);
	assert_true(info.fenced && info.away_ms != 0);
	assert_int_equal(store_node(k->store), node);
	assert_int_equal(kit_scan(k), 1);
	assert_true(store_holds(k->store, here));
	assert_false(store_holds(k->store, there));
	assert_int_equal(kit_verify(k, here, 2000, 2), 0);
	more = kit_commit(k, LARGE, 3, 1);
	assert_true(store_is_local(k->store, more));
	assert_true(join(k) != 0);
	pg("start a");
	assert_int_equal(join(k), 0);
	wait_engine(k, false);
	store_info(k->store, &info);
	assert_false(info.fenced);
	assert_true(store_holds(k->store, there));
	assert_int_equal(kit_move(k, here), 0);
	assert_int_equal(kit_move(k, more), 0);
	assert_int_equal(kit_verify(k, there, 1000, 1), 0);
	assert_int_equal(kit_verify(k, more, LARGE, 3), 0);
	while (strstr(told.keys, "of/all=2 ") == NULL)
		kit_turn(k); /* alarm() of main() */
}

/* Who has never been in the cluster does not know his number. */
static void
test_starts_away_first(void **state)
{
	struct kit *k = *state;

	pg("kill a");
	kit_close(k);
	k->conf.node = "another";
	assert_false(kit_open(k));
	assert_int_equal(k->rc, -MX_ENET);
	assert_non_null(strstr(k->eb.text, "was not in the cluster"));
	pg("start a");
	assert_true(kit_open(k));
}

static void
say(struct pg *p, const char *sql)
{
	int64_t until = clock_now() + DEADLINE_MS * CLOCK_MS;
	struct pg_stmt stmt = { "", sql };
	struct mx_errbuf eb;

	assert_int_equal(pg_up(p, until, &eb), 0);
	(void)pg_add(p, &stmt);
	assert_int_equal(pg_run(p, until, &eb), 0);
}

/* Another node removes the last part of a message, and its content, while one more
 * part is on its way: it is brought again. */
static void
test_content_goes(void **state)
{
	struct kit *k = *state;
	struct pg *other = pg_create(k->conf.engine, "other");
	uint64_t id;

	pg("kill a");
	wait_engine(k, true); /* a large one goes where it was begun */
	id = kit_commit(k, LARGE, 7, 1);
	pg("start a");
	wait_engine(k, false);
	say(other, "BEGIN");
	say(other, "LOCK TABLE mxwatch.part IN ACCESS EXCLUSIVE MODE");
	k->waiting = 1;
	store_move(k->store, id, moved_one, k, 0);
	while (kit_sql("SELECT count(*) FROM mxwatch.body") < LARGE / 65536)
		kit_turn(k); /* alarm() of main() */
	say(other, "DELETE FROM mxwatch.body");
	say(other, "COMMIT");
	kit_wait_all(k);
	pg_destroy(&other);
	assert_int_equal(kit_verify(k, id, LARGE, 7), 0);
	assert_int_equal(kit_sql(PARTS), 1);
}

/* What comes behind a change that waits for the engine does not wait with it. */
static void
test_behind(void **state)
{
	struct kit *k = *state;
	struct store_info info;
	uint64_t there, here;

	k->conf.wait_ms = 2000; /* it is not known to be away for a while */
	store_reconfigure(k->store, &k->conf);
	there = kit_commit(k, 1000, 1, 1);
	pg("kill a");
	k->waiting = 1;
	store_remove(k->store, there, moved_one, k, 0);
	do {
		kit_turn(k);
		store_info(k->store, &info);
	} while (info.away_ms == 0);
	assert_true(info.elsewhere);
	here = kit_commit(k, 1000, 2, 1);
	assert_true(here != 0 && store_is_local(k->store, here));
	pg("start a");
	kit_wait_all(k);
	assert_int_equal(kit_load(k, there, 0), -MX_ENOENT);
}

/* What is moved is looked for by itself: not among all that is there, for each. */
static void
test_moves_by_index(void **state)
{
	enum { THERE = 300, HERE = 30 };
	struct kit *k = *state;
	uint64_t ids[HERE];
	int64_t end;
	unsigned i;

	for (i = 0; i < THERE; i++)
		assert_true(kit_commit(k, 10, i, 1) != 0);
	pg("kill a"); /* and with it what was counted */
	for (i = 0; i < HERE; i++)
		assert_true((ids[i] = kit_commit(k, 10, i, 1)) != 0);
	pg("start a");
	wait_engine(k, false);
	for (i = 0; i < HERE; i++)
		assert_int_equal(kit_move(k, ids[i]), 0);
	kit_close(k);
	end = clock_now() + DEADLINE_MS * CLOCK_MS;
	while (kit_sql("SELECT count(*) FROM pg_stat_activity WHERE pid <> "
		       "pg_backend_pid() AND backend_type = "
		       "'client backend'") != 0)
		assert_true(clock_now() < end);
	assert_in_range(
	    kit_sql("SELECT idx_tup_fetch FROM pg_stat_user_tables "
		    "WHERE schemaname = 'mxwatch' AND relname = 'part'"),
	    0, HERE * THERE / 10);
	assert_true(kit_open(k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_starts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_begun, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fetch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves_by_index, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_content_goes, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_starts_away, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_starts_away_first, setup,
		    teardown),
	};

	if (getenv("KIT_ENGINE") == NULL || getenv("PG") == NULL)
		return 77;
	(void)alarm(300); /* a wait that does not end */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
