/* SPDX-License-Identifier: ISC
 * lookups: looks up unconfigured domains in the DNS, and judges them. Strangers
 * choose these domains, so everything is bounded: look-ups at once, per minute,
 * and per hour for one client. The resolver is that of the routes. Loop
 * thread. */
#ifndef MX_MXBACKUP_LOOKUPS_H
#define MX_MXBACKUP_LOOKUPS_H

#include "config/config.h"
#include "relay/mxbackup/verdict.h"

struct backup_lookups;

/* Called once for each look-up, from the loop. */
typedef void
backup_lookup_cb(void *arg, const char *domain, const struct backup_finding *);

struct backup_lookups *backup_lookups_create(struct loop *, struct dns *,
    backup_lookup_cb *, void *arg);
/* To be called before dns_destroy(); cancels those under way. */
void backup_lookups_destroy(struct backup_lookups **);
/* `conf` and `self` are borrowed until the next call. Look-ups under way start
 * again. */
void
backup_lookups_configure(struct backup_lookups *, const struct conf_mx_backup *,
    const struct route_self *, const struct prefix_list *networks);

/* The client key of a look-up: */
#define BACKUP_NO_CLIENT UINT64_C(0) /* none: a look-up of our own */
/* 0: started, or under way already; -MX_EFULL: no room now; -MX_EBUSY: this
 * client has used its share. */
int backup_lookups_begin(struct backup_lookups *, const char *domain,
    uint64_t client_key);
bool
backup_lookups_under_way(const struct backup_lookups *, const char *domain);

#endif
