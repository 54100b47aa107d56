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
	uint64_t reserved; /* bytes of the file that have their blocks */
	bool serving; /* it was opened: from here on damage is the end */
	_Atomic bool write_failed; /* a commit, for a reason of the disk's */
};

struct db_txn {
	struct db *db;
	MDB_txn *txn;
	uint64_t last; /* greatest id in the table... */
	bool last_known; /* ...when it was looked up */
	/* copies of what was found: nobody else touches the map */
	char *value;
	size_t room;
	char key[512];
};

/* How many of the pages from `first` on LMDB may use again, as mdb_stat -f counts
 * them; LMDB's own code, or MDB_CORRUPTED. */
int db_free_pages(struct db *, size_t first, uint64_t *pages);
/* Is the file as long as its pages? 0 or -MX_ECORRUPT with the sentence. */
int db_check(struct db *, const char *dir, struct mx_errbuf *) MX_NODISCARD;

#endif
