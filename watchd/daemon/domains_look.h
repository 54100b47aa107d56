/* SPDX-License-Identifier: ISC
 * domains_look: one look at the source of domains, for a thread that may block.
 * The identity of a file is its inode, size, mtime and ctime; that of a folder
 * is that of all its files *.conf and *.json. A text that was read counts only
 * if the identity is still the same afterwards. */
#ifndef MX_DAEMON_DOMAINS_LOOK_H
#define MX_DAEMON_DOMAINS_LOOK_H

#include "config/domain_texts.h"

/* 0 and the identity (never 0), or -MX_ENOENT or -MX_ESYS with *eb. */
int domains_look_id(const char *path, bool folder, uint64_t *id,
    struct mx_errbuf *eb) MX_NODISCARD;
/* The texts, under the name `source`; NULL: *eb has the reason. */
struct domain_texts *domains_look_read(const char *path, bool folder,
    const char *source, struct mx_errbuf *eb);

#endif
