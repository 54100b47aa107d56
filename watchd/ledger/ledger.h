/* SPDX-License-Identifier: ISC
 * ledger: the record of outages of primaries, of domains and of our own
 * absence: durable, kept for ledger { keep }, shown by `mxwatchctl outages`, by
 * /api/v1/outages and on the page, with the availability of each primary.
 * outage.h defines a record, book.h decides which there are, ledger_file.h has
 * the file.
 *
 *	verdicts, blocks, marks --> book (open) --> kept (lines) --> file
 *	                             loop thread     |  any thread    helper
 *	                                             `--> pages of lines
 *
 * The nodes of a cluster have one common record (joint.h): each has book, lines
 * and file as if it were alone, and reports to the others; what is shown is
 * combined from all. A node that lost its file continues from what it reported.
 * An outage that was open when a node went away for a minute or more is over
 * for it, if others were there and saw the end.
 *
 * The ledger only observes: it never affects mail. If the disk cannot be
 * written, one line is logged; the records stay in memory and are written
 * later. Loop thread, except ledger_page(). */
#ifndef MX_LEDGER_LEDGER_H
#define MX_LEDGER_LEDGER_H

#include "config/config.h"
#include "ledger/availability.h"
#include "ledger/book.h"
#include "net/helper.h"

struct ledger;

typedef void
ledger_state_cb(void *arg, const char *key, const void *, size_t len);

struct ledger_ops {
	/* Is that primary (by label) or domain still watched? */
	bool (*exists)(void *arg, enum outage_kind, const char *name);
	void *arg;

	/* As the node of a cluster with that number (0: alone, and the rest is
	 * not called). The shared state has what each node reports:
	 *	outage/NODE/ID		an account: "MS LINE": as of when, and
	 *				the line in the file
	 *	outage/NODE/known/LABEL	"UNTIL LINE", of availability; 0: still
	 *	outage/NODE/alive	"SECONDS NAME" */
	unsigned node;
	const char *name; /* of the node; copied */
	/* Does that node live, whose last `alive` was at `said` (0: never)? */
	bool (*alive)(void *arg, unsigned node, int64_t said);
	/* does this node report what concerns no single node? */
	bool (*speaks)(void *arg);
	/* The state: can it be changed now? Changes are answered by
	 * ledger_put_done(). Reading below a prefix is synchronous. */
	bool (*ready)(void *arg);
	void (*put)(void *arg, const char *key, const void *, size_t len,
	    uint64_t token);
	void (*each)(void *arg, const char *prefix, ledger_state_cb *, void *);
};

/* Reads the file, and the state, waiting for the disk. A damaged file is set
 * aside, and that is logged. */
struct ledger *ledger_create(const struct conf_ledger *, const char *spool,
    struct helper *, const struct ledger_ops *, const struct book_time *);
void ledger_configure(struct ledger *, const struct conf_ledger *);
/* To be called while the state can still be changed: reports all that is
 * new. */
void ledger_rest(struct ledger *, const struct book_time *);
/* To be called after the helper is destroyed; writes the rest, waiting for the
 * disk. */
void ledger_destroy(struct ledger **, const struct book_time *);

/* ---- events */
void ledger_primary(struct ledger *, const struct book_verdict *,
    const struct book_time *);
void ledger_domain(struct ledger *, const struct snap_domain *was,
    const struct snap_domain *is, const struct book_time *);
/* A receiver was told, or an operator did something about that primary or
 * domain. False: it has no outage that is open, or over for less than
 * ledger { merge }. */
bool ledger_mark(struct ledger *, enum outage_kind, const char *name,
    enum outage_mark_kind, const char *who, const char *what, int64_t wall);
/* The same for all primaries with an outage. */
void ledger_mark_all(struct ledger *, enum outage_mark_kind, const char *who,
    const char *what, int64_t wall);
/* A maintenance window of a primary or domain begins or ends. Time down in it
 * is recorded, marked, and does not count against the availability. After a
 * start the caller reports open windows again. */
void ledger_maintenance(struct ledger *, enum outage_kind, const char *name,
    bool begins, const char *reason, const struct book_time *);
void ledger_tick(struct ledger *, const struct book_time *);
/* Another node has written that key (len 0: removed). True: the key belongs to
 * the ledger. */
bool ledger_told(struct ledger *, const char *key, const void *, size_t len);
void ledger_put_done(struct ledger *, uint64_t token, int rc);

/* ---- queries */
unsigned ledger_open(const struct ledger *); /* outages that are not over */
bool ledger_failing(const struct ledger *); /* the file cannot be written */
const struct availability *ledger_availability(const struct ledger *);
/* See kept_page(). Any thread. */
bool ledger_page(struct ledger *, const struct kept_query *, const char *end,
    struct buf *, uint64_t *before);

#endif
