/* SPDX-License-Identifier: ISC
 * rcpt_forms: under which other names an address may stand in a list of
 * recipients. Who receives mail writes into his own local part: an extension
 * behind a delimiter (user+shop), a BATV tag in front (prvs=1234abcdef=user,
 * draft-levine-smtp-batv), or he is the forwarder of an SRS address, which
 * stands in no list. What of that his primary takes, the configuration says.
 * Pure. */
#ifndef MX_SMTPD_RCPT_FORMS_H
#define MX_SMTPD_RCPT_FORMS_H

#include "smtp/path.h"

struct rcpt_rules {
	/* Each of these characters begins an extension, the first one in the
	 * local part counts, as in Postfix; "": none does. */
	const char *delimiter;
	bool batv;
};

#define RCPT_FORMS_MAX 2

/* What `mailbox` is listed as if it is not listed itself, the form that says
 * more first. Quotes are left off, as in the keys. Their number. */
unsigned rcpt_forms(const struct rcpt_rules *, const char *mailbox,
    char form[RCPT_FORMS_MAX][PATH_MAILBOX_MAX]);

/* Is it an SRS0 or SRS1 address, and for whom: `core` holds PATH_MAILBOX_MAX.
 * Its hash only the forwarder can check. */
bool rcpt_srs(const char *mailbox, char *core);

#endif
