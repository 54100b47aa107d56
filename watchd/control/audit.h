/* SPDX-License-Identifier: ISC
 * audit: one line in the log for each request that changes something: who asked for
 * what, in all its words, and what became of it, when that is known. The record of
 * outages is told as well (control_ops.did). Loop thread. */
#ifndef MX_CONTROL_AUDIT_H
#define MX_CONTROL_AUDIT_H

#include "control/control_int.h"

/* Does what is asked change anything, or show what is in messages? */
bool audit_is_due(const struct call *);
/* What it is about, where that is not as the request has it. */
void audit_about(struct call *, const char *target);
/* The last line of the answer is made; or the client went away before that. Nothing
 * for a call that is not `audited`, nor for a second time. */
void audit_done(struct call *, int rc, const cJSON *done);
void audit_left(struct call *);

#endif
