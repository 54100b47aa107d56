/* SPDX-License-Identifier: ISC
 * spawn: programs (receivers of alerts, sources of lists, the subagent) are
 * started, watched and killed by a process of their own, the spawner. It is
 * forked while there is one thread and no system-call filter (base/sandbox.h),
 * so that the daemon needs neither fork nor exec nor kill, and a large queue is
 * never copied. It starts what its owner's `allowed` knows and nothing else,
 * whoever asks; it kills what runs and ends when the daemon does.
 *
 * A program is begun in a process group of its own, with no signal blocked or
 * ignored and with one descriptor of ours. Asking never waits. spawn_start()
 * may be called by any thread, the rest by whose the program is. */
#ifndef MX_BASE_SPAWN_H
#define MX_BASE_SPAWN_H

#include <sys/types.h>

#include "base/defs.h"
#include "base/err.h"

#define SPAWN_ARGV_MAX 65536 /* bytes of all arguments */
#define SPAWN_MAX      256 /* programs at a time */

struct spawner;

/* In the spawner, where nothing is logged. */
struct spawn_ops {
	/* Gives up what it came with; not 0: it ends. NULL: nothing to do. */
	int (*begin)(void *arg);
	bool (*allowed)(const char *const *argv, void *arg);
	void *arg;
};

/* Forks; with `quiet`, in the background, the standard descriptors of the
 * spawner, and so of the programs, are /dev/null, and their folder is "/".
 * NULL: eb says why. */
struct spawner *
spawner_create(const struct spawn_ops *, bool quiet, struct mx_errbuf *);
/* Everything it runs is killed; waits for its end. */
void spawner_destroy(struct spawner **);

struct spawn_request {
	const char *const *argv; /* argv[0] is the path */
	int fd; /* the caller's, who closes it */
	int fd_as; /* its number there: 0, 1 (standard input, output) or 3 */
	/* Somebody else's program: PATH and LANG are all its environment, and
	 * the other standard descriptors are /dev/null. */
	bool bare;
};

struct program {
	int fd; /* -1: none; else readable when spawn_poll() has news */
	pid_t pid; /* 0: not told yet */
};
#define PROGRAM_NONE                                                           \
	(struct program)                                                       \
	{                                                                      \
		-1, 0                                                          \
	}

/* 0, or an errno, and *p is none. */
int
spawn_start(struct spawner *, const struct spawn_request *, struct program *p);

enum spawn_state {
	SPAWN_RUNS, /* or is about to */
	SPAWN_ENDED, /* *status is that of waitpid() */
	SPAWN_FAILED /* it was not started: *status is an errno */
};
/* After an end *p is none. */
enum spawn_state spawn_poll(struct program *p, int *status);
/* Kills it and its process group, if there is one; *p is none. */
void spawn_kill(struct program *p);
/* The words for an errno of the two above. */
const char *spawn_reason(int error);

#endif
