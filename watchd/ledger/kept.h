/* SPDX-License-Identifier: ISC
 * kept: the records of the ledger in the form of their lines, by ascending id,
 * with an index for queries. The loop thread changes it; any thread may read a
 * page (kept_page()), under a lock that is held only while some lines are
 * copied. Bounded in number and in age; the oldest go first, open ones
 * never. */
#ifndef MX_LEDGER_KEPT_H
#define MX_LEDGER_KEPT_H

#include "base/buf.h"
#include "ledger/outage.h"

struct kept;

/* A line, shared by the list and its writers. Loop thread. */
struct kept_line {
	unsigned refs;
	size_t len;
	char text[]; /* NUL-terminated, without a line feed */
};
struct kept_line *kept_line_create(const char *text);
struct kept_line *kept_line_ref(struct kept_line *);
void kept_line_unref(struct kept_line **);

struct kept *kept_create(void);
void kept_destroy(struct kept **);

/* Adds the record, or replaces the one with its id. The list owns the line. */
struct kept_line *kept_put(struct kept *, const struct outage *);
/* The same for a record combined from several nodes: it is found by these ids
 * as well (copied), and this much of it counts in kept_down_ms(). */
struct kept_told {
	const uint64_t *also;
	unsigned nalso;
	int64_t counts_ms;
};
void
kept_put_told(struct kept *, const struct outage *, const struct kept_told *);
/* Drops the record with that id; false: none. */
bool kept_drop(struct kept *, uint64_t id);
/* Drops records that ended before `wall`, some a call, and those beyond `max`;
 * reports them (gone may be NULL). */
void kept_trim(struct kept *, int64_t wall, unsigned max,
    void (*gone)(void *arg, uint64_t id), void *arg);
unsigned kept_count(const struct kept *);
unsigned kept_open(const struct kept *); /* records that are not over */
struct kept_line *kept_find(const struct kept *, uint64_t id); /* or NULL */
uint64_t kept_last_id(const struct kept *); /* 0: none */
/* By ascending id; NULL: no more. */
struct kept_line *kept_line_at(const struct kept *, unsigned i);
uint64_t kept_id_at(const struct kept *, unsigned i); /* of that line */

/* How long the primary was down, or (NULL) nothing was watched, between two
 * wall times; the former without maintenance and unwatched time. `now`: the
 * present end of an open one. ms. */
int64_t kept_down_ms(const struct kept *, const char *primary, int64_t from,
    int64_t to, int64_t now);

struct kept_query {
	/* Only of these names: a domain, and its primaries. Borrowed. */
	const char *const *name;
	unsigned nnames; /* 0: any */
	unsigned kinds; /* 1 << enum outage_kind; 0: all */
	uint64_t id; /* only that one; 0: any */
	int64_t since; /* not over before this, wall seconds */
	uint64_t before; /* ids below the end of the previous page; 0 */
	unsigned limit; /* lines at most */
};
/* Appends the lines, each followed by `end`, newest first. True: there are
 * more, and *before is set for the next page. Any thread. */
bool kept_page(struct kept *, const struct kept_query *, const char *end,
    struct buf *, uint64_t *before);

#endif
