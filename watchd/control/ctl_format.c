/* SPDX-License-Identifier: ISC
 * ctl_format: chooses the format of each answer, and has the short ones. */
#include "control/ctl_format.h"
#include "control/ctl_table.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "base/text.h"

char *
format_shown(const char *text)
{
	char *clean = json_clean(text), *out;
	size_t n = 0, len;
	unsigned cp;

	out = mem_array(4 * strlen(clean) + 1, 1);
	for (const char *p = clean; *p != '\0'; p += len) {
		if ((len = text_unsafe(p, &cp)) == 0) {
			out[n++] = *p;
			len = 1;
			continue;
		}
		for (size_t i = 0; i < len; i++, n += 4)
			snprintf(out + n, 5, "\\x%02x", (unsigned char)p[i]);
	}
	out[n] = '\0';
	mem_free(&clean);
	return out;
}

void
format_cell(FILE *out, const char *text, int width)
{
	char *clean = format_shown(text);
	int len = (int)strnlen(clean, 4096);

	if (width > 0 && len > width)
		fprintf(out, "%.*s~", width - 1, clean);
	else
		fprintf(out, "%-*s", width < 0 ? -width : width, clean);
	mem_free(&clean);
}

void
format_text(struct format *f, const char *key, const char *text)
{
	fprintf(f->out, "%-9s ", key);
	format_cell(f->out, text, 0);
	fprintf(f->out, "\n");
}

static const char *
duration(double seconds, char *dst, size_t size)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds > 1e10) /* not from this daemon */
		seconds = 1e10;
	return text_duration_fmt((int64_t)seconds * 1000, dst, size);
}

void
format_who(struct format *f, const cJSON *o)
{
	const struct passwd *pw;

	if (!cJSON_IsNumber(json_get(o, "uid")))
		return;
	pw = getpwuid((uid_t)json_get_int(o, "uid"));
	fprintf(f->out, "by ");
	if (pw != NULL)
		format_cell(f->out, pw->pw_name, 0);
	else
		fprintf(f->out, "uid %.0f", json_get_num(o, "uid"));
}

const char *
format_age(const struct format *f, const cJSON *o, const char *key, char *dst,
    size_t size)
{
	char *unit;

	if (!cJSON_IsNumber(json_get(o, key)))
		return "-";
	duration((double)f->now - json_get_num(o, key), dst, size);
	/* beyond a day the larger unit is enough, and fits the column */
	unit = strchr(dst, 'd');
	if (unit != NULL)
		unit[1] = '\0';
	return dst;
}

const char *
format_in(const struct format *f, const cJSON *o, const char *key, char *dst,
    size_t size)
{
	double at;

	if (!cJSON_IsNumber(json_get(o, key)))
		return "-";
	at = json_get_num(o, key);
	if (at <= (double)f->now)
		return "now";
	return duration(at - (double)f->now, dst, size);
}

void
format_messages(struct format *f, double n)
{
	fprintf(f->out, "%.0f message%s", n, n > 0.5 && n < 1.5 ? "" : "s");
}

/* On a terminal the progress of a single flush overwrites its line. */
static void
flush_line(struct format *f, const cJSON *l)
{
	const char *event = json_get_text(l, "event");
	double total = json_get_num(l, "total");
	double left = json_get_num(l, "remaining");
	char t[32];

	if (f->in_place)
		fprintf(f->out, "\r\033[K");
	f->in_place = false;
	format_cell(f->out, json_get_text(l, "domain"), 0);
	fprintf(f->out, ": ");
	if (strcmp(event, "nothing") == 0)
		fprintf(f->out, "nothing is queued");
	else if (strcmp(event, "on_hold") == 0)
		fprintf(f->out, "skipped, it is on hold");
	else if (strcmp(event, "maintenance") == 0)
		fprintf(f->out, "skipped, a maintenance window holds it");
	else if (strcmp(event, "dry_run") == 0) {
		format_messages(f, total);
		fprintf(f->out, ", %s would be flushed",
		    text_size_fmt(json_get_int(l, "bytes"), t, sizeof(t)));
	} else if (strcmp(event, "begin") == 0) {
		fprintf(f->out, "flushing ");
		format_messages(f, total);
		fprintf(f->out, ", %s",
		    text_size_fmt(json_get_int(l, "bytes"), t, sizeof(t)));
	} else
		fprintf(f->out,
		    "%.0f of %.0f done (%.0f delivered, %.0f deferred, %.0f "
		    "failed)",
		    total - left, total, json_get_num(l, "delivered"),
		    json_get_num(l, "deferred"), json_get_num(l, "failed"));
	if (strcmp(event, "running") == 0)
		fprintf(f->out, ", already running");
	else if (strcmp(event, "progress") == 0) {
		fprintf(f->out, ", %.1f/s", json_get_num(l, "rate"));
		if (cJSON_IsNumber(json_get(l, "eta_seconds")))
			fprintf(f->out, ", %s left",
			    duration(json_get_num(l, "eta_seconds"), t,
				sizeof(t)));
		f->in_place = f->terminal && f->one;
	} else if (strcmp(event, "end") == 0)
		fprintf(f->out, left > 0 ? ", cut off" : ", through");
	if (!f->in_place)
		fprintf(f->out, "\n");
	fflush(f->out);
}

static void
put_label(struct format *f, const char *key, const char *value, bool *first)
{
	fprintf(f->out, *first ? "{" : ",");
	*first = false;
	format_cell(f->out, key, 0);
	fprintf(f->out, "=\"");
	format_cell(f->out, value, 0);
	fprintf(f->out, "\"");
}

static void
sample_head(struct format *f, const cJSON *l, const char *suffix,
    const char *le)
{
	const cJSON *label;
	bool first = true;

	format_cell(f->out, json_get_text(l, "name"), 0);
	fprintf(f->out, "%s", suffix);
	cJSON_ArrayForEach (label, json_get(l, "labels")) {
		if (cJSON_IsString(label))
			put_label(f, label->string, label->valuestring, &first);
	}
	if (le != NULL)
		put_label(f, "le", le, &first);
	fprintf(f->out, first ? " " : "} ");
}

static void
put_value(struct format *f, const cJSON *v)
{
	if (cJSON_IsNumber(v))
		fprintf(f->out, "%.15g\n", v->valuedouble);
	else
		fprintf(f->out, "+Inf\n");
}

static void
stats_line(struct format *f, const cJSON *l)
{
	const cJSON *b;
	char le[32];

	if (json_get(l, "buckets") == NULL) {
		sample_head(f, l, "", NULL);
		put_value(f, json_get(l, "value"));
		return;
	}
	cJSON_ArrayForEach (b, json_get(l, "buckets")) {
		(void)strlcpy(le, "+Inf", sizeof(le));
		if (cJSON_IsNumber(json_get(b, "le")))
			(void)snprintf(le, sizeof(le), "%g",
			    json_get_num(b, "le"));
		sample_head(f, l, "_bucket", le);
		put_value(f, json_get(b, "count"));
	}
	sample_head(f, l, "_count", NULL);
	put_value(f, json_get(l, "count"));
	if (cJSON_IsNumber(json_get(l, "sum"))) {
		sample_head(f, l, "_sum", NULL);
		put_value(f, json_get(l, "sum"));
	}
}

static void
why_line(struct format *f, const cJSON *l)
{
	const cJSON *s;

	cJSON_ArrayForEach (s, json_get(l, "explain")) {
		if (!cJSON_IsString(s))
			continue;
		format_cell(f->out, s->valuestring, 0);
		fprintf(f->out, "\n");
	}
}

static void
reload_line(struct format *f, const cJSON *l)
{
	format_cell(f->out, json_get_text(l, "file"), 0);
	if (json_get_num(l, "line") > 0)
		fprintf(f->out, ":%.0f", json_get_num(l, "line"));
	fprintf(f->out, ": ");
	format_cell(f->out, json_get_text(l, "severity"), 0);
	fprintf(f->out, ": ");
	format_cell(f->out, json_get_text(l, "text"), 0);
	fprintf(f->out, "\n");
}

static void
alerts_line(struct format *f, const cJSON *l)
{
	bool firing = strcmp(json_get_text(l, "state"), "firing") == 0;
	const char *sgr = table_colour(json_get_text(l, "severity"));
	char t[32];

	if (f->colour && sgr != NULL)
		fprintf(f->out, "\033[%sm", sgr);
	format_cell(f->out, json_get_text(l, "severity"), 9);
	if (f->colour && sgr != NULL)
		fprintf(f->out, "\033[0m");
	format_cell(f->out, json_get_text(l, "alert"), -21);
	format_cell(f->out, json_get_text(l, "domain"), 0);
	format_cell(f->out, json_get_text(l, "list"), 0);
	fprintf(f->out, " %s %s%s%s", firing ? "for" : "pending",
	    format_age(f, l, "since", t, sizeof(t)),
	    json_get_bool(l, "held") ? ", well now" : "",
	    json_get_bool(l, "silenced") ? ", silenced" : "");
	if (json_get_text(l, "acked_by")[0] != '\0') {
		fprintf(f->out, ", acknowledged by ");
		format_cell(f->out, json_get_text(l, "acked_by"), 0);
	}
	if (json_get_text(l, "node")[0] != '\0') {
		fprintf(f->out, ", by node ");
		format_cell(f->out, json_get_text(l, "node"), 0);
	}
	fprintf(f->out, "\n    ");
	format_cell(f->out, json_get_text(l, "summary"), 0);
	fprintf(f->out, "\n");
}

static void
silence_line(struct format *f, const cJSON *l)
{
	char t[32];

	fprintf(f->out, "%-6.0f ", json_get_num(l, "id"));
	format_cell(f->out, json_get_text(l, "match"), -24);
	fprintf(f->out, " %s left  ", format_in(f, l, "until", t, sizeof(t)));
	format_cell(f->out, json_get_text(l, "reason"), 0);
	fprintf(f->out, "\n");
}

/* "   0.012 s  trigger: connected" */
static void
alert_line(struct format *f, const cJSON *l)
{
	const char *url = json_get_text(l, "url");
	const char *text = json_get_text(l, "text");

	fprintf(f->out, "%8.3f s  ", json_get_num(l, "seconds"));
	format_cell(f->out, json_get_text(l, "step"), 0);
	fprintf(f->out, "%s", json_get_text(l, "step")[0] != '\0' ? ": " : "");
	if (url[0] != '\0') {
		format_cell(f->out, url, 0);
		fprintf(f->out, ": ");
	}
	format_cell(f->out, json_get_text(l, "stage"), 0);
	fprintf(f->out, "%s", text[0] != '\0' ? ", " : "");
	format_cell(f->out, text, 0);
	fprintf(f->out, "\n");
	fflush(f->out); /* watched by an operator */
}

static void
silence_end(struct format *f, const cJSON *l)
{
	char t[32];

	if (json_get_num(l, "id") > 0)
		fprintf(f->out, "silence %.0f, %s left\n",
		    json_get_num(l, "id"),
		    format_in(f, l, "until", t, sizeof(t)));
	else if (json_get_bool(l, "removed"))
		fprintf(f->out, "removed\n");
	else if (f->lines == 0)
		fprintf(f->out, "nothing is silenced\n");
}

static void
ack_end(struct format *f, const cJSON *l)
{
	double n = json_get_num(l, "alerts");

	fprintf(f->out, "%.0f alert%s acknowledged\n", n, n == 1 ? "" : "s");
}

/* "2026-11-30 08:12:54  flush     example.org  a flush of 3 messages begins" */
static void
events_line(struct format *f, const cJSON *l)
{
	const cJSON *silent = cJSON_GetArrayItem(json_get(l, "silent"), 0);
	const char *node = json_get_text(l, "node");
	char t[32];

	if (cJSON_IsString(silent)) {
		fprintf(f->out, "node ");
		format_cell(f->out, silent->valuestring, 0);
		fprintf(f->out,
		    " does not answer: what happens there is missing\n");
	}
	if (!cJSON_IsNumber(json_get(l, "time")))
		return;
	fprintf(f->out, "%s ",
	    calendar_time_fmt(json_get_int(l, "time"), t, sizeof(t)));
	if (node[0] != '\0') {
		format_cell(f->out, node, -8);
		fprintf(f->out, " ");
	}
	format_cell(f->out, json_get_text(l, "what"), -9);
	for (int i = 0; i < 2; i++) {
		const char *name = json_get_text(l, i == 0 ? "domain" : "host");

		if (name[0] == '\0')
			continue;
		format_cell(f->out, name, 0);
		fprintf(f->out, " ");
	}
	format_cell(f->out, json_get_text(l, "text"), 0);
	fprintf(f->out, "\n");
}

static void
last_line(struct format *f, const cJSON *l)
{
	char size[32];

	if (f->verb == VERB_cluster)
		format_nodes_end(f, l);
	if (json_get_num(l, "in_hand") > 0)
		format_ordered(f, l);
	if (f->verb == VERB_doctor)
		format_doctor_end(f, l);
	if (json_get_num(l, "rc") != 0)
		return;
	switch (f->verb) {
	case VERB_queue:
		format_messages(f, json_get_num(l, "messages"));
		fprintf(f->out, ", %s",
		    text_size_fmt(json_get_int(l, "bytes"), size,
			sizeof(size)));
		if (json_get_num(l, "shown") > 0)
			fprintf(f->out, "; %.0f of them shown",
			    json_get_num(l, "shown"));
		if (json_get_num(l, "unlisted") > 0)
			fprintf(f->out,
			    "; and %.0f more with records that do not decode",
			    json_get_num(l, "unlisted"));
		fprintf(f->out, "\n");
		break;
	case VERB_vault:
	case VERB_purge:
	case VERB_replay:
		format_vault_end(f, l);
		break;
	case VERB_mailq:
		format_mailq_end(f, l);
		break;
	case VERB_recipients:
		format_recipients_end(f, l);
		break;
	case VERB_outages:
		format_outages_end(f, l);
		break;
	case VERB_flush:
		if (f->lines == 0)
			fprintf(f->out, "nothing is queued\n");
		break;
	case VERB_alerts:
		if (f->lines == 0)
			fprintf(f->out, "no alert fires\n");
		break;
	case VERB_ack:
		ack_end(f, l);
		break;
	case VERB_silence:
		silence_end(f, l);
		break;
	case VERB_maintenance:
		format_maintenance_end(f, l);
		break;
	case VERB_redirect:
		format_redirect_end(f, l);
		break;
	case VERB_alert:
		fprintf(f->out, "delivered: ");
		format_cell(f->out, json_get_text(l, "text"), 0);
		fprintf(f->out, "\n");
		break;
	case VERB_forget:
		format_cell(f->out, json_get_text(l, "domain"), 0);
		fprintf(f->out, " forgotten; ");
		format_messages(f, json_get_num(l, "messages"));
		fprintf(f->out,
		    json_get_num(l, "messages") > 0 ?
			", from now on by the MX records and the defaults\n" :
			"\n");
		break;
	case VERB_reload:
		fprintf(f->out, "the configuration is in force\n");
		break;
	case VERB_ages:
		format_ages_end(f);
		break;
	case VERB_show:
		format_content_end(f);
		break;
	case VERB_import:
		format_cell(f->out, f->about != NULL ? f->about : "", 0);
		fprintf(f->out, ": queued as ");
		format_cell(f->out, json_get_text(l, "id"), 0);
		fprintf(f->out, ", %s\n",
		    text_size_fmt(json_get_int(l, "bytes"), size,
			sizeof(size)));
		break;
	case VERB_hold:
	case VERB_release:
	case VERB_bounce:
	case VERB_remove:
	case VERB_extend:
		format_ordered(f, l);
		break;
	default:
		break;
	}
}

static void
put_line(struct format *f, const cJSON *l)
{
	static void (*const how[VERB_MAX])(struct format *, const cJSON *) = {
		[VERB_status] = format_status,
		[VERB_probe] = format_status,
		[VERB_queue] = format_queue,
		[VERB_mailq] = format_mailq,
		[VERB_show] = format_show,
		[VERB_ages] = format_ages,
		[VERB_events] = events_line,
		[VERB_vault] = format_vault,
		[VERB_replay] = format_vault,
		[VERB_purge] = format_vault,
		[VERB_flush] = flush_line,
		[VERB_why] = why_line,
		[VERB_stats] = stats_line,
		[VERB_reload] = reload_line,
		[VERB_alerts] = alerts_line,
		[VERB_silence] = silence_line,
		[VERB_alert] = alert_line,
		[VERB_recipients] = format_recipients,
		[VERB_maintenance] = format_maintenance,
		[VERB_redirect] = format_redirect,
		[VERB_outages] = format_outage,
		[VERB_cluster] = format_nodes,
		[VERB_doctor] = format_doctor,
		[VERB_drill] = format_drill,
	};

	if (json_get_bool(l, "done")) {
		last_line(f, l);
		return;
	}
	if (f->verb == VERB_status && json_get(l, "domain") != NULL) {
		format_cell(f->out, json_get_text(l, "domain"), 0);
		fprintf(f->out, "\n");
	} else if (f->verb == VERB_show && json_get(l, "data") != NULL)
		format_content(f, l);
	else if (f->verb < VERB_MAX && how[f->verb] != NULL)
		how[f->verb](f, l);
	f->lines++;
}

/* Progress that overwrites its line, and the content of messages, are not
 * wrapped. */
static bool
is_wrapped(const struct format *f, const cJSON *l)
{
	return f->columns > 0 && json_get(l, "data") == NULL &&
	    strcmp(json_get_text(l, "event"), "progress") != 0;
}

void
format_line(struct format *f, const cJSON *l)
{
	FILE *out = f->out;
	char *text = NULL;
	size_t size = 0;

	if (is_wrapped(f, l))
		f->out = open_memstream(&text, &size);
	MX_ASSERT(f->out != NULL);
	put_line(f, l);
	if (f->out == out) {
		if (f->verb == VERB_events || f->verb == VERB_drill)
			fflush(out); /* watched by an operator */
		return;
	}
	fclose(f->out);
	f->out = out;
	table_wrap(out, text, f->columns);
	free(text);
	fflush(out);
}
