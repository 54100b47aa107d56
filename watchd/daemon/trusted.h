/* SPDX-License-Identifier: ISC
 * trusted: folders in which root may create or open something by its name. A
 * user who may change a folder of the path can put a link there between a check
 * and the next step. So the path is walked descriptor by descriptor, and the
 * walk fails at the first component that the user could replace. */
#ifndef MX_TRUSTED_H
#define MX_TRUSTED_H

#include <sys/types.h>

#include "base/err.h"

/* Opens the folder of the last name of `path` (*name, inside of path) as a
 * descriptor for openat() and the like; a negative code with *eb on failure.
 * Links on the way are followed where the user cannot have made them. We have
 * to be root with the groups of the user `uid`, as after privileges_lower() and
 * _raise(). */
int trusted_folder(const char *path, uid_t uid, const char **name,
    struct mx_errbuf *);

#endif
