/* SPDX-License-Identifier: ISC
 * path: reverse-path and forward-path, Mailbox, source routes, domains
 * (RFC 5321 4.1.2, 4.1.3; RFC 6531 when utf8 is set). Pure. */
#ifndef MX_SMTP_PATH_H
#define MX_SMTP_PATH_H

#include "base/defs.h"
#include "base/text.h"

/* RFC 5321 4.5.3.1.1 says 64, and that there should be no limit where one can
 * be avoided: SRS and VERP create local parts of 250 and more. A part of this
 * size, with any domain, fits on one line of a notification. */
#define PATH_LOCAL_MAX	 600
#define PATH_MAILBOX_MAX (PATH_LOCAL_MAX + 1 + TEXT_DOMAIN_MAX)

struct smtp_path {
	/* "local@domain" in the form to send: local part unchanged (case,
	 * quoting), domain canonical (text_domain) or an address literal. ""
	 * for the null path. */
	char mailbox[PATH_MAILBOX_MAX];
	/* Points into mailbox after the '@'; "" for <> and a bare <postmaster>.
	 * In a copy of the struct it still points into the original. */
	const char *domain;
	size_t local_len;
	bool literal; /* the domain is an address literal */
	/* needs SMTPUTF8: bytes above 127 in the local part, or a domain given
	 * in U-labels */
	bool utf8;
};

enum path_flags {
	PATH_NULL_OK = 1, /* "<>" is allowed (MAIL) */
	PATH_POSTMASTER_OK = 2, /* "<Postmaster>" without domain (RCPT) */
	PATH_UTF8_OK = 4, /* after MAIL ... SMTPUTF8 */
};

/* Reads the path at s (starting with '<'; leading blanks are a caller's error),
 * *used is its length. A source route ("<@a,@b:u@d>") is parsed and dropped.
 * "%" and "!" in a local part are plain characters: they never route.
 * -MX_ESYNTAX; -MX_ETOOBIG for a local part, domain or path over its limit;
 * -MX_ENOENT where SMTPUTF8 would be needed. */
int smtp_path_parse(const char *s, size_t len, unsigned flags,
    struct smtp_path *out, size_t *used) MX_NODISCARD;

/* "local@domain" from configuration or a recipients file, without brackets. */
int smtp_mailbox_parse(const char *s, size_t len,
    struct smtp_path *out) MX_NODISCARD;

bool smtp_is_postmaster(const struct smtp_path *); /* any case */

/* "a\ b"@d -> a b@d: the same mailbox (RFC 5321 4.1.2), in the form others use
 * as a key. Returns the length; 0, and dst is not set, when nothing is quoted.
 * dst has to be as long as mailbox. */
size_t smtp_unquote(const char *mailbox, char *dst);

/* Does its local part, quoted or not, contain what another server may take for
 * a route: "%", "!" or "@" (RFC 5321 4.1.2, appendix C)? We never do. */
bool smtp_has_route(const struct smtp_path *);
/* Does its local part, without quotes, begin with "-"? A program that gets it
 * as an argument may take it for an option. */
bool smtp_is_dashed(const struct smtp_path *);

#endif
