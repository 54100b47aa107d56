/* SPDX-License-Identifier: ISC
 * ctl_status: `mxwatchctl status`: a table of all domains (100 columns without
 * a terminal), or all details of one. A name that is too long for its column is
 * on a line of its own, whole, to be copied. */
#include <string.h>

#include "base/calendar.h"
#include "base/text.h"
#include "control/ctl_cluster.h"
#include "control/ctl_format.h"
#include "control/ctl_table.h"

/* SINCE is left out first on a narrow terminal. */
static const struct table_column columns[] = {
	{ "DOMAIN", 24, 14, 0, false, false },
	{ "STATE", 10, 10, 0, false, false },
	{ "SINCE", 6, 6, 3, false, false },
	{ "QUEUED", 7, 7, 0, true, false },
	{ "OLDEST", 11, 11, 0, false, false },
	{ "EXPIRES", 7, 7, 0, false, false },
	{ "PRIMARY", 19, 12, 0, false, false },
	{ "PROBE", 8, 7, 2, false, false },
};
enum { DOMAIN, STATE, SINCE, QUEUED, OLDEST, EXPIRES, PRIMARY, PROBE };

/* "12d 40%": age, and share of the lifetime. */
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

/* "to mx9.example.net until 2026-12-07 10:00, instead of mx1.example.org: moved"
 */
static void
put_redirect(struct format *f, const cJSON *r)
{
	const char *reason = json_get_text(r, "reason");
	char t[32];

	fprintf(f->out, "to ");
	format_hosts(f, json_get(r, "to"));
	if (cJSON_IsNumber(json_get(r, "until")))
		fprintf(f->out, " until %s",
		    calendar_time_fmt(json_get_int(r, "until"), t, sizeof(t)));
	fprintf(f->out, ", instead of ");
	format_hosts(f, json_get(r, "instead_of"));
	if (reason[0] != '\0') {
		fprintf(f->out, ": ");
		format_cell(f->out, reason, 0);
	}
	fprintf(f->out, "\n");
}

static void
primary_cells(struct format *f, const struct table *t, const cJSON *p)
{
	const char *name = p != NULL ? json_get_text(p, "primary") : "-";
	char age[32], probe[64] = "";

	if (p != NULL && !json_get_bool(p, "probed"))
		(void)strlcpy(probe, "-", sizeof(probe));
	else if (p != NULL)
		(void)snprintf(probe, sizeof(probe), "%s %s",
		    json_get_bool(p, "healthy") ? "ok" : "bad",
		    format_age(f, p, "last_run", age, sizeof(age)));
	if (f->columns > 0) { /* `status DOMAIN` shows the rest */
		table_cell(f, t, PRIMARY, name);
		table_cell(f, t, PROBE, probe);
		return;
	}
	format_cell(f->out, name, p != NULL ? columns[PRIMARY].width : 0);
	fprintf(f->out, "%s%s\n", p != NULL ? " " : "", probe);
}

/* The state to show: conditions of the domain come before that of its
 * primary. */
static const char *
state_of(const cJSON *d)
{
	if (json_get_bool(json_get(d, "queue"), "on_hold"))
		return "on hold";
	if (json_get_bool(d, "removed"))
		return "removed";
	return cJSON_IsObject(json_get(d, "breaker")) ?
	    "breaker" :
	    json_get_text(d, "state");
}

static void
domain_row(struct format *f, const struct table *t, const cJSON *d)
{
	const cJSON *queue = json_get(d, "queue"), *p;
	const char *name = json_get_text(d, "domain");
	char text[64], queued[32];
	bool first = true;

	if (f->columns == 0 && strlen(name) > (size_t)columns[DOMAIN].width) {
		format_cell(f->out, name, 0);
		fprintf(f->out, "\n");
		name = "";
	}
	table_cell(f, t, DOMAIN, name);
	table_cell(f, t, STATE, state_of(d));
	table_cell(f, t, SINCE,
	    format_age(f, d, "state_since", text, sizeof(text)));
	if (format_owner_is_none(d) && json_get_num(queue, "messages") < 1)
		(void)strlcpy(queued, "-", sizeof(queued));
	else
		(void)snprintf(queued, sizeof(queued), "%.0f",
		    json_get_num(queue, "messages"));
	table_cell(f, t, QUEUED, queued);
	table_cell(f, t, OLDEST, oldest(queue, text, sizeof(text)));
	table_cell(f, t, EXPIRES,
	    format_in(f, queue, "next_expiry", text, sizeof(text)));
	cJSON_ArrayForEach (p, json_get(d, "primaries")) {
		for (unsigned i = DOMAIN; !first && i < PRIMARY; i++)
			table_cell(f, t, i, "");
		first = false;
		primary_cells(f, t, p);
	}
	if (first)
		primary_cells(f, t, NULL);
	if (cJSON_IsObject(json_get(d, "maintenance"))) {
		fprintf(f->out, "  maintenance ");
		put_maintenance(f, json_get(d, "maintenance"));
	}
	if (cJSON_IsObject(json_get(d, "redirect"))) {
		fprintf(f->out, "  redirected ");
		put_redirect(f, json_get(d, "redirect"));
	}
	format_owner_row(f, d);
	flush_progress(f, json_get(d, "flush"));
}

static void
stress(struct format *f, const cJSON *smtpd)
{
	if (json_get_bool(smtpd, "stress"))
		fprintf(f->out,
		    "STRESS: %.0f of %.0f sessions in; timeouts are "
		    "shortened\n",
		    json_get_num(smtpd, "sessions"),
		    json_get_num(smtpd, "sessions_max"));
}

/* The lists in the DNS, one row each. */
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

/* Shows only faults. */
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
		    " is SERVED BY ANOTHER SUBAGENT; see mxwatch-agentx(8)\n");
	}
}

static void
foot(struct format *f, const cJSON *o)
{
	const cJSON *spool = json_get(o, "spool");
	const cJSON *clock = json_get(o, "clock");
	char size[32], t[32];

	fprintf(f->out, f->one ? "\nspool " : "spool ");
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

/* ---- one domain in detail */

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
		fprintf(f->out, "  slow      answered late: %s\n",
		    text_duration_fmt(json_get_int(p, "slow_seconds") * 1000,
			age, sizeof(age)));
	if (json_get_text(p, "finding")[0] == '\0')
		return;
	fprintf(f->out, "  finding   refuses the probe's ");
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
		    "removed from the configuration; its queue keeps the old "
		    "settings");
	if (json_get_bool(d, "mx_backup"))
		format_text(f, "note", "no section; accepted by mx_backup");
	if (json_get_bool(queue, "on_hold"))
		format_text(f, "note", "on hold, by the operator");
	if (cJSON_IsObject(json_get(d, "maintenance"))) {
		fprintf(f->out, "window    maintenance ");
		put_maintenance(f, json_get(d, "maintenance"));
	}
	if (cJSON_IsObject(json_get(d, "redirect"))) {
		fprintf(f->out, "redirect  ");
		put_redirect(f, json_get(d, "redirect"));
	}
	if (cJSON_IsObject(json_get(d, "breaker")))
		format_text(f, "breaker",
		    "tripped: the primary refuses mail that it should accept; "
		    "all mail is held");
	if (format_owner_is_none(d))
		format_text(f, "note",
		    "not known: no node has the domain at the moment");
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

/* Domains of mx_backup are only counted: clients decide how many there are. */
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

/* Is there no problem with the domain? */
static bool
is_fine(const cJSON *d)
{
	return strcmp(state_of(d), "up") == 0 &&
	    json_get_text(d, "trouble")[0] == '\0' &&
	    !cJSON_IsObject(json_get(d, "maintenance")) &&
	    !format_owner_is_none(d);
}

/* "4 domains, 1 not fine; 118 messages, 4.0K; alerts: 2 firing, 0 pending" */
static void
totals(struct format *f, const cJSON *o)
{
	double n = 0, bad = 0, messages = 0, bytes = 0, firing = 0, wait = 0;
	const cJSON *d, *a;
	char size[32];

	cJSON_ArrayForEach (d, json_get(o, "domains")) {
		n++;
		bad += !is_fine(d);
		messages += json_get_num(json_get(d, "queue"), "messages");
		bytes += json_get_num(json_get(d, "queue"), "bytes");
	}
	cJSON_ArrayForEach (a, json_get(o, "alerts")) {
		firing += strcmp(json_get_text(a, "state"), "firing") == 0;
		wait += strcmp(json_get_text(a, "state"), "pending") == 0;
	}
	fprintf(f->out, "\n%.0f domain%s, %.0f with a problem; ", n,
	    n == 1 ? "" : "s", bad);
	fprintf(f->out, "%.0f message%s", messages, messages == 1 ? "" : "s");
	if (bytes > 0)
		fprintf(f->out, ", %s",
		    text_size_fmt((uint64_t)bytes, size, sizeof(size)));
	fprintf(f->out, "; ");
	if (firing + wait < 1)
		fprintf(f->out, "no alert fires\n");
	else
		fprintf(f->out, "alerts: %.0f firing, %.0f pending\n", firing,
		    wait);
}

static void
domain_table(struct format *f, const cJSON *domains)
{
	const cJSON *d;
	struct table t;

	table_fit(&t, columns, MX_COUNT(columns), f->columns);
	table_head(f->out, &t);
	cJSON_ArrayForEach (d, domains) {
		if (!json_get_bool(d, "mx_backup") &&
		    !(f->problems && is_fine(d)))
			domain_row(f, &t, d);
	}
}

void
format_status(struct format *f, const cJSON *o)
{
	const cJSON *domains = json_get(o, "domains"), *d;

	if (domains == NULL && json_get(o, "primaries") != NULL) {
		format_primaries(f, json_get(o, "primaries"));
		return;
	}
	if (f->verb == VERB_probe) {
		primary_block(f, o);
		return;
	}
	if (!f->one) {
		domain_table(f, domains);
		mx_backup_line(f, o);
		totals(f, o);
	} else
		cJSON_ArrayForEach (d, domains) {
			domain_block(f, d);
		}
	foot(f, o);
}
