/* SPDX-License-Identifier: ISC
 * book: the open outages, and for ledger { merge } those that are over, because
 * they may come back. It is fed with the verdicts on primaries, with the blocks
 * of domains as they are remade (status/snapshot.h), and with marks; it
 * produces the records.
 *
 * A primary has a record from when it is called down. A domain has one of its
 * own only when it matters: mail is queued, comes or is refused while it is
 * down or suspected, or it is down by itself while its primary is up. So 50,000
 * domains of one primary that fails in a quiet hour are one record. The figures
 * of a domain are added to its primary's record, too. At most `open` domains
 * and as many primaries are open at once; the number of further ones is in the
 * primary's record.
 *
 * Counters are taken as differences between two blocks, so nothing is done for
 * a message. All feeds are O(log n); a tick walks the open outages. Pure: times
 * are arguments. Loop thread. */
#ifndef MX_LEDGER_BOOK_H
#define MX_LEDGER_BOOK_H

#include "ledger/outage.h"
#include "status/snapshot.h"

struct book;

struct book_time {
	int64_t now; /* monotonic ns */
	int64_t wall_ms;
};

struct book_conf {
	unsigned open; /* most domains, and primaries, with an open outage */
	int64_t merge_ms;
};

struct book_ops {
	/* The present state of a record; called again and again with the same
	 * id. `save`: it is to be written to the disk, too. */
	void (*write)(void *arg, const struct outage *, bool save);
	/* Is it still watched? */
	bool (*exists)(void *arg, enum outage_kind, const char *name);
	void *arg;
};

struct book *book_create(const struct book_conf *, const struct book_ops *);
void book_destroy(struct book **);
void book_configure(struct book *, const struct book_conf *);
/* New ids follow that one. */
void book_last_id(struct book *, uint64_t id);
uint64_t book_next_id(struct book *);

/* Restores an outage that a former run left open, and consumes it: for
 * `gap_ms`, until now, nothing was watched. Primaries first. */
void book_restore(struct book *, struct outage *, int64_t gap_ms,
    const struct book_time *);

/* A verdict on a primary: the worst under any policy. */
struct book_verdict {
	const char *label;
	enum health_state state;
	enum smtp_phase phase; /* phase that failed */
	const char *reply; /* command and reply; peer text */
	bool by_delivery;
	unsigned domains; /* number that name it */
};
void book_primary(struct book *, const struct book_verdict *,
    const struct book_time *);
/* A domain's block, and the one that it replaces; NULL: none. */
void book_domain(struct book *, const struct snap_domain *was,
    const struct snap_domain *is, const struct book_time *);

/* Adds a mark to its outage, open or not yet past merging; false: it has
 * none. */
bool book_mark(struct book *, enum outage_kind, const char *name,
    enum outage_mark_kind, int64_t at, const char *who, const char *what);
/* The same for all primaries with an outage. */
void book_mark_all(struct book *, enum outage_mark_kind, int64_t at,
    const char *who, const char *what);
/* A maintenance window begins or ends; time down in it does not count against
 * the availability. Lost by a restart: the caller reports open windows
 * again. */
void book_maintenance(struct book *, enum outage_kind, const char *name,
    bool begins, const char *reason, const struct book_time *);

/* To be called every second. */
void book_tick(struct book *, const struct book_time *);
/* Writes all that is not written yet, at the end. */
void book_flush(struct book *, const struct book_time *);
unsigned book_open(const struct book *); /* outages that are not over */

#endif
