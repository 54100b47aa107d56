/* SPDX-License-Identifier: ISC
 * verb_why: explains what happens to a domain, a message or an address: its
 * state, the evidence, what comes next and which option would change it. The
 * same facts go along as fields for programs. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/claim.h"
#include "control/verbs.h"
#include "status/status_json.h"
#include "status/status_primaries.h"

#define REFUSED_SHOWN 20 /* names of a paragraph */

/* Whole seconds: more would be no help to a person. */
static const char *
ago(int64_t then_ms, int64_t now_ms, char *dst, size_t size)
{
	int64_t ms = now_ms > then_ms ? now_ms - then_ms : 0;

	return text_duration_fmt(ms / 1000 * 1000, dst, size);
}

static void
say_put_off(cJSON *list, const struct snap_domain *d)
{
	json_say(list,
	    "Its primary refused %u %s for good lately, and that is not "
	    "believed yet: the list has them, or they had mail before, or "
	    "nothing else was taken since. They are tried again until "
	    "`refusal_grace` is over; `mxwatchctl queue %s` and `mxwatchctl "
	    "show ID` have the replies.",
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
	    ago(now_ms, m->until * 1000, left, sizeof(left)),
	    m->reason[0] != '\0' ? ", for this reason: " : "", m->reason,
	    m->active ? "nobody is told of what is wrong with it, but that "
			"mail expires" :
			"nothing is delivered there, and no other one can be "
			"reached",
	    end);
	if (m->hold)
		json_say(list,
		    "Meanwhile its mail is held: it is accepted and gets "
		    "older, and all of it is delivered at the end of the "
		    "window.");
}

/* The primary refuses what it should take, and what follows. */
static void
say_breaker(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	char since[32], next[32];

	json_say(list,
	    "Its breaker is closed for %s: the primary answers, and refuses "
	    "for "
	    "good what it should take: %s. All mail is held, and none is given "
	    "back; it goes on getting old.",
	    ago(d->breaker_since * 1000, now_ms, since, sizeof(since)),
	    d->breaker_reply);
	if (d->breaker_domains > 1)
		json_say(list,
		    "%u domains of %s are closed together: one message of any "
		    "that it takes opens them all%s.",
		    d->breaker_domains, d->breaker_primary,
		    d->breaker_follows ? ", and one alert tells of all" : "");
	json_say(list,
	    "One message is tried now and then (%u %s refused so far%s%s) when "
	    "the probes are good, and opens it when it is taken; when the "
	    "primary "
	    "is mended, `mxwatchctl release %s` opens it at once.",
	    d->breaker_trials, d->breaker_trials == 1 ? "was" : "were",
	    d->breaker_trial * 1000 > now_ms ? ", the next in " : "",
	    d->breaker_trial * 1000 > now_ms ?
		ago(now_ms, d->breaker_trial * 1000, next, sizeof(next)) :
		"",
	    d->name);
}

static void
say_learned(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	char tested[32];

	if (d->tested_ms == 0)
		json_say(list,
		    "Which recipients it has is being learned "
		    "(`recipients_learn`); its primary was not asked yet.");
	else if (d->catch_all)
		json_say(list,
		    "Its primary takes any recipient, by a test %s ago; it is "
		    "asked again every day.",
		    ago(d->tested_ms, now_ms, tested, sizeof(tested)));
	else
		json_say(list,
		    "Of its recipients %ju are known and %ju were refused by "
		    "its primary, which is no catch-all by a test %s ago; "
		    "`mxwatchctl recipients %s` lists them.",
		    (uintmax_t)d->learned[0], (uintmax_t)d->learned[1],
		    ago(d->tested_ms, now_ms, tested, sizeof(tested)), d->name);
}

static void
say_state(cJSON *list, const struct snap_domain *d, int64_t now_ms)
{
	static const struct {
		const char *state, *means;
	} meaning[] = {
		{ "unknown",
		    "too few probes yet for a verdict (`probe { rise, "
		    "fall }`)" },
		{ "up", "mail for it is handed over as it comes" },
		{ "suspect",
		    "it failed lately; `probe { fall }` failures in a row make "
		    "it down" },
		{ "down",
		    "its mail is held and no attempt is made until `probe { "
		    "rise }` probes in a row succeed; the age of each message "
		    "counts on" },
		{ "recovering",
		    "it answers again: one message first, then more and "
		    "more" },
		{ "disabled",
		    "nobody watches it (`probe { enabled }`); only deliveries "
		    "tell" },
	};
	const char *means = "";
	char since[32];

	for (size_t i = 0; i < MX_COUNT(meaning); i++)
		if (strcmp(meaning[i].state, d->state_name) == 0)
			means = meaning[i].means;
	if (d->self_mx_since != 0 && d->self_mx_backup)
		means =
		    "no host of it takes its mail for good: what is handed "
		    "to a backup waits there; publish a better MX, or set "
		    "`primary` (or `primary_may_be_backup`, if its mail has "
		    "to go through that one)";
	else if (d->self_mx_since != 0)
		means = "by its MX records it has no primary but us; publish a "
			"better MX, or set `primary`, and its mail goes there";
	json_say(list, "%s is %s for %s: %s.", d->name, d->state_name,
	    ago(d->state_since * 1000, now_ms, since, sizeof(since)), means);
	if (d->cause[0] != '\0')
		json_say(list, "The cause: %s.", d->cause);
	if (d->breaker_since != 0)
		say_breaker(list, d, now_ms);
	else if (d->broken)
		json_say(list,
		    "It is down by itself: its primary is up, but the canary "
		    "of its recovery failed; `probe { rise }` good probes "
		    "after `probe { hold }` let one message try again.");
	if (d->put_off > 0)
		say_put_off(list, d);
	if (d->trouble[0] != '\0')
		json_say(list, "DNS: %s, for %s now.", d->trouble,
		    ago(d->trouble_since * 1000, now_ms, since, sizeof(since)));
	if (d->list_trouble[0] != '\0')
		json_say(list,
		    "Its list of recipients, %s: %s; %ju entries are used "
		    "that were confirmed %s ago.",
		    d->list, d->list_trouble, (uintmax_t)d->list_entries,
		    ago(d->list_confirmed_ms, now_ms, since, sizeof(since)));
	if (d->learns)
		say_learned(list, d, now_ms);
	if (d->removed)
		json_say(list,
		    "%s was removed from the configuration: nothing new is "
		    "accepted for it; what is queued goes by the settings that "
		    "it had, until it is delivered or has expired. `mxwatchctl "
		    "forget %s` ends that.",
		    d->name, d->name);
	if (d->mx_backup)
		json_say(list,
		    "%s has no section: mx_backup took it in, because the DNS "
		    "names this server behind one in its networks. Mail is "
		    "sent there only; `mxwatchctl why ADDRESS` tells what is "
		    "known of a recipient.",
		    d->name);
	if (d->on_hold)
		json_say(list,
		    "It is on hold: nothing is delivered and nothing expires "
		    "until `mxwatchctl release %s`.",
		    d->name);
	if (d->maintenance.active || d->maintenance.hold)
		say_maintenance(list, d, now_ms);
}

/* Why a long way is not filled. */
static void
say_way(cJSON *list, const char *label, const struct snap_host *h,
    int64_t now_ms)
{
	char t[32];

	if (h->chunking_off_until != 0)
		json_say(list,
		    "%s: it stumbled over BDAT, or over messages behind "
		    "messages, and gets DATA, one message at a time, for %s "
		    "more; `mxwatchctl flush DOMAIN` has it tried again at "
		    "once.",
		    label,
		    ago(now_ms, h->chunking_off_until * 1000, t, sizeof(t)));
	else if (h->alone)
		json_say(list,
		    "%s: nothing goes behind a message that is not answered, "
		    "for a minute: a connection was lost, or it refused what "
		    "it took before.",
		    label);
}

/* Lessons of deliveries about it. */
static void
say_host(cJSON *list, const char *label, const struct snap_host *h,
    int64_t now_ms)
{
	char t[32];

	say_way(list, label, h, now_ms);
	if (h->window == 0)
		return;
	json_say(list,
	    "%s: %u connections are open, of %u that it is asked for at most "
	    "now%s.",
	    label, h->connections, h->window,
	    h->paused	  ? "; none is made for a while, because nothing works "
			    "there" :
		h->canary ? "; one message goes alone until it got through" :
			    "");
	if (h->ceiling != 0)
		json_say(list,
		    "%s: it takes %u connections at once (learned; one more "
		    "is tried now and then).",
		    label, h->ceiling);
	if (h->max_messages != 0)
		json_say(list,
		    "%s: it takes %u messages over a connection (learned, for "
		    "a day).",
		    label, h->max_messages);
	if (h->max_rcpts != 0)
		json_say(list,
		    "%s: it takes %u recipients in a transaction (learned, "
		    "for a day).",
		    label, h->max_rcpts);
	if (h->gap_seconds > 0)
		json_say(list,
		    "%s: it wants %.1f s between messages (learned; less is "
		    "tried now and then).",
		    label, h->gap_seconds);
	if (h->latency_seconds > 0)
		json_say(list, "%s: a message takes %s there.", label,
		    text_duration_fmt((int64_t)(h->latency_seconds * 1e3), t,
			sizeof(t)));
}

/* The server itself, whatever the domain's settings make of it. */
static void
say_server(cJSON *list, const struct snap_server *v, int64_t now_ms)
{
	char since[32], t[32];

	json_say(list,
	    "The server %s, which %u %s: %s for %s (connect to EHLO)%s%s.",
	    v->label, v->domains,
	    v->domains == 1 ? "domain names" : "domains name", v->state_name,
	    ago(v->state_since * 1000, now_ms, since, sizeof(since)),
	    v->cause[0] != '\0' ? "; " : "", v->cause);
	if (v->tls_fallback_since != 0)
		json_say(list,
		    "%s: it did TLS, and no longer does for %s; its mail goes "
		    "in clear, as `deliver { tls }` allows.",
		    v->label,
		    ago(v->tls_fallback_since * 1000, now_ms, t, sizeof(t)));
	if (v->domains > 1)
		json_say(list,
		    "%s: a probe session asks for %u of its domains at most "
		    "(`probe { depth = \"rcpt\" }`).",
		    v->label, v->asks);
	say_host(list, v->label, &v->host, now_ms);
}

static void
say_finding(cJSON *list, const struct snap_primary *p, int64_t now_ms)
{
	char since[32];

	json_say(list,
	    "%s refuses the probe's %s for %s: %s. That is no outage; `probe { "
	    "rcpt, sender }` is what to change.",
	    p->label, p->finding_about != NULL ? p->finding_about : "mailbox",
	    ago(p->finding_since * 1000, now_ms, since, sizeof(since)),
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
	ago(p->last_run * 1000, now_ms, run, sizeof(run));
	if (p->tls_by != NULL)
		json_say(list,
		    "%s: about TLS decides `deliver { tls }`: %s%s%s.",
		    p->label, p->tls_by, p->tls_why[0] != '\0' ? ", for " : "",
		    p->tls_why);
	if (p->slow_seconds > 0)
		json_say(list,
		    "%s is slow: it had to be waited for %s, and `probe { "
		    "timeout }` is less.",
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
		    ago(p->last_success * 1000, now_ms, ok, sizeof(ok)));
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
	ago(d->oldest_ms, now_ms, age, sizeof(age));
	text_duration_fmt(d->lifetime * 1000, life, sizeof(life));
	json_say(list,
	    "%llu %s queued (%llu active, %llu deferred, %llu held); the "
	    "oldest is %s old, of a `lifetime` of %s.",
	    (unsigned long long)n, n == 1 ? "message is" : "messages are",
	    (unsigned long long)d->active, (unsigned long long)d->deferred,
	    (unsigned long long)d->held, age, life);
	if (d->held > 0 && !d->on_hold)
		json_say(list,
		    "What is held does not expire: `mxwatchctl queue %s` shows "
		    "it, `mxwatchctl release ID` lets it go.",
		    d->name);
	if (d->next_expiry_ms != 0)
		json_say(list,
		    "The first one expires in %s; `mxwatchctl extend %s +7d` "
		    "gives a week more.",
		    ago(now_ms, d->next_expiry_ms, left, sizeof(left)),
		    d->name);
	if (d->next_try_ms != 0 && !d->on_hold && !d->maintenance.hold)
		json_say(list,
		    "The next attempt is due in %s (`retry { first, max }`), "
		    "when the primary is not down; `mxwatchctl flush %s` "
		    "tries now.",
		    ago(now_ms, d->next_try_ms, left, sizeof(left)), d->name);
}

/* What the nodes see of its primary; that of the owner decides. */
static void
add_verdicts(const struct call *c, cJSON *o, cJSON *list, const char *domain,
    int64_t now_ms)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	struct control_verdict v[CONTROL_NODES];
	cJSON *verdicts, *one;
	char since[32];
	unsigned n;

	n = ops->verdicts(ops->arg, domain, v, MX_COUNT(v));
	verdicts = json_array(o, "verdicts");
	for (unsigned i = 0; i < n; i++) {
		one = json_push_object(verdicts);
		json_text(one, "node", v[i].node);
		json_text(one, "state", v[i].state);
		json_time(one, "since", v[i].since);
		json_text(one, "cause", v[i].cause);
		json_say(list, "Node %s has seen it %s for %s%s%s.", v[i].node,
		    v[i].state,
		    ago(v[i].since * 1000, now_ms, since, sizeof(since)),
		    v[i].cause[0] != '\0' ? ": " : "", v[i].cause);
	}
}

/* Whose it is: by that node's probes its mail goes, or waits. */
static void
say_owner(const struct call *c, cJSON *list, const char *domain)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	struct control_node node[CONTROL_NODES];
	unsigned owner, n;

	if (ops->nodes == NULL)
		return;
	owner = claim_denied(c, domain) ? 0 : ops->owner(ops->arg, domain);
	n = ops->nodes(ops->arg, node, MX_COUNT(node));
	for (unsigned i = 0; i < n; i++)
		if (node[i].id == owner)
			json_say(list,
			    "Its mail is delivered by node %s, and by what "
			    "that one sees of its primaries.",
			    node[i].name);
	if (owner == 0)
		json_say(list,
		    "It is no node's just now: its mail waits until one takes "
		    "it.");
}

static void
say_domain(cJSON *list, const struct snapshot *s, const struct snap_domain *d)
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
	say_queue(list, d, s->wall_ms);
	if (s->spool_state != STORE_OK)
		json_say(list,
		    "The spool accepts nothing now (%s): every new message is "
		    "answered 4xx.",
		    s->spool_state == STORE_FULL ?
			"too little free space, `queue { reserve }`" :
			s->spool_state == STORE_STALLED ?
			"the disk does not answer, `smtpd { store_timeout }`" :
			"the disk failed");
	if (s->clock_doubted)
		json_say(list,
		    "The wall clock leapt ahead by more than `queue { "
		    "clock_step }`: nothing expires and no delay is told of "
		    "for %s; set the clock, if it is wrong.",
		    text_duration_fmt(s->clock_doubt_ms, doubt, sizeof(doubt)));
}

/* Of a domain that only has mail queued: bounces on their way, say. */
static void
say_stranger(cJSON *list, struct call *c, const char *domain)
{
	const struct relay *r = call_relay(c);
	struct relay_domain rd;

	r->domain(r->self, domain, &rd);
	if (relay_domain_messages(&rd) == 0)
		json_say(list,
		    "%s is not in the configuration, and nothing is queued "
		    "for it.",
		    domain);
	else
		json_say(list,
		    "%s is not in the configuration; %llu messages are queued "
		    "for it (notifications to senders go to such domains).",
		    domain, (unsigned long long)(relay_domain_messages(&rd)));
}

/* The answer's frame; explain is the array of sentences. */
static cJSON *
answer_create(const char *kind, const char *subject, cJSON **explain)
{
	cJSON *o = json_object();

	json_text(o, "subject", subject);
	json_text(o, "kind", kind);
	json_null(o, "domain");
	(void)json_array(o, "messages");
	json_null(o, "rcpt");
	(void)json_array(o, "primaries");
	*explain = json_array(o, "explain");
	return o;
}

static void
replace(cJSON *o, const char *key, cJSON *item)
{
	MX_ASSERT(item != NULL &&
	    cJSON_ReplaceItemInObjectCaseSensitive(o, key, item));
}

/* The servers of the domain, whole. */
static cJSON *
servers_of(const struct snapshot *s, const struct snap_domain *d)
{
	cJSON *list = cJSON_CreateArray();
	const struct snap_server *v;

	for (unsigned i = 0; i < d->nprimaries; i++)
		if ((v = snapshot_server(s, d->primary[i].label)) != NULL)
			json_push(list, status_server(v));
	return list;
}

struct refused_say {
	struct buf names;
	unsigned n, more;
};

static void
on_refused(void *arg, const char *mailbox, int64_t since_ms)
{
	struct refused_say *s = arg;

	(void)since_ms;
	if (s->more > 0 || s->n == REFUSED_SHOWN ||
	    buf_addf(&s->names, "%s%s", s->n > 0 ? ", " : "", mailbox) != 0)
		s->more++;
	else
		s->n++;
}

/* Whoever keeps the list has to know whom to take out. */
static void
say_refused(struct call *c, cJSON *explain, const char *domain)
{
	const struct relay *r = call_relay(c);
	struct refused_say s = { .names = BUF_INIT(4096) };
	char more[32] = "";

	r->refused(r->self, domain, on_refused, &s);
	if (s.more > 0)
		snprintf(more, sizeof(more), " and %u more", s.more);
	if (s.n > 0)
		json_say(explain,
		    "In the list, refused by the primary: %s%s. They get 450 "
		    "here until the file of `recipients` is another one: take "
		    "them out of it, or have the primary take them.",
		    buf_str(&s.names), more);
	buf_fini(&s.names);
}

static void
add_domain(struct call *c, cJSON *o, cJSON *explain, const char *domain)
{
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, domain);
	const struct snap_domain *d = snapshot_find(s, domain);
	cJSON *shown;

	if (d == NULL) {
		say_stranger(explain, c, domain);
		goto out;
	}
	say_domain(explain, s, d);
	say_owner(c, explain, domain);
	if (call_ops(c)->cluster.nodes != NULL)
		add_verdicts(c, o, explain, domain, s->wall_ms);
	say_refused(c, explain, domain);
	shown = status_json_domain(d, s->wall_ms);
	if (claim_denied(c, domain))
		claim_none(shown);
	replace(o, "domain", shown);
	replace(o, "primaries", servers_of(s, d));
out:
	snapshot_unref(&s);
}

static void
why_address(struct call *c)
{
	cJSON *explain, *o = answer_create("address", c->address, &explain);
	size_t local = (size_t)(strrchr(c->address, '@') - c->address);
	char reply[160] = "", *mailbox, *clean;
	struct buf rule = BUF_INIT(4096);

	clean = mem_strndup(c->address, local);
	mailbox = mem_printf("%s@%s", clean, c->domain);
	mem_free(&clean);
	call_ops(c)->rcpt(call_ops(c)->arg, mailbox, reply, sizeof(reply),
	    &rule);
	replace(o, "rcpt", cJSON_CreateString(reply));
	json_say(explain, "RCPT TO:<%s> is answered \"%s\" now.", mailbox,
	    reply);
	if (rule.len > 0)
		json_say(explain, "%s", buf_str(&rule));
	buf_fini(&rule);
	mem_free(&mailbox);
	add_domain(c, o, explain, c->domain);
	call_send(c, o);
	call_done(c, CONTROL_OK, NULL);
}

static void
say_message(cJSON *list, const struct msg_view *v, int64_t now_ms)
{
	char id[TEXT_ID_MAX], t[32];

	json_say(list, "%s, from <%s> to %u at %s, is %s; it came %s ago.",
	    text_id(v->id, id), v->sender, v->nrcpts, v->domain,
	    msg_state_name(v->state), ago(v->arrival_ms, now_ms, t, sizeof(t)));
	if (v->state == MSG_HELD)
		json_say(list,
		    "It is held: no attempt is made and it does not expire "
		    "until `mxwatchctl release %s`.",
		    id);
	if (v->attempts > 0)
		json_say(list, "%u %s so far, the last %s ago with %s.",
		    v->attempts, v->attempts == 1 ? "attempt" : "attempts",
		    ago(v->last_try_ms, now_ms, t, sizeof(t)),
		    v->host[0] != '\0' ? v->host : "no host reached");
	else
		json_say(list, "No attempt has been made yet.");
	for (unsigned i = 0; v->rcpts != NULL && i < v->nrcpts && i < 10; i++)
		json_say(list, "<%s> is %s%s%s", v->rcpts[i].mailbox,
		    v->rcpts[i].state,
		    v->rcpts[i].reply[0] != '\0' ? ": " : ".",
		    v->rcpts[i].reply);
	if (v->state == MSG_DEFERRED && v->due_ms > now_ms)
		json_say(list,
		    "The next attempt is due in %s, or when the primary comes "
		    "back.",
		    ago(now_ms, v->due_ms, t, sizeof(t)));
	if (v->notice_ms != 0)
		json_say(list,
		    "Nothing is tried any more: its sender is told in %s "
		    "(`dsn { rate }`), and then it is gone.",
		    ago(now_ms, v->notice_ms, t, sizeof(t)));
	if (v->expiry_ms != 0)
		json_say(list,
		    "It expires in %s (`lifetime`) and is returned to its "
		    "sender then.",
		    ago(now_ms, v->expiry_ms, t, sizeof(t)));
}

static void
on_why(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	struct call *c = call_of_ticket(arg);
	int64_t now_ms = clock_wall_ms();
	cJSON *explain, *o;
	char id[TEXT_ID_MAX];
	unsigned shown = 0;

	if (c == NULL)
		return;
	o = answer_create("message", text_id(c->msg, id), &explain);
	for (unsigned i = 0; rc >= 0 && i < n; i++) {
		if (!c->all_parts && v[i].id != c->msg)
			continue;
		json_push(json_get(o, "messages"), verbs_message(&v[i], true));
		say_message(explain, &v[i], now_ms);
		add_domain(c, o, explain, v[i].domain);
		shown++;
	}
	if (shown == 0) {
		cJSON_Delete(o);
		if (rc < 0 && rc != -MX_ENOENT)
			call_fail(c, CONTROL_FAILED, "%s: %s", id,
			    mx_strerror(rc));
		else
			call_missing(c,
			    "%s: no such message: delivered, returned or "
			    "never here; the log knows",
			    id);
		return;
	}
	call_send(c, o);
	call_done(c, CONTROL_OK, NULL);
}

void
verb_why(struct call *c)
{
	const struct relay *r = call_relay(c);
	cJSON *explain, *o;

	if ((c->fields & FIELD_ID) != 0) {
		r->show(r->self, c->msg, on_why, call_ticket(c));
		return;
	}
	if ((c->fields & FIELD_ADDRESS) != 0) {
		why_address(c);
		return;
	}
	if (!verbs_domain_known(c))
		return;
	o = answer_create("domain", c->domain, &explain);
	add_domain(c, o, explain, c->domain);
	call_send(c, o);
	call_done(c, CONTROL_OK, NULL);
}
