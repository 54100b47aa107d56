/* SPDX-License-Identifier: ISC
 * trusted: folders in which root may make or open something by its name.
 * Whoever may change a folder on the way can put a link there between a look
 * and the next step, so the way is gone descriptor by descriptor, and ends at
 * the first step that is not out of the hands of the user. */
#ifndef MX_TRUSTED_H
#define MX_TRUSTED_H

#include <sys/types.h>

#include "base/err.h"

/* The folder that the last name of `path` (*name, inside of path) is in, as a
 * descriptor for openat() and the like; a negative code, and why. Links on the
 * way are followed where the user cannot have put them. We have to be root with
 * the groups of the user `uid`, as after privileges_lower() and _raise(). */
int trusted_folder(const char *path, uid_t uid, const char **name,
    struct mx_errbuf *);

#endif
