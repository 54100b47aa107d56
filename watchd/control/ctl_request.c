/* SPDX-License-Identifier: ISC
 * ctl_request: the request that a command line asks for. What a verb does not take
 * is refused here, with its usage, before anybody is asked. */
#include "control/ctl_request.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* The kind of the word after the verb: an address has an @, and what reads as
 * an id is one. */
static void
add_target(cJSON *request, unsigned fields, const char *word)
{
	const char *key = "domain";
	uint64_t id;
	bool part;

	if ((fields & FIELD_ADDRESS) != 0 && strchr(word, '@') != NULL)
		key = "address";
	else if ((fields & FIELD_ID) != 0 &&
	    ((fields & FIELD_DOMAIN) == 0 ||
		text_id_parse(word, &id, &part) == 0))
		key = "id";
	MX_ASSERT(cJSON_AddStringToObject(request, key, word) != NULL);
}

/* Arguments of silence and of alert; false: it is not how they go. */
static bool
alert_words_fit(const struct ctl_options *o, unsigned fields, int *least,
    int *want)
{
	if ((fields & FIELD_RECEIVER) != 0) {
		*least = *want = 2;
		if (o->nwords > 1 && strcmp(o->word[1], "test") != 0)
			return false;
	}
	if ((fields & FIELD_MATCH) != 0) {
		if ((fields & FIELD_FOR) == 0)
			*least = *want = 1;
		else
			*least = *want = o->duration != NULL;
		return (fields & FIELD_FOR) == 0 ?
		    o->duration == NULL && o->remove == NULL :
		    o->duration == NULL || o->remove == NULL;
	}
	return (o->duration == NULL || (fields & FIELD_FOR) != 0) &&
	    o->remove == NULL;
}

/* Arguments of maintenance; false: it is not how they go. */
static bool
maintenance_words_fit(const struct ctl_options *o, unsigned fields, int *least,
    int *want)
{
	bool sets = o->from != NULL || o->until != NULL || o->hold;

	if ((fields & FIELD_HOLD) == 0)
		return !sets && o->end == NULL;
	if (o->duration != NULL && o->until != NULL)
		return false;
	*least = sets || o->duration != NULL;
	*want = o->duration != NULL || o->until != NULL;
	return o->end == NULL || *least == 0;
}

static void
add_maintenance_words(cJSON *r, const struct ctl_options *o, unsigned fields)
{
	if ((fields & FIELD_HOLD) == 0)
		return;
	if (o->nwords > 1)
		json_text(r, "subject", o->word[1]);
	if (o->from != NULL)
		json_text(r, "from", o->from);
	if (o->until != NULL)
		json_text(r, "until", o->until);
	if (o->hold)
		json_bool(r, "hold", true);
	if (o->end != NULL)
		json_text(r, "end", o->end);
}

/* Arguments of cluster behind the verb: what is done, and to what; false: it is
 * not how they go. "status" may be left out. */
static bool
cluster_words_fit(const struct ctl_options *o, unsigned fields, int *least,
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
add_cluster_words(cJSON *r, const struct ctl_options *o, unsigned fields)
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
add_alert_words(cJSON *r, const struct ctl_options *o, unsigned fields)
{
	if ((fields & FIELD_RECEIVER) != 0)
		json_text(r, "receiver", o->word[2]);
	if ((fields & FIELD_MATCH) != 0 && o->nwords > 1)
		json_text(r, "match", o->word[1]);
	if (o->duration != NULL)
		json_text(r, "for", o->duration);
	if (o->remove != NULL)
		json_text(r, "remove", o->remove);
}

static bool
vault_options_fit(const struct ctl_options *o, unsigned fields)
{
	return (o->since == NULL || (fields & FIELD_SINCE) != 0) &&
	    (o->reply == NULL || (fields & FIELD_REPLY) != 0) &&
	    (!o->again || (fields & FIELD_AGAIN) != 0) &&
	    (!o->purge || (fields & FIELD_PURGE) != 0) &&
	    (!o->damaged || (fields & FIELD_DAMAGED) != 0) &&
	    (!o->unknown || (fields & FIELD_UNKNOWN) != 0) &&
	    (o->sender == NULL || (fields & FIELD_SENDER) != 0) &&
	    (o->recipient == NULL || (fields & FIELD_RECIPIENT) != 0) &&
	    (o->older == NULL || (fields & FIELD_OLDER) != 0) &&
	    (!o->csv || ((fields & FIELD_OUTAGE) != 0 && !o->json));
}

static void
add_vault_options(cJSON *r, const struct ctl_options *o)
{
	if (o->since != NULL)
		json_text(r, "since", o->since);
	if (o->reply != NULL)
		json_text(r, "reply", o->reply);
	if (o->again)
		json_bool(r, "again", true);
	if (o->purge)
		json_bool(r, "purge", true);
	if (o->damaged)
		json_bool(r, "damaged", true);
	if (o->unknown)
		json_bool(r, "unknown", true);
	if (o->sender != NULL)
		json_text(r, "sender", o->sender);
	if (o->recipient != NULL)
		json_text(r, "recipient", o->recipient);
	if (o->older != NULL)
		json_text(r, "older", o->older);
}

bool
ctl_is_number(const char *word)
{
	return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

cJSON *
ctl_request(const struct ctl_options *o, enum control_verb verb)
{
	const struct control_verb_info *v = &control_verbs[verb];
	bool target = (v->fields & (FIELD_TARGET & ~FIELD_ALL)) != 0;
	int want = (target && !o->all) + ((v->fields & FIELD_ADD) != 0);
	int got = o->nwords - 1, least = want;
	cJSON *r;

	if ((v->fields & FIELD_OPTIONAL) != 0)
		least--;
	want += (v->fields & FIELD_OUTAGE) != 0;
	if (!alert_words_fit(o, v->fields, &least, &want) ||
	    !maintenance_words_fit(o, v->fields, &least, &want) ||
	    !cluster_words_fit(o, v->fields, &least, &want) || got < least ||
	    got > want || (o->all && (v->fields & FIELD_ALL) == 0) ||
	    (o->primaries && (v->fields & FIELD_PRIMARIES) == 0) ||
	    !vault_options_fit(o, v->fields) ||
	    (o->dry_run && (v->fields & FIELD_DRY_RUN) == 0) ||
	    (o->no_wait && (v->fields & FIELD_WAIT) == 0)) {
		fprintf(stderr, "usage: mxwatchctl %s%s%s\n", v->name,
		    *v->arguments != '\0' ? " " : "", v->arguments);
		return NULL;
	}
	r = json_object();
	json_text(r, "verb", v->name);
	if (got > 0 && target && (v->fields & FIELD_ACTION) == 0)
		add_target(r, v->fields, o->word[1]);
	else if (got > 0 && (v->fields & FIELD_OUTAGE) != 0)
		json_text(r, ctl_is_number(o->word[1]) ? "outage" : "subject",
		    o->word[1]);
	if ((v->fields & FIELD_ADD) != 0)
		json_text(r, "add", o->word[2]);
	add_alert_words(r, o, v->fields);
	add_maintenance_words(r, o, v->fields);
	add_cluster_words(r, o, v->fields);
	if (o->all)
		json_bool(r, "all", true);
	if (o->primaries)
		json_bool(r, "primaries", true);
	add_vault_options(r, o);
	if (o->dry_run)
		json_bool(r, "dry_run", true);
	if ((v->fields & FIELD_WAIT) != 0 && !o->dry_run)
		json_bool(r, "wait", !o->no_wait);
	if (o->reason != NULL)
		json_text(r, "reason", o->reason);
	return r;
}
