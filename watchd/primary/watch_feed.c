/* SPDX-License-Identifier: ISC
 * watch_feed: applies results: sessions, silence, answers, look-ups,
 * deliveries, and the queue's events of a domain. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "primary/host.h"
#include "primary/watch_int.h"

/* One result for a watch. */
struct watch_news {
	enum health_input in;
	enum smtp_phase phase; /* phase that failed */
	const char *cause;
	bool by_delivery;
};

static void
tell_verdict(struct watch_set *ws, const struct watch *w,
    const struct watch_news *news, const struct health_change *c)
{
	if (ws->ops.verdict != NULL)
		ws->ops.verdict(ws->ops.arg,
		    &(struct watch_verdict){ w, *c, news->phase, news->cause,
			news->by_delivery });
}

/* The cause is the last failure; a success replaces it only when it makes the
 * watch up. */
static void
watch_feed(struct watch_set *ws, struct watch *w, const struct watch_news *news,
    struct watch_time t)
{
	const enum health_input in = news->in;
	const char *cause = news->cause;
	struct health_change c;
	bool changed;

	if (w->health.state == HEALTH_DISABLED)
		return;
	changed = health_feed(&w->health, in, t.now, &c);
	/* A flush concerns the domains; the watch itself is up at once. */
	if (changed && c.to == HEALTH_RECOVERING)
		(void)health_feed(&w->health, HEALTH_IN_FLUSHED, t.now, &c);
	/* After the first verdict, too: sessions to an unprobed host may hang
	 * there. */
	if (changed && c.to == HEALTH_UP && c.from != HEALTH_SUSPECT &&
	    ws->ops.recovered != NULL)
		ws->ops.recovered(ws->ops.arg, w->primary);
	if (in == HEALTH_IN_FAIL || (changed && c.to == HEALTH_UP))
		(void)strlcpy(w->cause, cause, sizeof(w->cause));
	watch_stamp(ws, w);
	watch_dirty(ws, w);
	if (!changed)
		return;
	w->since = t.wall;
	tell_verdict(ws, w, news, &c);
	if (ws->turns.watch_pace != NULL)
		ws->turns.watch_pace(ws->turns.arg, w);
}

/* ---- sessions */

static const char *
a_member(const struct watch *w)
{
	const struct watch_link *l = TAILQ_FIRST(&w->members);

	return l != NULL ? l->domain->name : "";
}

/* A host that was a backup still counts as one while it does not answer. */
static bool
is_still_backup(const struct watch *w, const struct primary_session *s)
{
	return w->backup && !s->ok && s->offer == NULL;
}

static void
met_backup(struct watch_set *ws, struct watch *w, const char *text,
    bool by_delivery, struct watch_time t)
{
	w->backup = true;
	(void)strlcpy(w->cause, text, sizeof(w->cause));
	watch_feed(ws, w,
	    &(struct watch_news){ HEALTH_IN_NO_PRIMARY, SMTP_PHASE_EHLO,
		w->cause, by_delivery },
	    t);
}

/* A session that reached the primary, or should have. */
static void
take_verdict(struct watch_set *ws, struct watch *w,
    const struct primary_session *s, struct watch_time t)
{
	char cause[PRIMARY_TEXT_MAX];

	w->backup = false;
	if (s->ok) {
		w->good_ns = s->begun_ns;
		w->good++;
		watch_feed(ws, w,
		    &(struct watch_news){ .in = HEALTH_IN_OK,
			.cause = "it answers the probe" },
		    t);
	} else {
		primary_cause(s, cause, sizeof(cause));
		watch_feed(ws, w,
		    &(struct watch_news){ HEALTH_IN_FAIL, s->phase, cause,
			false },
		    t);
	}
}

static void
take_session(struct watch_set *ws, struct watch *w,
    const struct primary_session *s, struct watch_time t)
{
	bool was = w->last.ok, probed = w->last.probed;

	primary_record(&w->last, s, t.wall);
	primary_session(w->primary, s, &w->policy.health, t.now, t.wall);
	if (s->neutral || is_still_backup(w, s)) {
		watch_feed(ws, w,
		    &(struct watch_news){ .in = HEALTH_IN_NEUTRAL,
			.cause = "" },
		    t);
		return;
	}
	if (s->backup)
		met_backup(ws, w, s->text, false, t);
	else
		take_verdict(ws, w, s, t);
	if (!probed || was != s->ok)
		ws->ops.primary(ws->ops.arg, w, a_member(w));
}

/* The probe was refused a connection, or put off, while the primary takes our
 * mail: its limit of connections concerns the window, not the health. */
static bool
is_crowded(const struct watch_set *ws, const struct watch *w,
    const struct primary_session *s)
{
	if (s->ok || s->neutral || s->backup || ws->ops.working == NULL)
		return false;
	return host_says_crowded(s->phase, s->code) &&
	    ws->ops.working(ws->ops.arg, w, s->begun_ns);
}

void
watch_session(struct watch_set *ws, struct watch *w,
    const struct primary_session *s, int64_t now, int64_t wall)
{
	struct primary_session told = *s;

	if (!w->waiting)
		w->slow_ms = 0;
	w->waiting = false;
	told.neutral |= is_crowded(ws, w, s);
	take_session(ws, w, &told, (struct watch_time){ now, wall });
}

bool
watch_silent(struct watch_set *ws, struct watch *w,
    const struct primary_session *s, int64_t waited_ms, unsigned intervals,
    int64_t now, int64_t wall)
{
	w->waiting = true;
	w->slow_ms = waited_ms;
	if (intervals == 0) {
		watch_stamp(ws, w);
		watch_dirty(ws, w);
		return false;
	}
	take_session(ws, w, s, (struct watch_time){ now, wall });
	return w->health.state == HEALTH_DOWN &&
	    intervals >= w->policy.health.fall;
}

/* ---- asking for domains */

unsigned
watch_ask(struct watch *w, const char **domain, unsigned max)
{
	struct watch_link *l = w->ask;
	unsigned n = 0;

	while (n < max && n < w->asks && l != NULL) {
		domain[n++] = l->domain->name;
		if ((l = TAILQ_NEXT(l, member)) == NULL)
			l = TAILQ_FIRST(&w->members);
		if (l == w->ask)
			break;
	}
	w->ask = l;
	return n;
}

void
watch_asked(struct watch *w, unsigned asked, unsigned answered)
{
	if (answered >= asked) {
		if (asked == w->asks && w->asks < WATCH_ASKS_MAX)
			w->asks++;
		return;
	}
	w->asks = answered > 0 ? answered : 1;
}

void
watch_ask_again(struct watch_set *ws, struct watch *w, const char *domain)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch_link *l = d != NULL ? domain_link(d, w) : NULL;

	if (l != NULL)
		w->ask = l;
}

void
watch_ask_first(struct watch_link *l)
{
	l->watch->ask = l;
}

bool
watch_is_named(const struct watch_set *ws, const struct watch *w,
    const char *domain)
{
	struct watch_domain *d = watch_domain(ws, domain);

	return d != NULL && domain_link(d, w) != NULL;
}

void
watch_answered(struct watch_set *ws, struct watch *w, const char *domain,
    enum primary_answer answer, const char *about,
    const struct primary_session *reply, int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch_link *l = d != NULL ? domain_link(d, w) : NULL;
	char finding[PRIMARY_TEXT_MAX];

	if (l == NULL || answer == ANSWER_NOT_ASKED)
		return;
	l->answer = (uint8_t)answer;
	l->asked = wall;
	/* A deferred mailbox does not change an earlier refusal. */
	if (answer == ANSWER_DEFERRED)
		return;
	w->findings -= l->finding != NULL;
	mem_free(&l->finding);
	if (answer == ANSWER_REFUSED) {
		l->finding =
		    mem_strdup(primary_cause(reply, finding, sizeof(finding)));
		l->about = about;
		w->findings++;
		if (l->finding_since == 0)
			l->finding_since = wall;
	} else {
		l->finding_since = 0;
	}
	watch_stamp(ws, w);
}

bool
watch_hurried(const struct watch *w)
{
	return (w->health.state != HEALTH_UP && !w->backup) || w->broken > 0;
}

bool
watch_domain_hurried(const struct watch_domain *d)
{
	return d->nlinks == 0;
}

/* ---- look-ups */

void
watch_trouble_set(char **text, int64_t *since,
    const struct route_trouble *trouble, int64_t wall)
{
	char now[TEXT_DOMAIN_MAX + 128];

	route_trouble_text(trouble, now, sizeof(now));
	if (now[0] == '\0') {
		*since = 0;
		mem_free(text);
		return;
	}
	if (*since == 0)
		*since = wall;
	if (*text != NULL && strcmp(*text, now) == 0)
		return;
	mem_free(text);
	*text = mem_strdup(now);
}

bool
watch_addresses(struct watch_set *ws, struct watch *w, const struct route *r,
    int64_t now, int64_t wall)
{
	bool self = r->status == ROUTE_SELF;

	(void)now;
	watch_trouble_set(&w->trouble, &w->trouble_since, &r->trouble, wall);
	watch_stamp(ws, w);
	if (w->self != self) {
		w->self = self;
		watch_dirty(ws, w);
	}
	if (self || r->n == 0)
		return false;
	watch_host_set(ws, w, &r->host[0]);
	return true;
}

/* ---- deliveries */

/* A connection that broke without a reply, and began before a session that went
 * well: it hung since an outage that is over. */
static bool
is_old_news(const struct watch *w, const struct primary_session *s)
{
	return !s->ok && s->code == 0 && s->begun_ns != 0 &&
	    s->begun_ns < w->good_ns;
}

static struct watch *
watch_of(const struct watch_domain *d, const char *label)
{
	for (unsigned i = 0; d != NULL && i < d->nlinks; i++)
		if (strcmp(d->link[i].watch->primary->label, label) == 0)
			return d->link[i].watch;
	return NULL;
}

/* A success ends a suspicion; otherwise it says nothing new. */
void
watch_delivery(struct watch_set *ws, const char *domain, const char *label,
    const struct primary_session *s, int64_t now, int64_t wall)
{
	struct watch *w = watch_of(watch_domain(ws, domain), label);
	struct watch_time t = { now, wall };
	char cause[PRIMARY_TEXT_MAX];

	if (w != NULL && w->backup) {
		if (!s->ok)
			return;
		w->backup = false;
		watch_dirty(ws, w);
	}
	if (w == NULL || (s->ok && w->health.state != HEALTH_SUSPECT) ||
	    is_old_news(w, s))
		return;
	if (s->ok)
		(void)strlcpy(cause, "a message was accepted", sizeof(cause));
	else
		primary_cause(s, cause, sizeof(cause));
	watch_feed(ws, w,
	    &(struct watch_news){ s->ok ? HEALTH_IN_OK : HEALTH_IN_FAIL,
		s->phase, cause, true },
	    t);
}

void
watch_self(struct watch_set *ws, const char *domain, bool self, int64_t now,
    int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch_time t = { now, wall };

	if (d == NULL)
		return;
	if (self)
		domain_self(ws, d, WATCH_SELF_TEXT, t);
	else if (d->self_since != 0 && d->health.state == HEALTH_DISABLED)
		domain_self(ws, d, NULL, t);
	else if (d->self_since != 0)
		domain_follow(ws, d, t);
}

/* A domain that is not probed follows no primary, and may not know its
 * hosts. */
void
watch_met_backup(struct watch_set *ws, const char *domain, const char *label,
    const char *text, bool more, int64_t now, int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch *w = watch_of(d, label);
	struct watch_time t = { now, wall };
	char why[WATCH_WHY_MAX];

	if (d == NULL)
		return;
	if (w != NULL)
		met_backup(ws, w, text, true, t);
	if (d->health.state != HEALTH_DISABLED || more)
		return;
	(void)snprintf(why, sizeof(why), WATCH_BACKUP_TEXT, label, text);
	domain_self(ws, d, why, t);
}

/* ---- events of one domain */

void
watch_flushed(struct watch_set *ws, const char *domain, int64_t now,
    int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch_time t = { now, wall };

	if (d == NULL || d->health.state != HEALTH_RECOVERING)
		return;
	domain_feed(ws, d, HEALTH_IN_FLUSHED, "flushed", t);
}

void
watch_broken(struct watch_set *ws, const char *domain, const char *why,
    int64_t now, int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch_time t = { now, wall };

	if (d != NULL)
		domain_break(ws, d, why, t);
}

void
watch_tripped(struct watch_set *ws, const char *domain, const char *why,
    int64_t now, int64_t wall)
{
	struct watch_domain *d = watch_domain(ws, domain);
	struct watch_time t = { now, wall };

	if (d != NULL)
		domain_close(ws, d, why, t);
}
