/* SPDX-License-Identifier: ISC
 * lookups: domains that nobody configured are looked up in the DNS, and judged.
 * Strangers choose them, so all of it is bounded: how many at once, how many a
 * minute, how many an hour for one client. The resolver is the one of the routes.
 * Loop thread. */
#ifndef MX_MXBACKUP_LOOKUPS_H
#define MX_MXBACKUP_LOOKUPS_H

#include "config/config.h"
#include "relay/mxbackup/verdict.h"

struct backup_lookups;

/* Comes once for each look-up, from the loop. */
typedef void
backup_lookup_cb(void *arg, const char *domain, const struct backup_finding *);

struct backup_lookups *backup_lookups_create(struct loop *, struct dns *,
    backup_lookup_cb *, void *arg);
/* Before the dns; ends those under way. */
void backup_lookups_destroy(struct backup_lookups **);
/* `conf` and `self` are borrowed until the next call. What is under way is asked
 * anew. */
void
backup_lookups_configure(struct backup_lookups *, const struct conf_mx_backup *,
    const struct route_self *, const struct prefix_list *networks);

/* On whose behalf a look-up is begun: */
#define BACKUP_NO_CLIENT UINT64_C(0) /* our own */
/* 0: begun, or under way already; -MX_EFULL: there is no room for it now;
 * -MX_EBUSY: this client has had its share. */
int backup_lookups_begin(struct backup_lookups *, const char *domain,
    uint64_t client_key);
bool
backup_lookups_under_way(const struct backup_lookups *, const char *domain);

#endif
