/* SPDX-License-Identifier: ISC
 * why_domain: see why_domain.h. */
#include "control/why_domain.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "status/json.h"

const char *
why_ago(int64_t then_ms, int64_t now_ms, char *dst, size_t size)
{
	int64_t ms = now_ms > then_ms ? now_ms - then_ms : 0;

	return text_duration_fmt(ms / 1000 * 1000, dst, size);
}

static void
say_put_off(cJSON *list, const struct snap_domain *d)
{
	json_say(list,
	    "Its primary permanently refused %u %s lately. That is not trusted "
	    "yet: they are in the list, or had mail before, or nothing else "
	    "was accepted since. They are tried again until `refusal_grace` is "
	    "over; `mxwatchctl queue %s` and `mxwatchctl show ID` have the "
	    "replies.",
	    d->put_off, d->put_off == 1 ? "recipient" : "recipients", d->name);
}

static void
say_maintenance(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	const struct snap_maintenance *m = &d->maintenance;
	char left[32], end[100];

	if (m->id != 0)
		snprintf(end, sizeof(end), "%ju", (uintmax_t)m->id);
	else
		snprintf(end, sizeof(end), "\"%s\"", m->name);
	json_say(list,
	    "%s in a maintenance window for %s more%s%s: %s; `mxwatchctl "
	    "maintenance --end %s` ends that.",
	    m->active ? "It is" : "A primary of it is",
	    why_ago(now_ms, m->until * 1000, left, sizeof(left)),
	    m->reason[0] != '\0' ? ", for this reason: " : "", m->reason,
	    m->active ? "no alert about it is sent, except that mail expires" :
			"nothing is delivered there, and no other one can be "
			"reached",
	    end);
	if (m->hold)
		json_say(list,
		    "Meanwhile its mail is held: it is accepted, its age "
		    "counts on, and all of it is delivered at the end of the "
		    "window.");
}

static void
say_redirect(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	const struct snap_redirect *r = &d->redirect;
	char since[32], left[32], end[48] = "until that is ended";

	if (r->until != 0)
		(void)snprintf(end, sizeof(end), "for %s more",
		    why_ago(now_ms, r->until * 1000, left, sizeof(left)));
	json_say(list,
	    "By the order of an operator %s ago (uid %lld%s%s) its mail goes "
	    "to "
	    "%s, %s; the configuration says %s. `mxwatchctl redirect --end %s` "
	    "ends that.",
	    why_ago(r->since * 1000, now_ms, since, sizeof(since)),
	    (long long)r->uid, r->reason[0] != '\0' ? ", " : "", r->reason,
	    r->to, end, r->instead_of, d->name);
}

/* The primary refuses what it should accept, and the consequences. */
static void
say_breaker(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	char since[32], next[32];

	json_say(list,
	    "Its breaker tripped %s ago: the primary answers, but permanently "
	    "refuses mail that it should accept: %s. All mail is held and none "
	    "is returned; its age counts on.",
	    why_ago(d->breaker_since * 1000, now_ms, since, sizeof(since)),
	    d->breaker_reply);
	if (d->breaker_domains > 1)
		json_say(list,
		    "The breakers of %u domains of %s tripped together: one "
		    "message for any of them that it accepts resets them "
		    "all%s.",
		    d->breaker_domains, d->breaker_primary,
		    d->breaker_follows ? ", and one alert covers all of "
					 "them" :
					 "");
	json_say(list,
	    "While the probes succeed, one message is tried now and then (%u "
	    "%s refused so far%s%s); when one is accepted, the breaker is "
	    "reset. Once the primary is repaired, `mxwatchctl release %s` "
	    "resets it at once.",
	    d->breaker_trials, d->breaker_trials == 1 ? "was" : "were",
	    d->breaker_trial * 1000 > now_ms ? ", the next in " : "",
	    d->breaker_trial * 1000 > now_ms ?
		why_ago(now_ms, d->breaker_trial * 1000, next, sizeof(next)) :
		"",
	    d->name);
}

static void
say_learned(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	char tested[32];

	if (d->tested_ms == 0)
		json_say(list,
		    "Its recipients are being learned (`recipients_learn`); "
		    "its primary has not been asked yet.");
	else if (d->catch_all)
		json_say(list,
		    "Its primary accepts any recipient, by a test %s ago; the "
		    "test is repeated daily.",
		    why_ago(d->tested_ms, now_ms, tested, sizeof(tested)));
	else
		json_say(list,
		    "Of its recipients, %ju are known and %ju were refused by "
		    "its primary, which is not a catch-all, by a test %s ago; "
		    "`mxwatchctl recipients %s` lists them.",
		    (uintmax_t)d->learned[0], (uintmax_t)d->learned[1],
		    why_ago(d->tested_ms, now_ms, tested, sizeof(tested)),
		    d->name);
}

static void
say_state(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	static const struct {
		const char *state, *means;
	} meaning[] = {
		{ "unknown",
		    "too few probes so far to decide (`probe { rise, fall "
		    "}`)" },
		{ "up", "its mail is relayed as it arrives" },
		{ "suspect",
		    "it failed lately; `probe { fall }` failures in a row make "
		    "it down" },
		{ "down",
		    "its mail stays queued without attempts until `probe { "
		    "rise }` probes in a row succeed; the age of each message "
		    "counts on" },
		{ "recovering",
		    "it answers again; one message is sent first, then "
		    "gradually more" },
		{ "disabled",
		    "it is not probed (`probe { enabled }`); only deliveries "
		    "show its state" },
	};
	const char *means = "";
	char since[32];

	for (size_t i = 0; i < MX_COUNT(meaning); i++)
		if (strcmp(meaning[i].state, d->state_name) == 0)
			means = meaning[i].means;
	if (d->self_mx_since != 0 && d->self_mx_backup)
		means =
		    "none of its hosts is the final destination: mail relayed "
		    "to another backup would wait there; publish a better MX, "
		    "or set `primary` (or `primary_may_be_backup`, if its mail "
		    "must go through that host)";
	else if (d->self_mx_since != 0)
		means = "by its MX records it has no primary but this server; "
			"publish a better MX, or set `primary`";
	json_say(list, "%s is %s for %s: %s.", d->name, d->state_name,
	    why_ago(d->state_since * 1000, now_ms, since, sizeof(since)),
	    means);
	if (d->cause[0] != '\0')
		json_say(list, "Cause: %s.", d->cause);
	if (d->breaker_since != 0)
		say_breaker(list, d, now_ms);
	else if (d->broken)
		json_say(list,
		    "Only this domain is down: its primary is up, but the "
		    "first message of its recovery failed; one message is "
		    "tried again after `probe { rise }` good probes that "
		    "follow `probe { hold }`.");
	if (d->put_off > 0)
		say_put_off(list, d);
	if (d->trouble[0] != '\0')
		json_say(list, "DNS: %s, for %s now.", d->trouble,
		    why_ago(d->trouble_since * 1000, now_ms, since,
			sizeof(since)));
	if (d->list_trouble[0] != '\0')
		json_say(list,
		    "Its list of recipients, %s: %s; the %ju entries in force "
		    "were confirmed %s ago.",
		    d->list, d->list_trouble, (uintmax_t)d->list_entries,
		    why_ago(d->list_confirmed_ms, now_ms, since,
			sizeof(since)));
	if (d->learns)
		say_learned(list, d, now_ms);
	if (d->redirect.active)
		say_redirect(list, d, now_ms);
	if (d->removed)
		json_say(list,
		    "%s was removed from the configuration: no new mail is "
		    "accepted for it; queued mail keeps its old settings until "
		    "it is delivered or expires. `mxwatchctl forget %s` drops "
		    "them.",
		    d->name, d->name);
	if (d->mx_backup)
		json_say(list,
		    "%s has no section: mx_backup accepted it, because its MX "
		    "records list this server after one in `networks`. Its "
		    "mail is sent only there; `mxwatchctl why ADDRESS` shows "
		    "what is known about a recipient.",
		    d->name);
	if (d->on_hold)
		json_say(list,
		    "It is on hold: nothing is delivered and nothing expires "
		    "until `mxwatchctl release %s`.",
		    d->name);
	if (d->maintenance.active || d->maintenance.hold)
		say_maintenance(list, d, now_ms);
}

static void
say_drill(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	const struct snap_drill *s = &d->drill;
	char ago[32], took[32];

	if (s->began_ms != 0)
		json_say(list,
		    "A drill is under way for %s: `mxwatchctl drill %s` "
		    "follows it.",
		    why_ago(s->began_ms, now_ms, ago, sizeof(ago)), d->name);
	if (s->ended_ms == 0)
		return;
	why_ago(s->ended_ms, now_ms, ago, sizeof(ago));
	if (s->ok)
		json_say(list, "The last drill, %s ago, was delivered in %s.",
		    ago,
		    text_duration_fmt((int64_t)(s->took_seconds * 1e3), took,
			sizeof(took)));
	else
		json_say(list,
		    "The last drill, %s ago, failed: %s. When that is mended, "
		    "`mxwatchctl drill %s` tries again.",
		    ago, s->text, d->name);
}

/* Why messages are not pipelined to a host. */
static void
say_way(cJSON *list, const char *label, const struct snap_host *h,
    int64_t now_ms)
{
	char t[32];

	if (h->chunking_off_until != 0)
		json_say(list,
		    "%s: it failed with BDAT or with pipelined messages, and "
		    "gets DATA, one message at a time, for %s more; "
		    "`mxwatchctl flush DOMAIN` tries again at once.",
		    label,
		    why_ago(now_ms, h->chunking_off_until * 1000, t,
			sizeof(t)));
	else if (h->alone)
		json_say(list,
		    "%s: no pipelining of messages for a minute: a connection "
		    "was lost, or it refused what it accepted before.",
		    label);
}

/* The window of the host, and the limits that deliveries have learned. */
static void
say_host(cJSON *list, const char *label, const struct snap_host *h,
    int64_t now_ms)
{
	char t[32];

	say_way(list, label, h, now_ms);
	if (h->window == 0)
		return;
	json_say(list, "%s: open connections: %u, at most %u for now%s.", label,
	    h->connections, h->window,
	    h->paused	  ? "; no new one for a while, because all attempts "
			    "fail" :
		h->canary ? "; one message is sent alone until one is "
			    "accepted" :
			    "");
	if (h->ceiling != 0)
		json_say(list,
		    "%s: it accepts %u connections at once (learned; one more "
		    "is tried now and then).",
		    label, h->ceiling);
	if (h->max_messages != 0)
		json_say(list,
		    "%s: it accepts %u messages per connection (learned, for a "
		    "day).",
		    label, h->max_messages);
	if (h->max_rcpts != 0)
		json_say(list,
		    "%s: it accepts %u recipients per transaction (learned, "
		    "for a day).",
		    label, h->max_rcpts);
	if (h->gap_seconds > 0)
		json_say(list,
		    "%s: it needs %.1f s between messages (learned; less is "
		    "tried now and then).",
		    label, h->gap_seconds);
	if (h->latency_seconds > 0)
		json_say(list, "%s: a message takes %s there.", label,
		    text_duration_fmt((int64_t)(h->latency_seconds * 1e3), t,
			sizeof(t)));
}

/* The server itself, independent of the domain's settings. */
static void
say_server(cJSON *list, const struct snap_server *v, int64_t now_ms)
{
	char since[32], t[32];

	json_say(list,
	    "The server %s, which %u %s: %s for %s (connect to EHLO)%s%s.",
	    v->label, v->domains,
	    v->domains == 1 ? "domain names" : "domains name", v->state_name,
	    why_ago(v->state_since * 1000, now_ms, since, sizeof(since)),
	    v->cause[0] != '\0' ? "; " : "", v->cause);
	if (v->tls_fallback_since != 0)
		json_say(list,
		    "%s: it supported TLS, and has not for %s; its mail is "
		    "sent in clear text, as `deliver { tls }` allows.",
		    v->label,
		    why_ago(v->tls_fallback_since * 1000, now_ms, t,
			sizeof(t)));
	if (v->domains > 1)
		json_say(list,
		    "%s: a probe session checks recipients of at most %u of "
		    "its domains (`probe { depth = \"rcpt\" }`).",
		    v->label, v->asks);
	say_host(list, v->label, &v->host, now_ms);
}

static void
say_finding(cJSON *list, const struct snap_primary *p, int64_t now_ms)
{
	char since[32];

	json_say(list,
	    "%s has refused the probe's %s for %s: %s. That is not an outage; "
	    "change `probe { rcpt, sender }`.",
	    p->label, p->finding_about != NULL ? p->finding_about : "mailbox",
	    why_ago(p->finding_since * 1000, now_ms, since, sizeof(since)),
	    p->finding);
}

static void
say_primary(cJSON *list, const struct snap_primary *p, int64_t now_ms)
{
	char run[32], ok[32];

	if (!p->probed) {
		json_say(list, "%s has not been probed yet.", p->label);
		return;
	}
	why_ago(p->last_run * 1000, now_ms, run, sizeof(run));
	if (p->tls_by != NULL)
		json_say(list,
		    "%s: TLS is decided by `deliver { tls }`: %s%s%s.",
		    p->label, p->tls_by, p->tls_why[0] != '\0' ? ", for " : "",
		    p->tls_why);
	if (p->slow_seconds > 0)
		json_say(list,
		    "%s is slow: it took %s to answer, longer than `probe { "
		    "timeout }`.",
		    p->label,
		    text_duration_fmt((int64_t)(p->slow_seconds * 1000), ok,
			sizeof(ok)));
	if (p->finding[0] != '\0')
		say_finding(list, p, now_ms);
	if (p->healthy) {
		json_say(list, "%s: the probe %s ago succeeded.", p->label,
		    run);
		return;
	}
	json_say(list, "%s: the probe %s ago failed at %s: %s.", p->label, run,
	    smtp_phase_name(p->failed_phase),
	    p->text[0] != '\0' ? p->text : "no reason given");
	if (p->last_success == 0)
		json_say(list, "%s: no probe has succeeded since the start.",
		    p->label);
	else
		json_say(list, "%s: the last good probe was %s ago.", p->label,
		    why_ago(p->last_success * 1000, now_ms, ok, sizeof(ok)));
}

static void
say_flush(cJSON *list, const struct snap_flush *f, unsigned window)
{
	char eta[32];

	if (!f->running)
		return;
	json_say(list,
	    "A flush is running: %llu of %llu messages left, %.1f a second, "
	    "%s left; window %u of `deliver { connections }`.",
	    (unsigned long long)f->remaining, (unsigned long long)f->total,
	    f->rate,
	    f->eta_ms < 0 ? "an unknown time" :
			    text_duration_fmt(f->eta_ms, eta, sizeof(eta)),
	    window);
}

static void
say_queue(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	uint64_t n = snap_domain_messages(d);
	char age[32], life[32], left[32];

	if (n == 0) {
		json_say(list, "Nothing is queued for it.");
		return;
	}
	why_ago(d->oldest_ms, now_ms, age, sizeof(age));
	text_duration_fmt(d->lifetime * 1000, life, sizeof(life));
	json_say(list,
	    "%llu %s queued (%llu active, %llu deferred, %llu held); the "
	    "oldest is %s old, of a `lifetime` of %s.",
	    (unsigned long long)n, n == 1 ? "message is" : "messages are",
	    (unsigned long long)d->active, (unsigned long long)d->deferred,
	    (unsigned long long)d->held, age, life);
	if (d->held > 0 && !d->on_hold)
		json_say(list,
		    "Held messages do not expire: `mxwatchctl queue %s` lists "
		    "them, `mxwatchctl release ID` releases one.",
		    d->name);
	if (d->next_expiry_ms != 0)
		json_say(list,
		    "The first one expires in %s; `mxwatchctl extend %s +7d` "
		    "adds a week.",
		    why_ago(now_ms, d->next_expiry_ms, left, sizeof(left)),
		    d->name);
	if (d->next_try_ms != 0 && !d->on_hold && !d->maintenance.hold)
		json_say(list,
		    "The next attempt is due in %s (`retry { first, max }`), "
		    "unless the primary is down; `mxwatchctl flush %s` tries "
		    "now.",
		    why_ago(now_ms, d->next_try_ms, left, sizeof(left)),
		    d->name);
}

void
why_domain(cJSON *list, const struct snapshot *s, const struct snap_domain *d)
{
	const struct snap_primary *p;
	const struct snap_server *v;
	char doubt[32];

	say_state(list, d, s->wall_ms);
	if (d->elsewhere)
		json_say(list, "It comes from %s (domains_from)%s%s.",
		    s->source.name,
		    s->source.trouble[0] != '\0' ? ", which fails: " : "",
		    s->source.trouble);
	for (unsigned i = 0; i < d->nprimaries; i++) {
		p = &d->primary[i];
		say_primary(list, p, s->wall_ms);
		if ((v = snapshot_server(s, p->label)) != NULL)
			say_server(list, v, s->wall_ms);
	}
	say_flush(list, &d->flush, d->window);
	say_drill(list, d, s->wall_ms);
	say_queue(list, d, s->wall_ms);
	if (s->spool_state != STORE_OK)
		json_say(list,
		    "The spool accepts no mail now (%s): every new message is "
		    "answered 4xx.",
		    s->spool_state == STORE_FULL ?
			"too little free space, `queue { reserve }`" :
			s->spool_state == STORE_STALLED ?
			"the disk does not answer, `smtpd { store_timeout }`" :
			"the disk failed");
	if (s->clock_doubted)
		json_say(list,
		    "The wall clock leapt ahead by more than `queue { "
		    "clock_step }`: nothing expires and no delay is reported "
		    "for %s; set the clock, if it is wrong.",
		    text_duration_fmt(s->clock_doubt_ms, doubt, sizeof(doubt)));
}
