/* SPDX-License-Identifier: ISC
 * sandbox: the filter of system calls (seccomp(2)) of the daemon and of the
 * subagent. Calls needed for mail, probes and scrapes are allowed; all others,
 * among them exec, fork, kill, ptrace and mount, fail with ENOSYS. The process
 * is not killed: a library that lacks a call uses another or reports an error,
 * and mail goes on. Programs are started by the spawner (base/spawn.h), which
 * has no filter. Builds without libseccomp have none, nor do those with
 * sanitizers, which need more calls. */
#ifndef MX_BASE_SANDBOX_H
#define MX_BASE_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

bool sandbox_built(void);
/* Applies to all threads of the process, irrevocably. 0, or *eb and nothing has
 * changed. */
int sandbox_enter(struct mx_errbuf *);

#endif
