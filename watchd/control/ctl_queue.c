/* SPDX-License-Identifier: ISC
 * ctl_queue: messages as text: a table, one in full, and the listing in the
 * format of Postfix, which plugins and web front ends read (columns and last
 * line are those of postqueue -p). */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/ctl_table.h"
#include "status/view.h"

static void
sender_cell(FILE *out, const cJSON *m, int width)
{
	char *text = mem_printf("<%s>", json_get_text(m, "sender"));

	format_cell(out, text, width);
	mem_free(&text);
}

/* "452 4.2.2 Mailbox full", from "code", "enhanced" and "reply"; "": no reply.
 * The caller frees it. */
static char *
format_said(const cJSON *o)
{
	struct rcpt_view r = { .code = (unsigned)json_get_int(o, "code"),
		.reply = json_get_text(o, "reply") };
	char text[RCPT_SAID_MAX];

	(void)strlcpy(r.status, json_get_text(o, "enhanced"), sizeof(r.status));
	return mem_strdup(rcpt_said(&r, text));
}

static void
said_cell(FILE *out, const cJSON *o)
{
	char *said = format_said(o);

	format_cell(out, said, 0);
	mem_free(&said);
}

static const struct table_column queue_columns[] = {
	{ "ID", 14, 14, 0, false, false },
	{ "STATE", 8, 8, 0, false, false },
	{ "AGE", 6, 6, 0, false, false },
	{ "SIZE", 6, 6, 2, true, false },
	{ "TRIES", 5, 5, 4, true, false },
	{ "NEXT", 7, 7, 5, false, false },
	{ "EXPIRES", 7, 7, 1, false, false },
	{ "DOMAIN", 18, 12, 0, false, false },
	{ "SENDER", 0, 12, 0, false, false },
	{ "REPLY", 0, 16, 3, false, true },
};

static const char *
sender_of(const cJSON *m, char *dst, size_t size)
{
	if (json_get_bool(m, "unreadable"))
		return "(its record does not decode)";
	(void)snprintf(dst, size, "<%s>", json_get_text(m, "sender"));
	return dst;
}

void
format_queue(struct format *f, const cJSON *m)
{
	char size[32], tries[32], age[32], next[32], expiry[32], sender[400];
	char *said = format_said(m);
	const char *cells[MX_COUNT(queue_columns)] = { json_get_text(m, "id"),
		json_get_text(m, "state"),
		format_age(f, m, "arrival", age, sizeof(age)),
		text_size_fmt(json_get_int(m, "size"), size, sizeof(size)),
		tries, format_in(f, m, "next_try", next, sizeof(next)),
		format_in(f, m, "expiry", expiry, sizeof(expiry)),
		json_get_text(m, "domain"),
		sender_of(m, sender, sizeof(sender)), said };
	struct table t;

	(void)snprintf(tries, sizeof(tries), "%.0f",
	    json_get_num(m, "attempts"));
	table_fit(&t, queue_columns, MX_COUNT(queue_columns), f->columns);
	if (f->lines == 0)
		table_head(f->out, &t);
	for (unsigned i = 0; i < MX_COUNT(cells); i++)
		table_cell(f, &t, i, cells[i]);
	mem_free(&said);
}

/* The reply with which it failed is on a line of its own. */
void
format_vault(struct format *f, const cJSON *m)
{
	const cJSON *r = cJSON_GetArrayItem(json_get(m, "rcpts"), 0);
	char t[32], size[32];

	if (f->lines == 0)
		fprintf(f->out, "%-14s %-6s %6s %-7s %-20s %s\n", "ID", "SINCE",
		    "SIZE", "UNTIL", "DOMAIN", "SENDER");
	format_cell(f->out, json_get_text(m, "id"), -14);
	fprintf(f->out, " %-6s", format_age(f, m, "vaulted", t, sizeof(t)));
	fprintf(f->out, " %6s",
	    text_size_fmt(json_get_int(m, "size"), size, sizeof(size)));
	fprintf(f->out, " %-7s ", format_in(f, m, "expiry", t, sizeof(t)));
	format_cell(f->out, json_get_text(m, "domain"), -20);
	fprintf(f->out, " ");
	sender_cell(f->out, m, 0);
	fprintf(f->out, "\n  ");
	format_cell(f->out, json_get_text(r, "address"), 0);
	if (json_get_num(m, "recipients") > 1)
		fprintf(f->out, " and %.0f more",
		    json_get_num(m, "recipients") - 1);
	fprintf(f->out, ", %s: ", json_get_text(r, "state"));
	said_cell(f->out, r);
	if (json_get_bool(m, "replayed"))
		fprintf(f->out, " (replayed before)");
	fprintf(f->out, "\n");
}

void
format_vault_end(struct format *f, const cJSON *done)
{
	bool dry = json_get_bool(done, "dry_run");
	char size[32];

	format_messages(f, json_get_num(done, "messages"));
	fprintf(f->out, ", %s",
	    text_size_fmt(json_get_int(done, "bytes"), size, sizeof(size)));
	if (f->verb == VERB_purge)
		fprintf(f->out, ", erased");
	else if (f->verb == VERB_replay)
		fprintf(f->out,
		    dry ? ", would be queued again" : ", queued again");
	if (json_get_num(done, "skipped") > 0)
		fprintf(f->out, "; %.0f skipped, already replayed (--again)",
		    json_get_num(done, "skipped"));
	if (!dry)
		format_next_expiry(f, done);
	fprintf(f->out, "\n");
}

static void
date(struct format *f, const cJSON *m, const char *key, const char *label)
{
	char d[64];

	if (cJSON_IsNumber(json_get(m, key)))
		format_text(f, label,
		    text_date_3339(json_get_int(m, key), d, sizeof(d)));
}

void
format_show(struct format *f, const cJSON *m)
{
	const cJSON *r;
	char size[32];

	if (f->lines > 0)
		fprintf(f->out, "\n");
	format_text(f, "id", json_get_text(m, "id"));
	fprintf(f->out, "sender    ");
	sender_cell(f->out, m, 0);
	fprintf(f->out, "%s\n",
	    json_get_bool(m, "dsn") ? " (our notification)" : "");
	format_text(f, "domain", json_get_text(m, "domain"));
	format_text(f, "state", json_get_text(m, "state"));
	fprintf(f->out, "size      %s\n",
	    text_size_fmt(json_get_int(m, "size"), size, sizeof(size)));
	date(f, m, "arrival", "arrival");
	date(f, m, "expiry", "expiry");
	date(f, m, "next_try", "next try");
	date(f, m, "notice", "notice");
	date(f, m, "last_try", "last try");
	fprintf(f->out, "attempts  %.0f\n", json_get_num(m, "attempts"));
	if (json_get_text(m, "host")[0] != '\0')
		format_text(f, "host", json_get_text(m, "host"));
	format_text(f, "client", json_get_text(m, "client"));
	format_text(f, "helo", json_get_text(m, "helo"));
	cJSON_ArrayForEach (r, json_get(m, "rcpts")) {
		format_text(f, "rcpt", json_get_text(r, "address"));
		fprintf(f->out, "  ");
		format_cell(f->out, json_get_text(r, "state"), 0);
		if (json_get_text(r, "reply")[0] != '\0') {
			fprintf(f->out, ": ");
			said_cell(f->out, r);
		}
		fprintf(f->out, "\n");
	}
}

/* ---- as Postfix */

#define MAILQ_REASON_END 76 /* the column in which a reason ends */

/* A reply in the format of Postfix, preceded by the name of its server. */
static char *
mailq_text(const cJSON *m, const cJSON *r)
{
	const char *host = json_get_text(m, "host");
	char *said = format_said(r), *text;

	if (said[0] == '\0' || host[0] == '\0' || json_get_num(r, "code") < 1)
		return said;
	text = mem_printf("host %s said: %s", host, said);
	mem_free(&said);
	return text;
}

static void
mailq_reason(struct format *f, const char *reason)
{
	int pad = MAILQ_REASON_END - (int)strnlen(reason, MAILQ_REASON_END);

	fprintf(f->out, "%*s(", pad, "");
	format_cell(f->out, reason, 0);
	fprintf(f->out, ")\n");
}

void
format_mailq(struct format *f, const cJSON *m)
{
	const char *state = json_get_text(m, "state");
	char *reason, *last = mem_strdup("");
	const char *sender = json_get_text(m, "sender");
	time_t arrival = json_get_int(m, "arrival");
	char id[TEXT_ID_MAX + 2], when[32];
	struct tm tm;
	const cJSON *r;

	if (f->lines == 0)
		fprintf(f->out, "%-11s %8s %-20s %s\n", "-Queue ID-",
		    "--Size--", "----Arrival Time----",
		    "-Sender/Recipient-------");
	(void)snprintf(id, sizeof(id), "%.*s%s", TEXT_ID_MAX,
	    json_get_text(m, "id"),
	    strcmp(state, "active") == 0   ? "*" :
		strcmp(state, "held") == 0 ? "!" :
					     "");
	if (localtime_r(&arrival, &tm) == NULL ||
	    strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &tm) == 0)
		(void)strlcpy(when, "-", sizeof(when));
	format_cell(f->out, id, -11);
	fprintf(f->out, " %8.0f %-20.20s ", json_get_num(m, "size"), when);
	format_cell(f->out, sender[0] != '\0' ? sender : "MAILER-DAEMON", 0);
	fprintf(f->out, "\n");
	cJSON_ArrayForEach (r, json_get(m, "rcpts")) {
		if (strcmp(json_get_text(r, "state"), "pending") != 0)
			continue;
		reason = mailq_text(m, r);
		if (reason[0] != '\0' && strcmp(reason, last) != 0)
			mailq_reason(f, reason);
		mem_free(&last);
		last = reason;
		fprintf(f->out, "%-11s %8s %-20s ", "", "", "");
		format_cell(f->out, json_get_text(r, "address"), 0);
		fprintf(f->out, "\n");
	}
	mem_free(&last);
	fprintf(f->out, "\n");
}

void
format_mailq_end(struct format *f, const cJSON *done)
{
	double n = json_get_num(done, "messages");

	if (n < 1)
		fprintf(f->out, "Mail queue is empty\n");
	else
		fprintf(f->out, "-- %.0f Kbytes in %.0f Request%s.\n",
		    json_get_num(done, "bytes") / 1024, n, n < 2 ? "" : "s");
}
