/* SPDX-License-Identifier: ISC
 * process: what /proc says of this process. Any thread. */
#ifndef MX_EXPORTERS_PROCESS_H
#define MX_EXPORTERS_PROCESS_H

#include <stdbool.h>

struct process_info { /* -1: not known */
	double cpu_seconds, open_fds, max_fds, virtual_bytes, resident_bytes,
	    threads;
};

/* False when /proc could not be read; then every field is -1. */
bool process_read(struct process_info *);

#endif
