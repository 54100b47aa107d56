/* SPDX-License-Identifier: ISC
 * spawn_int: the messages between spawn.c (the daemon's side) and spawner.c
 * (the process). A request is one packet with two descriptors: the program's,
 * and the socket on which the spawner reports, a packet each, that it was
 * started, or not, and how it ended. Closing the other end of that socket kills
 * the program. */
#ifndef MX_BASE_SPAWN_INT_H
#define MX_BASE_SPAWN_INT_H

#include "base/spawn.h"

struct spawn_head {
	uint32_t argc;
	int32_t fd_as;
	uint32_t bare;
}; /* followed by the arguments, each with its NUL */

struct spawn_said {
	enum { SAID_STARTED, SAID_FAILED, SAID_ENDED } what;
	int value; /* pid, errno, status */
};

/* Serves until the other end of the socket is closed. */
void spawner_run(int sock, const struct spawn_ops *) MX_NORETURN;

#endif
