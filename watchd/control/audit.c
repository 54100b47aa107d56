/* SPDX-License-Identifier: ISC
 * audit: see audit.h. */
#include "control/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/content.h"
#include "control/happened.h"
#include "control/select.h"

#define ARGUMENTS_MAX 8192 /* a longer line is cut; values are cut before */

bool
audit_is_due(const struct call *c)
{
	const char *action = json_get_text(c->request, "action");

	if (content_is_asked(c))
		return true;
	if ((control_verbs[c->verb].fields & FIELD_ACTS) == 0 || call_is_dry(c))
		return false;
	/* without arguments these only list */
	if (c->verb == VERB_silence)
		return (c->fields & (FIELD_MATCH | FIELD_REMOVE)) != 0;
	if (c->verb == VERB_maintenance)
		return (c->fields & (FIELD_SUBJECT | FIELD_END)) != 0;
	if (c->verb == VERB_redirect)
		return (c->fields & (FIELD_DOMAIN | FIELD_END)) != 0;
	if (c->verb == VERB_cluster)
		return *action != '\0' && strcmp(action, "status") != 0;
	return true;
}

void
audit_about(struct call *c, const char *target)
{
	(void)strlcpy(c->target, target, sizeof(c->target));
}

/* Adds " key=value"; omitted if too long. */
static void
add(struct buf *text, const char *key, const cJSON *item)
{
	if (cJSON_IsString(item))
		(void)!buf_addf(text, " %s=%s", key,
		    strcmp(key, "recipient") == 0 ?
			log_rcpt(item->valuestring) :
			log_q(item->valuestring));
	else if (cJSON_IsNumber(item))
		(void)!buf_addf(text, " %s=%.15g", key, item->valuedouble);
	else if (cJSON_IsTrue(item))
		(void)!buf_addf(text, " %s=1", key);
}

/* Adds the arguments that the line does not have elsewhere. */
static void
add_arguments(struct buf *text, const struct call *c)
{
	static const char *const elsewhere[] = { "verb", "reason", "domain",
		"id", "address", "pattern", "action" };
	const cJSON *item;
	bool skip;

	cJSON_ArrayForEach (item, c->request) {
		skip = cJSON_IsString(item) &&
		    strcmp(item->valuestring, c->target) == 0;
		for (size_t i = 0; i < MX_COUNT(elsewhere); i++)
			skip |= strcmp(item->string, elsewhere[i]) == 0;
		if (!skip)
			add(text,
			    strcmp(item->string, "node") == 0 ? "to" :
								item->string,
			    item);
	}
}

/* A result that has the name of an argument is what was made of that: "until=+8s"
 * and "result_until=1796031874". */
static void
add_result(struct buf *text, const struct call *c, const cJSON *done)
{
	const cJSON *item;
	char key[64];

	cJSON_ArrayForEach (item, done) {
		if (strcmp(item->string, "done") == 0 ||
		    strcmp(item->string, "rc") == 0)
			continue;
		(void)snprintf(key, sizeof(key), "%s%s",
		    json_get(c->request, item->string) != NULL ? "result_" : "",
		    item->string);
		add(text, key, item);
	}
}

static void
note_event(struct call *c, const char *verb, const char *outcome)
{
	char *text = mem_printf("%s %s by uid %lld%s%s:%s", verb, c->target,
	    (long long)(int)c->uid, c->node[0] != '\0' ? " of " : "", c->node,
	    outcome);

	happened_add(call_happened(c),
	    &(struct control_event){ .wall = clock_wall(),
		.what = "operator",
		.domain = c->domain,
		.host = "",
		.text = text });
	mem_free(&text);
}

/* `outcome`: " rc=0 messages=41". */
static void
write_line(struct call *c, int rc, const char *outcome)
{
	const char *reason = json_get_text(c->request, "reason");
	const char *action = json_get_text(c->request, "action");
	struct buf args = BUF_INIT(ARGUMENTS_MAX);
	char target[TEXT_DOMAIN_MAX], *verb, *from = NULL;

	c->audited = false;
	if (c->target[0] == '\0')
		audit_about(c, select_target(c, target));
	verb = mem_printf("%s%s%s", control_verbs[c->verb].name,
	    *action != '\0' ? " " : "", action);
	if (c->node[0] != '\0')
		from = mem_printf(" node=%s", log_q(c->node));
	add_arguments(&args, c);
	log_notice("control",
	    "verb=%s target=%s%s reason=%s%s uid=%lld pid=%lld%s", log_q(verb),
	    log_rcpt(c->target), buf_str(&args), log_q(reason),
	    from != NULL ? from : "", (long long)(int)c->uid, (long long)c->pid,
	    outcome);
	if ((control_verbs[c->verb].fields & FIELD_ACTS) != 0)
		call_ops(c)->did(call_ops(c)->arg, verb, c->target, reason,
		    c->node, (int64_t)(int)c->uid, rc);
	note_event(c, verb, outcome);
	buf_fini(&args);
	mem_free(&from);
	mem_free(&verb);
}

void
audit_done(struct call *c, int rc, const cJSON *done)
{
	struct buf outcome = BUF_INIT(ARGUMENTS_MAX);

	if (!c->audited)
		return;
	(void)!buf_addf(&outcome, " rc=%d", rc);
	add_result(&outcome, c, done);
	write_line(c, rc, buf_str(&outcome));
	buf_fini(&outcome);
}

/* The verb goes on, and the queue logs its results; but an import that was not
 * completed leaves nothing (rc 1). */
void
audit_left(struct call *c)
{
	if (c->audited)
		write_line(c, c->input != NULL,
		    " event=\"the client went away\"");
}
