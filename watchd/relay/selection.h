/* SPDX-License-Identifier: ISC
 * selection: which messages an operator means: those of a list, and those that he
 * holds, bounces or exports. What the index of the queue knows (domain, age, size,
 * state) is asked first, so that the record of a message is read only when that
 * fits. Pure. */
#ifndef MX_RELAY_SELECTION_H
#define MX_RELAY_SELECTION_H

#include "base/defs.h"
#include "status/view.h"

/* Of zeroes: every message. What is set has to fit all together. Texts may be
 * patterns of the shell (fnmatch(3)); the case of ASCII does not matter. */
struct selection {
	const char *sender; /* "": reports of ours; NULL: any */
	const char *rcpt; /* one of its recipients */
	const char *client; /* who brought it: an address or a prefix */
	const char *domain; /* a pattern: "*.example.org" */
	const char *reply; /* somewhere in the last reply to a recipient */
	unsigned states; /* 1u << enum msg_state; 0: any */
	int64_t before_ms, after_ms; /* when it came, wall; 0: whenever */
	int64_t vaulted_ms; /* in the vault since then, or later; 0 */
	uint64_t larger, smaller; /* bytes; 0: any */
};

/* A copy of one, ready to be asked. */
struct selector;
struct selector *selector_create(const struct selection *); /* NULL: all */
void selector_destroy(struct selector **);
/* By what an index has. */
bool selector_sees(const struct selector *, const char *domain,
    int64_t arrival_ms, uint64_t size, enum msg_state);
/* Is `rcpts` of the view needed? */
bool selector_needs_rcpts(const struct selector *);
/* By all of it; what selector_sees() asks is not asked again. */
bool selector_wants(const struct selector *, const struct msg_view *);

#endif
