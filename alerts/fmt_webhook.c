/* SPDX-License-Identifier: ISC
 * fmt_webhook: the shape of Alertmanager's webhook, version 4, so that what
 * was written for that reads ours; and what a program of an exec receiver
 * finds on its standard input. */
#include "alerts/format.h"

#include <string.h>

#include "base/mem.h"
#include "net/hmac.h"

static void
add_labels(const struct format_ctx *x, const struct note *n, cJSON *o,
    const struct note_member *member)
{
	char *name = format_alertname(note_name(n));

	format_text(o, "alertname", name);
	if (member != NULL)
		format_text(o, "domain", member->domain);
	format_text(o, "instance", x->hostname);
	format_text(o, "job", "mxwatch");
	format_text(o, "primary", n->primary);
	format_text(o, "severity",
	    severity_name(member != NULL ? member->severity : n->severity));
	mem_free(&name);
}

static cJSON *
add_object(cJSON *o, const char *key)
{
	cJSON *sub = cJSON_AddObjectToObject(o, key);

	MX_ASSERT(sub != NULL);
	return sub;
}

static void
add_member(const struct format_ctx *x, const struct note *n,
    const struct note_member *member, bool resolve, cJSON *list)
{
	cJSON *o = cJSON_CreateObject(), *sub;
	char *key, *text, hex[HMAC_HEX_MAX];

	MX_ASSERT(o != NULL && cJSON_AddItemToArray(list, o));
	format_text(o, "status", resolve ? "resolved" : "firing");
	add_labels(x, n, add_object(o, "labels"), member);
	sub = add_object(o, "annotations");
	text = format_ascii(member->summary);
	format_text(sub, "summary",
	    n->kind < ALERT_KIND_MAX ? conf_alert_info[n->kind].summary :
				       "a test");
	format_text(sub, "description", text);
	mem_free(&text);
	format_time(o, "startsAt", member->start_ms);
	if (resolve)
		format_time(o, "endsAt",
		    member->end_ms != 0 ? member->end_ms : x->now_ms);
	else
		format_text(o, "endsAt", "0001-01-01T00:00:00Z");
	format_text(o, "generatorURL", "");
	key = mem_printf("%s/%s/%s", x->hostname, note_name(n), member->domain);
	sha256_hex(key, strlen(key), hex);
	hex[16] = '\0';
	format_text(o, "fingerprint", hex);
	mem_free(&key);
}

void
fmt_webhook(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	bool http = x->conf->type == RECEIVER_WEBHOOK;
	cJSON *o = cJSON_CreateObject(), *list, *sub;
	char *key = format_key(x, n), *title = format_title(x, n, resolve);
	char *name = format_alertname(note_name(n)), hex[HMAC_HEX_MAX];

	MX_ASSERT(o != NULL);
	message_init(m, http ? CARRY_HTTP : CARRY_EXEC);
	format_text(o, "version", "4");
	format_text(o, "groupKey", key);
	MX_ASSERT(cJSON_AddNumberToObject(o, "truncatedAlerts",
		      n->total > n->n ? n->total - n->n : 0) != NULL);
	format_text(o, "status", resolve ? "resolved" : "firing");
	format_text(o, "receiver", x->conf->name);
	sub = add_object(o, "groupLabels");
	format_text(sub, "alertname", name);
	format_text(sub, "primary", n->primary);
	add_labels(x, n, add_object(o, "commonLabels"),
	    n->total == 1 && n->n == 1 ? &n->member[0] : NULL);
	sub = add_object(o, "commonAnnotations");
	format_text(sub, "title", title);
	format_text(o, "externalURL", "");
	list = cJSON_AddArrayToObject(o, "alerts");
	MX_ASSERT(list != NULL);
	for (unsigned i = 0; i < n->n; i++)
		add_member(x, n, &n->member[i], resolve, list);
	format_json(m, o);
	if (http) {
		m->url = mem_strdup(x->url);
		if (x->token != NULL)
			message_header(m, "Authorization: Bearer %s", x->token);
		if (x->hmac_key != NULL)
			message_header(m, "X-Mxwatch-Signature: sha256=%s",
			    hmac_sha256_hex(x->hmac_key, strlen(x->hmac_key),
				m->body.data, m->body.len, hex));
	}
	mem_free(&key);
	mem_free(&title);
	mem_free(&name);
}
