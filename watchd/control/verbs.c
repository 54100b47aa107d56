/* SPDX-License-Identifier: ISC
 * verbs: reads a request, refuses an invalid one with a sentence, and runs the
 * verbs that do not wait. A field that the verb does not know is refused, too:
 * a misspelt "dry_run" must not flush. Loop thread. */
#include "control/verbs.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/audit.h"
#include "control/content.h"
#include "control/gather.h"

#define EXTEND_MAX_MS  (INT64_C(3650) * 24 * 3600 * 1000)
#define RELOAD_POLL_MS 10
#define DROP_CHUNKS    64 /* of a snapshot, in a step */

static void (*const verb_run[VERB_MAX])(struct call *) = {
#define VERB(name, fields, arguments, help) [VERB_##name] = verb_##name,
	CONTROL_VERBS
#undef VERB
};

/* ---- the request */

static int
check_field(struct call *c, const cJSON *item)
{
	const struct control_verb_info *v = &control_verbs[c->verb];
	const struct control_field *f = NULL;
	bool boolean;
	char *name;

	for (size_t i = 0; i < CONTROL_FIELDS; i++)
		if (strcmp(control_fields[i].name, item->string) == 0)
			f = &control_fields[i];
	if (f == NULL || (f->field & ~v->fields) != 0) {
		name = json_clean(item->string);
		call_fail(c, CONTROL_REFUSED, "%s does not take \"%.60s\"",
		    v->name, name);
		mem_free(&name);
		return -MX_ESYNTAX;
	}
	boolean = f->kind == FIELD_FLAG || f->kind == FIELD_SAID;
	if (boolean ? !cJSON_IsBool(item) : !cJSON_IsString(item)) {
		call_fail(c, CONTROL_REFUSED, "\"%s\" must be %s", f->name,
		    boolean ? "true or false" : "a string");
		return -MX_ESYNTAX;
	}
	if (!boolean || cJSON_IsTrue(item))
		c->fields |= f->field;
	return 0;
}

static int
check_domain(struct call *c, const char *s, size_t len)
{
	if (text_domain(s, len, c->domain) == 0)
		return 0;
	c->domain[0] = '\0';
	call_fail(c, CONTROL_REFUSED, "\"%.100s\" is not a domain name", s);
	return -MX_ESYNTAX;
}

static int
check_address(struct call *c, const char *s)
{
	const char *at = strrchr(s, '@');

	c->address = s;
	if (at == NULL || at == s || strlen(s) > 320) {
		call_fail(c, CONTROL_REFUSED, "\"%.100s\" is not an address",
		    s);
		return -MX_ESYNTAX;
	}
	return check_domain(c, at + 1, strlen(at + 1));
}

static int
check_values(struct call *c)
{
	const char *s;
	bool part;

	if ((c->fields & FIELD_DOMAIN) != 0) {
		s = json_get_text(c->request, "domain");
		if (check_domain(c, s, strlen(s)) != 0)
			return -MX_ESYNTAX;
	}
	if ((c->fields & FIELD_ID) != 0) {
		s = json_get_text(c->request, "id");
		if (text_id_parse(s, &c->msg, &part) != 0) {
			call_fail(c, CONTROL_REFUSED, "\"%.60s\" is not an id",
			    s);
			return -MX_ESYNTAX;
		}
		c->all_parts = !part;
	}
	if ((c->fields & FIELD_ADD) != 0) {
		s = json_get_text(c->request, "add");
		if (text_duration(s + (*s == '+'), &c->add_ms) != 0 ||
		    c->add_ms <= 0 || c->add_ms > EXTEND_MAX_MS) {
			call_fail(c, CONTROL_REFUSED,
			    "\"%.60s\" is not a time to add; write a number "
			    "with a unit, such as +7d",
			    s);
			return -MX_ESYNTAX;
		}
	}
	if ((c->fields & FIELD_SINCE) != 0) {
		s = json_get_text(c->request, "since");
		if (text_duration(s, &c->since_ms) != 0 || c->since_ms <= 0) {
			call_fail(c, CONTROL_REFUSED,
			    "\"%.60s\" is not a time to look back; write a "
			    "number with a unit, such as 2h",
			    s);
			return -MX_ESYNTAX;
		}
	}
	if ((c->fields & FIELD_ADDRESS) != 0)
		return check_address(c, json_get_text(c->request, "address"));
	return 0;
}

/* Without a target: the verb needs none, or a selection is given. */
static bool
is_selected(const struct call *c)
{
	uint64_t fields = control_verbs[c->verb].fields;
	uint64_t needs =
	    (fields & FIELD_FILTERS) != 0 ? FIELD_FILTERS | FIELD_SINCE : 0;

	return (fields & FIELD_OPTIONAL) != 0 || (c->fields & needs) != 0;
}

static int
check_request(struct call *c)
{
	const struct control_verb_info *v = &control_verbs[c->verb];
	uint64_t target = v->fields & FIELD_TARGET, given;
	const cJSON *item;

	cJSON_ArrayForEach (item, c->request) {
		if (check_field(c, item) != 0)
			return -MX_ESYNTAX;
	}
	given = c->fields & FIELD_TARGET;
	if ((given & (given - 1)) != 0 ||
	    (given == 0 && target != 0 && !is_selected(c)) ||
	    (v->fields & ~c->fields & FIELD_ADD) != 0) {
		call_fail(c, CONTROL_REFUSED, "usage: %s %s", v->name,
		    v->arguments);
		return -MX_ESYNTAX;
	}
	return check_values(c);
}

void
verbs_begin(struct call *c)
{
	const cJSON *verb = json_get(c->request, "verb");

	if (!cJSON_IsString(verb)) {
		call_fail(c, CONTROL_REFUSED, "\"verb\" is missing: one of %s",
		    control_verb_list());
		return;
	}
	c->verb = control_verb_parse(verb->valuestring);
	if (c->verb == VERB_MAX) {
		call_fail(c, CONTROL_REFUSED,
		    "unknown verb \"%.40s\": one of %s", verb->valuestring,
		    control_verb_list());
		return;
	}
	if (check_request(c) != 0 || !content_is_allowed(c) || gather_start(c))
		return;
	c->audited = audit_is_due(c);
	verb_run[c->verb](c);
}

void
verbs_start(struct call *c, const char *line, size_t len)
{
	const char *end = line;

	while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL &&
	    line[len - 1] != '\0')
		len--;
	c->request = cJSON_ParseWithLengthOpts(line, len, &end, false);
	if (!cJSON_IsObject(c->request) || end != line + len) {
		call_fail(c, CONTROL_REFUSED,
		    "the request is not a JSON object (at byte %zu)",
		    (size_t)(end - line));
		return;
	}
	verbs_begin(c);
}

/* ---- shared by verbs */

bool
verbs_domain_known(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, c->domain);
	const struct snap_domain *d = snapshot_find(s, c->domain);
	bool known = d != NULL;
	struct relay_domain rd;

	snapshot_unref(&s);
	if (!known) {
		r->domain(r->self, c->domain, &rd);
		known = relay_domain_messages(&rd) > 0 || rd.on_hold;
	}
	if (!known)
		call_missing(c,
		    "%s: no such domain, and nothing is queued for it",
		    c->domain);
	return known;
}

bool
verbs_domains_some(struct call *c, struct snapshot **all, unsigned *at,
    void (*fn)(struct call *, void *arg, const char *domain), void *arg)
{
	int64_t end = clock_now() + VERBS_SLICE_NS;
	const struct snap_domain *d;

	while (*at < (*all)->domains.n) {
		d = snap_list_at(&(*all)->domains, (*at)++);
		if (snap_domain_messages(d) > 0)
			fn(c, arg, d->name);
		if (clock_now() >= end)
			return true;
	}
	return snapshot_unref_some(all, DROP_CHUNKS);
}

bool
verbs_limit(struct call *c, unsigned max, unsigned *n)
{
	const char *limit = json_get_text(c->request, "limit");
	int64_t v;

	if ((c->fields & FIELD_LIMIT) == 0)
		return true;
	if (text_int(limit, 1, max, &v) != 0) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.60s\" is not a limit; write a number from 1 to %u",
		    limit, max);
		return false;
	}
	*n = (unsigned)v;
	return true;
}

/* ---- short verbs */

void
verb_forget(struct call *c)
{
	const struct relay *r = call_relay(c);
	int rc = call_ops(c)->forget(call_ops(c)->arg, c->domain);
	struct relay_domain rd;
	cJSON *more;

	if (rc == -MX_EEXIST)
		call_fail(c, CONTROL_FAILED,
		    "%s is in the configuration; remove it and reload first",
		    c->domain);
	else if (rc == -MX_EBUSY)
		call_fail(c, CONTROL_FAILED,
		    "a reload is in progress; try again in a moment");
	else if (rc != 0)
		call_fail(c, CONTROL_FAILED, "%s: no such removed domain",
		    c->domain);
	if (rc != 0)
		return;
	r->domain(r->self, c->domain, &rd);
	more = json_object();
	json_text(more, "domain", c->domain);
	json_num(more, "messages", (double)(relay_domain_messages(&rd)));
	call_done(c, CONTROL_OK, more);
}

static void
reload_step(struct call *c)
{
	const struct control_ops *ops = call_ops(c);
	const struct conf_errors *errs;
	int rc = ops->reload_result(ops->arg, *(uint64_t *)c->work, &errs);
	cJSON *o;

	if (rc > 0) {
		call_wait(c, RELOAD_POLL_MS);
		return;
	}
	for (size_t i = 0; i < errs->n; i++) {
		o = json_object();
		json_text(o, "file", errs->e[i].file);
		json_num(o, "line", errs->e[i].line);
		json_text(o, "severity",
		    errs->e[i].warning ? "warning" : "error");
		json_text(o, "text", errs->e[i].text);
		call_send(c, o);
	}
	audit_about(c, "configuration");
	if (rc == 0)
		call_done(c, CONTROL_OK, NULL);
	else
		call_fail(c, CONTROL_REFUSED,
		    "the old configuration stays in force: %zu %s",
		    errs->nfatal, errs->nfatal == 1 ? "error" : "errors");
}

/* Answers when the configuration is in force, or with the reason why not. */
void
verb_reload(struct call *c)
{
	const struct control_ops *ops = call_ops(c);
	uint64_t number = ops->reload(ops->arg);

	c->work = mem_dup(&number, sizeof(number));
	c->step = reload_step;
	reload_step(c);
}
