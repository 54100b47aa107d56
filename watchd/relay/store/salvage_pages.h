/* SPDX-License-Identifier: ISC
 * salvage_pages: reads a database file of LMDB 0.9 (64 bits, the byte order of
 * this machine) without LMDB, which would crash on a damaged page. Every offset
 * is checked, every page is read once, nothing is written. Values that the
 * trees no longer lead to are searched page by page, and in a damaged page byte
 * by byte: the callee has to recognise valid ones by a checksum of its own. For
 * mxwatch-salvage; one thread. */
#ifndef MX_STORE_SALVAGE_PAGES_H
#define MX_STORE_SALVAGE_PAGES_H

#include "base/err.h"

struct pages;

/* Returns false for an invalid value. `sure`: it was current at the last write;
 * otherwise it may have been changed or removed since. */
typedef bool
pages_cb(void *arg, uint64_t key, const void *data, size_t len, bool sure);

/* 0 or -MX_ESYS: the file cannot be opened. Damage is tolerated. */
int pages_open(struct pages **out, const char *path,
    struct mx_errbuf *) MX_NODISCARD;
void pages_close(struct pages **);
/* Every value of the table, and every candidate for one. */
void pages_each(struct pages *, const char *table, pages_cb *, void *arg);
uint64_t pages_damaged(const struct pages *); /* so far */

#endif
