/* SPDX-License-Identifier: ISC
 * salvage_pages: reads a database file of LMDB 0.9 (64 bits, the byte order of
 * this machine) without LMDB, which would follow a damaged page out of the
 * process. Every offset is checked, every page is read once, nothing is
 * written. What the trees do not lead to any more is looked for page by page,
 * and in a damaged page byte by byte: whoever gets a value has to know by a
 * checksum of its own whether it is one. For mxwatch-salvage; one thread. */
#ifndef MX_STORE_SALVAGE_PAGES_H
#define MX_STORE_SALVAGE_PAGES_H

#include "base/err.h"

struct pages;

/* False when it is no value of this kind. `sure`: it was current when the
 * database was written for the last time; otherwise it may be an old one
 * that was changed or removed since. */
typedef bool
pages_cb(void *arg, uint64_t key, const void *data, size_t len, bool sure);

/* 0 or -MX_ESYS: the file cannot be opened. Damage is no reason. */
int pages_open(struct pages **out, const char *path,
    struct mx_errbuf *) MX_NODISCARD;
void pages_close(struct pages **);
/* Every value of the table, and whatever else may have been one. */
void pages_each(struct pages *, const char *table, pages_cb *, void *arg);
uint64_t pages_damaged(const struct pages *); /* as far as they were met */

#endif
