/* SPDX-License-Identifier: ISC
 * select: the selection (relay/selection.h) in a request, the same for every
 * verb. Loop thread. */
#ifndef MX_CONTROL_SELECT_H
#define MX_CONTROL_SELECT_H

#include "control/control_int.h"
#include "relay/selection.h"

/* Its strings are the request's. False: the request is wrong, and the call has
 * failed. */
bool select_read(struct call *, struct selection *);
/* Are messages selected one by one, rather than by domain or id alone? */
bool select_is_given(const struct call *);
/* "example.org", "*.example.org", an id, or "" for all: the target for the
 * log. */
const char *select_target(const struct call *, char dst[TEXT_DOMAIN_MAX]);

#endif
