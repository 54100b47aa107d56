/* SPDX-License-Identifier: ISC
 * counters: the tables behind the closed label sets, and the domains' own
 * counters. Domains are found by binary search in a sorted array of
 * pointers: they are added at start and reload only, and looked up for every
 * recipient. */
#include "status/counters.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define MARK_EVERY (15 * 60 * CLOCK_SEC)
#define DAY_MARKS  96
#define HOUR_MARKS 4

/* The counters at the beginning of a quarter of an hour: the lower half is
 * enough for a difference. */
struct mark {
	uint32_t delivered, bounced, expired;
};
struct entry {
	struct domain_stats d; /* first: this is what is given away */
	struct mark mark[DAY_MARKS + 1]; /* by number modulo */
};

struct stats_index {
	struct domain_stats **domain; /* of an entry; ascending name */
	size_t n;
	int64_t quarter; /* number of the present one; 0: none yet */
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

unsigned
status_label(unsigned subject)
{
	return subject < STATUS_LABEL_MAX - 1 ? subject : STATUS_LABEL_MAX - 1;
}

struct stats *
stats_create(void)
{
	struct stats *st = mem_alloc(sizeof(*st));

	st->index = mem_alloc(sizeof(*st->index));
	return st;
}

void
stats_destroy(struct stats **stp)
{
	struct stats *st = *stp;
	size_t i;

	if (st == NULL)
		return;
	for (i = 0; i < st->index->n; i++)
		mem_free(&st->index->domain[i]);
	mem_free(&st->index->domain);
	mem_free(&st->index);
	mem_free(stp);
}

/* The place of name, or where it would have to go. */
static size_t
index_find(const struct stats_index *ix, const char *name, bool *found)
{
	size_t lo = 0, hi = ix->n, mid;
	int c;

	*found = false;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(ix->domain[mid]->name, name);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct domain_stats *
stats_domain_add(struct stats *st, const char *name)
{
	struct stats_index *ix = st->index;
	struct domain_stats *d;
	bool found;
	size_t at = index_find(ix, name, &found);

	if (found)
		return ix->domain[at];
	d = &((struct entry *)mem_alloc(sizeof(struct entry)))->d;
	strlcpy(d->name, name, sizeof(d->name));
	ix->domain = mem_grow(ix->domain, ix->n + 1, sizeof(ix->domain[0]));
	memmove(&ix->domain[at + 1], &ix->domain[at],
	    (ix->n - at) * sizeof(ix->domain[0]));
	ix->domain[at] = d;
	ix->n++;
	return d;
}

struct domain_stats *
stats_domain(struct stats *st, const char *name)
{
	bool found;
	size_t at = index_find(st->index, name, &found);

	return found ? st->index->domain[at] : &st->other;
}

size_t
stats_domain_count(const struct stats *st)
{
	return st->index->n;
}

struct domain_stats *
stats_domain_at(const struct stats *st, size_t i)
{
	return st->index->domain[i];
}

static struct domain_fate
fate_of(const struct domain_stats *d)
{
	struct domain_fate f = { .delivered = d->delivered,
		.expired = d->expired };

	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++)
		f.bounced += d->bounced[i];
	return f;
}

void
stats_mark(struct stats *st, int64_t now)
{
	struct stats_index *ix = st->index;
	int64_t quarter = now / MARK_EVERY + 1, from;
	struct domain_fate f;

	from = ix->quarter + 1;
	if (ix->quarter == 0) /* all was 0 when this one began */
		from = quarter + 1;
	if (quarter - from > DAY_MARKS)
		from = quarter - DAY_MARKS;
	for (; from <= quarter; from++)
		for (size_t i = 0; i < ix->n; i++) {
			f = fate_of(ix->domain[i]);
			((struct entry *)ix->domain[i])
			    ->mark[from % (DAY_MARKS + 1)] =
			    (struct mark){ (uint32_t)f.delivered,
				    (uint32_t)f.bounced, (uint32_t)f.expired };
		}
	ix->quarter = quarter;
}

struct domain_fate
stats_recent(const struct stats *st, const struct domain_stats *d,
    enum stats_window window)
{
	int64_t back = window == STATS_HOUR ? HOUR_MARKS : DAY_MARKS;
	/* below 0 for a host that has just started: its marks are 0 */
	int64_t at = st->index->quarter + DAY_MARKS + 1 - back;
	const struct mark *m =
	    &((const struct entry *)d)->mark[at % (DAY_MARKS + 1)];
	struct domain_fate f = fate_of(d);

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
