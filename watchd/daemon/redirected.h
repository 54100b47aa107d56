/* SPDX-License-Identifier: ISC
 * redirected: the daemon's handling of redirects (config/redirect.h): stores
 * those that an operator ordered ("redirect/DOMAIN"), has them put into force
 * by reload.c, ends those whose time is over or that have become the
 * configuration, and answers the control socket. The set that is wanted is
 * here, the one in force is d->conf->redirects.
 *
 *	order -> hosts looked up -> stored -> in the set -> reload -> in force
 *
 * An order is answered at the end of that. A redirect of a domain that the
 * configuration does not have at present is kept, and has no effect. While the
 * clock is doubted (queue_clock_doubt) none ends by itself. Loop thread. */
#ifndef MX_DAEMON_REDIRECTED_H
#define MX_DAEMON_REDIRECTED_H

#include "config/redirect.h"
#include "daemon/daemon_int.h"

/* After the store, before a module uses d->conf: puts the stored redirects into
 * force there. */
void redirected_create(struct daemon *);
/* After the store is closed, before the resolver is destroyed. */
void redirected_destroy(struct daemon *);
void redirected_tick(struct daemon *);
/* The set that is wanted; borrowed. */
struct redirect_set *redirected_set(const struct daemon *);

/* A reload has ended: the redirects that d->conf has are in force, or (rc) those
 * that are wanted could not be put into force. */
void redirected_settle(struct daemon *, int rc);
/* A domain that had left the configuration is over: its redirect ends. */
void redirected_over(struct daemon *, const char *domain);
/* State that another node of the cluster changed. True: the key belongs to
 * redirects. */
bool
redirected_told(struct daemon *, const char *key, const void *, size_t len);

/* Fills in the fields of the snapshot. The strings of lists are written to
 * `room`, all others are borrowed. */
#define REDIRECTED_SHOW_ROOM (2 * REDIRECT_HOSTS_TEXT)
void redirected_show(const struct conf_domain *, struct snap_redirect *,
    char room[REDIRECTED_SHOW_ROOM]);
/* Tells the operator of the configuration which of its primaries are not
 * used. */
void redirected_findings(const struct config *, struct conf_errors *);

extern const struct control_redirect_ops daemon_redirect_ops; /* .arg unset */

#endif
