/* SPDX-License-Identifier: ISC
 * findings: what the modules find fault with in a configuration whose text is right,
 * beside what config_load() has found. Any thread. */
#ifndef MX_DAEMON_FINDINGS_H
#define MX_DAEMON_FINDINGS_H

#include "config/config.h"

/* Line 0: it is about the whole of that file. */
void finding(struct conf_errors *, bool warning, const char *file,
    unsigned line, const char *fmt, ...) MX_PRINTF(5, 6);
/* Takes what is in `more`. */
void findings_move(struct conf_errors *, struct conf_errors *more);
/* On standard error, FILE:LINE: error: TEXT. */
void findings_print(const struct conf_errors *);

#endif
