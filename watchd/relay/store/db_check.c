/* SPDX-License-Identifier: ISC
 * db_check: refuses a truncated database file, before a read of the missing
 * part would end the process with SIGBUS. Called once by db_open(). LMDB leaves
 * pages at the end unwritten when a transaction allocated and freed them again,
 * so a short file alone proves nothing: it is damage only if a missing page is
 * not on the list of free pages. To check this, the file is extended with zeros
 * (LMDB reports a zero page as corrupt) and cut back when it is refused, so
 * that a repair has the original. */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/store/db_int.h"

#define FREE_TABLE 0 /* LMDB's own table of free pages */

int
db_free_pages(struct db *db, size_t first, uint64_t *pages)
{
	MDB_txn *txn;
	MDB_cursor *c = NULL;
	MDB_val key, val;
	size_t i, n, pgno, at = 0, last = 0;
	int rc;

	*pages = 0;
	if ((rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn)) != 0)
		return rc;
	if ((rc = mdb_cursor_open(txn, FREE_TABLE, &c)) != 0)
		goto out;
	while ((rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) == 0) {
		if (key.mv_size == sizeof(at))
			memcpy(&at, key.mv_data, sizeof(at));
		if (key.mv_size != sizeof(at) || at <= last ||
		    val.mv_size < sizeof(n)) {
			rc = MDB_CORRUPTED; /* or endless */
			break;
		}
		last = at;
		memcpy(&n, val.mv_data, sizeof(n));
		n = STORE_MIN(n, val.mv_size / sizeof(n) - 1);
		if (first == 0) {
			*pages += n;
			continue;
		}
		for (i = 1; i <= n; i++) {
			memcpy(&pgno, (char *)val.mv_data + i * sizeof(pgno),
			    sizeof(pgno));
			*pages += pgno >= first;
		}
	}
	if (rc == MDB_NOTFOUND)
		rc = 0;
out:
	mdb_cursor_close(c);
	mdb_txn_abort(txn);
	return rc;
}

int
db_check(struct db *db, const char *dir, struct mx_errbuf *eb)
{
	MDB_envinfo info;
	MDB_stat ms;
	struct stat st;
	size_t have, want;
	uint64_t found;
	int fd;

	if (mdb_env_info(db->env, &info) != 0 ||
	    mdb_env_stat(db->env, &ms) != 0 ||
	    mdb_env_get_fd(db->env, &fd) != 0 || fstat(fd, &st) != 0)
		return mx_fail(eb, MX_ECORRUPT, "%s: cannot be examined", dir);
	have = (size_t)st.st_size / ms.ms_psize;
	want = info.me_last_pgno + 1;
	if (have >= want)
		return 0;
	if (ftruncate(fd, (off_t)(want * ms.ms_psize)) == 0 &&
	    db_free_pages(db, have, &found) == 0 && found == want - have)
		return 0;
	if (ftruncate(fd, st.st_size) != 0)
		found = 0; /* reported in the same way */
	return mx_fail(eb, MX_ECORRUPT,
	    "%s/data.mdb is truncated: it has %zu of %zu pages; restore it or "
	    "run mxwatch-salvage(8)",
	    dir, have, want);
}
