/* SPDX-License-Identifier: ISC
 * ledger_int: what ledger.c (who is alone, and what all have in common) and
 * ledger_shared.c (a node of a cluster) share. */
#ifndef MX_LEDGER_LEDGER_INT_H
#define MX_LEDGER_LEDGER_INT_H

#include "ledger/ledger.h"
#include "ledger/ledger_file.h"

#define LEDGER_GAP_MS INT64_C(60000) /* shorter absences are no record */
#define LEDGER_DAEMON "mxwatchd"

struct ledger {
	struct conf_ledger conf;
	struct ledger_ops ops;
	struct kept *kept;
	struct book *book;
	struct availability *availability;
	struct ledger_file *file; /* NULL in a cluster */
	struct ledger_shared *shared; /* NULL outside of one */
	char *path, *node_name;
};

/* ledger.c */
void ledger_keep(struct ledger *, const struct outage *, bool save);
/* A record of our absence, or of the whole cluster's, if it was long enough. */
void ledger_note_absence(struct ledger *, int64_t alive, int64_t gap_ms);

/* ledger_shared.c */
void ledger_shared_load(struct ledger *, const struct book_time *);
bool
ledger_shared_ours(const struct ledger *, enum outage_kind, const char *name);
void ledger_shared_settle(struct ledger *, const struct book_time *);
void ledger_shared_tick(struct ledger *, const struct book_time *);
void ledger_shared_end(struct ledger *);
bool ledger_shared_failing(const struct ledger *);
int64_t ledger_gap(const struct ledger *); /* nobody watched before the start */
void ledger_shared_put(struct ledger *, uint64_t id, struct kept_line *);
void
ledger_shared_known(struct ledger *, const char *label, struct kept_line *);

#endif
