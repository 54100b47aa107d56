/* SPDX-License-Identifier: ISC
 * file: whole files. Blocks: for the start, helper threads and programs without
 * a loop. Any thread. On failure *eb (may be NULL) has the reason, without the
 * name of the file. */
#ifndef MX_BASE_FILE_H
#define MX_BASE_FILE_H

#include <sys/types.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads up to `size` bytes, fewer only at the end of the file. Returns the
 * number, or -1 with errno. For files too large for a growing buffer. */
ssize_t file_fill(int fd, void *data, size_t size);
/* Writes all of it. 0, or -1 with errno. */
int file_write_all(int fd, const void *data, size_t size) MX_NODISCARD;
/* Appends the rest of the file to `out`, up to its cap. -MX_ETOOBIG, or
 * -MX_ESYS with errno. For callers that check the open file first. */
int file_read(int fd, struct buf *out, struct mx_errbuf *eb) MX_NODISCARD;
/* Opens a regular file for reading; does not block on a FIFO. A secret may be
 * readable by its owner and our group (getegid()) only. The descriptor,
 * -MX_ENOENT or -MX_ESYS. */
enum file_kind { FILE_PLAIN, FILE_SECRET };
int
file_open(const char *path, enum file_kind, struct mx_errbuf *eb) MX_NODISCARD;
/* Reads a regular file; does not block on a FIFO. -MX_ENOENT; -MX_ETOOBIG;
 * -MX_ESYS. */
int
file_load(const char *path, struct buf *out, struct mx_errbuf *eb) MX_NODISCARD;
int file_load_secret(const char *path, struct buf *out,
    struct mx_errbuf *eb) MX_NODISCARD;

/* The first line of a secret, which the caller wipes and frees; an empty or
 * longer one is an error. NULL and *eb. */
#define SECRET_MAX 8192 /* enough for a signed token */
char *file_secret_line(const char *path, struct mx_errbuf *eb) MX_NODISCARD;

/* Replaces or creates the file: after a crash it has either the old or the new
 * content. Written as path.new, with the given mode, synced, renamed, and the
 * folder synced. 0, or -MX_ESYS with errno set and the reason in *eb; path is
 * unchanged then (unless only the sync of the folder failed). */
int file_replace(const char *path, mode_t mode, const void *data, size_t len,
    struct mx_errbuf *eb) MX_NODISCARD;
/* The same, with the output of `print`, which returns 0, or -1 with errno;
 * errors of the stream are checked afterwards. */
typedef int file_print_fn(FILE *, const void *arg);
int file_print(const char *path, mode_t mode, file_print_fn *print,
    const void *arg, struct mx_errbuf *eb) MX_NODISCARD;

/* The folder in which the path is: "/a" of "/a/b", "." of "b". The caller frees
 * it. */
char *file_folder(const char *path) MX_NODISCARD;
/* Makes a rename or creation at that path durable. 0, or -1 with errno. */
int file_sync_folder(const char *path);

#endif
