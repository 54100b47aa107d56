/* SPDX-License-Identifier: ISC
 * via_exec: a program that finds the message on its standard input. It gets
 * no descriptor and no environment of ours, a process group of its own, and
 * is killed with it at the time limit. Exit code 0 is delivered, anything
 * else is tried again. */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alerts/transport_int.h"
#include "base/mem.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static int
spawn(struct transfer *t, const struct strlist *argv, int in)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin",
		    lang[] = "LANG=C.UTF-8";
	char *env[] = { path, lang, NULL };
	char **args = mem_array(argv->n + 1, sizeof(char *));
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	int rc;

	for (size_t i = 0; i < argv->n; i++)
		args[i] = argv->s[i];
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	rc = posix_spawn_file_actions_adddup2(&fa, in, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&fa, 1, "/dev/null",
		    O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&fa, 2, "/dev/null",
		    O_WRONLY, 0);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&fa, 3);
#endif
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(&at, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&at, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(&at, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(&at,
		    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
			POSIX_SPAWN_SETPGROUP);
	if (rc == 0)
		rc = posix_spawn(&t->pid, args[0], &fa, &at, args, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	mem_free(&args);
	return rc;
}

bool
via_exec_start(struct transfer *t, const struct carry *c)
{
	int fds[2], rc;

	if (c->argv->n == 0 || pipe2(fds, O_CLOEXEC) != 0)
		return false;
	rc = fcntl(fds[1], F_SETFL, O_NONBLOCK) != 0 ?
	    errno :
	    spawn(t, c->argv, fds[0]);
	close(fds[0]);
	t->fd = fds[1];
	if (rc == 0)
		return true;
	(void)strlcpy(t->said, strerror(rc), sizeof(t->said));
	t->pid = 0;
	close(t->fd);
	t->fd = -1;
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
	int status = 0;
	pid_t pid;

	feed(t);
	do
		pid = waitpid(t->pid, &status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	t->pid = 0;
	r->result = OUTBOX_RETRY;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		r->result = OUTBOX_SENT;
	if (pid > 0 && WIFEXITED(status))
		snprintf(r->text, sizeof(r->text), "exit code %d",
		    WEXITSTATUS(status));
	else
		snprintf(r->text, sizeof(r->text), "ended by signal %d",
		    pid > 0 ? WTERMSIG(status) : 0);
	return true;
}

void
via_exec_kill(struct transfer *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	if (t->pid == 0)
		return;
	kill(-t->pid, SIGKILL);
	while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
	t->pid = 0;
}
