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
/* Is the part, or its message, the one of the request's id? True without an
 * id. */
bool select_has_part(const struct call *, uint64_t id);
/* The bounds of a walk by id: the `after` of its first page, and whether it
 * goes on with a page from `next` on (0: there is none). With an id the walk is
 * no longer than its message. */
uint64_t select_after(const struct call *);
bool select_goes_on(const struct call *, uint64_t next);
/* Are messages selected one by one, rather than by domain or id alone? */
bool select_is_given(const struct call *);
/* "example.org", "*.example.org", an id, or "" for all: the target for the
 * log. */
const char *select_target(const struct call *, char dst[TEXT_DOMAIN_MAX]);

#endif
