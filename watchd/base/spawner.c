/* SPDX-License-Identifier: ISC
 * spawner: the process that starts programs; see spawn.h. One loop over the
 * request socket and those of the programs; their ends are reported by SIGCHLD,
 * which is blocked except while it waits. */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/spawn_int.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define ARGS_MAX 1024

extern char **environ;

struct running {
	pid_t pid; /* 0: a free place */
	int fd; /* -1: the owner is not interested any more */
};

static struct running running[SPAWN_MAX];

static void
say(int fd, int what, int value)
{
	struct spawn_said said = { what, value };

	(void)send(fd, &said, sizeof(said), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- start */

static int
set_files(posix_spawn_file_actions_t *fa, int fd, const struct spawn_head *head)
{
	int rc = posix_spawn_file_actions_adddup2(fa, fd, head->fd_as);

	for (int i = 0; rc == 0 && head->bare != 0 && i < 3; i++)
		if (i != head->fd_as)
			rc = posix_spawn_file_actions_addopen(fa, i,
			    "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(fa,
		    head->fd_as < 3 ? 3 : head->fd_as + 1);
#endif
	return rc;
}

static int
set_signals(posix_spawnattr_t *at)
{
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawnattr_setsigmask(at, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(at, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(at, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(at,
		    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
			POSIX_SPAWN_SETPGROUP);
	return rc;
}

static int
start(char **argv, int fd, const struct spawn_head *head, pid_t *pid)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin",
		    lang[] = "LANG=C.UTF-8";
	char *bare[] = { path, lang, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int rc;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	rc = set_files(&fa, fd, head);
	if (rc == 0)
		rc = set_signals(&at);
	if (rc == 0)
		rc = posix_spawn(pid, argv[0], &fa, &at, argv,
		    head->bare != 0 ? bare : environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	return rc;
}

/* ---- requests */

/* Finds the arguments in the packet; false: malformed. */
static bool
parse(char *packet, size_t len, struct spawn_head *head, char **argv)
{
	size_t at = sizeof(*head);
	char *end;

	if (len <= at)
		return false;
	memcpy(head, packet, sizeof(*head));
	if (head->argc == 0 || head->argc > ARGS_MAX ||
	    (head->fd_as != 0 && head->fd_as != 1 && head->fd_as != 3))
		return false;
	for (uint32_t i = 0; i < head->argc; i++) {
		end = at < len ? memchr(packet + at, '\0', len - at) : NULL;
		if (end == NULL)
			return false;
		argv[i] = packet + at;
		at = (size_t)(end - packet) + 1;
	}
	argv[head->argc] = NULL;
	return true;
}

static struct running *
free_place(void)
{
	for (size_t i = 0; i < SPAWN_MAX; i++)
		if (running[i].pid == 0)
			return &running[i];
	return NULL;
}

/* Consumes `tell`. */
static void
serve(char *packet, size_t len, int fd, int tell, const struct spawn_ops *ops)
{
	static char *argv[ARGS_MAX + 1];
	struct running *r = free_place();
	struct spawn_head head;
	pid_t pid = 0;
	int rc;

	if (!parse(packet, len, &head, argv))
		rc = EINVAL;
	else if (r == NULL)
		rc = EAGAIN;
	else if (!ops->allowed((const char *const *)argv, ops->arg))
		rc = EPERM;
	else
		rc = start(argv, fd, &head, &pid);
	if (rc != 0) {
		say(tell, SAID_FAILED, rc);
		close(tell);
		return;
	}
	say(tell, SAID_STARTED, pid);
	*r = (struct running){ pid, tell };
}

/* Takes the two descriptors of a request. False: others. */
static bool
take_fds(struct msghdr *mh, int fds[2])
{
	int extra[8];
	size_t n = 0;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm != NULL;
	     cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(extra, CMSG_DATA(cm), n * sizeof(int));
	}
	if (n == 2) {
		memcpy(fds, extra, 2 * sizeof(int));
		return true;
	}
	while (n > 0)
		close(extra[--n]);
	return false;
}

/* False: the daemon is gone. */
static bool
take_request(int sock, const struct spawn_ops *ops)
{
	static char packet[sizeof(struct spawn_head) + SPAWN_ARGV_MAX];
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fds[2];

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (!take_fds(&mh, fds))
		return true;
	serve(packet, (size_t)n, fds[0], fds[1], ops);
	close(fds[0]);
	return true;
}

/* ---- ends */

static void
reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < SPAWN_MAX; i++) {
			struct running *r = &running[i];

			if (r->pid != pid)
				continue;
			if (r->fd >= 0) {
				say(r->fd, SAID_ENDED, status);
				close(r->fd);
			}
			*r = (struct running){ 0, -1 };
			break;
		}
}

static void
end(struct running *r)
{
	(void)kill(-r->pid, SIGKILL);
	close(r->fd);
	r->fd = -1;
}

static void
on_child(int signo MX_UNUSED)
{
}

/* Signals of the terminal and of the service manager are meant for the daemon:
 * this process ends when the daemon does. */
static void
signals(sigset_t *waiting)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
		SIGUSR1, SIGUSR2, SIGPIPE };
	struct sigaction sa = { .sa_handler = SIG_IGN };
	sigset_t child;

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < MX_COUNT(ignored); i++)
		(void)sigaction(ignored[i], &sa, NULL);
	sa.sa_handler = on_child;
	(void)sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &child, NULL);
	sigemptyset(waiting);
}

void
spawner_run(int sock, const struct spawn_ops *ops)
{
	static struct pollfd pfd[SPAWN_MAX + 1];
	static struct running *of[SPAWN_MAX + 1];
	sigset_t waiting;
	nfds_t n;

	(void)prctl(PR_SET_NAME, "mxwatchd-spawn", 0, 0, 0);
	signals(&waiting);
	for (;;) {
		n = 0;
		pfd[n++] = (struct pollfd){ .fd = sock, .events = POLLIN };
		for (size_t i = 0; i < SPAWN_MAX; i++)
			if (running[i].pid != 0 && running[i].fd >= 0) {
				of[n] = &running[i];
				pfd[n++] =
				    (struct pollfd){ running[i].fd, POLLIN, 0 };
			}
		if (ppoll(pfd, n, NULL, &waiting) < 0) {
			if (errno != EINTR)
				break;
			n = 0; /* SIGCHLD */
		}
		for (nfds_t i = 1; i < n; i++)
			if (pfd[i].revents != 0)
				end(of[i]);
		reap();
		if (n > 0 && pfd[0].revents != 0 && !take_request(sock, ops))
			break;
	}
	for (size_t i = 0; i < SPAWN_MAX; i++)
		if (running[i].pid != 0)
			(void)kill(-running[i].pid, SIGKILL);
	_exit(0);
}
