/* SPDX-License-Identifier: ISC
 * preflight: what a start would fail of although the configuration is right by
 * itself: ports that somebody has, a key that does not fit its certificate.
 * For `mxwatchd -n`; tells of what it finds on standard error. */
#ifndef MX_PREFLIGHT_H
#define MX_PREFLIGHT_H

#include "config/config.h"

/* False: a start would fail. Main thread, while there is no other. */
bool preflight(struct config *);

#endif
