/* SPDX-License-Identifier: ISC
 * recipients_keep: the last good copy of each list of recipients, in a folder of
 * the spool. After a restart a list that cannot be read, is broken or has lost
 * too much is told from a good one by what was in use before. A copy is the text
 * itself behind a comment that names its source; its file is named by a hash of
 * that. What is fetched lies beside it. Blocks, but for names: for the thread of
 * recipients_watch.c. */
#ifndef MX_SMTPD_RECIPIENTS_KEEP_H
#define MX_SMTPD_RECIPIENTS_KEEP_H

#include "base/buf.h"
#include "base/err.h"

#define KEEP_MAX ((size_t)1 << 30)

/* The copy of `source` into `out`, without the comment. -MX_ENOENT, or
 * -MX_ESYS and *eb. */
int keep_load(const char *folder, const char *source, struct buf *out,
    struct mx_errbuf *eb) MX_NODISCARD;
/* Makes the folder if need be. 0, or -MX_ESYS and *eb. */
int keep_store(const char *folder, const char *source, const void *data,
    size_t len, struct mx_errbuf *eb) MX_NODISCARD;
/* Where the content of a source that is no file is fetched to (fetch/source.h).
 * The caller frees it. */
char *keep_fetched(const char *folder, const char *source);
/* Removes the files of what is none of these sources. */
void keep_sweep(const char *folder, const char *const *source, size_t n);

#endif
