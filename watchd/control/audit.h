/* SPDX-License-Identifier: ISC
 * audit: one log line for each request that changes something: the client, the
 * request with all its arguments, and the result if it is known. The record of
 * outages gets it as well (control_ops.did). Loop thread. */
#ifndef MX_CONTROL_AUDIT_H
#define MX_CONTROL_AUDIT_H

#include "control/control_int.h"

/* Does the request change anything, or show the content of messages? */
bool audit_is_due(const struct call *);
/* Sets the target for the log where it differs from the request. */
void audit_about(struct call *, const char *target);
/* audit_done(): the last line of the answer is made; audit_left(): the client
 * went away before. Only the first call counts, and only if the call is
 * `audited`. */
void audit_done(struct call *, int rc, const cJSON *done);
void audit_left(struct call *);

#endif
