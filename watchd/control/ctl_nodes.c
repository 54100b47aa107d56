/* SPDX-License-Identifier: ISC
 * ctl_nodes: `mxwatchctl cluster`: a table of 80 columns of the nodes, and below
 * it what is known of the engine, of domains and of mail that waits for either. */
#include "base/text.h"
#include "control/ctl_format.h"

enum { W_NODE = 26, W_STATE = 8, W_SILENT = 7, W_DOMAINS = 8, W_CONFIG = 7 };

static const char *
silence(const cJSON *n, char *dst, size_t size)
{
	int64_t s = json_get_int(n, "silent_seconds");

	return text_duration_fmt(s * 1000, dst, size);
}

/* A '*' marks the node that answers. */
void
format_nodes(struct format *f, const cJSON *n)
{
	const cJSON *same = json_get(n, "same_configuration");
	const char *version = json_get_text(n, "version");
	char t[32];

	if (f->lines == 0)
		fprintf(f->out, "  %-*s %-*s %-*s %*s %-*s %s\n", W_NODE,
		    "NODE", W_STATE, "STATE", W_SILENT, "SILENT", W_DOMAINS,
		    "DOMAINS", W_CONFIG, "CONFIG", "VERSION");
	fprintf(f->out, "%c ", json_get_bool(n, "us") ? '*' : ' ');
	format_cell(f->out, json_get_text(n, "node"), W_NODE);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(n, "state"), -W_STATE);
	fprintf(f->out, " %-*s %*.0f %-*s ", W_SILENT, silence(n, t, sizeof(t)),
	    W_DOMAINS, json_get_num(n, "domains"), W_CONFIG,
	    !cJSON_IsBool(same)	   ? "-" :
		cJSON_IsTrue(same) ? "same" :
				     "differs");
	format_cell(f->out, *version != '\0' ? version : "-", 0);
	fprintf(f->out, "\n");
}

static void
put_engine(struct format *f, const cJSON *l)
{
	char t[32];

	if (cJSON_IsNumber(json_get(l, "away_since")))
		fprintf(f->out, "engine: away for %s\n",
		    format_age(f, l, "away_since", t, sizeof(t)));
	else
		fprintf(f->out, "engine: there, %s\n",
		    json_get_bool(l, "synchronous") ?
			"with a synchronous standby" :
			"without a synchronous standby");
}

static void
put_status(struct format *f, const cJSON *l)
{
	double local = json_get_num(l, "local");
	char t[32];

	put_engine(f, l);
	fprintf(f->out,
	    "domains: %.0f, %.0f of them here, %.0f nobody's, %.0f on their "
	    "way\n",
	    json_get_num(l, "domains"), json_get_num(l, "owned"),
	    json_get_num(l, "unowned"), json_get_num(l, "moving"));
	if (local > 0)
		fprintf(f->out,
		    "mail of this node that is not in the engine: %.0f, the "
		    "oldest %s old\n",
		    local, format_age(f, l, "local_oldest", t, sizeof(t)));
	if (json_get_num(l, "differing") > 0)
		fprintf(f->out,
		    "configurations differ: reload the nodes that were left "
		    "out\n");
	if (json_get_bool(l, "left"))
		fprintf(f->out,
		    "this node was taken out: mxwatchctl cluster join\n");
}

/* Also when something is wrong. */
void
format_nodes_end(struct format *f, const cJSON *l)
{
	const char *node = json_get_text(l, "node");
	const char *domain = json_get_text(l, "domain");

	if (json_get(l, "unowned") != NULL) {
		put_status(f, l);
	} else if (json_get_num(l, "rc") != 0) {
		return;
	} else if (*domain != '\0') {
		format_cell(f->out, domain, 0);
		fprintf(f->out, " goes to ");
		format_cell(f->out, node, 0);
		fprintf(f->out, ", and stays there\n");
	} else {
		fprintf(f->out,
		    "said; mxwatchctl cluster shows what comes of "
		    "it\n");
	}
}
