/* SPDX-License-Identifier: ISC
 * ctl_request: makes the request of a command line. Arguments that a verb does
 * not take are refused here, with its usage, before the daemon is asked. */
#include "control/ctl_request.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Adds the word after the verb by its kind: an address has an @, and a word
 * that parses as an id is one. */
static void
add_target(cJSON *request, uint64_t fields, const char *word)
{
	const char *key = "domain";
	uint64_t id;
	bool part;

	if ((fields & FIELD_ADDRESS) != 0 && strchr(word, '@') != NULL)
		key = "address";
	else if ((fields & FIELD_PATTERN) != 0 && strpbrk(word, "*?[") != NULL)
		key = "pattern";
	else if ((fields & FIELD_ID) != 0 &&
	    ((fields & FIELD_DOMAIN) == 0 ||
		text_id_parse(word, &id, &part) == 0))
		key = "id";
	MX_ASSERT(cJSON_AddStringToObject(request, key, word) != NULL);
}

static bool
is_given(const struct ctl_options *o, uint64_t field)
{
	for (size_t i = 0; i < CONTROL_FIELDS; i++)
		if (control_fields[i].field == field)
			return o->field[i] != NULL;
	return false;
}

/* The number of arguments of silence and of alert; false: wrong usage. */
static bool
alert_words_fit(const struct ctl_options *o, uint64_t fields, int *least,
    int *want)
{
	if ((fields & FIELD_RECEIVER) != 0) {
		*least = *want = 2;
		return o->nwords <= 1 || strcmp(o->word[1], "test") == 0;
	}
	if ((fields & FIELD_MATCH) == 0)
		return true;
	*least = *want = 1;
	if ((fields & FIELD_FOR) == 0)
		return true;
	*least = *want = is_given(o, FIELD_FOR);
	return !is_given(o, FIELD_FOR) || !is_given(o, FIELD_REMOVE);
}

/* The number of arguments of maintenance; false: wrong usage. */
static bool
maintenance_words_fit(const struct ctl_options *o, uint64_t fields, int *least,
    int *want)
{
	bool until = is_given(o, FIELD_UNTIL), length = is_given(o, FIELD_FOR);

	if ((fields & FIELD_HOLD) == 0)
		return true;
	*want = length || until;
	*least = *want || is_given(o, FIELD_FROM) || is_given(o, FIELD_HOLD);
	return (!length || !until) && (!is_given(o, FIELD_END) || *least == 0);
}

/* The number of arguments of redirect: a domain and its hosts, or none; false:
 * wrong usage. */
static bool
redirect_words_fit(const struct ctl_options *o, uint64_t fields, int *least,
    int *want)
{
	bool ends = is_given(o, FIELD_END), lists = o->nwords == 1 && !ends;

	if ((fields & FIELD_TO) == 0)
		return true;
	*least = o->nwords > 1 ? 2 : 0;
	*want = o->nwords > 1 ? o->nwords - 1 : 0;
	return !(ends && (o->nwords > 1 || is_given(o, FIELD_FOR))) &&
	    !(lists && (is_given(o, FIELD_FOR) || is_given(o, FIELD_DRY_RUN)));
}

/* The hosts are one field. */
static void
add_redirect_words(cJSON *r, const struct ctl_options *o, uint64_t fields)
{
	char *hosts = NULL, *longer;

	if ((fields & FIELD_TO) == 0 || o->nwords == 1)
		return;
	for (int i = 2; i < o->nwords; i++) {
		longer = mem_printf("%s%s%s", hosts != NULL ? hosts : "",
		    hosts != NULL ? "," : "", o->word[i]);
		mem_free(&hosts);
		hosts = longer;
	}
	json_text(r, "to", hosts);
	mem_free(&hosts);
}

/* The number of arguments of cluster: the action and its subject; false: wrong
 * usage. "status" may be omitted. */
static bool
cluster_words_fit(const struct ctl_options *o, uint64_t fields, int *least,
    int *want)
{
	const char *what = o->nwords > 1 ? o->word[1] : "status";

	if ((fields & FIELD_ACTION) == 0)
		return o->engine == NULL;
	*least = *want = 1;
	if (o->nwords == 1)
		*least = *want = 0;
	else if (strcmp(what, "join") == 0)
		*want = 2;
	else if (strcmp(what, "release") == 0 || strcmp(what, "takeover") == 0)
		*least = *want = 2;
	else if (strcmp(what, "move") == 0)
		*least = *want = 3;
	else if (strcmp(what, "status") != 0 && !ctl_makes_tables(o))
		return false;
	return o->engine == NULL || ctl_makes_tables(o);
}

bool
ctl_makes_tables(const struct ctl_options *o)
{
	return o->nwords == 2 && strcmp(o->word[0], "cluster") == 0 &&
	    (strcmp(o->word[1], "init") == 0 ||
		strcmp(o->word[1], "upgrade") == 0);
}

static void
add_cluster_words(cJSON *r, const struct ctl_options *o, uint64_t fields)
{
	int n = o->nwords;

	if ((fields & FIELD_ACTION) == 0 || n == 1)
		return;
	json_text(r, "action", o->word[1]);
	if (n == 4)
		json_text(r, "domain", o->word[2]);
	if (n > 2)
		json_text(r, "node", o->word[n - 1]);
}

static void
add_alert_words(cJSON *r, const struct ctl_options *o, uint64_t fields)
{
	if ((fields & FIELD_RECEIVER) != 0)
		json_text(r, "receiver", o->word[2]);
	if ((fields & FIELD_MATCH) != 0 && o->nwords > 1)
		json_text(r, "match", o->word[1]);
}

static bool
options_fit(const struct ctl_options *o, uint64_t fields)
{
	for (size_t i = 0; i < CONTROL_FIELDS; i++)
		if (o->field[i] != NULL &&
		    (control_fields[i].field & fields) == 0)
			return false;
	return (!o->csv || ((fields & FIELD_OUTAGE) != 0 && !o->json)) &&
	    (!(o->watch || o->problems) ||
		((fields & FIELD_PRIMARIES) != 0 && !o->json)) &&
	    (!o->no_wait || (fields & FIELD_WAIT) != 0);
}

static void
add_options(cJSON *r, const struct ctl_options *o)
{
	for (size_t i = 0; i < CONTROL_FIELDS; i++) {
		if (o->field[i] == NULL)
			continue;
		if (control_fields[i].kind == FIELD_FLAG)
			json_bool(r, control_fields[i].name, true);
		else
			json_text(r, control_fields[i].name, o->field[i]);
	}
}

bool
ctl_is_number(const char *word)
{
	return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

/* Does an option select messages, so that the verb needs no target? */
static bool
selects(const struct ctl_options *o, uint64_t fields)
{
	if ((fields & FIELD_FILTERS) == 0)
		return false;
	for (size_t i = 0; i < CONTROL_FIELDS; i++)
		if (o->field[i] != NULL &&
		    (control_fields[i].field & (FIELD_FILTERS | FIELD_SINCE)) !=
			0)
			return true;
	return false;
}

cJSON *
ctl_request(const struct ctl_options *o, enum control_verb verb)
{
	const struct control_verb_info *v = &control_verbs[verb];
	bool target = (v->fields & (FIELD_TARGET & ~FIELD_ALL)) != 0;
	bool all = is_given(o, FIELD_ALL);
	int want = (target && !all) + ((v->fields & FIELD_ADD) != 0);
	int got = o->nwords - 1, least = want;
	cJSON *r;

	if (verb == VERB_export) /* the folder is not part of the request */
		got--;
	if (verb == VERB_import)
		want = least = got > 0 ? got : 1;
	if ((v->fields & FIELD_OPTIONAL) != 0 ||
	    (!all && selects(o, v->fields)))
		least--;
	want += (v->fields & FIELD_OUTAGE) != 0;
	if (!alert_words_fit(o, v->fields, &least, &want) ||
	    !maintenance_words_fit(o, v->fields, &least, &want) ||
	    !redirect_words_fit(o, v->fields, &least, &want) ||
	    !cluster_words_fit(o, v->fields, &least, &want) || got < least ||
	    got > want || !options_fit(o, v->fields)) {
		fprintf(stderr, "usage: mxwatchctl %s%s%s\n", v->name,
		    *v->arguments != '\0' ? " " : "", v->arguments);
		return NULL;
	}
	r = json_object();
	json_text(r, "verb", v->name);
	if (got > ((v->fields & FIELD_ADD) != 0) && target &&
	    (v->fields & FIELD_ACTION) == 0)
		add_target(r, v->fields, o->word[1]);
	else if (got > 0 && (v->fields & FIELD_OUTAGE) != 0)
		json_text(r, ctl_is_number(o->word[1]) ? "outage" : "subject",
		    o->word[1]);
	else if (got > 0 && (v->fields & FIELD_HOLD) != 0)
		json_text(r, "subject", o->word[1]);
	if ((v->fields & FIELD_ADD) != 0)
		json_text(r, "add", o->word[got]);
	add_alert_words(r, o, v->fields);
	add_redirect_words(r, o, v->fields);
	add_cluster_words(r, o, v->fields);
	add_options(r, o);
	if ((v->fields & FIELD_WAIT) != 0 && !is_given(o, FIELD_DRY_RUN))
		json_bool(r, "wait", !o->no_wait);
	if (o->reason != NULL)
		json_text(r, "reason", o->reason);
	return r;
}
