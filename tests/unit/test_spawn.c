/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/spawn.h"

#define WAIT_MS 20000

static struct spawner *sp;

static bool
allowed(const char *const *argv, void *arg)
{
	assert_null(arg);
	return argv[1] == NULL || strcmp(argv[1], "forbidden") != 0;
}

static int
setup(void **state)
{
	static const struct spawn_ops ops = { NULL, allowed, NULL };
	struct mx_errbuf eb;

	(void)state;
	assert_int_equal(setenv("OF_THE_DAEMON", "is there", 1), 0);
	return (sp = spawner_create(&ops, false, &eb)) == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	spawner_destroy(&sp);
	return 0;
}

static struct program
begin(const char *const *argv, int fd, int fd_as, bool bare)
{
	struct spawn_request r = { argv, fd, fd_as, bare };
	struct program p;

	assert_int_equal(spawn_start(sp, &r, &p), 0);
	return p;
}

static enum spawn_state
finish(struct program *p, int *status)
{
	enum spawn_state state;
	struct pollfd pfd = { p->fd, POLLIN, 0 };

	while ((state = spawn_poll(p, status)) == SPAWN_RUNS)
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(p->fd, -1);
	return state;
}

/* Runs a shell, whose output is its standard input, a socket. */
static int
shell(const char *script, bool bare, char *out, size_t size)
{
	char text[512];
	const char *argv[] = { "/bin/sh", "-c", text, NULL };
	struct program p;
	int sv[2], status;
	ssize_t n;

	snprintf(text, sizeof(text), "exec >&0; %s", script);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv),
	    0);
	p = begin(argv, sv[1], 0, bare);
	close(sv[1]);
	assert_int_equal(finish(&p, &status), SPAWN_ENDED);
	n = read(sv[0], out, size - 1);
	assert_true(n >= 0);
	out[n] = '\0';
	close(sv[0]);
	return status;
}

static void
test_runs(void **state)
{
	char out[4096];
	int status;

	(void)state;
	status = shell("exit 3", true, out, sizeof(out));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	status = shell("kill -9 $$", true, out, sizeof(out));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == 9);
	/* Nothing of ours but the one descriptor; the last is of the ls. */
	(void)shell("ls /proc/self/fd | tr '\\n' ' '", true, out, sizeof(out));
	assert_string_equal(out, "0 1 2 3 ");
	(void)shell("tr '\\0' '\\n' </proc/$$/environ", true, out, sizeof(out));
	assert_string_equal(out,
	    "PATH=/usr/local/bin:/usr/bin:/bin\nLANG=C.UTF-8\n");
	(void)shell("echo $OF_THE_DAEMON", false, out, sizeof(out));
	assert_string_equal(out, "is there\n");
	/* It can be ended by whoever may: none of the first 28 signals is
	 * blocked or ignored; the C library ignores two that are its own. A
	 * child of the shell is asked, for a shell that waits may block some. */
	(void)shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2 | "
		    "cut -c10-16 | tr -d '0\\n'",
	    true, out, sizeof(out));
	assert_string_equal(out, "");
}

static void
test_does_not_start(void **state)
{
	const char *missing[] = { "/nonexistent/program", NULL };
	const char *not_named[] = { "/bin/true", "forbidden", NULL };
	char *big = mem_alloc(SPAWN_ARGV_MAX + 1);
	const char *long_one[] = { "/bin/true", big, NULL };
	struct spawn_request r = { long_one, 0, 0, true };
	struct program p;
	int status;

	(void)state;
	p = begin(missing, 0, 0, true);
	assert_int_equal(finish(&p, &status), SPAWN_FAILED);
	assert_int_equal(status, ENOENT);
	p = begin(not_named, 0, 0, true);
	assert_int_equal(finish(&p, &status), SPAWN_FAILED);
	assert_int_equal(status, EPERM);
	assert_non_null(
	    strstr(spawn_reason(status), "is not in the configuration file"));
	memset(big, 'x', SPAWN_ARGV_MAX);
	assert_int_equal(spawn_start(sp, &r, &p), E2BIG);
	assert_int_equal(p.fd, -1);
	mem_free(&big);
}

/* Closes when all that hold it are gone. */
static int
life_line(int *theirs)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	*theirs = fds[1];
	return fds[0];
}

static void
wait_gone(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	char c;

	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(read(fd, &c, 1), 0);
	close(fd);
}

static void
wait_begun(struct program *p)
{
	struct pollfd pfd = { p->fd, POLLIN, 0 };
	int status;

	while (p->pid == 0) {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		assert_int_equal(spawn_poll(p, &status), SPAWN_RUNS);
	}
}

/* A shell with a child; both run when this returns. *fd reads the end of
 * both. */
static struct program
begin_family(int *fd)
{
	const char *argv[] = { "/bin/sh", "-c", "sleep 600 & echo >&0; wait",
		NULL };
	struct program p;
	int theirs;
	char c;

	*fd = life_line(&theirs);
	p = begin(argv, theirs, 0, false);
	close(theirs);
	wait_begun(&p);
	assert_int_equal(read(*fd, &c, 1), 1);
	return p;
}

/* And what it started. */
static void
test_kill(void **state)
{
	struct program p;
	int fd;

	(void)state;
	p = begin_family(&fd);
	spawn_kill(&p);
	assert_int_equal(p.fd, -1);
	wait_gone(fd);
}

/* The daemon's end is that of what its programs have started, too. */
static void
test_end_of_all(void **state)
{
	struct program p;
	int fd;

	(void)state;
	p = begin_family(&fd);
	spawner_destroy(&sp);
	wait_gone(fd);
	spawn_kill(&p);
	assert_int_equal(setup(NULL), 0);
}

static void
test_many(void **state)
{
	const char *argv[] = { "/bin/sleep", "600", NULL };
	static struct program p[SPAWN_MAX + 1];
	int fd, theirs, status;

	(void)state;
	fd = life_line(&theirs);
	for (size_t i = 0; i <= SPAWN_MAX; i++) {
		p[i] = begin(argv, theirs, 0, true);
		if (i < SPAWN_MAX)
			wait_begun(&p[i]);
	}
	close(theirs);
	assert_int_equal(finish(&p[SPAWN_MAX], &status), SPAWN_FAILED);
	assert_int_equal(status, EAGAIN);
	/* One ends, and there is a place again. */
	assert_int_equal(kill(p[7].pid, SIGTERM), 0);
	assert_int_equal(finish(&p[7], &status), SPAWN_ENDED);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	p[7] = begin(argv, fd, 0, true);
	wait_begun(&p[7]);
	/* The daemon's end is that of all. */
	spawner_destroy(&sp);
	wait_gone(fd);
	assert_int_equal(finish(&p[0], &status), SPAWN_FAILED);
	assert_int_equal(status, EPIPE);
	for (size_t i = 1; i < SPAWN_MAX; i++)
		spawn_kill(&p[i]);
	assert_int_equal(setup(NULL), 0);
}

static void
test_spawner_gone(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "kill -9 $PPID", NULL };
	struct program p = begin(argv, 0, 0, true);
	struct spawn_request r = { argv, 0, 0, true };
	int status, rc;

	(void)state;
	assert_int_equal(finish(&p, &status), SPAWN_FAILED);
	/* Its descriptors go one after another. */
	while ((rc = spawn_start(sp, &r, &p)) == 0)
		assert_int_equal(finish(&p, &status), SPAWN_FAILED);
	assert_int_equal(rc, EPIPE);
	assert_non_null(strstr(spawn_reason(EPIPE), "restart"));
	spawner_destroy(&sp);
	assert_int_equal(setup(NULL), 0);
}

static int
no(void *arg)
{
	(void)arg;
	return -1;
}

static void
test_spawner_that_cannot(void **state)
{
	static const struct spawn_ops ops = { no, allowed, NULL };
	const char *argv[] = { "/bin/true", NULL };
	struct spawn_request r = { argv, 0, 0, true };
	struct mx_errbuf eb;
	struct spawner *other = spawner_create(&ops, false, &eb);
	struct program p;
	int status;

	(void)state;
	assert_non_null(other);
	if (spawn_start(other, &r, &p) == 0)
		assert_int_equal(finish(&p, &status), SPAWN_FAILED);
	spawner_destroy(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_does_not_start),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_end_of_all),
		cmocka_unit_test(test_spawner_gone),
		cmocka_unit_test(test_spawner_that_cannot),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
