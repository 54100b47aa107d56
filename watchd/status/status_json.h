/* SPDX-License-Identifier: ISC
 * status_json: a snapshot as the JSON document that /api/v1/status,
 * `mxwatchctl status --json` and the status page share; documented in
 * mxwatch-status(7). Pure; any thread. */
#ifndef MX_STATUS_STATUS_JSON_H
#define MX_STATUS_STATUS_JSON_H

#include "status/snapshot.h"

/* One line without a line feed; the caller frees it. Never NULL. */
char *status_json(const struct snapshot *, int64_t wall_ms);

#endif
