/* SPDX-License-Identifier: ISC
 * view: a message as text. */
#include "status/view.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *
msg_state_name(enum msg_state state)
{
	static const char *const names[] = { "deferred", "active", "held",
		"vault" };

	return (unsigned)state < MX_COUNT(names) ? names[state] : "unknown";
}

/* A text that begins with an enhanced status of its own. */
static bool
has_status(const char *text)
{
	return isdigit((unsigned char)text[0]) && text[1] == '.' &&
	    isdigit((unsigned char)text[2]);
}

char *
rcpt_said(const struct rcpt_view *r, char *dst)
{
	bool status = r->code != 0 && r->status[0] != '\0' &&
	    strcmp(r->status + 1, ".0.0") != 0 && !has_status(r->reply);
	char code[16] = "";

	if (r->code != 0)
		(void)snprintf(code, sizeof(code), "%u ", r->code);
	(void)snprintf(dst, RCPT_SAID_MAX, "%s%s%s%s", code,
	    status ? r->status : "", status ? " " : "", r->reply);
	return dst;
}
