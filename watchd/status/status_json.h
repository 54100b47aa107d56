/* SPDX-License-Identifier: ISC
 * status_json: a snapshot as the JSON document that /api/v1/status,
 * `mxwatchctl status --json` and the status page share; documented in
 * mxwatch-status(7). Pure; any thread. */
#ifndef MX_STATUS_STATUS_JSON_H
#define MX_STATUS_STATUS_JSON_H

#include "base/buf.h"
#include "status/json.h"
#include "status/snapshot.h"

#define STATUS_JSON_PIECE 32 /* domains or primaries: 100 KB, 1 to 2 ms */

/* The document in pieces, to be sent while it is made. Zeroed at the beginning;
 * all calls need the same snapshot. */
struct status_walk {
	bool begun;
	unsigned next_server, next; /* primary, domain */
	bool domains; /* their list was opened */
	bool primaries_only; /* the caller's: time, and the primaries alone */
	bool brief; /* the caller's: domains and primaries as status_brief.h */
	bool
	    head_only; /* the caller's, too, who puts domains and "]}" behind it */
};
/* Appends the next piece: 0: there are more, 1: that was the last one, or
 * -MX_ETOOBIG of the buffer. The whole is one line without a line feed. */
int status_json_next(struct status_walk *, const struct snapshot *,
    int64_t wall_ms, struct buf *) MX_NODISCARD;
/* The whole document, brief or not; the caller frees it. Never NULL. */
char *status_json(const struct snapshot *, int64_t wall_ms, bool brief);

/* The document with one domain in its list, and the alerts about this domain or
 * the daemon. */
cJSON *status_json_one(const struct snapshot *, const struct snap_domain *,
    int64_t wall_ms);
/* Its parts. */
cJSON *status_json_domain(const struct snap_domain *, int64_t wall_ms);
cJSON *status_json_primary(const struct snap_primary *);
cJSON *status_json_alert(const struct snap_alert *);
cJSON *status_json_finding(const struct snap_finding *);
/* By what its recipients are known. */
void status_json_recipients(cJSON *domain, const struct snap_domain *);
/* The member "redirect" of one that is redirected. */
void status_json_redirect(cJSON *domain, const struct snap_redirect *);

#endif
