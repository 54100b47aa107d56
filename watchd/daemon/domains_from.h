/* SPDX-License-Identifier: ISC
 * domains_from: the source of domains (config/elsewhere.h): a folder that is looked
 * at every two seconds, or a file into which fetch/source.h fetches. What is another
 * text than the one in force is offered to reload.c, which puts it into force as a
 * whole or refuses it; then the last good one stays, and that is said once. A copy
 * of what was put into force lies in the spool: a start goes by that and needs no
 * source. Its own thread looks and reads. Loop thread. */
#ifndef MX_DAEMON_DOMAINS_FROM_H
#define MX_DAEMON_DOMAINS_FROM_H

#include "config/config.h"
#include "config/domain_texts.h"

struct daemon;
struct snapshot;

/* At the start, before anybody has d->conf: joins it with the copy. Blocks. */
void domains_from_start(struct daemon *);
void domains_from_create(struct daemon *); /* behind d->sources */
void domains_from_destroy(struct daemon *);
/* Another configuration of the operator's is in force. */
void domains_from_configure(struct daemon *);
/* In force; NULL: none. Lent. */
struct domain_texts *domains_from_good(const struct daemon *);
/* What was offered is in force, or is refused: then *errs says why. */
void domains_from_judged(struct daemon *, struct domain_texts *, bool good,
    const struct conf_errors *errs);
void domains_from_show(const struct daemon *, struct snapshot *);

/* Where the copy is; the caller frees it. */
char *domains_from_path(const struct config *);

#endif
