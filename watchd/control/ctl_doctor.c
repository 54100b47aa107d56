/* SPDX-License-Identifier: ISC
 * ctl_doctor: findings as text, grouped by the host or domain: severity, check,
 * a sentence and the remedy. Sentences are wrapped at blanks, because they are
 * longer than a line. */
#include <string.h>

#include "base/mem.h"
#include "control/ctl_format.h"

#define COLUMNS	 80 /* of what is no terminal */
#define SEVERITY 8
#define CHECK	 14
#define INDENT	 (2 + SEVERITY + CHECK)

/* `s` is clean. A word that is longer than a line is not broken. */
static void
put_wrapped(const struct format *f, const char *s)
{
	size_t columns = f->columns > 0 ? (size_t)f->columns : COLUMNS;
	size_t column = INDENT, len;

	for (; *s != '\0'; s += len) {
		s += strspn(s, " ");
		len = strcspn(s, " ");
		if (len == 0)
			break;
		if (column > INDENT && column + 1 + len > columns) {
			fprintf(f->out, "\n%*s", INDENT, "");
			column = INDENT;
		}
		fprintf(f->out, "%s%.*s", column > INDENT ? " " : "", (int)len,
		    s);
		column += len + (column > INDENT);
	}
	fprintf(f->out, "\n");
}

static void
put_text(struct format *f, const char *mark, const char *text)
{
	char *shown = format_shown(text);
	char *all = mem_printf("%s%s", mark, shown);

	put_wrapped(f, all);
	mem_free(&all);
	mem_free(&shown);
}

void
format_doctor(struct format *f, const cJSON *l)
{
	const char *domain = json_get_text(l, "domain");
	const char *text = json_get_text(l, "text");
	const char *remedy = json_get_text(l, "remedy");

	if (f->lines == 0 || strcmp(domain, f->subject) != 0) {
		format_cell(f->out, domain[0] != '\0' ? domain : "this host",
		    0);
		fprintf(f->out, "\n");
		(void)strlcpy(f->subject, domain, sizeof(f->subject));
	}
	fprintf(f->out, "  ");
	format_cell(f->out, json_get_text(l, "severity"), -SEVERITY);
	format_cell(f->out, json_get_text(l, "check"), -CHECK);
	put_text(f, "",
	    text[0] != '\0' ? text : "(details: mxwatchctl doctor DOMAIN)");
	if (remedy[0] != '\0') {
		fprintf(f->out, "%*s", INDENT, "");
		put_text(f, "-> ", remedy);
	}
	fflush(f->out); /* the next finding may take long */
}

void
format_doctor_end(struct format *f, const cJSON *done)
{
	double errors = json_get_num(done, "errors");
	double warnings = json_get_num(done, "warnings");
	char t[32];

	if (!cJSON_IsNumber(json_get(done, "errors")))
		return;
	fprintf(f->out, "%.0f error%s, %.0f warning%s, %.0f info", errors,
	    errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s",
	    json_get_num(done, "infos"));
	if (!f->one && cJSON_IsNumber(json_get(done, "checked")))
		fprintf(f->out, "; last full check %s ago",
		    format_age(f, done, "checked", t, sizeof(t)));
	fprintf(f->out, "\n");
}
