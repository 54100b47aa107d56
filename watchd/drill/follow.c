/* SPDX-License-Identifier: ISC
 * follow: what smtpd, deliver and queue tell of the message of a drill, and what
 * others may see of it. */
#include <stdio.h>
#include <string.h>

#include "drill/drill_int.h"

/* ---- smtpd, deliver, queue */

/* Marked messages are few, and so are those under way. */
static struct drill_run *
run_marked(const struct drill_set *ds, const char *mark)
{
	struct drill_run *run;

	TAILQ_FOREACH (run, &ds->runs, link)
		if (run->talk != NULL && run->id == 0 &&
		    strcmp(run->mark, mark) == 0)
			return run;
	return NULL;
}

bool
drill_is_marked(const struct drill_set *ds, const char *mark)
{
	return run_marked(ds, mark) != NULL;
}

void
drill_queued(struct drill_set *ds, const char *mark, uint64_t id)
{
	struct drill_run *run = run_marked(ds, mark);
	struct drill_record *r;

	if (run == NULL)
		return;
	r = &run->drill->record;
	run->id = r->id = id;
	r->began_ms = run->began_ms;
	r->deadline_ms = run->deadline_ms;
	drill_put(run->drill);
}

static struct drill_run *
run_of(const struct drill_set *ds, const char *domain, uint64_t id)
{
	const struct drill *d = drill_find(ds, domain);

	return d != NULL && d->run != NULL && d->run->id == id ? d->run : NULL;
}

void
drill_tried(struct drill_set *ds, const char *domain, uint64_t id,
    const struct drill_step *step)
{
	struct drill_run *run = run_of(ds, domain, id);
	struct drill_step s = *step;

	if (run == NULL)
		return;
	s.kind = DRILL_DELIVERY;
	drill_run_say(run, &s);
	if (s.code != 0)
		(void)snprintf(run->last, sizeof(run->last), "%u %.190s",
		    s.code, s.text);
	else
		(void)strlcpy(run->last, s.text, sizeof(run->last));
}

void
drill_over(struct drill_set *ds, const char *domain, uint64_t id, bool ok,
    const char *why)
{
	struct drill_run *run = run_of(ds, domain, id);

	if (run == NULL)
		return;
	if (run->overdue && !ok)
		why = "not delivered in time";
	run->over = true;
	run->over_ok = ok;
	(void)snprintf(run->over_text, sizeof(run->over_text), "%s%s%s", why,
	    why[0] != '\0' && run->last[0] != '\0' ? ": " : "", run->last);
	if (run->talk == NULL)
		drill_end(run, ok, run->over_text);
}

_Static_assert(DRILL_RCPT_MAX >= PATH_MAILBOX_MAX, "a mailbox does not fit");

/* ---- looks */

static const struct drill_run *
run_numbered(const struct drill_set *ds, uint64_t number)
{
	const struct drill_run *run;

	TAILQ_FOREACH (run, &ds->runs, link)
		if (run->number == number)
			return run;
	return NULL;
}

bool
drill_step(const struct drill_set *ds, uint64_t number, unsigned i,
    struct drill_step *s)
{
	const struct drill_run *run = run_numbered(ds, number);

	if (run == NULL || run->talk != NULL || i >= run->nsteps)
		return false;
	*s = run->step[i];
	return true;
}

int
drill_look(const struct drill_set *ds, uint64_t number, struct drill_view *v)
{
	const struct drill_run *run = run_numbered(ds, number);

	if (run == NULL)
		return -MX_ENOENT;
	v->id = run->id;
	v->deadline_ms = run->deadline_ms;
	(void)strlcpy(v->recipient, run->recipient, sizeof(v->recipient));
	return 0;
}

bool
drill_show(const struct drill_set *ds, const char *domain,
    struct snap_drill *out)
{
	const struct drill *d = drill_find(ds, domain);

	if (d == NULL ||
	    (d->period_ms <= 0 && d->run == NULL && d->record.ended_ms == 0))
		return false;
	out->known = true;
	out->began_ms = d->run != NULL ? d->run->began_ms : 0;
	out->ended_ms = d->record.ended_ms;
	out->ok = d->record.ok;
	out->took_seconds = (double)d->record.took_ms / 1e3;
	out->text = d->record.text;
	out->next_ms = d->run == NULL && heap_holds(&d->due) ? d->due.key : 0;
	return true;
}
