/* SPDX-License-Identifier: ISC
 * test_engine: statements and their answers, what went wrong as a code, a
 * server that does not answer, and the tables. Needs KIT_ENGINE
 * (tests/unit/over_postgresql). */
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
#include "engine/schema.h"

#define DAY ((uint64_t)86400000 << 20)

static struct mx_errbuf eb;

static int64_t
soon(void)
{
	return clock_now() + 20 * CLOCK_SEC;
}

/* One statement without values, by a name that nothing has. */
static int
say(struct pg *p, const char *sql)
{
	struct pg_stmt s = { "", sql };

	(void)pg_add(p, &s);
	return pg_run(p, soon(), &eb);
}

static int
setup(void **state)
{
	struct pg *p = pg_create(getenv("KIT_ENGINE"), "test_engine");

	if (pg_up(p, soon(), &eb) != 0 ||
	    say(p, "DROP SCHEMA IF EXISTS mxwatch CASCADE") != 0)
		return -1;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pg *p = *state;

	pg_destroy(&p);
	return 0;
}

/* Whoever ends waits for no server that hangs. */
static void
test_hurry(void **state)
{
	struct pg *p = *state;

	assert_int_equal(say(p, "SELECT pg_sleep(0.1)"), 0);
	pg_hurry(p);
	assert_int_equal(say(p, "SELECT 1"), 0);
	assert_int_equal(say(p, "SELECT pg_sleep(8)"), -MX_ENET);
}

/* Values of each type, there and back. */
static void
test_values(void **state)
{
	static const struct pg_stmt echo = { "echo",
		"SELECT $1::integer, $2::bigint, $3::text, $4::bytea" };
	static const struct pg_stmt arrays = { "arrays",
		"SELECT a, b FROM unnest($1::bigint[], $2::bytea[]) u(a, b) "
		"ORDER BY a DESC" };
	static const struct pg_stmt ints = { "ints",
		"SELECT sum(x) FROM unnest($1::integer[]) x" };
	struct pg *p = *state;
	struct pg_args *a;
	const char *v;
	size_t len;
	int round;

	for (round = 0; round < 2; round++) { /* prepared, and known */
		a = pg_add(p, &echo);
		pg_int4(a, -7);
		pg_int8(a, INT64_MIN);
		pg_text(a, "caf\303\251");
		pg_bytes(a, "a\0b", 3);
		a = pg_add(p, &arrays);
		pg_array(a, PG_INT8);
		pg_array_int8(a, 1);
		pg_array_int8(a, INT64_C(1) << 60);
		pg_array(a, PG_BYTES);
		pg_array_bytes(a, "", 0);
		pg_array_bytes(a, "\0", 1);
		a = pg_add(p, &ints);
		pg_array(a, PG_INT4);
		pg_array_int4(a, 40);
		pg_array_int4(a, 2);
		a = pg_add(p, &ints); /* once more in one batch */
		pg_array(a, PG_INT4);
		pg_array_int4(a, 17);
		assert_int_equal(pg_run(p, soon(), &eb), 0);
		assert_true(pg_get_int8(p, 3, 0, 0) == 17);
		assert_true(pg_get_int8(p, 0, 0, 0) == -7);
		assert_true(pg_get_int8(p, 0, 0, 1) == INT64_MIN);
		v = pg_get(p, 0, 0, 2, &len);
		assert_string_equal(v, "caf\303\251");
		v = pg_get(p, 0, 0, 3, &len);
		assert_int_equal(len, 3);
		assert_memory_equal(v, "a\0b", 3);
		assert_int_equal(pg_rows(p, 1), 2);
		assert_true(pg_get_int8(p, 1, 0, 0) == INT64_C(1) << 60);
		(void)pg_get(p, 1, 0, 1, &len);
		assert_int_equal(len, 1);
		(void)pg_get(p, 1, 1, 1, &len);
		assert_int_equal(len, 0);
		assert_true(pg_get_int8(p, 2, 0, 0) == 42);
	}
	a = pg_add(p, &arrays); /* empty ones */
	pg_array(a, PG_INT8);
	pg_array(a, PG_BYTES);
	assert_int_equal(pg_run(p, soon(), &eb), 0);
	assert_int_equal(pg_rows(p, 0), 0);
}

static const struct {
	const char *sql;
	int rc;
} errors[] = {
	{ "SELECT 1 / 0", -MX_EBUSY }, { "SELECT 40000::smallint", -MX_EFULL },
	{ "SELECT * FROM nothing_of_that_name", -MX_ENOENT },
	{ "INSERT INTO t VALUES (1)", -MX_EEXIST },
	{ "SELECT 'x'::integer", -MX_EIO },
	{ "this is no SQL", -MX_ENOENT }, /* class 42, too */
};

/* A batch is a transaction: what failed takes the rest along, and the
 * connection is as good as before. */
static void
test_errors(void **state)
{
	static const struct pg_stmt put = { "put",
		"INSERT INTO t VALUES ($1)" };
	struct pg *p = *state;
	struct pg_stmt bad = { "", NULL };
	size_t i;

	assert_int_equal(say(p, "CREATE TEMPORARY TABLE t (x int UNIQUE)"), 0);
	assert_int_equal(say(p, "INSERT INTO t VALUES (1)"), 0);
	for (i = 0; i < MX_COUNT(errors); i++) {
		pg_int4(pg_add(p, &put), 2);
		bad.sql = errors[i].sql;
		(void)pg_add(p, &bad);
		assert_int_equal(pg_run(p, soon(), &eb), errors[i].rc);
		assert_true(eb.text[0] != '\0' && pg_is_up(p));
		assert_int_equal(strlen(pg_sqlstate(p)), 5);
		assert_int_equal(say(p, "SELECT x FROM t"), 0);
		assert_int_equal(pg_rows(p, 0), 1);
	}
	assert_int_equal(say(p, "DO $$BEGIN RAISE WARNING 'w'; END$$"), 0);
	assert_true(pg_warned(p));
	assert_int_equal(say(p, "DO $$BEGIN RAISE NOTICE 'n'; END$$"), 0);
	assert_false(pg_warned(p));
}

/* A server that is silent, and one that hangs up. */
static void
test_lost(void **state)
{
	static const struct pg_stmt sleeps = { "", "SELECT pg_sleep(30)" };
	static const struct pg_stmt one = { "one", "SELECT 1" };
	struct pg *p = *state, *nowhere;

	(void)pg_add(p, &sleeps);
	assert_int_equal(pg_run(p, clock_now() + 50 * CLOCK_MS, &eb), -MX_ENET);
	assert_false(pg_is_up(p));
	(void)pg_add(p, &one);
	assert_int_equal(pg_run(p, soon(), &eb), -MX_ENET);
	assert_int_equal(pg_up(p, soon(), &eb), 0);
	assert_int_equal(pg_run(p, soon(), &eb), 0); /* the same once more */
	assert_true(pg_get_int8(p, 0, 0, 0) == 1);
	assert_int_equal(
	    say(p, "SELECT pg_terminate_backend(pg_backend_pid())"), -MX_ENET);
	assert_false(pg_is_up(p));
	nowhere = pg_create("host=/nowhere/at/all", "test_engine");
	assert_int_equal(pg_up(nowhere, soon(), &eb), -MX_ENET);
	assert_non_null(strstr(eb.text, "/nowhere/at/all"));
	pg_destroy(&nowhere);
	assert_int_equal(pg_up(p, soon(), &eb), 0);
}

/* What was to be said to a server that was not there is not said in front of
 * something else when it is. */
static void
test_not_there(void **state)
{
	static const struct pg_stmt one = { "one", "SELECT 1" },
				    two = { "two", "SELECT 2" };
	const char *host = getenv("PGHOST");
	char link[300], conninfo[400];
	struct pg *p;

	(void)state;
	assert_non_null(host);
	(void)snprintf(link, sizeof(link), "%s/not_there", host);
	(void)snprintf(conninfo, sizeof(conninfo), "host=%s", link);
	p = pg_create(conninfo, "test");
	(void)pg_add(p, &one);
	assert_int_equal(pg_up(p, soon(), &eb), -MX_ENET);
	assert_int_equal(symlink(host, link), 0);
	(void)pg_add(p, &two);
	assert_int_equal(pg_up(p, soon(), &eb), 0);
	assert_int_equal(pg_run(p, soon(), &eb), 0);
	assert_true(pg_get_int8(p, 0, 0, 0) == 2);
	assert_int_equal(unlink(link), 0);
	pg_destroy(&p);
}

static int64_t
number(struct pg *p, const char *sql)
{
	assert_int_equal(say(p, sql), 0);
	return pg_get_int8(p, 0, 0, 0);
}

static void
test_schema(void **state)
{
	struct pg *p = *state;
	int round, version, from;

	assert_int_equal(schema_check(p, soon(), &eb), -MX_ENOENT);
	assert_non_null(strstr(eb.text, "mxwatchctl cluster init"));
	for (round = 0; round < 2; round++) {
		assert_int_equal(schema_init(p, &version, soon(), &eb), 0);
		assert_int_equal(schema_check(p, soon(), &eb), 0);
		assert_int_equal(version, SCHEMA_VERSION);
	}
	assert_int_equal(say(p, "UPDATE mxwatch.meta SET version = 0"), 0);
	assert_int_equal(schema_check(p, soon(), &eb), -MX_ENOENT);
	assert_non_null(strstr(eb.text, "mxwatchctl cluster upgrade"));
	assert_int_equal(say(p, "UPDATE mxwatch.meta SET version = 99"), 0);
	assert_int_equal(schema_check(p, soon(), &eb), -MX_ENOENT);
	assert_non_null(strstr(eb.text, "upgrade it"));
	assert_int_equal(schema_upgrade(p, &from, soon(), &eb), -MX_EEXIST);
	assert_int_equal(from, 99);
}

/* Of the first version, with what is in it. */
static void
test_upgrade(void **state)
{
	static const char *const first[] = {
		"DROP TABLE mxwatch.unit, mxwatch.arrival, mxwatch.moved, "
		"mxwatch.own, mxwatch.stir",
		"ALTER TABLE mxwatch.state DROP COLUMN node, "
		"DROP COLUMN batch, DROP COLUMN written",
		"ALTER TABLE mxwatch.node DROP COLUMN lease",
		"UPDATE mxwatch.meta SET version = 1",
		"INSERT INTO mxwatch.state VALUES ('hold/a.example', '1')",
		"INSERT INTO mxwatch.state VALUES ('clock', '2')",
		"INSERT INTO mxwatch.node VALUES (7, 'n', 'i', true, 1, 1, 1)",
	};
	struct pg *p = *state;
	int version, from;

	assert_int_equal(schema_upgrade(p, &from, soon(), &eb), -MX_ENOENT);
	assert_int_equal(schema_init(p, &version, soon(), &eb), 0);
	for (unsigned i = 0; i < MX_COUNT(first); i++)
		assert_int_equal(say(p, first[i]), 0);
	/* what is there is not made anew behind somebody's back */
	assert_int_equal(schema_init(p, &version, soon(), &eb), 0);
	assert_int_equal(version, 1);
	assert_int_equal(schema_check(p, soon(), &eb), -MX_ENOENT);
	assert_int_equal(schema_upgrade(p, &from, soon(), &eb), 0);
	assert_int_equal(from, 1);
	assert_int_equal(schema_check(p, soon(), &eb), 0);
	assert_true(number(p, "SELECT max(batch) FROM mxwatch.state") == 0);
	assert_true(number(p,
			"SELECT node FROM mxwatch.own "
			"WHERE key = 'clock'") == 7);
	assert_true(number(p, "SELECT count(*) FROM mxwatch.own") == 1);
	assert_true(number(p, "SELECT count(*) FROM mxwatch.unit") == 0);
	assert_int_equal(schema_upgrade(p, &from, soon(), &eb), 0);
	assert_int_equal(from, SCHEMA_VERSION);
}

/* Of what a node said the last stays; of state that was removed nothing, after a
 * day. */
static void
test_tidy(void **state)
{
	static const char *const there[] = {
		"INSERT INTO mxwatch.node VALUES (7, 'n', 'i', true, 1, 1, 1)",
		"INSERT INTO mxwatch.stir SELECT 7, b, b / 2 "
		"FROM generate_series(1, 1000) b",
		"INSERT INTO mxwatch.arrival SELECT 7, b, b, 'd', "
		"now() - b * interval '1 minute' "
		"FROM generate_series(1, 100) b",
		"INSERT INTO mxwatch.state SELECT ('a/' || b)::bytea, '', 7, "
		"b, now() - b * interval '1 hour' "
		"FROM generate_series(1, 100) b",
	};
	struct pg *p = *state;
	int version;

	assert_int_equal(schema_init(p, &version, soon(), &eb), 0);
	for (unsigned i = 0; i < MX_COUNT(there); i++)
		assert_int_equal(say(p, there[i]), 0);
	assert_int_equal(schema_tidy(p, soon(), &eb), 0);
	assert_true(number(p, "SELECT min(beat) FROM mxwatch.stir") == 900);
	assert_true(number(p, "SELECT max(beat) FROM mxwatch.stir") == 1000);
	assert_in_range(number(p, "SELECT max(batch) FROM mxwatch.arrival"), 58,
	    60);
	assert_in_range(number(p, "SELECT max(batch) FROM mxwatch.state"), 22,
	    24);
}

/* A day that is over goes when nothing of it is left; content that no part
 * names does not keep it. */
static void
test_days(void **state)
{
	static const char count[] =
	    "SELECT count(*) FROM pg_inherits "
	    "WHERE inhparent = 'mxwatch.body'::regclass";
	struct pg *p = *state;
	char sql[200];
	unsigned dropped;
	int version;

	assert_int_equal(schema_init(p, &version, soon(), &eb), 0);
	/* what came before its day was made */
	snprintf(sql, sizeof(sql),
	    "INSERT INTO mxwatch.body VALUES (%llu, 0, 'early'), "
	    "(%llu, 0, 'other')",
	    10 * (unsigned long long)DAY + 512,
	    20 * (unsigned long long)DAY + 512);
	assert_int_equal(say(p, sql), 0);
	assert_int_equal(schema_days(p, 10 * DAY + 5, 5, soon(), &eb), 0);
	assert_true(number(p, "SELECT count(*) FROM mxwatch.body_10") == 1);
	assert_true(number(p, "SELECT count(*) FROM mxwatch.body_rest") == 1);
	assert_int_equal(schema_days(p, 11 * DAY, 5, soon(), &eb), 0);
	assert_true(number(p, count) == 7); /* six, and the rest */
	snprintf(sql, sizeof(sql),
	    "INSERT INTO mxwatch.body VALUES (%llu, 0, 'a'), (%llu, 0, 'b')",
	    10 * (unsigned long long)DAY + 256,
	    11 * (unsigned long long)DAY + 256);
	assert_int_equal(say(p, sql), 0);
	snprintf(sql, sizeof(sql),
	    "INSERT INTO mxwatch.part VALUES (%llu, 'd.example', 'e')",
	    11 * (unsigned long long)DAY + 256 + 3);
	assert_int_equal(say(p, sql), 0);
	assert_int_equal(schema_sweep(p, 13 * DAY, &dropped, soon(), &eb), 0);
	assert_int_equal(dropped, 2); /* 10 and 12 */
	assert_true(number(p, count) == 5);
	assert_true(number(p, "SELECT count(*) FROM mxwatch.body") == 2);
	assert_int_equal(say(p, "DELETE FROM mxwatch.part"), 0);
	assert_int_equal(schema_sweep(p, 13 * DAY, &dropped, soon(), &eb), 0);
	assert_int_equal(dropped, 1);
	assert_true(number(p, count) == 4);
}

/* A piece of content is a row, of a day as of the rest, and not some more of a table
 * beside it. */
static void
test_pieces(void **state)
{
	static const char beside[] =
	    "SELECT coalesce(sum(pg_relation_size(reltoastrelid)), 0)::bigint "
	    "FROM pg_class WHERE relname ~ '^body_(rest|10)$'";
	struct pg *p = *state;
	char sql[200];
	int version;

	assert_int_equal(schema_init(p, &version, soon(), &eb), 0);
	assert_int_equal(schema_days(p, 10 * DAY, 1, soon(), &eb), 0);
	for (unsigned day = 10; day < 12; day++) {
		snprintf(sql, sizeof(sql),
		    "INSERT INTO mxwatch.body VALUES (%llu, 0, "
		    "convert_to(repeat('x', %d), 'UTF8'))",
		    day * (unsigned long long)DAY, SCHEMA_PIECE);
		assert_int_equal(say(p, sql), 0);
	}
	assert_true(number(p, "SELECT count(*) FROM mxwatch.body_rest") == 1);
	assert_true(number(p, beside) == 0);
}

int
main(void)
{
#define ENGINE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_hurry),
		ENGINE_TEST(test_values),
		ENGINE_TEST(test_errors),
		ENGINE_TEST(test_lost),
		ENGINE_TEST(test_not_there),
		ENGINE_TEST(test_schema),
		ENGINE_TEST(test_upgrade),
		ENGINE_TEST(test_tidy),
		ENGINE_TEST(test_days),
		ENGINE_TEST(test_pieces),
	};

	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
