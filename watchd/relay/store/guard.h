/* SPDX-License-Identifier: ISC
 * guard: LMDB 0.9 has no checksums on its pages and follows a damaged one
 * anywhere, until the process crashes. Calls of LMDB, and copies out of its
 * map, are marked per thread; when the process is about to die in one (a failed
 * assertion, SIGSEGV, SIGBUS, SIGABRT), the guard logs one line that names the
 * damaged database and what to do, and exits with STORE_EXIT_DAMAGED, so that
 * the service manager does not restart for ever. A fault anywhere else is left
 * to its previous handler. */
#ifndef MX_STORE_GUARD_H
#define MX_STORE_GUARD_H

#include <signal.h>

#include "base/defs.h"

struct MDB_env;

/* Installs the handlers, for the process and for good. `dir` is named in the
 * line: the last one, if there are several. */
void guard_watch(struct MDB_env *, const char *dir);

/* LMDB reported damage, or returned something impossible: the same line and
 * exit. */
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
