/* SPDX-License-Identifier: ISC
 * schedule_session: one session of a watch, and its results. It asks for the
 * domains of its share in turn. A domain or its settings may change during the
 * session: the session has copies, and the answer for a name that is gone is
 * dropped.
 *
 * A session whose silence made the primary down is overdue. One connection may
 * hang although the server works, so the next session begins in its turn; the
 * server may just be slow, so the old one is heard out in parallel, to the
 * limits of RFC 5321. Its silence does not count again. The first of both to
 * get an answer ends the other; a share has at most one overdue session, the
 * older one. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "probes/schedule_int.h"

/* Domains asked for while a delivery waits for the connection. */
#define ASKS_CROWDED 2

struct probing {
	struct turn *turn;
	struct probe_run *run;
	unsigned nasks;
	char domain[WATCH_ASKS_MAX][TEXT_DOMAIN_MAX];
	/* the turn of each domain; NULL: gone */
	struct turn *of[WATCH_ASKS_MAX];
	int64_t begun_ns;
	struct place place; /* while it is overdue */
};

_Static_assert(WATCH_ASKS_MAX <= PROBE_ASKS_MAX, "more than a session takes");

void
probing_cancel(struct turn *t)
{
	if (t->probing == NULL)
		return;
	probe_smtp_cancel(&t->probing->run);
	mem_free(&t->probing);
}

static void
forget(struct probing *p, const struct turn *t)
{
	for (unsigned i = 0; p != NULL && i < p->nasks; i++)
		if (p->of[i] == t)
			p->of[i] = NULL;
}

void
probing_forget(struct turn *t)
{
	if (t->share == NULL)
		return;
	if (t->share->leader != NULL)
		forget(t->share->leader->probing, t);
	forget(t->share->overdue, t);
}

/* ---- overdue */

/* At most half of the sessions allowed at once. */
static bool
has_room_for_overdue(const struct schedule *s)
{
	return 2 * (s->noverdue + 1) <= s->conf->probe_concurrency;
}

static void
overdue_put(struct turn *t)
{
	struct probing *p = t->probing;

	t->probing = NULL;
	t->share->overdue = p;
	t->s->noverdue++;
	p->place = t->place;
	t->place = (struct place){ .site = NULL };
}

/* Detaches it; the caller frees the memory. */
static struct probing *
overdue_take(struct share *h)
{
	struct schedule *s = h->s;
	struct probing *p = h->overdue;

	h->overdue = NULL;
	s->noverdue--;
	if (s->places.give_back != NULL)
		s->places.give_back(s->places.arg, &p->place);
	return p;
}

void
probing_cancel_overdue(struct share *h)
{
	struct probing *p;

	if (h->overdue == NULL)
		return;
	p = overdue_take(h);
	probe_smtp_cancel(&p->run);
	mem_free(&p);
}

bool
probing_is_overdue(const struct turn *t)
{
	return t->share->overdue != NULL && t->share->overdue->turn == t;
}

/* ---- results */

static void
tell_answers(struct turn *t, const struct probing *p,
    const struct probe_result *r)
{
	struct watch_set *ws = t->s->watches;
	const struct probe_answer *a;
	struct primary_session reply;
	const struct turn *left = NULL;

	for (unsigned i = 0; i < r->nanswers && i < p->nasks; i++) {
		a = &r->answer[i];
		if (p->of[i] == NULL)
			continue;
		if (a->code == ANSWER_NOT_ASKED) {
			/* The first one left over of each watch comes first
			 * next time. */
			if (left != p->of[i])
				watch_ask_again(ws, p->of[i]->watch,
				    p->domain[i]);
			left = p->of[i];
			continue;
		}
		reply = (struct primary_session){ .phase = a->phase,
			.code = a->reply_code,
			.text = a->text };
		watch_answered(ws, p->of[i]->watch, p->domain[i], a->code,
		    probe_finding_name(a->finding), &reply, clock_wall());
	}
	if (r->code == REACH_OK && p->nasks > 0)
		watch_asked(t->watch, p->nasks - r->skipped, r->answered);
}

static void
learn(struct turn *t, const struct probing *p, const struct probe_result *r)
{
	struct watch *w = t->watch;
	const struct primary_offer offer = { .ext = r->reach.ext,
		.size = r->reach.size_limit,
		.limits = r->reach.limits };
	struct primary_session told = { .ok = r->code == REACH_OK,
		.neutral = reach_code_neutral(r->code),
		.backup = r->code == REACH_BACKUP,
		.phase = r->phase,
		.code = r->reply_code,
		.text = r->text[0] != '\0' ? r->text : reach_code_name(r->code),
		.phase_ns = r->phase_ns,
		.cert_not_after = r->cert_not_after,
		.tls_by = r->tls_by,
		.tls_why = r->tls_why,
		.clear = r->reach.clear,
		.offer = r->reach.ehlo ? &offer : NULL,
		.begun_ns = p->begun_ns };

	/* The look-up has a better reason than "no address". */
	if (r->phase == SMTP_PHASE_RESOLVE && w->trouble != NULL)
		told.text = w->trouble;
	tell_answers(t, p, r);
	share_session(t, &told);
	watch_session(t->s->watches, w, &told, loop_now(t->s->loop),
	    clock_wall());
}

/* An answer at last: a session begun meanwhile is not needed. Without an answer
 * its silence was already counted. */
static void
overdue_done(struct probing *p, const struct probe_result *r)
{
	struct turn *t = p->turn, *leader = t->share->leader;

	(void)overdue_take(t->share);
	if (r->code == REACH_OK) {
		if (leader != NULL && leader->probing != NULL) {
			probing_cancel(leader);
			turn_probed(leader);
		}
		learn(t, p, r);
	}
	mem_free(&p);
}

static void
on_done(const struct probe_result *r, void *arg)
{
	struct probing *p = arg;
	struct turn *t = p->turn;

	if (p == t->share->overdue) {
		overdue_done(p, r);
		return;
	}
	t->probing = NULL;
	probing_cancel_overdue(t->share);
	learn(t, p, r);
	mem_free(&p);
	turn_probed(t);
}

static void
on_wait(const struct probe_wait *wait, void *arg)
{
	struct probing *p = arg;
	struct turn *t = p->turn;
	const struct primary_session told = { .phase = wait->phase,
		.text = wait->text };

	if (p == t->share->overdue)
		return;
	t->counted += wait->counts;
	share_silent(t, &told, wait->waited_ns / CLOCK_MS,
	    wait->counts ? t->counted : 0);
	if (!watch_silent(t->s->watches, t->watch, &told,
		wait->waited_ns / CLOCK_MS, wait->counts ? t->counted : 0,
		loop_now(t->s->loop), clock_wall()))
		return;
	if (t->share->overdue == NULL && has_room_for_overdue(t->s))
		overdue_put(t);
	else
		probing_cancel(t);
	turn_probed(t);
}

/* A domain may have moved elsewhere while the greeting was awaited. */
static bool
on_wanted(unsigned i, void *arg)
{
	const struct probing *p = arg;

	return i < p->nasks && p->of[i] != NULL &&
	    watch_is_named(p->turn->s->watches, p->of[i]->watch, p->domain[i]);
}

/* ---- the start of a session */

/* The domains that are due, over the whole share; explicitly requested ones
 * come first. */
static unsigned
choose_domains(struct turn *t, struct probing *p, const char **name)
{
	struct turn *at = t->now ? t : share_next_asked(t->share), *first = at;
	unsigned most = t->watch->asks, n = 0, i = 0;

	if (t->place.scarce && most > ASKS_CROWDED)
		most = ASKS_CROWDED;
	do {
		n += watch_ask(at->watch, name + n, most - n);
		for (; i < n; i++)
			p->of[i] = at;
		at = share_next_asked(t->share);
	} while (n < most && at != first);
	t->share->ask = at;
	return n;
}

/* One mailbox for each. */
static unsigned
choose_asks(struct turn *t, struct probing *p, struct probe_ask *ask,
    char mailbox[][PATH_MAILBOX_MAX])
{
	const char *name[WATCH_ASKS_MAX];
	const struct conf_domain *d;
	unsigned n = 0;

	if (t->watch->policy.depth == DEPTH_RCPT)
		n = choose_domains(t, p, name);
	for (unsigned i = 0; i < n; i++) {
		d = config_settings(t->s->conf, name[i]);
		(void)strlcpy(p->domain[i], name[i], sizeof(p->domain[i]));
		if (d != NULL && d->probe.rcpt != NULL)
			(void)strlcpy(mailbox[i], d->probe.rcpt,
			    PATH_MAILBOX_MAX);
		else
			(void)snprintf(mailbox[i], PATH_MAILBOX_MAX,
			    "postmaster@%s", name[i]);
		ask[i] = (struct probe_ask){ p->domain[i], mailbox[i] };
	}
	return n;
}

void
schedule_target(const struct schedule *s, const struct watch *w,
    struct probe_target *t)
{
	const struct watch_policy *policy = &w->policy;

	*t = (struct probe_target){ .host = w->host,
		.helo = s->conf->hostname,
		.sender = policy->sender,
		.depth = policy->depth,
		.to_ehlo = w->backup,
		.may_be_backup = policy->may_be_backup,
		.tls = policy->tls,
		.source = watch_source(w),
		.connect_ms = policy->connect_ms,
		.clear_after_ms = policy->clear_after_ms,
		.timeout_ms = policy->timeout_ms,
		.interval_ms = policy->interval_ms };
}

void
probing_start(struct turn *t)
{
	static const struct probe_ops ops = { .done = on_done,
		.wait = on_wait,
		.wanted = on_wanted };
	char mailbox[WATCH_ASKS_MAX][PATH_MAILBOX_MAX];
	struct schedule *s = t->s;
	struct probing *p = mem_alloc(sizeof(*p));
	struct probe_ask ask[WATCH_ASKS_MAX];
	struct probe_target target;

	schedule_target(s, t->watch, &target);
	target.resolve_ns = t->resolve_ns;
	target.ask = ask;
	p->turn = t;
	p->begun_ns = loop_now(s->loop);
	t->probing = p;
	t->counted = 0;
	p->nasks = target.nasks = choose_asks(t, p, ask, mailbox);
	t->now = false;
	if (s->env.tls == NULL && target.depth == DEPTH_STARTTLS)
		target.depth = DEPTH_EHLO;
	p->run = probe_smtp_start(&s->env, &target, &ops, p);
}
