/* SPDX-License-Identifier: ISC
 * Fuzz: a recipients file. Whatever its bytes are: it parses or it does not,
 * and what a table answers is one of three things with a printable text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relay/smtpd/rcpt_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const ask[] = { "a@b.test", "", "@", "\"\"@b.test",
		"\"a\\b\"@b.test", "postmaster@example.org", "\"@", "\"\\\"@x",
		"a+x@b.test", "prvs=1234abcdef=a+@b.test",
		"\"prvs=1234abcdef=+\"@b.test", "SRS0=+=TT=b.test=a@b.test",
		"SRS1=h=b==h=TT=b.test=a+x@b.test" };
	static const struct rcpt_rules rules = { "+=", true };
	char core[PATH_MAILBOX_MAX];
	struct rcpt_note note;
	struct mx_errbuf eb = { "" };
	struct rcpt_table *t;
	struct rcpt_match m;
	const char *p;
	size_t i;

	t = rcpt_table_parse((const char *)data, len, &note, &eb);
	if (t == NULL) {
		MX_ASSERT(eb.text[0] != '\0');
		return 0;
	}
	MX_ASSERT(rcpt_table_len(t) > 0);
	for (i = 0; i < MX_COUNT(ask); i++) {
		(void)rcpt_srs(ask[i], core);
		(void)rcpt_table_find(t, &rules, ask[i], &m);
		for (p = m.text; *p != '\0'; p++)
			MX_ASSERT(*p >= ' ' && *p <= '~');
	}
	rcpt_table_destroy(&t);
	return 0;
}
