/* SPDX-License-Identifier: ISC
 * redo: applies the log to the database: records, states, and the number of
 * live bodies in each segment. A transaction also stores its position in the
 * log (db_applied_put), so that each record is applied once, even after a
 * crash. After the commit disk space is freed: a segment without live bodies is
 * removed, one with few gets holes; but never one from which a start would read
 * the log. Used by the start (replay.c), then by the applier thread alone
 * (applier.c). Results: 0, -MX_EFULL, -MX_EIO, -MX_ETOOBIG: try fewer records
 * at once. */
#ifndef MX_STORE_REDO_H
#define MX_STORE_REDO_H

#include "base/idmap.h"
#include "relay/store/spool.h"

struct redo {
	struct spool *sp;
	struct db_txn *txn; /* NULL: none is open */
	struct idmap touched; /* number -> struct touched */
	struct journal_pos pos; /* of the last record applied */
	struct journal_pos committed; /* ...and of the last one committed */
	/* A segment was removed; may be NULL. */
	void (*unlinked)(void *arg, uint64_t number, uint64_t size, int error);
	void *arg;
};

/* Continues from `pos`. */
void redo_init(struct redo *, struct spool *, const struct journal_pos *pos);
void redo_fini(struct redo *);
int redo_begin(struct redo *) MX_NODISCARD;
/* Applies the next record, which ends at `end` in the file `segment`. */
int redo_record(struct redo *, const struct journal_record *, uint64_t segment,
    uint64_t end) MX_NODISCARD;
/* Commits; dead space can be reclaimed then (reclaim_run()). */
int redo_commit(struct redo *) MX_NODISCARD;
void redo_abort(struct redo *); /* back to the committed state */

/* reclaim.c: the row of a segment, to be changed; reclaim_settle() writes all
 * that were touched, within the same transaction. */
int reclaim_touch(struct redo *, uint64_t number,
    struct db_segment **) MX_NODISCARD;
int reclaim_settle(struct redo *) MX_NODISCARD;
void reclaim_run(struct redo *); /* after the commit; clears */
void reclaim_clear(struct redo *); /* after a failed transaction */

#endif
