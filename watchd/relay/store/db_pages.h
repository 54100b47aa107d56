/* SPDX-License-Identifier: ISC
 * db_pages: checks the pages of the database that a write is about to touch.
 * LMDB 0.9 trusts the head of a page: a damaged one makes it copy and free
 * beyond all bounds, and corrupts the memory of the process long before this is
 * noticed. So the path to each key that is written, the neighbours that a
 * rebalance may merge with it, and the list of free pages are checked first, in
 * the last committed tree, through a map of our own. Each page once in a
 * transaction. Used by one thread at a time: the one with the write
 * transaction. */
#ifndef MX_STORE_DB_PAGES_H
#define MX_STORE_DB_PAGES_H

#include "base/defs.h"

struct db_pages;

enum db_table { DB_RECORDS, DB_SEGMENTS, DB_STATE, DB_TABLES };
extern const char *const db_pages_tables[DB_TABLES]; /* their names */

/* The file stays the caller's. NULL when it cannot be mapped: then nothing is
 * checked. `bytes`: the greatest length it may ever have. */
struct db_pages *db_pages_create(int fd, uint64_t bytes, uint32_t page_size);
void db_pages_destroy(struct db_pages **);
/* A write transaction of this number has begun: checks the list of free pages
 * and the table of tables. False: damaged. */
bool db_pages_begin(struct db_pages *, uint64_t txn, uint64_t last_page);
/* Checks the path to the key and the pages beside it. False: damaged. */
bool
db_pages_sound(struct db_pages *, enum db_table, const void *key, size_t len);

#endif
