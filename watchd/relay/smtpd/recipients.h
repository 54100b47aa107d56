/* SPDX-License-Identifier: ISC
 * recipients: the lists of recipients, and their reloading. A list is a file,
 * or is fetched into one (fetch/source.h). Each file is checked every two
 * seconds and read again when it has changed and then been stable for a second.
 * One thread does all of that, one file after the other, so that 10,000 files,
 * or one of a gigabyte, or one on a disk that hangs, do not block the loop. A
 * file that cannot be read, does not parse, or suddenly holds far fewer
 * recipients is reported once a change, and the last good one stays in use.
 * Before there is a good one, no recipient is known: that is our own failure,
 * so the answer is 4xx. Loop thread, unless noted. */
#ifndef MX_SMTPD_RECIPIENTS_H
#define MX_SMTPD_RECIPIENTS_H

#include "fetch/source.h"
#include "relay/smtpd/rcpt_table.h"

struct recipients;
struct recipients_set;

/* All files of an smtpd, and their thread. `settled` is called from the loop
 * each time the last requested file has been read, or could not be. */
struct recipients_set *
recipients_set_create(struct loop *, void (*settled)(void *arg), void *arg);
/* To be called before the first file is opened: the folder for the last good
 * copy of each list, for use after a restart (recipients_keep.h). Without it no
 * copies are kept. */
void recipients_set_keep(struct recipients_set *, const char *folder);
/* Likewise, after it: the source_set that fetches lists; borrowed. Without it
 * only files may be opened. */
void recipients_set_sources(struct recipients_set *, struct source_set *);
/* Waits for a file that is being read. All references to files must be gone. */
void recipients_set_destroy(struct recipients_set **);
/* Number of files that were requested and not read yet. */
size_t recipients_set_unread(const struct recipients_set *);

/* `changed` (with the same arg as `settled`) is called when recipients_state()
 * may have changed, other than in age. */
void recipients_set_on_change(struct recipients_set *,
    void (*changed)(void *arg, struct recipients *));

struct recipients_conf {
	const char *source; /* a path, or base/source_spec.h */
	const char *token_file; /* of a source; NULL: none */
	unsigned shrink; /* percent that may not be lost at once */
};
/* The caller gets one reference; there is one object for each source. The file
 * is read as soon as the thread comes to it. */
struct recipients *
recipients_open(struct recipients_set *, const struct recipients_conf *);
struct recipients *recipients_ref(struct recipients *);
void recipients_unref(struct recipients **);

/* After a reload: the file is checked at once, and one refused before is judged
 * again. The source must be the same. */
void recipients_recheck(struct recipients *, const struct recipients_conf *);

struct recipients_state {
	const char *name; /* as displayed */
	size_t entries; /* of the list in use; 0: none */
	/* Wall ms of the last confirmation that it equals its source (without
	 * one: of the first check). 0: it still does, as far as is known. */
	int64_t confirmed_ms;
	const char *trouble; /* why it is not confirmed; "": it is */
};
void recipients_state(const struct recipients *, struct recipients_state *);

/* Reads a file to check a configuration: its table, owned by the caller; or
 * NULL, the reason, and the line (0: the whole file). Blocks; any thread. */
struct rcpt_table *
recipients_read(const char *path, unsigned *line, struct mx_errbuf *);

/* The name as displayed. */
const char *recipients_name(const struct recipients *);
/* Was there ever a good version? */
bool recipients_known(const struct recipients *);
/* As rcpt_table_names() and rcpt_table_lists(). */
bool recipients_names(const struct recipients *, const char *mailbox);
bool recipients_lists(const struct recipients *, const struct rcpt_rules *,
    const char *mailbox);
/* When was the version in use written (wall ms)? */
int64_t recipients_written_ms(const struct recipients *);
/* RCPT_FOUND_NO_DOMAIN is logged once for each version of a list. */
enum rcpt_found recipients_find(struct recipients *, const struct rcpt_rules *,
    const char *mailbox, struct rcpt_match *);

#endif
