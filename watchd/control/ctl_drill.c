/* SPDX-License-Identifier: ISC
 * ctl_drill: the steps of a drill as text, a line each:
 *
 *	intake    127.0.0.1:25, TLSv1.3: 250 2.0.0 Ok: queued as 6A1F03C2B47
 *	          to postmaster@example.org: Postmaster is always accepted.
 *	spool     6A1F03C2B47, 612 bytes, durable after 3 ms
 *	delivery  mx1.example.org [192.0.2.10]:25, TLSv1.3 (dane): 250 2.0.0 Ok
 *	end       delivered after 0.8 s */
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "control/ctl_format.h"

static bool
is_state(const cJSON *l, const char *state)
{
	return strcmp(json_get_text(l, "state"), state) == 0;
}

/* A server's reply, or a sentence. */
static void
put_reply(FILE *out, const cJSON *l)
{
	if (cJSON_IsNumber(json_get(l, "code")))
		fprintf(out, "%.0f ", json_get_num(l, "code"));
	format_cell(out, json_get_text(l, "reply"), 0);
}

static void
put_tls(FILE *out, const cJSON *l)
{
	const char *tls = json_get_text(l, "tls");
	const char *by = json_get_text(l, "tls_by");

	fprintf(out, ", ");
	format_cell(out, tls[0] != '\0' ? tls : "in clear", 0);
	if (by[0] != '\0' && tls[0] != '\0') {
		fprintf(out, " (");
		format_cell(out, by, 0);
		fprintf(out, ")");
	}
	fprintf(out, ": ");
}

static void
put_intake(FILE *out, const cJSON *l)
{
	format_cell(out, json_get_text(l, "listener"), 0);
	put_tls(out, l);
	put_reply(out, l);
	fprintf(out, "\n          to ");
	format_cell(out, json_get_text(l, "recipient"), 0);
	if (json_get_text(l, "rule")[0] != '\0') {
		fprintf(out, ": ");
		format_cell(out, json_get_text(l, "rule"), 0);
	}
}

static void
put_spool(FILE *out, const cJSON *l)
{
	double ms = json_get_num(l, "seconds") * 1e3;

	format_cell(out, json_get_text(l, "id"), 0);
	if (!cJSON_IsNumber(json_get(l, "bytes")))
		fprintf(out, ", queued before mxwatchd was started");
	else
		fprintf(out, ", %.0f bytes, durable after %s%.0f ms",
		    json_get_num(l, "bytes"), ms < 1 ? "less than " : "",
		    ms < 1 ? 1 : ms);
}

static void
put_delivery(FILE *out, const cJSON *l)
{
	const char *host = json_get_text(l, "host");
	const char *address = json_get_text(l, "address");

	if (is_state(l, "not_tried")) {
		fprintf(out, "not tried: ");
		put_reply(out, l);
		return;
	}
	format_cell(out, host, 0);
	if (strcmp(host, address) != 0 && address[0] != '\0') {
		fprintf(out, "%s", host[0] != '\0' ? " " : "");
		format_cell(out, address, 0);
	}
	put_tls(out, l);
	put_reply(out, l);
}

static void
put_end(FILE *out, const cJSON *l)
{
	double seconds = json_get_num(l, "seconds");
	char until[32];

	if (is_state(l, "delivered")) {
		fprintf(out, "delivered after %.1f s", seconds);
		return;
	}
	if (is_state(l, "failed"))
		fprintf(out, "failed after %.1f s", seconds);
	else
		fprintf(out, "not delivered yet");
	if (json_get_text(l, "reply")[0] != '\0') {
		fprintf(out, ": ");
		put_reply(out, l);
	}
	if (is_state(l, "waiting"))
		fprintf(out,
		    "\n          It goes on until %s; the same command follows "
		    "it.",
		    calendar_time_fmt(json_get_int(l, "until"), until,
			sizeof(until)));
}

void
format_drill(struct format *f, const cJSON *l)
{
	static const struct {
		const char *step;
		void (*put)(FILE *, const cJSON *);
	} how[] = { { "intake", put_intake }, { "spool", put_spool },
		{ "delivery", put_delivery }, { "end", put_end } };
	const char *step = json_get_text(l, "step");

	for (size_t i = 0; i < MX_COUNT(how); i++) {
		if (strcmp(how[i].step, step) != 0)
			continue;
		fprintf(f->out, "%-9s ", step);
		how[i].put(f->out, l);
		fprintf(f->out, "\n");
	}
}
