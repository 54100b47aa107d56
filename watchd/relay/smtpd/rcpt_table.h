/* SPDX-License-Identifier: ISC
 * rcpt_table: a recipients file in memory. The text is what `postmap` reads:
 * `key value` lines, # comments, lines that begin with a blank go on with the
 * line before. Keys are user@domain or @domain (a catch-all), compared
 * without regard to case; a value that begins with the word REJECT refuses, with
 * the text behind it, also below a catch-all; any other value accepts; the first
 * of equal keys counts. No part of an address is left off in a search but what
 * the rules say. Built by one thread, then read-only. Pure. */
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
	RCPT_FOUND_NO_DOMAIN, /* nor any other of its domain: that is no list */
	RCPT_FOUND_UNKNOWABLE, /* there is no table (recipients.h) */
};

struct rcpt_note {
	unsigned line; /* where the error, or the first ignored key, is */
	unsigned ignored; /* keys without '@' */
};

/* NULL and *eb when a line is not to be understood, or nothing is in it. */
struct rcpt_table *rcpt_table_parse(const char *data, size_t len,
    struct rcpt_note *note, struct mx_errbuf *eb);
void rcpt_table_destroy(struct rcpt_table **);
size_t rcpt_table_len(const struct rcpt_table *);

/* Is there an entry of that (canonical) domain at all? */
bool rcpt_table_has_domain(const struct rcpt_table *, const char *domain);

/* `mailbox` has a canonical domain in all of them. Does an entry name that very
 * mailbox, and does not refuse it? A catch-all is no word about anybody. */
bool rcpt_table_names(const struct rcpt_table *, const char *mailbox);
/* The same of it or what the rules say it is. */
bool rcpt_table_lists(const struct rcpt_table *, const struct rcpt_rules *,
    const char *mailbox);

/* The entry that decides, as long as the table lives: "" where there is none. */
struct rcpt_match {
	const char *key; /* a mailbox, or @domain */
	const char *text; /* of a REJECT */
};
enum rcpt_found rcpt_table_find(const struct rcpt_table *,
    const struct rcpt_rules *, const char *mailbox, struct rcpt_match *);

#endif
