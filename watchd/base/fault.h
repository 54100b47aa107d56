/* SPDX-License-Identifier: ISC
 * fault: named points at which a test makes the program fail. Compiled in
 * only with --enable-fault; otherwise every point is the constant 0.
 * MXWATCH_FAULT="store.sync:eio:3,store.commit:kill:1": at the 3rd passage
 * of store.sync return EIO, at the first of store.commit SIGKILL ourselves.
 * Actions: kill, eio, enospc, enomem, delay=MS. "N+" means from the Nth on. */
#ifndef MX_BASE_FAULT_H
#define MX_BASE_FAULT_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef MX_FAULT
int fault_at(const char *point); /* 0, or the errno to pretend */
#define FAULT(point) fault_at(point)
#else
#define FAULT(point) 0
#endif

#endif
