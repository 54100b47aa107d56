/* SPDX-License-Identifier: ISC
 * kept: the records of the ledger as the lines that they are written as, by
 * ascending id, with what is asked of them beside. The loop thread changes it;
 * any thread may read a page (kept_page()), under a lock that is held for
 * copying some lines only. Bounded in number and in age; the oldest go first, those
 * that are not over never. */
#ifndef MX_LEDGER_KEPT_H
#define MX_LEDGER_KEPT_H

#include "base/buf.h"
#include "ledger/outage.h"

struct kept;

/* A line, shared by the list and by who writes it. Loop thread. */
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

/* Adds the record, or replaces the one with its id. The line is the list's. */
struct kept_line *kept_put(struct kept *, const struct outage *);
/* The same of a record that several nodes tell: it is found by these ids as well
 * (copied), and so much of it counts against availability, as kept_down_ms()
 * adds it up. */
struct kept_told {
	const uint64_t *also;
	unsigned nalso;
	int64_t counts_ms;
};
void
kept_put_told(struct kept *, const struct outage *, const struct kept_told *);
/* Forgets the record with that id; false: there is none. */
bool kept_drop(struct kept *, uint64_t id);
/* Forgets those that were over before `wall`, some a call, and what is more than
 * `max`; says which (gone may be NULL). */
void kept_trim(struct kept *, int64_t wall, unsigned max,
    void (*gone)(void *arg, uint64_t id), void *arg);
unsigned kept_count(const struct kept *);
unsigned kept_open(const struct kept *); /* those that are not over */
struct kept_line *kept_find(const struct kept *, uint64_t id); /* or NULL */
uint64_t kept_last_id(const struct kept *); /* 0: none */
/* By ascending id; NULL: there are no more. */
struct kept_line *kept_line_at(const struct kept *, unsigned i);
uint64_t kept_id_at(const struct kept *, unsigned i); /* of that line */

/* How long that primary was down, or (NULL) nobody watched, between two wall times;
 * what was maintenance, or not watched, is no part of the former. `now`: one that
 * goes on has lasted until then. ms. */
int64_t kept_down_ms(const struct kept *, const char *primary, int64_t from,
    int64_t to, int64_t now);

struct kept_query {
	/* Of these names alone: of a domain, and of its primaries. Borrowed. */
	const char *const *name;
	unsigned nnames; /* 0: of all */
	unsigned kinds; /* 1 << enum outage_kind; 0: all */
	uint64_t id; /* that one alone; 0: any */
	int64_t since; /* those that were not over by then, wall seconds */
	uint64_t
	    before; /* those with a lower id, where the page before ended; 0 */
	unsigned limit; /* lines at most */
};
/* Adds the lines, each with `end` behind it, the newest first. True: there are
 * more, and *before is where they begin. Any thread. */
bool kept_page(struct kept *, const struct kept_query *, const char *end,
    struct buf *, uint64_t *before);

#endif
