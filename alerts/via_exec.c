/* SPDX-License-Identifier: ISC
 * via_exec: a program that finds the message on its standard input. The
 * spawner starts it: it gets no descriptor and no environment of ours, a
 * process group of its own, and is killed with it at the time limit. Exit code
 * 0 is delivered, anything else is tried again. */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alerts/transport_int.h"
#include "base/mem.h"

bool
via_exec_start(struct transfer *t, const struct carry *c,
    struct spawner *spawner)
{
	struct spawn_request r = { .bare = true };
	const char **argv;
	int fds[2], rc;

	if (c->argv->n == 0 || pipe2(fds, O_CLOEXEC) != 0)
		return false;
	argv = mem_array(c->argv->n + 1, sizeof(*argv));
	for (size_t i = 0; i < c->argv->n; i++)
		argv[i] = c->argv->s[i];
	r.argv = argv;
	r.fd = fds[0];
	rc = fcntl(fds[1], F_SETFL, O_NONBLOCK) != 0 ?
	    errno :
	    spawn_start(spawner, &r, &t->program);
	mem_free(&argv);
	close(fds[0]);
	t->fd = fds[1];
	if (rc == 0)
		return true;
	(void)strlcpy(t->said, spawn_reason(rc), sizeof(t->said));
	via_exec_kill(t);
	return false;
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
	/* Through, or it reads no more: its exit code will tell. */
	if (t->fd >= 0 && (n >= 0 || errno != EAGAIN)) {
		close(t->fd);
		t->fd = -1;
	}
}

bool
via_exec_poll(struct transfer *t, struct send_result *r)
{
	enum spawn_state state;
	int status = 0;

	feed(t);
	state = spawn_poll(&t->program, &status);
	if (state == SPAWN_RUNS)
		return false;
	r->result = OUTBOX_RETRY;
	if (state == SPAWN_FAILED)
		(void)strlcpy(r->text, spawn_reason(status), sizeof(r->text));
	else if (!WIFEXITED(status))
		snprintf(r->text, sizeof(r->text), "ended by signal %d",
		    WTERMSIG(status));
	else {
		snprintf(r->text, sizeof(r->text), "exit code %d",
		    WEXITSTATUS(status));
		if (WEXITSTATUS(status) == 0)
			r->result = OUTBOX_SENT;
	}
	return true;
}

void
via_exec_kill(struct transfer *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	spawn_kill(&t->program);
}
