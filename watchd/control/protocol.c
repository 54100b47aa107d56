/* SPDX-License-Identifier: ISC
 * protocol: the verbs and the fields of a request as data. Pure. */
#include "control/protocol.h"

#include <string.h>

const struct control_verb_info control_verbs[VERB_MAX] = {
#define VERB(name, fields, arguments, help)                                    \
	[VERB_##name] = { #name, fields, arguments, help },
	CONTROL_VERBS
#undef VERB
};

const struct control_field control_fields[CONTROL_FIELDS] = {
	{ "verb", 0, FIELD_WORD, "" },
	{ "reason", 0, FIELD_WORD, "" },
	{ "domain", FIELD_DOMAIN, FIELD_WORD, "" },
	{ "id", FIELD_ID, FIELD_WORD, "" },
	{ "address", FIELD_ADDRESS, FIELD_WORD, "" },
	{ "all", FIELD_ALL, FIELD_FLAG, "" },
	{ "dry_run", FIELD_DRY_RUN, FIELD_FLAG, "" },
	{ "wait", FIELD_WAIT, FIELD_SAID, "" },
	{ "add", FIELD_ADD, FIELD_WORD, "" },
	{ "match", FIELD_MATCH, FIELD_WORD, "" },
	{ "for", FIELD_FOR, FIELD_TEXT, "TIME" },
	{ "remove", FIELD_REMOVE, FIELD_TEXT, "ID" },
	{ "receiver", FIELD_RECEIVER, FIELD_WORD, "" },
	{ "primaries", FIELD_PRIMARIES, FIELD_FLAG, "" },
	{ "since", FIELD_SINCE, FIELD_TEXT, "TIME" },
	{ "reply", FIELD_REPLY, FIELD_TEXT, "PATTERN" },
	{ "again", FIELD_AGAIN, FIELD_FLAG, "" },
	{ "purge", FIELD_PURGE, FIELD_FLAG, "" },
	{ "damaged", FIELD_DAMAGED, FIELD_FLAG, "" },
	{ "unknown", FIELD_UNKNOWN, FIELD_FLAG, "" },
	{ "subject", FIELD_SUBJECT, FIELD_WORD, "" },
	{ "from", FIELD_FROM, FIELD_TEXT, "TIME" },
	{ "until", FIELD_UNTIL, FIELD_TEXT, "TIME" },
	{ "hold", FIELD_HOLD, FIELD_FLAG, "" },
	{ "end", FIELD_END, FIELD_TEXT, "ID" },
	{ "outage", FIELD_OUTAGE, FIELD_WORD, "" },
	{ "sender", FIELD_SENDER, FIELD_TEXT, "ADDRESS" },
	{ "recipient", FIELD_RECIPIENT, FIELD_TEXT, "ADDRESS" },
	{ "older", FIELD_OLDER, FIELD_TEXT, "TIME" },
	{ "action", FIELD_ACTION, FIELD_WORD, "" },
	{ "node", FIELD_NODE, FIELD_WORD, "" },
	{ "pattern", FIELD_PATTERN, FIELD_WORD, "" },
	{ "client", FIELD_CLIENT, FIELD_TEXT, "ADDRESS" },
	{ "state", FIELD_STATE, FIELD_TEXT, "STATE" },
	{ "younger", FIELD_YOUNGER, FIELD_TEXT, "TIME" },
	{ "larger", FIELD_LARGER, FIELD_TEXT, "SIZE" },
	{ "smaller", FIELD_SMALLER, FIELD_TEXT, "SIZE" },
	{ "sort", FIELD_SORT, FIELD_TEXT, "KEY" },
	{ "reverse", FIELD_REVERSE, FIELD_FLAG, "" },
	{ "limit", FIELD_LIMIT, FIELD_TEXT, "N" },
	{ "count", FIELD_COUNT, FIELD_FLAG, "" },
	{ "headers", FIELD_HEADERS, FIELD_FLAG, "" },
	{ "body", FIELD_BODY, FIELD_FLAG, "" },
	{ "raw", FIELD_RAW, FIELD_FLAG, "" },
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
