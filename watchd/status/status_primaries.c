/* SPDX-License-Identifier: ISC
 * status_primaries: one object for each server. */
#include "status/status_primaries.h"

#include <string.h>

/* The words of EHLO, in the order of CLIENT_EXT_* (smtp/client.h). */
static const char *const ext_name[] = {
	"PIPELINING",
	"SIZE",
	"8BITMIME",
	"STARTTLS",
	"DSN",
	"SMTPUTF8",
	"ENHANCEDSTATUSCODES",
	"CHUNKING",
	"XFORWARD",
	"XMXWATCH",
};

static void
add_extensions(cJSON *o, const char *key, unsigned ext)
{
	cJSON *list = json_array(o, key);

	for (unsigned i = 0; i < MX_COUNT(ext_name); i++)
		if (((ext >> i) & 1) != 0)
			json_push(list, cJSON_CreateString(ext_name[i]));
}

static void
add_offer(cJSON *o, const struct snap_server *v)
{
	cJSON *j = json_member(o, "ehlo");

	json_time(j, "since", v->offer_since);
	add_extensions(j, "extensions", v->ext);
	json_num(j, "size", (double)v->size);
	json_num(j, "mails", v->limit_mails);
	json_num(j, "rcpts", v->limit_rcpts);
	add_extensions(j, "extensions_before", v->ext_before);
	json_num(j, "size_before", (double)v->size_before);
}

static void
add_phases(cJSON *o, const struct snap_server *v)
{
	cJSON *t = json_member(o, "phase_seconds");

	for (unsigned i = SMTP_PHASE_NONE + 1; i < SMTP_PHASE_MAX; i++)
		if (i != SMTP_PHASE_DATA && i != SMTP_PHASE_EOD)
			json_num(t, smtp_phase_name((enum smtp_phase)i),
			    v->phase_seconds[i]);
	json_text_or_null(o, "failed_phase",
	    v->failed_phase != SMTP_PHASE_NONE ?
		smtp_phase_name(v->failed_phase) :
		NULL);
}

static void
add_host(cJSON *o, const struct snap_host *h)
{
	cJSON *j = json_member(o, "delivery");

	json_num(j, "window", h->window);
	json_num(j, "ceiling", h->ceiling);
	json_num(j, "connections", h->connections);
	json_bool(j, "canary", h->canary);
	json_bool(j, "paused", h->paused);
	json_num(j, "refused", (double)h->refused);
	json_num(j, "max_messages", h->max_messages);
	json_num(j, "max_recipients", h->max_rcpts);
	json_num(j, "gap_seconds", h->gap_seconds);
	json_num(j, "latency_seconds", h->latency_seconds);
	json_time(j, "chunking_off_until", h->chunking_off_until);
	json_bool(j, "alone", h->alone);
}

void
status_availability(cJSON *o, const struct snap_host *h)
{
	json_time(o, "known_since", h->known_since);
	json_num(o, "availability_30d", h->availability[0]);
	json_num(o, "availability_365d", h->availability[1]);
}

cJSON *
status_server(const struct snap_server *v)
{
	cJSON *o = json_object();

	json_text(o, "primary", v->label);
	json_text(o, "reach", v->state_name);
	json_time(o, "reach_since", v->state_since);
	json_text(o, "cause", v->cause);
	json_bool(o, "backup", v->backup);
	json_num(o, "domains", v->domains);
	json_num(o, "policies", v->policies);
	json_bool(o, "probed", v->probed);
	json_bool(o, "healthy", v->healthy);
	add_phases(o, v);
	json_num(o, "code", v->code);
	json_text(o, "text", v->text);
	json_num(o, "probes", (double)v->probes);
	json_num(o, "failures", (double)v->failures);
	json_time(o, "last_run", v->last_run);
	json_time(o, "last_success", v->last_success);
	json_num(o, "slow_seconds", v->slow_seconds);
	json_num(o, "greeting_seconds", v->greeting_seconds);
	json_time(o, "cert_not_after", v->cert_not_after);
	json_num(o, "tls_fallbacks", (double)v->tls_fallbacks);
	json_time(o, "tls_fallback_since", v->tls_fallback_since);
	add_offer(o, v);
	json_num(o, "findings", v->findings);
	json_num(o, "asks", v->asks);
	json_text(o, "trouble", v->trouble);
	json_time(o, "trouble_since", v->trouble_since);
	status_availability(o, &v->host);
	add_host(o, &v->host);
	json_time(o, "maintenance_until", v->host.maintenance_until);
	return o;
}

void
status_primaries(cJSON *o, const struct snapshot *s,
    const struct snap_primary *of, unsigned n)
{
	cJSON *list = json_array(o, "primaries");
	const struct snap_server *v;

	for (unsigned i = 0; i < n; i++)
		if ((v = snapshot_server(s, of[i].label)) != NULL)
			json_push(list, status_server(v));
}

cJSON *
status_primaries_only(const struct snapshot *s, const struct snap_primary *of,
    unsigned n)
{
	cJSON *o = json_object();

	json_num(o, "time", (double)s->wall_ms / 1e3);
	status_primaries(o, s, of, n);
	return o;
}
