/* SPDX-License-Identifier: ISC
 * test_ctl_schema: `mxwatchctl cluster init` and `upgrade`: what they do to the
 * tables, and what they say of it and of what stands in the way. Needs KIT_ENGINE
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
#include "base/mem.h"
#include "control/ctl_schema.h"
#include "engine/schema.h"

static struct pg *pg;
static char *out, *err;
static struct mx_errbuf eb;

static int
say(const char *sql)
{
	struct pg_stmt s = { "", sql };

	(void)pg_add(pg, &s);
	return pg_run(pg, clock_now() + 20 * CLOCK_SEC, &eb);
}

static int
setup(void **state)
{
	(void)state;
	pg = pg_create(getenv("KIT_ENGINE"), "test_ctl_schema");
	if (pg_up(pg, clock_now() + 20 * CLOCK_SEC, &eb) != 0)
		return -1;
	return say("DROP SCHEMA IF EXISTS mxwatch CASCADE");
}

static int
teardown(void **state)
{
	(void)state;
	pg_destroy(&pg);
	mem_free(&out);
	mem_free(&err);
	return 0;
}

/* The exit code; what was printed is in out and err. */
static int
run(const char *action, const char *engine, const char *file, bool json)
{
	static char cluster[] = "cluster";
	char *verb = mem_strdup(action), *word[] = { cluster, verb };
	struct ctl_options o = { .engine = engine,
		.file = file,
		.json = json,
		.word = word,
		.nwords = 2 };
	size_t nout, nerr;
	FILE *fo, *fe;
	int rc;

	mem_free(&out);
	mem_free(&err);
	fo = open_memstream(&out, &nout);
	fe = open_memstream(&err, &nerr);
	assert_true(fo != NULL && fe != NULL);
	assert_true(ctl_makes_tables(&o));
	rc = ctl_schema(&o, fo, fe);
	fclose(fo);
	fclose(fe);
	mem_free(&verb);
	return rc;
}

static void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, text);
}

static void
test_init(void **state)
{
	const char *engine = getenv("KIT_ENGINE");

	(void)state;
	assert_int_equal(run("upgrade", engine, NULL, false), 1);
	assert_has(err,
	    "the engine has no tables of mxwatch; run mxwatchctl cluster init");
	assert_int_equal(run("init", engine, NULL, false), 0);
	assert_has(out, "tables created, version ");
	assert_has(out, "in the schema mxwatch of the database ");
	assert_has(out, "needs CREATE on the database");
	assert_string_equal(err, "");
	assert_int_equal(run("init", engine, NULL, false), 0);
	assert_has(out, "already exist");
	assert_int_equal(run("init", engine, NULL, true), 0);
	assert_has(out, "{\"done\":true,\"rc\":0,\"version\":");
	assert_has(out, "\"changed\":false,\"user\":\"");
	assert_int_equal(say("SELECT * FROM mxwatch.unit"), 0);
}

static void
test_upgrade(void **state)
{
	const char *engine = getenv("KIT_ENGINE");
	char text[100];

	(void)state;
	assert_int_equal(run("init", engine, NULL, false), 0);
	assert_int_equal(run("upgrade", engine, NULL, false), 0);
	assert_has(out, "nothing was changed");
	assert_int_equal(say("UPDATE mxwatch.meta SET version = 1"), 0);
	assert_int_equal(run("init", engine, NULL, false), 1);
	assert_has(err, "have version 1");
	assert_has(err, "mxwatchctl cluster upgrade");
	assert_int_equal(run("upgrade", engine, NULL, true), 0);
	(void)snprintf(text, sizeof(text),
	    "\"from\":1,\"version\":%d,\"changed\":true", SCHEMA_VERSION);
	assert_has(out, text);
	assert_int_equal(say("UPDATE mxwatch.meta SET version = 1"), 0);
	assert_int_equal(run("upgrade", engine, NULL, false), 0);
	(void)snprintf(text, sizeof(text),
	    "tables upgraded from version 1 to %d\n", SCHEMA_VERSION);
	assert_string_equal(out, text);
	assert_int_equal(say("UPDATE mxwatch.meta SET version = 99"), 0);
	assert_int_equal(run("upgrade", engine, NULL, false), 1);
	assert_has(err, "upgrade this program");
	assert_int_equal(run("init", engine, NULL, false), 1);
	assert_has(err, "upgrade this program");
}

/* The server's sentence, and who may change that. */
static void
test_refused(void **state)
{
	char *engine = mem_printf("%s user=mx_low", getenv("KIT_ENGINE"));

	(void)state;
	(void)say("CREATE ROLE mx_low LOGIN"); /* of a run before, perhaps */
	assert_int_equal(run("init", engine, NULL, false), 1);
	assert_has(err, "mxwatchctl: ERROR:  permission denied for database");
	assert_has(err, "GRANT CREATE ON DATABASE \"");
	assert_has(err, "\" TO \"mx_low\"");
	mem_free(&engine);
}

static void
test_unreachable(void **state)
{
	(void)state;
	assert_int_equal(run("init", "host=127.0.0.1 port=1", NULL, false), 1);
	assert_has(err, "Connection refused");
	assert_has(err, "pg_hba.conf");
}

#define LEAST "hostname = \"mx2.example.net\"\ndomain \"example.org\" {\n}\n"

/* The engine of the configuration; or none. */
static void
test_file(void **state)
{
	char name[] = "ctl_schema.XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "w");

	(void)state;
	assert_non_null(f);
	fprintf(f, LEAST "cluster {\n engine = \"%s\"\n node = \"mx2\"\n}\n",
	    getenv("KIT_ENGINE"));
	fclose(f);
	assert_int_equal(run("init", NULL, name, false), 0);
	assert_has(out, "tables created");
	f = fopen(name, "w");
	assert_non_null(f);
	fprintf(f, LEAST);
	fclose(f);
	assert_int_equal(run("init", NULL, name, false), 2);
	assert_has(err, "has no cluster { engine");
	f = fopen(name, "w");
	assert_non_null(f);
	fprintf(f, "cluster {\n engin = \"x\"\n}\n");
	fclose(f);
	assert_int_equal(run("init", NULL, name, false), 2);
	assert_has(err, "cannot read ");
	assert_int_equal(unlink(name), 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_init),
		TEST(test_upgrade),
		TEST(test_refused),
		TEST(test_unreachable),
		TEST(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
