/* SPDX-License-Identifier: ISC
 * file_check: warnings about readable files that a configuration names: lists
 * of recipients that would be refused or have no entry for their domain;
 * certificates that clients will not trust. For `mxwatchd -n` and for a reload.
 * Reads the files as the current user; any thread but the loop's. */
#ifndef MX_DAEMON_FILE_CHECK_H
#define MX_DAEMON_FILE_CHECK_H

#include "config/config.h"

/* Reads lists until `most` bytes were read; the thread that reads all of them
 * anyway logs what it finds in the others. */
void
file_check_lists(const struct config *, uint64_t most, struct conf_errors *);
void file_check_certificates(const struct config *, struct conf_errors *);

#endif
