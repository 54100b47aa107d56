/* SPDX-License-Identifier: ISC
 * doctor: see doctor.h. The order of subjects: those that an operator requests
 * start at once, a few in addition to the others; all others in order of their
 * names, once an interval. */
#include "doctor/doctor.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "doctor/doctor_int.h"
#include "doctor/records_file.h"

#define FIRST_MS  (5 * 60 * 1000) /* after a start: primaries are known then */
#define JITTER	  10 /* percent: spreads the hosts of a site */
#define ASKED_MAX 8 /* subjects at once, besides doctor { concurrency } */
#define LINE_MAX  32 /* requested subjects that wait */
#define SKIP_MAX  1000 /* domains of other nodes in a turn of the loop */
#define SWEEP_MAX 200 /* records in a turn of the loop */

/* ---- the next subject */

static struct doctor_run *
find_run(const struct doctor *d, const char *name)
{
	struct doctor_run *r;

	LIST_FOREACH (r, &d->runs, link)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

static bool
is_running(const struct doctor *d, const char *name)
{
	return find_run(d, name) != NULL;
}

static bool
is_in_line(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->line.n; i++)
		if (strcmp(d->line.s[i], name) == 0)
			return true;
	return false;
}

/* The first domain behind `name`, which may be removed by now; a configuration
 * has them sorted. */
static const struct conf_domain *
domain_behind(const struct config *c, const char *name)
{
	size_t low = 0, high = c->ndomains, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(c->domain[mid].name, name) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->ndomains ? &c->domain[low] : NULL;
}

static void
whole_ends(struct doctor *d)
{
	if (doctor_records_sweep(d->records, d->seq, SWEEP_MAX)) {
		loop_timer_set(d->turn, 0); /* records of removed domains */
		return;
	}
	d->whole = false;
	mem_free(&d->at);
	d->ended = clock_wall();
}

/* Begins the next subject of a check of all; false: not in this turn. */
static bool
begin_next(struct doctor *d)
{
	const struct conf_domain *cd;

	if (d->at == NULL) {
		d->at = mem_strdup("");
		if (!is_running(d, ""))
			(void)doctor_run_begin(d, "", false);
		return true;
	}
	for (unsigned i = 0; i < SKIP_MAX; i++) {
		cd = domain_behind(d->conf, d->at);
		if (cd == NULL) {
			if (d->nruns == 0)
				whole_ends(d);
			return false;
		}
		mem_free(&d->at);
		d->at = mem_strdup(cd->name);
		if (!d->ops.ours(d->ops.arg, cd->name))
			continue;
		if (!is_running(d, cd->name))
			(void)doctor_run_begin(d, cd->name, false);
		return true;
	}
	loop_timer_set(d->turn, 0);
	return false;
}

static char *
take_from_line(struct doctor *d)
{
	char *name = d->line.s[0];

	d->line.n--;
	memmove(d->line.s, d->line.s + 1, d->line.n * sizeof(d->line.s[0]));
	return name;
}

static void
begin_asked(struct doctor *d, const char *name)
{
	struct doctor_run *r = find_run(d, name);

	if (r != NULL)
		r->asked = true;
	else if (name[0] == '\0' || config_domain(d->conf, name) != NULL)
		(void)doctor_run_begin(d, name, true);
}

static void
on_turn(void *arg)
{
	struct doctor *d = arg;
	unsigned most = d->conf->doctor.concurrency;
	char *name;

	while (d->line.n > 0 && d->nruns < most + ASKED_MAX) {
		name = take_from_line(d);
		begin_asked(d, name);
		mem_free(&name);
	}
	while (d->whole && d->nruns < most && begin_next(d))
		;
}

void
doctor_run_ended(struct doctor *d)
{
	loop_timer_set(d->turn, 0);
}

/* ---- the check of all, once an interval */

static void
begin_whole(struct doctor *d)
{
	if (d->whole)
		return;
	d->whole = true;
	d->seq = doctor_records_seq(d->records) + 1;
	loop_timer_set(d->turn, 0);
}

static void
arm(struct doctor *d, int64_t ms)
{
	int64_t interval = d->conf->doctor.interval_ms;

	if (interval == 0)
		loop_timer_cancel(d->due);
	else
		loop_timer_set(d->due,
		    rnd_jitter(ms < interval ? ms : interval, JITTER));
}

static void
on_due(void *arg)
{
	struct doctor *d = arg;

	begin_whole(d);
	arm(d, d->conf->doctor.interval_ms);
}

/* ---- requests */

int
doctor_ask(struct doctor *d, const char *domain, uint64_t *seq)
{
	const char *const name[] = { "", domain };

	*seq = doctor_records_seq(d->records);
	if (domain == NULL) {
		begin_whole(d);
		*seq = d->seq - 1;
		return 0;
	}
	if (config_domain(d->conf, domain) == NULL)
		return -MX_ENOENT;
	if (d->line.n + MX_COUNT(name) > LINE_MAX)
		return -MX_EBUSY;
	for (unsigned i = 0; i < MX_COUNT(name); i++)
		if (!is_in_line(d, name[i]))
			strlist_add(&d->line, mem_strdup(name[i]));
	loop_timer_set(d->turn, 0);
	return 0;
}

bool
doctor_is_busy(const struct doctor *d, const char *domain)
{
	if (domain == NULL)
		return d->whole;
	return is_in_line(d, domain) || is_running(d, domain);
}

int64_t
doctor_ended(const struct doctor *d)
{
	return d->ended;
}

const struct doctor_records *
doctor_findings(const struct doctor *d)
{
	return d->records;
}

struct findings_copy *
doctor_copy(struct doctor *d, bool always)
{
	uint64_t seq = doctor_records_seq(d->records);

	if (!always && seq == d->copied_seq && d->ended == d->copied_ended)
		return NULL;
	d->copied_seq = seq;
	d->copied_ended = d->ended;
	return findings_copy(d->records, d->ended);
}

static bool
is_subject(void *arg, const char *name)
{
	const struct doctor *d = arg;

	return *name == '\0' || config_domain(d->conf, name) != NULL;
}

int
doctor_read(struct doctor *d, const char *path)
{
	int rc = findings_read(d->records, path, is_subject, d, &d->ended);

	d->copied_seq = doctor_records_seq(d->records);
	d->copied_ended = d->ended;
	return rc;
}

void
doctor_show(struct doctor *d, struct snapshot *s)
{
	doctor_records_show(d->records, s);
	s->doctor_ended = d->ended;
	s->doctor_running = d->whole;
}

/* ---- life */

struct doctor *
doctor_create(const struct doctor_env *env, const struct doctor_ops *ops)
{
	struct doctor *d = mem_alloc(sizeof(*d));

	d->env = *env;
	d->ops = *ops;
	d->records = doctor_records_create();
	LIST_INIT(&d->runs);
	d->due = loop_timer_create(env->loop, on_due, d);
	d->turn = loop_timer_create(env->loop, on_turn, d);
	doctor_fetch_create(d);
	return d;
}

void
doctor_configure(struct doctor *d, struct config *conf)
{
	int64_t was = d->conf != NULL ? d->conf->doctor.interval_ms : -1;

	config_unref(&d->conf);
	d->conf = config_ref(conf);
	if (was != conf->doctor.interval_ms)
		arm(d, was < 0 ? FIRST_MS : conf->doctor.interval_ms);
}

void
doctor_destroy(struct doctor **dp)
{
	struct doctor *d = *dp;
	struct doctor_run *r;

	if (d == NULL)
		return;
	while ((r = LIST_FIRST(&d->runs)) != NULL)
		doctor_run_free(r);
	doctor_fetch_destroy(d);
	loop_timer_destroy(&d->due);
	loop_timer_destroy(&d->turn);
	strlist_fini(&d->line);
	mem_free(&d->at);
	doctor_records_destroy(&d->records);
	config_unref(&d->conf);
	mem_free(dp);
}
