/* SPDX-License-Identifier: ISC
 * happened: the last few hundred things that happened, for `mxwatchctl events`: a ring
 * of entries of one size, each with a number that grows. Loop thread. */
#ifndef MX_CONTROL_HAPPENED_H
#define MX_CONTROL_HAPPENED_H

#include "control/control.h"

#define HAPPENED_MAX  500
#define HAPPENED_TEXT 256 /* what is longer is cut */

struct happened_entry {
	uint64_t number; /* from 1 on */
	int64_t wall;
	char what[16], domain[TEXT_DOMAIN_MAX], host[80], text[HAPPENED_TEXT];
};

struct happened;
struct happened *happened_create(void);
void happened_destroy(struct happened **);
void happened_add(struct happened *, const struct control_event *);
/* The first behind that number which is still there; NULL: none yet. Lent until
 * something is added. */
const struct happened_entry *
happened_after(const struct happened *, uint64_t number);

#endif
