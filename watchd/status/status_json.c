/* SPDX-License-Identifier: ISC
 * status_json: builds the status document with cJSON. Peer text is made valid
 * UTF-8 first, because replies cannot be trusted. Times are Unix seconds, null
 * for never. With many domains it is 100 MB long: it is made piece by piece. */
#include "status/status_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "status/json.h"
#include "status/status_brief.h"
#include "status/status_cluster.h"
#include "status/status_primaries.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static uint64_t
sum(const uint64_t *v, unsigned n)
{
	uint64_t total = 0;

	while (n-- > 0)
		total += v[n];
	return total;
}

static void
add_queue(cJSON *o, const struct snap_domain *d, int64_t now_ms)
{
	cJSON *q = json_member(o, "queue");
	double age = d->oldest_ms == 0 || d->oldest_ms > now_ms ?
	    0 :
	    (double)(now_ms - d->oldest_ms) / 1e3;
	double extended = (double)d->ripest_life_ms / 1e3 - (double)d->lifetime;

	json_num(q, "messages", (double)snap_domain_messages(d));
	json_num(q, "active", (double)d->active);
	json_num(q, "deferred", (double)d->deferred);
	json_num(q, "held", (double)d->held);
	json_num(q, "recipients", (double)d->recipients);
	json_num(q, "bytes", (double)d->bytes);
	json_time(q, "oldest", d->oldest_ms / 1000);
	json_num(q, "oldest_age_seconds", age);
	json_num(q, "lifetime_seconds", (double)d->lifetime);
	json_num(q, "extended_seconds", extended > 0 ? extended : 0);
	json_num(q, "lifetime_used_ratio", snap_lifetime_used(d, now_ms));
	json_time(q, "next_expiry", d->next_expiry_ms / 1000);
	json_time(q, "next_try", d->next_try_ms / 1000);
	json_bool(q, "on_hold", d->on_hold);
}

/* null: open. */
static void
add_breaker(cJSON *o, const struct snap_domain *d)
{
	cJSON *j;

	if (d->breaker_since == 0) {
		json_null(o, "breaker");
		return;
	}
	j = json_member(o, "breaker");
	json_time(j, "since", d->breaker_since);
	json_text(j, "reply", d->breaker_reply);
	json_text_or_null(j, "primary",
	    d->breaker_domains > 0 ? d->breaker_primary : NULL);
	json_num(j, "domains", d->breaker_domains > 0 ? d->breaker_domains : 1);
	json_bool(j, "follows", d->breaker_follows);
	json_num(j, "trials", d->breaker_trials);
	json_time(j, "next_trial", d->breaker_trial);
}

/* null: none. */
static void
add_maintenance(cJSON *o, const struct snap_maintenance *m)
{
	cJSON *j;

	if (!m->active && !m->hold) {
		json_null(o, "maintenance");
		return;
	}
	j = json_member(o, "maintenance");
	json_time(j, "from", m->from);
	json_time(j, "until", m->until);
	json_bool(j, "silent", m->active);
	json_bool(j, "hold", m->hold);
	if (m->id != 0)
		json_num(j, "id", (double)m->id);
	else
		json_null(j, "id");
	json_text(j, "name", m->name);
	if (m->uid >= 0)
		json_num(j, "uid", (double)m->uid);
	else
		json_null(j, "uid");
	json_text(j, "reason", m->reason);
}

/* The hosts of "mx1.example.org, mx2.example.org"; none of a sentence. */
static void
add_hosts(cJSON *o, const char *key, const char *hosts)
{
	cJSON *list = json_array(o, key);
	char *text = json_clean(hosts), *rest = text, *host;

	while ((host = strsep(&rest, ",")) != NULL) {
		host += *host == ' ';
		if (strchr(host, ' ') == NULL)
			json_push(list, cJSON_CreateString(host));
	}
	mem_free(&text);
}

void
status_json_redirect(cJSON *o, const struct snap_redirect *r)
{
	cJSON *j = json_member(o, "redirect");

	add_hosts(j, "to", r->to);
	add_hosts(j, "instead_of", r->instead_of);
	json_time(j, "since", r->since);
	json_time(j, "until", r->until);
	if (r->uid >= 0)
		json_num(j, "uid", (double)r->uid);
	else
		json_null(j, "uid");
	json_text(j, "reason", r->reason);
}

/* null: none was made, and none is scheduled. */
static void
add_drill(cJSON *o, const struct snap_drill *d)
{
	cJSON *j;

	if (!d->known) {
		json_null(o, "drill");
		return;
	}
	j = json_member(o, "drill");
	json_time_ms(j, "running_since", d->began_ms);
	json_time_ms(j, "last", d->ended_ms);
	if (d->ended_ms != 0) {
		json_bool(j, "delivered", d->ok);
		json_num(j, "seconds", d->took_seconds);
	} else {
		json_null(j, "delivered");
		json_null(j, "seconds");
	}
	json_text(j, "reply", d->text);
	json_time_ms(j, "next", d->next_ms);
}

static void
add_flush(cJSON *o, const struct snap_flush *f)
{
	static const char *const trigger[] = { "recovery", "manual", "timer",
		"etrn" };
	cJSON *j;

	if (!f->running && f->end_ms == 0) {
		json_null(o, "flush");
		return;
	}
	j = json_member(o, "flush");
	json_bool(j, "running", f->running);
	json_text(j, "trigger",
	    f->trigger < MX_COUNT(trigger) ? trigger[f->trigger] : "unknown");
	json_time(j, "start", f->start_ms / 1000);
	json_time(j, "end", f->end_ms / 1000);
	json_num(j, "total", (double)f->total);
	json_num(j, "remaining", (double)f->remaining);
	json_num(j, "delivered", (double)f->delivered);
	json_num(j, "deferred", (double)f->deferred);
	json_num(j, "failed", (double)f->failed);
	json_num(j, "rate", f->rate);
	if (f->running && f->eta_ms >= 0)
		json_num(j, "eta_seconds", (double)f->eta_ms / 1e3);
	else
		json_null(j, "eta_seconds");
	json_bool(j, "complete", f->last_ok);
}

static void
add_counters(cJSON *o, const struct domain_stats *c)
{
	cJSON *j = json_member(o, "counters");

	json_num(j, "accepted_messages", (double)c->accepted_messages);
	json_num(j, "accepted_recipients", (double)c->accepted_recipients);
	json_num(j, "accepted_bytes", (double)c->accepted_bytes);
	json_num(j, "attempts", (double)c->attempts);
	json_num(j, "attempts_failed",
	    (double)sum(c->attempts_failed, SMTP_PHASE_MAX));
	json_num(j, "delivered", (double)c->delivered);
	json_num(j, "deferred", (double)sum(c->deferred, STATUS_LABEL_MAX));
	json_num(j, "bounced", (double)sum(c->bounced, STATUS_LABEL_MAX));
	json_num(j, "expired", (double)c->expired);
	json_num(j, "put_off", (double)sum(c->put_off, JUDGE_SCOPE_MAX));
}

static void
add_recent(cJSON *o, const struct domain_fate *f)
{
	static const char *const window[STATS_WINDOW_MAX] = { "1h", "1d" };
	cJSON *all = json_member(o, "recent"), *j;

	for (unsigned i = 0; i < STATS_WINDOW_MAX; i++) {
		j = json_member(all, window[i]);
		json_num(j, "delivered", (double)f[i].delivered);
		json_num(j, "bounced", (double)f[i].bounced);
		json_num(j, "expired", (double)f[i].expired);
	}
}

static const char *const severity[] = { "none", "warning", "critical" };

static const char *
alert_name(enum alert_kind kind)
{
	static const char *const names[ALERT_KIND_MAX] = {
#define ALERT(name, ...) [ALERT_##name] = #name,
#include "status/alert.def"
#undef ALERT
	};

	return names[kind];
}

static bool
is_list(const struct snap_alert *a)
{
	return alert_scope(a->kind) == ALERT_SCOPE_LIST;
}

cJSON *
status_json_alert(const struct snap_alert *a)
{
	cJSON *o = json_object();

	json_text(o, "alert", alert_name(a->kind));
	json_text(o, "domain", is_list(a) ? "" : a->domain);
	json_text(o, "list", is_list(a) ? a->domain : "");
	json_text(o, "primary", a->primary);
	json_text(o, "severity", severity[a->severity]);
	json_text(o, "state", a->firing ? "firing" : "pending");
	json_bool(o, "silenced", a->silenced);
	json_bool(o, "held", a->held);
	if (a->acked_by != NULL && a->acked_by[0] != '\0')
		json_text(o, "acked_by", a->acked_by);
	json_time(o, "since", a->since);
	json_text(o, "summary", a->summary);
	return o;
}

/* Receivers by name, never by address, which is a secret. For one domain: its
 * alerts and those of the daemon and its lists; NULL: all. */
static void
add_alerts(cJSON *o, const struct snapshot *s, const char *domain)
{
	const struct snap_alerts *t = s->told;
	cJSON *list = json_array(o, "alerts"), *j;

	for (unsigned i = 0; i < t->nalerts; i++)
		if (domain == NULL || t->alert[i].domain[0] == '\0' ||
		    is_list(&t->alert[i]) ||
		    strcmp(t->alert[i].domain, domain) == 0)
			json_push(list, status_json_alert(&t->alert[i]));
	list = json_array(o, "receivers");
	for (unsigned i = 0; i < t->nreceivers; i++) {
		j = json_push_object(list);
		json_text(j, "receiver", t->receiver[i].name);
		json_num(j, "sent", (double)t->receiver[i].sent);
		json_num(j, "failed", (double)t->receiver[i].failed);
		json_num(j, "pending", t->receiver[i].pending);
		json_time(j, "last_success", t->receiver[i].last_success);
		json_text(j, "error", t->receiver[i].error);
	}
	list = json_array(o, "heartbeats");
	for (unsigned i = 0; i < t->nheartbeats; i++) {
		j = json_push_object(list);
		json_text(j, "heartbeat", t->heartbeat[i].name);
		json_time(j, "last_success", t->heartbeat[i].last_success);
	}
}

static void
add_dnsbls(cJSON *o, const struct snapshot *s)
{
	static const char *const state[] = { "untested", "ok", "broken" };
	cJSON *list = json_array(o, "dnsbls"), *j;

	for (unsigned i = 0; i < s->ndnsbls; i++) {
		j = json_push_object(list);
		json_text(j, "list", s->dnsbl[i].zone);
		json_text(j, "state", state[s->dnsbl[i].state]);
		json_text(j, "why", s->dnsbl[i].why);
		json_bool(j, "silent", s->dnsbl[i].silent);
		json_num(j, "queries", (double)s->dnsbl[i].queries);
		json_num(j, "hits", (double)s->dnsbl[i].hits);
		json_num(j, "failures", (double)s->dnsbl[i].failures);
		json_num(j, "refusals", (double)s->dnsbl[i].refusals);
	}
}

/* The names of the alerts that fire about one domain. */
static void
add_domain_alerts(cJSON *o, const struct snap_domain *d)
{
	cJSON *list = json_array(o, "alerts");

	for (unsigned k = 0; k < ALERT_KIND_MAX; k++)
		if (((d->alerts >> k) & 1) != 0)
			json_push(list,
			    cJSON_CreateString(alert_name((enum alert_kind)k)));
}

/* The answer when the probe asked for the domain. */
static void
add_asked(cJSON *o, const struct snap_primary *p)
{
	static const char *const answer[] = { "not_asked", "taken", "put_off",
		"refused" };

	json_num(o, "slow_seconds", p->slow_seconds);
	json_time(o, "tls_fallback_since", p->tls_fallback_since);
	json_text(o, "answer",
	    p->answer < MX_COUNT(answer) ? answer[p->answer] : "unknown");
	json_time(o, "asked", p->asked);
	json_text(o, "finding", p->finding);
	json_text(o, "finding_about",
	    p->finding_about != NULL ? p->finding_about : "");
	json_time(o, "finding_since", p->finding_since);
}

cJSON *
status_json_primary(const struct snap_primary *p)
{
	static const struct {
		const char *name;
		enum smtp_phase phase;
	} phases[] = { { "resolve", SMTP_PHASE_RESOLVE },
		{ "connect", SMTP_PHASE_CONNECT },
		{ "greeting", SMTP_PHASE_GREETING },
		{ "ehlo", SMTP_PHASE_EHLO },
		{ "starttls", SMTP_PHASE_STARTTLS },
		{ "mail", SMTP_PHASE_MAIL }, { "rcpt", SMTP_PHASE_RCPT },
		{ "quit", SMTP_PHASE_QUIT } };
	cJSON *o = json_object(), *t;
	const char *failed = NULL;

	json_text(o, "primary", p->label);
	json_num(o, "priority", p->priority);
	json_bool(o, "probed", p->probed);
	json_bool(o, "healthy", p->healthy);
	t = json_member(o, "phase_seconds");
	for (unsigned i = 0; i < MX_COUNT(phases); i++) {
		json_num(t, phases[i].name, p->phase_seconds[phases[i].phase]);
		if (phases[i].phase == p->failed_phase)
			failed = phases[i].name;
	}
	json_text_or_null(o, "failed_phase", failed);
	json_num(o, "code", p->code);
	json_text(o, "text", p->text);
	json_num(o, "probes", (double)p->probes);
	json_num(o, "failures", (double)p->failures);
	json_time(o, "last_run", p->last_run);
	json_time(o, "last_success", p->last_success);
	json_time(o, "cert_not_after", p->cert_not_after);
	json_text_or_null(o, "tls_by", p->tls_by);
	json_text(o, "tls_why", p->tls_why);
	add_asked(o, p);
	return o;
}

/* null: no list. */
static void
add_list(cJSON *o, const struct snap_domain *d)
{
	cJSON *list;

	if (d->list[0] == '\0') {
		json_null(o, "recipients_list");
		return;
	}
	list = json_member(o, "recipients_list");
	json_text(list, "source", d->list);
	json_num(list, "entries", (double)d->list_entries);
	json_time_ms(list, "confirmed", d->list_confirmed_ms);
	json_text(list, "trouble", d->list_trouble);
}

/* null: not learned. */
static void
add_learned(cJSON *o, const struct snap_domain *d)
{
	cJSON *learned;

	if (!d->learns) {
		json_null(o, "recipients_learned");
		return;
	}
	learned = json_member(o, "recipients_learned");
	json_num(learned, "good", (double)d->learned[0]);
	json_num(learned, "bad", (double)d->learned[1]);
	json_bool(learned, "catch_all", d->catch_all);
	json_time_ms(learned, "tested", d->tested_ms);
}

void
status_json_recipients(cJSON *o, const struct snap_domain *d)
{
	add_list(o, d);
	add_learned(o, d);
}

cJSON *
status_json_domain(const struct snap_domain *d, int64_t now_ms)
{
	cJSON *o = json_object(), *list;

	json_text(o, "domain", d->name);
	json_bool(o, "configured", !d->removed);
	json_bool(o, "removed", d->removed);
	json_bool(o, "mx_backup", d->mx_backup);
	json_bool(o, "elsewhere", d->elsewhere);
	json_text(o, "state", d->state_name);
	json_time(o, "state_since", d->state_since);
	if (d->unwell_since != 0)
		json_time(o, "unwell_since", d->unwell_since);
	json_text(o, "cause", d->cause);
	json_bool(o, "broken", d->broken);
	json_text(o, "trouble", d->trouble);
	json_time(o, "trouble_since", d->trouble_since);
	add_breaker(o, d);
	add_maintenance(o, &d->maintenance);
	if (d->redirect.active)
		status_json_redirect(o, &d->redirect);
	else
		json_null(o, "redirect");
	add_drill(o, &d->drill);
	add_queue(o, d, now_ms);
	add_flush(o, &d->flush);
	add_counters(o, &d->count);
	add_recent(o, d->recent);
	add_domain_alerts(o, d);
	status_json_recipients(o, d);
	status_cluster_domain(o, d);
	list = json_array(o, "primaries");
	for (unsigned i = 0; i < d->nprimaries; i++)
		json_push(list, status_json_primary(&d->primary[i]));
	return o;
}

/* null: all domains are from the file. */
static void
add_source(cJSON *o, const struct snap_source *s)
{
	cJSON *j;

	if (s->name[0] == '\0') {
		json_null(o, "domains_source");
		return;
	}
	j = json_member(o, "domains_source");
	json_text(j, "source", s->name);
	json_num(j, "domains", (double)s->domains);
	json_time_ms(j, "confirmed", s->confirmed_ms);
	json_text(j, "trouble", s->trouble);
}

static void
add_snmp(cJSON *o, const struct snap_agentx *a)
{
	cJSON *j, *taken;

	if (!a->wanted) {
		json_null(o, "snmp");
		return;
	}
	j = json_member(o, "snmp");
	json_bool(j, "session", a->session);
	json_bool(j, "connected", a->connected);
	taken = json_array(j, "taken");
	for (unsigned i = 0; i < a->ntaken; i++)
		json_text(json_push_object(taken), "module", a->taken[i]);
	json_num(j, "notifications_waiting", a->notifications_waiting);
	json_num(j, "notifications_dropped", (double)a->notifications_dropped);
	json_time(j, "dropped", a->dropped_wall);
}

static void
add_globals(cJSON *o, const struct snapshot *s)
{
	cJSON *j;

	json_text(o, "version", PACKAGE_VERSION);
	json_text(o, "hostname", s->hostname);
	json_num(o, "time", (double)s->wall_ms / 1e3);
	json_time(o, "started", s->start);
	json_bool(o, "ready", s->ready);
	json_text(o, "not_ready", s->not_ready);
	j = json_member(o, "spool");
	json_text(j, "state", store_state_name(s->spool_state));
	json_bool(j, "accepting", s->spool_state == STORE_OK);
	json_bool(j, "unwritable", s->spool_unwritable);
	json_num(j, "size_bytes", (double)s->spool_size_bytes);
	json_num(j, "free_bytes", (double)s->spool_free_bytes);
	json_num(j, "free_inodes", (double)s->spool_free_inodes);
	json_num(j, "reserve_bytes", (double)s->spool_reserve_bytes);
	json_num(j, "damaged", (double)sum(s->count.damaged, DAMAGE_MAX));
	j = json_member(o, "queue");
	json_bool(j, "full", s->queue_full);
	json_num(j, "max_messages", (double)s->queue_max);
	j = json_member(o, "reports");
	json_num(j, "messages", (double)s->reports_messages);
	json_num(j, "bytes", (double)s->reports_bytes);
	json_time(j, "oldest", s->reports_oldest_ms / 1000);
	j = json_member(o, "vault");
	json_num(j, "messages", (double)s->vault_messages);
	json_num(j, "bytes", (double)s->vault_bytes);
	json_time(j, "oldest", s->vault_oldest_ms / 1000);
	j = json_member(o, "mx_backup");
	json_bool(j, "on", s->mx_backup);
	json_num(j, "domains", s->mx_backup_domains);
	j = json_member(o, "smtpd");
	json_num(j, "sessions", s->smtpd_sessions);
	json_num(j, "sessions_max", s->smtpd_sessions_max);
	json_bool(j, "stress", s->smtpd_stress != 0);
	json_num(j, "connections", (double)s->count.connections);
	json_bool(j, "certificate_refused", s->smtpd_cert_refused);
	json_bool(json_member(o, "web"), "files_refused", s->web_refused);
	j = json_member(o, "delivery");
	json_num(j, "connections", s->delivery_connections);
	json_num(j, "connections_max", s->delivery_connections_max);
	j = json_member(o, "config");
	json_bool(j, "reload_ok", s->reload_ok);
	json_time(j, "loaded", s->reload_time);
	add_source(o, &s->source);
	add_snmp(o, &s->agentx);
	status_cluster(o, &s->cluster);
	j = json_member(o, "clock");
	json_bool(j, "doubted", s->clock_doubted);
	json_num(j, "believed_in_seconds", (double)s->clock_doubt_ms / 1e3);
}

cJSON *
status_json_one(const struct snapshot *s, const struct snap_domain *d,
    int64_t wall_ms)
{
	cJSON *o = json_object();

	add_globals(o, s);
	add_alerts(o, s, d->name);
	status_primaries(o, s, d->primary, d->nprimaries);
	json_push(json_array(o, "domains"), status_json_domain(d, wall_ms));
	return o;
}

cJSON *
status_json_finding(const struct snap_finding *f)
{
	cJSON *o = json_object();

	json_text(o, "domain", f->domain);
	json_text(o, "check", doctor_check_name(f->check));
	json_text(o, "severity", doctor_severity_name(f->severity));
	json_text(o, "text", f->text);
	json_text(o, "remedy", f->remedy);
	json_time(o, "checked", f->checked);
	return o;
}

static void
add_doctor(cJSON *o, const struct snapshot *s)
{
	static const char *const key[DOCTOR_SEVERITY_MAX] = { NULL, "infos",
		"warnings", "errors" };
	const struct snap_doctor *sd = s->doctor;
	cJSON *j = json_member(o, "doctor"), *list;

	json_bool(j, "running", s->doctor_running);
	json_time(j, "checked", s->doctor_ended);
	for (unsigned i = DOCTOR_SEVERITY_MAX; --i > DOCTOR_OK;)
		json_num(j, key[i],
		    snap_doctor_count(s, (enum doctor_severity)i));
	list = json_array(j, "findings");
	for (unsigned i = 0; sd != NULL && i < sd->nfindings; i++)
		json_push(list, status_json_finding(&sd->finding[i]));
}

/* Adds the document so far without its last brace, and opens a list in it. */
static int
put_open(struct buf *out, cJSON *o, const char *list)
{
	char *text = json_print(o);
	size_t len = strlen(text);
	int rc;

	MX_ASSERT(len > 2 && text[len - 1] == '}');
	rc = buf_add(out, text, len - 1);
	cJSON_free(text);
	return rc != 0 ? rc : buf_adds(out, list);
}

/* The document up to the bracket that opens its list of primaries; the list of
 * domains is the last member. */
static int
put_head(struct buf *out, const struct snapshot *s, bool primaries_only)
{
	cJSON *o = json_object();

	if (primaries_only) {
		json_num(o, "time", (double)s->wall_ms / 1e3);
	} else {
		add_globals(o, s);
		add_alerts(o, s, NULL);
		add_dnsbls(o, s);
		add_doctor(o, s);
	}
	return put_open(out, o, ",\"primaries\":[");
}

static int
put_item(struct buf *out, bool first, cJSON *o)
{
	char *text = json_print(o);
	int rc = first ? 0 : buf_add(out, ",", 1);

	if (rc == 0)
		rc = buf_adds(out, text);
	cJSON_free(text);
	return rc;
}

static cJSON *
walk_domain(const struct status_walk *w, const struct snapshot *s,
    int64_t wall_ms)
{
	const struct snap_domain *d = snap_list_at(&s->domains, w->next);

	return w->brief ? status_brief_domain(d, wall_ms) :
			  status_json_domain(d, wall_ms);
}

int
status_json_next(struct status_walk *w, const struct snapshot *s,
    int64_t wall_ms, struct buf *out)
{
	unsigned left = STATUS_JSON_PIECE;
	int rc = 0;

	if (!w->begun)
		rc = put_head(out, s, w->primaries_only);
	w->begun = true;
	for (; rc == 0 && w->next_server < s->nservers && left > 0;
	     w->next_server++, left--)
		rc = put_item(out, w->next_server == 0,
		    w->brief ? status_brief_server(s->server[w->next_server]) :
			       status_server(s->server[w->next_server]));
	if (rc != 0 || w->next_server < s->nservers)
		return rc;
	if (w->primaries_only) {
		rc = buf_adds(out, "]}");
		return rc != 0 ? rc : 1;
	}
	if (!w->domains)
		rc = buf_adds(out, "],\"domains\":[");
	w->domains = true;
	if (w->head_only)
		return rc != 0 ? rc : 1;
	for (; rc == 0 && w->next < s->domains.n && left > 0; w->next++, left--)
		rc = put_item(out, w->next == 0, walk_domain(w, s, wall_ms));
	if (rc != 0 || w->next < s->domains.n)
		return rc;
	rc = buf_adds(out, "]}");
	return rc != 0 ? rc : 1;
}

char *
status_json(const struct snapshot *s, int64_t wall_ms, bool brief)
{
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	struct status_walk w = { .brief = brief };
	int rc;

	while ((rc = status_json_next(&w, s, wall_ms, &out)) == 0)
		;
	MX_ASSERT(rc == 1);
	return buf_take(&out);
}
