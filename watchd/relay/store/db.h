/* SPDX-License-Identifier: ISC
 * db: the LMDB environment of the spool; the only file that includes lmdb.h.
 * Three tables: records (id -> encoded envelope), segments (number -> what of
 * it is alive) and state (key -> bytes). Opened without NOSYNC, NOMETASYNC and
 * WRITEMAP: a commit that returned 0 is on the disk. A transaction belongs to
 * the thread that began it. Read transactions have to be short: pages that one
 * can see are not reused while it lives.
 *
 * Results: 0; -MX_ENOENT; -MX_EFULL (disk or map); -MX_ETOOBIG (too much for
 * one transaction); -MX_EIO (anything else: it was not read or not written).
 * The reason of -MX_EIO is logged here. */
#ifndef MX_STORE_DB_H
#define MX_STORE_DB_H

#include "base/err.h"
#include "relay/store/journal.h"

#define STORE_MIN(a, b) ((a) < (b) ? (a) : (b))

struct db;
struct db_txn;

/* The record of a segment file. */
struct db_segment {
	uint64_t number;
	uint64_t live; /* bodies that some record refers to */
	uint64_t live_bytes;
	uint64_t size; /* of the file; data beyond it was never acknowledged */
	uint64_t first_id, last_id; /* of the messages in it */
	uint64_t punched; /* live_bytes when holes were last made */
};

/* dir exists. May be called again for a database that was closed. 0, or
 * -MX_ECORRUPT when it is damaged or not a database, -MX_ESYS; then *out is
 * NULL. */
int db_open(struct db **out, const char *dir, uint64_t map_size,
    struct mx_errbuf *) MX_NODISCARD;
void db_close(struct db **);
/* The database was checked and is in order. From now on a call that finds
 * damage ends the process with STORE_EXIT_DAMAGED (guard.h); before, it returns
 * -MX_EIO. */
void db_serve(struct db *);

int db_begin(struct db *, bool write, struct db_txn **) MX_NODISCARD;
int db_commit(struct db_txn **) MX_NODISCARD; /* always ends it */
void db_abort(struct db_txn **); /* no-op when NULL */
/* After a failed commit: can the database still be used? */
bool db_usable(struct db *);

int
db_record_put(struct db_txn *, uint64_t id, const void *, size_t) MX_NODISCARD;
/* Borrowed until the next call with this transaction. */
int db_record_get(struct db_txn *, uint64_t id, const void **,
    size_t *) MX_NODISCARD;
int db_record_del(struct db_txn *, uint64_t id) MX_NODISCARD;
/* The first record whose id is not below *id; sets *id to its id. */
int db_record_next(struct db_txn *, uint64_t *id, const void **,
    size_t *) MX_NODISCARD;
int db_record_last(struct db_txn *, uint64_t *id) MX_NODISCARD;

int db_segment_get(struct db_txn *, uint64_t number,
    struct db_segment *) MX_NODISCARD;
int db_segment_put(struct db_txn *, const struct db_segment *) MX_NODISCARD;
int db_segment_del(struct db_txn *, uint64_t number) MX_NODISCARD;
int db_segment_next(struct db_txn *, uint64_t from,
    struct db_segment *) MX_NODISCARD;

int db_state_put(struct db_txn *, const char *key, const void *,
    size_t) MX_NODISCARD; /* length 0 removes */
/* The first key not below `from`. Borrowed like a record. */
int db_state_next(struct db_txn *, const char *from, const char **key,
    size_t *keylen, const void **, size_t *) MX_NODISCARD;

/* Prefix of the store's own states. The full keys that mxwatch-salvage reads
 * have eight characters; their values are u64s and a CRC-32 of them. */
#define DB_KEY_OWN     "spool/"
#define DB_KEY_APPLIED DB_KEY_OWN "at"
#define DB_KEY_SALT    DB_KEY_OWN "id"
/* The position of the database in the log (journal.h), and the log's salt.
 * -MX_ENOENT: none; -MX_ECORRUPT. */
int db_applied_get(struct db_txn *, struct journal_pos *) MX_NODISCARD;
int db_applied_put(struct db_txn *, const struct journal_pos *) MX_NODISCARD;
int db_salt_get(struct db_txn *, uint64_t *salt) MX_NODISCARD;
int db_salt_put(struct db_txn *, uint64_t salt) MX_NODISCARD;

/* True when new messages, and the `coming` bytes that are on their way here,
 * would use up the space that removals need. */
bool db_nearly_full(struct db *, uint64_t coming);
/* Additional free space needed before it counts as no longer full. */
uint64_t db_margin(const struct db *);
/* Makes sure that the file system has room for the pages that `coming` bytes of
 * records may need. 0, -MX_EFULL, -MX_EIO. Any thread, one at a time. */
int db_reserve(struct db *, uint64_t coming) MX_NODISCARD;

#endif
