/* SPDX-License-Identifier: ISC
 * select: the selection (relay/selection.h) that a request names, which is the
 * same for every verb. Loop thread. */
#ifndef MX_CONTROL_SELECT_H
#define MX_CONTROL_SELECT_H

#include "control/control_int.h"
#include "relay/selection.h"

/* Its texts are the request's. False: something in it is wrong, and the call has
 * been failed. */
bool select_read(struct call *, struct selection *);
/* Is it about messages one by one, rather than about a domain or an id alone? */
bool select_is_given(const struct call *);
/* "example.org", "*.example.org", an id, or "" for all: what a log names. */
const char *select_target(const struct call *, char dst[TEXT_DOMAIN_MAX]);

#endif
