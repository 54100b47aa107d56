/* SPDX-License-Identifier: ISC
 * fmt_webhook: the format of Alertmanager's webhook, version 4, so that
 * existing consumers understand it. */
#include "alerts/format.h"

#include <string.h>

#include "base/mem.h"
#include "net/hmac.h"

static void
add_labels(const struct format_ctx *x, const struct note *n, cJSON *o,
    const struct note_member *member)
{
	char *name = format_alertname(note_name(n));

	json_text(o, "alertname", name);
	if (member != NULL && member->domain[0] != '\0')
		json_text(o, alert_label(n->kind), member->domain);
	json_text(o, "instance", x->instance);
	json_text(o, "job", "mxwatch");
	if (n->primary[0] != '\0')
		json_text(o, "primary", n->primary);
	json_text(o, "severity",
	    severity_name(member != NULL ? member->severity : n->severity));
	mem_free(&name);
}

static void
add_member(const struct format_ctx *x, const struct note *n,
    const struct note_member *member, cJSON *list)
{
	cJSON *o = json_push_object(list), *sub;
	char *key, *text, hex[HMAC_HEX_MAX];
	char *page = format_link(x,
	    n->kind < ALERT_KIND_MAX &&
		    alert_scope(n->kind) == ALERT_SCOPE_DOMAIN ?
		member->domain :
		"");
	char *book = format_runbook(x, n->kind);

	json_text(o, "status", member->end_ms != 0 ? "resolved" : "firing");
	add_labels(x, n, json_member(o, "labels"), member);
	sub = json_member(o, "annotations");
	text = format_ascii(member->summary);
	json_text(sub, "summary",
	    n->kind < ALERT_KIND_MAX ? conf_alert_info[n->kind].summary :
				       "a test");
	json_text(sub, "description", text);
	if (book[0] != '\0')
		json_text(sub, "runbook_url", book);
	format_time(o, "startsAt", member->start_ms);
	if (member->end_ms != 0)
		format_time(o, "endsAt", member->end_ms);
	else
		json_text(o, "endsAt", "0001-01-01T00:00:00Z");
	json_text(o, "generatorURL", page);
	key = mem_printf("%s/%s/%s", x->instance, note_name(n), member->domain);
	sha256_hex(key, strlen(key), hex);
	hex[16] = '\0';
	json_text(o, "fingerprint", hex);
	mem_free(&key);
	mem_free(&text);
	mem_free(&page);
	mem_free(&book);
}

cJSON *
format_webhook(const struct format_ctx *x, const struct note *n, bool resolve)
{
	cJSON *o = json_object(), *list, *sub;
	char *key = format_key(x, n), *title = format_title(x, n, resolve);
	char *name = format_alertname(note_name(n));
	char *next = format_note_next(n), *page = format_link(x, "");
	char *book = format_runbook(x, n->kind);

	json_text(o, "version", "4");
	json_text(o, "groupKey", key);
	json_num(o, "truncatedAlerts", note_unlisted(n));
	json_text(o, "status", resolve ? "resolved" : "firing");
	json_text(o, "receiver", x->conf->name);
	sub = json_member(o, "groupLabels");
	json_text(sub, "alertname", name);
	if (n->primary[0] != '\0')
		json_text(sub, "primary", n->primary);
	add_labels(x, n, json_member(o, "commonLabels"),
	    n->n == 1 && note_unlisted(n) == 0 ? &n->member[0] : NULL);
	sub = json_member(o, "commonAnnotations");
	json_text(sub, "title", title);
	if (next[0] != '\0')
		json_text(sub, "next", next);
	if (book[0] != '\0')
		json_text(sub, "runbook_url", book);
	json_text(o, "externalURL", page);
	list = json_array(o, "alerts");
	for (unsigned i = 0; i < n->n; i++)
		add_member(x, n, &n->member[i], list);
	mem_free(&key);
	mem_free(&title);
	mem_free(&name);
	mem_free(&next);
	mem_free(&page);
	mem_free(&book);
	return o;
}

static void
fmt_webhook(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	char hex[HMAC_HEX_MAX];

	message_init(m, CARRY_HTTP);
	m->url = mem_strdup(x->url);
	format_json(m, format_webhook(x, n, resolve));
	if (x->token != NULL)
		message_header(m, "Authorization: Bearer %s", x->token);
	if (x->hmac_key != NULL)
		message_header(m, "X-Mxwatch-Signature: sha256=%s",
		    hmac_sha256_hex(x->hmac_key, strlen(x->hmac_key),
			m->body.data, m->body.len, hex));
}

const struct receiver_type receiver_webhook = { .note = fmt_webhook };
