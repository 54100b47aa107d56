/* SPDX-License-Identifier: ISC
 * domains_from: the source of domains (config/elsewhere.h): a folder that is
 * looked at every two seconds, or a file into which fetch/source.h fetches. A
 * text that differs from the one in force is offered to reload.c, which puts it
 * into force as a whole or refuses it; then the last good one stays in force,
 * and that is reported once. A copy of the text in force is kept in the spool:
 * a start uses it and needs no source. A thread of its own looks and reads.
 * Loop thread. */
#ifndef MX_DAEMON_DOMAINS_FROM_H
#define MX_DAEMON_DOMAINS_FROM_H

#include "config/config.h"
#include "config/domain_texts.h"

struct daemon;
struct snapshot;

/* At the start, before any module uses d->conf: joins it with the copy.
 * Blocks. */
void domains_from_start(struct daemon *);
void domains_from_create(struct daemon *); /* after d->sources */
void domains_from_destroy(struct daemon *);
/* A new configuration file is in force. */
void domains_from_configure(struct daemon *);
/* The text in force; NULL: none. Borrowed. */
struct domain_texts *domains_from_good(const struct daemon *);
/* The text offered is in force, or is refused for the reasons in *errs. */
void domains_from_judged(struct daemon *, struct domain_texts *, bool good,
    const struct conf_errors *errs);
void domains_from_show(const struct daemon *, struct snapshot *);

/* The path of the copy; the caller frees it. */
char *domains_from_path(const struct config *);

#endif
