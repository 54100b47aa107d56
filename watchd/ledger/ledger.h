/* SPDX-License-Identifier: ISC
 * ledger: the record of outages, of primaries, of domains and of our own absence:
 * durable, kept for ledger { keep }, shown by `mxwatchctl outages`, by
 * /api/v1/outages and on the page, with the availability of each primary. What one
 * record is, outage.h says; which there are, book.h; the file, ledger_file.h.
 *
 *	verdicts, blocks, marks --> book (open) --> kept (lines) --> file
 *	                             loop thread     |  any thread    helper
 *	                                             `--> pages of lines
 *
 * The nodes of a cluster have one record (joint.h): each has book, lines and file as
 * if it were alone, and tells the others; what is shown is made out of all of it. A
 * node without its file goes on with what it told. What was open when it went for a
 * minute or more is over for it, if others were there and saw the end.
 *
 * It only looks: nothing that it does or fails to do changes what becomes of mail.
 * A disk that cannot be written is a line in the log; the records are in memory and
 * are written when it can. All functions but ledger_page(): loop thread. */
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

	/* As node of a cluster, which has that number (0: alone, and the rest is
	 * not called). Its state has what each node tells:
	 *	outage/NODE/ID		an account: "MS LINE", as of when, and as
	 *				the file has it
	 *	outage/NODE/known/LABEL	"UNTIL LINE", of availability; 0: still
	 *	outage/NODE/alive	"SECONDS NAME"
	 */
	unsigned node;
	const char *name; /* of the node; copied */
	/* Does that one live, which said at `said` (0: never) that it does? */
	bool (*alive)(void *arg, unsigned node, int64_t said);
	bool (*speaks)(void *arg); /* do we tell of what is nobody's own? */
	/* The state: can it be changed now? Answered by ledger_put_done(). What
	 * there is below the prefix, at once. */
	bool (*ready)(void *arg);
	void (*put)(void *arg, const char *key, const void *, size_t len,
	    uint64_t token);
	void (*each)(void *arg, const char *prefix, ledger_state_cb *, void *);
};

/* Reads the file, and the state, and waits for the disk. One that is damaged is set
 * aside, and that is logged. */
struct ledger *ledger_create(const struct conf_ledger *, const char *spool,
    struct helper *, const struct ledger_ops *, const struct book_time *);
void ledger_configure(struct ledger *, const struct conf_ledger *);
/* While the state can be changed for the last time: it has all of ours then. */
void ledger_rest(struct ledger *, const struct book_time *);
/* After the helper; writes what is left, waiting for the disk. */
void ledger_destroy(struct ledger **, const struct book_time *);

/* What happens. */
void ledger_primary(struct ledger *, const struct book_verdict *,
    const struct book_time *);
void ledger_domain(struct ledger *, const struct snap_domain *was,
    const struct snap_domain *is, const struct book_time *);
/* Somebody was told, or did something: of that primary or domain. False: it has no
 * outage that is open, or over for less than ledger { merge }. */
bool ledger_mark(struct ledger *, enum outage_kind, const char *name,
    enum outage_mark_kind, const char *who, const char *what, int64_t wall);
/* Of all primaries with an outage. */
void ledger_mark_all(struct ledger *, enum outage_mark_kind, const char *who,
    const char *what, int64_t wall);
/* A window of maintenance of a primary or domain begins or ends. What is down in it
 * is in the record, marked, and does not count against the availability. Windows
 * that are open are told again after a start. */
void ledger_maintenance(struct ledger *, enum outage_kind, const char *name,
    bool begins, const char *reason, const struct book_time *);
void ledger_tick(struct ledger *, const struct book_time *);
/* Of the state: another node has written that (len 0: it is gone). True: the key is
 * ours. */
bool ledger_told(struct ledger *, const char *key, const void *, size_t len);
void ledger_put_done(struct ledger *, uint64_t token, int rc);

/* What is shown. */
unsigned ledger_open(const struct ledger *); /* outages that are not over */
bool ledger_failing(const struct ledger *); /* the file cannot be written */
const struct availability *ledger_availability(const struct ledger *);
/* See kept_page(). Any thread. */
bool ledger_page(struct ledger *, const struct kept_query *, const char *end,
    struct buf *, uint64_t *before);

#endif
