/* SPDX-License-Identifier: ISC
 * check_primary: the state of a domain's primaries, and whether they would
 * accept mail: primary, acceptance, recipients. While the domain is up each of
 * them that is up, in service or not, has a session of `acceptance`, which takes
 * one of our connections to the host and is made as a probe is; judge_primary.c
 * judges what it shows about the host, and what probes have shown about the
 * others. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/redirect.h"
#include "doctor/doctor_int.h"
#include "probes/schedule.h"

/* ---- verdicts of the watchdog */

/* The configured primaries are not used, and the operator who ordered that may
 * be another one. */
static void
say_redirected(struct doctor_run *r)
{
	char to[REDIRECT_HOSTS_TEXT], own[REDIRECT_HOSTS_TEXT];
	struct doctor_finding *f;

	f = doctor_say(r, DOCTOR_primary, DOCTOR_INFO,
	    "by the order of an operator its mail goes to %.200s; the "
	    "configuration says %.200s",
	    redirect_hosts(&r->cd->primary, to, sizeof(to)),
	    redirect_hosts(&r->cd->redirected, own, sizeof(own)));
	doctor_remedy(f,
	    "If it stays there, put it into the configuration; else "
	    "mxwatchctl redirect --end %s",
	    r->name);
}

/* Neither we nor another backup. */
static bool
is_primary(const struct watch *w)
{
	return !w->backup && !w->self;
}

/* While another one serves the domain. */
static void
say_not_up(struct doctor_run *r, const struct watch *w, const char *serving)
{
	bool down = w->health.state == HEALTH_DOWN;
	struct doctor_finding *f;

	f = doctor_say(r, DOCTOR_primary, down ? DOCTOR_WARNING : DOCTOR_INFO,
	    "its primary %s is %s%s%.200s: it was not checked, and is nothing "
	    "to fall back on for %s",
	    w->primary->label, health_state_name(w->health.state),
	    w->cause[0] != '\0' ? ", " : "", w->cause, serving);
	doctor_remedy(f, "mxwatchctl why %s", r->name);
}

static void
say_up(struct doctor_run *r)
{
	const struct watch *serving = watch_serving(r->d->env.watches, r->name);
	const struct watch *w[DOCTOR_PRIMARIES_MAX];
	unsigned n = watch_watches(r->d->env.watches, r->name, w, MX_COUNT(w));

	doctor_say(r, DOCTOR_primary, DOCTOR_OK, "its primary is up");
	for (unsigned i = 0; serving != NULL && i < n; i++)
		if (w[i] != serving && is_primary(w[i]) &&
		    w[i]->health.state != HEALTH_UP &&
		    w[i]->health.state != HEALTH_DISABLED)
			say_not_up(r, w[i], serving->primary->label);
}

void
doctor_primary(struct doctor_run *r)
{
	const struct watch_set *ws = r->d->env.watches;
	const struct watch_domain *wd = watch_domain(ws, r->name);
	enum health_state state = watch_state(ws, r->name);
	char which[PRIMARY_LABEL_MAX + 1] = "", why[256] = "";
	const char *label = "", *cause;
	struct doctor_finding *f;

	if (r->cd->redirect != NULL)
		say_redirected(r);
	if (state == HEALTH_UP) {
		say_up(r);
		return;
	}
	if (state == HEALTH_DISABLED) {
		f = doctor_say(r, DOCTOR_primary, DOCTOR_INFO,
		    "its primary is not probed: an outage is seen only when "
		    "mail cannot be delivered");
		doctor_remedy(f, "domain \"%s\" { probe { enabled = yes } }",
		    r->name);
		return;
	}
	cause = wd != NULL ? watch_cause(wd, &label) : "";
	if (label[0] != '\0')
		(void)snprintf(which, sizeof(which), " %s", label);
	if (cause[0] != '\0')
		(void)snprintf(why, sizeof(why), ": %s", cause);
	f = doctor_say(r, DOCTOR_primary,
	    state == HEALTH_UNKNOWN || state == HEALTH_RECOVERING ?
		DOCTOR_INFO :
		DOCTOR_WARNING,
	    "its primary%s is %s%s; checks that need it were skipped", which,
	    health_state_name(state), why);
	doctor_remedy(f, "mxwatchctl why %s", r->name);
}

/* ---- addresses of the list that the primary refuses */

void
doctor_recipients(struct doctor_run *r)
{
	char one[256] = "";
	unsigned n =
	    r->d->ops.refused(r->d->ops.arg, r->name, one, sizeof(one));
	struct doctor_finding *f;

	if (n == 0) {
		doctor_say(r, DOCTOR_recipients, DOCTOR_OK,
		    "the primary has refused no recipient of a list so far");
		return;
	}
	f = doctor_say(r, DOCTOR_recipients, DOCTOR_WARNING,
	    "the primary refuses %u address%s in the list of %s (%s%s): mail "
	    "for %s is accepted in an outage and returned after it",
	    n, n == 1 ? "" : "es", r->name, one, n == 1 ? "" : ", ...",
	    n == 1 ? "it" : "them");
	doctor_remedy(f,
	    "Run mxwatchctl recipients %s and remove them from the list.",
	    r->name);
}

/* ---- the session */

static const char *
mailbox_of(const struct doctor_run *r, char *dst, size_t size)
{
	if (r->cd->probe.rcpt != NULL)
		return r->cd->probe.rcpt;
	(void)snprintf(dst, size, "postmaster@%s", r->name);
	return dst;
}

static void
source_text(const struct doctor_primary *p, char dst[ADDR_TEXT_MAX])
{
	if (p->source != NULL)
		(void)addr_text(p->source, dst);
	else
		(void)strlcpy(dst, "this host", ADDR_TEXT_MAX);
}

static void
say_deferred(struct doctor_run *r, const struct doctor_primary *p,
    const struct probe_answer *a)
{
	char us[ADDR_TEXT_MAX];
	struct doctor_finding *f;

	source_text(p, us);
	f = doctor_say(r, DOCTOR_acceptance, DOCTOR_WARNING,
	    "%s defers mail from here: %u %.200s. If that is greylisting or a "
	    "rate limit, the mail of an outage arrives late",
	    p->label, a->reply_code, a->text);
	doctor_remedy(f,
	    "Exempt %s on the primary from greylisting, SPF and rate limits.",
	    us);
}

/* A refusal of this host, or by a policy (X.7.X), which may concern this
 * host. */
static void
say_policy(struct doctor_run *r, const struct doctor_primary *p,
    const struct probe_answer *a)
{
	bool us = a->finding == PROBE_FINDING_US;
	char source[ADDR_TEXT_MAX];
	struct doctor_finding *f;

	source_text(p, source);
	f = doctor_say(r, DOCTOR_acceptance, us ? DOCTOR_ERROR : DOCTOR_WARNING,
	    "%s refuses %s: %u %.200s", p->label,
	    us ? "this host" : "mail from here by policy", a->reply_code,
	    a->text);
	doctor_remedy(f,
	    "Exempt %s on the primary from block lists, SPF and policy checks.",
	    source);
}

static void
say_refused(struct doctor_run *r, const struct doctor_primary *p,
    const struct probe_answer *a)
{
	struct doctor_finding *f;
	char room[300];

	if (a->finding == PROBE_FINDING_US ||
	    (a->finding == PROBE_FINDING_MAILBOX && a->status.subject == 7)) {
		say_policy(r, p, a);
		return;
	}
	switch (a->finding) {
	case PROBE_FINDING_ROUTE:
		f = doctor_say(r, DOCTOR_acceptance, DOCTOR_ERROR,
		    "%s does not accept mail for %s: %u %.200s", p->label,
		    r->name, a->reply_code, a->text);
		doctor_remedy(f, "Configure %s there, or correct primary.",
		    r->name);
		break;
	case PROBE_FINDING_SENDER:
		f = doctor_say(r, DOCTOR_acceptance, DOCTOR_WARNING,
		    "%s refuses the sender of the probe: %u %.200s%s", p->label,
		    a->reply_code, a->text,
		    r->cd->probe.sender[0] == '\0' ?
			"; delivery reports have this null sender" :
			"");
		doctor_remedy(f,
		    "Make the primary accept MAIL FROM:<> (RFC 5321 4.5.5), or "
		    "set probe { sender }.");
		break;
	default:
		f = doctor_say(r, DOCTOR_acceptance, DOCTOR_WARNING,
		    "%s refuses %s, the recipient of the probe: %u %.200s",
		    p->label, mailbox_of(r, room, sizeof(room)), a->reply_code,
		    a->text);
		doctor_remedy(f,
		    "Set domain \"%s\" { probe { rcpt = \"...\" } } to a "
		    "mailbox that exists.",
		    r->name);
		break;
	}
}

static void
judge_answer(struct doctor_run *r, const struct doctor_primary *p,
    const struct probe_result *res)
{
	const struct probe_answer *a = &res->answer[0];
	struct doctor_finding *f;

	if (res->code != REACH_OK) {
		f = doctor_say(r, DOCTOR_acceptance, DOCTOR_WARNING,
		    "a session with %s fails at %s: %.200s", p->label,
		    smtp_phase_name(res->phase),
		    res->text[0] != '\0' ? res->text :
					   reach_code_name(res->code));
		doctor_remedy(f, "mxwatchctl why %s", r->name);
		return;
	}
	switch (a->code) {
	case ANSWER_TAKEN:
		doctor_say(r, DOCTOR_acceptance, DOCTOR_OK,
		    "%s accepts mail for %s from here", p->label, r->name);
		break;
	case ANSWER_DEFERRED:
		say_deferred(r, p, a);
		break;
	case ANSWER_REFUSED:
		say_refused(r, p, a);
		break;
	default:
		break;
	}
}

/* By the last probe. */
static void
judge_by_probe(struct doctor_run *r, const struct watch *w)
{
	const struct primary *pr = w->primary;
	struct net_addr source;
	struct doctor_primary p = { .label = pr->label,
		.ext = pr->offer.ext,
		.size = pr->offer.size,
		.cert_not_after = w->last.cert_not_after };

	if (pr->offer.since == 0)
		return;
	if (w->host != NULL && w->host->naddrs > 0 &&
	    doctor_source_to(&w->host->addr[0], watch_source(w), &source))
		p.source = &source;
	doctor_checks_primary(r, &p);
}

static void
on_session(const struct probe_result *res, void *arg)
{
	struct doctor_step *s = arg;
	struct doctor_run *r = s->run;
	const struct reach_result *reach = &res->reach;
	struct net_addr source;
	struct doctor_primary p = { .label = s->name,
		.ext = reach->ext,
		.size = reach->size_limit,
		.cert_not_after = res->cert_not_after,
		.tls_known = res->code == REACH_OK,
		.tls = reach->tls,
		.verify_error = reach->tls ? reach->tls_info.verify_error :
					     reach->tls_text };

	s->probe = NULL;
	if (reach->addr.len > 0 &&
	    doctor_source_to(&reach->addr, s->addr.len > 0 ? &s->addr : NULL,
		&source))
		p.source = &source;
	judge_answer(r, &p, res);
	if (reach->ehlo)
		doctor_checks_primary(r, &p);
	doctor_step_end(s);
}

static bool
may_have_session(const struct watch *w)
{
	return w->health.state == HEALTH_UP && w->host != NULL &&
	    w->host->naddrs > 0;
}

/* NULL: it is none of the domain's any more, or not up. */
static const struct watch *
find_primary(const struct doctor_run *r, const char *label)
{
	const struct watch *w[DOCTOR_PRIMARIES_MAX];
	unsigned n = watch_watches(r->d->env.watches, r->name, w, MX_COUNT(w));

	for (unsigned i = 0; i < n; i++)
		if (may_have_session(w[i]) &&
		    strcmp(w[i]->host->label, label) == 0)
			return w[i];
	return NULL;
}

/* A connection to the host is granted. */
static void
begin_session(void *arg)
{
	static const struct probe_ops ops = { .done = on_session };
	struct doctor_step *s = arg;
	struct doctor_run *r = s->run;
	const struct doctor_env *e = &r->d->env;
	const struct watch *w = find_primary(r, s->name);
	struct probe_target t = { .nasks = 0 };
	char room[300];
	struct probe_ask ask = { r->name, mailbox_of(r, room, sizeof(room)) };

	if (w == NULL) {
		doctor_step_end(s);
		return;
	}
	schedule_target(e->schedule, w, &t);
	t.depth = DEPTH_RCPT;
	t.ask = &ask;
	t.nasks = 1;
	s->probe = probe_smtp_start(&e->reach, &t, &ops, s);
}

static void
request_session(struct doctor_run *r, const struct watch *w)
{
	struct doctor_step *s = doctor_step_begin(r, DOCTOR_acceptance);
	struct doctor_env *e = &r->d->env;

	(void)strlcpy(s->name, w->host->label, sizeof(s->name));
	if (watch_source(w) != NULL)
		s->addr = *watch_source(w);
	s->place.go = begin_session;
	s->place.arg = s;
	s->placed = true;
	if (e->places.take == NULL ||
	    e->places.take(e->places.arg, &s->place, w->host, watch_source(w)))
		begin_session(s);
}

/* While the domain is not up there is no session; the check `primary` has a
 * finding. */
void
doctor_acceptance(struct doctor_run *r)
{
	const struct watch_set *ws = r->d->env.watches;
	const struct watch *w[DOCTOR_PRIMARIES_MAX];
	unsigned n = watch_watches(ws, r->name, w, MX_COUNT(w));
	bool up = watch_serving(ws, r->name) != NULL;

	for (unsigned i = 0; i < n; i++)
		if (up && is_primary(w[i]) && may_have_session(w[i]))
			request_session(r, w[i]);
		else if (is_primary(w[i]))
			judge_by_probe(r, w[i]);
}
