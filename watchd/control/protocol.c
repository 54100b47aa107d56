/* SPDX-License-Identifier: ISC
 * protocol: the list of verbs as data. Pure. */
#include "control/protocol.h"

#include <string.h>

const struct control_verb_info control_verbs[VERB_MAX] = {
#define VERB(name, fields, arguments, help)                                    \
	[VERB_##name] = { #name, fields, arguments, help },
	CONTROL_VERBS
#undef VERB
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

const char *
control_verb_list(void)
{
#define VERB(name, fields, arguments, help) ", " #name
	static const char list[] = CONTROL_VERBS;
#undef VERB
	return list + 2;
}
