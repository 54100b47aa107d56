/* SPDX-License-Identifier: ISC
 * path: reverse-path and forward-path, Mailbox, source routes, domains
 * (RFC 5321 4.1.2, 4.1.3; RFC 6531 when utf8 is set). Pure. */
#ifndef MX_SMTP_PATH_H
#define MX_SMTP_PATH_H

#include "base/defs.h"
#include "base/text.h"

/* RFC 5321 4.5.3.1.1 says 64, and that there should be no limit where one can be
 * avoided: SRS and VERP write 250 and more. So many are, with any domain, one
 * line of a report. */
#define PATH_LOCAL_MAX	 600
#define PATH_MAILBOX_MAX (PATH_LOCAL_MAX + 1 + TEXT_DOMAIN_MAX)

struct smtp_path {
	/* "local@domain" as it is to be sent on: local part as written (case
	 * kept, quoting kept), domain canonical (text_domain) or an address
	 * literal. "" for the null path. */
	char mailbox[PATH_MAILBOX_MAX];
	/* Points into mailbox after the '@'; "" for <> and a bare <postmaster>.
	 * So a copy of the struct still points into the original. */
	const char *domain;
	size_t local_len;
	bool literal; /* the domain is an address literal */
	bool utf8; /* needs SMTPUTF8: bytes above 127 in the local part,
		       * or a domain that was given in U-labels */
};

enum path_flags {
	PATH_NULL_OK = 1, /* "<>" is allowed (MAIL) */
	PATH_POSTMASTER_OK = 2, /* "<Postmaster>" without domain (RCPT) */
	PATH_UTF8_OK = 4, /* after MAIL ... SMTPUTF8 */
};

/* Reads the path at s (starting with '<'; blanks before it are an error of
 * the caller's), *used is its length. A source route ("<@a,@b:u@d>") is read
 * and dropped. "%" and "!" in a local part are plain characters: nothing is
 * ever routed by them. -MX_ESYNTAX; -MX_ETOOBIG for a local part, domain or
 * path over its limit; -MX_ENOENT where SMTPUTF8 would be needed. */
int smtp_path_parse(const char *s, size_t len, unsigned flags,
    struct smtp_path *out, size_t *used) MX_NODISCARD;

/* "local@domain" from configuration or a recipients file, without brackets. */
int smtp_mailbox_parse(const char *s, size_t len,
    struct smtp_path *out) MX_NODISCARD;

bool smtp_is_postmaster(const struct smtp_path *); /* any case */

/* "a\ b"@d -> a b@d: the same mailbox (RFC 5321 4.1.2), as others key it. The
 * length; 0, and dst is not set, when nothing is quoted. dst is no shorter. */
size_t smtp_unquote(const char *mailbox, char *dst);

/* Does its local part, quoted or not, hold what another server may take for a
 * route: "%", "!" or "@" (RFC 5321 4.1.2, appendix C)? We never do. */
bool smtp_has_route(const struct smtp_path *);
/* Does its local part, without quotes, begin with "-"? What is started with it
 * as an argument may take it for an option. */
bool smtp_is_dashed(const struct smtp_path *);

#endif
