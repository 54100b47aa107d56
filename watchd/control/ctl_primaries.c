/* SPDX-License-Identifier: ISC
 * ctl_primaries: `mxwatchctl status --primaries`. */
#include <string.h>

#include "base/text.h"
#include "control/ctl_format.h"

/* ---- primaries, each once: a table of 80 columns */

enum {
	W_SERVER = 30,
	W_REACH = 8,
	W_NUMBER = 7,
	W_PROBED = 8,
	W_CONNECTIONS = 7,
	W_REACHED = 6
};

/* "3/10": open connections, and the most that are used now. */
static const char *
connections(const cJSON *delivery, char *dst, size_t size)
{
	(void)snprintf(dst, size, "%.0f/%.0f",
	    json_get_num(delivery, "connections"),
	    json_get_num(delivery, "window"));
	return json_get_num(delivery, "window") > 0 ? dst : "-";
}

/* A short note on each abnormal condition. */
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

/* Learned limits, if any, have a line of their own. */
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

/* The reason is complete, on a line of its own. */
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
	fprintf(f->out, " %-*s", W_REACHED,
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

void
format_primaries(struct format *f, const cJSON *primaries)
{
	const cJSON *p;

	fprintf(f->out, "%-*s %-*s %-*s %*s %-*s %-*s %s\n", W_SERVER,
	    "PRIMARY", W_REACH, "REACH", W_REACHED, "SINCE", W_NUMBER,
	    "DOMAINS", W_PROBED, "PROBE", W_CONNECTIONS, "CONN", "NOTE");
	cJSON_ArrayForEach (p, primaries)
		server_row(f, p);
}
