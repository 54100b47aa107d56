/* SPDX-License-Identifier: ISC
 * findings: the modules' findings about a configuration whose text is valid, in
 * addition to those of config_load(). Any thread. */
#ifndef MX_DAEMON_FINDINGS_H
#define MX_DAEMON_FINDINGS_H

#include "config/config.h"

/* Line 0: the finding is about the whole file. */
void finding(struct conf_errors *, bool warning, const char *file,
    unsigned line, const char *fmt, ...) MX_PRINTF(5, 6);
/* Moves the findings out of `more`. */
void findings_move(struct conf_errors *, struct conf_errors *more);
/* Prints on standard error, FILE:LINE: error: TEXT. */
void findings_print(const struct conf_errors *);

#endif
