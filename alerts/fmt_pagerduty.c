/* SPDX-License-Identifier: ISC
 * fmt_pagerduty: Events API v2. A trigger that is sent twice with one key is
 * one incident; `acknowledge` is for people and is never sent. */
#include "alerts/format.h"

#include "base/mem.h"

#define PUBLIC_URL  "https://events.pagerduty.com/v2/enqueue"
#define SUMMARY_MAX 1024 /* characters */

static void
add_payload(const struct format_ctx *x, const struct note *n, cJSON *o)
{
	cJSON *p = cJSON_AddObjectToObject(o, "payload"), *d, *list, *e;
	char *title = format_title(x, n, false), *text;

	MX_ASSERT(p != NULL);
	format_cut(title, SUMMARY_MAX);
	format_text(p, "summary", title);
	format_text(p, "source", x->hostname);
	format_text(p, "severity",
	    n->severity == ALERT_SEV_CRITICAL ? "critical" : "warning");
	format_time(p, "timestamp", note_start(n));
	format_text(p, "component", n->n > 0 ? n->member[0].domain : "");
	format_text(p, "group", n->group);
	format_text(p, "class", note_name(n));
	d = cJSON_AddObjectToObject(p, "custom_details");
	MX_ASSERT(d != NULL);
	format_text(d, "primary", n->primary);
	MX_ASSERT(cJSON_AddNumberToObject(d, "domains", n->total) != NULL);
	list = cJSON_AddArrayToObject(d, "alerts");
	MX_ASSERT(list != NULL);
	for (unsigned i = 0; i < n->n; i++) {
		e = cJSON_CreateObject();
		MX_ASSERT(e != NULL && cJSON_AddItemToArray(list, e));
		text = format_ascii(n->member[i].summary);
		format_text(e, "domain", n->member[i].domain);
		format_text(e, "summary", text);
		format_time(e, "since", n->member[i].start_ms);
		mem_free(&text);
	}
	mem_free(&title);
}

void
fmt_pagerduty(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	cJSON *o = cJSON_CreateObject();
	char *key = format_key(x, n);

	MX_ASSERT(o != NULL);
	message_init(m, CARRY_HTTP);
	m->url = mem_strdup(x->url != NULL ? x->url : PUBLIC_URL);
	format_text(o, "routing_key",
	    x->routing_key != NULL ? x->routing_key : "");
	format_text(o, "event_action", resolve ? "resolve" : "trigger");
	format_text(o, "dedup_key", key);
	if (!resolve) {
		add_payload(x, n, o);
		format_text(o, "client", "mxwatch");
	}
	format_json(m, o);
	mem_free(&key);
}
