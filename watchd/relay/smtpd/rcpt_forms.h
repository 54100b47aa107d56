/* SPDX-License-Identifier: ISC
 * rcpt_forms: the other forms under which an address may be in a list of
 * recipients. Recipients add to their own local part: an extension after a
 * delimiter (user+shop), a BATV tag in front (prvs=1234abcdef=user,
 * draft-levine-smtp-batv); or the address is an SRS address of a forwarder,
 * which is in no list. The configuration says which of these the primary
 * accepts. Pure. */
#ifndef MX_SMTPD_RCPT_FORMS_H
#define MX_SMTPD_RCPT_FORMS_H

#include "smtp/path.h"

struct rcpt_rules {
	/* Each of these characters begins an extension; the first one in the
	 * local part counts, as in Postfix; "": none. */
	const char *delimiter;
	bool batv;
};

#define RCPT_FORMS_MAX 2

/* The forms to look up when `mailbox` itself is not listed, the more specific
 * one first. Without quotes, as the keys. Returns their number. */
unsigned rcpt_forms(const struct rcpt_rules *, const char *mailbox,
    char form[RCPT_FORMS_MAX][PATH_MAILBOX_MAX]);

/* Is it an SRS0 or SRS1 address, and of whom: `core` holds PATH_MAILBOX_MAX.
 * Only the forwarder can check its hash. */
bool rcpt_srs(const char *mailbox, char *core);

#endif
