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
	{ "all", FIELD_ALL, FIELD_FLAG, "", "all that is queued" },
	{ "dry_run", FIELD_DRY_RUN, FIELD_FLAG, "",
	    "only say what would be done" },
	{ "wait", FIELD_WAIT, FIELD_SAID, "", "" },
	{ "add", FIELD_ADD, FIELD_WORD, "", "" },
	{ "match", FIELD_MATCH, FIELD_WORD, "", "" },
	{ "for", FIELD_FOR, FIELD_TEXT, "TIME", "for so long" },
	{ "remove", FIELD_REMOVE, FIELD_TEXT, "ID",
	    "end the silence of that id" },
	{ "receiver", FIELD_RECEIVER, FIELD_WORD, "", "" },
	{ "primaries", FIELD_PRIMARIES, FIELD_FLAG, "", "each server once" },
	{ "since", FIELD_SINCE, FIELD_TEXT, "TIME", "within that time" },
	{ "reply", FIELD_REPLY, FIELD_TEXT, "PATTERN",
	    "the last reply has it" },
	{ "again", FIELD_AGAIN, FIELD_FLAG, "",
	    "also what was replayed before" },
	{ "purge", FIELD_PURGE, FIELD_FLAG, "", "not into the vault" },
	{ "damaged", FIELD_DAMAGED, FIELD_FLAG, "", "only what is damaged" },
	{ "unknown", FIELD_UNKNOWN, FIELD_FLAG, "",
	    "only who is not known to exist" },
	{ "subject", FIELD_SUBJECT, FIELD_WORD, "", "" },
	{ "from", FIELD_FROM, FIELD_TEXT, "TIME", "when it begins" },
	{ "until", FIELD_UNTIL, FIELD_TEXT, "TIME", "when it ends" },
	{ "hold", FIELD_HOLD, FIELD_FLAG, "", "deliver nothing meanwhile" },
	{ "end", FIELD_END, FIELD_TEXT, "ID", "end that window" },
	{ "outage", FIELD_OUTAGE, FIELD_WORD, "", "" },
	{ "sender", FIELD_SENDER, FIELD_TEXT, "ADDRESS",
	    "who sent it, or a pattern" },
	{ "recipient", FIELD_RECIPIENT, FIELD_TEXT, "ADDRESS",
	    "who is to get it, or a pattern" },
	{ "older", FIELD_OLDER, FIELD_TEXT, "TIME", "came longer ago" },
	{ "action", FIELD_ACTION, FIELD_WORD, "", "" },
	{ "node", FIELD_NODE, FIELD_WORD, "", "" },
	{ "pattern", FIELD_PATTERN, FIELD_WORD, "", "" },
	{ "client", FIELD_CLIENT, FIELD_TEXT, "ADDRESS",
	    "who brought it, or a prefix" },
	{ "state", FIELD_STATE, FIELD_TEXT, "STATE", "deferred, active, held" },
	{ "younger", FIELD_YOUNGER, FIELD_TEXT, "TIME",
	    "came within that time" },
	{ "larger", FIELD_LARGER, FIELD_TEXT, "SIZE", "larger than that" },
	{ "smaller", FIELD_SMALLER, FIELD_TEXT, "SIZE", "smaller than that" },
	{ "sort", FIELD_SORT, FIELD_TEXT, "KEY",
	    "age, size, expiry, next, tries, domain, sender" },
	{ "reverse", FIELD_REVERSE, FIELD_FLAG, "", "the other way round" },
	{ "limit", FIELD_LIMIT, FIELD_TEXT, "N", "so many lines at most" },
	{ "count", FIELD_COUNT, FIELD_FLAG, "", "only how many they are" },
	{ "headers", FIELD_HEADERS, FIELD_FLAG, "", "the header fields" },
	{ "body", FIELD_BODY, FIELD_FLAG, "", "what is behind them" },
	{ "follow", FIELD_FOLLOW, FIELD_FLAG, "",
	    "what happens as well, until interrupted" },
	{ "raw", FIELD_RAW, FIELD_FLAG, "", "all of it, as it was accepted" },
	{ "now", FIELD_NOW, FIELD_FLAG, "", "check it while I wait" },
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
