/* SPDX-License-Identifier: ISC
 * preflight: what a start would fail of, or come to grief by, although the
 * configuration is right by itself: ports that somebody has, a key that does not fit
 * its certificate, a spool that the user may not write, names that the DNS does not
 * know. For `mxwatchd -n`; tells of what it finds on standard error. What the start
 * does itself it does by the same functions. */
#ifndef MX_PREFLIGHT_H
#define MX_PREFLIGHT_H

#include "config/config.h"

/* False: a start would fail. `ask_dns`: names are looked up, too, for some seconds at
 * most; what the DNS says is a warning. Main thread, while there is no other. */
bool preflight(struct config *, bool ask_dns);

#endif
