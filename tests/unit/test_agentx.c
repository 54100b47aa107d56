/* SPDX-License-Identifier: ISC
 * The daemon's half of the subagent with children that behave as they are told:
 * this program, started as mxwatch-agentx would be. The loop, the spawner and
 * the sockets are real; the clock is ours, so that half a minute of silence
 * takes no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those four first. */
#include <cmocka.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/spawn.h"
#include "exporters/snmp/agentx_parent.h"
#include "exporters/snmp/wire.h"

#define DEADLINE_SEC 20 /* of real time */

/* ---- the clock: stands still but when the test moves it; the helper's thread
 * looks at it, too */

static _Atomic int64_t now_ns = CLOCK_SEC;

int64_t
clock_now(void)
{
	return now_ns;
}

int64_t
clock_wall_ms(void)
{
	return INT64_C(1800000000000) + now_ns / CLOCK_MS;
}

int64_t
clock_wall(void)
{
	return clock_wall_ms() / 1000;
}

static int64_t
real_sec(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return ts.tv_sec;
}

/* ---- the child */

static struct wire_status status;
static FILE *diary; /* what it was told, a line each */

static void
say(enum wire_type type, const void *record)
{
	struct wire_out o;
	const void *packet;
	size_t len, stride;

	wire_out_init(&o, 0);
	memcpy(wire_out_add(&o, type), record, wire_record_size(type));
	packet = wire_out_peek(&o, &len, &stride);
	(void)send(WIRE_FD, packet, len, MSG_NOSIGNAL);
	wire_out_fini(&o);
}

static void
hear_notice(const union wire_packet *p, bool takes)
{
	const struct wire_notice *n = wire_record(p, 0);

	fprintf(diary, "notice %u %s %u\n", n->event, n->domain, n->state);
	status.notice = p->head.generation;
	status.notice_taken = takes;
	say(WIRE_STATUS, &status);
}

/* Serves until the socket ends. */
static int
child_serves(const char *how)
{
	static union wire_packet p;
	struct wire_set set;
	ssize_t n;

	wire_set_init(&set);
	while ((n = recv(WIRE_FD, &p, sizeof(p), 0)) > 0) {
		if (p.head.type == WIRE_NOTICE) {
			if (strcmp(how, "ends") == 0)
				return 0; /* without an answer */
			hear_notice(&p, strcmp(how, "refuses") != 0);
			continue;
		}
		if (wire_set_add(&set, &p, (size_t)n) != 1)
			continue;
		fprintf(diary, "snapshot %u domains\n",
		    set.rows[WIRE_DOMAIN].n);
		status.generation = set.generation;
		say(WIRE_STATUS, &status);
	}
	fprintf(diary, "end\n");
	wire_set_fini(&set);
	return 0;
}

/* Until the daemon has gone, and kills it. */
static int
child_floods(void)
{
	struct wire_log l = { .text = "more and more" };

	say(WIRE_STATUS, &status);
	for (;;)
		say(WIRE_LOG, &l);
	return 0;
}

/* The socket of the master is "BEHAVIOUR:DIARY". */
static int
child(const char *socket)
{
	char how[16];
	const char *colon = strchr(socket, ':');

	snprintf(how, sizeof(how), "%.*s", (int)(colon - socket), socket);
	diary = fopen(colon + 1, "a");
	if (diary == NULL)
		return 9;
	setvbuf(diary, NULL, _IONBF, 0);
	fprintf(diary, "begin %ld\n", (long)getpid());
	status.connected = 1;
	status.standing = 1u << WIRE_MXWATCH;
	if (strcmp(how, "dies") == 0)
		return 3;
	if (strcmp(how, "hangs") == 0)
		for (;;)
			pause();
	if (strcmp(how, "garbage") == 0) {
		(void)send(WIRE_FD, "what?", 5, MSG_NOSIGNAL);
		return child_serves(how);
	}
	if (strcmp(how, "floods") == 0)
		return child_floods();
	if (strcmp(how, "alone") == 0)
		status.connected = status.standing = 0;
	if (strcmp(how, "taken") == 0) {
		status.standing = 0;
		status.taken = 1u << WIRE_MXWATCH | 1u << WIRE_MTA;
	}
	say(WIRE_STATUS, &status);
	return child_serves(how);
}

/* ---- the daemon */

static struct spawner *sp;
static char self[1024], dir[] = "/tmp/test_agentx.XXXXXX", book[64];

struct world {
	struct loop *loop;
	struct loop_timer *stop;
	struct helper *helper;
	struct agentx *ax;
	struct snapshot *s;
	char socket[128];
};

static void
on_stop(void *arg)
{
	loop_stop(arg);
}

static void
configure(struct world *w, const char *how, bool present)
{
	struct conf_snmp c = { .present = present,
		.agentx = w->socket,
		.appl_index = 1,
		.trap_rate = 1000,
		.trap_queue = 16,
		.trap_lifetime_ms = 60000,
		.program = self };

	snprintf(w->socket, sizeof(w->socket), "%s:%s", how, book);
	agentx_configure(w->ax, &c);
}

static void
begin(struct world *w, const char *how)
{
	(void)unlink(book);
	w->loop = loop_create();
	w->stop = loop_timer_create(w->loop, on_stop, w->loop);
	w->helper = helper_create(w->loop);
	w->ax = agentx_create(w->loop, w->helper, sp, false, dir);
	w->s = snapshot_create();
	(void)snapshot_add(w->s, "a.test", 0);
	w->s->wall_ms = clock_wall_ms();
	configure(w, how, true);
}

static void
end(struct world *w)
{
	helper_destroy(&w->helper);
	agentx_destroy(&w->ax);
	loop_timer_destroy(&w->stop);
	loop_destroy(&w->loop);
	snapshot_unref(&w->s);
}

static void
run(struct world *w, int64_t ms)
{
	loop_timer_set(w->stop, ms);
	loop_run(w->loop);
}

/* A second passes. */
static void
second(struct world *w)
{
	now_ns += CLOCK_SEC;
	run(w, 0); /* the loop's own time is that of a turn */
	agentx_tick(w->ax, w->s);
	run(w, 1);
}

/* Lines of the diary that begin so. */
static unsigned
noted(const char *begin)
{
	FILE *f = fopen(book, "r");
	unsigned n = 0;
	char line[256];

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, begin, strlen(begin)) == 0;
	fclose(f);
	return n;
}

static struct snap_agentx
seen(const struct world *w)
{
	struct snap_agentx v;

	agentx_show(w->ax, &v);
	return v;
}

/* Runs the loop until it holds; `step` is what passes meanwhile. */
#define WAIT_WITH(w, condition, step)                                          \
	do {                                                                   \
		int64_t until_ = real_sec() + DEADLINE_SEC;                    \
                                                                               \
		while (!(condition)) {                                         \
			if (real_sec() > until_)                               \
				fail_msg("not within the time: %s",            \
				    #condition);                               \
			step;                                                  \
			run(w, 5);                                             \
		}                                                              \
	} while (0)
#define WAIT(w, condition)    WAIT_WITH(w, condition, (void)0)
#define SECONDS(w, condition) WAIT_WITH(w, condition, second(w))

static void
change(struct world *w, const char *domain, unsigned to)
{
	struct notice n = { .kind = NOTICE_STATE,
		.a = HEALTH_SUSPECT,
		.b = to,
		.wall = clock_wall() };

	strlcpy(n.domain, domain, sizeof(n.domain));
	agentx_notice(w->ax, &n);
}

/* Snapshots and notifications arrive, the latter before any snapshot knows of
 * their domain; it ends when it is not wanted any more. */
static void
test_serves(void **state MX_UNUSED)
{
	struct world w;

	begin(&w, "good");
	assert_true(seen(&w).wanted && !seen(&w).session);
	second(&w);
	WAIT(&w, seen(&w).connected);
	WAIT(&w, noted("snapshot 1 domains") == 1);
	change(&w, "new.test", HEALTH_DOWN);
	WAIT(&w, noted("notice 3 new.test 4") == 1);
	WAIT(&w, seen(&w).notifications_waiting == 0);
	for (int i = 0; i < 5; i++)
		second(&w);
	WAIT(&w, noted("snapshot 1 domains") == 2);
	configure(&w, "good", false);
	WAIT(&w, noted("end") == 1);
	assert_false(seen(&w).wanted || seen(&w).connected);
	change(&w, "new.test", HEALTH_UP); /* nobody is there to be told */
	assert_int_equal(seen(&w).notifications_waiting, 0);
	assert_int_equal(seen(&w).notifications_dropped, 0);
	end(&w);
}

/* Each time it waits longer, for a minute at most, and tries on. */
static void
test_dies(void **state MX_UNUSED)
{
	static const unsigned after[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct world w;
	unsigned s;

	begin(&w, "dies");
	second(&w);
	for (unsigned i = 0; i < MX_COUNT(after); i++) {
		WAIT(&w, noted("begin") == i + 1);
		/* The seconds until another is begun, once its end is known. */
		run(&w, 100);
		for (s = 0; noted("begin") == i + 1 && s < 100; s++) {
			second(&w);
			run(&w, 20);
		}
		assert_in_range(s, after[i], after[i] + 3);
	}
	assert_false(seen(&w).session);
	end(&w);
}

/* What was on its way to one that dies is told to the next one. */
static void
test_nothing_is_lost(void **state MX_UNUSED)
{
	struct world w;

	begin(&w, "alone"); /* it has no master: they wait */
	second(&w);
	WAIT(&w, noted("snapshot") == 1);
	change(&w, "a.test", HEALTH_DOWN);
	change(&w, "b.test", HEALTH_SUSPECT);
	change(&w, "b.test", HEALTH_DOWN);
	run(&w, 20);
	assert_int_equal(noted("notice"), 0);
	assert_int_equal(seen(&w).notifications_waiting, 2);
	configure(&w, "ends", true);
	SECONDS(&w, noted("begin") == 3);
	assert_int_equal(seen(&w).notifications_waiting, 2);
	configure(&w, "refuses", true);
	SECONDS(&w, noted("notice 3 a.test 4") >= 1);
	assert_int_equal(seen(&w).notifications_waiting, 2);
	configure(&w, "good", true);
	SECONDS(&w, seen(&w).notifications_waiting == 0);
	assert_in_range(noted("notice 3 b.test 4"), 1, 99);
	assert_int_equal(noted("notice 3 b.test 3"), 0);
	assert_int_equal(seen(&w).notifications_dropped, 0);
	end(&w);
}

/* While there is no master for too long they are dropped, which is counted and
 * has a time. */
static void
test_dropped(void **state MX_UNUSED)
{
	struct world w;
	char name[16];

	begin(&w, "alone");
	second(&w);
	WAIT(&w, noted("begin") == 1);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%d.test", i);
		change(&w, name, HEALTH_DOWN);
	}
	assert_int_equal(seen(&w).notifications_waiting, 12);
	second(&w);
	assert_int_equal(seen(&w).notifications_dropped, 8);
	assert_true(seen(&w).dropped_wall != 0);
	for (int i = 0; i < 62; i++)
		second(&w);
	assert_int_equal(seen(&w).notifications_dropped, 20);
	assert_int_equal(seen(&w).notifications_waiting, 0);
	end(&w);
}

/* One that says nothing is killed, as it does not end by itself either. */
static void
test_hangs(void **state MX_UNUSED)
{
	struct world w;

	begin(&w, "hangs");
	second(&w);
	WAIT(&w, noted("begin") == 1);
	for (int i = 0; i < 29; i++)
		second(&w);
	assert_int_equal(noted("begin"), 1);
	SECONDS(&w, noted("begin") == 2);
	/* One that is asked to end has two seconds. */
	configure(&w, "hangs", false);
	for (int i = 0; i < 4; i++)
		second(&w);
	configure(&w, "good", true);
	SECONDS(&w, seen(&w).connected);
	end(&w);
}

static void
test_garbage(void **state MX_UNUSED)
{
	struct world w;

	begin(&w, "garbage");
	second(&w);
	WAIT(&w, noted("end") == 1); /* its socket was closed */
	assert_false(seen(&w).session);
	end(&w);
}

/* What it says without end costs a turn some packets, not the loop. */
static void
test_floods(void **state MX_UNUSED)
{
	struct world w;
	unsigned turns = 0;
	char name[16];

	begin(&w, "floods");
	second(&w);
	WAIT(&w, seen(&w).session);
	for (int i = 0; i < 20; i++, turns++)
		run(&w, 1); /* each of which comes back */
	assert_int_equal(turns, 20);
	/* It never reads: a snapshot that does not fit waits, is replaced, and
	 * the daemon goes on. */
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "b%03d.test", i);
		(void)snapshot_add(w.s, name, 0);
	}
	for (int i = 0; i < 6; i++)
		second(&w);
	configure(&w, "good", true);
	SECONDS(&w, seen(&w).connected && noted("snapshot 401") >= 1);
	end(&w);
}

/* A session alone is no connection. */
static void
test_taken(void **state MX_UNUSED)
{
	struct world w;

	begin(&w, "taken");
	second(&w);
	WAIT(&w, seen(&w).session);
	assert_false(seen(&w).connected);
	assert_int_equal(seen(&w).ntaken, 2);
	assert_string_equal(seen(&w).taken[0], "MXWATCH-MIB");
	assert_string_equal(seen(&w).taken[1], "MTA-MIB");
	end(&w);
}

static void
test_not_there(void **state MX_UNUSED)
{
	struct world w;
	struct conf_snmp c = { .present = true,
		.agentx = w.socket,
		.program = mem_strdup("/nonexistent/agentx"),
		.trap_rate = 1,
		.trap_queue = 16 };

	begin(&w, "good");
	strlcpy(w.socket, "good:/dev/null", sizeof(w.socket));
	agentx_configure(w.ax, &c);
	for (int i = 0; i < 70; i++)
		second(&w);
	assert_false(seen(&w).session);
	configure(&w, "good", true);
	SECONDS(&w, seen(&w).connected);
	mem_free(&c.program);
	end(&w);
}

/* Numbers are those of the run before. */
static void
test_numbers(void **state MX_UNUSED)
{
	char path[64], line[64] = "";
	struct world w;
	FILE *f;

	begin(&w, "good");
	(void)snapshot_add(w.s, "numbers.test", 0);
	second(&w);
	WAIT(&w, noted("snapshot 2") == 1);
	change(&w, "later.test", HEALTH_DOWN);
	end(&w); /* writes what the helper has not */
	snprintf(path, sizeof(path), "%s/snmp-index", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (strstr(line, " later.test\n") == NULL)
		assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
}

static void
clean_up(void)
{
	static const char *const file[] = { "diary", "snmp-index",
		"snmp-primaries" };
	char path[64];

	for (size_t i = 0; i < MX_COUNT(file); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static bool
allowed(const char *const *argv MX_UNUSED, void *arg MX_UNUSED)
{
	return true;
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serves),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_numbers),
	};
	static const struct spawn_ops ops = { NULL, allowed, NULL };
	struct mx_errbuf eb;
	ssize_t n;
	int rc;

	if (argc > 2 && strcmp(argv[1], "-x") == 0)
		return child(argv[2]);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0 || mkdtemp(dir) == NULL)
		return 1;
	snprintf(book, sizeof(book), "%s/diary", dir);
	sp = spawner_create(&ops, false, &eb);
	if (sp == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	spawner_destroy(&sp);
	clean_up();
	return rc;
}
