/* SPDX-License-Identifier: ISC
 * ctl_schema: `mxwatchctl cluster init` and `upgrade` create the tables of the
 * engine over a connection of their own, because no daemon starts without the
 * tables. Blocking. */
#ifndef MX_CONTROL_CTL_SCHEMA_H
#define MX_CONTROL_CTL_SCHEMA_H

#include <stdio.h>

#include "control/ctl_request.h"

/* The engine is o->engine, or that of the configuration o->file. Writes what
 * was done to `out`, errors and their remedy to `err`. Returns the exit code.
 * Idempotent. */
int ctl_schema(const struct ctl_options *, FILE *out, FILE *err);

#endif
