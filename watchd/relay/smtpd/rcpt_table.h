/* SPDX-License-Identifier: ISC
 * rcpt_table: a recipients file in memory. The format is that of `postmap`:
 * `key value` lines, # comments, lines that begin with a blank continue the
 * previous one. Keys are user@domain or @domain (a catch-all), compared
 * case-insensitively; a value that begins with the word REJECT refuses, with
 * the text after it, also beside a catch-all; any other value accepts; the
 * first of equal keys counts. A search strips nothing from an address except by
 * the rules. Built by one thread, then read-only. Pure. */
#ifndef MX_SMTPD_RCPT_TABLE_H
#define MX_SMTPD_RCPT_TABLE_H

#include <stdbool.h>

#include "base/err.h"
#include "relay/smtpd/rcpt_forms.h"

struct rcpt_table;

enum rcpt_found {
	RCPT_FOUND_OK,
	RCPT_FOUND_REJECT,
	RCPT_FOUND_NOT,
	RCPT_FOUND_NO_DOMAIN, /* nor any other recipient of its domain */
	RCPT_FOUND_UNKNOWABLE, /* there is no table (recipients.h) */
};

struct rcpt_note {
	unsigned line; /* line of the error, or of the first ignored key */
	unsigned ignored; /* keys without '@' */
};

/* NULL and *eb when a line is invalid, or the file has no entries. */
struct rcpt_table *rcpt_table_parse(const char *data, size_t len,
    struct rcpt_note *note, struct mx_errbuf *eb);
void rcpt_table_destroy(struct rcpt_table **);
size_t rcpt_table_len(const struct rcpt_table *);

/* Is there an entry of that (canonical) domain at all? */
bool rcpt_table_has_domain(const struct rcpt_table *, const char *domain);

/* `mailbox` has a canonical domain in all of these. Does an entry name this
 * very mailbox, and accept it? A catch-all does not count. */
bool rcpt_table_names(const struct rcpt_table *, const char *mailbox);
/* The same for it and the forms of it that the rules allow. */
bool rcpt_table_lists(const struct rcpt_table *, const struct rcpt_rules *,
    const char *mailbox);

/* The entry that decides, valid as long as the table; "" if there is none. */
struct rcpt_match {
	const char *key; /* a mailbox, or @domain */
	const char *text; /* of a REJECT */
};
enum rcpt_found rcpt_table_find(const struct rcpt_table *,
    const struct rcpt_rules *, const char *mailbox, struct rcpt_match *);

#endif
