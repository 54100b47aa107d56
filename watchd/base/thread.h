/* SPDX-License-Identifier: ISC
 * thread: the threads of ours. Signals are the loop's (net/loop.h), and what
 * is not its business must not end the process in the middle of something:
 * every thread but the main one is begun here, and takes none, but for those of
 * its own doing (SIGSEGV and the like). */
#ifndef MX_BASE_THREAD_H
#define MX_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* As pthread_create(): 0, or an errno. Join it as any other. */
int thread_start(pthread_t *, void *(*fn)(void *), void *arg);
/* Around the call of a library that begins a thread of its own. */
void thread_signals_off(sigset_t *before);
void thread_signals_back(const sigset_t *before);

#endif
