/* SPDX-License-Identifier: ISC */
#include "base/thread.h"

#include <stddef.h>

#include "base/defs.h"

void
thread_signals_off(sigset_t *before)
{
	/* Synchronous signals stay unblocked: blocked, they would end the
	 * process without calling a handler (the store's last line). */
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
		SIGTRAP, SIGSYS };
	sigset_t all;

	(void)sigfillset(&all);
	for (size_t i = 0; i < MX_COUNT(own); i++)
		(void)sigdelset(&all, own[i]);
	(void)pthread_sigmask(SIG_SETMASK, &all, before);
}

void
thread_signals_back(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

int
thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t before;
	int rc;

	thread_signals_off(&before);
	rc = pthread_create(thread, NULL, fn, arg);
	thread_signals_back(&before);
	return rc;
}
