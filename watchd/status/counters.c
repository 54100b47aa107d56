/* SPDX-License-Identifier: ISC
 * counters: the bounds of the histograms, and the domains' own counters in a
 * hash table by name. Domains are added at the start and by reloads; their
 * entries stay when they are dropped, because callers may hold pointers. They
 * are looked up for every recipient and every touch.
 *
 * The windows of the last hour and day need the counters as of the beginning of
 * a quarter of an hour. A counter is changed only after the domain was touched,
 * so the first touch of a quarter saves them; quarters without a touch cost
 * nothing, nor do domains without mail. */
#include "status/counters.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define MARK_EVERY (15 * 60 * CLOCK_SEC)
#define DAY_MARKS  96
#define HOUR_MARKS 4
#define TABLE_MIN  64

/* The counters at the beginning of a quarter of an hour: the lower half is
 * enough for a difference. */
struct mark {
	int64_t quarter;
	uint32_t delivered, bounced, expired;
};
struct stats_entry {
	struct domain_stats d; /* first: callers get this pointer */
	TAILQ_ENTRY(stats_entry) link;
	bool touched; /* in index.touched or index.round */
	bool gone; /* dropped: not found any more */
	uint32_t hash;
	uint16_t nmarks, marks_size;
	struct mark *mark; /* ascending by quarter, for the last day */
	char name[];
};
TAILQ_HEAD(stats_list, stats_entry);

struct stats_index {
	struct stats_entry *
	    *slot; /* open addressing, linear; at most half full */
	size_t size, n; /* size: a power of two */
	int64_t quarter; /* number of the present quarter; 0: none yet */
	struct stats_list touched, round;
};

const struct hist_bounds hist_message_size = { 6,
	{ 1e3, 1e4, 1e5, 1e6, 1e7, 1e8 } };
const struct hist_bounds hist_commit = { 13,
	{ 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2,
	    10 } };
const struct hist_bounds hist_attempt = { 12,
	{ 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600 } };
const struct hist_bounds hist_delay = { 13,
	{ 1, 5, 30, 60, 300, 900, 3600, 14400, 43200, 86400, 259200, 864000,
	    2592000 } };
const struct hist_bounds hist_age = { 13,
	{ 60, 300, 900, 3600, 14400, 43200, 86400, 172800, 259200, 432000,
	    864000, 1728000, 2592000 } };
const struct hist_bounds hist_dns = { 10,
	{ 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10 } };

const char *
smtpd_reason_name(enum smtpd_reason reason)
{
	static const char *const name[SMTPD_REASON_MAX] = {
#define REASON(NAME, name) #name,
		SMTPD_REASONS(REASON)
#undef REASON
	};

	return name[reason];
}

unsigned
status_label(unsigned subject)
{
	return subject < STATUS_LABEL_MAX - 1 ? subject : STATUS_LABEL_MAX - 1;
}

struct stats *
stats_create(void)
{
	struct stats *st = mem_alloc(sizeof(*st));
	struct stats_index *ix = mem_alloc(sizeof(*ix));

	ix->size = TABLE_MIN;
	ix->slot = mem_array(ix->size, sizeof(struct stats_entry *));
	TAILQ_INIT(&ix->touched);
	TAILQ_INIT(&ix->round);
	st->index = ix;
	return st;
}

void
stats_destroy(struct stats **stp)
{
	struct stats *st = *stp;

	if (st == NULL)
		return;
	for (size_t i = 0; i < st->index->size; i++) {
		if (st->index->slot[i] != NULL)
			mem_free(&st->index->slot[i]->mark);
		mem_free(&st->index->slot[i]);
	}
	mem_free(&st->index->slot);
	mem_free(&st->index);
	mem_free(stp);
}

/* ---- the table */

/* The slot of the name, or the one where it would be inserted. */
static struct stats_entry **
table_slot(const struct stats_index *ix, const char *name, uint32_t hash)
{
	size_t i = hash & (ix->size - 1);

	while (ix->slot[i] != NULL &&
	    (ix->slot[i]->hash != hash || strcmp(ix->slot[i]->name, name) != 0))
		i = (i + 1) & (ix->size - 1);
	return &ix->slot[i];
}

static void
table_double(struct stats_index *ix)
{
	struct stats_entry **old = ix->slot;
	size_t n = ix->size;

	ix->size *= 2;
	ix->slot = mem_array(ix->size, sizeof(struct stats_entry *));
	for (size_t i = 0; i < n; i++)
		if (old[i] != NULL)
			*table_slot(ix, old[i]->name, old[i]->hash) = old[i];
	mem_free(&old);
}

/* NULL: none, or dropped. */
static struct stats_entry *
table_find(const struct stats_index *ix, const char *name)
{
	struct stats_entry *e =
	    *table_slot(ix, name, (uint32_t)hash_text(HASH_INIT, name));

	return e == NULL || e->gone ? NULL : e;
}

/* ---- touching */

static struct domain_fate
fate_of(const struct domain_stats *d)
{
	struct domain_fate f = { .delivered = d->delivered,
		.expired = d->expired };

	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++)
		f.bounced += d->bounced[i];
	return f;
}

/* The first touch of a quarter, before anything is counted in it: if no results
 * came since the last mark, that one is moved. */
static void
entry_mark(struct stats_entry *e, int64_t quarter)
{
	struct mark *last = e->nmarks > 0 ? &e->mark[e->nmarks - 1] : NULL;
	struct domain_fate f;
	unsigned old = 0;

	if (last != NULL && last->quarter >= quarter)
		return;
	f = fate_of(&e->d);
	if (last != NULL && last->delivered == (uint32_t)f.delivered &&
	    last->bounced == (uint32_t)f.bounced &&
	    last->expired == (uint32_t)f.expired) {
		last->quarter = quarter;
		return;
	}
	while (old < e->nmarks && e->mark[old].quarter < quarter - DAY_MARKS)
		old++;
	if (old > 0) {
		memmove(e->mark, e->mark + old,
		    (e->nmarks - old) * sizeof(*e->mark));
		e->nmarks = (uint16_t)(e->nmarks - old);
	}
	if (e->nmarks == e->marks_size) {
		e->marks_size = (uint16_t)(e->marks_size * 2 + 1);
		e->mark = mem_grow(e->mark, e->marks_size, sizeof(*e->mark));
	}
	e->mark[e->nmarks++] = (struct mark){ quarter, (uint32_t)f.delivered,
		(uint32_t)f.bounced, (uint32_t)f.expired };
}

static void
entry_touch(struct stats_index *ix, struct stats_entry *e)
{
	entry_mark(e, ix->quarter);
	if (e->touched)
		return;
	e->touched = true;
	TAILQ_INSERT_TAIL(&ix->touched, e, link);
}

void
stats_touch(struct stats *st, const char *name)
{
	struct stats_entry *e = table_find(st->index, name);

	if (e != NULL)
		entry_touch(st->index, e);
}

void
stats_round(struct stats *st)
{
	struct stats_index *ix = st->index;

	if (TAILQ_EMPTY(&ix->round))
		TAILQ_CONCAT(&ix->round, &ix->touched, link);
}

const struct domain_stats *
stats_take(struct stats *st, const char **name)
{
	struct stats_index *ix = st->index;
	struct stats_entry *e;

	while ((e = TAILQ_FIRST(&ix->round)) != NULL) {
		TAILQ_REMOVE(&ix->round, e, link);
		e->touched = false;
		if (e->gone)
			continue;
		*name = e->name;
		return &e->d;
	}
	return NULL;
}

struct domain_stats *
stats_domain_add(struct stats *st, const char *name)
{
	struct stats_index *ix = st->index;
	uint32_t hash = (uint32_t)hash_text(HASH_INIT, name);
	struct stats_entry **slot = table_slot(ix, name, hash), *e = *slot;
	size_t len = strlen(name) + 1;

	if (e == NULL) {
		if (++ix->n > ix->size / 2) {
			table_double(ix);
			slot = table_slot(ix, name, hash);
		}
		e = *slot = mem_alloc(sizeof(*e) + len);
		e->hash = hash;
		memcpy(e->name, name, len);
	}
	if (e->gone) {
		e->gone = false;
		memset(&e->d, 0, sizeof(e->d));
	}
	entry_touch(ix, e);
	return &e->d;
}

/* The counters are all of one width, without other fields. */
static void
fold(struct domain_stats *to, const struct domain_stats *from)
{
	uint64_t *t = (uint64_t *)to;
	const uint64_t *f = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}
_Static_assert(sizeof(struct domain_stats) % sizeof(uint64_t) == 0,
    "domain_stats has counters only");

void
stats_domain_drop(struct stats *st, const char *name, bool mx_backup)
{
	struct stats_entry *e = table_find(st->index, name);

	if (e == NULL)
		return;
	fold(&st->gone, &e->d);
	if (mx_backup)
		fold(&st->gone_mx_backup, &e->d);
	memset(&e->d, 0, sizeof(e->d));
	mem_free(&e->mark);
	e->nmarks = e->marks_size = 0;
	e->gone = true;
}

struct domain_stats *
stats_domain(struct stats *st, const char *name)
{
	struct stats_entry *e = table_find(st->index, name);

	if (e == NULL)
		return &st->other;
	entry_touch(st->index, e);
	return &e->d;
}

const struct domain_stats *
stats_peek(const struct stats *st, const char *name)
{
	const struct stats_entry *e = table_find(st->index, name);

	return e != NULL ? &e->d : NULL;
}

size_t
stats_domain_count(const struct stats *st)
{
	return st->index->n;
}

/* ---- the windows */

void
stats_mark(struct stats *st, int64_t now)
{
	st->index->quarter = now / MARK_EVERY + 1;
}

int64_t
stats_quarter(const struct stats *st)
{
	return st->index->quarter;
}

/* Uses the first mark in the window: nothing was counted between the window's
 * beginning and the mark. */
struct domain_fate
stats_recent(const struct stats *st, const struct domain_stats *d,
    enum stats_window window)
{
	const struct stats_entry *e =
	    (const struct stats_entry *)(const void *)d;
	int64_t from = st->index->quarter -
	    (window == STATS_HOUR ? HOUR_MARKS : DAY_MARKS);
	struct domain_fate f = fate_of(d);
	const struct mark *m;
	unsigned i = 0;

	while (i < e->nmarks && e->mark[i].quarter < from)
		i++;
	if (i == e->nmarks)
		return (struct domain_fate){ 0, 0, 0 };
	m = &e->mark[i];
	return (struct domain_fate){ (uint32_t)f.delivered - m->delivered,
		(uint32_t)f.bounced - m->bounced,
		(uint32_t)f.expired - m->expired };
}

static enum smtpd_code
code_label(unsigned code)
{
	switch (code) {
	case 421:
		return SMTPD_CODE_421;
	case 450:
		return SMTPD_CODE_450;
	case 451:
		return SMTPD_CODE_451;
	case 452:
		return SMTPD_CODE_452;
	case 550:
		return SMTPD_CODE_550;
	case 552:
		return SMTPD_CODE_552;
	default:
		return SMTPD_CODE_554;
	}
}

void
stats_rcpt_rejected(struct stats *st, unsigned code, enum smtpd_reason why)
{
	st->g.rcpt_rejected[code_label(code)][why]++;
}

void
stats_message_rejected(struct stats *st, unsigned code, enum smtpd_reason why)
{
	st->g.message_rejected[code_label(code)][why]++;
}
