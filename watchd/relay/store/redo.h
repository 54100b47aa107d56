/* SPDX-License-Identifier: ISC
 * redo: what the log says, into the database: records, states, and how many
 * bodies are alive in each segment. A transaction also notes how far in the
 * log it is (db_applied_put), so each record is applied once, whatever
 * crashes. After the commit the disk space is given back: a segment in
 * which nothing is alive is removed, one that a few stragglers keep alive gets
 * holes; but never one that the log is still read from.
 * Used by the start (replay.c), then by the applier thread alone (applier.c).
 * Results: 0, -MX_EFULL, -MX_EIO, -MX_ETOOBIG: fewer records at once. */
#ifndef MX_STORE_REDO_H
#define MX_STORE_REDO_H

#include "base/idmap.h"
#include "relay/store/spool.h"

struct redo {
	struct spool *sp;
	struct db_txn *txn; /* NULL: none is open */
	struct idmap touched; /* number -> struct touched */
	struct journal_pos pos; /* the last record that was applied */
	struct journal_pos committed; /* ...and is in the database for good */
	/* A segment was removed; NULL: nobody counts them. */
	void (*unlinked)(void *arg, uint64_t number, uint64_t size, int error);
	void *arg;
};

/* Goes on from `pos`. */
void redo_init(struct redo *, struct spool *, const struct journal_pos *pos);
void redo_fini(struct redo *);
int redo_begin(struct redo *) MX_NODISCARD;
/* The next record, which ends at `end` in the file `segment`. */
int redo_record(struct redo *, const struct journal_record *, uint64_t segment,
    uint64_t end) MX_NODISCARD;
/* Ends the transaction; what is dead can be reclaimed then (reclaim_run()). */
int redo_commit(struct redo *) MX_NODISCARD;
void redo_abort(struct redo *); /* back to what was committed */

/* reclaim.c: the record of a segment, to be changed; all that were touched are
 * written by reclaim_settle(), within the same transaction. */
int reclaim_touch(struct redo *, uint64_t number,
    struct db_segment **) MX_NODISCARD;
int reclaim_settle(struct redo *) MX_NODISCARD;
void reclaim_run(struct redo *); /* after the commit; clears */
void reclaim_clear(struct redo *); /* the transaction failed */

#endif
