/* SPDX-License-Identifier: ISC
 * ctl_redirect: `mxwatchctl redirect`: a table of those that there are, and the
 * answer when one was ordered or ended. Times are in the client's time
 * zone. */
#include <string.h>

#include "base/calendar.h"
#include "control/ctl_format.h"

enum { W_DOMAIN = 24, W_TIME = 16 };

void
format_hosts(struct format *f, const cJSON *hosts)
{
	const cJSON *host;
	bool first = true;

	cJSON_ArrayForEach (host, hosts) {
		if (!cJSON_IsString(host))
			continue;
		fprintf(f->out, "%s", first ? "" : ", ");
		format_cell(f->out, host->valuestring, 0);
		first = false;
	}
	if (first)
		fprintf(f->out, "its MX records");
}

static const char *
until(const cJSON *o, char *dst, size_t size)
{
	if (!cJSON_IsNumber(json_get(o, "until")))
		return "it is ended";
	return calendar_time_fmt(json_get_int(o, "until"), dst, size);
}

static void
put_effect(struct format *f, const cJSON *r)
{
	if (json_get_bool(r, "in_force")) {
		fprintf(f->out, "instead of ");
		format_hosts(f, json_get(r, "instead_of"));
	} else if (cJSON_IsArray(json_get(r, "instead_of"))) {
		fprintf(f->out, "as it is in the configuration");
	} else {
		fprintf(f->out, "without effect: it is not configured");
	}
}

void
format_redirect(struct format *f, const cJSON *r)
{
	const char *reason = json_get_text(r, "reason");
	char t[32];

	if (json_get_text(r, "severity")[0] != '\0') {
		fprintf(f->out, "warning: ");
		format_cell(f->out, json_get_text(r, "text"), 0);
		fprintf(f->out, "\n");
		return;
	}
	if (f->lines == 0)
		fprintf(f->out, "%-*s %-*s %s\n", W_DOMAIN, "DOMAIN", W_TIME,
		    "UNTIL", "TO");
	format_cell(f->out, json_get_text(r, "domain"), -W_DOMAIN);
	fprintf(f->out, " %-*s ", W_TIME, until(r, t, sizeof(t)));
	format_hosts(f, json_get(r, "to"));
	fprintf(f->out, "\n      ");
	put_effect(f, r);
	fprintf(f->out, "\n      since %s",
	    calendar_time_fmt(json_get_int(r, "since"), t, sizeof(t)));
	if (cJSON_IsNumber(json_get(r, "uid")))
		fprintf(f->out, " ");
	format_who(f, r);
	if (reason[0] != '\0') {
		fprintf(f->out, ": ");
		format_cell(f->out, reason, 0);
	}
	fprintf(f->out, "\n");
}

/* "214 messages, and all new mail, go" */
static void
put_mail(struct format *f, const cJSON *l, bool dry)
{
	double n = json_get_num(l, "messages");

	if (n > 0)
		fprintf(f->out, "%.0f message%s, and all new mail, %s", n,
		    n > 1 ? "s" : "", dry ? "would go" : "go");
	else
		fprintf(f->out, "all mail %s", dry ? "would go" : "goes");
}

void
format_redirect_end(struct format *f, const cJSON *l)
{
	bool dry = strcmp(json_get_text(l, "event"), "dry_run") == 0;
	const char *domain = json_get_text(l, "domain");
	bool ends = !cJSON_IsArray(json_get(l, "to"));
	bool known = cJSON_IsArray(json_get(l, "instead_of"));
	char t[32];

	if (domain[0] == '\0') {
		if (f->lines == 0)
			fprintf(f->out, "no domain is redirected\n");
		return;
	}
	format_cell(f->out, domain, 0);
	fprintf(f->out, ": ");
	if (!known) {
		fprintf(f->out, "its redirect has no effect%s\n",
		    dry ? "" : ", and is ended");
		return;
	}
	put_mail(f, l, dry);
	fprintf(f->out, " to ");
	format_hosts(f, json_get(l, ends ? "instead_of" : "to"));
	if (ends) {
		fprintf(f->out, " again\n");
		return;
	}
	fprintf(f->out, " until %s\n(instead of ", until(l, t, sizeof(t)));
	format_hosts(f, json_get(l, "instead_of"));
	fprintf(f->out, ")");
	if (!dry) {
		fprintf(f->out, "; `mxwatchctl redirect --end ");
		format_cell(f->out, domain, 0);
		fprintf(f->out, "` ends it");
	}
	fprintf(f->out, "\n");
}
