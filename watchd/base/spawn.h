/* SPDX-License-Identifier: ISC
 * spawn: a separate process, the spawner, starts, watches and kills programs
 * (receivers of alerts, sources of lists, the subagent). It is forked while
 * there is one thread and no system-call filter (base/sandbox.h), so that the
 * daemon needs neither fork nor exec nor kill, and a large queue is never
 * copied. It starts only programs that its `allowed` accepts, whoever asks; it
 * kills the running ones and ends when the daemon does.
 *
 * A program starts in its own process group, with no signal blocked or ignored
 * and with one descriptor from us. Requests never wait. spawn_start() may be
 * called by any thread, the rest by the owner of the program. */
#ifndef MX_BASE_SPAWN_H
#define MX_BASE_SPAWN_H

#include <sys/types.h>

#include "base/defs.h"
#include "base/err.h"

#define SPAWN_ARGV_MAX 65536 /* bytes of all arguments */
#define SPAWN_MAX      256 /* programs at a time */

struct spawner;

/* Called in the spawner, which cannot log. */
struct spawn_ops {
	/* Releases inherited resources; not 0: the spawner ends. NULL: nothing
	 * to do. */
	int (*begin)(void *arg);
	bool (*allowed)(const char *const *argv, void *arg);
	void *arg;
};

/* Forks. With `quiet`, for a background process, the standard descriptors of
 * the spawner, and so of the programs, are /dev/null, and the working directory
 * is "/". NULL: eb has the reason. */
struct spawner *
spawner_create(const struct spawn_ops *, bool quiet, struct mx_errbuf *);
/* Kills all of its programs; waits for its end. */
void spawner_destroy(struct spawner **);

struct spawn_request {
	const char *const *argv; /* argv[0] is the path */
	int fd; /* stays the caller's to close */
	/* its number in the program: 0, 1 (standard input, output) or 3 */
	int fd_as;
	/* For foreign programs: only PATH and LANG in the environment, and the
	 * other standard descriptors are /dev/null. */
	bool bare;
};

struct program {
	int fd; /* -1: none; otherwise readable when spawn_poll() has news */
	pid_t pid; /* 0: not known yet */
};
#define PROGRAM_NONE                                                           \
	(struct program)                                                       \
	{                                                                      \
		-1, 0                                                          \
	}

/* 0, or an errno, and *p is empty. */
int
spawn_start(struct spawner *, const struct spawn_request *, struct program *p);

enum spawn_state {
	SPAWN_RUNS, /* or is being started */
	SPAWN_ENDED, /* *status is that of waitpid() */
	SPAWN_FAILED /* not started: *status is an errno */
};
/* After an end *p is empty. */
enum spawn_state spawn_poll(struct program *p, int *status);
/* Kills it and its process group, if it runs; *p is empty then. */
void spawn_kill(struct program *p);
/* The message for an errno of these two. */
const char *spawn_reason(int error);

#endif
