/* SPDX-License-Identifier: ISC
 * agentx_child: at most one process. Closing its socket tells it to end, within
 * STOP_MAX. */
#include "exporters/snmp/agentx_child.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/spawn.h"

#define STOP_MAX	 (2 * CLOCK_SEC) /* time to end by itself */
#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS	 60000
#define LIVED_LONG	 (60 * CLOCK_SEC) /* resets the back-off */
#define READ_MAX	 16 /* packets per turn */

struct agentx_child {
	struct loop *loop;
	struct spawner *spawner; /* borrowed */
	bool filter; /* of its system calls */
	struct agentx_child_ops ops;

	struct program program;
	char *path; /* of the program */
	struct loop_io *life; /* watches the program; NULL: not running */
	int fd; /* -1: asked to end, or not running */
	struct loop_io *io;
	int64_t started; /* monotonic ns */
	int64_t kill_at; /* when fd is -1 */
	int64_t restart_at, restart_ms;
	bool start_failed; /* logged once */
};

bool
agentx_child_is_open(const struct agentx_child *c)
{
	return c->fd != -1;
}

static void
close_socket(struct agentx_child *c)
{
	loop_io_destroy(&c->io);
	close(c->fd);
	c->fd = -1;
	c->kill_at = loop_now(c->loop) + STOP_MAX;
}

void
agentx_child_drop(struct agentx_child *c)
{
	if (c->fd == -1)
		return;
	close_socket(c);
	c->ops.gone(c->ops.arg);
}

void
agentx_child_kill(struct agentx_child *c)
{
	agentx_child_drop(c);
	c->kill_at = loop_now(c->loop);
}

void
agentx_child_restart(struct agentx_child *c)
{
	agentx_child_drop(c);
	c->restart_at = 0;
	c->restart_ms = RESTART_FIRST_MS;
	c->start_failed = false;
}

/* ---- the process */

static void
ended(struct agentx_child *c)
{
	int64_t now = loop_now(c->loop);

	agentx_child_drop(c);
	if (now - c->started >= LIVED_LONG)
		c->restart_ms = RESTART_FIRST_MS;
	c->restart_at = now + c->restart_ms * CLOCK_MS;
	c->restart_ms *= 2;
	if (c->restart_ms > RESTART_MAX_MS)
		c->restart_ms = RESTART_MAX_MS;
}

/* It could not be started; logged once. */
static void
failed(struct agentx_child *c, int error)
{
	c->restart_at = loop_now(c->loop) + RESTART_MAX_MS * CLOCK_MS;
	if (!c->start_failed)
		log_error("agentx",
		    "problem=\"cannot start the subagent\" program=%s error=%s "
		    "effect=\"nothing is served over SNMP\"",
		    log_q(c->path), log_q(spawn_reason(error)));
	c->start_failed = true;
}

static void on_life(unsigned ready, void *arg);

static void
watch_life(struct agentx_child *c)
{
	c->life = loop_io_create(c->loop, c->program.fd, on_life, c);
	loop_io_want(c->life, LOOP_READ);
}

static void
on_life(unsigned ready MX_UNUSED, void *arg)
{
	struct agentx_child *c = arg;
	pid_t pid = c->program.pid;
	int status;

	/* spawn_poll() closes the descriptor at an end: the loop must have
	 * forgotten it before. */
	loop_io_destroy(&c->life);
	switch (spawn_poll(&c->program, &status)) {
	case SPAWN_RUNS:
		if (pid == 0 && c->program.pid != 0) {
			c->start_failed = false;
			log_info("agentx", "started=1 pid=%ld",
			    (long)c->program.pid);
		}
		watch_life(c);
		break;
	case SPAWN_FAILED:
		ended(c);
		failed(c, status);
		break;
	case SPAWN_ENDED:
		if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
			log_warn("agentx", "ended=1 pid=%ld %s=%d", (long)pid,
			    WIFSIGNALED(status) ? "signal" : "exit",
			    WIFSIGNALED(status) ? WTERMSIG(status) :
						  WEXITSTATUS(status));
		ended(c);
	}
}

/* Kills a process that was asked to end and did not. */
static void
kill_late(struct agentx_child *c)
{
	if (c->life == NULL || c->fd != -1 || loop_now(c->loop) < c->kill_at)
		return;
	log_warn("agentx", "killed=1 pid=%ld", (long)c->program.pid);
	loop_io_destroy(&c->life);
	spawn_kill(&c->program);
	ended(c);
}

static int
spawn_with(struct agentx_child *c, const struct conf_snmp *conf, int theirs)
{
	char index[16];
	const char *argv[8] = { conf->program, "-x", conf->agentx, "-i",
		index };
	struct spawn_request r = { argv, theirs, WIRE_FD, false };
	size_t n = 5;

	if (conf->mta_mib)
		argv[n++] = "-m";
	if (!c->filter)
		argv[n++] = "-S";
	snprintf(index, sizeof(index), "%u", conf->appl_index);
	return spawn_start(c->spawner, &r, &c->program);
}

/* ---- its socket */

static void
on_socket(unsigned ready, void *arg)
{
	static union wire_packet p;
	struct agentx_child *c = arg;
	ssize_t n;

	for (unsigned i = 0; (ready & LOOP_READ) != 0 && i < READ_MAX; i++) {
		n = recv(c->fd, &p, sizeof(p), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			agentx_child_drop(c);
			return;
		}
		if (!c->ops.packet(c->ops.arg, &p, (size_t)n)) {
			log_error("agentx",
			    "problem=\"it is from another build, or broken\" "
			    "effect=\"it is restarted\"");
			agentx_child_drop(c);
			return;
		}
	}
	if (c->fd == -1)
		return;
	loop_io_want(c->io, LOOP_READ);
	c->ops.room(c->ops.arg);
}

bool
agentx_child_send(struct agentx_child *c, const void *packet, size_t len)
{
	if (c->fd == -1)
		return false;
	if (send(c->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		loop_io_want(c->io, LOOP_READ | LOOP_WRITE);
	else
		agentx_child_drop(c);
	return false;
}

static void
start(struct agentx_child *c, const struct conf_snmp *conf)
{
	int sv[2], rc;

	mem_free(&c->path);
	c->path = mem_strdup(conf->program);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0) {
		rc = errno;
	} else {
		rc = spawn_with(c, conf, sv[1]);
		close(sv[1]);
		if (rc != 0)
			close(sv[0]);
	}
	if (rc != 0) {
		failed(c, rc);
		return;
	}
	watch_life(c);
	c->fd = sv[0];
	c->io = loop_io_create(c->loop, c->fd, on_socket, c);
	loop_io_want(c->io, LOOP_READ);
	c->started = loop_now(c->loop);
}

void
agentx_child_tick(struct agentx_child *c, const struct conf_snmp *conf)
{
	kill_late(c);
	if (conf != NULL && c->life == NULL &&
	    loop_now(c->loop) >= c->restart_at)
		start(c, conf);
}

/* ---- creation and destruction */

struct agentx_child *
agentx_child_create(struct loop *loop, struct spawner *spawner, bool filter,
    const struct agentx_child_ops *ops)
{
	struct agentx_child *c = mem_alloc(sizeof(*c));

	c->loop = loop;
	c->spawner = spawner;
	c->filter = filter;
	c->ops = *ops;
	c->program = PROGRAM_NONE;
	c->fd = -1;
	c->restart_ms = RESTART_FIRST_MS;
	return c;
}

void
agentx_child_destroy(struct agentx_child **cp)
{
	const struct timespec nap = { 0, 10 * CLOCK_MS };
	struct agentx_child *c = *cp;
	bool runs = c->life != NULL;
	int status;

	if (c->fd != -1)
		close_socket(c);
	loop_io_destroy(&c->life);
	for (int i = 0; runs && i < 50; i++) {
		if (spawn_poll(&c->program, &status) != SPAWN_RUNS)
			break;
		nanosleep(&nap, NULL);
	}
	spawn_kill(&c->program);
	mem_free(&c->path);
	mem_free(cp);
}
