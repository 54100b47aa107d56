/* SPDX-License-Identifier: ISC
 * file_check: what is in the files that a configuration names, and is worth a warning
 * although they can be read: lists of recipients that would not be taken, or have
 * nobody of their domain; certificates that clients will not believe. For
 * `mxwatchd -n` and for a reload. Reads the files as who we are; any thread but the
 * loop's. */
#ifndef MX_DAEMON_FILE_CHECK_H
#define MX_DAEMON_FILE_CHECK_H

#include "config/config.h"

/* Lists are read until `most` bytes of them were; the others are left to the thread
 * that reads them anyway and has the log. */
void
file_check_lists(const struct config *, uint64_t most, struct conf_errors *);
void file_check_certificates(const struct config *, struct conf_errors *);

#endif
