/* SPDX-License-Identifier: ISC
 * run: the check of a subject from its start to its record: its steps, its time
 * limit, its findings. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doctor/doctor_int.h"

/* ---- findings */

static char *make_text(const char *fmt, va_list ap) MX_PRINTF(1, 0);

static char *
make_text(const char *fmt, va_list ap)
{
	char text[4 * DOCTOR_TEXT_MAX], cut[DOCTOR_TEXT_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	return mem_strdup(text_cut(cut, sizeof(cut), text));
}

struct doctor_finding *
doctor_say(struct doctor_run *r, enum doctor_check check,
    enum doctor_severity severity, const char *fmt, ...)
{
	struct doctor_finding *f;
	va_list ap;

	/* too many: the last one is replaced */
	if (r->n == DOCTOR_FINDINGS_MAX)
		doctor_finding_fini(&r->finding[--r->n]);
	f = &r->finding[r->n++];
	f->check = check;
	f->severity = severity;
	va_start(ap, fmt);
	f->text = make_text(fmt, ap);
	va_end(ap);
	f->remedy = NULL;
	return f;
}

void
doctor_remedy(struct doctor_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	f->remedy = make_text(fmt, ap);
	va_end(ap);
}

void
doctor_say_unknown(struct doctor_run *r, enum doctor_check check,
    const char *what, const struct dns_answer *a)
{
	doctor_say(r, check, DOCTOR_INFO,
	    "%s could not be looked up (%s), so this was not checked", what,
	    a->why != NULL ? a->why : dns_status_name(a->status));
}

static int
finding_cmp(const void *a, const void *b)
{
	const struct doctor_finding *x = a, *y = b;

	if (x->check != y->check)
		return x->check < y->check ? -1 : 1;
	return x->severity > y->severity ? -1 : x->severity < y->severity;
}

/* ---- steps */

struct doctor_step *
doctor_step_begin(struct doctor_run *r, enum doctor_check check)
{
	struct doctor_step *s = mem_alloc(sizeof(*s));

	s->run = r;
	s->check = check;
	s->id = ++r->d->last_step;
	LIST_INSERT_HEAD(&r->steps, s, link);
	return s;
}

static void
step_free(struct doctor_step *s)
{
	struct doctor_env *e = &s->run->d->env;

	if (s->dns != 0)
		dns_cancel(e->dns, s->dns);
	route_cancel(&s->route);
	probe_smtp_cancel(&s->probe);
	if (s->placed && e->places.give_back != NULL)
		e->places.give_back(e->places.arg, &s->place);
	if (s->data_free != NULL)
		s->data_free(s->data);
	LIST_REMOVE(s, link);
	mem_free(&s);
}

struct doctor_step *
doctor_step_find(struct doctor *d, uint64_t id)
{
	struct doctor_run *r;
	struct doctor_step *s;

	LIST_FOREACH (r, &d->runs, link)
		LIST_FOREACH (s, &r->steps, link)
			if (s->id == id)
				return s;
	return NULL;
}

static void
on_answer(const struct dns_answer *a, void *arg)
{
	struct doctor_step *s = arg;

	s->dns = 0;
	s->answered(s, a);
}

void
step_ask_addrs(struct doctor_step *s, const char *name, step_fn *fn)
{
	s->answered = fn;
	s->dns = dns_addr(s->run->d->env.dns, name, on_answer, s);
}

void
step_ask_a(struct doctor_step *s, const char *name, step_fn *fn)
{
	s->answered = fn;
	s->dns = dns_a(s->run->d->env.dns, name, on_answer, s);
}

void
step_ask_mx(struct doctor_step *s, const char *name, step_fn *fn)
{
	s->answered = fn;
	s->dns = dns_mx(s->run->d->env.dns, name, on_answer, s);
}

void
step_ask_txt(struct doctor_step *s, const char *name, step_fn *fn)
{
	s->answered = fn;
	s->dns = dns_txt(s->run->d->env.dns, name, on_answer, s);
}

void
step_ask_tlsa(struct doctor_step *s, const char *name, step_fn *fn)
{
	s->answered = fn;
	s->dns = dns_tlsa(s->run->d->env.dns, name, 25, on_answer, s);
}

void
step_ask_names(struct doctor_step *s, const struct net_addr *a, step_fn *fn)
{
	s->answered = fn;
	s->dns = dns_names(s->run->d->env.dns, a, on_answer, s);
}

/* ---- the run */

void
doctor_run_free(struct doctor_run *r)
{
	struct doctor_step *s;

	while ((s = LIST_FIRST(&r->steps)) != NULL)
		step_free(s);
	for (unsigned i = 0; i < r->n; i++)
		doctor_finding_fini(&r->finding[i]);
	LIST_REMOVE(r, link);
	r->d->nruns--;
	loop_timer_destroy(&r->timer);
	config_unref(&r->conf);
	mem_free(&r);
}

/* The record takes over the findings. */
static void
run_over(struct doctor_run *r)
{
	struct doctor *d = r->d;
	size_t size = r->n * sizeof(r->finding[0]);

	qsort(r->finding, r->n, sizeof(r->finding[0]), finding_cmp);
	doctor_records_put(d->records, r->name, clock_wall(),
	    size > 0 ? mem_dup(r->finding, size) : NULL, r->n, r->asked);
	r->n = 0;
	doctor_run_free(r);
	doctor_run_ended(d);
}

void
doctor_step_end(struct doctor_step *s)
{
	struct doctor_run *r = s->run;

	step_free(s);
	if (!r->beginning && LIST_EMPTY(&r->steps))
		run_over(r);
}

/* Ends the run at its limit; checks without an answer have no result. */
static void
on_limit(void *arg)
{
	bool told[DOCTOR_CHECK_MAX] = { false };
	struct doctor_run *r = arg;
	struct doctor_step *s;

	LIST_FOREACH (s, &r->steps, link) {
		if (told[s->check])
			continue;
		told[s->check] = true;
		doctor_say(r, s->check, DOCTOR_INFO,
		    "no answer in time (doctor { timeout }), so this was not "
		    "checked");
	}
	run_over(r);
}

/* Begins the checks by the timer, as a run without requests ends at once: not
 * inside doctor_ask(). */
static void
on_begin(void *arg)
{
	struct doctor_run *r = arg;

	loop_timer_destroy(&r->timer);
	r->timer = loop_timer_create(r->d->env.loop, on_limit, r);
	loop_timer_set(r->timer, r->conf->doctor.timeout_ms);
	r->beginning = true;
	doctor_checks_begin(r);
	r->beginning = false;
	if (LIST_EMPTY(&r->steps))
		run_over(r);
}

struct doctor_run *
doctor_run_begin(struct doctor *d, const char *name, bool asked)
{
	size_t len = strlen(name) + 1;
	struct doctor_run *r = mem_alloc(sizeof(*r) + len);

	memcpy(r->name, name, len);
	r->d = d;
	r->conf = config_ref(d->conf);
	if (name[0] != '\0')
		r->cd = config_domain(r->conf, name);
	r->asked = asked;
	LIST_INIT(&r->steps);
	LIST_INSERT_HEAD(&d->runs, r, link);
	d->nruns++;
	r->timer = loop_timer_create(d->env.loop, on_begin, r);
	loop_timer_set(r->timer, 0);
	return r;
}
