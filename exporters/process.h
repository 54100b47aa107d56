/* SPDX-License-Identifier: ISC
 * process: figures of this process from /proc. Any thread. */
#ifndef MX_EXPORTERS_PROCESS_H
#define MX_EXPORTERS_PROCESS_H

#include <stdbool.h>

struct process_info { /* -1: unknown */
	double cpu_seconds, open_fds, max_fds, virtual_bytes, resident_bytes,
	    threads;
};

/* False when /proc could not be read; then every field is -1. */
bool process_read(struct process_info *);

#endif
