/* SPDX-License-Identifier: ISC
 * Hostile command lines, with each extension offered or not: no crash, and
 * nothing that is accepted can break a line of a command, header or log. */
#include <stdint.h>
#include <string.h>

#include "smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_clean(const char *s)
{
	for (; *s != '\0'; s++)
		MX_ASSERT((unsigned char)*s >= ' ' && *s != 127);
}

static void
check_command(const struct smtp_command *c, const struct smtp_command_ext *ext)
{
	char plain[600];

	check_clean(c->path.mailbox);
	check_clean(c->domain);
	check_clean(c->envid);
	check_clean(c->orcpt);
	MX_ASSERT(c->verb == VERB_BDAT || (c->chunk == 0 && !c->last));
	MX_ASSERT(c->path.domain >= c->path.mailbox &&
	    c->path.domain < c->path.mailbox + sizeof(c->path.mailbox));
	MX_ASSERT(c->path.local_len <= PATH_LOCAL_MAX);
	MX_ASSERT(!c->has_size || ext->size);
	MX_ASSERT(ext->dsn || (c->notify == 0 && c->orcpt[0] == '\0'));
	MX_ASSERT(!c->path.utf8 || c->smtputf8 || ext->tx_utf8);
	MX_ASSERT(smtp_xtext_decode(c->envid, plain, sizeof(plain)) == 0);
	MX_ASSERT(smtp_verb_name(c->verb) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smtp_command_ext ext;
	struct smtp_command c;
	struct smtp_refusal why;
	struct smtp_path p;
	unsigned bits;

	for (bits = 0; bits < 32; bits++) {
		ext = (struct smtp_command_ext){ bits & 1, bits & 2, bits & 4,
			bits & 8, bits & 16 };
		if (smtp_command_parse((const char *)data, len, &ext, &c,
			&why) == 0)
			check_command(&c, &ext);
		else
			MX_ASSERT(why.code >= 500 && why.code < 560 &&
			    why.status[0] == '5' && why.text != NULL);
	}
	if (smtp_mailbox_parse((const char *)data, len, &p) == 0)
		check_clean(p.mailbox);
	return 0;
}
