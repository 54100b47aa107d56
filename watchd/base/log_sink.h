/* SPDX-License-Identifier: ISC
 * log_sink: the destination of the lines of log.c. Private to base/log: other
 * modules use log.h, which also declares the operations on the sink (log_open()
 * and so on). Any thread. */
#ifndef MX_BASE_LOG_SINK_H
#define MX_BASE_LOG_SINK_H

#include "base/log.h"

#define LOG_LINE_MAX 2048

/* Takes one line with its end. Never blocks once log_open() was called. */
void log_sink_put(enum log_level, const char *line, size_t len);

#endif
