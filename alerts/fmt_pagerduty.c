/* SPDX-License-Identifier: ISC
 * fmt_pagerduty: Events API v2. A trigger that is sent twice with one key is
 * one incident; `acknowledge` is for people and is never sent. */
#include "alerts/format.h"

#include "base/mem.h"

#define PUBLIC_URL  "https://events.pagerduty.com/v2/enqueue"
#define SUMMARY_MAX 1024 /* characters; ours are ASCII */

static void
add_payload(const struct format_ctx *x, const struct note *n, cJSON *o)
{
	cJSON *p = json_member(o, "payload"), *d, *list, *e;
	char *title = format_title(x, n, false), *text;
	char *next = format_note_next(n);

	text_cut(title, SUMMARY_MAX + 1, title);
	json_text(p, "summary", title);
	json_text(p, "source", x->instance);
	json_text(p, "severity",
	    n->severity == ALERT_SEV_CRITICAL ? "critical" : "warning");
	format_time(p, "timestamp", note_start(n));
	/* An alert about the daemon itself has neither. */
	if (n->n > 0 && n->member[0].domain[0] != '\0')
		json_text(p, "component", n->member[0].domain);
	if (n->group[0] != '\0')
		json_text(p, "group", n->group);
	json_text(p, "class", note_name(n));
	d = json_member(p, "custom_details");
	json_text(d, "primary", n->primary);
	json_num(d, "domains", n->total);
	if (next[0] != '\0')
		json_text(d, "next", next);
	list = json_array(d, "alerts");
	for (unsigned i = 0; i < n->n; i++) {
		e = json_push_object(list);
		text = format_ascii(n->member[i].summary);
		json_text(e, alert_label(n->kind), n->member[i].domain);
		json_text(e, "summary", text);
		format_time(e, "since", n->member[i].start_ms);
		if (n->member[i].end_ms != 0)
			format_time(e, "until", n->member[i].end_ms);
		mem_free(&text);
	}
	mem_free(&title);
	mem_free(&next);
}

static void
add_link(cJSON *links, const char *href, const char *text)
{
	cJSON *o;

	if (href[0] == '\0')
		return;
	o = json_push_object(links);
	json_text(o, "href", href);
	json_text(o, "text", text);
}

static void
add_links(const struct format_ctx *x, const struct note *n, cJSON *o)
{
	char *page = format_note_link(x, n, false);
	char *book = format_runbook(x, n->kind);
	cJSON *links;

	json_text(o, "client", "mxwatch");
	if (page[0] != '\0')
		json_text(o, "client_url", page);
	if (page[0] != '\0' || book[0] != '\0') {
		links = json_array(o, "links");
		add_link(links, page, "status page");
		add_link(links, book, "runbook");
	}
	mem_free(&page);
	mem_free(&book);
}

static void
fmt_pagerduty(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	cJSON *o = json_object();
	char *key = format_key(x, n);

	message_init(m, CARRY_HTTP);
	m->url = mem_strdup(x->url != NULL ? x->url : PUBLIC_URL);
	json_text(o, "routing_key",
	    x->routing_key != NULL ? x->routing_key : "");
	json_text(o, "event_action", resolve ? "resolve" : "trigger");
	json_text(o, "dedup_key", key);
	if (!resolve) {
		add_payload(x, n, o);
		add_links(x, n, o);
	}
	format_json(m, o);
	mem_free(&key);
}

static const struct receiver_answer answers[] = {
	{ 400, CARRY_REJECTED,
	    "it does not accept the event or the routing key" },
	{ 403, CARRY_REJECTED, "it does not accept the routing key" },
	{ 0, CARRY_SENT, NULL },
};

const struct receiver_type receiver_pagerduty = {
	.note = fmt_pagerduty,
	.answers = answers,
};
