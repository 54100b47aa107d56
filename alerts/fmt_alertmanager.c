/* SPDX-License-Identifier: ISC
 * fmt_alertmanager: API v2, as Prometheus uses it. Labels are the identity of
 * an alert, so they contain no values. A firing one ends by itself five minutes
 * after it was last sent, so that a dead mxwatchd leaves nothing behind. */
#include "alerts/format.h"

#include <string.h>

#include "alerts/voice.h"
#include "base/mem.h"

#define END_MS	 INT64_C(300000)
#define BODY_MAX (64u << 20) /* enough for AM_ALERTS_MAX of 2 KB each */

static void
add_one(const struct format_ctx *x, const struct am_alert *a, cJSON *list)
{
	bool test = a->i->kind == NOTE_TEST;
	const char *summary =
	    test ? "a test" : conf_alert_info[a->i->kind].summary;
	cJSON *o = json_push_object(list), *sub;
	char *name =
	    format_alertname(test ? "test" : conf_alert_info[a->i->kind].name);
	char *text = format_ascii(a->i->summary);
	char *next = format_next(a->i->kind, a->i->domain);
	char *page = format_link(x,
	    !test && alert_scope(a->i->kind) == ALERT_SCOPE_DOMAIN ?
		a->i->domain :
		"");
	char *book = format_runbook(x, a->i->kind);

	sub = json_member(o, "labels");
	json_text(sub, "alertname", name);
	json_text(sub, "severity", severity_name(a->severity));
	json_text(sub, "job", "mxwatch");
	json_text(sub, "instance",
	    test || voice_of(a->i->kind) == VOICE_NODE ? x->instance :
							 x->shared);
	if (a->i->domain[0] != '\0')
		json_text(sub, alert_label(a->i->kind), a->i->domain);
	if (a->i->primary[0] != '\0')
		json_text(sub, "primary", a->i->primary);
	sub = json_member(o, "annotations");
	json_text(sub, "summary", summary);
	json_text(sub, "description", text);
	if (next[0] != '\0')
		json_text(sub, "next", next);
	if (book[0] != '\0')
		json_text(sub, "runbook_url", book);
	format_time(o, "startsAt", a->start_ms);
	format_time(o, "endsAt",
	    a->end_ms != 0 ? a->end_ms : x->now_ms + END_MS);
	if (page[0] != '\0')
		json_text(o, "generatorURL", page);
	mem_free(&name);
	mem_free(&text);
	mem_free(&next);
	mem_free(&page);
	mem_free(&book);
}

static void
fmt_alertmanager(const struct format_ctx *x, const struct am_alert *a, size_t n,
    struct message *m)
{
	cJSON *list = cJSON_CreateArray();
	size_t len = strlen(x->url);

	message_init(m, CARRY_HTTP);
	m->body.max = BODY_MAX;
	while (len > 0 && x->url[len - 1] == '/')
		len--;
	m->url = mem_printf("%.*s/api/v2/alerts", (int)len, x->url);
	for (size_t i = 0; i < n; i++)
		add_one(x, &a[i], list);
	format_json(m, list);
	if (x->token != NULL)
		message_header(m, "Authorization: Bearer %s", x->token);
}

static const struct receiver_answer answers[] = {
	{ 404, CARRY_REJECTED, "no Alertmanager there, or one without API v2" },
	{ 0, CARRY_SENT, NULL },
};

const struct receiver_type receiver_alertmanager = {
	.state = fmt_alertmanager,
	.answers = answers,
};
