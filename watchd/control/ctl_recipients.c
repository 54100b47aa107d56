/* SPDX-License-Identifier: ISC
 * ctl_recipients: recipients as text: one line each, and the source of the
 * domain's recipients. */
#include "control/ctl_format.h"

/* The last known result: of the last refusal, or else of a delivery or a
 * check. */
static const char *
last_heard(const cJSON *r, const char **by)
{
	bool taken = cJSON_IsNumber(json_get(r, "taken"));
	bool passed = cJSON_IsNumber(json_get(r, "passed"));

	*by = "refusal";
	if (cJSON_IsNumber(json_get(r, "refused")))
		return "refused";
	*by = taken ? "delivery" : passed ? "check" : "-";
	return taken ? "taken" : "passed";
}

void
format_recipients(struct format *f, const cJSON *r)
{
	const char *by, *last = last_heard(r, &by);
	char t[32];

	if (f->lines == 0)
		fprintf(f->out, "%-42s %-9s %-8s %-7s %s\n", "RECIPIENT",
		    "KNOWN", "BY", "LAST", "REFUSED");
	format_cell(f->out, json_get_text(r, "address"), -42);
	fprintf(f->out, " ");
	format_cell(f->out, json_get_text(r, "known"), -9);
	fprintf(f->out, " %-8s", by);
	fprintf(f->out, " %-7s", format_age(f, r, last, t, sizeof(t)));
	fprintf(f->out, " %s\n",
	    format_age(f, r, "refused_first", t, sizeof(t)));
}

static void
put_list(struct format *f, const cJSON *list)
{
	char t[32];

	fprintf(f->out, ": from its list, ");
	format_cell(f->out, json_get_text(list, "source"), 0);
	fprintf(f->out, ", %.0f entries", json_get_num(list, "entries"));
	if (cJSON_IsNumber(json_get(list, "confirmed")))
		fprintf(f->out, ", confirmed %s ago",
		    format_age(f, list, "confirmed", t, sizeof(t)));
	fprintf(f->out, "\n");
	if (json_get_text(list, "trouble")[0] != '\0')
		format_text(f, "but", json_get_text(list, "trouble"));
}

static void
put_learned(struct format *f, const cJSON *learned)
{
	char t[32];

	fprintf(f->out, ": learned, %.0f known, %.0f refused; ",
	    json_get_num(learned, "good"), json_get_num(learned, "bad"));
	if (!cJSON_IsNumber(json_get(learned, "tested")))
		fprintf(f->out, "not tested for a catch-all yet\n");
	else
		fprintf(f->out, "%s, tested %s ago\n",
		    json_get_bool(learned, "catch_all") ?
			"catch-all: the primary accepts any recipient" :
			"not a catch-all",
		    format_age(f, learned, "tested", t, sizeof(t)));
}

void
format_recipients_end(struct format *f, const cJSON *done)
{
	const cJSON *list = json_get(done, "recipients_list");
	const cJSON *learned = json_get(done, "recipients_learned");

	format_cell(f->out, json_get_text(done, "domain"), 0);
	if (cJSON_IsObject(list))
		put_list(f, list);
	else if (cJSON_IsObject(learned))
		put_learned(f, learned);
	else
		fprintf(f->out,
		    ": any recipient is accepted (neither a list nor "
		    "recipients_learn)\n");
}
