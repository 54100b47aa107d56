/* SPDX-License-Identifier: ISC
 * ctl_status: `mxwatchctl status`: a table of 100 columns for all domains, or
 * everything about one. A name that is too long for its column stands on a
 * line of its own, whole: names are there to be copied. */
#include <string.h>

#include "base/calendar.h"
#include "base/text.h"
#include "control/ctl_cluster.h"
#include "control/ctl_format.h"

enum { W_DOMAIN = 24, W_STATE = 10, W_SINCE = 6, W_QUEUED = 7, W_OLDEST = 11 };
enum { W_EXPIRY = 7, W_PRIMARY = 19 };

/* "12d 40%": of the lifetime. */
static const char *
oldest(const cJSON *queue, char *dst, size_t size)
{
	char t[32];

	if (json_get_num(queue, "messages") < 1)
		return "-";
	text_duration_fmt(json_get_int(queue, "oldest_age_seconds") * 1000, t,
	    sizeof(t));
	(void)snprintf(dst, size, "%s %.0f%%", t,
	    100 * json_get_num(queue, "lifetime_used_ratio"));
	return dst;
}

static void
flush_progress(struct format *f, const cJSON *flush)
{
	double total = json_get_num(flush, "total");
	double left = json_get_num(flush, "remaining");
	char eta[32];

	if (!json_get_bool(flush, "running"))
		return;
	fprintf(f->out, "  flush: %.0f of %.0f done, %.1f/s", total - left,
	    total, json_get_num(flush, "rate"));
	if (cJSON_IsNumber(json_get(flush, "eta_seconds")))
		fprintf(f->out, ", %s left",
		    text_duration_fmt(json_get_int(flush, "eta_seconds") * 1000,
			eta, sizeof(eta)));
	fprintf(f->out, "\n");
}

/* "until 2026-12-01 04:00, mail is held: updates" */
static void
put_maintenance(struct format *f, const cJSON *m)
{
	char t[32];

	fprintf(f->out, "until %s%s",
	    calendar_time_fmt(json_get_int(m, "until"), t, sizeof(t)),
	    json_get_bool(m, "hold") ? ", mail is held" : "");
	if (json_get_text(m, "reason")[0] != '\0') {
		fprintf(f->out, ": ");
		format_cell(f->out, json_get_text(m, "reason"), 0);
	}
	fprintf(f->out, "\n");
}

static void
primary_cells(struct format *f, const cJSON *p)
{
	char t[32], probe[64];

	format_cell(f->out, json_get_text(p, "primary"), W_PRIMARY);
	if (!json_get_bool(p, "probed"))
		(void)strlcpy(probe, "-", sizeof(probe));
	else
		(void)snprintf(probe, sizeof(probe), "%s %s",
		    json_get_bool(p, "healthy") ? "ok" : "bad",
		    format_age(f, p, "last_run", t, sizeof(t)));
	fprintf(f->out, " %s\n", probe);
}

static void
domain_row(struct format *f, const cJSON *d)
{
	const cJSON *queue = json_get(d, "queue"), *p;
	const cJSON *primaries = json_get(d, "primaries");
	const char *name = json_get_text(d, "domain");
	char t[64], queued[32];
	bool first = true;

	if (strlen(name) > W_DOMAIN) {
		format_cell(f->out, name, 0);
		fprintf(f->out, "\n");
		name = "";
	}
	format_cell(f->out, name, W_DOMAIN);
	fprintf(f->out, " ");
	format_cell(f->out,
	    json_get_bool(queue, "on_hold") ? "on hold" :
		json_get_bool(d, "removed") ? "removed" :
		cJSON_IsObject(json_get(d, "breaker")) ?
					      "breaker" :
					      json_get_text(d, "state"),
	    W_STATE);
	fprintf(f->out, " %-*s", W_SINCE,
	    format_age(f, d, "state_since", t, sizeof(t)));
	if (format_owner_is_none(d) && json_get_num(queue, "messages") < 1)
		(void)strlcpy(queued, "-", sizeof(queued));
	else
		(void)snprintf(queued, sizeof(queued), "%.0f",
		    json_get_num(queue, "messages"));
	fprintf(f->out, " %*s", W_QUEUED, queued);
	fprintf(f->out, " %-*s", W_OLDEST, oldest(queue, t, sizeof(t)));
	fprintf(f->out, " %-*s ", W_EXPIRY,
	    format_in(f, queue, "next_expiry", t, sizeof(t)));
	cJSON_ArrayForEach (p, primaries) {
		if (!first)
			fprintf(f->out, "%*s",
			    W_DOMAIN + W_STATE + W_SINCE + W_QUEUED + W_OLDEST +
				W_EXPIRY + 6,
			    "");
		first = false;
		primary_cells(f, p);
	}
	if (first)
		fprintf(f->out, "-\n");
	if (cJSON_IsObject(json_get(d, "maintenance"))) {
		fprintf(f->out, "  maintenance ");
		put_maintenance(f, json_get(d, "maintenance"));
	}
	format_owner_row(f, d);
	flush_progress(f, json_get(d, "flush"));
}

static void
stress(struct format *f, const cJSON *smtpd)
{
	if (json_get_bool(smtpd, "stress"))
		fprintf(f->out,
		    "STRESS: %.0f of %.0f sessions in; time-outs are short\n",
		    json_get_num(smtpd, "sessions"),
		    json_get_num(smtpd, "sessions_max"));
}

/* The lists in the DNS, a row for each. */
static void
lists(struct format *f, const cJSON *list)
{
	const cJSON *l;

	cJSON_ArrayForEach (l, list) {
		fprintf(f->out, "dnsbl ");
		format_cell(f->out, json_get_text(l, "list"), 0);
		fprintf(f->out,
		    " %s%s, %.0f queries, %.0f hits, %.0f failed, "
		    "%.0f recipients refused",
		    json_get_text(l, "state"),
		    json_get_bool(l, "silent") ? ", SILENT" : "",
		    json_get_num(l, "queries"), json_get_num(l, "hits"),
		    json_get_num(l, "failures"), json_get_num(l, "refusals"));
		if (json_get_text(l, "why")[0] != '\0') {
			fprintf(f->out, "; IGNORED: ");
			format_cell(f->out, json_get_text(l, "why"), 0);
		}
		fprintf(f->out, "\n");
	}
}

static void
domains_source(struct format *f, const cJSON *source)
{
	char t[32];

	if (!cJSON_IsObject(source))
		return;
	fprintf(f->out, "domains from ");
	format_cell(f->out, json_get_text(source, "source"), 0);
	fprintf(f->out, ": %.0f, confirmed %s ago",
	    json_get_num(source, "domains"),
	    format_age(f, source, "confirmed", t, sizeof(t)));
	if (json_get_text(source, "trouble")[0] != '\0') {
		fprintf(f->out, "; FAILS: ");
		format_cell(f->out, json_get_text(source, "trouble"), 0);
	}
	fprintf(f->out, "\n");
}

/* Only what is not as it should be. */
static void
snmp(struct format *f, const cJSON *snmp)
{
	const cJSON *taken = json_get(snmp, "taken"), *t;

	if (!cJSON_IsObject(snmp))
		return;
	if (!json_get_bool(snmp, "session"))
		fprintf(f->out,
		    "SNMP: NO MASTER AGENT; %.0f notifications "
		    "wait\n",
		    json_get_num(snmp, "notifications_waiting"));
	cJSON_ArrayForEach (t, taken) {
		fprintf(f->out, "SNMP: ");
		format_cell(f->out, json_get_text(t, "module"), 0);
		fprintf(f->out,
		    " is SERVED BY ANOTHER at the master agent; "
		    "see mxwatch-agentx(8)\n");
	}
}

static void
foot(struct format *f, const cJSON *o)
{
	const cJSON *spool = json_get(o, "spool");
	const cJSON *clock = json_get(o, "clock");
	char size[32], t[32];

	fprintf(f->out, "\nspool ");
	format_cell(f->out, json_get_text(spool, "state"), 0);
	fprintf(f->out, ", %s free%s; ",
	    text_size_fmt(json_get_int(spool, "free_bytes"), size,
		sizeof(size)),
	    json_get_bool(spool, "accepting") ? "" : ", NO NEW MAIL");
	if (json_get_bool(spool, "unwritable"))
		fprintf(f->out, "CANNOT BE WRITTEN, NO DELIVERIES; ");
	if (json_get_num(spool, "damaged") > 0)
		fprintf(f->out, "%.0f messages DAMAGED; ",
		    json_get_num(spool, "damaged"));
	if (json_get_num(json_get(o, "reports"), "messages") > 0)
		fprintf(f->out, "reports %.0f queued, oldest %s; ",
		    json_get_num(json_get(o, "reports"), "messages"),
		    format_age(f, json_get(o, "reports"), "oldest", t,
			sizeof(t)));
	fprintf(f->out, "%.0f sessions in, %.0f out; up %s",
	    json_get_num(json_get(o, "smtpd"), "sessions"),
	    json_get_num(json_get(o, "delivery"), "connections"),
	    format_age(f, o, "started", t, sizeof(t)));
	if (!json_get_bool(o, "ready")) {
		fprintf(f->out, "; NOT READY: ");
		format_cell(f->out, json_get_text(o, "not_ready"), 0);
	}
	if (!json_get_bool(json_get(o, "config"), "reload_ok"))
		fprintf(f->out, "; the last reload FAILED");
	if (json_get_bool(json_get(o, "smtpd"), "certificate_refused"))
		fprintf(f->out, "; the new CERTIFICATE of smtpd is not usable");
	if (json_get_bool(json_get(o, "web"), "files_refused"))
		fprintf(f->out, "; the new FILES of web are not usable");
	if (json_get_bool(clock, "doubted"))
		fprintf(f->out,
		    "; the CLOCK LEAPT ahead: nothing expires for %s",
		    text_duration_fmt(
			json_get_int(clock, "believed_in_seconds") * 1000, t,
			sizeof(t)));
	fprintf(f->out, "\n");
	domains_source(f, json_get(o, "domains_source"));
	stress(f, json_get(o, "smtpd"));
	lists(f, json_get(o, "dnsbls"));
	snmp(f, json_get(o, "snmp"));
	format_cluster(f, o);
}

/* ---- one domain, everything */

static void
primary_block(struct format *f, const cJSON *p)
{
	const cJSON *t;
	char age[32];

	format_text(f, "primary", json_get_text(p, "primary"));
	if (!json_get_bool(p, "probed")) {
		fprintf(f->out, "  not probed yet\n");
		return;
	}
	fprintf(f->out, "  probe     %s, %s ago",
	    json_get_bool(p, "healthy") ? "ok" : "failed",
	    format_age(f, p, "last_run", age, sizeof(age)));
	if (!json_get_bool(p, "healthy")) {
		fprintf(f->out, ", at ");
		format_cell(f->out, json_get_text(p, "failed_phase"), 0);
		if (cJSON_IsNumber(json_get(p, "last_success")))
			fprintf(f->out, "; last good %s ago",
			    format_age(f, p, "last_success", age, sizeof(age)));
		else
			fprintf(f->out, "; never good since the start");
	}
	fprintf(f->out, "\n  reply     ");
	format_cell(f->out, json_get_text(p, "text"), 0);
	fprintf(f->out, "\n  phases   ");
	cJSON_ArrayForEach (t, json_get(p, "phase_seconds")) {
		if (!cJSON_IsNumber(t) || t->valuedouble <= 0)
			continue;
		fprintf(f->out, " ");
		format_cell(f->out, t->string, 0);
		fprintf(f->out, " %.1fms", t->valuedouble * 1e3);
	}
	fprintf(f->out, "\n");
	if (json_get_num(p, "slow_seconds") > 0)
		fprintf(f->out, "  slow      it had to be waited for: %s\n",
		    text_duration_fmt(json_get_int(p, "slow_seconds") * 1000,
			age, sizeof(age)));
	if (json_get_text(p, "finding")[0] == '\0')
		return;
	fprintf(f->out, "  finding   it refuses the probe's ");
	format_cell(f->out, json_get_text(p, "finding_about"), 0);
	fprintf(f->out, ": ");
	format_cell(f->out, json_get_text(p, "finding"), 0);
	fprintf(f->out, "\n");
}

static void
in_line(struct format *f, const cJSON *o, const char *key, const char *label,
    const char *before)
{
	bool set = cJSON_IsNumber(json_get(o, key));
	char t[32];

	fprintf(f->out, "%-9s %s%s\n", label, set ? before : "",
	    format_in(f, o, key, t, sizeof(t)));
}

static void
list_lines(struct format *f, const cJSON *list)
{
	char t[64];

	if (!cJSON_IsObject(list))
		return;
	format_text(f, "list", json_get_text(list, "source"));
	fprintf(f->out, "  entries %.0f\n", json_get_num(list, "entries"));
	if (json_get_text(list, "trouble")[0] == '\0')
		return;
	format_text(f, "  but", json_get_text(list, "trouble"));
	fprintf(f->out, "  for     %s\n",
	    format_age(f, list, "confirmed", t, sizeof(t)));
}

static void
domain_block(struct format *f, const cJSON *d)
{
	const cJSON *queue = json_get(d, "queue"), *p;
	char t[64], size[32];

	format_text(f, "domain", json_get_text(d, "domain"));
	format_text(f, "state", json_get_text(d, "state"));
	fprintf(f->out, "since     %s\n",
	    format_age(f, d, "state_since", t, sizeof(t)));
	if (json_get_text(d, "cause")[0] != '\0')
		format_text(f, "cause", json_get_text(d, "cause"));
	if (json_get_text(d, "trouble")[0] != '\0') {
		format_text(f, "DNS", json_get_text(d, "trouble"));
		fprintf(f->out, "  for     %s\n",
		    format_age(f, d, "trouble_since", t, sizeof(t)));
	}
	format_owner_block(f, d);
	list_lines(f, json_get(d, "recipients_list"));
	if (json_get_bool(d, "removed"))
		format_text(f, "note",
		    "removed from the configuration; what is queued goes by "
		    "the "
		    "settings that it had");
	if (json_get_bool(d, "mx_backup"))
		format_text(f, "note",
		    "it has no section: mx_backup took it in");
	if (json_get_bool(queue, "on_hold"))
		format_text(f, "note", "on hold, by the operator");
	if (cJSON_IsObject(json_get(d, "maintenance"))) {
		fprintf(f->out, "window    maintenance ");
		put_maintenance(f, json_get(d, "maintenance"));
	}
	if (cJSON_IsObject(json_get(d, "breaker")))
		format_text(f, "breaker",
		    "closed: the primary refuses what it should take; all mail "
		    "is held");
	if (format_owner_is_none(d))
		format_text(f, "note",
		    "no node has its mail just now, or can say how much it is");
	fprintf(f->out,
	    "queued    %.0f messages (%.0f active, %.0f deferred, %.0f "
	    "held), %.0f recipients, %s\n",
	    json_get_num(queue, "messages"), json_get_num(queue, "active"),
	    json_get_num(queue, "deferred"), json_get_num(queue, "held"),
	    json_get_num(queue, "recipients"),
	    text_size_fmt(json_get_int(queue, "bytes"), size, sizeof(size)));
	fprintf(f->out, "oldest    %s of %s", oldest(queue, t, sizeof(t)),
	    text_duration_fmt(json_get_int(queue, "lifetime_seconds") * 1000,
		size, sizeof(size)));
	if (json_get_num(queue, "extended_seconds") > 0)
		fprintf(f->out, " and %s more",
		    text_duration_fmt(json_get_int(queue, "extended_seconds") *
			    1000,
			size, sizeof(size)));
	fprintf(f->out, "\n");
	in_line(f, queue, "next_expiry", "expiry", "first in ");
	in_line(f, queue, "next_try", "next try", "in ");
	flush_progress(f, json_get(d, "flush"));
	cJSON_ArrayForEach (p, json_get(d, "primaries"))
		primary_block(f, p);
}

/* ---- primaries, each once: a table of 80 columns */

enum {
	W_SERVER = 30,
	W_REACH = 8,
	W_NUMBER = 7,
	W_PROBED = 8,
	W_CONNECTIONS = 7
};

/* "3/10": open, and as many as it is asked for at most. */
static const char *
connections(const cJSON *delivery, char *dst, size_t size)
{
	(void)snprintf(dst, size, "%.0f/%.0f",
	    json_get_num(delivery, "connections"),
	    json_get_num(delivery, "window"));
	return json_get_num(delivery, "window") > 0 ? dst : "-";
}

/* Notes on all that is out of the ordinary, a word each. */
static void
server_notes(struct format *f, const cJSON *p)
{
	const cJSON *delivery = json_get(p, "delivery");
	char t[32];

	if (json_get_num(p, "slow_seconds") > 0)
		fprintf(f->out, " slow %s",
		    text_duration_fmt(json_get_int(p, "slow_seconds") * 1000, t,
			sizeof(t)));
	if (cJSON_IsNumber(json_get(p, "tls_fallback_since")))
		fprintf(f->out, " no TLS");
	if (json_get_num(p, "findings") > 0)
		fprintf(f->out, " %.0f refused", json_get_num(p, "findings"));
	if (json_get_bool(delivery, "paused"))
		fprintf(f->out, " paused");
	if (json_get_bool(delivery, "canary"))
		fprintf(f->out, " canary");
	if (json_get_text(p, "trouble")[0] != '\0')
		fprintf(f->out, " DNS");
	if (cJSON_IsNumber(json_get(p, "maintenance_until")))
		fprintf(f->out, " maintenance");
}

/* Learned limits have a line of its own, when there is any. */
static void
server_limits(struct format *f, const cJSON *p)
{
	static const struct {
		const char *key, *unit;
	} limits[] = {
		{ "ceiling", " connections" },
		{ "max_messages", " messages each" },
		{ "max_recipients", " recipients" },
		{ "gap_seconds", "s between" },
	};
	const cJSON *delivery = json_get(p, "delivery");
	const char *sep = "  takes ";

	for (size_t i = 0; i < MX_COUNT(limits); i++) {
		if (json_get_num(delivery, limits[i].key) <= 0)
			continue;
		fprintf(f->out, "%s%g%s", sep,
		    json_get_num(delivery, limits[i].key), limits[i].unit);
		sep = ", ";
	}
	if (sep[0] == ',')
		fprintf(f->out, "\n");
}

/* The reason has a line of its own, whole. */
static void
server_row(struct format *f, const cJSON *p)
{
	const char *name = json_get_text(p, "primary");
	const char *why = json_get_text(p, "cause");
	char t[64], probe[64];

	if (strlen(name) > W_SERVER) {
		format_cell(f->out, name, 0);
		fprintf(f->out, "\n");
		name = "";
	}
	format_cell(f->out, name, W_SERVER);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(p, "reach"), W_REACH);
	fprintf(f->out, " %-*s", W_SINCE,
	    format_age(f, p, "reach_since", t, sizeof(t)));
	fprintf(f->out, " %*.0f", W_NUMBER, json_get_num(p, "domains"));
	(void)snprintf(probe, sizeof(probe), "%s %s",
	    json_get_bool(p, "healthy") ? "ok" : "bad",
	    format_age(f, p, "last_run", t, sizeof(t)));
	fprintf(f->out, " %-*s", W_PROBED,
	    json_get_bool(p, "probed") ? probe : "-");
	fprintf(f->out, " %-*s", W_CONNECTIONS,
	    connections(json_get(p, "delivery"), t, sizeof(t)));
	server_notes(f, p);
	fprintf(f->out, "\n");
	server_limits(f, p);
	if (why[0] == '\0')
		why = json_get_text(p, "trouble");
	if (why[0] == '\0')
		return;
	fprintf(f->out, "  ");
	format_cell(f->out, why, 0);
	fprintf(f->out, "\n");
}

static void
server_table(struct format *f, const cJSON *primaries)
{
	const cJSON *p;

	fprintf(f->out, "%-*s %-*s %-*s %*s %-*s %-*s %s\n", W_SERVER,
	    "PRIMARY", W_REACH, "REACH", W_SINCE, "SINCE", W_NUMBER, "DOMAINS",
	    W_PROBED, "PROBE", W_CONNECTIONS, "CONN", "NOTE");
	cJSON_ArrayForEach (p, primaries)
		server_row(f, p);
}

/* What mx_backup took in is counted: strangers choose how many there are. */
static void
mx_backup_line(struct format *f, const cJSON *o)
{
	double n = json_get_num(json_get(o, "mx_backup"), "domains");
	double messages = 0, is, with_mail = 0;
	const cJSON *d;

	cJSON_ArrayForEach (d, json_get(o, "domains")) {
		if (!json_get_bool(d, "mx_backup"))
			continue;
		is = json_get_num(json_get(d, "queue"), "messages");
		messages += is;
		with_mail += is > 0;
	}
	if (n > 0)
		fprintf(f->out,
		    "mx_backup: %.0f domains, %.0f of them with mail (%.0f "
		    "messages)\n",
		    n, with_mail, messages);
}

void
format_status(struct format *f, const cJSON *o)
{
	const cJSON *domains = json_get(o, "domains"), *d;

	if (domains == NULL && json_get(o, "primaries") != NULL) {
		server_table(f, json_get(o, "primaries"));
		return;
	}
	if (f->verb == VERB_probe) {
		primary_block(f, o);
		return;
	}
	if (!f->one)
		fprintf(f->out, "%-*s %-*s %-*s %*s %-*s %-*s %-*s %s\n",
		    W_DOMAIN, "DOMAIN", W_STATE, "STATE", W_SINCE, "SINCE",
		    W_QUEUED, "QUEUED", W_OLDEST, "OLDEST", W_EXPIRY, "EXPIRES",
		    W_PRIMARY, "PRIMARY", "PROBE");
	cJSON_ArrayForEach (d, domains) {
		if (f->one)
			domain_block(f, d);
		else if (!json_get_bool(d, "mx_backup"))
			domain_row(f, d);
	}
	if (!f->one)
		mx_backup_line(f, o);
	foot(f, o);
}
