/* SPDX-License-Identifier: ISC
 * file: small files as a whole. Blocks: for start-up, helper threads and
 * programs that have no loop. Any thread. */
#ifndef MX_BASE_FILE_H
#define MX_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the content of a regular file to `out`, whose cap bounds it; a FIFO
 * is not waited for. -MX_ENOENT; -MX_ETOOBIG; -MX_ESYS. On failure *eb (NULL
 * is allowed) says why, without the name of the file. */
int
file_load(const char *path, struct buf *out, struct mx_errbuf *eb) MX_NODISCARD;

/* Replaces the file, or makes it: after a crash there is either all of the old
 * content or all of the new one. Written as path.new, of the given mode,
 * synced, renamed, and the folder synced. 0, or -MX_ESYS with errno set, *eb
 * says why, and path is as it was (but for a folder that does not sync). */
int file_replace(const char *path, mode_t mode, const void *data, size_t len,
    struct mx_errbuf *eb) MX_NODISCARD;

#endif
