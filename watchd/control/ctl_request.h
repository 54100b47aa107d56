/* SPDX-License-Identifier: ISC
 * ctl_request: the command line of mxwatchctl as a request. Pure, but that it says
 * on stderr how a verb is used. */
#ifndef MX_CONTROL_CTL_REQUEST_H
#define MX_CONTROL_CTL_REQUEST_H

#include "control/protocol.h"
#include "status/json.h"

struct ctl_options {
	const char *file, *socket, *reason;
	const char *engine; /* of `cluster init` and `cluster upgrade` */
	bool json, no_wait, csv, watch, problems;
	/* What was said of control_fields[], in their order; "" of a flag,
	 * NULL: nothing. */
	const char *field[CONTROL_FIELDS];
	char **word; /* the verb and what follows */
	int nwords;
};

/* NULL: it was not given. */
const char *ctl_field(const struct ctl_options *, uint64_t field);
/* NULL: the command line makes no request; the usage of the verb was said. */
cJSON *ctl_request(const struct ctl_options *, enum control_verb);
/* `cluster init` or `cluster upgrade`: no daemon is asked. */
bool ctl_makes_tables(const struct ctl_options *);
bool ctl_is_number(const char *word);

#endif
