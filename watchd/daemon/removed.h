/* SPDX-License-Identifier: ISC
 * removed: domains that left the configuration with mail queued. They are watched
 * and delivered by the settings that they had (config/removed.h) until their
 * queues are empty, across reloads and restarts: while a domain has mail its
 * settings lie in the store ("settings/DOMAIN"), so that it does not matter
 * whether it left by a reload or while the daemon was not running. Loop thread. */
#ifndef MX_DAEMON_REMOVED_H
#define MX_DAEMON_REMOVED_H

#include "daemon/daemon_int.h"

struct removed *removed_create(struct daemon *); /* the store is open */
void removed_destroy(struct removed **); /* the store is closed */
/* Attaches to the configuration what is stored of domains that it has not. */
void removed_load(struct removed *, struct config *);
/* The configuration in force is another one now. */
void removed_configured(struct removed *);
/* The domain has mail: its settings are stored, unless they are already. */
void removed_note(struct removed *, const struct conf_domain *);
/* The domain, which is removed, is over when nothing is queued for it. */
bool removed_is_over(const struct removed *, const struct snap_domain *);
/* Every module forgets it, which was taken in by mx_backup or has been removed; what is queued for it goes on as mail for any domain
 * that nobody configured. Its block in the snapshot is the caller's business. */
void removed_over(struct removed *, const char *name, bool mx_backup,
    const char *why);

#endif
