/* SPDX-License-Identifier: ISC
 * ctl_outages: outages as text: one line each, one in detail, or rows of CSV
 * (RFC 4180). Times are UTC. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/ctl_format.h"

/* "2026-11-29 10:12:03", cut to `len`; "-" for null. */
static const char *
wall_time(const cJSON *o, const char *key, size_t len, char *dst, size_t size)
{
	int64_t at = json_get_int(o, key);
	char *t;

	if (at == 0)
		return "-";
	text_date_3339(at, dst, size);
	if ((t = strchr(dst, 'T')) != NULL)
		*t = ' ';
	if (strlen(dst) > len)
		dst[len] = '\0';
	return dst;
}

/* "2h3m"; "-" for none. */
static const char *
lasted(const cJSON *o, const char *key, char *dst, size_t size)
{
	double seconds = json_get_num(o, key);

	if (!(seconds > 0) || seconds > 1e10)
		return seconds > 0 ? "?" : "-";
	return text_duration_fmt(seconds < 1 ? (int64_t)(seconds * 1e3) :
					       (int64_t)seconds * 1000,
	    dst, size);
}

static bool
is_over(const cJSON *o)
{
	return strcmp(json_get_text(o, "state"), "over") == 0;
}

/* Does the outage name the nodes that saw it (in a cluster)? */
static bool
has_nodes(const cJSON *o)
{
	return cJSON_GetArraySize(json_get(o, "nodes")) > 0;
}

static void
put_nodes(FILE *out, const cJSON *o, const char *between)
{
	const cJSON *n;
	bool more = false;

	cJSON_ArrayForEach (n, json_get(o, "nodes")) {
		if (!cJSON_IsString(n))
			continue;
		if (more)
			fprintf(out, "%s", between);
		format_cell(out, n->valuestring, 0);
		more = true;
	}
}

/* ---- one line each */

/* The row of an outage in a cluster: nodes instead of the drain, and larger
 * ids. */
static void
put_node_row(struct format *f, const cJSON *o)
{
	char from[32], down[32];

	if (f->lines == 0)
		fprintf(f->out, "%-6s %-7s %-18s %-16s %-6s %5s %-8s %s\n",
		    "ID", "KIND", "NAME", "FAILED (UTC)", "DOWN", "MAIL",
		    "STATE", "NODES");
	fprintf(f->out, "%-6.0f ", json_get_num(o, "id"));
	format_cell(f->out, json_get_text(o, "kind"), 7);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(o, "name"), 18);
	fprintf(f->out, " %-16s %-6s %5.0f ",
	    wall_time(o, "failed", 16, from, sizeof(from)),
	    lasted(o, "down_seconds", down, sizeof(down)),
	    json_get_num(o, "accepted"));
	format_cell(f->out, json_get_text(o, "state"), 8);
	fprintf(f->out, " ");
	put_nodes(f->out, o, ",");
	fprintf(f->out, "\n");
}

static void
put_row(struct format *f, const cJSON *o)
{
	char from[32], down[32], drain[32];

	if (has_nodes(o)) {
		put_node_row(f, o);
		return;
	}
	if (f->lines == 0)
		fprintf(f->out, "%-4s %-7s %-22s %-16s %-6s %-6s %5s %s\n",
		    "ID", "KIND", "NAME", "FAILED (UTC)", "DOWN", "DRAIN",
		    "MAIL", "STATE");
	fprintf(f->out, "%-4.0f ", json_get_num(o, "id"));
	format_cell(f->out, json_get_text(o, "kind"), 7);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(o, "name"), 22);
	fprintf(f->out, " %-16s %-6s %-6s %5.0f ",
	    wall_time(o, "failed", 16, from, sizeof(from)),
	    lasted(o, "down_seconds", down, sizeof(down)),
	    lasted(o, "drain_seconds", drain, sizeof(drain)),
	    json_get_num(o, "accepted"));
	format_cell(f->out, json_get_text(o, "state"), 0);
	fprintf(f->out, "\n");
}

/* ---- one in detail */

static void
put_step(struct format *f, const cJSON *o, const char *key, const char *what)
{
	char at[32];

	fprintf(f->out, "  %-10s %-19s ", what,
	    wall_time(o, key, 19, at, sizeof(at)));
}

static void
put_beginning(struct format *f, const cJSON *o)
{
	char t[32];

	fprintf(f->out, "outage %.0f of ", json_get_num(o, "id"));
	format_cell(f->out, json_get_text(o, "kind"), 0);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(o, "name"), 0);
	fprintf(f->out, ": ");
	format_cell(f->out, json_get_text(o, "state"), 0);
	if (json_get_bool(o, "gone"))
		fprintf(f->out, " (it left the configuration)");
	fprintf(f->out, "\n");
	put_step(f, o, "failed", "failed");
	format_cell(f->out, json_get_text(o, "reply"), 0);
	fprintf(f->out, "\n%34sseen by a ", "");
	format_cell(f->out, json_get_text(o, "seen"), 0);
	fprintf(f->out, "\n");
	put_step(f, o, "detected", "down");
	fprintf(f->out, "%s after the first failure\n",
	    lasted(o, "detected_after_seconds", t, sizeof(t)));
	if (has_nodes(o)) {
		fprintf(f->out, "  nodes      ");
		put_nodes(f->out, o, ", ");
		fprintf(f->out, "\n");
	}
	if (json_get_text(o, "primary")[0] == '\0')
		return;
	fprintf(f->out, "  waited for ");
	format_cell(f->out, json_get_text(o, "primary"), 0);
	if (json_get_num(o, "part_of") > 0)
		fprintf(f->out, ", outage %.0f", json_get_num(o, "part_of"));
	fprintf(f->out, "\n");
}

static void
put_end(struct format *f, const cJSON *o)
{
	double flaps = json_get_num(o, "flaps");
	char t[32];

	put_step(f, o, "recovered", "recovered");
	if (has_nodes(o) && !(json_get_num(o, "down_seconds") > 0))
		fprintf(f->out, "up for the other nodes throughout");
	else
		fprintf(f->out, "down for %s",
		    lasted(o, "down_seconds", t, sizeof(t)));
	if (flaps > 0)
		fprintf(f->out, ", with %.0f flap%s", flaps,
		    flaps > 1 ? "s" : "");
	if (json_get_num(o, "maintenance_seconds") > 0)
		fprintf(f->out, ", %s of it maintenance",
		    lasted(o, "maintenance_seconds", t, sizeof(t)));
	fprintf(f->out, "\n");
	if (json_get_num(o, "unwatched_seconds") > 0)
		fprintf(f->out, "%34sand not watched for %s\n", "",
		    lasted(o, "unwatched_seconds", t, sizeof(t)));
	put_step(f, o, "first_delivery", "delivery");
	fprintf(f->out, "the first one after it\n");
	put_step(f, o, "drained", "drained");
	fprintf(f->out, "in %s, %.1f messages a second at most\n",
	    lasted(o, "drain_seconds", t, sizeof(t)),
	    json_get_num(o, "peak_rate"));
}

static void
put_figures(struct format *f, const cJSON *o)
{
	char t[32];

	fprintf(f->out,
	    "  messages   %.0f accepted, %.0f delivered; at most %.0f queued, "
	    "%s old\n",
	    json_get_num(o, "accepted"), json_get_num(o, "delivered"),
	    json_get_num(o, "depth"), lasted(o, "age_seconds", t, sizeof(t)));
	fprintf(f->out,
	    "  recipients %.0f refused, %.0f returned, %.0f expired\n",
	    json_get_num(o, "refused"), json_get_num(o, "returned"),
	    json_get_num(o, "expired"));
	if (json_get_num(o, "domains") > 0)
		fprintf(f->out,
		    "  domains    %.0f name it, %.0f have a record, %.0f have "
		    "none for lack of room\n",
		    json_get_num(o, "domains"), json_get_num(o, "recorded"),
		    json_get_num(o, "unrecorded"));
}

static void
put_marks(struct format *f, const cJSON *o)
{
	const cJSON *m;
	char at[32];

	cJSON_ArrayForEach (m, json_get(o, "marks")) {
		fprintf(f->out, "  %-19s ",
		    wall_time(m, "at", 19, at, sizeof(at)));
		format_cell(f->out, json_get_text(m, "what"), -11);
		fprintf(f->out, " ");
		format_cell(f->out, json_get_text(m, "who"), 0);
		fprintf(f->out,
		    json_get_text(m, "who")[0] != '\0' &&
			    json_get_text(m, "text")[0] != '\0' ?
			": " :
			"");
		format_cell(f->out, json_get_text(m, "text"), 0);
		fprintf(f->out, "\n");
	}
	if (json_get_num(o, "marks_lost") > 0)
		fprintf(f->out, "  and %.0f more in the middle\n",
		    json_get_num(o, "marks_lost"));
}

static void
put_absence(struct format *f, const cJSON *o)
{
	char t[32];

	fprintf(f->out, "outage %.0f: mxwatchd ", json_get_num(o, "id"));
	if (has_nodes(o)) {
		fprintf(f->out, "of ");
		put_nodes(f->out, o, ", ");
		fprintf(f->out, " ");
	}
	fprintf(f->out, "did not run, and ");
	if (!has_nodes(o))
		fprintf(f->out, "nothing was watched\n");
	else if (json_get_num(o, "unwatched_seconds") > 0)
		fprintf(f->out, "not watched for %s of it\n",
		    lasted(o, "unwatched_seconds", t, sizeof(t)));
	else
		fprintf(f->out, "other nodes watched\n");
	put_step(f, o, "failed", "alive");
	fprintf(f->out, "the last time\n");
	put_step(f, o, "recovered", "started");
	if (has_nodes(o))
		fprintf(f->out, "%s later\n",
		    text_duration_fmt((json_get_int(o, "recovered") -
					  json_get_int(o, "failed")) *
			    1000,
			t, sizeof(t)));
	else
		fprintf(f->out, "%s later\n",
		    lasted(o, "unwatched_seconds", t, sizeof(t)));
}

static void
put_story(struct format *f, const cJSON *o)
{
	if (strcmp(json_get_text(o, "kind"), "daemon") == 0) {
		put_absence(f, o);
		return;
	}
	put_beginning(f, o);
	put_end(f, o);
	put_figures(f, o);
	put_marks(f, o);
	if (!is_over(o))
		fprintf(f->out, "  not over yet\n");
}

/* ---- CSV */

static const struct outage_column {
	const char *key;
	enum { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_TIME, COLUMN_LIST } type;
} columns[] = {
	{ "id", COLUMN_NUMBER },
	{ "kind", COLUMN_TEXT },
	{ "name", COLUMN_TEXT },
	{ "state", COLUMN_TEXT },
	{ "primary", COLUMN_TEXT },
	{ "part_of", COLUMN_NUMBER },
	{ "failed", COLUMN_TIME },
	{ "detected", COLUMN_TIME },
	{ "recovered", COLUMN_TIME },
	{ "first_delivery", COLUMN_TIME },
	{ "drained", COLUMN_TIME },
	{ "down_seconds", COLUMN_NUMBER },
	{ "maintenance_seconds", COLUMN_NUMBER },
	{ "unwatched_seconds", COLUMN_NUMBER },
	{ "drain_seconds", COLUMN_NUMBER },
	{ "flaps", COLUMN_NUMBER },
	{ "accepted", COLUMN_NUMBER },
	{ "refused", COLUMN_NUMBER },
	{ "delivered", COLUMN_NUMBER },
	{ "returned", COLUMN_NUMBER },
	{ "expired", COLUMN_NUMBER },
	{ "depth", COLUMN_NUMBER },
	{ "age_seconds", COLUMN_NUMBER },
	{ "peak_rate", COLUMN_NUMBER },
	{ "seen", COLUMN_TEXT },
	{ "phase", COLUMN_TEXT },
	{ "reply", COLUMN_TEXT },
	{ "nodes", COLUMN_LIST },
};

/* In quotes, which are doubled. Spreadsheets read a text that begins with one
 * of these characters as a formula: a blank before it prevents that. */
static void
put_quoted(FILE *out, const char *text)
{
	char *clean = format_shown(text);

	putc('"', out);
	if (strchr("=+-@", clean[0]) != NULL && clean[0] != '\0')
		putc(' ', out);
	for (const char *p = clean; *p != '\0'; p++) {
		if (*p == '"')
			putc('"', out);
		putc(*p, out);
	}
	putc('"', out);
	mem_free(&clean);
}

/* The list as one text, separated by blanks. */
static void
put_list(FILE *out, const cJSON *list)
{
	struct buf text = BUF_INIT(4096);
	const cJSON *e;

	cJSON_ArrayForEach (e, list)
		if (cJSON_IsString(e) &&
		    buf_addf(&text, "%s%s", text.len > 0 ? " " : "",
			e->valuestring) != 0)
			break;
	put_quoted(out, buf_str(&text));
	buf_fini(&text);
}

static void
put_csv(struct format *f, const cJSON *o)
{
	char t[32];

	for (size_t i = 0; f->lines == 0 && i < MX_COUNT(columns); i++)
		fprintf(f->out, "%s%s", columns[i].key,
		    i + 1 < MX_COUNT(columns) ? "," : "\r\n");
	for (size_t i = 0; i < MX_COUNT(columns); i++) {
		const cJSON *v = json_get(o, columns[i].key);

		if (columns[i].type == COLUMN_TEXT)
			put_quoted(f->out, json_get_text(o, columns[i].key));
		else if (columns[i].type == COLUMN_LIST)
			put_list(f->out, v);
		else if (columns[i].type == COLUMN_TIME && cJSON_IsNumber(v))
			fprintf(f->out, "%s",
			    text_date_3339(json_get_int(o, columns[i].key), t,
				sizeof(t)));
		else if (cJSON_IsNumber(v))
			fprintf(f->out, "%.12g",
			    json_get_num(o, columns[i].key));
		fprintf(f->out, i + 1 < MX_COUNT(columns) ? "," : "\r\n");
	}
}

/* ---- */

void
format_outage(struct format *f, const cJSON *outage)
{
	if (f->csv)
		put_csv(f, outage);
	else if (f->one)
		put_story(f, outage);
	else
		put_row(f, outage);
}

static void
put_ratio(struct format *f, const cJSON *a, const char *key)
{
	if (cJSON_IsNumber(json_get(a, key)))
		fprintf(f->out, " %9.4f%%", json_get_num(a, key) * 100);
	else
		fprintf(f->out, " %10s", "-");
}

void
format_outages_end(struct format *f, const cJSON *done)
{
	const cJSON *list = json_get(done, "availability"), *a;
	bool head = false;
	char t[32];

	if (f->csv || f->one)
		return;
	if (f->lines == 0)
		fprintf(f->out, "no outage is on record\n");
	cJSON_ArrayForEach (a, list) {
		if (!head)
			fprintf(f->out, "\n%-36s %-16s %10s %10s\n", "PRIMARY",
			    "KNOWN SINCE", "30 DAYS", "365 DAYS");
		head = true;
		format_cell(f->out, json_get_text(a, "primary"), 36);
		fprintf(f->out, " %-16s",
		    wall_time(a, "known_since", 16, t, sizeof(t)));
		put_ratio(f, a, "availability_30d");
		put_ratio(f, a, "availability_365d");
		fprintf(f->out, "\n");
	}
}
