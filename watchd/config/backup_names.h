/* SPDX-License-Identifier: ISC
 * backup_names: the names of the domains of mx_backup. They come and go during
 * the life of a configuration, and outlive it: all configurations refer to the
 * one set, so that config_settings() finds them. All of them have the same
 * settings, conf_mx_backup.domain of the configuration.
 *
 * The loop thread adds and drops; any thread may ask. One lock, held for no
 * longer than one name takes. */
#ifndef MX_CONFIG_BACKUP_NAMES_H
#define MX_CONFIG_BACKUP_NAMES_H

#include "base/text.h"
#include "config/config.h"

struct backup_names;

struct backup_names *backup_names_create(void); /* one reference */
struct backup_names *backup_names_ref(struct backup_names *);
void backup_names_unref(struct backup_names **);

/* Names are canonical; add and drop are idempotent. O(log n). */
void backup_names_add(struct backup_names *, const char *name);
void backup_names_drop(struct backup_names *, const char *name);
bool backup_names_has(struct backup_names *, const char *name);
/* The next name after `name` ("": the first), into `name`. False: none. The set
 * may change between two calls. */
bool backup_names_next(struct backup_names *, char name[TEXT_DOMAIN_MAX]);

/* Gives the configuration the set, before it is shared. */
void backup_names_attach(struct config *, struct backup_names *);
/* Is it a domain of mx_backup only: neither in the file nor removed
 * (removed.h)? */
bool config_is_mx_backup(const struct config *, const char *name);

#endif
