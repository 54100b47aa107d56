/* SPDX-License-Identifier: ISC
 * happened: the last few hundred events, for `mxwatchctl events`: a ring of
 * fixed entries with ascending numbers. Loop thread. */
#ifndef MX_CONTROL_HAPPENED_H
#define MX_CONTROL_HAPPENED_H

#include "control/control.h"

#define HAPPENED_MAX  500
#define HAPPENED_TEXT 256 /* longer text is cut */

struct happened_entry {
	uint64_t number; /* from 1 on */
	int64_t wall;
	char what[16], domain[TEXT_DOMAIN_MAX], host[80], text[HAPPENED_TEXT];
};

struct happened;
struct happened *happened_create(void);
void happened_destroy(struct happened **);
void happened_add(struct happened *, const struct control_event *);
/* The first event with a higher number; NULL: none yet. Borrowed until the next
 * happened_add(). */
const struct happened_entry *
happened_after(const struct happened *, uint64_t number);

#endif
