/* SPDX-License-Identifier: ISC
 * gather_end: makes one last line of those of all nodes. Numbers are added up.
 * An error at any node is an error of the whole, except that something missing
 * at one node is no error if another has it. */
#include "control/gather_end.h"

#include <string.h>

#include "base/mem.h"
#include "control/audit.h"
#include "control/verbs.h"

static bool
is_missing(const struct gather_source *s)
{
	return s->state == SOURCE_OVER && json_get_bool(s->done, "missing");
}

static enum control_rc
rc_of(const struct gather_source *s)
{
	double rc = json_get_num(s->done, "rc");

	return rc < 1 ? CONTROL_OK : rc < 2 ? CONTROL_FAILED : CONTROL_REFUSED;
}

/* Is the member about the call, rather than a result? */
static bool
is_frame(const char *key)
{
	static const char *const frame[] = { "done", "rc", "error", "missing" };

	for (size_t i = 0; i < MX_COUNT(frame); i++)
		if (strcmp(key, frame[i]) == 0)
			return true;
	return false;
}

/* Times of which the earliest counts, with the member that belongs to it. */
static const struct {
	const char *key, *with; /* NULL: nothing */
} firsts[] = {
	{ "next_expiry", "next_expiry_domain" },
	{ "oldest", NULL },
};

static void
take_from(cJSON *more, const cJSON *done, const char *key)
{
	const cJSON *item = key != NULL ? json_get(done, key) : NULL;

	if (item == NULL)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(more, key);
	json_sub(more, key, cJSON_Duplicate(item, true));
}

static void
add_first(cJSON *more, const cJSON *done, size_t i)
{
	const cJSON *had = json_get(more, firsts[i].key);
	const cJSON *item = json_get(done, firsts[i].key);

	if (cJSON_IsNumber(had) &&
	    !(cJSON_IsNumber(item) && item->valuedouble < had->valuedouble))
		return;
	take_from(more, done, firsts[i].key);
	take_from(more, done, firsts[i].with);
}

/* Concatenates lists that each node has limited. */
static void
add_items(cJSON *sum, const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		json_push(sum, cJSON_Duplicate(item, true));
	}
}

static bool
is_first(const char *key)
{
	for (size_t i = 0; i < MX_COUNT(firsts); i++)
		if (strcmp(key, firsts[i].key) == 0 ||
		    (firsts[i].with != NULL &&
			strcmp(key, firsts[i].with) == 0))
			return true;
	return false;
}

static void
add_done(cJSON *more, const cJSON *done)
{
	const cJSON *item;
	cJSON *sum;

	for (size_t i = 0; i < MX_COUNT(firsts); i++)
		add_first(more, done, i);
	cJSON_ArrayForEach (item, done) {
		if (is_frame(item->string) || is_first(item->string))
			continue;
		sum = json_get(more, item->string);
		if (sum == NULL)
			json_sub(more, item->string,
			    cJSON_Duplicate(item, true));
		else if (cJSON_IsNumber(sum) && cJSON_IsNumber(item))
			cJSON_SetNumberValue(sum,
			    sum->valuedouble + item->valuedouble);
		else if (cJSON_IsArray(sum) && cJSON_IsArray(item))
			add_items(sum, item);
	}
}

static void
add_error(struct buf *text, const char *node, const char *error)
{
	(void)!buf_addf(text, "%s%s%s%s", text->len > 0 ? "; " : "", node,
	    *node != '\0' ? ": " : "", error);
}

/* Adds the nodes' errors; their names are given unless all say the same. */
static void
add_errors(const struct gather *g, struct buf *text, bool missing)
{
	const char *first = NULL, *error;
	bool same = true;

	for (unsigned i = 0; i < g->n; i++) {
		const struct gather_source *s = &g->source[i];

		if (s->state != SOURCE_OVER || rc_of(s) == CONTROL_OK ||
		    is_missing(s) != missing)
			continue;
		error = json_get_text(s->done, "error");
		if (first == NULL)
			first = error;
		same &= strcmp(first, error) == 0;
	}
	for (unsigned i = 0; !same && i < g->n; i++) {
		const struct gather_source *s = &g->source[i];

		if (s->state == SOURCE_OVER && rc_of(s) != CONTROL_OK &&
		    is_missing(s) == missing)
			add_error(text, s->name,
			    json_get_text(s->done, "error"));
	}
	if (same && first != NULL)
		add_error(text, "", first);
}

static const char *
what_follows(const struct call *c, bool many)
{
	if ((control_verbs[c->verb].fields & FIELD_ACTS) != 0)
		return many ? "the outcome there is not known" :
			      "the outcome there is not known";
	if (c->verb == VERB_status)
		return many ? "their domains are missing" :
			      "its domains are missing";
	return many ? "what they have is missing" : "what it has is missing";
}

static void
add_lost(const struct call *c, const struct gather *g, cJSON *more,
    struct buf *text)
{
	struct buf names = BUF_INIT(4096), said = BUF_INIT(8192);
	cJSON *list = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < g->n; i++) {
		if (g->source[i].state != SOURCE_LOST)
			continue;
		if (n++ == 0)
			list = json_array(more, "silent");
		json_push(list, cJSON_CreateString(g->source[i].name));
		(void)!buf_addf(&names, "%s%s", n > 1 ? ", " : "",
		    g->source[i].name);
	}
	if (n > 0 && g->away)
		(void)!buf_addf(&said,
		    "the engine is unreachable: %s could not be asked, only "
		    "this node",
		    buf_str(&names));
	else if (n > 0 && g->owner != NULL)
		(void)!buf_addf(&said, "node %s, which has %s, did not answer",
		    buf_str(&names), g->owner);
	else if (n > 0)
		(void)!buf_addf(&said, "node%s %s did not answer: %s",
		    n > 1 ? "s" : "", buf_str(&names), what_follows(c, n > 1));
	if (n > 0)
		add_error(text, "", buf_str(&said));
	buf_fini(&names);
	buf_fini(&said);
}

void
gather_end(struct call *c, const struct gather *g)
{
	unsigned missing = 0, over = 0, lost = 0;
	enum control_rc rc = CONTROL_OK;
	struct buf text = BUF_INIT(8192);
	cJSON *more = json_object();

	for (unsigned i = 0; i < g->n; i++) {
		const struct gather_source *s = &g->source[i];

		lost += s->state == SOURCE_LOST;
		over += s->state == SOURCE_OVER;
		missing += is_missing(s);
		if (s->state != SOURCE_OVER || is_missing(s))
			continue;
		add_done(more, s->done);
		if (rc_of(s) > rc)
			rc = rc_of(s);
	}
	if (over > 0 && missing == over) {
		rc = CONTROL_FAILED;
		c->audited = audit_is_due(c); /* no node has logged it */
	}
	add_errors(g, &text, over > 0 && missing == over);
	add_lost(c, g, more, &text);
	if (lost > 0 && rc == CONTROL_OK)
		rc = CONTROL_FAILED;
	if (text.len > 0)
		json_text(more, "error", buf_str(&text));
	if (g->limit > 0 && json_get(more, "shown") != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(more, "shown");
		json_num(more, "shown", g->lines);
	}
	if (g->array)
		call_send_part(c, "]}\n", 3);
	call_done(c, rc, more);
	buf_fini(&text);
}
