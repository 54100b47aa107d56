/* SPDX-License-Identifier: ISC
 * recipients: the lists of recipients, watched. A list is a file, or is fetched
 * into one (fetch/source.h) from where it is kept. Each file is looked at every two
 * seconds and read again when it changed and has been left alone for a second.
 * One thread does all of that, one file after the other: whoever has 10,000 of
 * them, or one of a gigabyte, or one on a disk that hangs, still has a loop
 * that answers. A file that cannot be read, does not parse, or suddenly holds
 * far fewer recipients is reported once a change, and the last good one stays
 * in use. While there never was a good one, nothing is known of any recipient:
 * that is our trouble, so the answer is 4xx. Loop thread, unless said. */
#ifndef MX_SMTPD_RECIPIENTS_H
#define MX_SMTPD_RECIPIENTS_H

#include "fetch/source.h"
#include "relay/smtpd/rcpt_table.h"

struct recipients;
struct recipients_set;

/* All files of an smtpd, and their thread. `settled` is called from the loop
 * each time the last file that was asked for has been read, or could not be. */
struct recipients_set *
recipients_set_create(struct loop *, void (*settled)(void *arg), void *arg);
/* Before the first file is opened: where the last good copy of each is kept, so
 * that it is known after a restart (recipients_keep.h). Without: nowhere. */
void recipients_set_keep(struct recipients_set *, const char *folder);
/* Likewise, and behind it: by whom lists are fetched; borrowed. Without, none
 * may be opened that is no file. */
void recipients_set_sources(struct recipients_set *, struct source_set *);
/* Waits for a file that is being read. The files have no references left. */
void recipients_set_destroy(struct recipients_set **);
/* How many files were asked for and not read yet. */
size_t recipients_set_unread(const struct recipients_set *);

/* `changed` (of the same arg as `settled`): whenever what recipients_state() says
 * may be another than before, but for the age. */
void recipients_set_on_change(struct recipients_set *,
    void (*changed)(void *arg, struct recipients *));

struct recipients_conf {
	const char *source; /* a path, or base/source_spec.h */
	const char *token_file; /* of a source; NULL: none */
	unsigned shrink; /* percent lost at once that is refused */
};
/* One reference is the caller's; no two objects have the same source. It is read
 * as soon as its turn comes. */
struct recipients *
recipients_open(struct recipients_set *, const struct recipients_conf *);
struct recipients *recipients_ref(struct recipients *);
void recipients_unref(struct recipients **);

/* A reload: it is looked at without delay, and what was refused before is
 * judged again. Its source is the same. */
void recipients_recheck(struct recipients *, const struct recipients_conf *);

struct recipients_state {
	const char *name; /* as it is shown */
	size_t entries; /* of the list in use; 0: there is none */
	/* Wall ms: when that was last known to be what its source has (without
	 * one: when it was first looked for). 0: it is, for all that is known. */
	int64_t confirmed_ms;
	const char *trouble; /* why it is no longer; "": all is well */
};
void recipients_state(const struct recipients *, struct recipients_state *);

/* For who checks a configuration: the table of a file, the caller's to destroy;
 * or NULL, why, and the line (0: all of it). Reads it here and now; any
 * thread. */
struct rcpt_table *
recipients_read(const char *path, unsigned *line, struct mx_errbuf *);

/* As it is shown. */
const char *recipients_name(const struct recipients *);
/* Was there ever a good one? */
bool recipients_known(const struct recipients *);
/* As rcpt_table_names() and rcpt_table_lists(). */
bool recipients_names(const struct recipients *, const char *mailbox);
bool recipients_lists(const struct recipients *, const struct rcpt_rules *,
    const char *mailbox);
/* When was what is in use written (wall ms)? */
int64_t recipients_written_ms(const struct recipients *);
/* RCPT_FOUND_NO_DOMAIN is said once in the log for each version of a list. */
enum rcpt_found recipients_find(struct recipients *, const struct rcpt_rules *,
    const char *mailbox, struct rcpt_match *);

#endif
