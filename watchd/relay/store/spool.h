/* SPDX-License-Identifier: ISC
 * spool: the directory of the store: its ownership, its validity, and recovery
 * after a crash. DIR/lock, DIR/format, DIR/reserve, DIR/db/, DIR/seg/. A spool
 * of format 1 had its records in the database alone; it is upgraded by
 * beginning a log. To downgrade, after a clean stop of the daemon: write
 * "mxwatch spool 1" into DIR/format. Used by store_open() and store_close(). */
#ifndef MX_STORE_SPOOL_H
#define MX_STORE_SPOOL_H

#include "base/err.h"
#include "relay/store/db.h"
#include "relay/store/segment.h"
#include "relay/store/tail.h"

struct spool {
	char *path;
	int fd; /* of DIR */
	int lock;
	struct segment_dir seg;
	struct db *db;
	/* entries of the log that the database does not have */
	struct tail *tail;
	uint64_t salt; /* of the log (journal.h) */
	struct journal_pos applied; /* the end of the log, at the opening */
	uint64_t last_id; /* greatest id stored */
	uint64_t segments, segment_bytes; /* after the sweep */
};

/* 0, or negative with a message for the operator. Call spool_close() in either
 * case. */
int spool_open(struct spool *, const char *dir, uint64_t map_size,
    struct mx_errbuf *) MX_NODISCARD;
void spool_close(struct spool *);

#endif
