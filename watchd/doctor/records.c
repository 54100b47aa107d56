/* SPDX-License-Identifier: ISC
 * records: see records.h. A record is in a tree by name, in a list by time of
 * arrival and in the list of its worst severity. */
#include "doctor/records.h"

#include <string.h>

#include "base/mem.h"

TAILQ_HEAD(doctor_record_list, doctor_record);
RB_HEAD(doctor_record_tree, doctor_record);

struct doctor_records {
	struct doctor_record_tree tree;
	struct doctor_record_list by_time;
	struct doctor_record_list by_worst[DOCTOR_SEVERITY_MAX];
	uint64_t seq;
	unsigned texts; /* findings with a text */
	unsigned count[DOCTOR_SEVERITY_MAX][DOCTOR_CHECK_MAX];
	struct snap_doctor *shown; /* NULL: to be made again */
};

static int
record_cmp(const struct doctor_record *a, const struct doctor_record *b)
{
	return strcmp(a->name, b->name);
}

RB_PROTOTYPE(doctor_record_tree, doctor_record, node, record_cmp)
RB_GENERATE(doctor_record_tree, doctor_record, node, record_cmp)

void
doctor_finding_fini(struct doctor_finding *f)
{
	mem_free(&f->text);
	mem_free(&f->remedy);
}

struct doctor_records *
doctor_records_create(void)
{
	struct doctor_records *rs = mem_alloc(sizeof(*rs));

	RB_INIT(&rs->tree);
	TAILQ_INIT(&rs->by_time);
	for (unsigned i = 0; i < DOCTOR_SEVERITY_MAX; i++)
		TAILQ_INIT(&rs->by_worst[i]);
	return rs;
}

/* The record of that name, or, with `behind`, the first one behind it. Not
 * RB_FIND, which would need a whole record as the key. */
static struct doctor_record *
find(const struct doctor_records *rs, const char *name, bool behind)
{
	struct doctor_record *r = RB_ROOT(&rs->tree), *next = NULL;
	int c;

	while (r != NULL) {
		c = strcmp(name, r->name);
		if (c == 0 && !behind)
			return r;
		if (c < 0)
			next = r;
		r = c < 0 ? RB_LEFT(r, node) : RB_RIGHT(r, node);
	}
	return behind ? next : NULL;
}

static void
record_forget(struct doctor_records *rs, struct doctor_record *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		rs->count[r->finding[i].severity][r->finding[i].check]--;
		doctor_finding_fini(&r->finding[i]);
	}
	if (r->texts)
		rs->texts -= r->n;
	RB_REMOVE(doctor_record_tree, &rs->tree, r);
	TAILQ_REMOVE(&rs->by_time, r, by_time);
	TAILQ_REMOVE(&rs->by_worst[r->worst], r, by_worst);
	mem_free(&r->finding);
	mem_free(&r);
	snap_doctor_unref(&rs->shown);
}

void
doctor_records_destroy(struct doctor_records **rsp)
{
	struct doctor_records *rs = *rsp;
	struct doctor_record *r;

	if (rs == NULL)
		return;
	while ((r = TAILQ_FIRST(&rs->by_time)) != NULL)
		record_forget(rs, r);
	snap_doctor_unref(&rs->shown);
	mem_free(rsp);
}

void
doctor_records_put(struct doctor_records *rs, const char *name, int64_t wall,
    struct doctor_finding *finding, unsigned n, bool keep)
{
	size_t len = strlen(name) + 1;
	struct doctor_record *r = mem_alloc(sizeof(*r) + len);

	doctor_records_drop(rs, name);
	memcpy(r->name, name, len);
	r->seq = ++rs->seq;
	r->checked = wall;
	r->finding = finding;
	r->n = n;
	for (unsigned i = 0; i < n; i++) {
		rs->count[finding[i].severity][finding[i].check]++;
		if (finding[i].severity > r->worst)
			r->worst = finding[i].severity;
	}
	r->texts = rs->texts + n <= DOCTOR_TEXTS_MAX;
	if (r->texts)
		rs->texts += n;
	else
		for (unsigned i = 0; i < n; i++)
			doctor_finding_fini(&finding[i]);
	RB_INSERT(doctor_record_tree, &rs->tree, r);
	TAILQ_INSERT_TAIL(&rs->by_time, r, by_time);
	TAILQ_INSERT_TAIL(&rs->by_worst[r->worst], r, by_worst);
	snap_doctor_unref(&rs->shown);
	if (r->worst == DOCTOR_OK && !keep)
		record_forget(rs, r);
}

void
doctor_records_drop(struct doctor_records *rs, const char *name)
{
	struct doctor_record *r = find(rs, name, false);

	if (r != NULL)
		record_forget(rs, r);
}

bool
doctor_records_sweep(struct doctor_records *rs, uint64_t seq, unsigned max)
{
	struct doctor_record *r;

	for (; max > 0; max--) {
		r = TAILQ_FIRST(&rs->by_time);
		if (r == NULL || r->seq >= seq)
			return false;
		record_forget(rs, r);
	}
	return true;
}

uint64_t
doctor_records_seq(const struct doctor_records *rs)
{
	return rs->seq;
}

const struct doctor_record *
doctor_records_of(const struct doctor_records *rs, const char *name)
{
	return find(rs, name, false);
}

const struct doctor_record *
doctor_records_next(const struct doctor_records *rs, const char *after)
{
	struct doctor_record *r;

	if (after != NULL)
		return find(rs, after, true);
	r = find(rs, "", false);
	return r != NULL ? r : find(rs, "", true);
}

const struct doctor_record *
doctor_records_since(const struct doctor_records *rs, uint64_t seq)
{
	const struct doctor_record *r =
	    TAILQ_LAST(&rs->by_time, doctor_record_list);
	const struct doctor_record *found = NULL;

	/* the caller has seen all but the last few */
	for (; r != NULL && r->seq > seq;
	     r = TAILQ_PREV(r, doctor_record_list, by_time))
		found = r;
	return found;
}

const struct doctor_record *
doctor_records_worst(const struct doctor_records *rs,
    const struct doctor_record *r)
{
	unsigned worst = r != NULL ? r->worst : DOCTOR_SEVERITY_MAX;

	if (r != NULL)
		r = TAILQ_NEXT(r, by_worst);
	while (r == NULL && worst-- > DOCTOR_INFO)
		r = TAILQ_FIRST(&rs->by_worst[worst]);
	return r;
}

/* ---- snapshots */

static void
show_record(struct snap_doctor *sd, const struct doctor_record *r,
    enum doctor_severity severity)
{
	struct snap_finding *to;

	for (unsigned i = 0; i < r->n && sd->nfindings < DOCTOR_SHOWN_MAX;
	     i++) {
		if (r->finding[i].severity != severity)
			continue;
		to = &sd->finding[sd->nfindings++];
		to->domain = mem_strdup(r->name);
		to->check = r->finding[i].check;
		to->severity = severity;
		to->text = mem_strdup(r->finding[i].text);
		to->remedy = mem_strdup(r->finding[i].remedy);
		to->checked = r->checked;
	}
}

/* Records of at least that severity may have findings of it; the number of
 * records looked at is bounded. */
static void
show_severity(const struct doctor_records *rs, struct snap_doctor *sd,
    enum doctor_severity severity)
{
	unsigned left = 4 * DOCTOR_SHOWN_MAX;
	const struct doctor_record *r;

	for (unsigned worst = DOCTOR_SEVERITY_MAX; worst-- > severity;)
		TAILQ_FOREACH (r, &rs->by_worst[worst], by_worst) {
			if (left == 0 || sd->nfindings == DOCTOR_SHOWN_MAX)
				return;
			left--;
			show_record(sd, r, severity);
		}
}

static struct snap_doctor *
make_shown(const struct doctor_records *rs)
{
	struct snap_doctor *sd = snap_doctor_create(DOCTOR_SHOWN_MAX);

	show_severity(rs, sd, DOCTOR_ERROR);
	show_severity(rs, sd, DOCTOR_WARNING);
	show_severity(rs, sd, DOCTOR_INFO);
	return sd;
}

void
doctor_records_show(struct doctor_records *rs, struct snapshot *s)
{
	if (rs->shown == NULL)
		rs->shown = make_shown(rs);
	s->doctor = snap_doctor_ref(rs->shown);
	memcpy(s->doctor_findings, rs->count, sizeof(rs->count));
}
