/* SPDX-License-Identifier: ISC
 * ctl_request: makes a request from the command line of mxwatchctl. Pure, but
 * for the usage of a verb on stderr. */
#ifndef MX_CONTROL_CTL_REQUEST_H
#define MX_CONTROL_CTL_REQUEST_H

#include "control/protocol.h"
#include "status/json.h"

struct ctl_options {
	const char *file, *socket, *reason;
	const char *engine; /* for `cluster init` and `cluster upgrade` */
	bool json, no_wait, csv, watch, problems;
	/* Values of control_fields[], in that order; "" for a flag, NULL: not
	 * given. */
	const char *field[CONTROL_FIELDS];
	char **word; /* the verb and what follows */
	int nwords;
};

/* NULL: no valid request; the usage of the verb was printed. */
cJSON *ctl_request(const struct ctl_options *, enum control_verb);
/* Is it `cluster init` or `cluster upgrade`, which ask no daemon? */
bool ctl_makes_tables(const struct ctl_options *);
bool ctl_is_number(const char *word);

#endif
