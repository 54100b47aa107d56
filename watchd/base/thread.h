/* SPDX-License-Identifier: ISC
 * thread: starts threads. The loop handles signals (net/loop.h), and a signal
 * must not end the process in the middle of something: every thread but the
 * main one is started here, with all signals blocked except synchronous ones
 * (SIGSEGV and the like). */
#ifndef MX_BASE_THREAD_H
#define MX_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* As pthread_create(): 0, or an errno. To be joined like any other. */
int thread_start(pthread_t *, void *(*fn)(void *), void *arg);
/* To bracket a call of a library that starts a thread of its own. */
void thread_signals_off(sigset_t *before);
void thread_signals_back(const sigset_t *before);

#endif
