/* SPDX-License-Identifier: ISC
 * preflight: conditions outside the configuration text under which a start
 * would fail, or the daemon would not work: ports that are in use, a key that
 * does not fit its certificate, a spool that the user may not write, names that
 * are not in the DNS. For `mxwatchd -n`; prints its findings on standard error.
 * Where the start has a function for a step, the same function is used here. */
#ifndef MX_PREFLIGHT_H
#define MX_PREFLIGHT_H

#include "config/config.h"

/* False: a start would fail. `ask_dns`: names are looked up, too, for some
 * seconds at most; a finding about the DNS is a warning. Main thread, while
 * there is no other. */
bool preflight(struct config *, bool ask_dns);

#endif
