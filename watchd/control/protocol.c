/* SPDX-License-Identifier: ISC
 * protocol: the verbs and the fields of a request as tables. Pure. */
#include "control/protocol.h"

#include <string.h>

const struct control_verb_info control_verbs[VERB_MAX] = {
#define VERB(name, fields, arguments, help)                                    \
	[VERB_##name] = { #name, fields, arguments, help },
	CONTROL_VERBS
#undef VERB
};

const struct control_field control_fields[CONTROL_FIELDS] = {
	{ "verb", 0, FIELD_WORD, "", "" },
	{ "reason", 0, FIELD_WORD, "", "" },
	{ "domain", FIELD_DOMAIN, FIELD_WORD, "", "" },
	{ "id", FIELD_ID, FIELD_WORD, "", "" },
	{ "address", FIELD_ADDRESS, FIELD_WORD, "", "" },
	{ "all", FIELD_ALL, FIELD_FLAG, "", "the whole queue" },
	{ "dry_run", FIELD_DRY_RUN, FIELD_FLAG, "",
	    "only show what would be done" },
	{ "wait", FIELD_WAIT, FIELD_SAID, "", "" },
	{ "add", FIELD_ADD, FIELD_WORD, "", "" },
	{ "match", FIELD_MATCH, FIELD_WORD, "", "" },
	{ "for", FIELD_FOR, FIELD_TEXT, "TIME", "for how long" },
	{ "remove", FIELD_REMOVE, FIELD_TEXT, "ID",
	    "end the silence with this id" },
	{ "receiver", FIELD_RECEIVER, FIELD_WORD, "", "" },
	{ "primaries", FIELD_PRIMARIES, FIELD_FLAG, "",
	    "by server, each "
	    "once" },
	{ "since", FIELD_SINCE, FIELD_TEXT, "TIME", "not older than that" },
	{ "reply", FIELD_REPLY, FIELD_TEXT, "PATTERN",
	    "matches the last reply" },
	{ "again", FIELD_AGAIN, FIELD_FLAG, "", "replayed messages as well" },
	{ "purge", FIELD_PURGE, FIELD_FLAG, "", "do not keep it in the vault" },
	{ "damaged", FIELD_DAMAGED, FIELD_FLAG, "", "only damaged messages" },
	{ "unknown", FIELD_UNKNOWN, FIELD_FLAG, "",
	    "only recipients not known to exist" },
	{ "subject", FIELD_SUBJECT, FIELD_WORD, "", "" },
	{ "from", FIELD_FROM, FIELD_TEXT, "TIME", "when it begins" },
	{ "until", FIELD_UNTIL, FIELD_TEXT, "TIME", "when it ends" },
	{ "hold", FIELD_HOLD, FIELD_FLAG, "", "hold all mail in the window" },
	{ "end", FIELD_END, FIELD_TEXT, "WHICH", "end this one" },
	{ "outage", FIELD_OUTAGE, FIELD_WORD, "", "" },
	{ "sender", FIELD_SENDER, FIELD_TEXT, "ADDRESS",
	    "of this sender, or a pattern" },
	{ "recipient", FIELD_RECIPIENT, FIELD_TEXT, "ADDRESS",
	    "for this recipient, or a pattern" },
	{ "older", FIELD_OLDER, FIELD_TEXT, "TIME", "in the queue for longer" },
	{ "action", FIELD_ACTION, FIELD_WORD, "", "" },
	{ "node", FIELD_NODE, FIELD_WORD, "", "" },
	{ "pattern", FIELD_PATTERN, FIELD_WORD, "", "" },
	{ "client", FIELD_CLIENT, FIELD_TEXT, "ADDRESS",
	    "received from it, or a prefix" },
	{ "state", FIELD_STATE, FIELD_TEXT, "STATE", "deferred, active, held" },
	{ "younger", FIELD_YOUNGER, FIELD_TEXT, "TIME",
	    "in the queue for less" },
	{ "larger", FIELD_LARGER, FIELD_TEXT, "SIZE", "larger than this" },
	{ "smaller", FIELD_SMALLER, FIELD_TEXT, "SIZE", "smaller than this" },
	{ "sort", FIELD_SORT, FIELD_TEXT, "KEY",
	    "age, size, expiry, next, tries, domain, sender" },
	{ "reverse", FIELD_REVERSE, FIELD_FLAG, "", "in reverse order" },
	{ "limit", FIELD_LIMIT, FIELD_TEXT, "N", "at most N lines" },
	{ "count", FIELD_COUNT, FIELD_FLAG, "", "only the number" },
	{ "headers", FIELD_HEADERS, FIELD_FLAG, "", "the header fields" },
	{ "body", FIELD_BODY, FIELD_FLAG, "", "the body" },
	{ "follow", FIELD_FOLLOW, FIELD_FLAG, "", "go on until interrupted" },
	{ "raw", FIELD_RAW, FIELD_FLAG, "", "all of it, as accepted" },
	{ "to", FIELD_TO, FIELD_WORD, "", "" },
	{ "now", FIELD_NOW, FIELD_FLAG, "", "run the checks now" },
	{ "names", FIELD_NAMES, FIELD_FLAG, "", "only the names" },
	{ "after", FIELD_AFTER, FIELD_TEXT, "ID",
	    "only those behind this message" },
	{ "rcpts", FIELD_RCPTS, FIELD_SAID, "", "" },
	{ "wait_for", FIELD_WAIT_FOR, FIELD_TEXT, "TIME",
	    "wait at most this long" },
};

enum control_verb
control_verb_parse(const char *name)
{
	unsigned i;

	for (i = 0; i < VERB_MAX; i++)
		if (strcmp(control_verbs[i].name, name) == 0)
			break;
	return (enum control_verb)i;
}

void
control_option_name(const struct control_field *f,
    char name[CONTROL_FIELD_NAME])
{
	MX_ASSERT(strlen(f->name) < CONTROL_FIELD_NAME);
	(void)strlcpy(name, f->name, CONTROL_FIELD_NAME);
	for (; *name != '\0'; name++)
		if (*name == '_')
			*name = '-';
}

const char *
control_verb_list(void)
{
#define VERB(name, fields, arguments, help) ", " #name
	static const char list[] = CONTROL_VERBS;
#undef VERB
	return list + 2;
}
