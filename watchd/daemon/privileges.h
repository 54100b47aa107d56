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
/* The log file, opened and made as the user. What the user may not open or
 * make is opened as root and given to it, but only in a folder that it cannot
 * change (trusted.h): else it could plant a link there. The descriptor, or a
 * negative code; *eb does not name the file. */
int privileges_open_log(const struct config *, struct mx_errbuf *);
/* Makes the directories that a first start may find missing, in the same way:
 * the spool and that of the control socket. */
int privileges_make_dirs(const struct config *, struct mx_errbuf *);
/* Whether these would do what they have to, for a check: the spool, the folder of
 * the control socket, the log; nothing is made. *eb names the path. */
int privileges_check_spool(const struct config *, struct mx_errbuf *);
int privileges_check_control(const struct config *, struct mx_errbuf *);
int privileges_check_log(const struct config *, struct mx_errbuf *);
/* For config_load_as(): who reads the files that a configuration names. */
int privileges_read_as(const struct config *, struct mx_errbuf *);
void privileges_read_back(void);
/* The user for now; raise: root again, to bind. */
int privileges_lower(const struct config *, struct mx_errbuf *);
int privileges_raise(void); /* errno on failure */
/* The user from here on, whoever started us; and no program that is started
 * gets more rights by a set-user-ID bit, a set-group-ID bit or capabilities. */
int privileges_drop(const struct config *, struct mx_errbuf *);

#endif
