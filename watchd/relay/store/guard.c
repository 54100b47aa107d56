/* SPDX-License-Identifier: ISC
 * guard: see guard.h. The handler is less limited than one that interrupts
 * anything: its thread is in LMDB, and so holds no lock of the log. But LMDB
 * may have been in malloc(), which then never returns: nothing here may
 * allocate. */
#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/store/guard.h"
#include "relay/store/store.h"

_Thread_local volatile sig_atomic_t guard_inside;

static const int guard_signals[] = { SIGSEGV, SIGBUS, SIGABRT };
static struct sigaction guard_before[MX_COUNT(guard_signals)];
static char guard_dir[PATH_MAX];

/* One thread reports. Another one that comes here meanwhile waits for the exit;
 * one that faults while it reports exits at once. */
static void MX_NORETURN
guard_die(const char *how)
{
	static atomic_flag speaking = ATOMIC_FLAG_INIT;
	static _Thread_local volatile sig_atomic_t here;
	char line[PATH_MAX + 512];

	if (here++ > 0)
		_exit(STORE_EXIT_DAMAGED);
	while (atomic_flag_test_and_set(&speaking))
		(void)pause();
	snprintf(line, sizeof(line),
	    "event=database_damaged file=\"%s/data.mdb\" by=\"%s\" do=\"do not "
	    "start mxwatchd on it again; run mxwatch-salvage(8), then begin "
	    "with an empty spool\"",
	    guard_dir, how);
	log_last_words("store", line);
	_exit(STORE_EXIT_DAMAGED);
}

void
guard_damaged(const char *call, const char *why)
{
	char how[200];

	snprintf(how, sizeof(how), "%s: %s", call, why);
	guard_die(how);
}

static void
guard_assert(MDB_env *env, const char *text)
{
	(void)env;
	(void)text; /* it names LMDB's source files */
	guard_die("assertion");
}

static void
guard_handler(int signo, siginfo_t *info, void *context)
{
	size_t i;

	(void)context;
	if (guard_inside > 0)
		guard_die(signo == SIGSEGV ? "SIGSEGV" :
			signo == SIGBUS	   ? "SIGBUS" :
					     "SIGABRT");
	for (i = 0; i < MX_COUNT(guard_signals); i++)
		if (guard_signals[i] == signo)
			(void)sigaction(signo, &guard_before[i], NULL);
	/* a real fault recurs when we return; a signal sent by kill() does
	 * not */
	if (info->si_code <= 0)
		(void)raise(signo);
}

static void
guard_install(void)
{
	struct sigaction sa = { .sa_sigaction = guard_handler,
		.sa_flags = SA_SIGINFO };
	char date[40];
	size_t i;

	/* The first date of a process reads the time zone and allocates; later
	 * ones, such as the one in the last line, do not. */
	(void)text_date_3339(clock_wall(), date, sizeof(date));
	(void)sigemptyset(&sa.sa_mask);
	for (i = 0; i < MX_COUNT(guard_signals); i++)
		(void)sigaction(guard_signals[i], &sa, &guard_before[i]);
}

void
guard_watch(MDB_env *env, const char *dir)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)strlcpy(guard_dir, dir, sizeof(guard_dir));
	(void)mdb_env_set_assert(env, guard_assert);
	(void)pthread_once(&once, guard_install);
}
