/* SPDX-License-Identifier: ISC
 * test_sandbox: each case in a process of its own, since there is no way
 * back. */
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sandbox.h"

static int
run(int (*fn)(void))
{
	struct mx_errbuf eb;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(sandbox_enter(&eb) != 0 ? 99 : fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool
is_missing(long rc)
{
	return rc == -1 && errno == ENOSYS;
}

static int
forbidden(void)
{
	static char name[] = "/bin/true";
	char *argv[] = { name, NULL };

	if (!is_missing(execve(argv[0], argv, NULL)))
		return 1;
	if (!is_missing(fork()))
		return 2;
	if (!is_missing(kill(getppid(), 0)))
		return 3;
	if (!is_missing(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return 4;
	if (!is_missing(socket(AF_PACKET, SOCK_RAW, 0)))
		return 5;
	if (!is_missing(syscall(SYS_unshare, 0)))
		return 6;
	if (!is_missing(syscall(SYS_tgkill, getppid(), getppid(), 0)))
		return 7;
	if (!is_missing(setuid(0)))
		return 8;
	return is_missing(syscall(SYS_mount, "", "", "", 0, NULL)) ? 0 : 9;
}

static void *
thread(void *arg)
{
	/* One that began behind the filter has it, too. */
	*(int *)arg = is_missing(fork()) ? 1 : 2;
	return NULL;
}

static int
permitted(void)
{
	pthread_t t;
	int seen = 0, fd;

	if (pthread_create(&t, NULL, thread, &seen) != 0 ||
	    pthread_join(t, NULL) != 0 || seen != 1)
		return 1;
	if ((fd = socket(AF_INET6, SOCK_STREAM, 0)) < 0)
		return 2;
	close(fd);
	if ((fd = open("/dev/null", O_RDONLY)) < 0)
		return 3;
	close(fd);
	return 0;
}

static int stop_pipe[2];

static void *
waiting(void *arg)
{
	char c;

	if (read(stop_pipe[0], &c, 1) == 1)
		*(int *)arg = is_missing(fork()) ? 1 : 2;
	return NULL;
}

/* A thread that is there before has it as well. */
static void
test_threads(void **state)
{
	struct mx_errbuf eb;
	pthread_t t;
	int seen = 0, status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (pipe(stop_pipe) != 0 ||
		    pthread_create(&t, NULL, waiting, &seen) != 0 ||
		    sandbox_enter(&eb) != 0 ||
		    write(stop_pipe[1], "x", 1) != 1 ||
		    pthread_join(t, NULL) != 0)
			_exit(99);
		_exit(seen == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int
aborts(void)
{
	abort();
}

static void
test_calls(void **state)
{
	(void)state;
	assert_int_equal(run(forbidden), 0);
	assert_int_equal(run(permitted), 0);
	assert_int_equal(run(aborts), -SIGABRT); /* a panic is still one */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_threads),
	};

	if (!sandbox_built())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
