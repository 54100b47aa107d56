/* SPDX-License-Identifier: ISC
 * ctl_maintenance: `mxwatchctl maintenance`: a table of 80 columns, and the
 * answer when a window was ordered or ended. Times are in the client's time
 * zone. */
#include <string.h>

#include "base/calendar.h"
#include "control/ctl_format.h"

enum { W_ID = 5, W_STATE = 7, W_TIME = 16, W_MAIL = 5 };

static const char *
local(const cJSON *o, const char *key, char *dst, size_t size)
{
	if (!cJSON_IsNumber(json_get(o, key)))
		return "-";
	return calendar_time_fmt(json_get_int(o, key), dst, size);
}

/* Writes the only subject, or the number of subjects. */
static void
put_subjects(struct format *f, const cJSON *w)
{
	const cJSON *domains = json_get(w, "domains");
	const cJSON *primaries = json_get(w, "primaries");
	int d = cJSON_GetArraySize(domains), p = cJSON_GetArraySize(primaries);
	const cJSON *one = cJSON_GetArrayItem(d > 0 ? domains : primaries, 0);

	if (d + p == 1 && cJSON_IsString(one))
		format_cell(f->out, one->valuestring, 0);
	else if (p == 0)
		fprintf(f->out, "%d domains", d);
	else if (d == 0)
		fprintf(f->out, "%d primaries", p);
	else
		fprintf(f->out, "%d domains, %d %s", d, p,
		    p == 1 ? "primary" : "primaries");
}

/* A recurring window has its name and its rule on a line of its own. */
static void
put_details(struct format *f, const cJSON *w)
{
	bool again = cJSON_IsString(json_get(w, "name"));
	const char *reason = json_get_text(w, "reason");

	if (!again && reason[0] == '\0' && !cJSON_IsNumber(json_get(w, "uid")))
		return;
	fprintf(f->out, "      ");
	if (again) {
		fprintf(f->out, "\"");
		format_cell(f->out, json_get_text(w, "name"), 0);
		fprintf(f->out, "\", ");
		format_cell(f->out, json_get_text(w, "every"), 0);
	}
	format_who(f, w);
	if (reason[0] != '\0') {
		fprintf(f->out, ": ");
		format_cell(f->out, reason, 0);
	}
	fprintf(f->out, "\n");
}

void
format_maintenance(struct format *f, const cJSON *w)
{
	char id[24] = "-", t[32];

	if (f->lines == 0)
		fprintf(f->out, "%-*s %-*s %-*s %-*s %-*s %s\n", W_ID, "ID",
		    W_STATE, "STATE", W_TIME, "FROM", W_TIME, "UNTIL", W_MAIL,
		    "MAIL", "WHAT");
	if (cJSON_IsNumber(json_get(w, "id")))
		(void)snprintf(id, sizeof(id), "%.0f", json_get_num(w, "id"));
	fprintf(f->out, "%-*s %-*s", W_ID, id, W_STATE,
	    json_get_bool(w, "active") ? "active" : "to come");
	fprintf(f->out, " %-*s", W_TIME, local(w, "from", t, sizeof(t)));
	fprintf(f->out, " %-*s", W_TIME, local(w, "until", t, sizeof(t)));
	fprintf(f->out, " %-*s ", W_MAIL,
	    json_get_bool(w, "hold") ? "held" : "flows");
	put_subjects(f, w);
	fprintf(f->out, "\n");
	put_details(f, w);
}

void
format_maintenance_end(struct format *f, const cJSON *l)
{
	char from[32], until[32];

	if (json_get_num(l, "id") > 0)
		fprintf(f->out, "maintenance %.0f, from %s until %s\n",
		    json_get_num(l, "id"), local(l, "from", from, sizeof(from)),
		    local(l, "until", until, sizeof(until)));
	else if (json_get_bool(l, "ended"))
		fprintf(f->out, "ended\n");
	else if (f->lines == 0)
		fprintf(f->out, "there is no maintenance window\n");
}
