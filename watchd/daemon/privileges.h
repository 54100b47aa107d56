/* SPDX-License-Identifier: ISC
 * privileges: started as root we bind, and then are nobody special for good
 * (the user that `user` names). What is created before that is created as
 * that user already. Started as somebody else we stay who we are, and all of
 * this does nothing. Main thread, while there is no other. */
#ifndef MX_PRIVILEGES_H
#define MX_PRIVILEGES_H

#include "base/err.h"
#include "config/config.h"

/* Whether the user exists; before anything is made, which would be root's. */
int privileges_check(const struct config *, struct mx_errbuf *);
/* Makes the directories that a first start may find missing: the spool and
 * that of the control socket. They and the log file, which is open already,
 * become the user's. */
int privileges_make_dirs(const struct config *, struct mx_errbuf *);
/* The user for now; raise: root again, to bind. */
int privileges_lower(const struct config *, struct mx_errbuf *);
int privileges_raise(void); /* errno on failure */
/* The user from here on. */
int privileges_drop(const struct config *, struct mx_errbuf *);

#endif
