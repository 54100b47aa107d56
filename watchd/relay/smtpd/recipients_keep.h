/* SPDX-License-Identifier: ISC
 * recipients_keep: the last good copy of each list of recipients, in a folder
 * of the spool. After a restart it is used until the list was read, and the
 * list is compared with it, to detect one that is broken or lost too many
 * recipients. A copy is the text itself after a comment that names its source;
 * its file is named by a hash of that. Fetched lists are stored beside it.
 * Blocks, except for names: for the thread of recipients_watch.c. */
#ifndef MX_SMTPD_RECIPIENTS_KEEP_H
#define MX_SMTPD_RECIPIENTS_KEEP_H

#include "base/buf.h"
#include "base/err.h"

#define KEEP_MAX ((size_t)1 << 30)

/* The copy of `source` into `out`, without the comment. -MX_ENOENT, or
 * -MX_ESYS and *eb. */
int keep_load(const char *folder, const char *source, struct buf *out,
    struct mx_errbuf *eb) MX_NODISCARD;
/* Creates the folder if needed. 0, or -MX_ESYS and *eb. */
int keep_store(const char *folder, const char *source, const void *data,
    size_t len, struct mx_errbuf *eb) MX_NODISCARD;
/* The path to which a source that is not a file is fetched (fetch/source.h).
 * The caller frees it. */
char *keep_fetched(const char *folder, const char *source);
/* Removes the files of all other sources. */
void keep_sweep(const char *folder, const char *const *source, size_t n);

#endif
