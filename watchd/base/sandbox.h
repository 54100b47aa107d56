/* SPDX-License-Identifier: ISC
 * sandbox: the filter of system calls (seccomp(2)) of the daemon and of the
 * subagent: what mail, probes and scrapes need is let through, and everything
 * else, exec, fork, kill, ptrace and mount among it, fails with ENOSYS. The
 * process is not killed: a library that misses a call has another way or
 * reports an error, and mail goes on. Programs are the spawner's
 * (base/spawn.h), which has no filter. A build without libseccomp, and one
 * with sanitizers, which want more than that, has none. */
#ifndef MX_BASE_SANDBOX_H
#define MX_BASE_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

bool sandbox_built(void);
/* For this thread and all others of the process, for good. 0, or *eb and
 * nothing has changed. */
int sandbox_enter(struct mx_errbuf *);

#endif
