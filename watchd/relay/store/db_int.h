/* SPDX-License-Identifier: ISC
 * db_int: shared by db.c and db_check.c. Never leaves this folder. */
#ifndef MX_STORE_DB_INT_H
#define MX_STORE_DB_INT_H

#include <lmdb.h>

#include "relay/store/db.h"
#include "relay/store/db_pages.h"
#include "relay/store/guard.h"

struct db {
	MDB_env *env;
	MDB_dbi table[DB_TABLES];
	struct db_pages *pages;
	uint64_t map_size; /* as configured; LMDB's is larger */
	uint64_t reserved; /* bytes of the file with allocated blocks */
	/* opened and checked: damage ends the process from now on */
	bool serving;
	_Atomic bool write_failed; /* a commit failed because of the disk */
};

struct db_txn {
	struct db *db;
	MDB_txn *txn;
	uint64_t last; /* greatest id in the table... */
	bool last_known; /* ...if it was looked up */
	/* copies of results: callers never touch the map */
	char *value;
	size_t room;
	char key[512];
};

/* Counts the pages from `first` on that LMDB may reuse, as mdb_stat -f does;
 * LMDB's own code, or MDB_CORRUPTED. */
int db_free_pages(struct db *, size_t first, uint64_t *pages);
/* Is the file as long as its pages? 0, or -MX_ECORRUPT with the message. */
int db_check(struct db *, const char *dir, struct mx_errbuf *) MX_NODISCARD;

#endif
