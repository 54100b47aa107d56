/* SPDX-License-Identifier: ISC
 * backup_names: the names of the domains that were taken in by mx_backup. They
 * come and go while a configuration stays, and outlive it: each configuration
 * refers to the one set, so that config_settings() finds them. All of them have
 * the same settings, conf_mx_backup.domain of the configuration.
 *
 * The loop thread adds and drops; any thread may ask. One lock, which nobody holds
 * for longer than one name takes. */
#ifndef MX_CONFIG_BACKUP_NAMES_H
#define MX_CONFIG_BACKUP_NAMES_H

#include "base/text.h"
#include "config/config.h"

struct backup_names;

struct backup_names *backup_names_create(void); /* one reference */
struct backup_names *backup_names_ref(struct backup_names *);
void backup_names_unref(struct backup_names **);

/* Names are canonical; one that is there, or is not, stays so. O(log n). */
void backup_names_add(struct backup_names *, const char *name);
void backup_names_drop(struct backup_names *, const char *name);
bool backup_names_has(struct backup_names *, const char *name);
/* The next one in the order of names, into `name`, which holds the one before it
 * or "". False: there is none. Others may come and go between two calls. */
bool backup_names_next(struct backup_names *, char name[TEXT_DOMAIN_MAX]);

/* Gives the configuration the set; before anybody else has it. */
void backup_names_attach(struct config *, struct backup_names *);
/* It is one of them, and by no other right: neither the file nor a domain that
 * left (removed.h) has the name. */
bool config_is_mx_backup(const struct config *, const char *name);

#endif
