/* SPDX-License-Identifier: ISC */
#include "base/thread.h"

#include <stddef.h>

void
thread_signals_off(sigset_t *before)
{
	sigset_t all;

	(void)sigfillset(&all);
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
