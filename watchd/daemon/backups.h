/* SPDX-License-Identifier: ISC
 * backups: ties mx_backup (relay/mxbackup) to the other modules, its records to the
 * store ("mx_backup/DOMAIN") and its domains to reloads. A domain that it takes in
 * is told to all modules as one of the file is, by the settings that
 * config_settings() finds; one that is over leaves them as a removed domain does.
 *
 * When a reload ends mx_backup or narrows its networks, the domains that it took in
 * leave as domains of the file would: what is queued for them goes on by the settings
 * that it had (daemon/removed.h). Those of wider networks stay. Loop thread, but for
 * backups_text(). */
#ifndef MX_DAEMON_BACKUPS_H
#define MX_DAEMON_BACKUPS_H

#include "base/buf.h"
#include "daemon/daemon_int.h"

/* The configuration has its set of names (backup_names_attach()). */
void backups_create(struct daemon *);
void backups_destroy(struct daemon *); /* before the dns and the store */
/* The entries of the last run, unless the networks became narrower; after the
 * first apply_begin(). */
void backups_load(struct daemon *);
void backups_tick(struct daemon *); /* every second */

/* The settings of one of them, with its name; the name is borrowed. */
struct conf_domain backups_settings(const struct config *, const char *name);

/* How many of them there may be. */
size_t backups_room(const struct config *);

/* For daemon/reload.c: sections of all of them as they go by `old`, when `new` has
 * them leave; nothing otherwise. 0 or -MX_ETOOBIG. Any thread. */
int backups_text(const struct config *old, const struct config *new,
    struct backup_names *, const struct config *builtin,
    struct buf *) MX_NODISCARD;
/* Some of them, behind `name` in the order of names ("": the first): told of their
 * settings in the new configuration. True: there are more, behind *name. */
bool backups_change(struct daemon *, const struct config *new, char *name,
    int64_t until);
/* The same when the new one is in force: those leave that have to. */
bool backups_leave(struct daemon *, const struct config *old, char *name,
    int64_t until);

/* For smtpd: see smtpd_ops.backup. */
bool backups_ask(void *daemon, const char *domain, const uint64_t *client,
    struct mx_backup_view *);
void backups_accepted(void *daemon, const char *domain);

#endif
