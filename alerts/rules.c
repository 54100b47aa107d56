/* SPDX-License-Identifier: ISC
 * rules: one function an alert. Each fills a struct rule_value; instance.c
 * compares it with the thresholds. While the queue is being indexed, or a
 * primary's state is unknown (after a start), there is no statement: a restart
 * of the watchdog is never a recovery. */
#include "alerts/rules_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alerts/forecast.h"
#include "alerts/voice.h"

#define RESULTS_MIN   10 /* fewest results for a meaningful ratio */
#define PEER_TEXT     140 /* of foreign text, within a summary */
#define VERDICTS_TEXT 128

/* ---- shared functions */

void
rule_say(struct rule_value *v, const char *fmt, ...)
{
	char text[4 * RULES_SUMMARY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_cut(v->summary, sizeof(v->summary), text);
}

/* Messages still to be delivered: neither held, nor waiting for a notification
 * only. */
static uint64_t
waiting(const struct snap_domain *d)
{
	uint64_t n = d->active + d->deferred;

	if (d->on_hold)
		return 0;
	return n > d->owed ? n - d->owed : 0;
}

static int64_t
since_ms(int64_t ms, int64_t now)
{
	return ms == 0 || ms > now ? 0 : now - ms;
}

/* The primary that an alert of a domain is about: the most preferred. */
static const struct snap_primary *
first_primary(const struct view *x)
{
	return x->d->nprimaries > 0 ? x->d->primary : NULL;
}

/* The rate of a minute ago means nothing once the primary is down. */
static double
drain_rate(const struct view *x)
{
	if (x->d->state == HEALTH_DOWN || x->d->on_hold)
		return 0;
	if (x->d->flush.running && x->d->flush.rate > 0)
		return x->d->flush.rate;
	return x->t->rate;
}

/* Held mail does not expire. */
static const char *
no_expiry(const struct snap_domain *d)
{
	return d->held > 0 ? "nothing expires while it is held" :
			     "nothing expires";
}

static struct forecast
future(const struct view *x, char *text, size_t size)
{
	uint64_t n = waiting(x->d);
	struct forecast f = forecast(n, x->d->oldest_live_ms,
	    x->d->next_expiry_ms, drain_rate(x), x->now);

	if (x->d->next_expiry_ms == 0)
		snprintf(text, size, "%s", no_expiry(x->d));
	else
		forecast_fmt(&f, n, drain_rate(x), text, size);
	return f;
}

/* "12 messages wait, the first expires at ..." */
static const char *
say_waiting(const struct view *x, char *dst, size_t size)
{
	uint64_t n = snap_domain_messages(x->d);
	char count[40], at[40];

	forecast_count_fmt(n, "message", count, sizeof(count));
	text_date_3339(x->d->next_expiry_ms / 1000, at, sizeof(at));
	if (!x->d->ours)
		snprintf(dst, size, "its mail is at %s",
		    x->d->owner[0] != '\0' ? x->d->owner : "no node");
	else if (!x->s->indexed)
		snprintf(dst, size, "the queue is being read");
	else if (n == 0)
		snprintf(dst, size, "no mail is waiting");
	else if (x->d->next_expiry_ms == 0)
		snprintf(dst, size, n == 1 ? "%s waits, %s" : "%s wait, %s",
		    count, no_expiry(x->d));
	else
		snprintf(dst, size,
		    n == 1 ? "%s waits and expires at %s" :
			     "%s wait, the first expires at %s",
		    count, at);
	return dst;
}

/* "; mx3 sees it up, mx4 down": the verdicts of other nodes of a cluster. */
static const char *
say_verdicts(const struct view *x, char *dst, size_t size)
{
	const struct snap_verdict *said = x->d->verdict;
	char one[SNAP_NAME_MAX + 24];
	unsigned n = 0;

	dst[0] = '\0';
	for (unsigned i = 0; i < x->d->nverdicts; i++) {
		if (strcmp(said[i].node, x->s->cluster.node) == 0)
			continue;
		snprintf(one, sizeof(one),
		    n == 0 ? "; %s sees it %s" : ", %s %s", said[i].node,
		    said[i].state_name);
		if (strlcat(dst, one, size) >= size)
			break;
		n++;
	}
	return dst;
}

/* ---- the rules */

/* None of its hosts counts, and only the DNS or the configuration will change
 * that. */
static void
say_nobody(const struct view *x, const char *wait, struct rule_value *v)
{
	char cause[PEER_TEXT];

	if (x->d->self_mx_backup)
		rule_say(v, "%s; publish a better MX, or set primary; %s",
		    text_cut(cause, sizeof(cause), x->d->cause), wait);
	else
		rule_say(v,
		    "no primary is known: this server seems to be the best MX; "
		    "publish a better one, or set primary; %s",
		    wait);
}

static void
rule_primary_down(const struct view *x, struct rule_value *v)
{
	const char *why = x->d->cause;
	char wait[96], cause[PEER_TEXT], said[VERDICTS_TEXT];

	v->sticky = true;
	v->since_ms =
	    (x->d->unwell_since != 0 ? x->d->unwell_since : x->d->state_since) *
	    1000;
	say_waiting(x, wait, sizeof(wait));
	if (x->d->self_mx_since != 0) {
		v->since_ms = x->d->self_mx_since * 1000;
		v->value = (double)since_ms(v->since_ms, x->now) + 1;
		say_nobody(x, wait, v);
		return;
	}
	switch (x->d->state) {
	case HEALTH_UP:
	case HEALTH_DISABLED:
		v->safe = true;
		return;
	case HEALTH_DOWN:
		/* The breaker is not the primary's outage: it has an alert of
		 * its own. */
		if (x->d->breaker_since != 0) {
			v->known = false;
			return;
		}
		rule_say(v, "%s; %s%s",
		    why[0] != '\0' ? text_cut(cause, sizeof(cause), why) :
				     "no answer",
		    wait, say_verdicts(x, said, sizeof(said)));
		break;
	case HEALTH_RECOVERING: /* not over before it is up */
		v->keeps = true;
		rule_say(v, "it answers again, and mail is being delivered; %s",
		    wait);
		break;
	default:
		v->known = false;
		return;
	}
	v->value = (double)since_ms(v->since_ms, x->now) + 1;
}

static void
rule_primary_flapping(const struct view *x, struct rule_value *v)
{
	uint64_t n =
	    trend_delta(&x->t->down, x->d->count.transitions[HEALTH_DOWN]);
	char count[40], wait[96];

	v->value = (double)n;
	v->may_clear = trend_full(&x->t->down, x->now);
	rule_say(v, "it went down %s within the last hour; %s",
	    forecast_count_fmt(n, "time", count, sizeof(count)),
	    say_waiting(x, wait, sizeof(wait)));
}

/* Held mail ages, too: a hold may have been forgotten. */
static void
rule_queue_age(const struct view *x, struct rule_value *v)
{
	int64_t age = since_ms(x->d->oldest_ms, x->now);
	char t[32], text[160], held[40] = "";

	v->known = x->s->indexed;
	v->value = (double)age;
	v->percent = 100 * snap_lifetime_used(x->d, x->now);
	/* Mail behind a tripped breaker needs somebody to act. */
	if (x->d->breaker_since != 0 && v->percent >= 50)
		v->least = ALERT_SEV_CRITICAL;
	future(x, text, sizeof(text));
	if (x->d->held > 0)
		snprintf(held, sizeof(held), "; %" PRIu64 " held", x->d->held);
	rule_say(v,
	    "the oldest message is %s old, %s%.0f%% of its lifetime; %s%s",
	    forecast_time_fmt(age, t, sizeof(t)),
	    x->d->ripest_ms != x->d->oldest_ms ? "another has used " : "",
	    v->percent, text, held);
}

/* Mail that drains fast enough is safe however close its expiry; mail that does
 * not is a warning however far, since a flush that is too slow does not get
 * faster by itself. */
static void
rule_queue_expiry(const struct view *x, struct rule_value *v)
{
	int64_t left = x->d->next_expiry_ms - x->now;
	char t[32], text[160];
	struct forecast f = future(x, text, sizeof(text));
	bool draining = drain_rate(x) > 0;

	v->known = x->s->indexed;
	v->safe = x->d->next_expiry_ms == 0 || (draining && f.expire == 0);
	v->value = left > 0 ? (double)left : 0;
	/* A lifetime of a day must not count as about to end when it begins. */
	if (x->d->lifetime > 0 && v->value > (double)x->d->lifetime * 500)
		v->safe = true;
	if (draining && f.expire > 0 && x->d->flush.running) {
		v->safe = false;
		v->least = ALERT_SEV_WARNING;
	}
	if (left > 0)
		rule_say(v, "the next message expires in %s; %s",
		    forecast_time_fmt(left, t, sizeof(t)), text);
	else
		rule_say(v, "mail is expiring now; %s", text);
}

static void
rule_mail_expired(const struct view *x, struct rule_value *v)
{
	uint64_t n = trend_delta(&x->t->expired, x->d->count.expired);
	char count[40], wait[96];

	v->value = (double)n;
	v->may_clear = trend_full(&x->t->expired, x->now);
	rule_say(v,
	    "mail to %s expired within the last hour and was returned to its "
	    "sender%s; %s",
	    forecast_count_fmt(n, "recipient", count, sizeof(count)),
	    n == 1 ? "" : "s", say_waiting(x, wait, sizeof(wait)));
}

static void
rule_queue_depth(const struct view *x, struct rule_value *v)
{
	char wait[96], size[32];

	v->known = x->s->indexed;
	v->value = (double)snap_domain_messages(x->d);
	rule_say(v, "%s; %s in all", say_waiting(x, wait, sizeof(wait)),
	    text_size_fmt(x->d->bytes, size, sizeof(size)));
}

static void
rule_bounce_rate(const struct view *x, struct rule_value *v)
{
	uint64_t bad = trend_delta(&x->t->bounced, trend_bounced(x->d));
	uint64_t good = trend_delta(&x->t->delivered, x->d->count.delivered);
	char wait[96];

	if (bad + good >= RESULTS_MIN)
		v->percent = 100 * (double)bad / (double)(bad + good);
	v->may_clear =
	    bad + good >= RESULTS_MIN || trend_full(&x->t->bounced, x->now);
	rule_say(v,
	    "%" PRIu64 " of %" PRIu64
	    " recipients %s permanently refused within the last hour; %s",
	    bad, bad + good, bad == 1 ? "was" : "were",
	    say_waiting(x, wait, sizeof(wait)));
}

static void
rule_spool_low(const struct view *x, struct rule_value *v)
{
	static const char *const state[STORE_STATE_MAX] = { [STORE_OK] = "",
		[STORE_FULL] = "; it is full: no mail is accepted",
		[STORE_FAILED] = "; the disk failed: no mail is accepted",
		[STORE_STALLED] =
		    "; the disk does not answer: no mail is accepted" };
	const struct snapshot *s = x->s;
	char free_text[32], reserve[32];

	v->percent = 1e9;
	if (s->spool_reserve_bytes > 0)
		v->percent = 100 * (double)s->spool_free_bytes /
		    (double)s->spool_reserve_bytes;
	if (s->spool_state != STORE_OK || s->spool_unwritable)
		v->least = ALERT_SEV_CRITICAL;
	rule_say(v, "%s free, %s of it reserved%s%s",
	    text_size_fmt(s->spool_free_bytes, free_text, sizeof(free_text)),
	    text_size_fmt(s->spool_reserve_bytes, reserve, sizeof(reserve)),
	    s->spool_state < STORE_STATE_MAX ? state[s->spool_state] : "",
	    s->spool_unwritable ? "; it is not writable: nothing is delivered" :
				  "");
}

/* Also fires when the loop hangs, because the snapshot then stays. A probe
 * every ten minutes is not stale after five. After a start it is not over
 * before the first probe. */
static void
rule_probe_stale(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = x->d->primary;
	/* No primary to probe: primary_down reports that. */
	bool unprobed = !x->cd->probe.enabled || x->d->self_mx_since != 0;
	int64_t last = 0, slack = 3 * x->cd->probe.interval_ms;
	char t[32];

	for (unsigned i = 0; i < x->d->nprimaries; i++)
		if (p[i].last_run > last)
			last = p[i].last_run;
	v->may_clear = last != 0 || unprobed;
	if (last < x->s->start)
		last = x->s->start;
	v->since_ms = last * 1000;
	v->value = (double)since_ms(last * 1000, x->now);
	v->safe = unprobed || v->value < (double)slack;
	rule_say(v, "no probe has finished for %s",
	    forecast_time_fmt((int64_t)v->value, t, sizeof(t)));
}

/* As far as is known the primary has been up since the start at most: older
 * mail may have been stuck for longer. */
static void
rule_delivery_stuck(const struct view *x, struct rule_value *v)
{
	int64_t age = since_ms(x->d->oldest_live_ms, x->now);
	int64_t up = since_ms(x->d->state_since * 1000, x->now);
	uint64_t n = waiting(x->d);
	char t[32], count[40];

	v->known = x->s->indexed && x->d->state != HEALTH_UNKNOWN &&
	    x->d->state != HEALTH_SUSPECT;
	v->value = (double)snap_stuck_ms(x->d, x->now);
	v->safe = v->value <= 0;
	v->may_clear = v->safe || age <= up;
	v->since_ms = x->now - (int64_t)v->value;
	rule_say(v,
	    n == 1 ? "%s still waits and is %s old" :
		     "%s still wait, the oldest is %s old",
	    forecast_count_fmt(n, "message", count, sizeof(count)),
	    forecast_time_fmt(age, t, sizeof(t)));
}

static void
rule_cert_expiry(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = x->d->primary;
	int64_t first = 0, left;
	char t[40], in[32];

	for (unsigned i = 0; i < x->d->nprimaries; i++)
		if (p[i].cert_not_after != 0 &&
		    (first == 0 || p[i].cert_not_after < first)) {
			first = p[i].cert_not_after;
			(void)strlcpy(v->primary, p[i].label,
			    sizeof(v->primary));
		}
	/* Not seen (the primary is down, or without TLS): no statement, unless
	 * there never was a certificate. */
	v->known = first != 0 || x->d->state == HEALTH_UP;
	v->safe = first == 0;
	left = first * 1000 - x->now;
	v->value = (double)left;
	text_date_3339(first, t, sizeof(t));
	if (left > 0)
		rule_say(v, "it expires at %s, in %s", t,
		    forecast_time_fmt(left, in, sizeof(in)));
	else
		rule_say(v, "it expired at %s", t);
}

static void
rule_notifier_failing(const struct view *x, struct rule_value *v)
{
	const struct rules_self *self = x->self;
	char more[64] = "", count[40], t[32];

	v->safe = self->failing_since_ms == 0;
	v->since_ms = self->failing_since_ms;
	v->value = (double)since_ms(self->failing_since_ms, x->now);
	if (self->others > 0)
		snprintf(more, sizeof(more), "; %s, too",
		    forecast_count_fmt(self->others, "other", count,
			sizeof(count)));
	rule_say(v, "receiver %s has accepted nothing for %s: %s%s",
	    self->failing, forecast_time_fmt((int64_t)v->value, t, sizeof(t)),
	    self->error[0] != '\0' ? self->error : "it could not be tried",
	    more);
}

static void
rule_config_reload_failed(const struct view *x, struct rule_value *v)
{
	v->value = x->s->reload_ok ? 0 : 1;
	rule_say(v,
	    "the last reload failed; the old configuration stays in force");
}

static void
rule_clock_leapt(const struct view *x, struct rule_value *v)
{
	char t[32];

	v->value = x->s->clock_doubted ? 1 : 0;
	rule_say(v, "nothing expires for %s",
	    forecast_time_fmt(x->s->clock_doubt_ms, t, sizeof(t)));
}

static void
rule_queue_full(const struct view *x, struct rule_value *v)
{
	v->known = x->s->indexed;
	v->value = x->s->queue_full ? 1 : 0;
	rule_say(v, "queue { max_messages = %" PRIu64 " } is reached",
	    x->s->queue_max);
}

static void
rule_spool_damaged(const struct view *x, struct rule_value *v)
{
	uint64_t n = x->s->count.damaged[DAMAGE_RECORD] +
	    x->s->count.damaged[DAMAGE_BODY];
	char count[40];

	v->value = n > 0 ? 1 : 0;
	rule_say(v, "%s damaged since the start",
	    forecast_count_fmt(n, "message", count, sizeof(count)));
}

/* For as long as a person who missed a notification might still look for it. */
#define TRAPS_LOST_MS (15 * 60 * 1000)

static void
rule_traps_lost(const struct view *x, struct rule_value *v)
{
	const struct snap_agentx *a = &x->s->agentx;
	char count[40];

	v->value = a->dropped_wall != 0 &&
		since_ms(a->dropped_wall * 1000, x->now) < TRAPS_LOST_MS ?
	    1 :
	    0;
	rule_say(v, "%s dropped since the start: %s",
	    forecast_count_fmt(a->notifications_dropped, "notification", count,
		sizeof(count)),
	    a->session ? "more than snmp { trap_rate, trap_queue } allow" :
			 "no master agent accepts them");
}

static void
rule_dnsbl_broken(const struct view *x, struct rule_value *v)
{
	/* after a start, not tested yet */
	v->may_clear = x->list->state != SNAP_DNSBL_UNTESTED;
	v->value = x->list->state == SNAP_DNSBL_BROKEN ? 1 : 0;
	rule_say(v, "%s", x->list->why);
}

/* An answer about the probe's own mailbox is no outage: the probe has to be
 * reconfigured. */
static void
rule_probe_finding(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = x->d->primary;
	char text[PEER_TEXT];

	v->known = false; /* after a start, not asked yet */
	for (unsigned i = 0; i < x->d->nprimaries && v->value == 0; i++) {
		v->known |= p[i].asked != 0;
		if (p[i].finding[0] == '\0')
			continue;
		v->value = 1;
		v->since_ms = p[i].finding_since * 1000;
		(void)strlcpy(v->primary, p[i].label, sizeof(v->primary));
		rule_say(v, "it answers, and %s",
		    text_cut(text, sizeof(text), p[i].finding));
	}
}

/* Mail goes on in clear, as `deliver { tls }` allows. */
static void
rule_tls_fallback(const struct view *x, struct rule_value *v)
{
	const struct snap_primary *p = x->d->primary;

	v->known = false;
	for (unsigned i = 0; i < x->d->nprimaries && v->value == 0; i++) {
		v->known |= p[i].probed;
		if (p[i].tls_fallback_since == 0)
			continue;
		v->value = 1;
		v->since_ms = p[i].tls_fallback_since * 1000;
		(void)strlcpy(v->primary, p[i].label, sizeof(v->primary));
		rule_say(v,
		    "TLS with it fails now, and its mail is sent in clear "
		    "text");
	}
}

/* Sent once: its duration and further trials change nothing. Ageing mail is
 * reported by queue_age. */
static void
rule_breaker_tripped(const struct view *x, struct rule_value *v)
{
	char wait[96], reply[PEER_TEXT];

	v->known = x->s->indexed;
	text_cut(reply, sizeof(reply),
	    x->d->breaker_reply[0] != '\0' ? x->d->breaker_reply :
					     "that it accepts none of it");
	/* Among breakers tripped together only one is reported. */
	if (x->d->breaker_since == 0 || x->d->breaker_follows)
		return;
	v->value = 1;
	v->since_ms = x->d->breaker_since * 1000;
	if (x->d->breaker_domains > 1) {
		(void)strlcpy(v->primary, x->d->breaker_primary,
		    sizeof(v->primary));
		rule_say(v,
		    "for %u domains it says %s; for this one %s; nothing is "
		    "returned",
		    x->d->breaker_domains, reply,
		    say_waiting(x, wait, sizeof(wait)));
		return;
	}
	rule_say(v, "it says %s; %s; nothing is returned", reply,
	    say_waiting(x, wait, sizeof(wait)));
}

static void
say_unconfirmed(struct rule_value *v, const char *name, uint64_t n,
    const char *one, const char *many, const char *trouble)
{
	char t[32], source[PEER_TEXT], why[PEER_TEXT];

	rule_say(v, "%s has not confirmed its %" PRIu64 " %s for %s%s%s",
	    text_cut(source, sizeof(source), name), n, n == 1 ? one : many,
	    forecast_time_fmt((int64_t)v->value, t, sizeof(t)),
	    trouble[0] != '\0' ? ": " : "",
	    text_cut(why, sizeof(why), trouble));
}

/* Recipients that joined or left the primary since then are judged wrongly. */
static void
rule_recipients_stale(const struct view *x, struct rule_value *v)
{
	v->since_ms = x->d->list_confirmed_ms;
	v->value = (double)since_ms(v->since_ms, x->now);
	say_unconfirmed(v, x->d->list, x->d->list_entries, "entry", "entries",
	    x->d->list_trouble);
}

/* New domains get no backup, and removed ones still do. */
static void
rule_domains_stale(const struct view *x, struct rule_value *v)
{
	const struct snap_source *src = &x->s->source;

	v->safe = src->name[0] == '\0';
	v->since_ms = src->confirmed_ms;
	v->value = (double)since_ms(v->since_ms, x->now);
	say_unconfirmed(v, src->name, src->domains, "domain", "domains",
	    src->trouble);
}

/* Told of errors alone: what may be wrong, or is worth knowing, wakes nobody. */
static void
rule_doctor_finding(const struct view *x, struct rule_value *v)
{
	unsigned n = snap_doctor_count(x->s, DOCTOR_ERROR);
	const struct snap_doctor *sd = x->s->doctor;
	const struct snap_finding *f =
	    sd != NULL && sd->nfindings > 0 ? sd->finding : NULL;
	char text[PEER_TEXT], count[40];

	v->known = x->s->doctor_ended != 0 || n > 0;
	v->value = n;
	rule_say(v, "mxwatchctl doctor shows %s%s%s",
	    forecast_count_fmt(n, "error", count, sizeof(count)),
	    n == 1 ? ": " : ", the first: ",
	    text_cut(text, sizeof(text),
		f != NULL && f->text != NULL ? f->text : ""));
}

/* Fires until a drill is delivered. It does not begin while the primary is down,
 * which has an alert of its own. */
static void
rule_drill_failed(const struct view *x, struct rule_value *v)
{
	const struct snap_drill *d = &x->d->drill;
	char text[PEER_TEXT];

	v->known = d->ended_ms != 0 &&
	    (d->ok || x->d->state == HEALTH_UP ||
		x->d->state == HEALTH_DISABLED);
	v->value = d->ended_ms != 0 && !d->ok ? 1 : 0;
	v->since_ms = d->ended_ms;
	rule_say(v, "a test message did not arrive: %s",
	    text_cut(text, sizeof(text), d->text));
}

static void (*const rule[ALERT_KIND_MAX])(const struct view *,
    struct rule_value *) = {
#define ALERT(name, ...) [ALERT_##name] = rule_##name,
#include "status/alert.def"
#undef ALERT
};

bool
rules_one(const struct view *x, enum alert_kind kind, rules_cb *fn, void *arg)
{
	struct rule_value v = { .known = true, .may_clear = true };
	const struct snap_primary *p;

	if (x->d != NULL && (p = first_primary(x)) != NULL)
		(void)strlcpy(v.primary, p->label, sizeof(v.primary));
	v.told_by_another = !voice_tells(x->s, kind, x->d);
	if (!v.told_by_another)
		rule[kind](x, &v);
	return fn(kind,
	    x->d != NULL	? x->d->name :
		x->list != NULL ? x->list->zone :
				  "",
	    &v, arg);
}
