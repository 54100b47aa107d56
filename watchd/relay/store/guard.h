/* SPDX-License-Identifier: ISC
 * guard: LMDB 0.9 has no checksums on its pages and follows a damaged one
 * wherever it points, to the end of the process. Calls of LMDB, and copies
 * out of its map, are marked per thread; when the process is about to die of
 * one (a failed assertion, SIGSEGV, SIGBUS, SIGABRT), it says in one line
 * which database is damaged and what to do, and exits with
 * STORE_EXIT_DAMAGED, so that nobody restarts it for ever. A fault anywhere
 * else is none of ours: whoever was to have it, has it. */
#ifndef MX_STORE_GUARD_H
#define MX_STORE_GUARD_H

#include <signal.h>

#include "base/defs.h"

struct MDB_env;

/* Puts the handlers in place, for the process and for good. `dir` is named in
 * the line: the last that was watched, of several. */
void guard_watch(struct MDB_env *, const char *dir);

/* LMDB itself said it, or what it gave us cannot be: the same line and end. */
void guard_damaged(const char *call, const char *why) MX_NORETURN;

extern _Thread_local volatile sig_atomic_t guard_inside;

static inline void
guard_enter(void)
{
	guard_inside++;
}

static inline int
guard_leave(int rc)
{
	guard_inside--;
	return rc;
}

#define GUARDED(call) (guard_enter(), guard_leave(call))

#endif
