/* SPDX-License-Identifier: ISC
 * ctl_request: the command line of mxwatchctl as a request. Pure, but that it says
 * on stderr how a verb is used. */
#ifndef MX_CONTROL_CTL_REQUEST_H
#define MX_CONTROL_CTL_REQUEST_H

#include "control/protocol.h"
#include "status/json.h"

struct ctl_options {
	const char *file, *socket, *reason, *duration, *remove, *since, *reply;
	bool json, all, dry_run, no_wait, primaries, again, purge, damaged;
	const char *from, *until, *end;
	const char *sender, *recipient, *older;
	bool unknown, hold, csv;
	const char *engine; /* of `cluster init` and `cluster upgrade` */
	char **word; /* the verb and what follows */
	int nwords;
};

/* NULL: the command line makes no request; the usage of the verb was said. */
cJSON *ctl_request(const struct ctl_options *, enum control_verb);
/* `cluster init` or `cluster upgrade`: no daemon is asked. */
bool ctl_makes_tables(const struct ctl_options *);
bool ctl_is_number(const char *word);

#endif
