/* SPDX-License-Identifier: ISC
 * sim_judge_time: what has to happen in time, and what a domain's state says.
 * "Well" is what the world knows and the daemon has to find out: a message
 * offered now to one of the domain's primaries would be taken. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "primary/address.h"
#include "primary/host.h"
#include "primary/reach.h"
#include "tests/sim/sim_judge_int.h"

#define FIRST_MS     1000
#define STARVED_MS   600000 /* beyond the longest retry */
#define TURNS	     8 /* of each other domain */
#define TURNS_MIN    200
#define PROBES_EXTRA 4 /* a third of the interval while it is not up, ... */
#define DNS_PAUSE_MS 600000 /* of a look-up that failed */
#define RESTS_MS     900000 /* a domain whose canaries failed */
#define NEWS_MS	     1000
#define LATE_MS	     10000
#define HOLE_MS	     35500 /* in a session that fails: twice, once in full */
#define HEARD_OUT_MS 330000 /* connect and greeting, RFC 5321 4.5.3.2 */
#define GREETED_NS   (ADDRESS_GREETED_NS - 3600 * CLOCK_SEC)

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Is there a connection to it that will never say anything? */
static bool
hangs(const struct server *s)
{
	const struct visit *v;

	LIST_FOREACH (v, &s->visits, link)
		if (v->mute && v->conn != NULL)
			return true;
	return false;
}

/* Its limit counts what hangs there, too: nobody else comes in then. */
static int64_t
host_well_since(const struct server *s)
{
	struct judge_host *h = host_of(s);

	if (!server_takes(s))
		return 0;
	if (s->limit != 0 && hangs(s)) {
		h->hung_at = clock_now();
		return 0;
	}
	return later(s->well_since, h->hung_at);
}

/* Since when is the domain well, as far as the world goes? 0: it is not. */
static int64_t
well_since(const struct sdomain *d)
{
	int64_t best = 0;

	if (arbiter.dns_since == 0 || d->at.dropped)
		return 0;
	for (unsigned i = 0; i < d->at.nhosts; i++) {
		int64_t since = host_well_since(d->at.host[i]);

		if (since != 0 && (best == 0 || since < best))
			best = since;
	}
	return best == 0 ? 0 :
			   later(later(best, arbiter.dns_since),
			       later(arbiter.begin, d->moved_at));
}

/* TLS that does not work is tried twice, and a greeting that is late costs each
 * address but the last. */
int64_t
judge_talk_ms(const struct server *s)
{
	int64_t ms = s->greeting_ms + 16 * s->latency_ms + 8 * s->think_ms;

	if (s->tls >= STLS_BROKEN)
		ms *= 3;
	for (unsigned j = 0; j < s->naddrs; j++)
		ms += s->hole[j] ? 5500 : 0;
	if (s->greeting_ms >= REACH_SHORT_REPLY_MS)
		ms += (s->naddrs - 1) * (REACH_SHORT_REPLY_MS + 500);
	return ms;
}

/* With the worst of its hosts. */
static int64_t
talk_ms(const struct sdomain *d)
{
	int64_t worst = 0;

	for (unsigned i = 0; i < d->at.nhosts; i++)
		worst = later(worst, judge_talk_ms(d->at.host[i]));
	return worst;
}

/* So late that silence may count, if nothing better is known. */
static bool
is_late(const struct sdomain *d, const struct server *s)
{
	return s->greeting_ms + 1000 > d->timeout_ms + d->interval_ms;
}

/* A session that hangs is heard out for as long as that takes; the next one as
 * slow is not, beside it. */
static int64_t
overdue_ms(const struct sdomain *d)
{
	int64_t ms = d->timeout_ms * d->at.nhosts;

	for (unsigned i = 0; i < d->at.nhosts; i++)
		for (unsigned j = 0; j < d->at.host[i]->naddrs; j++)
			ms += d->at.host[i]->hole[j] ? HOLE_MS : 0;
	for (unsigned i = 0; i < d->at.nhosts; i++)
		if (is_late(d, d->at.host[i]))
			return ms + HEARD_OUT_MS * d->at.host[i]->naddrs +
			    d->fall * d->interval_ms;
	return ms;
}

/* `rounds` probes, the first of which hangs since before. */
static int64_t
rounds_ns(const struct sdomain *d, unsigned rounds)
{
	return ((int64_t)rounds * (d->interval_ms * 111 / 100 + talk_ms(d)) +
		   overdue_ms(d) + LATE_MS) *
	    CLOCK_MS;
}

static int64_t
down_bound_ns(const struct sdomain *d)
{
	return rounds_ns(d, d->fall > d->rise ? d->fall : d->rise) +
	    d->hold_ms * CLOCK_MS;
}

static void
on_down_check(void *arg)
{
	struct sdomain *d = arg;
	int64_t well = well_since(d), since, now = clock_now();

	if (d->state != HEALTH_DOWN || well == 0)
		return;
	since = later(well, d->state_since);
	if (now - since < down_bound_ns(d)) {
		loop_timer_set(d->down_check,
		    (since + down_bound_ns(d) - now) / CLOCK_MS + 1);
		return;
	}
	judge_fail(P_DOWN, "%s is down since %s and well since %s", d->name,
	    sim_time_text(d->state_since), sim_time_text(well));
}

/* Is there a reason why it begins later? */
static bool
may_wait(const struct sdomain *d, int64_t since)
{
	const struct judge_host *h = host_of(d->at.host[0]);
	int64_t well = well_since(d);

	return d->queued == 0 || !health_open(d->state) || well == 0 ||
	    well > since || arbiter.patient || h->last_mail >= since ||
	    h->deliveries > 0;
}

static enum property
first_property(const struct server *s)
{
	if (hangs(s))
		return P_FIRST_HUNG;
	return host_of(s)->shared ? P_FIRST_SHARED : P_FIRST;
}

/* A greeting takes longer than the messages of the others: what one connection
 * brings goes before the next one is there. */
static int64_t
turns_ms(const struct sdomain *d)
{
	const struct server *s = d->at.host[0];
	int64_t turn = 12 * s->latency_ms + 6 * s->think_ms + 50;
	int64_t ms = turn * host_of(s)->ndomains;

	return ms < s->greeting_ms ? ms : s->greeting_ms;
}

/* Where one connection is all, a short probe may have it; where there is a limit
 * the end of a connection has to be seen. */
static int64_t
first_ms(const struct sdomain *d)
{
	int64_t settle_ms =
	    d->at.host[0]->limit != 0 ? HOST_SETTLE_MAX / CLOCK_MS : 0;

	/* A probe may be the one that finds out. */
	if (d->at.host[0]->greeting_ms >= FIRST_MS)
		settle_ms += HOST_FINDER_NS / CLOCK_MS;

	return FIRST_MS + arbiter.slack_ms + turns_ms(d) + settle_ms +
	    talk_ms(d) * (host_of(d->at.host[0])->most == 1 ? 2 : 1);
}

void
judge_reloaded(void)
{
	arbiter.reloaded_at = clock_now();
}

static void
on_first_check(void *arg)
{
	struct sdomain *d = arg;

	if (may_wait(d, d->verdict_at))
		return;
	if (arbiter.reloaded_at > d->verdict_at) { /* the way there, anew */
		d->verdict_at = arbiter.reloaded_at;
		loop_timer_set(d->first_check,
		    first_ms(d) -
			(clock_now() - arbiter.reloaded_at) / CLOCK_MS);
		return;
	}
	judge_fail(first_property(d->at.host[0]),
	    "%s is %s since %s, has %u messages, and host %u "
	    "was offered none of them",
	    d->name, health_state_name(d->state), sim_time_text(d->verdict_at),
	    d->queued, d->at.host[0]->index);
}

void
judge_time_create(struct sdomain *d)
{
	d->down_check = sim_timer(on_down_check, d);
	d->first_check = sim_timer(on_first_check, d);
	for (unsigned i = 0; i < d->at.nhosts; i++)
		host_of(d->at.host[i])->probe_ms = d->interval_ms;
	judge_time_restart(d);
}

/* As a daemon sees it that has just begun. */
void
judge_time_restart(struct sdomain *d)
{
	bool probed = d->probed && !d->at.dropped;

	d->state = probed ? HEALTH_UNKNOWN : HEALTH_DISABLED;
	d->state_since = clock_now();
	d->open_since = probed ? 0 : clock_now();
	d->forced = false;
	loop_timer_cancel(d->down_check);
	loop_timer_cancel(d->first_check);
}

static void closed(struct sdomain *);

/* Its state is told anew, if it has another one now. */
void
judge_time_move(struct sdomain *d)
{
	bool open = health_open(d->state), dropped = d->at.dropped;

	if (open && !dropped && d->probed)
		closed(d);
	d->was = d->at;
	d->at = d->to;
	d->moved_at = clock_now();
	d->served_at = d->at.host[0]->taken;
	if (d->at.dropped || dropped)
		judge_time_restart(d);
	if (d->at.dropped)
		return;
	for (unsigned i = 0;
	     i < d->at.nhosts && health_open(d->state) && d->probed; i++)
		host_of(d->at.host[i])->open_domains++;
	if (health_open(d->state))
		d->open_since = clock_now();
	if (d->state == HEALTH_DOWN)
		on_down_check(d);
}

void
judge_mood(const struct server *s)
{
	trace("host %u: mood %s", s->index, mood_name(s->mood));
	for (unsigned i = 0; i < arbiter.ndomains && s->well_since != 0; i++) {
		struct sdomain *d = &arbiter.domain[i];

		if (d->state == HEALTH_DOWN)
			on_down_check(d);
	}
}

/* ---- what the daemon says of a domain */

/* A greeting as late as that was never heard from one of its addresses, or long
 * ago: nobody can know. */
static bool
is_strange(const struct sdomain *d, int64_t now)
{
	for (unsigned i = 0; i < d->at.nhosts; i++) {
		const struct server *s = d->at.host[i];

		for (unsigned j = 0; is_late(d, s) && j < s->naddrs; j++)
			if (!s->hole[j] &&
			    (host_of(s)->heard_at[j] == 0 ||
				now - host_of(s)->heard_at[j] > GREETED_NS))
				return true;
	}
	return false;
}

static void
check_false_down(const struct sdomain *d)
{
	int64_t well = well_since(d);
	/* Of several the one that is well may be held down for a while. */
	int64_t bound =
	    d->at.nhosts > 1 ? down_bound_ns(d) : rounds_ns(d, d->fall);

	if (is_strange(d, clock_now()))
		return;
	if (well != 0 && clock_now() - well > bound)
		judge_fail(P_FALSE_DOWN, "%s is called down, well since %s",
		    d->name, sim_time_text(well));
}

static void
opened(struct sdomain *d, bool recovery)
{
	d->open_since = clock_now();
	d->served_at = d->at.host[0]->taken;
	for (unsigned i = 0; i < d->at.nhosts; i++) {
		struct judge_host *h = host_of(d->at.host[i]);

		/* A domain of two primaries may have been open by the other. */
		if (d->at.nhosts == 1)
			h->anew_since = clock_now();
		if (h->open_domains++ > 0 || !recovery)
			continue;
		/* The news of one that was taken may be on its way. */
		h->canary = h->taken_at == 0 ||
		    clock_now() - h->taken_at > NEWS_MS * CLOCK_MS;
		h->answers = 0;
		h->canary_since = clock_now();
	}
	/* What waits for its retry time goes on waiting unless it is a
	 * recovery. */
	if ((recovery ? d->queued : d->untried) == 0 || well_since(d) == 0 ||
	    d->at.nhosts > 1)
		return;
	d->verdict_at = clock_now();
	loop_timer_set(d->first_check, first_ms(d));
}

static void
closed(struct sdomain *d)
{
	d->open_since = 0;
	for (unsigned i = 0; i < d->at.nhosts; i++) {
		struct judge_host *h = host_of(d->at.host[i]);

		if (--h->open_domains == 0)
			h->canary = false;
	}
}

static void
changed(struct sdomain *d, enum health_state to)
{
	bool was = health_open(d->state), is = health_open(to);
	bool down = d->state == HEALTH_DOWN;

	trace("%s: %s -> %s, %u queued", d->name, health_state_name(d->state),
	    health_state_name(to), d->queued);
	d->state = to;
	d->state_since = clock_now();
	if (is && !was)
		opened(d, down);
	else if (!is && was)
		closed(d);
	if (to != HEALTH_DOWN)
		return;
	d->downs++;
	judge_result.downs++;
	check_false_down(d);
	on_down_check(d);
}

static void
judge_flushed(struct sdomain *d)
{
	if (d->forced)
		d->forced_end = clock_now();
	d->forced = false;
}

void
judge_notice(const struct notice *n)
{
	struct sdomain *d = judge_domain(n->domain);

	if (d == NULL)
		return;
	if (n->kind == NOTICE_STATE)
		changed(d, (enum health_state)n->b);
	else if (n->kind == NOTICE_FLUSH_END)
		judge_flushed(d);
	else if (n->kind == NOTICE_BREAKER)
		trace("%s: breaker %s", d->name, n->text);
}

void
judge_forced(unsigned domain)
{
	arbiter.domain[domain].forced = true;
	trace("%s: a flush is ordered", arbiter.domain[domain].name);
}

void
judge_first_verdicts(void)
{
	for (unsigned i = 0; i < arbiter.ndomains; i++) {
		const struct sdomain *d = &arbiter.domain[i];

		if (d->state == HEALTH_UNKNOWN && arbiter.dns_since != 0 &&
		    arbiter.dns_since == arbiter.begin)
			judge_fail(P_VERDICT, "nothing is known of %s",
			    d->name);
	}
}

void
judge_time_probe(const struct server *s)
{
	struct judge_host *h = host_of(s);
	int64_t now = clock_now();

	if (now - h->probe_window > h->probe_ms * CLOCK_MS) {
		h->probe_window = now;
		h->probe_count = 0;
	}
	if (++h->probe_count > h->nlabels * PROBES_EXTRA + PROBES_EXTRA)
		judge_fail(P_PROBES,
		    "host %u: %u probes in an interval, it "
		    "has %u names",
		    s->index, h->probe_count, h->nlabels);
}

/* ---- who waits? */

/* Since when have all its best hosts been well? 0: not all are. */
static int64_t
best_since(const struct sdomain *d)
{
	int64_t since = later(arbiter.dns_since, d->moved_at);

	for (unsigned i = 0; i < d->at.nhosts && d->at.pref[i] == d->at.pref[0];
	     i++) {
		if (!server_takes(d->at.host[i]))
			return 0;
		since = later(since, d->at.host[i]->well_since);
	}
	return since;
}

/* Where few connections are borne, each behind a greeting that is late, a probe
 * has one of them half of the time, and little goes over the other. */
static int64_t
seldom_ms(const struct sdomain *d)
{
	int64_t worst = 0;

	for (unsigned i = 0; i < d->at.nhosts; i++) {
		const struct server *s = d->at.host[i];
		const struct judge_host *h = host_of(s);

		if (h->most <= 2 || (s->limit != 0 && s->limit <= 2) ||
		    s->mails_max != 0)
			worst = later(worst, 2 * judge_talk_ms(s));
	}
	return worst > 20000 ? worst : 0;
}

static void
sweep_part(const struct message *m, const struct mpart *p, int64_t now)
{
	const struct sdomain *d = &arbiter.domain[p->domain];
	const struct server *s = d->at.host[0];
	int64_t well = well_since(d), best = best_since(d), since, limit;
	bool first = best != 0;

	if (!p->stored || d->at.dropped || well == 0 || d->open_since == 0 ||
	    arbiter.patient)
		return;
	/* Of one connection or two a probe has its part. */
	limit = d->retry_max_ms * 125 / 100 + STARVED_MS +
	    (int64_t)arbiter.backlog *
		((10 * s->latency_ms + 5 * s->think_ms + 50) *
			(host_of(s)->most <= 2 ? 3 : 1) +
		    seldom_ms(d));
	since = later(later(p->touched, d->open_since), arbiter.begin);
	since = later(since, d->busy_at);
	if (first &&
	    now - later(later(since, best), p->offered) > limit * CLOCK_MS)
		judge_fail(P_STARVED, "message %llu of %s waits since %s",
		    (unsigned long long)m->seq, d->name,
		    sim_time_text(later(since, best)));
	else if (now - later(since, well) > limit * CLOCK_MS)
		judge_fail(P_STARVED_NEXT, "message %llu of %s waits since %s",
		    (unsigned long long)m->seq, d->name,
		    sim_time_text(later(since, well)));
}

static void
sweep_message(uint64_t seq, void *value, void *arg)
{
	const struct message *m = value;

	(void)seq;
	for (unsigned i = 0; i < m->n; i++)
		sweep_part(m, &m->part[i], *(int64_t *)arg);
}

/* As much comes as may go: then it is for P_TURNS to see that it is shared. */
static bool
is_busy(const struct sdomain *d)
{
	const struct judge_host *h = host_of(d->at.host[0]);

	return d->queued > 4 && d->queued * h->ndomains > 100;
}

void
judge_sweep(void)
{
	int64_t now = clock_now();
	bool dns = arbiter.dns_since != 0 &&
	    now - arbiter.dns_since > DNS_PAUSE_MS * CLOCK_MS;

	if (idmap_len(&arbiter.messages) > arbiter.backlog ||
	    idmap_len(&arbiter.messages) < arbiter.backlog / 8)
		arbiter.backlog = idmap_len(&arbiter.messages);
	for (unsigned i = 0; i < arbiter.ndomains; i++)
		if (is_busy(&arbiter.domain[i]))
			arbiter.domain[i].busy_at = now;
	idmap_each(&arbiter.messages, sweep_message, &now);
	for (unsigned i = 0; i < arbiter.ndomains; i++) {
		const struct sdomain *d = &arbiter.domain[i];
		const struct server *s = d->at.host[0];
		uint64_t turns = s->taken - d->served_at;

		if (d->untried > 0 && dns &&
		    now - d->last_mail > RESTS_MS * CLOCK_MS &&
		    !d->at.dropped && d->open_since != 0 && d->at.nhosts == 1 &&
		    turns > TURNS * host_of(s)->ndomains + TURNS_MIN)
			judge_fail(P_TURNS,
			    "%s waits, its host took %llu "
			    "messages of others",
			    d->name, (unsigned long long)turns);
	}
}

static void
drained_message(uint64_t seq, void *value, void *arg)
{
	const struct message *m = value;

	(void)seq;
	(void)arg;
	for (unsigned i = 0; i < m->n; i++)
		if (m->part[i].stored)
			judge_fail(P_STUCK,
			    "message %llu of %s is left after "
			    "%u tries",
			    (unsigned long long)m->seq,
			    arbiter.domain[m->part[i].domain].name,
			    m->part[i].tries);
}

void
judge_drained(void)
{
	idmap_each(&arbiter.messages, drained_message, NULL);
}
