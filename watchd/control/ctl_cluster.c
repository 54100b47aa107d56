/* SPDX-License-Identifier: ISC
 * ctl_cluster: see ctl_cluster.h. */
#include "control/ctl_cluster.h"

#include "base/text.h"

enum { W_NODE = 20, W_STATE = 8, W_SILENT = 7, W_DOMAINS = 7, W_VERSION = 10 };

static void
node_row(struct format *f, const cJSON *n)
{
	char t[32] = "-";

	if (!json_get_bool(n, "up"))
		text_duration_fmt(json_get_int(n, "silent_seconds") * 1000, t,
		    sizeof(t));
	format_cell(f->out, json_get_text(n, "node"), W_NODE);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(n, "state"), W_STATE);
	fprintf(f->out, " %-*s %*.0f ", W_SILENT, t, W_DOMAINS,
	    json_get_num(n, "domains"));
	format_cell(f->out, json_get_text(n, "version"), W_VERSION);
	fprintf(f->out, "%s%s\n", json_get_bool(n, "us") ? " this node" : "",
	    json_get_bool(n, "config_differs") ? " OTHER CONFIGURATION" : "");
}

static void
engine_lines(struct format *f, const cJSON *c)
{
	const cJSON *engine = json_get(c, "engine");
	const cJSON *local = json_get(c, "local");
	char t[32];

	if (cJSON_IsNumber(json_get(engine, "away_since")))
		fprintf(f->out,
		    "the ENGINE IS AWAY for %s: new mail stays at its node\n",
		    format_age(f, engine, "away_since", t, sizeof(t)));
	else if (!json_get_bool(engine, "synchronous"))
		fprintf(f->out, "the engine has NO SYNCHRONOUS STANDBY%s\n",
		    json_get_bool(engine, "require_sync") ?
			": new mail stays at its node" :
			"");
	if (json_get_num(local, "messages") > 0)
		fprintf(f->out,
		    "%.0f messages LIE AT THIS NODE ALONE, the oldest for "
		    "%s\n",
		    json_get_num(local, "messages"),
		    format_age(f, local, "oldest", t, sizeof(t)));
	if (json_get_bool(c, "fenced"))
		fprintf(f->out,
		    "this node WAS TAKEN FOR DEAD, and joins again\n");
	if (json_get_bool(c, "left"))
		fprintf(f->out,
		    "this node was TAKEN OUT: mxwatchctl cluster join\n");
}

void
format_cluster(struct format *f, const cJSON *o)
{
	const cJSON *c = json_get(o, "cluster"), *n;
	const cJSON *domains = json_get(c, "domains");

	if (!cJSON_IsObject(c))
		return;
	fprintf(f->out, "\n%-*s %-*s %-*s %*s %s\n", W_NODE, "NODE", W_STATE,
	    "STATE", W_SILENT, "SILENT", W_DOMAINS, "DOMAINS", "VERSION");
	cJSON_ArrayForEach (n, json_get(c, "nodes"))
		node_row(f, n);
	fprintf(f->out, "node ");
	format_cell(f->out, json_get_text(c, "node"), 0);
	fprintf(f->out, " has %.0f of %.0f domains",
	    json_get_num(domains, "ours"), json_get_num(domains, "all"));
	if (json_get_num(domains, "leaving") > 0)
		fprintf(f->out, ", %.0f on their way to another",
		    json_get_num(domains, "leaving"));
	if (json_get_num(domains, "unowned") > 0)
		fprintf(f->out, ", %.0f WITHOUT A NODE",
		    json_get_num(domains, "unowned"));
	fprintf(f->out, "\n");
	engine_lines(f, c);
}

static const char *
owner_of(const cJSON *d)
{
	const char *owner = json_get_text(d, "owner");

	return owner[0] != '\0' ? owner : "NO NODE";
}

void
format_owner_row(struct format *f, const cJSON *d)
{
	if (json_get(d, "owner") == NULL || json_get_bool(d, "ours"))
		return;
	fprintf(f->out, "  its mail is at ");
	format_cell(f->out, owner_of(d), 0);
	fprintf(f->out, "\n");
}

void
format_owner_block(struct format *f, const cJSON *d)
{
	const cJSON *v;
	char t[32];

	if (json_get(d, "owner") == NULL)
		return;
	fprintf(f->out, "node      ");
	format_cell(f->out, owner_of(d), 0);
	fprintf(f->out, "%s\n", json_get_bool(d, "ours") ? ", this one" : "");
	cJSON_ArrayForEach (v, json_get(d, "verdicts")) {
		fprintf(f->out, "  ");
		format_cell(f->out, json_get_text(v, "node"), 0);
		fprintf(f->out, " sees it ");
		format_cell(f->out, json_get_text(v, "state"), 0);
		fprintf(f->out, " for %s",
		    format_age(f, v, "since", t, sizeof(t)));
		if (json_get_text(v, "cause")[0] != '\0') {
			fprintf(f->out, ": ");
			format_cell(f->out, json_get_text(v, "cause"), 0);
		}
		fprintf(f->out, "\n");
	}
	if (json_get_num(d, "local_messages") > 0)
		fprintf(f->out, "  %.0f messages lie at this node alone\n",
		    json_get_num(d, "local_messages"));
}
