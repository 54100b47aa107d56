/* SPDX-License-Identifier: ISC
 * test_store_node: one mxwatchd at a time is the node of a name. Others are
 * other processes, which are killed, stopped and go on. Needs KIT_ENGINE
 * (tests/unit/over_postgresql). */
#include <sys/types.h>
#include <sys/wait.h>

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/store_kit.h"

#define LEASE_MS  600
#define THEIRS_MS 900 /* of the other: longer */

struct other {
	pid_t pid;
	int to, from; /* pipes */
};

/* A node, told by letters: 'c' commits, 'h' asks whether it holds, 'q' ends as
 * one should. Each is answered by one: 'y' or 'n'. */
static void
other_run(int in, int out, const char *instance)
{
	struct kit k;
	char c;
	bool yes;

	alarm(60);
	kit_attach(&k, "/nowhere");
	k.conf.instance = instance;
	k.conf.lease_ms = THEIRS_MS;
	yes = kit_open(&k);
	do {
		c = yes ? 'y' : 'n';
		if (write(out, &c, 1) != 1 || read(in, &c, 1) != 1)
			_exit(1);
		yes = c == 'c' ? kit_commit(&k, 100, 1, 1) != 0 :
				 store_holds(k.store, 0);
	} while (c != 'q');
	kit_close(&k);
	_exit(0);
}

static bool
told(struct other *o, char c)
{
	char answer = '?';

	if (c != '\0')
		assert_int_equal(write(o->to, &c, 1), 1);
	assert_int_equal(read(o->from, &answer, 1), 1);
	return answer == 'y';
}

static void
other_start(struct other *o, const char *instance)
{
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	o->pid = fork();
	if (o->pid == 0) {
		close(to[1]);
		close(from[0]);
		other_run(to[0], from[1], instance);
	}
	close(to[0]);
	close(from[1]);
	o->to = to[1];
	o->from = from[0];
	assert_true(told(o, '\0'));
}

static void
other_end(struct other *o, int how)
{
	char quit = 'q';

	if (how != 0)
		assert_int_equal(kill(o->pid, how), 0);
	else
		assert_int_equal(write(o->to, &quit, 1), 1);
	assert_int_equal(waitpid(o->pid, NULL, 0), o->pid);
	close(o->to);
	close(o->from);
}

static int
setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	kit_init(k, NULL);
	k->conf.lease_ms = LEASE_MS;
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

/* Who beats keeps his place; who ended as one should has none. */
static void
test_taken(void **state)
{
	struct kit *k = *state;
	struct other o;

	other_start(&o, "other");
	assert_false(kit_open(k));
	assert_int_equal(k->rc, -MX_EBUSY);
	assert_non_null(strstr(k->eb.text, "another mxwatchd is node kit"));
	assert_true(told(&o, 'h'));
	assert_true(told(&o, 'c'));
	other_end(&o, 0);
	assert_true(kit_open(k));
	assert_true(store_holds(k->store, 0));
	assert_true(kit_commit(k, 10, 1, 1) != 0);
	assert_int_equal(kit_scan(k), 1); /* of those at the opening */
}

/* One that was killed is replaced after a lease, and by itself at once. */
static void
test_killed(void **state)
{
	struct kit *k = *state;
	struct other o;

	other_start(&o, "other");
	assert_true(told(&o, 'c'));
	other_end(&o, SIGKILL);
	assert_true(kit_open(k));
	assert_int_equal(kit_scan(k), 1);
	kit_close(k);

	other_start(&o, "the same");
	other_end(&o, SIGKILL);
	k->conf.instance = "the same";
	k->conf.lease_ms = INT64_C(3600000); /* nobody waits for it */
	assert_true(kit_open(k));
}

/* One that was stopped, and goes on after it was replaced, has lost its place:
 * it neither hands mail on nor takes any. */
static void
test_stopped(void **state)
{
	struct kit *k = *state;
	int64_t begun;
	struct other o;

	other_start(&o, "other");
	assert_true(told(&o, 'h'));
	assert_int_equal(kill(o.pid, SIGSTOP), 0);
	begun = clock_now();
	assert_true(kit_open(k)); /* waits for a lease, the longer one */
	assert_true(clock_now() - begun >= THEIRS_MS * CLOCK_MS);
	assert_int_equal(kill(o.pid, SIGCONT), 0);
	assert_false(told(&o, 'h'));
	assert_false(told(&o, 'c'));
	assert_true(kit_commit(k, 10, 1, 1) != 0);
	other_end(&o, 0);
	assert_true(kit_commit(k, 10, 1, 1) != 0); /* its end took nothing */
}

/* Of the server, for connections to come. */
static void
set_standby(const char *name)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
	    "ALTER SYSTEM SET synchronous_standby_names = '%s'", name);
	(void)kit_sql(sql);
	(void)kit_sql("SELECT pg_reload_conf()::integer");
	(void)snprintf(sql, sizeof(sql),
	    "SELECT (current_setting('synchronous_standby_names') = "
	    "'%s')::integer",
	    name);
	while (kit_sql(sql) == 0)
		(void)poll(NULL, 0, 10);
}

/* A standby that is named is waited for only where a commit waits. */
static void
test_commit_waits_for_nobody(void **state)
{
	struct kit *k = *state;
	const char *was = k->conf.engine;
	char conninfo[400];

	(void)snprintf(conninfo, sizeof(conninfo),
	    "%s options='-c synchronous_commit=local'", was);
	k->conf.engine = conninfo;
	k->conf.require_sync = true;
	set_standby("nobody");
	assert_true(kit_open(k));
	assert_int_equal(kit_commit(k, 10, 1, 1), 0);
	assert_int_equal(k->rc, -MX_EFULL);
	k->conf.require_sync = false;
	store_reconfigure(k->store, &k->conf);
	assert_true(kit_commit(k, 10, 1, 1) != 0);
	kit_close(k);
	k->conf.engine = was;
	set_standby("");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit_waits_for_nobody,
		    setup, teardown),
	};

	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
