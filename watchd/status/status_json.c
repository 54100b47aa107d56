/* SPDX-License-Identifier: ISC
 * status_json: builds the status document with cJSON. Peer text goes in as
 * strings whose bytes are made valid UTF-8 first: what a primary replies is
 * not ours to trust. Times are Unix seconds, null for never. */
#include "status/status_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/mem.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static void
add_num(cJSON *o, const char *key, double v)
{
	MX_ASSERT(cJSON_AddNumberToObject(o, key, v) != NULL);
}

static void
add_bool(cJSON *o, const char *key, bool v)
{
	MX_ASSERT(cJSON_AddBoolToObject(o, key, v) != NULL);
}

/* Control and 8-bit bytes of peers become '?': replies are ASCII by right,
 * and a terminal or a page must not be steered by them. */
static void
add_text(cJSON *o, const char *key, const char *text)
{
	char clean[512];
	size_t i;

	for (i = 0; text[i] != '\0' && i < sizeof(clean) - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		clean[i] = c == '\n' ? ' ' : c < 32 || c > 126 ? '?' : (char)c;
	}
	clean[i] = '\0';
	MX_ASSERT(cJSON_AddStringToObject(o, key, clean) != NULL);
}

static void
add_time(cJSON *o, const char *key, int64_t seconds)
{
	if (seconds != 0)
		add_num(o, key, (double)seconds);
	else
		MX_ASSERT(cJSON_AddNullToObject(o, key) != NULL);
}

static cJSON *
add_object(cJSON *o, const char *key)
{
	cJSON *sub = cJSON_AddObjectToObject(o, key);

	MX_ASSERT(sub != NULL);
	return sub;
}

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
	cJSON *q = add_object(o, "queue");
	double age = d->oldest_ms == 0 || d->oldest_ms > now_ms ?
	    0 :
	    (double)(now_ms - d->oldest_ms) / 1e3;

	add_num(q, "messages", (double)(d->active + d->deferred + d->held));
	add_num(q, "active", (double)d->active);
	add_num(q, "deferred", (double)d->deferred);
	add_num(q, "held", (double)d->held);
	add_num(q, "recipients", (double)d->recipients);
	add_num(q, "bytes", (double)d->bytes);
	add_time(q, "oldest", d->oldest_ms / 1000);
	add_num(q, "oldest_age_seconds", age);
	add_num(q, "lifetime_seconds", (double)d->lifetime);
	add_time(q, "next_expiry", d->next_expiry_ms / 1000);
	add_time(q, "next_try", d->next_try_ms / 1000);
	add_bool(q, "on_hold", d->on_hold);
}

static void
add_flush(cJSON *o, const struct snap_flush *f)
{
	static const char *const trigger[] = { "recovery", "manual", "timer",
		"etrn" };
	cJSON *j;

	if (!f->running && f->end_ms == 0) {
		MX_ASSERT(cJSON_AddNullToObject(o, "flush") != NULL);
		return;
	}
	j = add_object(o, "flush");
	add_bool(j, "running", f->running);
	add_text(j, "trigger",
	    f->trigger < MX_COUNT(trigger) ? trigger[f->trigger] : "unknown");
	add_time(j, "start", f->start_ms / 1000);
	add_time(j, "end", f->end_ms / 1000);
	add_num(j, "total", (double)f->total);
	add_num(j, "remaining", (double)f->remaining);
	add_num(j, "delivered", (double)f->delivered);
	add_num(j, "deferred", (double)f->deferred);
	add_num(j, "failed", (double)f->failed);
	add_num(j, "rate", f->rate);
	if (f->running && f->eta_ms >= 0)
		add_num(j, "eta_seconds", (double)f->eta_ms / 1e3);
	else
		MX_ASSERT(cJSON_AddNullToObject(j, "eta_seconds") != NULL);
	add_bool(j, "complete", f->last_ok);
}

static void
add_counters(cJSON *o, const struct domain_stats *c)
{
	cJSON *j = add_object(o, "counters");

	add_num(j, "accepted_messages", (double)c->accepted_messages);
	add_num(j, "accepted_recipients", (double)c->accepted_recipients);
	add_num(j, "accepted_bytes", (double)c->accepted_bytes);
	add_num(j, "attempts", (double)c->attempts);
	add_num(j, "attempts_failed",
	    (double)sum(c->attempts_failed, SMTP_PHASE_MAX));
	add_num(j, "delivered", (double)c->delivered);
	add_num(j, "deferred", (double)sum(c->deferred, STATUS_LABEL_MAX));
	add_num(j, "bounced", (double)sum(c->bounced, STATUS_LABEL_MAX));
	add_num(j, "expired", (double)c->expired);
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

static void
add_alert(cJSON *list, const struct snap_alert *a)
{
	cJSON *o = cJSON_CreateObject();

	MX_ASSERT(o != NULL && cJSON_AddItemToArray(list, o));
	add_text(o, "alert", alert_name(a->kind));
	add_text(o, "domain", a->domain);
	add_text(o, "primary", a->primary);
	add_text(o, "severity", severity[a->severity]);
	add_text(o, "state", a->firing ? "firing" : "pending");
	add_bool(o, "silenced", a->silenced);
	add_time(o, "since", a->since);
	add_text(o, "summary", a->summary);
}

/* Receivers by their names, never by their addresses: those are secrets. */
static void
add_alerts(cJSON *o, const struct snapshot *s)
{
	cJSON *list = cJSON_AddArrayToObject(o, "alerts"), *j;

	MX_ASSERT(list != NULL);
	for (unsigned i = 0; i < s->nalerts; i++)
		add_alert(list, &s->alert[i]);
	list = cJSON_AddArrayToObject(o, "receivers");
	MX_ASSERT(list != NULL);
	for (unsigned i = 0; i < s->nreceivers; i++) {
		j = cJSON_CreateObject();
		MX_ASSERT(j != NULL && cJSON_AddItemToArray(list, j));
		add_text(j, "receiver", s->receiver[i].name);
		add_num(j, "sent", (double)s->receiver[i].sent);
		add_num(j, "failed", (double)s->receiver[i].failed);
		add_num(j, "pending", s->receiver[i].pending);
		add_time(j, "last_success", s->receiver[i].last_success);
		add_text(j, "error", s->receiver[i].error);
	}
}

/* The names of those that fire about one domain. */
static void
add_domain_alerts(cJSON *o, const struct snap_domain *d)
{
	cJSON *list = cJSON_AddArrayToObject(o, "alerts"), *name;

	MX_ASSERT(list != NULL);
	for (unsigned k = 0; k < ALERT_KIND_MAX; k++) {
		if (((d->alerts >> k) & 1) == 0)
			continue;
		name = cJSON_CreateString(alert_name((enum alert_kind)k));
		MX_ASSERT(name != NULL && cJSON_AddItemToArray(list, name));
	}
}

static cJSON *
primary_object(const struct snap_primary *p)
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
	cJSON *o = cJSON_CreateObject(), *t;
	const char *failed = NULL;

	MX_ASSERT(o != NULL);
	add_text(o, "primary", p->label);
	add_num(o, "priority", p->priority);
	add_bool(o, "probed", p->probed);
	add_bool(o, "healthy", p->healthy);
	t = add_object(o, "phase_seconds");
	for (unsigned i = 0; i < MX_COUNT(phases); i++) {
		add_num(t, phases[i].name, p->phase_seconds[phases[i].phase]);
		if (phases[i].phase == p->failed_phase)
			failed = phases[i].name;
	}
	if (failed != NULL)
		add_text(o, "failed_phase", failed);
	else
		MX_ASSERT(cJSON_AddNullToObject(o, "failed_phase") != NULL);
	add_num(o, "code", p->code);
	add_text(o, "text", p->text);
	add_num(o, "probes", (double)p->probes);
	add_num(o, "failures", (double)p->failures);
	add_time(o, "last_run", p->last_run);
	add_time(o, "last_success", p->last_success);
	add_time(o, "cert_not_after", p->cert_not_after);
	return o;
}

static cJSON *
domain_object(const struct snapshot *s, const struct snap_domain *d,
    int64_t now_ms)
{
	cJSON *o = cJSON_CreateObject(), *list;

	MX_ASSERT(o != NULL);
	add_text(o, "domain", d->count.name);
	add_bool(o, "configured", d->configured);
	add_text(o, "state", d->state_name);
	add_time(o, "state_since", d->state_since);
	add_text(o, "cause", d->cause);
	add_queue(o, d, now_ms);
	add_flush(o, &d->flush);
	add_counters(o, &d->count);
	add_domain_alerts(o, d);
	list = cJSON_AddArrayToObject(o, "primaries");
	MX_ASSERT(list != NULL);
	for (unsigned i = 0; i < d->nprimaries; i++)
		cJSON_AddItemToArray(list,
		    primary_object(&s->primary[d->first_primary + i]));
	return o;
}

static void
add_globals(cJSON *o, const struct snapshot *s)
{
	static const char *const spool[] = { "ok", "full", "failed" };
	cJSON *j;

	add_text(o, "version", PACKAGE_VERSION);
	add_text(o, "hostname", s->hostname);
	add_num(o, "time", (double)s->wall_ms / 1e3);
	add_time(o, "started", s->start);
	add_bool(o, "ready", s->ready);
	add_text(o, "not_ready", s->not_ready);
	j = add_object(o, "spool");
	add_text(j, "state",
	    s->spool_state < MX_COUNT(spool) ? spool[s->spool_state] :
					       "unknown");
	add_bool(j, "accepting", s->spool_state == 0);
	add_num(j, "free_bytes", (double)s->spool_free_bytes);
	add_num(j, "free_inodes", (double)s->spool_free_inodes);
	add_num(j, "reserve_bytes", (double)s->spool_reserve_bytes);
	j = add_object(o, "smtpd");
	add_num(j, "sessions", s->smtpd_sessions);
	add_num(j, "connections", (double)s->count.connections);
	j = add_object(o, "delivery");
	add_num(j, "connections", s->delivery_connections);
	j = add_object(o, "config");
	add_bool(j, "reload_ok", s->reload_ok);
	add_time(j, "loaded", s->reload_time);
}

char *
status_json(const struct snapshot *s, int64_t wall_ms)
{
	cJSON *o = cJSON_CreateObject(), *list;
	char *text;

	MX_ASSERT(o != NULL);
	add_globals(o, s);
	add_alerts(o, s);
	list = cJSON_AddArrayToObject(o, "domains");
	MX_ASSERT(list != NULL);
	for (unsigned i = 0; i < s->ndomains; i++)
		cJSON_AddItemToArray(list,
		    domain_object(s, &s->domain[i], wall_ms));
	text = cJSON_PrintUnformatted(o);
	MX_ASSERT(text != NULL);
	cJSON_Delete(o);
	return text;
}
