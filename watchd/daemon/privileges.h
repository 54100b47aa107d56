/* SPDX-License-Identifier: ISC
 * privileges: started as root, the daemon binds and then permanently becomes
 * the user in `user`. Files that are created before belong to that user
 * already. Started as another user it stays that user, and all of this does
 * nothing. Main thread, while there is no other. */
#ifndef MX_PRIVILEGES_H
#define MX_PRIVILEGES_H

#include "base/err.h"
#include "config/config.h"

/* Checks that the user exists; called before anything is created, which would
 * belong to root. */
int privileges_check(const struct config *, struct mx_errbuf *);
/* Opens the log file, and creates it, as the user. A file that the user may not
 * open or create is opened as root and given to the user, but only in a folder
 * that the user cannot change (trusted.h): else the user could plant a link
 * there. The descriptor, or a negative code; *eb does not name the file. */
int privileges_open_log(const struct config *, struct mx_errbuf *);
/* Makes the directories that a first start may find missing, in the same way:
 * the spool and that of the control socket. */
int privileges_make_dirs(const struct config *, struct mx_errbuf *);
/* Checks whether these steps would succeed for the spool, the folder of the
 * control socket and the log; nothing is made. *eb names the path. */
int privileges_check_spool(const struct config *, struct mx_errbuf *);
int privileges_check_control(const struct config *, struct mx_errbuf *);
int privileges_check_log(const struct config *, struct mx_errbuf *);
/* For config_load_as(): the files that a configuration names are read as the
 * user. */
int privileges_read_as(const struct config *, struct mx_errbuf *);
void privileges_read_back(void);
/* Becomes the user temporarily; privileges_raise() makes it root again, to
 * bind. */
int privileges_lower(const struct config *, struct mx_errbuf *);
int privileges_raise(void); /* -1 with errno on failure */
/* Started as root, becomes the user permanently. In any case sets no_new_privs:
 * programs that are started gain no rights by set-user-ID or set-group-ID bits
 * or file capabilities. */
int privileges_drop(const struct config *, struct mx_errbuf *);

#endif
