/* SPDX-License-Identifier: ISC
 * backups: ties mx_backup (relay/mxbackup) to the other modules, its records to
 * the store ("mx_backup/DOMAIN") and its domains to reloads. A domain that it
 * takes in is added to all modules as a configured one is, with the settings
 * that config_settings() finds; one that it gives up leaves them as a removed
 * domain does.
 *
 * When a reload ends mx_backup or narrows its networks, the domains that it
 * took in leave as domains of the file would: mail queued for them keeps the
 * settings that it had (daemon/removed.h). When the networks are widened, they
 * stay. Loop thread, except backups_text(). */
#ifndef MX_DAEMON_BACKUPS_H
#define MX_DAEMON_BACKUPS_H

#include "base/buf.h"
#include "daemon/daemon_int.h"

/* The configuration has its set of names (backup_names_attach()). */
void backups_create(struct daemon *);
void backups_destroy(struct daemon *); /* before the dns and the store */
/* Loads the entries of the previous run, unless the networks became narrower;
 * after the first apply_begin(). */
void backups_load(struct daemon *);
void backups_tick(struct daemon *); /* every second */

/* The settings of a domain that mx_backup took in; the name is borrowed. */
struct conf_domain backups_settings(const struct config *, const char *name);

/* The maximum number of such domains. */
size_t backups_room(const struct config *);

/* For daemon/reload.c: the sections of all such domains with the settings of
 * `old`, if `new` has them leave; nothing otherwise. 0 or -MX_ETOOBIG. Any
 * thread. */
int backups_text(const struct config *old, const struct config *new,
    struct backup_names *, const struct config *builtin,
    struct buf *) MX_NODISCARD;
/* Applies the new settings to some of these domains, those after `name` in
 * alphabetical order ("": from the first), until the time `until`. True: there
 * are more, after *name. */
bool backups_change(struct daemon *, const struct config *new, char *name,
    int64_t until);
/* Removes those that have to leave, in the same manner, once the new
 * configuration is in force. */
bool backups_leave(struct daemon *, const struct config *old, char *name,
    int64_t until);

/* For smtpd: see smtpd_ops.backup. */
bool backups_ask(void *daemon, const char *domain, const uint64_t *client,
    struct mx_backup_view *);
void backups_accepted(void *daemon, const char *domain);

#endif
