/* SPDX-License-Identifier: ISC
 * spawn: the daemon's side; see spawn.h. */
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/spawn_int.h"

struct spawner {
	pid_t pid;
	int sock;
};

/* The child has everything from before the fork(), and keeps the socket and the
 * standard descriptors only. */
static void
child(int sock, const struct spawn_ops *ops, bool quiet)
{
	int null;

	if (quiet) {
		if ((null = open("/dev/null", O_RDWR)) < 0 || chdir("/") != 0)
			_exit(1);
		for (int i = 0; i < 3; i++)
			(void)dup2(null, i);
	}
	if (sock != 3) {
		if (dup2(sock, 3) != 3)
			_exit(1);
		sock = 3;
	}
	closefrom(4);
	if (fcntl(sock, F_SETFD, FD_CLOEXEC) != 0)
		_exit(1);
	if (ops->begin != NULL && ops->begin(ops->arg) != 0)
		_exit(1);
	spawner_run(sock, ops);
}

struct spawner *
spawner_create(const struct spawn_ops *ops, bool quiet, struct mx_errbuf *eb)
{
	struct spawner *sp;
	pid_t pid = -1;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0 &&
	    (pid = fork()) < 0) {
		close(sv[0]);
		close(sv[1]);
	}
	if (pid < 0) {
		(void)mx_fail(eb, MX_ESYS,
		    "cannot create the process that starts programs: %s",
		    strerror(errno));
		return NULL;
	}
	if (pid == 0)
		child(sv[1], ops, quiet);
	close(sv[1]);
	sp = mem_alloc(sizeof(*sp));
	sp->pid = pid;
	sp->sock = sv[0];
	return sp;
}

void
spawner_destroy(struct spawner **spp)
{
	struct spawner *sp = *spp;

	if (sp == NULL)
		return;
	close(sp->sock);
	while (waitpid(sp->pid, NULL, 0) < 0 && errno == EINTR)
		;
	mem_free(spp);
}

/* Returns the packet's length, 0: too long. */
static size_t
pack(char *packet, size_t size, const struct spawn_request *r)
{
	struct spawn_head head = { 0, r->fd_as, r->bare };
	size_t len = sizeof(head), n;

	for (; r->argv[head.argc] != NULL; head.argc++) {
		n = strlen(r->argv[head.argc]) + 1;
		if (n > size - len)
			return 0;
		memcpy(packet + len, r->argv[head.argc], n);
		len += n;
	}
	memcpy(packet, &head, sizeof(head));
	return len;
}

static int
ask(int sock, char *packet, size_t len, int fd, int theirs)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { .space = "" };
	struct iovec iov = { packet, len };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	int fds[2] = { fd, theirs };

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(cm), fds, sizeof(fds));
	if (sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	/* one errno for a dead spawner */
	return errno == ECONNRESET ? EPIPE : errno;
}

int
spawn_start(struct spawner *sp, const struct spawn_request *r,
    struct program *p)
{
	size_t len, size = sizeof(struct spawn_head) + SPAWN_ARGV_MAX;
	char *packet;
	int sv[2], rc = 0;

	*p = PROGRAM_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, sv) != 0)
		return errno;
	packet = mem_alloc(size);
	len = pack(packet, size, r);
	rc = len == 0 ? E2BIG : ask(sp->sock, packet, len, r->fd, sv[1]);
	mem_free(&packet);
	close(sv[1]);
	if (rc == 0)
		p->fd = sv[0];
	else
		close(sv[0]);
	return rc;
}

void
spawn_kill(struct program *p)
{
	if (p->fd >= 0)
		close(p->fd);
	*p = PROGRAM_NONE;
}

static enum spawn_state
over(struct program *p, enum spawn_state state, int *status, int value)
{
	*status = value;
	spawn_kill(p);
	return state;
}

enum spawn_state
spawn_poll(struct program *p, int *status)
{
	struct spawn_said said;
	ssize_t n;

	for (;;) {
		n = recv(p->fd, &said, sizeof(said), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return SPAWN_RUNS;
		if (n != sizeof(said)) /* the spawner is gone */
			return over(p, SPAWN_FAILED, status, EPIPE);
		if (said.what == SAID_FAILED)
			return over(p, SPAWN_FAILED, status, said.value);
		if (said.what == SAID_ENDED)
			return over(p, SPAWN_ENDED, status, said.value);
		p->pid = said.value;
	}
}

const char *
spawn_reason(int error)
{
	switch (error) {
	case EPIPE:
		return "the process that starts programs has ended; restart "
		       "mxwatchd";
	case EPERM:
		return "it is not in the configuration file, or the system "
		       "forbids it";
	default:
		return strerror(error);
	}
}
