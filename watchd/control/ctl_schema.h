/* SPDX-License-Identifier: ISC
 * ctl_schema: `mxwatchctl cluster init` and `upgrade`: the tables of the engine, by
 * a connection of our own, for no daemon starts before they are there. Blocking. */
#ifndef MX_CONTROL_CTL_SCHEMA_H
#define MX_CONTROL_CTL_SCHEMA_H

#include <stdio.h>

#include "control/ctl_request.h"

/* The engine is o->engine, or that of the configuration o->file. Says what was
 * done on `out`, what went wrong, and what to do about it, on `err`. Returns the
 * exit code; said once more it changes nothing more. */
int ctl_schema(const struct ctl_options *, FILE *out, FILE *err);

#endif
