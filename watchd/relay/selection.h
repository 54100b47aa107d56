/* SPDX-License-Identifier: ISC
 * selection: the messages that an operator selects, to list, hold, bounce or
 * export. Criteria in the queue's index (domain, age, size, state) are checked
 * first, so that a record is read only if these match. Pure. */
#ifndef MX_RELAY_SELECTION_H
#define MX_RELAY_SELECTION_H

#include "base/defs.h"
#include "status/view.h"

/* All zeroes: every message. All criteria given have to match. Strings may be
 * shell patterns (fnmatch(3)), without regard to ASCII case. */
struct selection {
	const char *sender; /* "": our notifications; NULL: any */
	const char *rcpt; /* one of its recipients */
	const char *client; /* the sending client: an address or a prefix */
	const char *domain; /* a pattern: "*.example.org" */
	const char *reply; /* part of the last reply to a recipient */
	unsigned states; /* 1u << enum msg_state; 0: any */
	int64_t before_ms, after_ms; /* arrival, wall; 0: any */
	int64_t vaulted_ms; /* in the vault since then or later; 0 */
	uint64_t larger, smaller; /* bytes; 0: any */
};

/* A compiled copy of a selection. */
struct selector;
struct selector *selector_create(const struct selection *); /* NULL: all */
void selector_destroy(struct selector **);
/* Checks the criteria that an index has. */
bool selector_sees(const struct selector *, const char *domain,
    int64_t arrival_ms, uint64_t size, enum msg_state);
/* Checks all criteria, with the recipients of the view; those of selector_sees()
 * are not checked again. */
bool selector_wants(const struct selector *, const struct msg_view *);

#endif
