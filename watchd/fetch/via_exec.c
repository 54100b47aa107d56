/* SPDX-License-Identifier: ISC
 * via_exec: a program that gets the message on its standard input, or whose
 * standard output is wanted. The spawner starts it with no descriptor and no
 * environment of ours, in a process group of its own, and kills the group at
 * the time limit. Exit code 0 is success, any other is retried. */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fetch/transport_int.h"

#define BLOCK  65536
#define BLOCKS 64 /* per call, so that a flood leaves time for others */

/* `theirs` is the program's end of the pipe, `ours` the transfer's. */
static int
start_with(struct transfer *t, struct spawner *spawner, int theirs, int ours)
{
	struct spawn_request r = { .bare = true,
		.fd = theirs,
		.fd_as = t->down != NULL ? 1 : 0 };
	const char **argv;
	int rc;

	argv = mem_array(t->c.argv.n + 1, sizeof(*argv));
	for (size_t i = 0; i < t->c.argv.n; i++)
		argv[i] = t->c.argv.s[i];
	r.argv = argv;
	rc = fcntl(ours, F_SETFL, O_NONBLOCK) != 0 ?
	    errno :
	    spawn_start(spawner, &r, &t->program);
	mem_free(&argv);
	return rc;
}

bool
via_exec_start(struct transfer *t, struct spawner *spawner)
{
	unsigned ours = t->down != NULL ? 0 : 1;
	int fds[2], rc;

	if (t->c.argv.n == 0 || pipe2(fds, O_CLOEXEC) != 0)
		return false;
	rc = start_with(t, spawner, fds[1 - ours], fds[ours]);
	close(fds[1 - ours]);
	t->fd = fds[ours];
	if (rc == 0)
		return true;
	(void)strlcpy(t->said, spawn_reason(rc), sizeof(t->said));
	via_exec_kill(t);
	return false;
}

static void
close_pipe(struct transfer *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void
feed(struct transfer *t)
{
	ssize_t n = 0;

	while (t->fd >= 0 && t->sent < t->m.body.len) {
		n = write(t->fd, t->m.body.data + t->sent,
		    t->m.body.len - t->sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		t->sent += (size_t)n;
	}
	/* Complete, or it does not read: its exit code will tell. */
	if (n >= 0 || errno != EAGAIN)
		close_pipe(t);
}

/* Reads its output; -1: unusable, with the reason in `said`. */
static int
take(struct transfer *t)
{
	static _Thread_local char block[BLOCK];
	ssize_t n;

	for (unsigned i = 0; t->fd >= 0 && i < BLOCKS; i++) {
		n = read(t->fd, block, sizeof(block));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0)
			close_pipe(t);
		else if (!download_add(t->down, block, (size_t)n, t->said,
			     sizeof(t->said)))
			return -1;
	}
	return 0;
}

/* Did it end well? How it ended is put into r->text. */
static bool
succeeded(enum spawn_state state, int status, struct send_result *r)
{
	if (state == SPAWN_FAILED)
		(void)strlcpy(r->text, spawn_reason(status), sizeof(r->text));
	else if (WIFEXITED(status))
		snprintf(r->text, sizeof(r->text), "exit code %d",
		    WEXITSTATUS(status));
	else
		snprintf(r->text, sizeof(r->text), "ended by signal %d",
		    WTERMSIG(status));
	return state == SPAWN_ENDED && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0;
}

bool
via_exec_poll(struct transfer *t, struct send_result *r)
{
	enum spawn_state state;
	int status = 0;

	r->result = CARRY_RETRY;
	if (t->down == NULL)
		feed(t);
	state = spawn_poll(&t->program, &status);
	/* After its end: its last output may still be in the pipe. A child of
	 * it that keeps the pipe open is ignored. */
	if (t->down != NULL && take(t) < 0) {
		(void)strlcpy(r->text, t->said, sizeof(r->text));
		return true; /* it was killed */
	}
	if (state == SPAWN_RUNS)
		return false;
	if (state == SPAWN_ENDED && WIFEXITED(status))
		r->status = WEXITSTATUS(status);
	if (!succeeded(state, status, r))
		return true;
	if (t->down != NULL)
		download_result(&t->down, r);
	else
		r->result = CARRY_SENT;
	return true;
}

void
via_exec_kill(struct transfer *t)
{
	close_pipe(t);
	spawn_kill(&t->program);
}
