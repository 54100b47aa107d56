/* SPDX-License-Identifier: ISC
 * removed: domains that left the configuration with mail queued. They are
 * watched and delivered with the settings that they had (config/removed.h)
 * until their queues are empty, across reloads and restarts: while a domain has
 * mail its settings are in the store ("settings/DOMAIN"), so that it does not
 * matter whether it left by a reload or while the daemon was not running. Loop
 * thread. */
#ifndef MX_DAEMON_REMOVED_H
#define MX_DAEMON_REMOVED_H

#include "daemon/daemon_int.h"

struct removed *removed_create(struct daemon *); /* the store is open */
void removed_destroy(struct removed **); /* the store is closed */
/* Attaches the stored settings of domains that the configuration does not
 * have. */
void removed_load(struct removed *, struct config *);
/* Another configuration is in force now. */
void removed_configured(struct removed *);
/* The domain has mail: stores its settings, unless they are stored already. */
void removed_note(struct removed *, const struct conf_domain *);
/* State that another node of the cluster changed. True: the key is of stored
 * settings. */
bool removed_told(struct daemon *, const char *key, const void *, size_t len);
/* A removed domain is over when nothing is queued for it, at no node. */
bool removed_is_over(const struct removed *, const struct snap_domain *);
/* Makes every module forget a domain that mx_backup took in or that was
 * removed; mail queued for it goes on as mail for a domain that nobody
 * configured. The caller drops its block of the snapshot. */
void removed_over(struct removed *, const char *name, bool mx_backup,
    const char *why);

#endif
