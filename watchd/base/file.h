/* SPDX-License-Identifier: ISC
 * file: files as a whole. Blocks: for start-up, helper threads and programs that
 * have no loop. Any thread. On failure *eb (NULL is allowed) says why, without
 * the name of the file. */
#ifndef MX_BASE_FILE_H
#define MX_BASE_FILE_H

#include <sys/types.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads up to `size` bytes, fewer only at the end. Their number, or -1 with
 * errno. For what is too large to be given a buffer that grows. */
ssize_t file_fill(int fd, void *data, size_t size);
/* Appends all that is still to come to `out`, whose cap bounds it. -MX_ETOOBIG,
 * or -MX_ESYS with errno. For who looks at the open file before. */
int file_read(int fd, struct buf *out, struct mx_errbuf *eb) MX_NODISCARD;
/* Opens a regular file for reading; a FIFO is not waited for. A secret may be
 * open to its owner and to the group that we are of (getegid()), and to nobody
 * else. The descriptor, -MX_ENOENT or -MX_ESYS. */
enum file_kind { FILE_PLAIN, FILE_SECRET };
int
file_open(const char *path, enum file_kind, struct mx_errbuf *eb) MX_NODISCARD;
/* The content of a regular file; a FIFO is not waited for. -MX_ENOENT;
 * -MX_ETOOBIG; -MX_ESYS. */
int
file_load(const char *path, struct buf *out, struct mx_errbuf *eb) MX_NODISCARD;
int file_load_secret(const char *path, struct buf *out,
    struct mx_errbuf *eb) MX_NODISCARD;

/* The first line of a secret, which the caller wipes and frees; an empty one is an
 * error, and so is a longer one. NULL and *eb. */
#define SECRET_MAX 8192 /* of a token, which may be a signed one */
char *file_secret_line(const char *path, struct mx_errbuf *eb) MX_NODISCARD;

/* Replaces the file, or makes it: after a crash there is either all of the old
 * content or all of the new one. Written as path.new, of the given mode,
 * synced, renamed, and the folder synced. 0, or -MX_ESYS with errno set, *eb
 * says why, and path is as it was (but for a folder that does not sync). */
int file_replace(const char *path, mode_t mode, const void *data, size_t len,
    struct mx_errbuf *eb) MX_NODISCARD;
/* The same, with what `print` writes. It returns 0, or -1 with errno; what the
 * stream says of itself is asked afterwards. */
typedef int file_print_fn(FILE *, const void *arg);
int file_print(const char *path, mode_t mode, file_print_fn *print,
    const void *arg, struct mx_errbuf *eb) MX_NODISCARD;

/* What was renamed or made at that path is there after a crash, too. 0, or -1 with
 * errno. */
int file_sync_folder(const char *path);

#endif
