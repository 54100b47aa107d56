/* SPDX-License-Identifier: ISC
 * book_int: shared by book.c (the table, writing, marks) and book_feed.c (the
 * feeds). */
#ifndef MX_LEDGER_BOOK_INT_H
#define MX_LEDGER_BOOK_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "ledger/book.h"

struct outage_counts {
	uint64_t accepted, refused, delivered, returned, expired;
};

struct open_outage {
	RB_ENTRY(open_outage) node;
	TAILQ_ENTRY(open_outage) link;
	struct outage o;
	/* Of a domain that is down or draining: its primary's outage, or
	 * NULL. */
	struct open_outage *parent;
	unsigned children; /* of a primary: its domains that are not over */
	unsigned held; /* references to it, by `parent` */
	int64_t failed_ns; /* the first failure, or that of the last flap */
	int64_t counted_ns; /* down_ms and drain_ms are computed up to here */
	int64_t recovered_ns;
	int64_t again_ns, again; /* it fails again: since when; wall */
	bool maintained;
	/* The queue and the counters as last seen; for a primary: the queues of
	 * its domains in total. */
	struct outage_counts last;
	uint64_t messages;
	int64_t oldest_ms;
	uint64_t rate_count; /* deliveries since the last look */
	int64_t rate_ns;
	bool event, figures; /* to be written: at once; eventually */
	int64_t shown_ns, saved_ns;
	int64_t missing_ns; /* no longer watched since; 0 */
};
RB_HEAD(open_tree, open_outage);
TAILQ_HEAD(open_list, open_outage);

struct in_window {
	RB_ENTRY(in_window) node;
	enum outage_kind kind;
	char *name;
};
RB_HEAD(maintained_tree, in_window);

struct book {
	struct book_conf conf;
	struct book_ops ops;
	uint64_t last_id;
	struct open_tree tree;
	struct open_list list; /* to be written, the longest waiting first */
	unsigned n[OUTAGE_KIND_MAX];
	struct maintained_tree maintained;
	unsigned nmaintained;
	unsigned ticks;
};

/* book.c */
struct open_outage *
book_find(const struct book *, enum outage_kind, const char *name);
/* NULL: too many. */
struct open_outage *book_begin(struct book *, enum outage_kind,
    const char *name, const struct book_time *);
/* Removes it from the table; a record, if there is to be one, was written. */
void book_end(struct book *, struct open_outage *);
bool
book_is_maintained(const struct book *, enum outage_kind, const char *name);
/* Brings down_ms, drain_ms and maintenance_ms up to date. */
void book_count(struct open_outage *, int64_t now);
/* Transitions of its state, for both kinds. */
void book_down(struct book *, struct open_outage *, const struct book_time *);
void book_recovered(struct open_outage *, const struct book_time *);
void book_over(struct open_outage *, const struct book_time *);
/* It has been up for too long to go on as the same outage. */
bool book_is_past(const struct book *, const struct open_outage *, int64_t now);
/* Writes it in its present state and removes it. */
void book_close(struct book *, struct open_outage *, const struct book_time *);
void book_parent_set(struct open_outage *, struct open_outage *parent);

#endif
