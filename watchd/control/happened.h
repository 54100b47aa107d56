/* SPDX-License-Identifier: ISC
 * happened: the last few hundred events, for `mxwatchctl events`: a ring of
 * fixed entries with ascending numbers, and their file. Loop thread, except for
 * happened_write(). */
#ifndef MX_CONTROL_HAPPENED_H
#define MX_CONTROL_HAPPENED_H

#include "control/control.h"
#include "status/json.h"

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
/* Adds its members to the object. */
void happened_json(const struct happened_entry *, cJSON *);

/* A copy for happened_write(); NULL: nothing was added since the last copy,
 * unless `always`. */
struct happened *happened_copy(struct happened *, bool always);
/* Writes the events, an object of JSON a line, and replaces the file. Blocks.
 * 0 or -MX_ESYS. */
int happened_write(const struct happened *, const char *path) MX_NODISCARD;
/* Takes the events of the file over before there are any; their numbers go on.
 * Lines that are none are left out. Blocks. The number of lines taken, or
 * -MX_ENOENT, -MX_ETOOBIG, -MX_ESYS. */
int happened_read(struct happened *, const char *path) MX_NODISCARD;

#endif
