/* SPDX-License-Identifier: ISC
 * ctl_cluster: see ctl_cluster.h. A table of 80 columns of the nodes, followed
 * by the state of the engine, of the domains and of mail that waits for
 * either. */
#include "control/ctl_cluster.h"

#include "base/text.h"

enum { W_NODE = 26, W_STATE = 8, W_SILENT = 7, W_DOMAINS = 8, W_CONFIG = 7 };

static const char *
silence(const cJSON *n, char *dst, size_t size)
{
	int64_t s = json_get_int(n, "silent_seconds");

	return text_duration_fmt(s * 1000, dst, size);
}

/* A '*' marks the node that answers. */
static void
node_row(struct format *f, const cJSON *n, bool first)
{
	const char *version = json_get_text(n, "version");
	char t[32];

	if (first)
		fprintf(f->out, "  %-*s %-*s %-*s %*s %-*s %s\n", W_NODE,
		    "NODE", W_STATE, "STATE", W_SILENT, "SILENT", W_DOMAINS,
		    "DOMAINS", W_CONFIG, "CONFIG", "VERSION");
	fprintf(f->out, "%c ", json_get_bool(n, "us") ? '*' : ' ');
	format_cell(f->out, json_get_text(n, "node"), W_NODE);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(n, "state"), -W_STATE);
	fprintf(f->out, " %-*s %*.0f %-*s ", W_SILENT, silence(n, t, sizeof(t)),
	    W_DOMAINS, json_get_num(n, "domains"), W_CONFIG,
	    *version == '\0'			   ? "-" :
		json_get_bool(n, "config_differs") ? "differs" :
						     "same");
	format_cell(f->out, *version != '\0' ? version : "-", 0);
	fprintf(f->out, "\n");
}

static void
put_engine(struct format *f, const cJSON *engine)
{
	char t[32];

	if (cJSON_IsNumber(json_get(engine, "away_since")))
		fprintf(f->out,
		    "engine: unreachable for %s; new mail stays on "
		    "this node\n",
		    format_age(f, engine, "away_since", t, sizeof(t)));
	else if (json_get_bool(engine, "synchronous"))
		fprintf(f->out,
		    "engine: connected, with a synchronous "
		    "standby\n");
	else
		fprintf(f->out,
		    "engine: connected, without a synchronous standby%s\n",
		    json_get_bool(engine, "require_sync") ?
			"; new mail stays on this node" :
			"");
}

/* `c`: as `cluster` of mxwatch-status(7). */
static void
put_summary(struct format *f, const cJSON *c)
{
	const cJSON *domains = json_get(c, "domains");
	const cJSON *local = json_get(c, "local");
	char t[32];

	put_engine(f, json_get(c, "engine"));
	fprintf(f->out,
	    "domains: %.0f, %.0f on this node, %.0f without a node, %.0f "
	    "moving\n",
	    json_get_num(domains, "all"), json_get_num(domains, "ours"),
	    json_get_num(domains, "unowned"), json_get_num(domains, "leaving"));
	if (json_get_num(local, "messages") > 0)
		fprintf(f->out,
		    "messages on this node only: %.0f, the oldest %s old\n",
		    json_get_num(local, "messages"),
		    format_age(f, local, "oldest", t, sizeof(t)));
	if (json_get_num(c, "differing") > 0)
		fprintf(f->out,
		    "configurations differ: reload the nodes that have the old "
		    "one\n");
	if (json_get_bool(c, "fenced"))
		fprintf(f->out,
		    "this node was declared dead and is joining again\n");
	if (json_get_bool(c, "left"))
		fprintf(f->out,
		    "this node was removed from the cluster; to add it: "
		    "mxwatchctl cluster join\n");
}

void
format_nodes(struct format *f, const cJSON *n)
{
	node_row(f, n, f->lines == 0);
}

/* Called also if rc is not 0: status has rc 1 when something is wrong. */
void
format_nodes_end(struct format *f, const cJSON *l)
{
	const char *node = json_get_text(l, "node");
	const char *domain = json_get_text(l, "domain");

	if (json_get(l, "engine") != NULL) {
		put_summary(f, l);
	} else if (json_get_num(l, "rc") != 0) {
		return;
	} else if (*domain != '\0') {
		format_cell(f->out, domain, 0);
		fprintf(f->out, " moves to ");
		format_cell(f->out, node, 0);
		fprintf(f->out, ", and stays there\n");
	} else {
		fprintf(f->out,
		    "requested; mxwatchctl cluster shows the progress\n");
	}
}

void
format_cluster(struct format *f, const cJSON *document)
{
	const cJSON *c = json_get(document, "cluster"), *n;
	bool first = true;

	if (!cJSON_IsObject(c))
		return;
	fprintf(f->out, "\n");
	cJSON_ArrayForEach (n, json_get(c, "nodes")) {
		node_row(f, n, first);
		first = false;
	}
	put_summary(f, c);
}

bool
format_owner_is_none(const cJSON *d)
{
	return json_get(d, "owner") != NULL &&
	    json_get_text(d, "owner")[0] == '\0';
}

static const char *
owner_of(const cJSON *d)
{
	return format_owner_is_none(d) ? "NO NODE" : json_get_text(d, "owner");
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
		fprintf(f->out, "  %.0f messages are on this node only\n",
		    json_get_num(d, "local_messages"));
}
